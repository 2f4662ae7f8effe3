# SPDX-License-Identifier: Apache-2.0
"""What the samples say, as values for machines and as tables for people."""

import statistics


def summarize(workload, samples):
    """The rows of a workload, from the samples of each of its cases, round by round."""
    rows = []
    by_label = {case.label: taken for case, taken in samples}
    for case, taken in samples:
        values = [sample.value for sample in taken]
        row = {"system": case.system, "label": case.label, "value": statistics.median(values)}
        base = by_label.get(case.base)
        if base and case.base != case.label:
            _add_ratios(row, workload, taken, base)
        if taken[0].worst is not None:
            row["worst"] = max(sample.worst for sample in taken)
        if case.targets:
            row["must"], row["moonshot"] = case.targets
            row["verdict"] = judge(judged_value(workload, row, base), *case.targets,
                                   less_is_better=not workload.is_rate)
        rows.append(row)
    return {"name": workload.name, "title": workload.title, "unit": workload.unit,
            "ratioOf": "rate" if workload.is_rate else "value", "judged": workload.judged,
            "rows": rows}


def _add_ratios(row, workload, taken, base):
    def ratio(own, other):
        own, other = (other, own) if workload.is_rate else (own, other)
        return own / other if other else 0

    ratios = [ratio(a.value, b.value) for a, b in zip(taken, base)]
    row.update(ratio=statistics.median(ratios), lowest=min(ratios), highest=max(ratios))
    if all(sample.processor for sample in (*taken, *base)):
        row["processorRatio"] = statistics.median(
            ratio(a.processor, b.processor) for a, b in zip(taken, base))


def judged_value(workload, row, base):
    if workload.judged == "ratio":
        return row["ratio"]
    if workload.judged == "above":
        return row["value"] - statistics.median(sample.value for sample in base)
    return row["value"]


def judge(value, must, moonshot, less_is_better=True):
    """What is to be said about a value with these targets."""
    def reached(target):
        return value <= target if less_is_better else value >= target
    if reached(moonshot):
        return "moonshot"
    return "ok" if reached(must) else "not reached"


def _text(form, row, key):
    return form % row[key] if key in row else ""


def _columns(summary, is_judged):
    unit = summary["unit"]
    columns = [("", lambda row: row["label"]),
               (unit, lambda row: "%.1f" % row["value"] if row["value"] < 100 else
                "%.0f" % row["value"]),
               ("ratio" if summary["ratioOf"] == "value" else "ratio of rates",
                lambda row: _text("%.2f", row, "ratio") or ("1" if "must" not in row else "")),
               ("from", lambda row: _text("%.2f", row, "lowest")),
               ("to", lambda row: _text("%.2f", row, "highest")),
               ("ratio of processor time", lambda row: _text("%.2f", row, "processorRatio")),
               ("worst", lambda row: _text("%.0f", row, "worst"))]
    if is_judged:
        columns += [("must", lambda row: _text("%g", row, "must")),
                    ("moonshot", lambda row: _text("%g", row, "moonshot")),
                    ("verdict", lambda row: _text("%s", row, "verdict"))]
    # Without columns that say nothing: the 1 of what is compared with is not enough.
    def says_something(title, cell):
        return title in ("", unit) or any(
            cell(row) and (not title.startswith("ratio") or "ratio" in row)
            for row in summary["rows"])

    return [(title, cell) for title, cell in columns if says_something(title, cell)]


def print_summary(summary, is_judged, as_markdown):
    columns = _columns(summary, is_judged)
    table = [[title for title, _ in columns]]
    table += [[cell(row) for _, cell in columns] for row in summary["rows"]]
    if as_markdown:
        print("#### %s\n" % summary["title"])
        print_markdown(table)
    else:
        table[0][0] = summary["title"]
        print_table(table)


def print_markdown(table):
    for number, row in enumerate(table):
        print("| %s |" % " | ".join(row))
        if number == 0:
            print("|%s" % ("---|" * len(row)))
    print()


def print_table(table):
    """Prints rows of text, the first of them as a header, the first column to the left."""
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    for number, row in enumerate(table):
        cells = [row[0].ljust(widths[0])] + [c.rjust(w) for c, w in zip(row[1:], widths[1:])]
        print("  ".join(cells).rstrip())
        if number == 0:
            print("  ".join("-" * width for width in widths))
    print()
