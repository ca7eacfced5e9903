#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a device computes is looked at before it is believed: a driver that is
right is tried once, in little time; one that compiles a kernel wrongly is
refused by the kernel's name and never taken for right.

usage: test_verify.py LOAD_ALL LAYER_DIR SHADERS_DIR KEPT_SPIRV_DIR

OWL2_LONG: all kernels of the model and the rarer ones are broken, in two ways;
else one way for a few."""

import os
import pathlib
import random
import re
import struct
import subprocess
import sys
import tempfile
import zlib

LONG = bool(os.environ.get("OWL2_LONG"))
# Instructions that are taken for others of the same form: products for sums, sums
# for differences, differences for sums; what atomically adds, for what subtracts.
SWAPS = {133: 129, 129: 131, 131: 129, 234: 235}
OP_NOP, OP_STORE, OP_ACCESS_CHAIN, OP_ATOMIC_ADD = 0, 62, 65, 234
# Kernels of each kind that a short run breaks, by the beginning of the name.
FEW = ["matmul", "attention"]

passed = failed = 0


def check(ok, text):
    global passed, failed
    passed += bool(ok)
    failed += not ok
    if not ok:
        print(f"FAIL {text}")


def run(program, cache, env, *args):
    result = subprocess.run([program, cache, *args], text=True, timeout=300,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            env={**os.environ, **env})
    return result.returncode, result.stdout


def instructions(words):
    at = 5
    while at < len(words):
        yield at, words[at] & 0xFFFF, words[at] >> 16
        at += words[at] >> 16


def mutants(code):
    """(text, code) of a module that computes something else. What variants of it
    leave out is changed as well."""
    words = struct.unpack(f"<{len(code) // 4}I", code)
    parts = list(instructions(words))
    swapped, silent = list(words), list(words)
    # Elements of buffers and of shared memory; not what counts a loop.
    elements = {words[at + 2] for at, op, _ in parts if op == OP_ACCESS_CHAIN}
    # Two that subtract would make up for each other.
    atomics = [at for at, op, _ in parts if op == OP_ATOMIC_ADD]
    for at, op, length in parts:
        if op in SWAPS and at not in atomics[:-1]:
            swapped[at] = words[at] & 0xFFFF0000 | SWAPS[op]
        if op == OP_STORE and words[at + 1] in elements:
            silent[at:at + length] = [1 << 16 | OP_NOP] * length
    for text, new in (("operations are others", swapped),
                      ("it writes nothing", silent)):
        if tuple(new) != words:
            yield text, struct.pack(f"<{len(new)}I", *new)


def shaders(folders):
    """CRC and length to name and path."""
    found = {}
    for folder in folders:
        for path in pathlib.Path(folder).glob("*.spv"):
            code = path.read_bytes()
            found.setdefault((len(code), zlib.crc32(code)), path)
    return found


def right_driver(program, temp, env):
    """Returns what the program said with all kernels."""
    cache = temp / "cache"
    rc, out = run(program, cache, env)
    if rc == 77:
        print(out)
        sys.exit(77)
    check(rc == 0, f"the model does not load: {out}")
    tried = re.search(r"tried (\d+) kernels of (\d+) in [\d.]+ ms, "
                      r"([\d.]+) ms of the processors", out)
    check(tried and int(tried[1]) > 10, f"nothing was tried: {out}")
    if tried:
        print(tried[0])
        # Time that others take is none of ours; a sanitizer's is no measure, nor
        # that of a driver without the processor's vector units.
        if "llvmpipe" in out and "ASAN_OPTIONS" not in os.environ:
            check(float(tried[3]) < 100, f"{tried[0]}: the limit is 100 ms")
    files = list(cache.glob("*.right"))
    check(len(files) == 1, f"no record of what was right: {files}")
    check(files and files[0].stat().st_mode & 0o777 == 0o600,
          "the record is others' to read")
    rc, out = run(program, cache, env)
    check(rc == 0 and "tried" not in out, f"it was tried again: {out}")
    # A record that was changed, cut or made by another build is none.
    good = files[0].read_bytes()
    for what, text in (("changed", good.replace(b"\n", b"\na", 2)),
                       ("cut", good[:-9]), ("empty", b""),
                       ("binary", os.urandom(4096))):
        files[0].write_bytes(text)
        rc, out = run(program, cache, env)
        check(rc == 0 and "tried" in out, f"a record that is {what}: {out}")
        check(files[0].read_bytes() != text, f"a record stays {what}")
        if not LONG:
            break
    files[0].chmod(0o602)
    rc, out = run(program, cache, env)
    check(rc == 0 and "tried" in out, f"a record that anybody writes: {out}")
    return cache


def main():
    program, layer_dir, *folders = sys.argv[1:]
    with tempfile.TemporaryDirectory() as name:
        temp = pathlib.Path(name)
        env = {"VK_INSTANCE_LAYERS": "VK_LAYER_OWL2_wrong",
               "VK_LAYER_PATH": layer_dir,
               "OWL2_WRONG_LIST": str(temp / "list")}
        right_driver(program, temp, env)
        rc, out = run(program, temp / "all", env, "all")
        check(rc == 0, f"the rarer kernels do not run: {out}")
        check("there is no trial" not in out,
              f"some kernel has no trial: {out}")
        known, used = shaders(folders), {}
        for line in (temp / "list").read_text().splitlines():
            size, crc = line.split()
            used[known[int(size), int(crc, 16)]] = None
        paths = sorted(used)
        check(len(paths) > 15, f"few shaders are seen: {paths}")
        if not LONG:
            seed = random.randrange(1000)
            print(f"seed {seed}")
            paths = [random.Random(seed).choice(
                [p for p in paths if p.name.startswith(few)]) for few in FEW]
        n = 0
        for path in paths:
            broken = list(mutants(path.read_bytes()))
            check(broken, f"{path.stem}: nothing can be changed")
            for text, code in broken if LONG else broken[:1]:
                n += 1
                wrong, cache = temp / "wrong.spv", temp / f"cache{n}"
                wrong.write_bytes(code)
                # Twice: no record says that it is right.
                for _ in range(2 if n == 1 else 1):
                    rc, out = run(program, cache, {
                        **env, "OWL2_WRONG_FROM": str(path),
                        "OWL2_WRONG_TO": str(wrong)}, "all")
                    error = out.splitlines()[-1] if out else ""
                    check(rc == 1 and f"'{path.stem}'" in error
                          and "computes wrong numbers" in error,
                          f"{path.stem}: {text}: {rc}, {error}")
                if LONG:
                    print(f"  {error}")
        print(f"{len(paths)} kernels broken in {n} ways")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
