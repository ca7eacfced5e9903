#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Quantised models: the engine against the NumPy model with the dequantised
weights (the kernels' share of the error), and against F32 (the format's share),
as the KL divergence of the next token's distribution.

Where the device multiplies halves, the NumPy model does so, too. That moves its
logits by what rounding to halves explains, and so far the engine's may be off: of
numbers that lie near the middle of two halves, sums in another order take the other.

usage: test_quant.py OWL2_CONVERT OWL2_TRACE DATA TRACE_FORCED"""

import pathlib
import sys
import tempfile

import numpy as np

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "file")]
import make_checkpoint  # noqa: E402
import read_gguf  # noqa: E402
import reference  # noqa: E402
from test_goldens import Report, run  # noqa: E402

# A checkpoint whose rows divide by every block, beside the two that have rows
# which do not.
WIDE = dict(width=512, heads=8, mlp=768, vision_width=256, vision_heads=4,
            vision_mlp=512, abstractor_heads=4, abstractor_mlp=512, layers=4)


class Halves(reference.Model):
    """With products as shaders/matmul_matrix.comp makes them."""

    def __init__(self, config, tensors, f32):
        super().__init__(config, tensors)
        self.f32 = f32

    def product(self, x, name):
        if name + ".weight" in self.f32:
            return super().product(x, name)
        w = self.t[name + ".weight"].astype(np.float16).astype(np.float64)
        top = np.frexp(np.abs(x).max(-1, keepdims=True))[1]
        half = np.ldexp(x, 15 - top).astype(np.float16).astype(np.float64)
        return np.ldexp(half, top - 15) @ w.reshape(len(w), -1).T


def log_softmax(x):
    x = x - x.max(1, keepdims=True)
    return x - np.log(np.exp(x).sum(1, keepdims=True))


def divergence(want, got):
    p, q = log_softmax(want.astype(np.float64)), log_softmax(
        got.astype(np.float64))
    return float((np.exp(p) * (p - q)).sum(1).mean())


def trace(args, gguf, frames, out):
    run(args[1], "--model", gguf, "--prompt",
        "USER: <|image|>What colour is the ball? ASSISTANT:", "--frames",
        ",".join(map(str, frames)), "--max-tokens", 1, "--kv-type", "f32",
        "--out", out)
    return np.load(out / "logits.npy")


def answer(model, out):
    features = [model.abstractor(model.vision(p))
                for p in np.load(out / "pixel_values.npy")]
    return model.decoder(*model.embed(
        np.load(out / "input_ids.npy").tolist(), features))


def off(want, got):
    return np.abs(want - got).max() / max(1, np.abs(want).max() / 15)


def main():
    args = [pathlib.Path(a) for a in sys.argv[1:4]]
    frames = [args[2] / "mini" / "golden" / "frames" / f"frame_{i}.png"
              for i in range(2)]
    report = Report()
    halves = run(sys.argv[4], "--halves").strip() == "yes"
    with tempfile.TemporaryDirectory() as temp:
        temp = pathlib.Path(temp)
        checkpoints = {n: args[2] / n / "model" for n in ("mini", "gqa")}
        config = make_checkpoint.make_config(**WIDE)
        make_checkpoint.write_checkpoint(
            temp / "wide", config, make_checkpoint.make_tensors(
                config, np.random.default_rng(20)), "f32")
        checkpoints["wide"] = temp / "wide"
        for name, folder in checkpoints.items():
            gguf = temp / f"{name}-f32.gguf"
            run(args[0], folder, gguf, "--type", "f32")
            exact = trace(args, gguf, frames, temp / f"{name}-f32")
            config = reference.read_checkpoint(folder)[0]
            for kind in "q8_0", "q4_k":
                gguf = temp / f"{name}-{kind}.gguf"
                out = temp / f"{name}-{kind}"
                run(args[0], folder, gguf, "--type", kind)
                logits = trace(args, gguf, frames, out)
                tensors = {read_gguf.published(k): v for k, v in
                           read_gguf.read_gguf(gguf)[1].items()}
                values = {k: v for k, (_, v) in tensors.items()}
                want = answer(reference.Model(config, values), out)
                limit = 1e-3
                if halves:
                    f32 = {k for k, (t, _) in tensors.items() if t == "f32"}
                    other = answer(Halves(config, values, f32), out)
                    limit = off(want, other)
                    want = other
                diff = off(want, logits)
                report.check(f"{name} {kind} logits", diff < limit,
                             f"off by {diff:.1e} from the dequantised weights")
                print(f"{name} {kind}: {diff:.1e} from the dequantised weights, "
                      f"KL {divergence(exact, logits):.1e} from f32", flush=True)
    print(f"{report.passed} passed, {report.failed} failed")
    return 1 if report.failed or not report.passed else 0


if __name__ == "__main__":
    sys.exit(main())
