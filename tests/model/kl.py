# SPDX-License-Identifier: LGPL-2.1-or-later
"""The fixed prompts on which quantised files of the embedded model are compared
with F32, and what is recorded of them.

Frames are drawn with integers alone, so that they are the same everywhere, and
in the size of the model's input, so that nothing is resized."""

import zlib

import numpy as np

SIZE, FINE = 112, 4  # pixels of an edge; samples of a pixel's edge
SHORT = " Answer the question using a single word or phrase."
COLOURS = {"red": (220, 30, 35), "green": (40, 160, 60), "blue": (40, 70, 210),
           "yellow": (240, 220, 40), "orange": (245, 140, 30),
           "purple": (130, 50, 160), "white": (245, 245, 245),
           "black": (15, 15, 15), "gray": (128, 128, 128),
           "cyan": (40, 210, 220)}


def canvas(colour):
    n = SIZE * FINE
    return np.broadcast_to(np.array(COLOURS[colour], np.int64), (n, n, 3)).copy()


def inside(shape, x, y, r):
    """Where the fine canvas lies in a shape around (@x, @y), in pixels."""
    v, u = np.indices((SIZE * FINE,) * 2) * 2 + 1 - 2 * FINE * np.array(
        [y, x]).reshape(2, 1, 1)
    r = 2 * FINE * r
    d = u * u + v * v
    return {"circle": d <= r * r,
            "ring": (d <= r * r) & (d >= r * r * 36 // 100),
            "square": np.maximum(abs(u), abs(v)) * 10 <= 8 * r,
            "diamond": abs(u) + abs(v) <= r,
            "cross": (np.minimum(abs(u), abs(v)) * 3 <= r)
            & (np.maximum(abs(u), abs(v)) <= r),
            "triangle": (v <= r * 2 // 3) & (abs(u) * 2 <= v + r)}[shape]


def shrink(fine):
    sums = fine.reshape(SIZE, FINE, SIZE, FINE, 3).sum((1, 3))
    return (sums // FINE ** 2).astype(np.uint8)


def scene(background, *shapes):
    """Each shape: (colour, name, x, y, radius)."""
    fine = canvas(background)
    for colour, shape, x, y, r in shapes:
        fine[inside(shape, x, y, r)] = COLOURS[colour]
    return shrink(fine)


def bars():
    out = np.zeros((SIZE, SIZE, 3), np.uint8)
    for i, bits in enumerate((7, 6, 3, 2, 5, 4, 1)):
        out[:, i * 16:i * 16 + 16] = [191 * (bits >> b & 1) for b in (2, 1, 0)]
    return out


def checkers(edge):
    y, x = np.indices((SIZE, SIZE)) // edge
    return np.repeat(((x + y) % 2 * 255).astype(np.uint8)[..., None], 3, 2)


def snow(seed):
    """A linear congruential generator's top bytes."""
    state, out = seed, np.empty(SIZE * SIZE, np.uint8)
    for i in range(out.size):
        state = (state * 1664525 + 1013904223) & 0xffffffff
        out[i] = state >> 24
    return np.repeat(out.reshape(SIZE, SIZE, 1), 3, 2)


def gradient():
    y, x = np.indices((SIZE, SIZE))
    return np.stack([x * 255 // (SIZE - 1), y * 255 // (SIZE - 1),
                     255 - x * 255 // (SIZE - 1)], 2).astype(np.uint8)


def move(background, colour, shape, dx, dy, grow=0):
    return [scene(background, (colour, shape, 56 + dx * (2 * i - 3),
                               56 + dy * (2 * i - 3), 20 + grow * i))
            for i in range(4)]


CAPTION = "Provide a one-sentence caption for the provided image."
CLIP = "Provide a one-sentence caption for the provided video."


def prompts():
    """Of (kind, frames, question)."""
    circle = scene("white", ("red", "circle", 56, 56, 22))
    square = scene("black", ("yellow", "square", 30, 30, 18))
    two = scene("gray", ("blue", "diamond", 30, 56, 18),
                ("orange", "cross", 84, 56, 18))
    ring = scene("cyan", ("purple", "ring", 84, 84, 20))
    three = scene("white", ("green", "triangle", 24, 30, 16),
                  ("red", "square", 86, 30, 14), ("blue", "circle", 56, 86, 16))
    images = [
        (circle, [CAPTION, "What color is the circle?" + SHORT]),
        (square, [CAPTION, "Where is the square?" + SHORT,
                  "Describe the image in detail."]),
        (two, [CAPTION, "How many shapes are there?" + SHORT,
               "Is there a blue diamond?" + SHORT]),
        (ring, [CAPTION, "What shape is at the bottom right?" + SHORT]),
        (three, [CAPTION, "What is in the image?",
                 "What color is the background?" + SHORT]),
        (bars(), [CAPTION, "What do you see?"]), (checkers(8), [CAPTION]),
        (snow(1), [CAPTION]), (gradient(), [CAPTION]),
        (scene("red"), [CAPTION]), (scene("black"), [CAPTION])]
    clips = [
        (move("white", "blue", "circle", 10, 0),
         [CLIP, "In which direction does the circle move?" + SHORT]),
        (move("black", "red", "square", 0, -10),
         [CLIP, "Is the square moving?" + SHORT]),
        (move("gray", "yellow", "diamond", 0, 0, 8), [CLIP]),
        (move("white", "green", "cross", 0, 0), [CLIP])]
    texts = ["What are the seven colors of the rainbow?",
             "What is the capital of France?", "What do bees make?",
             "How many legs does a spider have?", "Who are you?",
             "What is two plus three?" + SHORT, "Hello!"]
    return ([("image", [f], q) for f, questions in images for q in questions]
            + [("clip", f, q) for f, questions in clips for q in questions]
            + [("text", [], q) for q in texts])


def literal(kind, question, answer=""):
    place = "" if kind == "text" else "<|image|>"
    return f"USER: {place}{question} ASSISTANT:{answer and ' ' + answer}"


def log_softmax(x):
    x = np.asarray(x, np.float64)
    x = x - x.max(-1, keepdims=True)
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def divergence(p, logits):
    """KL(p || softmax(logits)) of each row; @p: logarithms."""
    p = log_softmax(p)
    return (np.exp(p) * (p - log_softmax(logits))).sum(-1)


def fingerprint(norm):
    """Tells checkpoints apart: norms are F32 in files of every type."""
    return zlib.crc32(np.ascontiguousarray(norm, "<f4").tobytes())


# A recording is an .npz: "checkpoint", the fingerprint; "rows", for each prompt
# how many tokens were chosen; "ids", of the prompt and all but the last of
# these, one prompt after the other; "lengths" of them; "answers", the tokens'
# text; "logp" [sum of rows][vocabulary], the logarithms of the distributions
# that they were chosen from.


def load(path):
    """(fingerprint, [(kind, frames, prompt, ids, logp)])."""
    data = np.load(path, allow_pickle=False)
    out, at, row = [], 0, 0
    for (kind, frames, question), rows, length, answer in zip(
            prompts(), data["rows"], data["lengths"], data["answers"]):
        out.append((kind, frames, literal(kind, question, str(answer)),
                    data["ids"][at:at + length],
                    data["logp"][row:row + rows]))
        at, row = at + length, row + rows
    assert at == len(data["ids"]) and row == len(data["logp"])
    return int(data["checkpoint"]), out
