# SPDX-License-Identifier: LGPL-2.1-or-later
"""A GGUF reader for tests, written from the specification alone, a way to
change the types of a file's tensors, and the published names of tensors."""

import functools
import mmap
import pathlib
import re
import struct

import numpy as np

_SCALAR = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f",
           7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
_NUMPY = {0: "u1", 1: "i1", 2: "<u2", 3: "<i2", 4: "<u4", 5: "<i4", 6: "<f4",
          7: "?", 10: "<u8", 11: "<i8", 12: "<f8"}
TYPES = {0: "f32", 1: "f16", 8: "q8_0", 12: "q4_k"}
BLOCKS = {"f32": (1, 4), "f16": (1, 2), "q8_0": (32, 34), "q4_k": (256, 144)}


@functools.cache
def _names():
    """[(pattern of names in a file, what they are in a checkpoint)], read from
    the engine's table."""
    path = pathlib.Path(__file__).parents[2] / "engine" / "file" / "tensors.inc"
    text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)
    parts = {part: names for part, *names in re.findall(
        r'PART \((\w+), "([^"]*)",\s*"([^"]*)"', text)}
    out = []
    for part, kind, name, source in re.findall(
            r'TENSOR \((\w+), (\w+), "([^"]*)",\s*"([^"]*)"', text):
        pattern = re.escape(parts[part][0]).replace("%u", r"(\d+)")
        both = r"(\.weight|\.bias)" if kind in ("LINEAR", "NORM") else "()"
        number = 2 if "%u" in parts[part][0] else 1
        out.append((pattern + re.escape(name) + both,
                    parts[part][1].replace("%u", r"\1") + source
                    + f"\\{number}"))
    return out


def published(name):
    """The name in a published checkpoint of the tensor @name of a file."""
    for pattern, source in _names():
        match = re.fullmatch(pattern, name)
        if match:
            return match.expand(source)
    raise KeyError(name)


def decode_q8_0(blocks):
    """[n][34] bytes -> [n][32] values: f16 d, then 32 signed bytes."""
    d = blocks[:, :2].copy().view("<f2").astype(np.float32)
    return d * blocks[:, 2:].copy().view("i1").astype(np.float32)


def decode_q4_k(blocks):
    """[n][144] bytes -> [n][256] values: f16 d and dmin; the 6-bit scales and
    mins of 8 groups; 32 bytes for each two groups, low nibbles first. A group
    whose number has bits in two places is put together here bit by bit."""
    n = len(blocks)
    d = blocks[:, 0:2].copy().view("<f2").astype(np.float32)
    dmin = blocks[:, 2:4].copy().view("<f2").astype(np.float32)
    packed = blocks[:, 4:16].astype(np.uint32)
    scale = np.empty((n, 8), np.uint32)
    least = np.empty((n, 8), np.uint32)
    scale[:, :4] = packed[:, 0:4] % 64
    least[:, :4] = packed[:, 4:8] % 64
    scale[:, 4:] = packed[:, 8:12] % 16 + packed[:, 0:4] // 64 * 16
    least[:, 4:] = packed[:, 8:12] // 16 + packed[:, 4:8] // 64 * 16
    nibbles = blocks[:, 16:].reshape(n, 4, 1, 32)
    quants = np.concatenate([nibbles % 16, nibbles // 16], axis=2)
    quants = quants.reshape(n, 8, 32).astype(np.float32)
    # Each product and the difference are rounded to f32 once.
    factor = (d * scale.astype(np.float32))[:, :, None]
    offset = (dmin * least.astype(np.float32))[:, :, None]
    return (factor * quants - offset).reshape(n, 256)


def decode(type_name, raw):
    """Flat values of the bytes @raw, f16 staying what it is."""
    if type_name in ("f32", "f16"):
        return raw.view("<f4" if type_name == "f32" else "<f2")
    blocks = raw.reshape(-1, BLOCKS[type_name][1])
    return (decode_q8_0 if type_name == "q8_0" else decode_q4_k)(
        blocks).reshape(-1)


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


def _open(path):
    with open(path, "rb") as f:  # mapped: files may be larger than memory
        return _Reader(mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ))


def _read_header(r):
    """(keys, [(name, dims, type, offset)], where the keys end)."""
    assert r.take(4) == b"GGUF" and r.number("<I") == 3
    n_tensors, n_keys = r.number("<Q"), r.number("<Q")
    keys = {}
    for _ in range(n_keys):
        name = r.string().decode()
        assert name not in keys
        keys[name] = r.value(r.number("<I"))
    end, infos = r.at, []
    for _ in range(n_tensors):
        name = r.string().decode()
        dims = [r.number("<Q") for _ in range(r.number("<I"))]
        infos.append((name, dims, r.number("<I"), r.number("<Q")))
    return keys, infos, end


def read_gguf(path, raw=False):
    """(keys, tensors): tensors maps names to (type name, array); arrays have
    the slowest dimension first. @raw: the bytes, a row of blocks a row."""
    r = _open(path)
    keys, infos, _ = _read_header(r)
    align = keys.get("general.alignment", 32)
    start = -(-r.at // align) * align
    tensors = {}
    for name, dims, kind, offset in infos:
        assert offset % align == 0 and name not in tensors
        type_name = TYPES[kind]
        block, size = BLOCKS[type_name]
        assert dims[0] % block == 0
        n = int(np.prod(dims)) // block * size
        assert start + offset + n <= len(r.data)
        data = np.frombuffer(r.data, "u1", n, start + offset)
        if raw:
            shape = dims[:0:-1] + [dims[0] // block * size]
        else:
            data, shape = decode(type_name, data), dims[::-1]
        tensors[name] = (type_name, data.reshape(shape))
    return keys, tensors


def rewrite_gguf(path, out, replaced):
    """@path again as @out, the tensors of @replaced (name -> (type name,
    bytes)) in other types; keys stay as they are, byte for byte."""
    r = _open(path)
    keys, infos, end = _read_header(r)
    _, tensors = read_gguf(path, raw=True)
    align = keys.get("general.alignment", 32)
    header, data = [bytes(r.data[:end])], []
    at = 0
    for name, dims, _, _ in infos:
        type_name, value = replaced.get(name) or tensors[name]
        value = bytes(value)
        kind = {v: k for k, v in TYPES.items()}[type_name]
        header.append(struct.pack("<Q", len(name)) + name.encode() + struct.pack(
            f"<I{len(dims)}QIQ", len(dims), *dims, kind, at))
        data.append(value + bytes(-len(value) % align))
        at += len(data[-1])
    size = sum(map(len, header))
    with open(out, "wb") as f:
        f.write(b"".join(header) + bytes(-size % align))
        f.writelines(data)
