# SPDX-License-Identifier: LGPL-2.1-or-later
"""A GGUF reader for tests, written from the specification alone."""

import struct

import numpy as np

_SCALAR = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f",
           7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
_NUMPY = {0: "u1", 1: "i1", 2: "<u2", 3: "<i2", 4: "<u4", 5: "<i4", 6: "<f4",
          7: "?", 10: "<u8", 11: "<i8", 12: "<f8"}
TYPES = {0: ("f32", "<f4"), 1: ("f16", "<f2")}


class _Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        out = self.data[self.at:self.at + n]
        assert len(out) == n, "file ends early"
        self.at += n
        return out

    def number(self, fmt):
        return struct.unpack(fmt, self.take(struct.calcsize(fmt)))[0]

    def string(self):
        return bytes(self.take(self.number("<Q")))

    def value(self, kind):
        if kind == 8:
            return self.string().decode()
        if kind != 9:
            return self.number(_SCALAR[kind])
        item, n = self.number("<I"), self.number("<Q")
        if item == 8:
            return [self.string() for _ in range(n)]
        dtype = np.dtype(_NUMPY[item])
        return np.frombuffer(self.take(n * dtype.itemsize), dtype)


def read_gguf(path):
    """(keys, tensors): tensors maps names to (type name, array); arrays have
    the slowest dimension first."""
    with open(path, "rb") as f:
        r = _Reader(f.read())
    assert r.take(4) == b"GGUF" and r.number("<I") == 3
    n_tensors, n_keys = r.number("<Q"), r.number("<Q")
    keys = {}
    for _ in range(n_keys):
        name = r.string().decode()
        assert name not in keys
        keys[name] = r.value(r.number("<I"))
    infos = []
    for _ in range(n_tensors):
        name = r.string().decode()
        dims = [r.number("<Q") for _ in range(r.number("<I"))]
        infos.append((name, dims, r.number("<I"), r.number("<Q")))
    align = keys.get("general.alignment", 32)
    start = -(-r.at // align) * align
    tensors = {}
    for name, dims, kind, offset in infos:
        assert offset % align == 0 and name not in tensors
        type_name, dtype = TYPES[kind]
        n = int(np.prod(dims)) * np.dtype(dtype).itemsize
        assert start + offset + n <= len(r.data)
        values = np.frombuffer(r.data, dtype, int(np.prod(dims)),
                               start + offset)
        tensors[name] = (type_name, values.reshape(dims[::-1]))
    return keys, tensors
