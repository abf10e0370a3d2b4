"""Choosing settings and comparing them, purely: nothing here measures or prints.

A point is a dict with at least `recall` and `mean_us`; what else it holds is the caller's.
"""

import math
import statistics


def frontier(points):
    """The points that no other beats in both recall and time, by rising recall (and time)."""
    best = []
    # From the fastest on, a point counts when its recall is higher than that of everything faster.
    for point in sorted(points, key=lambda point: (point["mean_us"], -point["recall"])):
        if not best or point["recall"] > best[-1]["recall"]:
            best.append(point)
    return best


# On other queries the recall of a setting differs: its standard error is .0025 for 1,000 queries of ten answers.
MARGIN = 0.005


def chain(points, target):
    """The neighbours of a target on the frontier, on both sides the nearest and the nearest beyond the margin: on other
    queries the nearest may turn out to lie on the other side. By rising recall; those that there are."""
    line = frontier(points)
    below = [[point for point in line if point["recall"] < limit][-1:] for limit in (target - MARGIN, target)]
    above = [[point for point in line if point["recall"] >= limit][:1] for limit in (target, target + MARGIN)]
    found = []
    for point in sum(below + above, []):
        if not any(point is other for other in found):
            found.append(point)
    return found


def near(points, target, slower=1.5, distance=0.02, most=12):
    """What may be best when times change but recalls do not: points about the target that are not far off the frontier."""
    line = frontier(points)
    def is_near(point):
        better = [at["mean_us"] for at in line if at["recall"] >= point["recall"]]
        return abs(point["recall"] - target) <= distance and point["mean_us"] <= slower * min(better)
    close = [point for point in points if is_near(point)]
    return sorted(close, key=lambda point: point["mean_us"])[:most] or chain(points, target)


def between(points, target):
    """Time at exactly the target's recall: between the two neighbours around it the logarithm of time is taken to be
    linear in recall, which every index's frontier nearly is over a step. None when the target is not enclosed.

    `points` are a chain, in the order in which they were chosen: the order is not revised by what they then measured.
    """
    for low, high in zip(points, points[1:]):
        if low["recall"] < target <= high["recall"]:
            share = (target - low["recall"]) / (high["recall"] - low["recall"])
            return math.exp(math.log(low["mean_us"]) * (1 - share) + math.log(high["mean_us"]) * share)
    # The least setting there is already reaches it: that is its price.
    if points and points[0]["recall"] >= target:
        return points[0]["mean_us"]
    return None


def reaching(points, target):
    """The fastest point that reaches the target; None when none does."""
    good = [point for point in points if point["recall"] >= target]
    return min(good, key=lambda point: point["mean_us"]) if good else None


def thinned(points, least, most, count):
    """At most `count` points of the frontier between two recalls, evenly along it, its ends among them: for a plot."""
    line = [point for point in frontier(points) if least <= point["recall"] <= most]
    if len(line) <= count:
        return line
    return [line[round(place * (len(line) - 1) / (count - 1))] for place in range(count)]


def pooled(rounds):
    """One point of several rounds' measurements of a setting: means weighted by queries, the median of percentiles."""
    queries = sum(point["queries"] for point in rounds)
    mean = {name: sum(point[name] * point["queries"] for point in rounds) / queries for name in ("recall", "mean_us")}
    middle = {name: statistics.median(point[name] for point in rounds) for name in ("recall_p5", "p50_us", "p99_us")}
    return rounds[0] | mean | middle | {"queries": queries, "rounds": len(rounds)}


def relieved(point, overhead_us):
    """Without the call's own cost. A time never falls below a tenth of a microsecond: nothing is free."""
    return point | {name: max(point[name] - overhead_us, 0.1) for name in ("mean_us", "p50_us", "p99_us")}


def ratios(theirs, ours, target):
    """Their time at the target ÷ ours, round by round: (median, least, most); None when a side never reaches it.

    Both are lists of chains, one a round: the recall of a chain's point is that of all rounds, its time the round's.
    """
    found = []
    for their, our in zip(theirs, ours):
        times = between(their, target), between(our, target)
        if None not in times:
            found.append(times[0] / times[1])
    return (statistics.median(found), min(found), max(found)) if found else None


def by_round(settings):
    """Chains, one a round, of settings measured in each: a list of (pooled point, its rounds in order)."""
    count = min((len(rounds) for _, rounds in settings), default=0)
    return [[rounds[place] | {"recall": whole["recall"]} for whole, rounds in settings] for place in range(count)]


def worth_going_on(line, target, best_us):
    """May the next setting of a line still matter? Not above the highest target, nor when recall stands still, nor far
    slower than what reaches the target already."""
    last = line[-1]
    if last["recall"] >= target + 0.01 or last["recall"] >= 0.9995:
        return False
    if len(line) >= 4 and last["recall"] - line[-4]["recall"] < 0.002:
        return False
    return best_us is None or last["mean_us"] < 1.6 * best_us
