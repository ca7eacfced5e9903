#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""How far quantised files of the embedded model are from F32: the KL divergence
of the next token's distribution over the prompts of kl.py, and whether the most
probable token is the same.

usage: test_kl.py OWL2_TRACE QUANT_TOOL MODEL.gguf RECORDED.npz
       test_kl.py OWL2_TRACE QUANT_TOOL MODEL.gguf RECORDED.npz FILE.gguf ...

MODEL is the shipped file, in Q8_0. In Q4_K it is measured with every matrix
whose rows are whole blocks of Q4_K made again from the Q8_0 (which adds the
error of Q8_0 to that of Q4_K). FILEs are measured without a limit."""

import concurrent.futures
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "file")]
import kl  # noqa: E402
import make_kl  # noqa: E402
from read_gguf import read_gguf, rewrite_gguf  # noqa: E402
from test_goldens import Report  # noqa: E402

# What quantising may cost, by the mean over all tokens.
LIMITS = {"q8_0": 1e-3, "q4_k": 2e-2}


def to_q4_k(path, out, quant_tool):
    """@out: @path with every matrix in Q4_K that can be; how many."""
    replaced = {}
    for name, (kind, values) in read_gguf(path)[1].items():
        if kind != "q8_0" or values.shape[-1] % 256:
            continue
        done = subprocess.run([quant_tool, "q4_k"], input=values.tobytes(),
                              capture_output=True, check=True).stdout
        replaced[name] = "q4_k", done[:values.size // 256 * 144]
    rewrite_gguf(path, out, replaced)
    return len(replaced)


def measure(report, program, path, recorded, what):
    """For each prompt: its kind and end, the divergences, whether the most
    probable tokens are the same."""
    def one(prompt):
        kind, frames, text, ids, logp = prompt
        with tempfile.TemporaryDirectory() as temp:
            _, got = make_kl.trace(program, path, frames, text,
                                   pathlib.Path(temp))
            same = got("input_ids").tolist() == ids.tolist()
            logits = got("logits")[-len(logp):]
        return kind, text, same, kl.divergence(logp, logits), (
            logits.argmax(1) == logp.argmax(1))

    results = []
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for kind, text, same, d, first in pool.map(one, recorded):
            report.check(f"{what} ids of {text!r}", same)
            report.check(f"{what} {text!r}", np.isfinite(d).all(), d)
            results.append((kind, text[-40:], d, first))
    return results


def tell(report, what, results, limit=None):
    def mean(some):
        return f"{np.concatenate([d for _, _, d, _ in some]).mean():.1e}"

    d = np.concatenate([r[2] for r in results])
    differ = sum(int((~r[3]).sum()) for r in results)
    worst = max(range(len(results)), key=lambda i: results[i][2].sum())
    print(f"{what}: KL {mean(results)} ("
          + ", ".join(f"{kind} {mean([r for r in results if r[0] == kind])}"
                      for kind in ("image", "clip", "text"))
          + f"), largest of {len(d)} tokens {d.max():.1e}, {differ} most "
          f"probable tokens differ; {mean(results[:worst] + results[worst + 1:])}"
          f" without '..{results[worst][1]}'", flush=True)
    if limit:
        report.check(f"{what} KL", d.mean() < limit,
                     f"{d.mean():.2e}, limit {limit}")


def main():
    program, quant_tool, model, recording, *more = map(pathlib.Path,
                                                       sys.argv[1:])
    report = Report()
    checkpoint, recorded = kl.load(recording)
    norm = read_gguf(model)[1]["output_norm.weight"][1]
    if kl.fingerprint(norm) != checkpoint:
        sys.exit(f"{recording.name} is of another checkpoint than "
                 f"{model.name}: run make_kl.py")
    tell(report, f"{model.name}, Q8_0", measure(report, program, model,
                                                recorded, "q8_0"),
         LIMITS["q8_0"])
    with tempfile.TemporaryDirectory() as temp:
        path = pathlib.Path(temp) / "q4_k.gguf"
        n = to_q4_k(model, path, quant_tool)
        report.check("matrices that can be Q4_K", n > 0)
        tell(report, f"{model.name}, {n} matrices in Q4_K",
             measure(report, program, path, recorded, "q4_k"), LIMITS["q4_k"])
    for path in more:
        tell(report, path.name, measure(report, program, path, recorded,
                                        path.name))
    print(f"{report.passed} passed, {report.failed} failed")
    return 1 if report.failed or not report.passed else 0


if __name__ == "__main__":
    sys.exit(main())
