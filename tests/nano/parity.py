#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The plugin against PyTorch: the same pixels, the same greedy answers.

usage: parity.py BUILD CHECKPOINT [--n N] [--seed S] [--model FILE]

N held-out items of all groups, chosen by the seed, go as they are drawn (raw
RGB) to the element with the checkpoint's weights and the KV cache in F32, and to
training/net.py in fp32. Each difference is printed with both programs' two largest logits where
the answers part. At least 999 in 1000 are to be equal."""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "training")]

import numpy as np  # noqa: E402
import torch  # noqa: E402
from PIL import Image  # noqa: E402

import batch  # noqa: E402
import evaluate  # noqa: E402
import items  # noqa: E402
import net as network  # noqa: E402
import plugin  # noqa: E402
import tokenizer  # noqa: E402
import video  # noqa: E402
import world  # noqa: E402
from gi.repository import Gst  # noqa: E402

EQUAL = 0.999
LIMIT = 80


def choose(n, seed):
    """n of the items of all groups"""
    todo = list(items.items(max(2, n // 50)))
    chosen = np.random.default_rng([80, seed]).permutation(len(todo))[:n]
    return [todo[i] for i in sorted(chosen)]


def ask_element(element, it, frames):
    fps = 10
    segment = Gst.Segment()
    segment.init(Gst.Format.TIME)
    return element.ask(
        it["question"], Gst.Caps.from_string(video.rgb_caps(frames, fps)),
        segment, video.buffers(frames, fps), len(frames), "eos", 0)


# ---- where two answers part ----------------------------------------------------

def torch_logits(net, tok, it, frames, ids):
    """The logits [len(ids) + 1, vocab] after the prompt and each of ids."""
    question = tok.ask(it["question"]) if frames else tok.ask_text(it["question"])
    e = net.model.embed_tokens(torch.tensor([question + ids]))
    span = None
    if frames:
        rows = net.encode(batch.pixels(np.stack([world.squash(f) for f in frames])))
        rows = rows.reshape(1, -1, e.shape[2])
        head = net.model.embed_tokens(torch.tensor([tok.head()]))
        span = (head.shape[1], head.shape[1] + rows.shape[1])
        e = torch.cat([head, rows, e], 1)
    t = e.shape[1]
    mask = torch.full((t, t), float("-inf")).triu(1)
    x = net.decode(e, torch.arange(t), mask, span)
    return net.lm_head(x[0, t - len(ids) - 1:]).float().numpy()


def engine_logits(owl2_trace, model, it, frames):
    with tempfile.TemporaryDirectory() as temp:
        names = [f"{temp}/{i}.png" for i in range(len(frames))]
        for name, f in zip(names, frames):
            Image.fromarray(f).save(name)
        place = "<|image|>" if frames else ""
        subprocess.run(
            [owl2_trace, "--model", model, "--kv-type", "f32", "--max-tokens",
             str(LIMIT), "--out", f"{temp}/out", "--prompt",
             f"USER: {place}{it['question']} ASSISTANT:"]
            + (["--frames", ",".join(names)] if frames else []),
            check=True, stdout=subprocess.DEVNULL)
        return (np.load(f"{temp}/out/generated_ids.npy").ravel().tolist(),
                np.load(f"{temp}/out/step_logits.npy"))


def explain(net, tok, owl2_trace, model, it, frames):
    ids, engine = engine_logits(owl2_trace, model, it, frames)
    ours = torch_logits(net, tok, it, frames, ids)
    for step in range(len(engine)):
        a, b = engine[step].ravel(), ours[step]
        if a.argmax() == b.argmax():
            continue
        for name, x in (("owl2", a), ("PyTorch", b)):
            top = np.argsort(x)[::-1][:2]
            print(f"    token {step}, {name}: " + ", ".join(
                f"{tok.sp.id_to_piece(int(i))!r} {x[i]:.5f}" for i in top))
        print(f"    largest difference of logits up to there: "
              f"{np.abs(engine[:step + 1].reshape(step + 1, -1) - ours[:step + 1]).max():.2g}")
        return
    print("    the logits have the same largest ones: the programs differ in "
          "what surrounds the model")


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    p.add_argument("build", type=pathlib.Path)
    p.add_argument("checkpoint")
    p.add_argument("--n", type=int, default=1000)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--model", help="the F32 file (default: it is made)")
    a = p.parse_args()
    owl2_trace = a.build / "tools" / "owl2-trace"
    with tempfile.TemporaryDirectory() as temp, torch.no_grad():
        model = a.model or f"{temp}/f32.gguf"
        if not a.model:
            subprocess.run([a.build / "tools" / "convert" / "owl2-convert",
                            a.checkpoint, model, "--type", "f32"], check=True)
        network.FAST = False
        net = network.load(a.checkpoint)
        tok = tokenizer.Tokenizer(os.path.join(a.checkpoint, "tokenizer.model"))
        todo = choose(a.n, a.seed)
        for it in todo:
            it["draw"] = items.frames_of(it)
        evaluate.answer(net, tok, todo, limit=LIMIT)
        plugin.load(a.build)
        element = plugin.Element(model, "kv-type=f32", f"max-tokens={LIMIT}")
        equal = 0
        for it in todo:
            frames = it["draw"]
            got = ask_element(element, it, frames) if frames else \
                plugin.ask_text(owl2_trace, model, it["question"],
                                "--kv-type", "f32")
            if got == it["got"]:
                equal += 1
                continue
            print(f"{it['group']}, {it['kind']}: {it['question']}\n"
                  f"    owl2: {got}\n    PyTorch: {it['got']}", flush=True)
            explain(net, tok, owl2_trace, model, it, frames)
        element.close()
    print(f"{equal} of {len(todo)} answers are equal")
    return 0 if equal >= EQUAL * len(todo) else 1


if __name__ == "__main__":
    sys.exit(main())
