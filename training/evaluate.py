# SPDX-License-Identifier: LGPL-2.1-or-later
"""Measures a checkpoint on the held-out items (items.py): exact match of greedy answers.

    python3 evaluate.py CHECKPOINT_DIR [--n N] [--answers FILE]

--answers writes one JSON line per item.  tests/nano/measure.py does the same
through the plugin, on encoded video.
"""
import argparse
import collections
import json
import os

import numpy as np
import torch

import batch
import items
import net as network
import tokenizer
import world


def answer(net, tok, todo, size=64, limit=80):
    """Fills in 'got' for the items, greedily."""
    edge = net.config['visual_config']['visual_model']['image_size']
    groups = collections.defaultdict(list)
    for it in todo:
        ids = tok.ask(it['question']) if it['n_frames'] else tok.ask_text(it['question'])
        groups[it['n_frames'], len(ids)].append((it, ids))
    for (frames, _), members in groups.items():
        for at in range(0, len(members), size):
            part = members[at:at + size]
            e = net.model.embed_tokens(torch.tensor([ids for _, ids in part]))
            span = None
            if frames:
                pictures = np.stack([world.squash(f, edge) for it, _ in part for f in items.frames_of(it)])
                rows = net.encode(batch.pixels(pictures)).reshape(len(part), -1, e.shape[2])
                head = net.model.embed_tokens(torch.tensor([tok.head()] * len(part)))
                span = (head.shape[1], head.shape[1] + rows.shape[1])
                e = torch.cat([head, rows, e], 1)
            for (it, _), ids in zip(part, net.generate(e, span, limit)):
                it['got'] = tok.decode(ids)


def tables(done):
    """[(group, row, right, n)]"""
    score = collections.OrderedDict()
    for it in done:
        for group, row, right in items.rows_of(it, it['got']):
            s = score.setdefault((group, row), [0, 0])
            s[0] += right
            s[1] += 1
    return [(g, r, a, b) for (g, r), (a, b) in score.items()]


def main():
    p = argparse.ArgumentParser()
    p.add_argument('checkpoint')
    p.add_argument('--n', type=int, default=150, help='items per row')
    p.add_argument('--answers')
    p.add_argument('--fast', action='store_true', help='bf16 matrix products')
    a = p.parse_args()
    network.FAST = a.fast
    net = network.load(a.checkpoint)
    tok = tokenizer.Tokenizer(os.path.join(a.checkpoint, 'tokenizer.model'))
    todo = list(items.items(a.n))
    with torch.no_grad():
        answer(net, tok, todo)
    if a.answers:
        with open(a.answers, 'w') as f:
            for it in todo:
                line = {k: it[k] for k in ('group', 'kind', 'question', 'answer')}
                f.write(json.dumps(dict(line, pytorch=it['got'])) + '\n')
    for group, row, right, n in tables(todo):
        print('| %s | %s | %.3f | %d |' % (group, row, right / n, n))


if __name__ == '__main__':
    main()
