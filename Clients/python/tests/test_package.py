"""What the package decides itself, without the executable."""

import datetime
import io
import json
import os
import tempfile
import unittest

from .support import PACKAGE, nt, some_factors, some_snapshot

import numpy as np
from needletail import safetensors, snapshot, tool


class SafetensorsTests(unittest.TestCase):
    def read(self, tensors, **further):
        file = io.BytesIO()
        safetensors.write(file, tensors, **further)
        raw = file.getvalue()
        length = int.from_bytes(raw[:8], "little")
        header = json.loads(raw[8:8 + length])
        return raw, 8 + length, header

    def test_data_begin_at_a_multiple_of_64_whatever_the_header(self):
        for length in range(0, 70):
            raw, start, header = self.read({"x" * (1 + length): some_factors(3)})
            self.assertEqual(start % 64, 0)
            self.assertEqual(len(raw), start + 3 * 8 * 4)

    def test_tensors_lie_one_after_the_other_with_their_types(self):
        arrays = {"a": some_factors(2), **safetensors.ids("item_ids", ["ä", "bb", ""])}
        raw, start, header = self.read(arrays, metadata={"by": "test"})
        self.assertEqual(header["__metadata__"], {"by": "test"})
        end = 0
        for name, array in arrays.items():
            self.assertEqual(header[name]["data_offsets"], [end, end + array.nbytes])
            self.assertEqual(raw[start + end:start + end + array.nbytes], array.tobytes())
            end += array.nbytes
        self.assertEqual(header["item_ids.offsets"]["dtype"], "I64")
        self.assertEqual(arrays["item_ids.offsets"].tolist(), [0, 2, 4, 4])

    def test_rows_in_another_order_of_memory_are_written_row_by_row(self):
        array = np.asfortranarray(some_factors(4))
        raw, start, _ = self.read({"a": array})
        self.assertEqual(raw[start:], np.ascontiguousarray(array).tobytes())


class CheckTests(unittest.TestCase):
    def refused(self, reason, part, **further):
        with self.assertRaises(nt.SnapshotRejected) as caught:
            some_snapshot(**further)
        self.assertEqual(caught.exception.reason, reason)
        self.assertIn(part, caught.exception.detail)

    def test_rows_that_are_no_numbers_are_named(self):
        factors = some_factors(60)
        factors[3, 1], factors[7, 0] = np.nan, np.inf
        self.refused("non_finite_values", "item_factors: rows 3, 7 have NaN", item_factors=factors)
        self.refused("non_finite_values", "float32", item_factors=np.full((60, 8), 1e300))

    def test_shapes_and_types_are_told(self):
        self.refused("tensor_invalid", "(60,)", item_factors=np.zeros(60))
        self.refused("tensor_invalid", "<U1", item_factors=np.full((60, 8), "x"))
        self.refused("tensor_invalid", "rows of 5 numbers", user_factors=some_factors(20, 5))
        self.refused("tensor_invalid", "2 ids for the 60 rows", item_ids=["a", "b"])

    def test_ids_stand_once_and_are_not_empty(self):
        ids = [f"i{row}" for row in range(60)]
        self.refused("tensor_invalid", '"i4" stands twice, at rows 4 and 9', item_ids=ids[:9] + ["i4"] + ids[10:])
        self.refused("tensor_invalid", "row 59", item_ids=ids[:59] + [""])
        self.refused("tensor_invalid", "row 0", item_ids=["x" * 256] + ids[1:])

    def test_factors_on_a_gpu_are_fetched(self):
        class OnGPU:
            def to_numpy(self):
                return some_factors(60)
        self.assertEqual(some_snapshot(item_factors=OnGPU()).item_factors.shape, (60, 8))

    def test_mistakes_of_the_caller_are_no_rejections(self):
        with self.assertRaises(ValueError):
            some_snapshot(metric="euclid")
        with self.assertRaises(ValueError):
            nt.Snapshot.from_factors(item_ids=["a"], item_factors=[[1.0]], user_ids=["u"])
        snapshot = some_snapshot()
        for wrong in ({}, {"user_id": "u1", "item_id": "i1"}, {"user_id": "nobody"}, {"user_id": "u1", "k": 0}):
            with self.assertRaises(ValueError):
                snapshot.add_probe(**wrong)

    def test_a_probe_expects_what_numpy_finds(self):
        for metric in ("dot", "cosine"):
            snapshot = some_snapshot(metric=metric)
            snapshot.add_probe(user_id="u3", k=4)
            items, user = snapshot.item_factors.astype(float), snapshot.user_factors[3].astype(float)
            scores = items @ user / (np.linalg.norm(items, axis=1) if metric == "cosine" else 1)
            self.assertEqual(snapshot.probes[0]["expect"], [f"i{row}" for row in np.argsort(-scores)[:4]])

    def test_a_folder_holds_all_that_was_given(self):
        with tempfile.TemporaryDirectory() as folder:
            snapshot = some_snapshot(
                metadata=[{"id": "i1", "title": "One", "categories": ["a"], "price": np.float32(2)}], unavailable=["i2"])
            snapshot.add_probe(item_id="i1")
            arguments = snapshot.save(folder)
            self.assertEqual(
                sorted(os.listdir(folder)), ["factors.safetensors", "metadata.jsonl", "probes.jsonl", "unavailable.txt"])
            self.assertIn("--availability", arguments)
            with open(os.path.join(folder, "metadata.jsonl"), encoding="utf-8") as file:
                self.assertEqual(json.load(file), {"id": "i1", "title": "One", "categories": ["a"], "price": 2.0})


class MetadataTests(unittest.TestCase):
    def lines(self, *rows):
        with tempfile.TemporaryDirectory() as folder:
            some_snapshot(metadata=rows).save(folder)
            with open(os.path.join(folder, "metadata.jsonl"), encoding="utf-8") as file:
                return [json.loads(line, parse_constant=self.fail) for line in file]

    def test_what_a_data_frame_has_for_nothing_is_left_out(self):
        class NAType:
            def __ne__(self, other):
                raise TypeError("boolean value of NA is ambiguous")

        class NaTType(datetime.datetime):
            pass
        nothing = [None, float("nan"), np.float32("nan"), NAType(), NaTType(1, 1, 1), np.datetime64("NaT")]
        rows = [{"id": f"i{row}", "title": value, "categories": ["a", value]} for row, value in enumerate(nothing)]
        self.assertEqual(
            self.lines(*rows), [{"id": f"i{row}", "categories": ["a"]} for row in range(len(nothing))])

    def test_times_arrays_and_numbers_of_numpy_are_written_as_json_has_them(self):
        moment = datetime.datetime(2024, 5, 1, 12, 30, tzinfo=datetime.timezone.utc)
        row = {
            "id": np.int64(7), "publishedAt": moment, "day": datetime.date(2024, 5, 1),
            "nano": np.datetime64("2024-05-01T12:30:00", "ns"), "categories": np.array(["a", "b"]),
            "size": np.array([[1.5, 2]]), "seen": np.array(["2024-05-01"], "M8[ns]"), "count": np.int32(3), "new": np.bool_(True), "further": {"x": np.float64(1)},
            "kept": 0, "empty": ""}
        self.assertEqual(self.lines(row), [{
            "id": "7", "publishedAt": "2024-05-01T12:30:00+00:00", "day": "2024-05-01", "nano": "2024-05-01T12:30:00",
            "categories": ["a", "b"], "size": [[1.5, 2.0]], "seen": ["2024-05-01T00:00:00"], "count": 3, "new": True,
            "further": {"x": 1.0}, "kept": 0, "empty": ""}])

    def test_what_json_has_no_form_for_is_named_with_its_item(self):
        for value, part in ((float("inf"), "infinity"), (b"x", "bytes"), (datetime.timedelta(1), "timedelta")):
            with self.assertRaisesRegex(ValueError, f"'i1'.*{part}"):
                some_snapshot(metadata=[{"id": "i1", "length": value}])
        for row in ({"title": "x"}, {"id": None}, {"id": float("nan")}):
            with self.assertRaisesRegex(ValueError, "needs an \"id\""):
                some_snapshot(metadata=[row])


class WaitTests(unittest.TestCase):
    def test_a_wait_for_no_node_is_a_mistake_and_publishes_nothing(self):
        with tempfile.TemporaryDirectory() as folder:
            repository = os.path.join(folder, "repository")
            for nodes in ((), [], "http://a:9090"):
                with self.assertRaisesRegex(ValueError, "http://a:9090"):
                    some_snapshot().publish(repository, model="films", wait="SERVING", nodes=nodes)
            self.assertFalse(os.path.exists(repository))

    def test_a_node_that_rejects_without_a_reason_is_a_rejection_too(self):
        for reason in ({}, {"reason": None}):
            node = {"url": "http://a:9090", "state": "REJECTED", "detail": "no", **reason}
            with self.assertRaises(nt.SnapshotRejected) as caught:
                snapshot._published(tool.Answer(65, json.dumps({"nodes": [node]}), ""))
            self.assertEqual(caught.exception.reason, "fetch_failed")


class SparkTests(unittest.TestCase):
    def test_part_files_of_spark_are_read_in_the_order_of_ids(self):
        ids, factors = nt.read_spark_factors(os.path.join(PACKAGE, "tests", "spark", "items"))
        self.assertEqual(ids, sorted(ids))
        self.assertEqual(factors.shape, (len(ids), 4))

    def test_what_is_no_row_is_named_by_file_and_line(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "part-0.json")
            with open(path, "w", encoding="utf-8") as file:
                file.write('{"id":1,"features":[1,2]}\n{"id":2}\n')
            with self.assertRaisesRegex(nt.NeedletailError, "part-0.json:2"):
                nt.read_spark_factors(folder)
            with self.assertRaisesRegex(nt.NeedletailError, "neither"):
                nt.read_spark_factors(tempfile.mkdtemp(dir=folder))


class ToolTests(unittest.TestCase):
    def test_sentences_become_reasons(self):
        with self.assertRaises(nt.SnapshotRejected) as caught:
            tool.Answer(65, "", "note: x\nerror: home/3: there is no signature (signature_missing)\n").check()
        self.assertEqual(
            (caught.exception.reason, caught.exception.detail), ("signature_missing", "home/3: there is no signature"))
        with self.assertRaises(nt.SnapshotRejected) as caught:
            tool.Answer(65, '{"reason":"probe_failed","detail":"2 of 10"}\n', "error: 2 of 10").check()
        self.assertEqual(str(caught.exception), "2 of 10 (probe_failed)")
        with self.assertRaisesRegex(nt.NeedletailError, "disk"):
            tool.Answer(73, "", "error: the disk is full").check()
        self.assertEqual(tool.Answer(0, 'progress\n{"a":1}\n', "").check(), {"a": 1})

    def test_a_tool_that_cannot_be_run_is_named(self):
        before = os.environ.get("NEEDLETAIL_BIN")
        os.environ["NEEDLETAIL_BIN"] = "/nowhere/needletail"
        try:
            with self.assertRaisesRegex(nt.ToolNotFound, "/nowhere/needletail"):
                tool.executable()
        finally:
            os.environ.pop("NEEDLETAIL_BIN")
            if before is not None:
                os.environ["NEEDLETAIL_BIN"] = before


if __name__ == "__main__":
    unittest.main()
