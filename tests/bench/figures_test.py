"""The arithmetic of scripts/benchmark: run by CTest (label bench)."""
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../scripts/benchmark.d"))
sys.dont_write_bytecode = True
import figures  # noqa: E402
import tables  # noqa: E402


class Figures(unittest.TestCase):
    def test_the_median_of_an_even_number_lies_between_the_two_in_the_middle(self):
        self.assertEqual(figures.median([9, 1, 3]), 3)
        self.assertEqual(figures.median([9, 1, 3, 5]), 4)

    def test_a_percentile_is_one_of_the_values(self):
        self.assertEqual(figures.percentile(range(1, 1001), 0.99), 990)
        self.assertEqual(figures.percentile([7], 0.99), 7)
        self.assertEqual(figures.percentile([1, 2], 0.5), 1)
        self.assertEqual(figures.percentile([1, 2, 3], 0.5), 2)

    def test_metg_lies_between_the_step_that_is_long_enough_and_the_one_that_is_not(self):
        # With a loss of o = 1 ms a step the efficiency of d is d / (d + 1): half at 1 ms, 95 % at 19 ms.
        points = [(d, d / (d + 1)) for d in (64, 32, 16, 8, 4, 2, 1, 0.5)]
        self.assertAlmostEqual(figures.metg(points, 0.5), 1)
        self.assertTrue(16 < figures.metg(points, 0.95) < 32)

    def test_metg_is_unknown_when_the_longest_step_is_too_short_and_at_most_the_shortest_when_that_suffices(self):
        self.assertIsNone(figures.metg([(2, 0.9), (1, 0.8)], 0.95))
        self.assertIsNone(figures.metg([], 0.5))
        self.assertEqual(figures.metg([(2, 0.9), (1, 0.8)], 0.5), 1)

    def test_metg_does_not_trust_a_short_step_that_is_good_by_chance_below_one_that_is_not(self):
        self.assertTrue(2 < figures.metg([(4, 0.99), (2, 0.4), (1, 0.6)], 0.5) < 4)

    def test_hops_are_counted_only_from_one_rank_to_another(self):
        records = [(100, 110, "2"), (0, 10, "1"), (13, 20, "1"), (150, 160, "-")]
        self.assertEqual(figures.hops(records), [80, 40])


def machine(load):
    return {**dict.fromkeys(("date", "gradus", "cpu", "kernel", "mpi"), "x"), "cores": 2, "load_before": load}


class Tables(unittest.TestCase):
    def test_a_single_figure_has_no_spread(self):
        self.assertEqual(tables.around(figures.spread([2.0]), "{:.1f}"), "2.0")
        self.assertEqual(tables.around(figures.spread([1.0, 2.0, 4.0]), "{:.1f}"), "2.0 (1.0–4.0)")

    def test_what_was_left_out_is_said_with_its_reason(self):
        text = tables.document({"machine": machine(load=0.1), "left_out": [{"what": "ninja -j2", "why": "no ninja here"}]})
        self.assertIn("- ninja -j2: no ninja here", text)
        self.assertNotIn("###", text)

    def test_a_busy_machine_is_said(self):
        self.assertIn("busy", tables.document({"machine": machine(load=3), "left_out": []}))
        self.assertNotIn("busy", tables.document({"machine": machine(load=0.1), "left_out": []}))


if __name__ == "__main__":
    unittest.main()
