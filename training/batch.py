# SPDX-License-Identifier: LGPL-2.1-or-later
"""Batches: pictures from the pool, questions made for them, packed behind one prefix.

All questions of a picture share its prefix; each sees the prefix and itself
only, and its positions go on from the prefix.  Some pictures are given one
conversation instead, in which later questions see earlier ones.
"""
import numpy as np
import torch

import facts
import questions
import tasks
import world
from vocab import WORDS

TALK = 0.15         # share of conversations
UNRELATED = 0.12    # share of questions that are text facts beside a picture


def pixels(frames):
    """uint8 [n, S, S, 3] to the model's input [n, 3, S, S]"""
    x = torch.from_numpy(np.ascontiguousarray(frames)).permute(0, 3, 1, 2).float()
    mean = torch.tensor([0.48145466, 0.4578275, 0.40821073])[:, None, None]
    std = torch.tensor([0.26862954, 0.26130258, 0.27577711])[:, None, None]
    return (x * (1 / 255) - mean) / std


def frames_of(rng, pool, chosen):
    return np.concatenate([world.adjust(rng, pool.pictures[i]) for i in chosen])


def slots_of(pool, chosen, queries, frame=None):
    """Targets of the rows: [n, queries, len(SLOT)] for all frames of the chosen items (or for one frame of each)."""
    scenes = [pool.scenes[i] for i in chosen]
    each = [[f] for f in frame] if frame is not None else [range(s['frames']) for s in scenes]
    return torch.from_numpy(np.array([tasks.slot_targets(s, f, queries) for s, fs in zip(scenes, each) for f in fs],
                                     np.int64))


def words_of(pool, chosen):
    """The number of each picture's known word from 1, 0 for another word, UNCLEAR where none is written: [n]"""
    scenes = [pool.scenes[i] for i in chosen]
    return torch.tensor([tasks.UNCLEAR if s['type'] != 'text' else
                         WORDS.index(s['text']['word']) + 1 if s['text']['word'] in WORDS else 0 for s in scenes])


def aux_of(pool, chosen, queries, frame=None):
    """Targets of the heads for all frames of the chosen items (or for one frame of each)."""
    out = []
    for a in pool.aux:
        a = a[chosen] if frame is None else a[chosen, frame][:, None]
        out.append(torch.from_numpy(a.reshape(-1, a.shape[-1]).astype(np.int64)))
    return out + [slots_of(pool, chosen, queries, frame)]


def pack(tok, items, rows, talk):
    """items: per picture a list of (kind, question, answer); rows: image rows, 0 for text only.

    Returns ids [B, T], positions, additive mask [B, 1, T, T], the (b, t) that
    predict answers, their targets, and per answer (b, kind, first, last).
    """
    head = tok.head() if rows else []
    start = len(head) + rows
    lines, targets, answers = [], [], []
    for b, asked in enumerate(items):
        ids, pos, seg = head + [0] * rows, list(range(start)), [0] * start
        for n, (kind, q, a) in enumerate(asked):
            same = talk[b] and n > 0
            prompt = tok.again(q) if same else tok.ask(q) if rows else tok.ask_text(q)
            answer = tok.encode(a) + [2]
            body = (prompt[1:] if same else prompt) + answer
            first = len(ids) + len(body) - len(answer)
            at = pos[-1] + 1 if same else start
            answers.append((b, kind, len(targets), len(targets) + len(answer)))
            targets += [(b, first - 1 + i, t) for i, t in enumerate(answer)]
            ids, pos = ids + body, pos + list(range(at, at + len(body)))
            seg = seg + [1 if talk[b] else n + 1] * len(body)
        lines.append((ids, pos, seg))
    t = max(len(line[0]) for line in lines)
    ids, pos, seg = (np.zeros((len(lines), t), np.int64) for _ in range(3))
    seg -= 1
    for b, line in enumerate(lines):
        for array, values in zip((ids, pos, seg), line):
            array[b, :len(values)] = values
    order = np.tril(np.ones((t, t), bool))
    see = order[None] & ((seg[:, None, :] == 0) | (seg[:, None, :] == seg[:, :, None]))
    mask = np.where(see, np.float32(0), np.float32(-1e9))
    where = torch.tensor([x[:2] for x in targets]).t()
    return (torch.from_numpy(ids), torch.from_numpy(pos), torch.from_numpy(mask)[:, None], where,
            torch.tensor([x[2] for x in targets]), answers)


def fill(tok, asked, room):
    """As many of the questions as fit into `room` tokens, one at least, so that rows are equally long."""
    out, used = [], 0
    for kind, q, a in asked:
        used += len(tok.ask(q)) + len(tok.encode(a)) + 1
        if out and used > room:
            used -= len(tok.ask(q)) + len(tok.encode(a)) + 1
            continue
        out.append((kind, q, a))
    return out


def ask(rng, scene, n, captions, weights={}):
    """The questions of one picture; in stage 1 captions only."""
    if captions:
        asked = [('caption',) + questions.ask(rng, scene, 'caption'), ('detailed',) + questions.ask(rng, scene, 'detailed')]
        return [asked[i] for i in rng.permutation(2)]
    asked = questions.some(rng, scene, n, weights)
    for i in range(len(asked)):
        if rng.random() < UNRELATED:
            asked[i] = ('fact beside image',) + facts.sample(rng)
    return asked


def text(rng, n, each):
    """Text-only items: facts."""
    return [[('fact',) + facts.sample(rng) for _ in range(each)] for _ in range(n)]
