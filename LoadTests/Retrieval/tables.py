"""Results as markdown, ready for the README."""

import frontier


def number(value, digits=3):
    """Three digits that mean something: 7.42, 53.1, 1,180."""
    if value is None:
        return "–"
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def markdown(header, rows):
    """A markdown table, columns padded so that it reads in a terminal too: the first to the left, others to the right."""
    cells = [header] + rows
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    def laid_out(row):
        return "| " + " | ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width) for column, (cell, width) in enumerate(zip(row, widths))) + " |"
    rule = "|" + "|".join("-" * (width + 1) + ("-" if column == 0 else ":") for column, width in enumerate(widths)) + "|"
    return "\n".join([laid_out(header), rule] + [laid_out(row) for row in rows])


HEADER = ["", "mean µs", "÷ ours", "measured: recall", "5th pct", "mean", "p50", "p99", "call µs", "build s", "of float32", "setting"]


def compared(case, k, target, contenders):
    """A table of one case, k and recall. A contender: a dict as `verdict` makes it, ours among them or not."""
    rows = [row(one) for one in sorted(contenders, key=order)]
    return f"**{case}: recall@{k} = {target:g}**\n\n" + markdown(HEADER, rows)


def order(one):
    return (not one["ours"], one["at_target_us"] is None, one["at_target_us"] or 0)


def row(one):
    point = one["point"]
    if point is None:
        return [one["name"]] + ["–"] * (len(HEADER) - 1)
    times = [number(point[name]) for name in ("mean_us", "p50_us", "p99_us")]
    missed = one["at_target_us"] is None
    # Instead of a time at the target: that it was not reached, and the best that was.
    return [one["name"], "not reached" if missed else number(one["at_target_us"]), spread(one["ratio"]),
            f"{point['recall']:.3f}", f"{point['recall_p5']:.2f}", *times, number(one["overhead_us"]) if one["overhead_us"] else "–",
            number(one["build_s"]), f"{one['share']:.2f}" if one["share"] else "–", one["setting"]]


def spread(ratio):
    if ratio is None:
        return ""
    middle, least, most = ratio
    return f"{middle:.1f} ({least:.1f}–{most:.1f})"


def verdict(name, settings, target, ours_by_round, **facts):
    """What the table says of a contender. `settings`: its chain, a list of (setting's text, pooled point, rounds)."""
    pooled = [point for _, point, _ in settings]
    at_target = frontier.between(pooled, target)
    point = frontier.reaching(pooled, target) or max(pooled, key=lambda point: point["recall"], default=None)
    chains = frontier.by_round([(whole, rounds) for _, whole, rounds in settings])
    ratio = frontier.ratios(chains, ours_by_round, target) if ours_by_round is not None else None
    text = next((text for text, whole, _ in settings if whole is point), "")
    return {"name": name, "ours": False, "at_target_us": at_target, "point": point, "ratio": ratio, "setting": text,
            "overhead_us": None, "build_s": None, "share": None, **facts}


def tails(case, people, found):
    """`found`: (alone, beside) by (name, k)."""
    def figures(point):
        return [number(point["mean_us"]), number(point["p99_us"]), f"{point['p99_us'] / point['mean_us']:.2f}"]
    rows = [[f"{name}, k {k}", *figures(alone), *figures(beside)] for (name, k), (alone, beside) in sorted(found.items(), key=lambda at: at[0][1])]
    return f"**{case}: tails over {people:,} people, alone and beside a process that writes through 256 MiB**\n\n" + markdown(
        ["", "mean µs", "p99", "p99 ÷ mean", "beside: mean µs", "p99", "p99 ÷ mean"], rows)
