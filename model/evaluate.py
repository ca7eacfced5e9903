# SPDX-License-Identifier: LGPL-2.1-or-later
"""Measures a checkpoint on held-out scenes: exact match of greedy answers.

    python3 evaluate.py CHECKPOINT_DIR [--n N] [--answers FILE] [--dump DIR]

The items are fixed by their seeds.  --answers writes one JSON line per item;
--dump writes the frames as drawn (PNG) and items.jsonl, for other programs to
answer.  No item shares a seed, a held-out pair or a held-out word with training.
"""
import argparse
import collections
import json
import os

import numpy as np
import torch
from PIL import Image

import batch
import facts
import net as network
import patterns
import pool
import tasks
import tokenizer
import world
from vocab import CAPTION_CLIP, CAPTION_IMAGE, PATTERNS

FIVE_SIZES = [[320, 240], [640, 480], [640, 360], [360, 640], [240, 240]]
IMAGE_KINDS = ['caption', 'detailed', 'colour', 'shape', 'size', 'count', 'background', 'is there', 'where', 'row',
               'column', 'what is at', 'missing']
CLIP_KINDS = ['caption', 'detailed', 'direction', 'action', 'is moving', 'colour', 'shape', 'count', 'is there']


def item(group, kind, question, answer, frames, **more):
    """frames: list of pictures as drawn; empty for a text-only question"""
    return dict(group=group, kind=kind, question=question, answer=answer, frames=frames, **more)


def default_caption(scene):
    return CAPTION_CLIP if scene['frames'] > 1 else CAPTION_IMAGE


def shape_items(n, split, frames, kinds, photos):
    group = ('clip' if frames > 1 else 'image') + (', pairs never trained' if split == 'held' else '')
    for k, kind in enumerate(kinds):
        found = tries = 0
        while found < n:
            index = 100000 * (k + 1) + tries
            tries += 1
            scene, drawn, _ = pool.make(split, index, 'shapes', None, frames, photos)
            rng = world.generator(split, index, 800 + frames)
            focus = scene
            if split == 'held':         # ask about the pair that was never trained
                new = [o for o in scene['objects'] if (o['colour'], o['shape']) in world.HELD_PAIRS]
                if kind in ('colour', 'shape', 'where', 'row', 'column', 'direction', 'action', 'is moving', 'size'):
                    if kind == 'direction' and len(scene['objects']) > 1:
                        continue
                    focus = dict(scene, objects=new)
                    if kind in ('colour', 'shape') and any(
                            o is not new[0] and (o['colour'] == new[0]['colour'] or o['shape'] == new[0]['shape'])
                            for o in scene['objects']):
                        continue
            if kind == 'caption':
                got = default_caption(scene), tasks.caption(scene)
            else:
                got = tasks.ask(rng, focus, kind)
            if got is None:
                continue
            found += 1
            yield item(group, kind, *got, world.degrade(rng, drawn), scene=scene)


def text_items(n, photos):
    for group, split, words in (('words known', 'test', 'known'), ('words never trained', 'words', None)):
        for i in range(n):
            scene, drawn, _ = pool.make(split, i, 'text', words, 1, photos)
            rng = world.generator(split, i, 801)
            yield item(group, 'text', *tasks.ask(rng, scene, 'text'), world.degrade(rng, drawn))
            if group == 'words known':
                yield item(group, 'text colour', *tasks.ask(rng, scene, 'text colour'), drawn)
                yield item(group, 'caption', CAPTION_IMAGE, tasks.caption(scene), drawn)


def pattern_items(n):
    for name in sorted(PATTERNS):
        for size in FIVE_SIZES:
            for frames in (1, 4):
                scene = {'type': 'pattern', 'pattern': name, 'size': size, 'frames': frames, 'objects': [], 'fps': 30,
                         'start': 3, 'every': 7, 'props': {}, 'bg': {'kind': 'plain', 'names': [], 'rgb': [[0, 0, 0]]}}
                drawn = patterns.render(scene)
                yield item('patterns at defaults, five sizes', 'caption, image' if frames == 1 else 'caption, clip',
                           default_caption(scene), tasks.caption(scene), drawn, pattern=name)
    found = tries = 0
    while found < n:
        scene = patterns.sample('test', 500000 + tries, 4)
        tries += 1
        if scene['pattern'] != 'ball' or 'colours' in scene:
            continue
        scene['props'] = {}
        drawn = patterns.render(scene)
        if not scene.get('motion') or scene['motion'] == 'still':
            continue
        found += 1
        yield item('ball of videotestsrc', 'direction', *tasks.ask(world.generator('test', tries, 1), scene, 'direction'),
                   drawn)
    for i in range(n):
        scene = patterns.sample('test', i, 1 + 3 * (i % 2))
        drawn = patterns.render(scene)
        yield item('patterns with properties set', 'caption', default_caption(scene), tasks.caption(scene), drawn,
                   pattern=scene['pattern'])


def other_items(n, photos):
    held = patterns.Photos(True)
    for i in range(n):
        frames = 1 + 3 * (i % 2)
        scene, drawn = held.sample('test', i, frames)
        yield item('photographs never trained', 'caption', default_caption(scene), tasks.caption(scene), drawn)
        rng = world.generator('test', i, 802)
        yield item('photographs never trained', 'pattern', *tasks.ask(rng, scene, 'pattern'), drawn)
        yield item('photographs never trained', 'is there', *tasks.ask(rng, scene, 'is there'), drawn)
    for i in range(n // 2):
        for frames in (1, 4):
            scene = world.sample('test', i, 'plain', frames)
            scene.pop('small', None)
            drawn, _ = world.render(scene)
            yield item('plain screens', 'caption', default_caption(scene), tasks.caption(scene), drawn)
    for grey in (0, 64, 96, 128, 160, 255):
        for frames in (1, 4):
            name = 'black' if grey == 0 else 'white' if grey == 255 else 'gray'
            drawn = [np.full((240, 320, 3), grey, np.uint8)] * frames
            yield item('black, gray, white frames', 'caption', CAPTION_CLIP if frames > 1 else CAPTION_IMAGE,
                       'A plain %s screen.' % name, drawn)


def fact_items(n, photos):
    i = 0
    for questions, answer in facts.FACTS:
        for q in questions:
            yield item('text facts', 'alone', q, answer, [])
            for k in range(3):
                scene, drawn, _ = pool.make('test', 700000 + i, 'shapes', None, 1 + 3 * (k == 2), photos)
                i += 1
                yield item('text facts', 'beside an unrelated picture', q, answer, drawn)
    rng = np.random.default_rng(5)
    for held in (False, True):
        for a, b in facts.sums(held):
            yield item('sums never trained' if held else 'sums trained', 'alone', *facts.sum_text(rng, a, b), [])


def items(n):
    photos = patterns.Photos(True)
    yield from shape_items(n, 'test', 1, IMAGE_KINDS, photos)
    yield from shape_items(n, 'held', 1, IMAGE_KINDS[:-1], photos)
    yield from shape_items(n, 'test', 4, CLIP_KINDS, photos)
    yield from shape_items(n, 'held', 4, CLIP_KINDS, photos)
    yield from text_items(n, photos)
    yield from pattern_items(n)
    yield from other_items(n, photos)
    yield from fact_items(n, photos)


def answer(net, tok, todo, size=64, limit=80):
    """Fills in 'got' for the items, greedily."""
    edge = net.config['visual_config']['visual_model']['image_size']
    groups = collections.defaultdict(list)
    for it in todo:
        ids = tok.ask(it['question']) if it['frames'] else tok.ask_text(it['question'])
        groups[len(it['frames']), len(ids)].append((it, ids))
    for (frames, _), members in groups.items():
        for at in range(0, len(members), size):
            part = members[at:at + size]
            e = net.model.embed_tokens(torch.tensor([ids for _, ids in part]))
            span = None
            if frames:
                pictures = np.stack([world.squash(f, edge) for it, _ in part for f in it['frames']])
                rows = net.encode(batch.pixels(pictures)).reshape(len(part), -1, e.shape[2])
                head = net.model.embed_tokens(torch.tensor([tok.head()] * len(part)))
                span = (head.shape[1], head.shape[1] + rows.shape[1])
                e = torch.cat([head, rows, e], 1)
            for (it, _), ids in zip(part, net.generate(e, span, limit)):
                it['got'] = tok.decode(ids)


def motion_of(it):
    """The motion of the only object of a clip, for the table by kind of motion."""
    o = it['scene']['objects']
    return o[0]['motion'] if len(o) == 1 and it['kind'] == 'caption' else None


def place_words(text):
    words = text.replace('.', '').split()
    row = next((w for w in ('top', 'bottom') if w in words), 'middle')
    return row, next((w for w in ('left', 'right') if w in words), 'middle')


def tables(done):
    """[(group, row, right, n)]"""
    score = collections.OrderedDict()

    def add(group, row, right):
        s = score.setdefault((group, row), [0, 0])
        s[0] += right
        s[1] += 1

    for it in done:
        right = it['got'] == it['answer']
        add(it['group'], it['kind'], right)
        if it['kind'] == 'where':
            (r, c), (gr, gc) = place_words(it['answer']), place_words(it['got'])
            add(it['group'], 'where: row', r == gr)
            add(it['group'], 'where: column', c == gc)
        if it['group'].startswith('clip') and motion_of(it):
            m = motion_of(it)
            add('motion in clip captions', m, tasks.VERBS[m] in it['got'])
    return [(g, r, a, b) for (g, r), (a, b) in score.items()]


def main():
    p = argparse.ArgumentParser()
    p.add_argument('checkpoint')
    p.add_argument('--n', type=int, default=150, help='items per row')
    p.add_argument('--answers')
    p.add_argument('--dump')
    p.add_argument('--fast', action='store_true', help='bf16 matrix products')
    a = p.parse_args()
    network.FAST = a.fast
    net = network.load(a.checkpoint)
    tok = tokenizer.Tokenizer(os.path.join(a.checkpoint, 'tokenizer.model'))
    todo = list(items(a.n))
    with torch.no_grad():
        answer(net, tok, todo)
    if a.dump:
        os.makedirs(a.dump, exist_ok=True)
    lines = []
    for i, it in enumerate(todo):
        names = ['%05d-%d.png' % (i, k) for k in range(len(it['frames']))]
        if a.dump:
            for name, f in zip(names, it['frames']):
                Image.fromarray(f).save(os.path.join(a.dump, name))
        lines.append(json.dumps({'id': i, 'group': it['group'], 'kind': it['kind'], 'question': it['question'],
                                 'answer': it['answer'], 'pytorch': it['got'], 'frames': names}))
    for path in filter(None, [a.answers, a.dump and os.path.join(a.dump, 'items.jsonl')]):
        with open(path, 'w') as f:
            f.write('\n'.join(lines) + '\n')
    for group, row, right, n in tables(todo):
        print('| %s | %s | %.3f | %d |' % (group, row, right / n, n))


if __name__ == '__main__':
    main()
