"""Tests of what decides and draws: `LoadTests/run retrieval --self-test`. They need numpy, and neither peers nor Needletail."""

import contextlib
import io
import json
import math
import unittest
import xml.etree.ElementTree

import numpy as np

import cases
import frontier
import ours
import peers
import plot
import progress
import tables
import vectors
import worker

# As `needletail index bench --json` prints them.
RECORDED = """{"schemaVersion":1,"setting":"40:80:20","recall":0.957,"recall_p5":0.8,"mean_us":7.1,"p50_us":7,"p99_us":8.2,\
"index_bytes":106000000,"build_s":null,"bytes_touched":61440,"blocks":40,"refined":80,"rescored":20,"path":"lists","k":10,\
"metric":"dot","items":1000000,"dimension":128,"lists":2048,"kernels":"avx512","queries":2000,"rounds":1,"thrash_bytes":0,\
"beside_bytes":0,"filter_share":null}
{"schemaVersion":1,"setting":"64:100:20","recall":0.975,"recall_p5":0.9,"mean_us":9.5,"p50_us":9.4,"p99_us":10.9,\
"index_bytes":106000000,"build_s":null,"bytes_touched":91440,"blocks":63.5,"refined":100,"rescored":20,"path":"lists","k":10,\
"metric":"dot","items":1000000,"dimension":128,"lists":2048,"kernels":"avx512","queries":2000,"rounds":1,"thrash_bytes":0,\
"beside_bytes":0,"filter_share":null}
"""


def at(recall, mean_us, **more):
    return {"recall": recall, "mean_us": mean_us, "recall_p5": recall - 0.1, "p50_us": mean_us, "p99_us": 2 * mean_us, "queries": 100,
            "build": "b", "setting": "s"} | more


class Frontier(unittest.TestCase):
    def test_a_slower_point_without_more_recall_is_not_on_it(self):
        points = [at(0.9, 10), at(0.9, 12), at(0.95, 20), at(0.94, 21), at(0.8, 5)]
        self.assertEqual([point["mean_us"] for point in frontier.frontier(points)], [5, 10, 20])

    def test_of_points_as_fast_the_one_with_more_recall_stays(self):
        self.assertEqual([point["recall"] for point in frontier.frontier([at(0.9, 10), at(0.92, 10)])], [0.92])

    def test_a_chain_encloses_the_target_twice(self):
        def chain(target, *recalls):
            return [point["recall"] for point in frontier.chain([at(recall, 100 * recall) for recall in recalls], target)]

        self.assertEqual(chain(0.95, 0.8, 0.9, 0.94, 0.96, 0.98, 0.99), [0.94, 0.96])
        self.assertEqual(chain(0.95, 0.93, 0.94, 0.947, 0.949, 0.951, 0.953, 0.958, 0.97), [0.94, 0.949, 0.951, 0.958])
        self.assertEqual(chain(0.995, 0.8, 0.9), [0.9])
        self.assertEqual(chain(0.5, 0.8, 0.9), [0.8])
        self.assertEqual(chain(0.5), [])

    def test_half_way_in_recall_is_the_geometric_mean_in_time(self):
        self.assertAlmostEqual(frontier.between([at(0.94, 10), at(0.96, 40)], 0.95), 20)
        self.assertAlmostEqual(frontier.between([at(0.94, 10), at(0.95, 40)], 0.95), 40)

    def test_what_reaches_the_target_from_the_start_costs_what_it_costs(self):
        self.assertEqual(frontier.between([at(0.97, 10), at(0.99, 40)], 0.95), 10)

    def test_a_target_that_is_never_reached_has_no_time(self):
        self.assertIsNone(frontier.between([at(0.9, 10), at(0.94, 40)], 0.95))
        self.assertIsNone(frontier.between([], 0.95))
        self.assertIsNone(frontier.reaching([at(0.9, 10)], 0.95))

    def test_interpolation_stays_between_its_neighbours(self):
        random = np.random.default_rng(7)
        for trial in range(1000):
            low, high = sorted(random.uniform(0.5, 1, 2))
            times = sorted(random.uniform(1, 1000, 2))
            target = random.uniform(low, high)
            found = frontier.between([at(low, times[0]), at(high, times[1])], target)
            self.assertTrue(times[0] - 1e-9 <= found <= times[1] + 1e-9, f"trial {trial} of seed 7: {low} {high} {target} {times}: {found}")

    def test_means_of_rounds_weigh_by_queries_and_percentiles_are_medians(self):
        found = frontier.pooled([at(0.9, 10, queries=100), at(0.96, 40, queries=200), at(0.96, 40, queries=300, p99_us=1000)])
        self.assertEqual(found["queries"], 600)
        self.assertAlmostEqual(found["recall"], 0.95)
        self.assertAlmostEqual(found["mean_us"], 35)
        self.assertEqual(found["p99_us"], 80)

    def test_the_ratio_is_that_of_the_rounds(self):
        theirs = [(at(0.95, 20), [at(0.94, 10), at(0.96, 30), at(0.95, 20)])]
        mine = [(at(0.95, 2), [at(0.95, 2), at(0.95, 3), at(0.95, 2)])]
        self.assertEqual(frontier.ratios(frontier.by_round(theirs), frontier.by_round(mine), 0.95), (10, 5, 10))
        self.assertIsNone(frontier.ratios(frontier.by_round(theirs), frontier.by_round(mine), 0.99))

    def test_the_cost_of_the_call_is_taken_off_every_time(self):
        found = frontier.relieved(at(0.9, 10), 3)
        self.assertEqual((found["mean_us"], found["p50_us"], found["p99_us"], found["recall"]), (7, 7, 17, 0.9))
        self.assertEqual(frontier.relieved(at(0.9, 2), 3)["mean_us"], 0.1)

    def test_a_line_of_settings_ends_where_nothing_more_can_come(self):
        self.assertTrue(frontier.worth_going_on([at(0.9, 10)], 0.95, None))
        self.assertFalse(frontier.worth_going_on([at(0.97, 10)], 0.95, 10), "far above the target")
        self.assertFalse(frontier.worth_going_on([at(0.9, 100)], 0.95, 10), "far slower than what reaches it")
        still = [at(0.9, 10), at(0.9001, 11), at(0.9002, 12), at(0.9003, 13)]
        self.assertFalse(frontier.worth_going_on(still, 0.95, None), "recall stands still")

    def test_near_points_are_those_about_the_target_and_not_far_off(self):
        points = [at(0.8, 5), at(0.95, 10), at(0.951, 14), at(0.952, 40), at(0.96, 12)]
        self.assertEqual([point["mean_us"] for point in frontier.near(points, 0.95)], [10, 12, 14])

    def test_a_thinned_frontier_keeps_its_ends(self):
        points = [at(0.8 + place / 100, place + 1) for place in range(19)]
        found = frontier.thinned(points, 0.8, 0.99, 5)
        self.assertEqual((len(found), found[0]["recall"], found[-1]["recall"]), (5, 0.8, 0.98))


class Ours(unittest.TestCase):
    def test_lines_of_index_bench_are_read(self):
        found = ours.read(RECORDED)
        self.assertEqual([point["setting"] for point in found], ["40:80:20", "64:100:20"])
        self.assertEqual(found[0]["mean_us"], 7.1)
        self.assertEqual(found[1]["bytes_touched"], 91440)

    def test_a_line_without_a_figure_is_refused_by_its_name(self):
        line = json.loads(RECORDED.splitlines()[0])
        del line["recall_p5"]
        with self.assertRaisesRegex(ours.Refused, "recall_p5"):
            ours.read(json.dumps(line))

    def test_budgets_about_one_ask_for_nothing_impossible(self):
        for setting in ("40:80:20", "1:10:10", "31250:500:100"):
            for k, items in ((10, 10_000), (100, 1_000_000)):
                found = ours.around({"setting": setting}, k, items)
                self.assertTrue(found)
                for other in found:
                    blocks, refined, rescored = map(int, other.split(":"))
                    self.assertTrue(1 <= blocks <= items // 32 + 1 and refined >= rescored >= k, f"{other} about {setting}, k {k}")

    def test_what_is_switched_off_stays_so(self):
        self.assertEqual({setting.split(":")[1] for setting in ours.around({"setting": "40:0:20"}, 10, 10_000)}, {"0"})


class Peers(unittest.TestCase):
    def test_steps_rise_and_end_where_they_should(self):
        for low, high, ratio in ((1, 50, 1.5), (2, 3, 1.1), (10, 1500, 1.4), (5, 5, 2)):
            found = peers.steps(low, high, ratio)
            self.assertEqual((found[0], found[-1], sorted(set(found))), (low, high, found))

    def test_every_peer_has_settings_for_every_case(self):
        for case in cases.all_cases(1_000_000).values():
            items = case.shape.items if case.shape else 40_981
            for name in case.peers:
                for label, parameters in peers.PEERS[name].builds(items, case.unit_norms(), True).items():
                    for k in case.targets:
                        lines = peers.PEERS[name].lines(parameters, k, items)
                        self.assertTrue(lines and all(lines), f"{case.name}: {name}, {label}")

    def test_bytes_keep_no_lengths_so_they_are_only_for_unit_vectors(self):
        self.assertEqual(peers.PEERS["usearch i8"].builds(1000, False, False), {})
        self.assertTrue(peers.PEERS["usearch i8"].builds(1000, True, False))


class Measuring(unittest.TestCase):
    def test_recall_counts_the_answers_that_are_true(self):
        truth = np.tile(np.arange(10, dtype=np.int32), (300, 1))
        queries = np.arange(300, dtype=np.float32)[:, None]
        # The k-th query is answered with half of what it should; every other one rightly.
        answers = lambda query: np.arange(10) if query[0] % 2 else np.arange(5, 15)
        found = worker.measured(answers, queries, truth, 10, 300, 5, False)
        self.assertAlmostEqual(found["recall"], 0.75)
        self.assertEqual((found["recall_p5"], found["queries"]), (0.5, 300))

    def test_a_slow_call_gets_fewer_queries_but_some(self):
        queries, truth = np.zeros((300, 1), np.float32), np.zeros((300, 1), np.int32)
        self.assertEqual(worker.measured(lambda query: [0], queries, truth, 1, 300, 0, False)["queries"], 50)


class Vectors(unittest.TestCase):
    def test_a_seed_gives_the_same_vectors(self):
        shape = vectors.Shape(3000, 16)
        (base, users), (again, _) = vectors.make(shape, 20), vectors.make(shape, 20)
        self.assertTrue((base == again).all())
        self.assertEqual((base.shape, users.shape, base.dtype, users.dtype), ((3000, 16), (20, 16), np.float32, np.float32))

    def test_lengths_are_log_normal(self):
        lengths = np.log(np.linalg.norm(vectors.make(vectors.Shape(20_000, 16, norm_sigma=0.5), 1)[0], axis=1))
        self.assertAlmostEqual(float(lengths.std()), 0.5, delta=0.02)
        self.assertAlmostEqual(float(lengths.mean()), 0, delta=0.02)

    def test_without_sigma_they_have_unit_length(self):
        lengths = np.linalg.norm(vectors.make(vectors.Shape(1000, 16, norm_sigma=0), 1)[0], axis=1)
        self.assertTrue(np.allclose(lengths, 1, atol=1e-5))

    def test_copies_are_near_and_not_the_same(self):
        base, _ = vectors.make(vectors.Shape(1000, 16, norm_sigma=0, copies=10), 1)
        nearest = np.sort(base @ base.T, axis=1)[:, -10:]
        self.assertTrue((nearest > 0.98).all())
        self.assertEqual(len(np.unique(base, axis=0)), 1000)


class Texts(unittest.TestCase):
    def verdicts(self):
        mine = [("40:80:20", at(0.94, 8), [at(0.94, 8)]), ("64:80:20", at(0.96, 10), [at(0.96, 10)])]
        ours_by_round = frontier.by_round([(whole, rounds) for _, whole, rounds in mine])
        slow = [("few", at(0.9, 80), [at(0.9, 80)])]
        return [tables.verdict("slowpoke", slow, 0.95, ours_by_round, share=1.2, overhead_us=1.5, build_s=70.0),
                tables.verdict("Needletail", mine, 0.95, None, ours=True, share=0.21, build_s=20.0),
                tables.verdict("quick", [("x", at(0.95, 90), [at(0.95, 90)])], 0.95, ours_by_round)]

    def test_the_table_begins_with_ours_and_ends_with_who_never_got_there(self):
        lines = tables.compared("case", 10, 0.95, self.verdicts()).splitlines()
        self.assertEqual([line.split("|")[1].strip() for line in lines[4:]], ["Needletail", "quick", "slowpoke"])
        self.assertIn("not reached", lines[-1])
        self.assertEqual(len({len(line) for line in lines[2:]}), 1, "columns do not line up")
        self.assertIn(f"{90 / math.sqrt(80):.1f}", lines[5])

    def test_figures_have_three_digits(self):
        self.assertEqual([tables.number(value) for value in (7.123, 53.14, 1180.4, None)], ["7.12", "53.1", "1,180", "–"])

    def test_the_plot_is_well_formed_and_names_everybody(self):
        names = ["Needletail", *cases.EVERYBODY]
        series = {name: [(0.8 + 0.04 * place, (place + 1) * 10.0 ** (number % 3)) for place in range(5)] for number, name in enumerate(names)}
        text = plot.svg("a <title>", [("one & two", series, 0.95), ("empty", {}, 0.95)], names)
        tree = xml.etree.ElementTree.fromstring(text)
        said = " ".join(tree.itertext())
        for name in names:
            self.assertIn(name, said)
        for circle in tree.iter("{http://www.w3.org/2000/svg}circle"):
            self.assertTrue(0 <= float(circle.get("cx")) <= plot.WIDTH, circle.attrib)

    def test_progress_says_what_is_left(self):
        stream = io.StringIO()
        told = progress.Progress(stream)
        told.plan(600)
        told.plan(600)
        told.begin("first")
        with told.step("working"), contextlib.suppress(ZeroDivisionError):
            pass
        self.assertIn("first: working; about 20 min left", stream.getvalue())


if __name__ == "__main__":
    unittest.main()
