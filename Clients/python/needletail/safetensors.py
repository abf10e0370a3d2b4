"""The safetensors format: a length, a JSON header, and the tensors' bytes."""

import json

import numpy as np

_NAMES = {np.dtype("<f4"): "F32", np.dtype("<i8"): "I64", np.dtype("u1"): "U8"}
ALIGNMENT = 64


def write(file, tensors, metadata=None):
    """Writes {name: array} to an open binary file. The data begin at a multiple of 64 bytes, so that whoever maps the
    file may read whole vectors; the order is that of the dict."""
    header = {"__metadata__": metadata} if metadata else {}
    arrays = []
    end = 0
    for name, array in tensors.items():
        array = np.ascontiguousarray(array)
        begin, end = end, end + array.nbytes
        header[name] = {"dtype": _NAMES[array.dtype], "shape": list(array.shape), "data_offsets": [begin, end]}
        arrays.append(array)
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-(8 + len(text)) % ALIGNMENT)
    file.write(len(text).to_bytes(8, "little"))
    file.write(text)
    for array in arrays:
        file.write(memoryview(array).cast("B") if array.size else b"")


def ids(name, values):
    """Ids as tensors: safetensors has no strings. `<name>.data` are their UTF-8 bytes, `<name>.offsets` where each
    begins, and one more for the end."""
    texts = [str(value).encode() for value in values]
    offsets = np.zeros(len(texts) + 1, dtype="<i8")
    np.cumsum([len(text) for text in texts], out=offsets[1:])
    return {f"{name}.data": np.frombuffer(b"".join(texts), dtype="u1"), f"{name}.offsets": offsets}
