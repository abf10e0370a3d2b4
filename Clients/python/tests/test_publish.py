"""The package with the real executable: built, published, served."""

import importlib.util
import os
import subprocess
import sys
import tempfile
import unittest

from .support import Gateway, PACKAGE, needs_tool, nt, some_factors, some_snapshot, tool

import numpy as np


@needs_tool
class PublishTests(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="needletail-test-")
        self.addCleanup(self.folder.cleanup)
        self.repository = os.path.join(self.folder.name, "repository")

    def serve(self, *flags):
        gateway = Gateway(self.repository, self.folder.name, *flags)
        self.addCleanup(gateway.close)
        return gateway

    def test_what_numpy_holds_is_what_a_gateway_answers(self):
        snapshot = some_snapshot(
            metadata=[{"id": f"i{row}", "title": f"Item {row}"} for row in range(60)], annotations={"by": "unittest"})
        snapshot.add_probe(user_id="u1")
        best = snapshot.probes[0]["expect"]
        snapshot.unavailable = [best[1]]
        published = snapshot.publish(self.repository, model="films")
        self.assertEqual((published.model, published.version, published.is_new), ("films", 1, True))
        self.assertFalse(snapshot.publish(self.repository, model="films").is_new)
        gateway = self.serve()
        answer = gateway.get("/v1/placements/home/recommendations?userId=u1&numResults=50")
        self.assertEqual(answer["model"], {"name": "films", "version": 1})
        shown = [item["itemId"] for item in answer["items"]]
        self.assertNotIn(best[1], shown)
        self.assertIn("Item ", answer["items"][0]["metadata"]["title"])

        # The gateway is told, and waited for. A model that is too unlike the one that serves would be stopped.
        retrained = some_factors(60) + 0.01 * some_factors(60, seed=5)
        second = some_snapshot(item_factors=retrained).publish(
            self.repository, model="films", wait="SERVING", nodes=[gateway.admin], timeout=120)
        self.assertEqual(second.version, 2)
        self.assertEqual([node["state"] for node in second.nodes], ["SERVING"])

    def test_a_node_that_refuses_says_why(self):
        key = os.path.join(self.folder.name, "needletail.key")
        public = os.path.join(self.folder.name, "needletail.pub")
        made = tool.run("keygen", "--key", key, "--public-key", public, "--no-password", "--json").check()
        snapshot = some_snapshot()
        snapshot.publish(self.repository, model="films", sign_key=key)
        config = os.path.join(self.folder.name, "needletail.yaml")
        with open(config, "w", encoding="utf-8") as file:
            file.write(f"trust:\n  keys: [\"{made['publicKey']}\"]\n")
        gateway = self.serve("--config", config)
        gateway.get("/v1/placements/home/recommendations?userId=u1")
        other = some_snapshot(item_factors=some_factors(60) * np.float32(1.001))
        with self.assertRaises(nt.SnapshotRejected) as caught:
            other.publish(self.repository, model="films", wait="SERVING", nodes=[gateway.admin], timeout=120)
        self.assertEqual(caught.exception.reason, "signature_missing")

    def test_a_model_unlike_the_one_that_serves_is_stopped_by_a_gate(self):
        some_snapshot().publish(self.repository, model="films")
        gateway = self.serve()
        gateway.get("/v1/placements/home/recommendations?userId=u1")
        shuffled = some_snapshot(item_factors=some_factors(60)[::-1] * 3)
        with self.assertRaises(nt.SnapshotRejected) as caught:
            shuffled.publish(self.repository, model="films", wait="SERVING", nodes=[gateway.admin], timeout=120)
        self.assertEqual(caught.exception.reason, "gate_failed")

    def test_validate_finds_what_the_executable_finds(self):
        report = some_snapshot().validate()
        self.assertEqual((report["items"], report["users"], report["dimension"]), (60, 20, 8))
        swapped = some_snapshot()
        swapped.add_probe(user_id="u1")
        swapped.item_factors = np.ascontiguousarray(swapped.item_factors[::-1])
        with self.assertRaises(nt.SnapshotRejected) as caught:
            swapped.validate()
        self.assertEqual(caught.exception.reason, "probe_failed")
        broken = some_snapshot()
        broken.item_factors[5, 5] = np.nan
        with self.assertRaises(nt.SnapshotRejected) as caught:
            broken.validate()
        self.assertEqual(caught.exception.reason, "non_finite_values")

    def test_a_remote_repository_wants_the_key_of_user_hashes(self):
        with self.assertRaisesRegex(nt.NeedletailError, "identity_key_file"):
            some_snapshot().publish("http://127.0.0.1:1/", model="films")

    def run_example(self, name, *arguments):
        environment = {**os.environ, "PYTHONPATH": PACKAGE, "NEEDLETAIL_BIN": tool.executable()}
        done = subprocess.run(
            [sys.executable, os.path.join(PACKAGE, "examples", name), "--to", self.repository, "--model", "films",
             *arguments], capture_output=True, text=True, env=environment)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, "films version 1 ")

    def test_the_example_with_spark_publishes(self):
        spark = os.path.join(PACKAGE, "tests", "spark")
        self.run_example(
            "publish_spark_als.py", "--items", os.path.join(spark, "items"), "--users", os.path.join(spark, "users"))

    @unittest.skipUnless(importlib.util.find_spec("pyarrow"), "pyarrow is not installed: parquet of Spark is not read")
    def test_parquet_of_spark_is_read_like_its_json(self):
        import pyarrow
        import pyarrow.parquet
        spark = os.path.join(PACKAGE, "tests", "spark", "items")
        ids, factors = nt.read_spark_factors(spark)
        folder = os.path.join(self.folder.name, "items")
        os.mkdir(folder)
        table = pyarrow.table({
            "id": pyarrow.array(ids, pyarrow.int32()),
            "features": pyarrow.array(factors.tolist(), pyarrow.list_(pyarrow.float32()))})
        pyarrow.parquet.write_table(table, os.path.join(folder, "part-00000.snappy.parquet"), compression="snappy")
        read_ids, read_factors = nt.read_spark_factors(folder)
        self.assertEqual(read_ids, ids)
        np.testing.assert_array_equal(read_factors, factors)

    @unittest.skipUnless(importlib.util.find_spec("implicit"), "implicit is not installed: its example is not run")
    def test_the_example_with_implicit_publishes(self):
        self.run_example("publish_implicit.py")


if __name__ == "__main__":
    unittest.main()
