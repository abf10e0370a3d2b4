"""Recall against time as SVG, in the look of `LoadTests/Report`'s charts: one colour order, light and dark in one file."""

import html
import math

WIDTH, LEFT, RIGHT, PANEL, LEGEND_ROW, GAP, BOTTOM = 820, 62, 20, 230, 18, 40, 44
# Eight series: the report's six colours, then two of them dashed.
STYLE = """
:root{color-scheme:light dark;--paper:#fcfcfb;--ink:#16181d;--muted:#5c616b;--grid:#e7e7e4;--axis:#b9bab5;
--c0:#2a6fd1;--c1:#d9620f;--c2:#0d8a72;--c3:#8a46b8;--c4:#b8323f;--c5:#6b6f76}
@media(prefers-color-scheme:dark){:root{--paper:#16181c;--ink:#ebebe8;--muted:#a0a5ae;--grid:#2b2e34;--axis:#555a63;
--c0:#6ba6f5;--c1:#f39a52;--c2:#3fc6a6;--c3:#c193ec;--c4:#f27f86;--c5:#9a9fa8}}
svg{font:12px system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}rect{fill:var(--paper)}
text{fill:var(--ink)}.tick,.legend{fill:var(--muted)}.tick{font-size:11px;font-variant-numeric:tabular-nums}.title{font-weight:600}
.end{text-anchor:end}.middle{text-anchor:middle}path{fill:none}.grid{stroke:var(--grid)}.axis{stroke:var(--axis)}
.level{stroke:var(--muted);stroke-dasharray:2 3}.s path{stroke:currentColor;stroke-width:2;stroke-linejoin:round}
.s circle{fill:currentColor}.dashed path{stroke-dasharray:5 4}.ours path{stroke-width:3}
""" + "".join(f".c{n}{{color:var(--c{n})}}" for n in range(6))


def svg(title, panels, order):
    """`panels`: (name, {series: [(recall, microseconds)]}, level of recall that is compared). `order`: series by colour."""
    # Recall by its distance to 1: what costs is getting from .99 to .995, and that is where the eye should find room.
    rows = legend_rows([name for name in order if any(name in series for _, series, _ in panels)])
    body, y = legend(rows, order), 28 + LEGEND_ROW * len(rows)
    for name, series, level in panels:
        body += panel(name, series, level, order, y)
        y += 22 + PANEL + GAP
    height = y + 4
    said = html.escape("; ".join(f"{name}: {', '.join(series)}" for name, series, _ in panels))
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img">\n'
            f"<title>{html.escape(title)}</title><desc>{said}</desc>\n<style>{STYLE}</style>\n"
            f'<rect width="{WIDTH}" height="{height}"/>\n{text(8, 18, title, "title")}{body}</svg>\n')


def panel(name, series, level, order, top):
    points = [point for line in series.values() for point in line]
    if not points:
        return text(8, top + 14, f"{name}: nothing measured", "legend")
    times = time_axis([time for _, time in points])
    low = min(0.9, max(0.5, min(recall for recall, _ in points)))
    ends = nines(low), nines(0.997)
    top += 22

    def px(recall):
        return LEFT + (min(max(nines(recall), ends[0]), ends[1]) - ends[0]) / (ends[1] - ends[0]) * (WIDTH - LEFT - RIGHT)

    def py(time):
        return top + (1 - (math.log(time) - math.log(times[0])) / (math.log(times[-1]) - math.log(times[0]))) * PANEL

    body = text(8, top - 9, name, "title")
    for time in times:
        body += line(LEFT, py(time), WIDTH - RIGHT, py(time), "grid") + text(LEFT - 8, py(time) + 4, microseconds(time), "tick end")
    for recall in (0.5, 0.7, 0.8, 0.9, 0.95, 0.97, 0.98, 0.99, 0.995):
        if recall >= low:
            body += line(px(recall), top, px(recall), top + PANEL, "level" if recall == level else "grid")
            body += text(px(recall), top + PANEL + 16, f"{recall:g}", "tick middle")
    for name in reversed([name for name in order if name in series]):
        body += curve(name, [(px(recall), py(time), recall, time) for recall, time in sorted(series[name]) if low <= recall <= 0.997],
                      order.index(name))
    return body


def curve(name, points, place):
    if not points:
        return ""
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y, _, _ in points)
    dots = "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3"><title>{html.escape(name)}: recall {recall:.3f} in {microseconds(time)}</title></circle>'
        for x, y, recall, time in points)
    return f'<g class="{look(place)}"><path d="{path}"/>{dots}</g>\n'


def look(place):
    return f"s c{place % 6}" + (" dashed" if place >= 6 else "") + (" ours" if place == 0 else "")


def legend_rows(names):
    """Names in rows that fit; a text's width is not known here, so these are upper bounds of the usual fonts."""
    rows, x = [[]], LEFT
    for name in names:
        width = 24 + len(name) * 6.6 + 18
        if x + width > WIDTH - RIGHT and rows[-1]:
            rows.append([])
            x = LEFT
        rows[-1].append((x, name))
        x += width
    return rows


def legend(rows, order):
    body = ""
    for number, row in enumerate(rows):
        y = 38 + number * LEGEND_ROW
        for x, name in row:
            body += f'<g class="{look(order.index(name))}"><path d="M{x:.1f} {y - 4}h18"/></g>' + text(x + 24, y, name, "legend")
    return body


def time_axis(values):
    """1, 2 and 5 of every decade from below the least to above the most."""
    steps = [factor * 10.0 ** power for power in range(-2, 8) for factor in (1, 2, 5)]
    first = max((place for place, step in enumerate(steps) if step <= min(values)), default=0)
    last = min((place for place, step in enumerate(steps) if step >= max(values)), default=len(steps) - 1)
    return steps[first:max(last, first + 1) + 1]


def nines(recall):
    return -math.log10(max(1 - recall, 1e-6))


def microseconds(time):
    return f"{time:.3g} µs" if time < 1000 else f"{time / 1000:.3g} ms"


def line(x1, y1, x2, y2, kind):
    return f'<path class="{kind}" d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}"/>'


def text(x, y, what, kind):
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{html.escape(what)}</text>\n'
