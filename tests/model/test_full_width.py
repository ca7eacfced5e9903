#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The full-size model's widths (decoder 4096/11008, 32000 pieces; vision encoder
1024/4096, 1025 tokens; abstractor 1024/2816, 64 queries) with a few layers and
random weights: converted to F32 and Q4_K, one frame and a prompt traced, every
stage compared with the NumPy model in float64, on the weights that the file has.

usage: test_full_width.py OWL2_CONVERT OWL2_TRACE [--layers N] [--types T,..]
                          [--seed N] [--folder DIR]

Three layers, since a file in Q4_K keeps the decoder's first and last in Q8_0.
Needs 8 GB of disk, 8 GB of memory and some minutes; NumPy should have OpenBLAS
(Debian: libopenblas0-pthread). FOLDER, if given, keeps the checkpoint."""

import argparse
import contextlib
import pathlib
import sys
import tempfile
import time

import numpy as np
from PIL import Image

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "file")]
import make_full_size  # noqa: E402
import reference  # noqa: E402
from read_gguf import decode, read_gguf  # noqa: E402
from test_goldens import Report, order, run  # noqa: E402
from test_quant import published  # noqa: E402

# Of numbers of 15 and less; of larger ones, as much of the largest. Sums of
# 11008 products in f32, in another order than here, are the longest.
LIMIT = 1e-3
PROMPT = ("USER: <|image|>Provide a one-sentence caption for the provided image."
          " ASSISTANT:")
TOKENS = 3


class Tensors:
    """A file's tensors by published name, one at a time in float64."""

    def __init__(self, path):
        self.raw = {published(k): v
                    for k, v in read_gguf(path, raw=True)[1].items()}

    def __getitem__(self, name):
        kind, raw = self.raw[name]
        values = decode(kind, np.ascontiguousarray(raw).reshape(-1))
        return values.reshape(*raw.shape[:-1], -1).astype(np.float64)

    def get(self, name):
        return self[name] if name in self.raw else None


class Model(reference.Model):
    def __init__(self, config, path):
        self.t, self.c = Tensors(path), config
        self.vis = config["visual_config"]["visual_model"]
        self.abs = config["visual_config"]["visual_abstractor"]


def make_frame(path, seed):
    """Larger than the model's input, and no square."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (9, 16, 3), np.uint8))
    coarse.resize((640, 360), Image.Resampling.BICUBIC).save(path)


def expected(model, out):
    """Every stage, and the logits of each token: the answer's tokens go into
    the decoder behind the prompt, all in one pass."""
    stages, parts = {}, {}
    features = model.abstractor(model.vision(
        np.load(out / "pixel_values.npy")[0], parts), parts)
    stages = {name: value[None] for name, value in parts.items()}
    ids = np.load(out / "input_ids.npy").tolist()
    generated = np.load(out / "generated_ids.npy").tolist()
    x, m = model.embed(ids + generated[:-1], [features])
    parts = {}
    model.decoder(x, m, parts)
    n = len(x) - len(generated) + 1
    stages["step_logits"] = parts["logits"][n - 1:]
    for name, value in parts.items():
        if not name.startswith("attn_"):
            stages[name] = value[:n]
    return stages, generated


def compare(report, what, stages, generated, out):
    for name in sorted(stages, key=order):
        want, got = stages[name], np.load(out / f"{name}.npy")
        if not report.check(f"{what} {name}", got.shape == want.shape,
                            f"{got.shape} for {want.shape}"):
            continue
        diff, largest = np.abs(got - want).max(), np.abs(want).max()
        rms = np.sqrt(((got - want) ** 2).mean() / (want ** 2).mean())
        report.check(f"{what} {name}", diff <= LIMIT * max(1, largest / 15),
                     f"off by {diff:.1e}")
        print(f"{what} {name:20} {str(want.shape):18} largest {largest:8.3f}, "
              f"off by {diff:.1e} ({diff / largest:.1e} of the largest; RMS "
              f"{rms:.1e})", flush=True)
    steps = stages["step_logits"]
    gap = steps.max(1) - steps[np.arange(len(steps)), generated]
    report.check(f"{what} tokens", gap.max() < LIMIT,
                 f"{generated} for {steps.argmax(1).tolist()}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("convert", type=pathlib.Path)
    parser.add_argument("trace", type=pathlib.Path)
    parser.add_argument("--layers", type=int, default=3)
    parser.add_argument("--types", default="f32,q4_k")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=pathlib.Path)
    args = parser.parse_args()
    report, began = Report(), time.monotonic()

    def tell(what):
        print(f"{time.monotonic() - began:4.0f} s: {what}", flush=True)

    with contextlib.ExitStack() as stack:
        folder = args.folder or pathlib.Path(stack.enter_context(
            tempfile.TemporaryDirectory()))
        checkpoint = folder / "checkpoint"
        if not (checkpoint / "tokenizer.model").exists():
            make_full_size.write(checkpoint, args.layers, 2, args.seed)
        make_frame(folder / "frame.png", args.seed)
        config = make_full_size.full_config(args.layers)
        for kind in args.types.split(","):
            gguf, out = folder / f"{kind}.gguf", folder / kind
            tell(f"converting to {kind}")
            run(args.convert, checkpoint, gguf, "--type", kind)
            tell("tracing")
            run(args.trace, "--model", gguf, "--frames", folder / "frame.png",
                "--prompt", PROMPT, "--max-tokens", TOKENS, "--ignore-eos",
                "--kv-type", "f32", "--out", out)
            tell("computing")
            compare(report, kind, *expected(Model(config, gguf), out), out)
            gguf.unlink()
        tell("done")
    print(f"{report.passed} passed, {report.failed} failed")
    return 1 if report.failed or not report.passed else 0


if __name__ == "__main__":
    sys.exit(main())
