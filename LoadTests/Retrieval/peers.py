"""The peers: how each is built, saved, loaded and asked, as its authors recommend.

A peer names its builds (what is decided before the vectors go in) and, for each, lines of settings: within a line recall and
time rise from one setting to the next, so whoever sweeps it may stop early. A setting is a tuple of numbers; `searcher`
makes a call of it that takes one query and returns ids. Only `build` may use more than one core.
"""

import os
import pathlib

import numpy as np


def steps(low, high, ratio):
    """Whole numbers from low to high, each about `ratio` times the one before."""
    numbers, at = [], float(low)
    while round(at) < high:
        if not numbers or round(at) > numbers[-1]:
            numbers.append(round(at))
        at *= ratio
    return numbers + [high]


def depths(k):
    """How many of the first stage's results are looked at again: from barely more than the answer on."""
    return [20, 40, 80, 160, 320, 640] if k <= 10 else [130, 200, 320, 500, 800, 1300]


class Peer:
    name = ""
    # Seconds that a build of a million takes, for the time left: measured on two Zen 4 cores.
    million_s = 60

    def builds(self, items, unit_norms, thorough):
        """Parameters by label."""
        raise NotImplementedError

    def build(self, base, parameters, threads):
        raise NotImplementedError

    def lines(self, parameters, k, items):
        """Lists of settings; within each recall and time rise."""
        raise NotImplementedError

    def describe(self, setting):
        raise NotImplementedError

    def nothing(self, base, k):
        """A call on an index of k vectors: what the binding costs, and little else. A few vectors are not enough for a
        clustering: then the simplest index that the binding has stands in."""
        raise NotImplementedError


class Scann(Peer):
    """Tree, anisotropic 4-bit codes of 2 dimensions, reordering. Below 20,000 vectors its authors advise brute force,
    below 100,000 codes without a tree (docs/algorithms.md); the tree is tried there too."""

    name = "scann"
    anisotropic_threshold = 0.2
    soar_lambda, overretrieve = 1.5, 1.8

    def builds(self, items, unit_norms, thorough):
        root = items ** 0.5
        counts = [max(round(root * factor / 50) * 50, 50) for factor in (1, 2)]
        found = {}
        if items < 100_000:
            found["no tree, int8 reorder"] = {"leaves": 0, "rows": "INT8"}
        if items < 20_000:
            found["brute force, int8"] = {"leaves": 0, "rows": "INT8", "codes": False}
        for leaves in counts:
            found[f"{leaves} leaves, int8 centroids and reorder"] = {"leaves": leaves, "rows": "INT8", "small": True}
        found[f"{counts[1]} leaves, int8 centroids, bf16 reorder"] = {"leaves": counts[1], "rows": "BFLOAT16", "small": True}
        found[f"{counts[1]} leaves, SOAR, int8 centroids and reorder"] = {
            "leaves": counts[1], "rows": "INT8", "soar": True, "small": True}
        # Slower here at every recall: four times the root, float centroids and rows, SOAR beside other numbers of leaves.
        for leaves in [*counts, 2 * counts[1]] if thorough else ():
            for label, more in (("", {"rows": "FLOAT32"}), (", SOAR", {"rows": "FLOAT32", "soar": True}),
                                (", int8 centroids and reorder", {"rows": "INT8", "small": True}),
                                (", SOAR, int8 centroids, bf16 reorder", {"rows": "BFLOAT16", "soar": True, "small": True})):
                found[f"{leaves} leaves{label}"] = {"leaves": leaves, **more}
        return found

    def build(self, base, parameters, threads):
        from scann import scann_ops_pybind
        from scann.scann_ops.py.scann_builder import ReorderType
        make = scann_ops_pybind.builder(base, 10, "dot_product")
        rows = ReorderType[parameters["rows"]]
        if parameters["leaves"]:
            tree = {"soar_lambda": self.soar_lambda, "overretrieve_factor": self.overretrieve} if parameters.get("soar") else {}
            make = make.tree(
                num_leaves=parameters["leaves"], num_leaves_to_search=10, training_sample_size=min(len(base), 250_000),
                quantize_centroids=parameters.get("small", False), **tree)
        if parameters.get("codes", True):
            make = make.score_ah(2, anisotropic_quantization_threshold=self.anisotropic_threshold).reorder(100, quantize=rows)
        else:
            make = make.score_brute_force(quantize=rows)
        return make.set_n_training_threads(threads).build()

    def save(self, index, folder):
        folder.mkdir(parents=True, exist_ok=True)
        index.serialize(str(folder), relative_path=True)

    def load(self, folder):
        from scann import scann_ops_pybind
        # With relative paths it looks beside the working folder.
        here = os.getcwd()
        os.chdir(folder)
        try:
            return scann_ops_pybind.load_searcher(".")
        finally:
            os.chdir(here)

    def lines(self, parameters, k, items):
        leaves = parameters["leaves"]
        if not parameters.get("codes", True):
            return [[(0, k)]]
        if not leaves:
            return [[(0, depth) for depth in sorted({k, 2 * k, *depths(k)})]]
        return [[(probe, depth) for probe in steps(2, leaves // 3, 1.35)] for depth in depths(k)]

    def searcher(self, index, setting, k):
        probe, depth = setting
        ask, probe = index.searcher.search, probe or -1
        return lambda query: ask(query, k, depth, probe)[0]

    def describe(self, setting):
        return f"{setting[0]} leaves, {setting[1]} reordered" if setting[0] else f"{setting[1]} reordered"

    def nothing(self, base, k):
        from scann import scann_ops_pybind
        index = scann_ops_pybind.builder(base[:k], k, "dot_product").score_brute_force().build()
        return self.searcher(index, (0, k), k)


class Faiss(Peer):
    refine = "Refine(SQ8)"

    def build(self, base, parameters, threads):
        import faiss
        faiss.omp_set_num_threads(threads)
        index = faiss.index_factory(base.shape[1], parameters["factory"], faiss.METRIC_INNER_PRODUCT)
        if "construction" in parameters:
            index.hnsw.efConstruction = parameters["construction"]
        sample = np.random.default_rng(0).choice(len(base), min(len(base), 200_000), replace=False)
        index.train(base[np.sort(sample)])
        index.add(base)
        return index

    def save(self, index, folder):
        import faiss
        folder.mkdir(parents=True, exist_ok=True)
        faiss.write_index(index, str(folder / "index"))

    def load(self, folder):
        import faiss
        faiss.omp_set_num_threads(1)
        return faiss.read_index(str(folder / "index"))

    def nothing(self, base, k):
        import faiss
        faiss.omp_set_num_threads(1)
        index = faiss.IndexFlatIP(base.shape[1])
        index.add(np.ascontiguousarray(base[:k]))
        return lambda query: index.search(query[None], k)[1]

    @staticmethod
    def lists(items):
        return 4096 if items >= 300_000 else max(64, int(2 * items ** 0.5))


class FaissLists(Faiss):
    """Lists with 4-bit codes that are scanned in registers, then 8-bit rows."""

    def lines(self, parameters, k, items):
        return [[(probe, depth / k) for probe in steps(1, self.lists(items) // 3, 1.5)] for depth in depths(k)]

    def searcher(self, index, setting, k):
        import faiss
        lists = faiss.SearchParametersIVF(nprobe=int(setting[0]))
        ask = faiss.IndexRefineSearchParameters(k_factor=float(setting[1]), base_index_params=lists)
        return lambda query: index.search(query[None], k, params=ask)[1]

    def describe(self, setting):
        return f"{setting[0]} lists, {setting[1]:g} × k refined"


class FaissPQ(FaissLists):
    name = "faiss IVF-PQ fast scan"

    def builds(self, items, unit_norms, thorough):
        # One code for two dimensions, as ScaNN's.
        lists = self.lists(items)
        return {f"{lists} lists, {self.refine}": {"factory": f"IVF{lists},PQ{{half}}x4fs,{self.refine}"}}

    def build(self, base, parameters, threads):
        return super().build(base, {"factory": parameters["factory"].format(half=base.shape[1] // 2)}, threads)


class FaissRaBitQ(FaissLists):
    name = "faiss RaBitQ fast scan"

    def builds(self, items, unit_norms, thorough):
        lists = self.lists(items)
        return {f"{lists} lists, {self.refine}": {"factory": f"IVF{lists},RaBitQfs,{self.refine}"}}


class FaissGraph(Faiss):
    name = "faiss HNSW SQ8"
    million_s = 200

    def builds(self, items, unit_norms, thorough):
        return {"32 links": {"factory": "HNSW32,SQ8", "construction": 80}}

    def lines(self, parameters, k, items):
        return [[(width,) for width in steps(k, 1500, 1.4)]]

    def searcher(self, index, setting, k):
        import faiss
        ask = faiss.SearchParametersHNSW(efSearch=int(setting[0]))
        return lambda query: index.search(query[None], k, params=ask)[1]

    def describe(self, setting):
        return f"ef {setting[0]}"


class Hnswlib(Peer):
    name = "hnswlib"
    million_s = 250

    def builds(self, items, unit_norms, thorough):
        return {"16 links": {"links": 16}, **({"32 links": {"links": 32}} if thorough else {})}

    def build(self, base, parameters, threads):
        import hnswlib
        index = hnswlib.Index("ip", base.shape[1])
        index.init_index(len(base), ef_construction=200, M=parameters["links"], random_seed=1)
        index.set_num_threads(threads)
        index.add_items(base)
        return index

    def save(self, index, folder):
        folder.mkdir(parents=True, exist_ok=True)
        index.save_index(str(folder / "index"))
        (folder / "dimensions").write_text(str(index.dim))

    def load(self, folder):
        import hnswlib
        index = hnswlib.Index("ip", int((folder / "dimensions").read_text()))
        index.load_index(str(folder / "index"))
        index.set_num_threads(1)
        return index

    def lines(self, parameters, k, items):
        return [[(width,) for width in steps(k, 1500, 1.4)]]

    def searcher(self, index, setting, k):
        index.set_ef(int(setting[0]))
        return lambda query: index.knn_query(query, k, num_threads=1)[0]

    def describe(self, setting):
        return f"ef {setting[0]}"

    def nothing(self, base, k):
        index = self.build(base[:k], {"links": 16}, 1)
        return self.searcher(index, (k,), k)


class Usearch(Peer):
    kind = "f16"
    million_s = 150

    @property
    def name(self):
        return f"usearch {self.kind}"

    def builds(self, items, unit_norms, thorough):
        # Its i8 keeps no lengths: only for unit vectors.
        return {"16 links": {"kind": self.kind}} if unit_norms or self.kind != "i8" else {}

    def build(self, base, parameters, threads):
        from usearch.index import Index
        index = Index(ndim=base.shape[1], metric="cos" if parameters["kind"] == "i8" else "ip", dtype=parameters["kind"],
                      connectivity=16, expansion_add=128)
        index.add(np.arange(len(base)), base, threads=threads)
        return index

    def save(self, index, folder):
        folder.mkdir(parents=True, exist_ok=True)
        index.save(str(folder / "index"))

    def load(self, folder):
        from usearch.index import Index
        return Index.restore(str(folder / "index"), view=False)

    def lines(self, parameters, k, items):
        return [[(width,) for width in steps(k, 1500, 1.4)]]

    def searcher(self, index, setting, k):
        def ask(query):
            # Other settings of the same index may have been asked in between.
            return index.search(query, k, threads=1).keys
        index.expansion_search = int(setting[0])
        return ask

    def describe(self, setting):
        return f"ef {setting[0]}"

    def nothing(self, base, k):
        index = self.build(base[:k], {"kind": self.kind}, 1)
        return self.searcher(index, (k,), k)


class UsearchBytes(Usearch):
    kind = "i8"


PEERS = {peer.name: peer for peer in (Scann(), FaissPQ(), FaissRaBitQ(), FaissGraph(), Hnswlib(), Usearch(), UsearchBytes())}


def size_on_disk(folder):
    return sum(path.stat().st_size for path in pathlib.Path(folder).rglob("*") if path.is_file() and path.name != "facts.json")
