"""Figures made of figures: medians, spreads, ratios, METG.

Knows: arithmetic. Unaware of: what was measured, and how.
"""
import math


def median(values):
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def percentile(values, share):
    """The smallest value that at least `share` (0..1) of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def spread(values):
    """Median, least and greatest, as a dictionary."""
    return {"median": median(values), "min": min(values), "max": max(values)}


def metg(points, wanted):
    """The shortest length at which the efficiency is still `wanted`, from (length, efficiency) pairs in any order.

    Looks from the longest step downwards for the first that falls below, and goes between the two by the logarithm of
    the length. None: not even the longest reached it. Never less than the shortest length that was tried.
    """
    ordered = sorted(points, reverse=True)
    if not ordered or ordered[0][1] < wanted:
        return None
    above = ordered[0]
    for below in ordered[1:]:
        if below[1] < wanted:
            share = (above[1] - wanted) / (above[1] - below[1])
            return math.exp(math.log(above[0]) + share * (math.log(below[0]) - math.log(above[0])))
        above = below
    return above[0]


def hops(records):
    """From the end of a step to the start of the next, in ns, where the next ran on another rank.

    `records`: (start, end, rank) of the steps of one chain, in any order.
    """
    ordered = sorted(records)
    return [after[0] - before[1] for before, after in zip(ordered, ordered[1:]) if before[2] != after[2]]
