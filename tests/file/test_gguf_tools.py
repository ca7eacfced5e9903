#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Files of owl2-convert in the published GGUF tools: every key and tensor that
they find must be what read_gguf.py (and so the engine) finds, and every tensor,
dequantised by their code, must be equal bit for bit.

    test_gguf_tools.py OWL2_CONVERT QUANT_TOOL FOLDER MODEL.gguf ...

The tools, put into FOLDER where the system has them not:
  python3-gguf   Debian's package (sid), by its authors the reference in Python
  huggingface    npm's @huggingface/gguf; keys and tensor infos only
  ggml           the C library itself, inside npm's @node-llama-cpp/linux-x64
Exits 77 where none of them can be had."""

import ctypes
import importlib
import json
import pathlib
import platform
import shutil
import subprocess
import sys
import tempfile
import types

import numpy as np

import make_checkpoint
from read_gguf import BLOCKS, TYPES, read_gguf

KINDS = ("f32", "f16", "q8_0", "q4_k")
PACKAGES = {"@huggingface/gguf": "0.4.6", "@node-llama-cpp/linux-x64": "3.22.1"}
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
NUMBERS = {name: number for number, name in TYPES.items()}


class Missing(Exception):
    """A tool can't be had here."""


def call(*command, **options):
    """Standard output; Missing with the last line of the errors."""
    try:
        done = subprocess.run([str(c) for c in command], capture_output=True,
                              text=True, timeout=120, check=False, **options)
    except (OSError, subprocess.TimeoutExpired) as e:
        raise Missing(f"{command[0]}: {e}") from e
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise Missing(f"{command[0]}: {lines[-1][-200:] if lines else '?'}")
    return done.stdout


# ---- python3-gguf ----------------------------------------------------------


def download_from_sid(package, folder):
    """With a configuration of its own, apt leaves the system's lists alone. The
    mirror is the one the system uses."""
    sites = call("apt-get", "indextargets", "--format", "$(SITE)",
                 "Origin: Debian").split()
    if not sites or not pathlib.Path(KEYRING).exists():
        raise Missing("apt knows no mirror of Debian")
    for name in "lists/partial", "cache/archives/partial":
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "sources.list").write_text(
        f"deb [signed-by={KEYRING}] {sites[0]} sid main\n")
    (folder / "apt.conf").write_text(
        f'Dir::State "{folder}";\nDir::State::status "/dev/null";\n'
        f'Dir::State::lists "{folder}/lists";\nDir::Cache "{folder}/cache";\n'
        f'Dir::Etc::sourcelist "{folder}/sources.list";\n'
        'Dir::Etc::sourceparts "/dev/null";\nAcquire::Languages "none";\n'
        'APT::Sandbox::User "";\n')
    apt = ["apt-get", "-qq", "-c", folder / "apt.conf"]
    call(*apt, "update")
    call(*apt, "download", package, cwd=folder)


def python_gguf(folder):
    folder = folder / "python3-gguf"
    unpacked = folder / "usr/lib/python3/dist-packages"
    if not unpacked.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        try:
            return importlib.import_module("gguf")
        except ImportError:
            pass
        try:
            call("apt-get", "-qq", "download", "python3-gguf", cwd=folder)
        except Missing:
            with tempfile.TemporaryDirectory() as temp:
                temp = pathlib.Path(temp)
                download_from_sid("python3-gguf", temp)
                for deb in temp.glob("*.deb"):
                    shutil.copy(deb, folder)
        for deb in folder.glob("*.deb"):
            call("dpkg", "-x", deb, folder)
    sys.path.insert(0, str(unpacked))
    for name in "yaml", "requests", "tqdm":  # not for reading files
        try:
            importlib.import_module(name)
        except ImportError:
            sys.modules[name] = types.ModuleType(name)
    try:
        return importlib.import_module("gguf")
    except ImportError as e:
        raise Missing(str(e)) from e


class PythonGguf:
    def __init__(self, folder):
        self.gguf = python_gguf(folder)

    def read(self, path):
        reader = self.gguf.GGUFReader(path)
        keys = {name: field.contents() for name, field in reader.fields.items()
                if not name.startswith("GGUF.")}
        return keys, {
            t.name: (t.tensor_type.value, [int(n) for n in t.shape],
                     t.data_offset, self.gguf.quants.dequantize(
                         t.data, t.tensor_type).reshape(-1))
            for t in reader.tensors}

    def decode(self, kind, blocks):
        return self.gguf.quants.dequantize(
            blocks, self.gguf.GGMLQuantizationType(NUMBERS[kind])).reshape(-1)


# ---- npm -------------------------------------------------------------------


def npm_modules(folder):
    npm, folder = shutil.which("npm"), folder / "npm"
    if not npm:
        raise Missing("npm is not installed")
    folder.mkdir(parents=True, exist_ok=True)
    modules = folder / "node_modules"
    if not all((modules / name).is_dir() for name in PACKAGES):
        call(npm, "install", "--prefix", folder, "--no-save", "--no-audit",
             "--no-fund", "--ignore-scripts", "--force",
             *(f"{name}@{version}" for name, version in PACKAGES.items()))
    return modules


class HuggingFace:
    SCRIPT = """
      const { gguf } = require("@huggingface/gguf");
      gguf(process.argv[1], { allowLocalFile: true }).then(r =>
        console.log(JSON.stringify([r.metadata, Number(r.tensorDataOffset),
          r.tensorInfos], (k, v) => typeof v === "bigint" ? Number(v) :
          Number.isNaN(v) || v === Infinity || v === -Infinity ? `${v}` : v)));
    """

    def __init__(self, folder):
        self.modules = npm_modules(folder)
        if not shutil.which("node"):
            raise Missing("node is not installed")

    def read(self, path):
        done = subprocess.run(
            ["node", "-e", self.SCRIPT, str(path)], cwd=self.modules.parent,
            capture_output=True, text=True, timeout=120, check=True)
        keys, start, infos = json.loads(done.stdout)
        for name in "version", "tensor_count", "kv_count":
            del keys[name]
        return keys, {t["name"]: (t["dtype"], t["shape"], start + t["offset"],
                                  None) for t in infos}

    decode = None


class Ggml:
    """Functions of ggml.h and gguf.h, through ctypes."""
    SCALARS = {0: ctypes.c_uint8, 1: ctypes.c_int8, 2: ctypes.c_uint16,
               3: ctypes.c_int16, 4: ctypes.c_uint32, 5: ctypes.c_int32,
               6: ctypes.c_float, 7: ctypes.c_bool, 10: ctypes.c_uint64,
               11: ctypes.c_int64, 12: ctypes.c_double}
    GETTERS = {0: "u8", 1: "i8", 2: "u16", 3: "i16", 4: "u32", 5: "i32",
               6: "f32", 7: "bool", 10: "u64", 11: "i64", 12: "f64"}

    def __init__(self, folder):
        if platform.machine() != "x86_64":
            raise Missing("the library is for x86_64")
        found = list((npm_modules(folder) / "@node-llama-cpp").rglob(
            "libggml-base.so*"))
        if not found:
            raise Missing("the package has no libggml-base.so")
        try:
            self.lib = ctypes.CDLL(str(found[0]))
        except OSError as e:
            raise Missing(str(e)) from e

    def f(self, name, result, *args):
        function = getattr(self.lib, name)
        function.restype = result
        function.argtypes = [
            ctypes.c_void_p if isinstance(a, int) and a > 1 << 31 else
            ctypes.c_char_p if isinstance(a, bytes) else
            ctypes.c_int64 for a in args]
        return function(*args)

    def key(self, file, i):
        kind = self.f("gguf_get_kv_type", ctypes.c_int, file, i)
        if kind == 8:
            return self.f("gguf_get_val_str", ctypes.c_char_p, file, i)
        if kind != 9:
            return self.f(f"gguf_get_val_{self.GETTERS[kind]}",
                          self.SCALARS[kind], file, i)
        n = self.f("gguf_get_arr_n", ctypes.c_size_t, file, i)
        item = self.f("gguf_get_arr_type", ctypes.c_int, file, i)
        if item == 8:
            return [self.f("gguf_get_arr_str", ctypes.c_char_p, file, i, j)
                    for j in range(n)]
        at = self.f("gguf_get_arr_data", ctypes.c_void_p, file, i)
        return list((self.SCALARS[item] * n).from_address(at))

    def read(self, path):
        class Params(ctypes.Structure):
            _fields_ = [("no_alloc", ctypes.c_bool), ("ctx", ctypes.c_void_p)]

        init = self.lib.gguf_init_from_file
        init.restype, init.argtypes = ctypes.c_void_p, [ctypes.c_char_p, Params]
        file = init(str(path).encode(), Params(True, None))
        if not file:
            raise ValueError(f"{path} is refused")
        data = np.memmap(path, "u1", "r")
        start = self.f("gguf_get_data_offset", ctypes.c_size_t, file)
        keys = {self.f("gguf_get_key", ctypes.c_char_p, file, i).decode():
                self.key(file, i) for i in
                range(self.f("gguf_get_n_kv", ctypes.c_int64, file))}
        tensors = {}
        for i in range(self.f("gguf_get_n_tensors", ctypes.c_int64, file)):
            name = self.f("gguf_get_tensor_name", ctypes.c_char_p, file, i)
            kind = self.f("gguf_get_tensor_type", ctypes.c_int, file, i)
            size = self.f("gguf_get_tensor_size", ctypes.c_size_t, file, i)
            offset = start + self.f("gguf_get_tensor_offset", ctypes.c_size_t,
                                    file, i)
            dims = []
            if hasattr(self.lib, "gguf_get_tensor_ne"):
                ne = self.f("gguf_get_tensor_ne", ctypes.c_void_p, file, i)
                dims = list((ctypes.c_int64 * 4).from_address(ne))
            tensors[name.decode()] = (
                kind, dims, offset,
                self.decode(TYPES[kind], data[offset:offset + size]))
        self.f("gguf_free", None, file)
        return keys, tensors

    def decode(self, kind, blocks):
        if kind in ("f32", "f16"):
            return blocks.view("<f4" if kind == "f32" else "<f2")
        blocks = np.ascontiguousarray(blocks).reshape(-1)
        n = blocks.size // BLOCKS[kind][1] * BLOCKS[kind][0]
        out = np.empty(n, "<f4")
        self.f("dequantize_row_" + kind.replace("k", "K"), None,
               blocks.ctypes.data, out.ctypes.data, n)
        return out

    def encode(self, kind, values):
        blocks = np.zeros(values.size // BLOCKS[kind][0] * BLOCKS[kind][1],
                          "u1")
        self.f(f"quantize_row_{kind.replace('k', 'K')}_ref", None,
               values.ctypes.data, blocks.ctypes.data, values.size)
        return blocks


# ---- comparing -------------------------------------------------------------


class Report:
    def __init__(self):
        self.passed = self.failed = 0

    def check(self, what, ok, detail=""):
        self.passed += bool(ok)
        self.failed += not ok
        if not ok:
            print(f"FAIL {what} {detail}"[:400], flush=True)
        return bool(ok)


def plain(value):
    """Strings as bytes, numbers as f64 of their f32, arrays as lists."""
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, (list, np.ndarray)):
        return [plain(v) for v in value]
    if isinstance(value, (float, np.floating)):
        return float(np.float32(value))
    return value if isinstance(value, (bytes, bool)) else int(value)


def same_bits(a, b):
    """Of equal numbers as f32: an f16 may have been widened."""
    a = np.ascontiguousarray(a, "<f4").reshape(-1)
    b = np.ascontiguousarray(b, "<f4").reshape(-1)
    return a.shape == b.shape and bool((a.view("u4") == b.view("u4")).all())


def check_file(report, name, tool, path):
    what = f"{name} {path.name}"
    want_keys, want = read_gguf(path)
    _, raw = read_gguf(path, raw=True)
    keys, tensors = tool.read(path)
    report.check(f"{what} keys", keys.keys() == want_keys.keys(),
                 sorted(keys.keys() ^ want_keys.keys()))
    for key in keys.keys() & want_keys.keys():
        report.check(f"{what} {key}",
                     plain(keys[key]) == plain(want_keys[key]),
                     f"{str(keys[key])[:100]} for {str(want_keys[key])[:100]}")
    report.check(f"{what} tensors", tensors.keys() == want.keys(),
                 sorted(tensors.keys() ^ want.keys()))
    data = np.memmap(path, "u1", "r")
    for t in tensors.keys() & want.keys():
        kind, dims, offset, values = tensors[t]
        shape = list(want[t][1].shape[::-1])
        dims = dims[:len(shape)] if dims[len(shape):] in (
            [], [1] * (4 - len(shape))) else dims
        report.check(f"{what} {t} type", TYPES.get(kind) == want[t][0], kind)
        report.check(f"{what} {t} shape", not dims or dims == shape,
                     f"{dims} for {shape}")
        bytes_ = raw[t][1].reshape(-1)
        report.check(f"{what} {t} bytes", (
            data[offset:offset + bytes_.size] == bytes_).all(), offset)
        if values is not None:
            report.check(f"{what} {t} values", same_bits(values, want[t][1]))
    return len(keys), len(tensors)


def run_quant(tool, *args, data):
    return subprocess.run([tool, *args], input=data, capture_output=True,
                          check=True).stdout


def check_blocks(report, name, tool, quant_tool):
    """The engine's own decoder on random bytes, every finite scale there is;
    and its encoder beside theirs."""
    rng = np.random.default_rng(7)
    for kind in "q8_0", "q4_k":
        block, size = BLOCKS[kind]
        blocks = rng.integers(0, 256, (40000, size), np.uint8)
        halves = np.arange(1 << 16, dtype="<u2")
        halves = halves[halves & 0x7c00 != 0x7c00]
        for at in (0, 2) if kind == "q4_k" else (0,):
            blocks[:, at:at + 2] = rng.permutation(halves)[:40000].reshape(
                -1, 1).view("u1")
        ours = np.frombuffer(run_quant(quant_tool, "decode", kind,
                                       data=blocks.tobytes()), "<f4")
        report.check(f"{name} {kind} random blocks",
                     same_bits(ours, tool.decode(kind, blocks)))
        if not hasattr(tool, "encode"):
            continue
        values = np.concatenate([
            rng.standard_normal(block * 2000), rng.standard_t(3, block * 2000),
            rng.uniform(-1, 3, block * 2000)]).astype("<f4")
        ours = np.frombuffer(run_quant(quant_tool, kind,
                                       data=values.tobytes()),
                             "u1")[:values.size // block * size]
        theirs = tool.encode(kind, values)
        errors = [float(((tool.decode(kind, b) - values) ** 2).mean() ** .5)
                  for b in (ours, theirs)]
        print(f"{name} {kind}: {(ours == theirs).mean():.1%} of the encoders' "
              f"bytes are equal, RMS errors {errors[0]:.6f} (owl2-convert) and "
              f"{errors[1]:.6f}", flush=True)
        # Both search for the scales of Q4_K in their own steps.
        report.check(f"{name} {kind} encoder", errors[0] <= errors[1] * 1.02,
                     errors)


def main():
    convert, quant_tool, folder = map(pathlib.Path, sys.argv[1:4])
    paths = [pathlib.Path(p).resolve() for p in sys.argv[4:]]
    tools, report = {}, Report()
    for name, make in (("python3-gguf", PythonGguf),
                       ("huggingface", HuggingFace), ("ggml", Ggml)):
        try:
            tools[name] = make(folder.resolve())
        except Missing as e:
            print(f"{name} is left out: {e}", flush=True)
    if not tools:
        return 77
    with tempfile.TemporaryDirectory() as temp:
        temp = pathlib.Path(temp)
        make_checkpoint.make_case("blocks", temp / "blocks")
        for kind in KINDS:  # rows of whole blocks of every type
            paths.append(temp / f"blocks-{kind}.gguf")
            subprocess.run([convert, "--type", kind, temp / "blocks",
                            paths[-1]], check=True, capture_output=True)
        for name, tool in tools.items():
            counts = [check_file(report, name, tool, p) for p in paths]
            print(f"{name}: {len(paths)} files, {sum(c[0] for c in counts)} "
                  f"keys and {sum(c[1] for c in counts)} tensors equal"
                  if not report.failed else f"{name}: differences", flush=True)
            if tool.decode:
                check_blocks(report, name, tool, quant_tool)
    print(f"{report.passed} passed, {report.failed} failed")
    return 1 if report.failed or not report.passed else 0


if __name__ == "__main__":
    sys.exit(main())
