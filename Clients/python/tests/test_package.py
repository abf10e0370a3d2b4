"""What the package decides itself, without the executable."""

import io
import json
import os
import tempfile
import unittest

from .support import PACKAGE, nt, some_factors, some_snapshot

import numpy as np
from needletail import safetensors, tool


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
