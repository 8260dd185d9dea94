"""The figures as Markdown, which is also what a person reads on the terminal.

Knows: the form of the results. Unaware of: how they were measured.
"""


def table(heads, rows):
    """Columns padded, so that it can be read as it stands."""
    cells = [heads, *rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(heads))]
    line = lambda row: "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |"
    return "\n".join([line(heads), "|" + "|".join("-" * (width + 2) for width in widths) + "|", *map(line, rows)]) + "\n"


def around(spread, form):
    """Median, and least to greatest in brackets where there is more than one."""
    if spread["min"] == spread["max"]:
        return form.format(spread["median"])
    return f"{form} ({form}–{form})".format(spread["median"], spread["min"], spread["max"])


def throughput(result):
    rows = [[row["name"], str(row["steps"]), around(row["rate"], "{:.0f}"), around(row["rate_share"], "{:.2f}"),
             around(row["cpu_ms"], "{:.2f}"), around(row["cpu_share"], "{:.2f}"),
             "sh -c" if row["floor"] == "floor, sh -c" else "bare"] for row in result["rows"]]
    rounds = f"{result['rounds']} round{'s' if result['rounds'] > 1 else ''}"
    text = (f"### Short steps\n\nTwo slots, `/bin/true`, {rounds}; medians, least and greatest in brackets. Each run stands "
            "against the floor that ran right before it; the start and end of mpirun are taken off.\n\n")
    text += table(["", "steps", "steps/s", "of the floor's", "CPU ms a step", "of the floor's", "floor"], rows)
    if result["against"]:
        text += "\nSteps/s of `gradus` at `-np 3` over those of its peers in the same round:\n\n"
        text += table(["peer", "times"], [[row["peer"], around(row["rate"], "{:.2f}")] for row in result["against"]])
    return text


def reaction(result):
    rows = [[f"{row['name']}, after {row['step_ms']} ms{', all cores busy' if row['cores_busy'] else ''}", str(row["gaps"]),
             *(f"{row[key]:.2f}" for key in ("median_ms", "p99_ms", "max_ms")),
             f"{row['median_share_of_step'] * 100:.1f} %"] for row in result["rows"]]
    return ("### Reaction\n\nFrom the end of a step to the start of the one that needs it, on the other rank, in ms. The "
            "floor: one thread that starts the same program again and again.\n\n"
            + table(["", "hops", "median", "99th percentile", "greatest", "median of the step's length"], rows))


IDLE = {"three_ranks_and_mpirun": "`-np 3`: three ranks and mpirun, start and end taken off",
        "master": "`-np 4`: the master",
        "with_step": "a rank whose step sleeps (the greater of two)", "idle": "a rank without a step"}


def idle(result):
    rows = [[words, around({name: share * 100 for name, share in result[key].items()}, "{:.2f}")]
            for key, words in IDLE.items() if key in result]
    return (f"### Waiting\n\nProcessor time while two steps sleep {result['seconds']} s, in % of one core.\n\n"
            + table(["", "%"], rows))


def metg(result):
    def length(spread):
        if spread is None:
            return f"above {result['longest_ms']:g}"
        below = "≤ " if spread["median"] <= result["shortest_ms"] else ""
        return below + around(spread, "{:.3g}")
    rows = [[row["name"], str(row["slots"]), row["work"], length(row["metg50_ms"]), length(row["metg95_ms"])]
            for row in result["rows"]]
    return ("### METG\n\nThe shortest steps, in ms, for which slots are busy with useful work 50 % and 95 % of the "
            "time. Steps that spin use processor time; where there are more slots than cores they sleep.\n\n"
            + table(["", "slots", "steps", "METG 50 %", "METG 95 %"], rows))


def seconds(result, what):
    return f"{around(result[what + '_s'], '{:.2f}')} s; CPU {around(result[what + '_cpu_s'], '{:.2f}')} s"


def start(result):
    rows = []
    if "start" in result:
        s = result["start"]
        file, journal = s["file_bytes_per_step"], s["journal_bytes_per_step"]
        rows += [[f"`check` of {s['steps']:,} JSON Lines with needs", seconds(s, "check")],
                 ["… peak memory", f"{s['check_bytes_per_step']:.0f} bytes a step, the file's own {file:.0f} among them"],
                 [f"`run --resume` of {s['steps']:,} steps that are all done", seconds(s, "resume")],
                 ["… less `check`: the journal, keys, the end", around(s["resume_less_check_s"], "{:.2f}") + " s"],
                 ["… peak memory", f"{s['resume_bytes_per_step']:.0f} bytes a step, the journal's {journal:.0f} among them"],
                 ["`status` of it; of one of its steps",
                  f"{around(s['status_s'], '{:.2f}')} s; {around(s['status_step_s'], '{:.2f}')} s"],
                 ["`explain` of it; of one of its steps",
                  f"{around(s['explain_s'], '{:.2f}')} s; {around(s['explain_step_s'], '{:.2f}')} s"]]
    if "million" in result:
        m = result["million"]
        origin = f"from runs of {m['from'][0]:,} and {m['from'][1]:,}"
        rows += [["master's peak memory for a million steps at `-np 3`",
                  f"{m['master_mib_per_million']:.0f} MiB ({origin})"],
                 ["files in the run directory of a million steps", f"{m['files_per_million']:,} ({origin})"]]
    return "### Start and memory\n\n" + table(["", ""], rows)


BUSY = 0.25  # load a core
PARTS = {"throughput": throughput, "reaction": reaction, "idle": idle, "metg": metg, "start": start}


def document(results):
    """All of it. A part without a figure is not there; why stands at the end."""
    machine = results["machine"]
    text = (f"{machine['date']}, gradus {machine['gradus'] or 'of unknown version'}, {machine['cores']} cores of "
            f"{machine['cpu']}, Linux {machine['kernel']}, {machine['mpi']}; load before: {machine['load_before']}.\n\n")
    if machine["load_before"] > BUSY * machine["cores"]:
        text += ("**The machine was busy: rates, ratios and times below say little** (whoever has more threads gets more of "
                 "it); processor times say something.\n\n")
    for name, part in PARTS.items():
        result = results.get(name) or {}
        if any(result.get(key) for key in ("rows", "three_ranks_and_mpirun", "start", "million")):
            text += part(result) + "\n"
    if results["left_out"]:
        text += "Left out:\n\n" + "".join(f"- {each['what']}: {each['why']}\n" for each in results["left_out"])
    return text
