#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Records the distributions of the next token that the NumPy model (float64)
finds for the prompts of kl.py with a checkpoint as it is; test_kl.py compares
files made of it with them. To be run whenever training/owl2-nano.gguf is replaced.

usage: make_kl.py OWL2_CONVERT OWL2_TRACE CHECKPOINT OUT.npz

Answers are the greedy ones of the F32 file; owl2-trace gives the ids."""

import pathlib
import sys
import tempfile

import numpy as np
from PIL import Image

import kl
import reference
from test_goldens import run

EOS = 2
LONGEST = 32


def trace(program, gguf, frames, prompt, folder, tokens=1):
    """The .npy files of one prompt: a function from name to array."""
    out = folder / "out"
    command = [program, "--model", gguf, "--prompt", prompt, "--max-tokens",
               tokens, "--out", out]
    paths = []
    for i, frame in enumerate(frames):
        paths.append(folder / f"{i}.png")
        Image.fromarray(frame).save(paths[-1])
    if paths:
        command += ["--frames", ",".join(map(str, paths))]
    text = run(*command)
    return text.rstrip("\n"), lambda name: np.load(out / f"{name}.npy")


def normalise(frame, image):
    """[3][S][S]; @image: preprocessor_config.json."""
    x = (frame * (1 / 255)).astype(np.float32)
    mean, std = (np.float32(image[k]) for k in ("image_mean", "image_std"))
    return ((x - mean) / std).transpose(2, 0, 1)


def forward(model, preprocessor, recorded, features):
    """Logits of the rows that are recorded. @features: by frame's bytes, kept
    from one prompt to the next."""
    _, frames, _, ids, logp = recorded
    for frame in frames:
        if frame.tobytes() not in features:
            features[frame.tobytes()] = model.abstractor(
                model.vision(normalise(frame, preprocessor)))
    x, m = model.embed(ids.tolist(), [features[f.tobytes()] for f in frames])
    return model.decoder(x, m)[-len(logp):]


def main():
    convert, program, checkpoint, path = map(pathlib.Path, sys.argv[1:5])
    config, tensors = reference.read_checkpoint(checkpoint)
    preprocessor = reference.json.loads(
        (checkpoint / "preprocessor_config.json").read_text())
    model, features = reference.Model(config, tensors), {}
    rows, lengths, all_ids, answers, logp = [], [], [], [], []
    with tempfile.TemporaryDirectory() as temp:
        temp = pathlib.Path(temp)
        gguf = temp / "f32.gguf"
        run(convert, checkpoint, gguf, "--type", "f32")
        for kind, frames, question in kl.prompts():
            answer, got = trace(program, gguf, frames,
                                kl.literal(kind, question), temp, LONGEST)
            generated = got("generated_ids").tolist()
            want = got("input_ids").tolist() + generated[:-1]
            if generated[-1] != EOS:  # too long: without its last token
                sys.exit(f"{question!r}: no end after {LONGEST} tokens")
            _, got = trace(program, gguf, frames,
                           kl.literal(kind, question, answer), temp)
            ids = got("input_ids")
            if ids.tolist() != want:
                sys.exit(f"{question!r}: {answer!r} gives other ids")
            recorded = kind, frames, None, ids, generated
            p = kl.log_softmax(forward(model, preprocessor, recorded, features))
            near = p.max(1) - p[np.arange(len(p)), generated]
            if near.max() > 1e-3:
                sys.exit(f"{question!r}: owl2-trace chose {generated}, NumPy "
                         f"{p.argmax(1).tolist()}")
            rows.append(len(generated))
            lengths.append(len(ids))
            all_ids.append(ids)
            answers.append(answer)
            logp.append(p)
            print(f"{kind} {question} -> {answer}", flush=True)
    np.savez_compressed(
        path, checkpoint=kl.fingerprint(tensors["model.norm.weight"]),
        rows=np.array(rows), lengths=np.array(lengths),
        ids=np.concatenate(all_ids), answers=np.array(answers),
        # Rounded to f16 they are off by a divergence of 1e-8.
        logp=np.concatenate(logp).astype(np.float16))
    print(f"{len(rows)} prompts, {sum(rows)} tokens, "
          f"{path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
