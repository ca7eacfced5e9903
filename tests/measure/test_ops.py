# SPDX-License-Identifier: LGPL-2.1-or-later
"""owl2-bench --ops: what it counts is what the model's file says, its shares
are shares, the table says what the JSON says, and a device without timestamps
is told of and counted on all the same.

usage: test_ops.py BENCH MODEL [NO_TIMESTAMPS_LIBRARY]"""

import json
import math
import os
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "file"))
from read_gguf import BLOCKS, read_gguf  # noqa: E402

passed = failed = 0
STAGES = "encode", "prefill", "decode"
COUNTED = "commands", "bytes", "weight_bytes", "flops"


def check(ok, text):
    global passed, failed
    passed += bool(ok)
    failed += not ok
    print("ok" if ok else "FAIL", text[:1500], flush=True)


def call(bench, model, *arguments, **more):
    env = dict(os.environ)
    for name, value in more.items():
        env[name] = " ".join(filter(None, [env.get(name), value]))
    r = subprocess.run([bench, "--ops", "--model", model, *arguments],
                       capture_output=True, text=True, timeout=250, env=env)
    check(r.returncode == 0, f"exit {r.returncode}: {r.stderr}")
    return r


def parse(r):
    """(rates, {stage: (operations, their sum)})"""
    lines = [json.loads(line) for line in r.stdout.splitlines()]
    rates = {x["rate"]: x for x in lines if "rate" in x}
    ops = [x for x in lines if "op" in x]
    check(list(dict.fromkeys(x["of"] for x in ops)) == list(STAGES),
          f"stages {[x['of'] for x in ops]}")
    stages = {}
    for stage in STAGES:
        of = [x for x in ops if x["of"] == stage]
        check([x["op"] == "all" for x in of] == [False] * (len(of) - 1) + [True],
              f"{stage}: one sum, at the end")
        stages[stage] = of[:-1], of[-1]
    return rates, stages


def padded(n):
    return -(-n // 16) * 16


def weights(path):
    """{name: (rows, columns, bytes on the device)} of the matrices."""
    out = {}
    for name, (kind, array) in read_gguf(path, raw=True)[1].items():
        if array.ndim == 2 and name.endswith("weight"):
            block, size = BLOCKS[kind]
            n, row = array.shape
            out[name] = n, row // size * block, n * padded(row)
    return out


def check_sums(rates, stages):
    for stage, (ops, total) in stages.items():
        for key in (*COUNTED, "bound_ms"):
            check(math.isclose(sum(x[key] for x in ops), total[key],
                               rel_tol=1e-9), f"{stage}: sum of {key}")
        for x in ops:
            bound = max(x["bytes"] / rates["copy"]["gbytes_per_s"],
                        x["flops"] / rates["multiply-add"]["gflops"]) / 1e6
            check(math.isclose(bound, x["bound_ms"], rel_tol=1e-9, abs_tol=1e-12)
                  and 0 <= x["weight_bytes"] <= x["bytes"],
                  f"{stage}: bound of {x}")


def check_times(stages):
    for stage, (ops, total) in stages.items():
        check(math.isclose(sum(x["share"] for x in ops), 1, rel_tol=1e-9)
              and total["share"] == 1, f"{stage}: shares")
        check(math.isclose(sum(x["ms"] for x in ops), total["ms"],
                           rel_tol=1e-9) and total["ms"] > 0,
              f"{stage}: {total['ms']} ms")
        check([x["ms"] for x in ops]
              == sorted((x["ms"] for x in ops), reverse=True),
              f"{stage}: in order")
        for x in (*ops, total):
            check(math.isclose(x["share"] * total["ms"], x["ms"], rel_tol=1e-9,
                               abs_tol=1e-12)
                  and (x["ms"] == 0 or math.isclose(
                      x["distance"] * x["ms"], x["bound_ms"], rel_tol=1e-9,
                      abs_tol=1e-12)),
                  f"{stage}: {x['op']} share and distance")


def by_shape(ops):
    """{(n, k): (bytes of weights, flops)}"""
    out = {}
    for x in ops:
        if "n" in x:
            old = out.get((x["n"], x["k"]), (0, 0))
            out[x["n"], x["k"]] = (old[0] + x["weight_bytes"],
                                   old[1] + x["flops"])
    return out


def check_decode(ops, matrices):
    """A step reads each matrix of the decoder once, but those of vision, and of
    the table of tokens a row. Matrices that lie end to end are one product: what
    has rows as long is counted together."""
    want, got = {}, {}

    def add(to, k, size, flops):
        old = to.get(k, (0, 0))
        to[k] = old[0] + size, old[1] + flops

    for name, (n, k, size) in matrices.items():
        if re.match(r"blk\.|output\.", name) and "_img." not in name:
            add(want, k, size, 2 * n * k)
    for (_, k), (size, flops) in by_shape(ops).items():
        add(got, k, size, flops)
    check(want and got == want, f"decode: {got} for {want}")


def check_encode(ops, matrices):
    """2 m n k of each matrix: its rows are whole, and as many of all of one
    place as there are patches or tokens."""
    got = by_shape(ops)
    for name, (n, k, _) in matrices.items():
        if not re.match(r"(v|a)\.", name) or "position" in name \
                or "query_embd" in name:
            continue
        rows = got.get((n, k), (0, 0))[1] / (2 * n * k)
        check(rows >= 1 and rows == int(rows), f"encode: {name}, {rows} rows")


def check_table(text, stages):
    """The same numbers of what is the same in each run: in how many pieces an
    operation is done follows the device's pace, but for a step that is kept."""
    rows, stage = {}, None
    for line in text.splitlines():
        head = re.fullmatch(r"(encode|prefill|decode):", line)
        row = re.fullmatch(
            r" *([\d.-]+) +([\d.-]+) +([\d.]+) +([\d.]+) +([\d.]+) +([\d.]+) "
            r"+([\d.-]+) +(?:(\d+)x(\d+) )? *(\w+), (.*)", line)
        if head:
            stage = head[1]
        elif row and stage:
            key = row[10], row[11], *(int(x or 0) for x in (row[8], row[9]))
            rows[stage, *key] = [float(row[i]) for i in (3, 4, 5)]
    n = 0
    for stage, (ops, total) in stages.items():
        for x in (*ops, total):
            key = (stage, x["op"], x.get("label", ""), x.get("n", 0),
                   x.get("k", 0))
            # Tables that were uploaded before may be waited for later.
            if x["op"] in ("update", "all"):
                continue
            n += 1
            want = [round(x["commands"], 1), round(x["bytes"] / 1e6, 3),
                    round(x["flops"] / 1e6, 3)]
            got = rows.get(key, [-1, -1, -1])
            if stage != "decode":
                want, got = want[2:], got[2:]
            check(all(abs(a - b) < 2e-3 for a, b in zip(got, want)),
                  f"table: {key} {got} {want}")
    check(n > 20, f"{n} rows of the table")


def check_no_timestamps(bench, model, library, stages):
    r = call(bench, model, "--json", LD_PRELOAD=library)
    check("has no timestamps" in r.stderr, f"told: {r.stderr}")
    _, without = parse(r)
    for stage, (ops, total) in without.items():
        check(not any({"ms", "share", "distance"} & set(x)
                      for x in (*ops, total)), f"{stage}: no times")
        # How often weights are read follows the pieces, but for a kept step.
        for i in (0, 1) if stage == "decode" else (1,):
            got, want = ({key: x[i] for key, x in by_shape(of).items()}
                         for of in (ops, stages[stage][0]))
            check(got == want, f"{stage}: counted as with timestamps")


def main():
    bench, model, *library = sys.argv[1:]
    r = call(bench, model, "--json")
    rates, stages = parse(r)
    check(set(rates) >= {"copy", "multiply-add"}, f"rates {rates}")
    matrices = weights(model)
    check_sums(rates, stages)
    if "has no timestamps" not in r.stderr:
        check_times(stages)
    check_decode(stages["decode"][0], matrices)
    check_encode(stages["encode"][0], matrices)
    check_table(call(bench, model).stdout, stages)
    for path in library:
        check_no_timestamps(bench, model, path, stages)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
