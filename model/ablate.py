# SPDX-License-Identifier: LGPL-2.1-or-later
"""The paper's ablations in the small: short runs that differ in one thing each.

    python3 ablate.py RUN_DIR OUT_DIR [--shard K/N]     trains and measures
    python3 ablate.py --plot OUT_DIR                    tables and plots

RUN_DIR is a finished run of train.sh: as in the paper, every run starts from a
trained vision encoder (after-vision.pt) and a trained language model, and from
a new abstractor.  Images only, no words; two seeds.  OUT_DIR/results-K.jsonl
gets a line for each run; a run that has its line is not repeated.
"""
import argparse
import json
import math
import os
import time

import numpy as np
import torch
import torch.nn.functional as F

import batch
import evaluate
import facts
import items
import net as network
import patterns
import pool
import tasks
import tokenizer
import train
import world
from config import config
from heads import Heads
from vocab import CAPTION_IMAGE, PATTERN_NAMES, PATTERNS

SEEDS = (1, 2)
IMAGES = 12
STAGES = [('abstractor', 150, 1.8e-3), ('captions', 200, 1.2e-3), ('instruct', 450, 1.0e-3)]
PLAN = [('shapes', 5000), ('pattern', 500), ('plain', 250), ('photo', 250)]
SHARES = {'shapes': 0.8, 'pattern': 0.1, 'plain': 0.05, 'photo': 0.05}
BASE = {'queries': 16, 'size': 112, 'adaptive': True, 'vit': 'decay'}
RUNS = [BASE, dict(BASE, adaptive=False), dict(BASE, vit='frozen'), dict(BASE, vit='trained')] + \
       [dict(BASE, queries=q) for q in (1, 2, 4, 8)] + [dict(BASE, size=s) for s in (56, 84, 168)]
KINDS = ['caption', 'colour', 'shape', 'count', 'background', 'is there', 'where']


class Pictures:
    """Training images of one size."""

    def __init__(self, directory, size):
        path = os.path.join(directory, 'pictures-%d.npz' % size)
        if not os.path.exists(path):
            self.draw_all(path, size)
        data = np.load(path, allow_pickle=False)
        self.pictures, self.aux = data['pictures'], [data['aux%d' % k] for k in range(4)]
        photos = patterns.Photos(False)
        self.scenes = [self.scene(kind, i, photos)[0] for kind, i in self.jobs()]
        kinds = np.array([s['type'] for s in self.scenes])
        self.by_type = {k: np.nonzero(kinds == k)[0] for k in np.unique(kinds)}

    draw = pool.Pool.draw

    @staticmethod
    def jobs():
        return [(kind, i) for kind, n in PLAN for i in range(n)]

    @staticmethod
    def scene(kind, i, photos):
        """Of a shape only the scene, which is all that questions need."""
        if kind == 'shapes':
            return world.sample('train', 3000000 + i, kind), None, []
        return pool.make('train', 3000000 + i, kind, None, 1, photos)

    def draw_all(self, path, size):
        photos = patterns.Photos(False)
        pictures, aux = [], []
        for kind, i in self.jobs():
            scene, drawn, boxes = pool.make('train', 3000000 + i, kind, None, 1, photos)
            rng = world.generator('train', 3000000 + i, 950)
            pictures.append(world.squash(world.degrade(rng, drawn)[0], size))
            number = 1 + PATTERN_NAMES.index(scene['name']) if scene['type'] == 'pattern' else 0
            aux.append(tasks.aux_targets(scene, 0, boxes, 255 if scene.get('name') == 'a blinking screen' else number))
        # The patch targets are those of an 8 x 8 grid; other grids take the nearest.
        at = (np.arange(size // 14) + 0.5) * tasks.GRID / (size // 14)
        index = (at.astype(int)[:, None] * tasks.GRID + at.astype(int)[None]).ravel()
        out = [np.array([a[k] for a in aux]) for k in range(4)]
        out[:3] = [a[:, index] for a in out[:3]]
        np.savez(path, pictures=np.array(pictures), aux0=out[0], aux1=out[1], aux2=out[2], aux3=out[3])


def stretch(table, n):
    """[1, 1 + g * g, w] positions to [1, n, w], bilinear but for the class token."""
    g, h = (math.isqrt(k - 1) for k in (table.shape[1], n))
    if g == h:
        return table
    grid = table[:, 1:].view(1, g, g, -1).permute(0, 3, 1, 2)
    grid = F.interpolate(grid, (h, h), mode='bilinear', align_corners=False)
    return torch.cat([table[:, :1], grid.flatten(2).transpose(1, 2)], 1)


class Ablation(train.Trainer):
    def __init__(self, run, how, seed, pictures):
        c = config(how['queries'], how['size'])
        self.rank, self.ranks, self.how, self.images = 0, 1, how, pictures
        self.settings = argparse.Namespace(seed=seed)
        self.tok = tokenizer.Tokenizer(os.path.join(run, 'tokenizer.model'))
        self.net = network.Owl2(c)
        self.net.init(seed)
        state = torch.load(os.path.join(run, 'after-vision.pt'))
        state = {k: v for k, v in state.items() if 'visual_abstractor' not in k}
        name = 'model.vision_model.embeddings.position_embedding'
        state[name] = stretch(state[name], (how['size'] // 14) ** 2 + 1)
        self.net.load_state_dict(state, strict=False)
        torch.manual_seed(seed)
        self.heads = Heads(c['visual_config']['visual_model']['hidden_size'], c['hidden_size'], how['queries'])
        self.flat = train.Flat([self.net, self.heads])

    def rate(self, stage):
        usual = train.rates('vision' if stage == 'abstractor' else stage)

        def rate(name):
            if 'vision_model' in name and (self.how['vit'] == 'frozen' or stage == 'abstractor'):
                return 0.0
            if 'vision_model' in name and self.how['vit'] == 'trained':
                return 1.0
            if 'multiway.1' in name and not self.how['adaptive']:
                return 0.0
            return usual(name)
        return rate

    def step_images(self, rng, stage):
        chosen = self.images.draw(rng, IMAGES, SHARES)
        rows, aux = self.look(rng, chosen)
        if stage == 'abstractor':
            return aux
        captions = stage == 'captions'
        n, room = (2, 999) if captions else (7, 88)
        items = [batch.fill(self.tok, batch.ask(rng, self.images.scenes[i], n, captions), room) for i in chosen]
        loss, _ = self.picture_loss(rng, rows, items, 'image')
        loss = loss + (0.15 if captions else 0.08) * aux
        if not captions:
            loss = loss + 0.15 * self.text_loss(batch.text(rng, 3, 3))[0]
        return loss

    def look(self, rng, chosen):
        frames = np.concatenate([world.adjust(rng, self.images.pictures[i][None]) for i in chosen])
        targets = [torch.from_numpy(a[chosen].astype(np.int64)) for a in self.images.aux]
        vision = self.net.model.vision_model(batch.pixels(frames))
        rows = self.net.model.visual_abstractor(vision)
        return rows, self.heads(vision, rows, targets)[0]

    def go(self):
        for number, (name, steps, peak) in enumerate(STAGES):
            if name == 'captions' and self.how['adaptive']:
                for m in self.net.modules():
                    if isinstance(m, network.MultiWay):
                        m.multiway[1].load_state_dict(m.multiway[0].state_dict())
            self.flat.select(self.rate(name))
            for step in range(steps):
                self.flat.g.zero_()
                loss = self.step_images(self.rng(number, step), name)
                loss.backward()
                self.flat.step(train.schedule(step, steps, peak), step + 1)


def test_items():
    photos = patterns.Photos(True)
    out = list(items.shape_items(100, 'test', 1, KINDS))
    for name in sorted(PATTERNS):
        scene = {'type': 'pattern', 'pattern': name, 'size': [320, 240], 'frames': 1, 'objects': [], 'fps': 30,
                 'start': 3, 'every': 7, 'props': {}, 'bg': {'kind': 'plain', 'names': [], 'rgb': [[0, 0, 0]]}}
        drawn = patterns.render(scene)
        out.append(items.item('patterns', 'caption', CAPTION_IMAGE, tasks.caption(scene), drawn))
    for i, (questions, text) in enumerate(facts.FACTS):
        for k, q in enumerate(questions):
            out.append(items.item('facts', 'alone', q, text, []))
            drawn = pool.make('test', 800000 + 2 * i + k, 'shapes', None, 1, photos)[1]
            out.append(items.item('facts', 'beside an unrelated picture', q, text, drawn))
    return out


def measure(run, out, how, seed, pictures, todo):
    network.MultiWay.ADAPTIVE = how['adaptive']
    start = time.time()
    a = Ablation(run, how, seed, pictures)
    a.go()
    trained = time.time() - start
    with torch.no_grad():
        evaluate.answer(a.net.eval(), a.tok, todo)
    score = {'%s: %s' % (g, r): right / n for g, r, right, n in evaluate.tables(todo)}
    rainbow = next(it['got'] for it in todo if it['kind'].startswith('beside') and 'rainbow' in it['question'])
    line = dict(how, seed=seed, seconds=round(trained), score=score, rainbow=rainbow)
    with open(out, 'a') as f:
        f.write(json.dumps(line) + '\n')
    print(how, seed, 'trained in %.0f s,' % trained, 'pictures %.3f' % picture_score(score), flush=True)


def picture_score(score):
    """The mean over the picture questions."""
    return float(np.mean([v for k, v in score.items() if k.split(': ')[-1] in KINDS and k.startswith('image')]))


def results(directory):
    lines = []
    for name in sorted(os.listdir(directory)):
        if name.startswith('results'):
            lines += [json.loads(x) for x in open(os.path.join(directory, name))]
    return lines


def same(line, how):
    return all(line[k] == v for k, v in how.items())


def plot(directory):
    import matplotlib
    matplotlib.use('Agg')
    import matplotlib.pyplot as plt
    lines = results(directory)
    sides = [('modality-adaptive module', [(name, dict(BASE, adaptive=v)) for name, v in (('on', True), ('off', False))]),
             ('queries', [(str(q), dict(BASE, queries=q)) for q in (1, 2, 4, 8, 16)]),
             ('input size', [(str(s), dict(BASE, size=s)) for s in (56, 84, 112, 168)]),
             ('vision encoder', [('frozen', dict(BASE, vit='frozen')), ('trained', dict(BASE, vit='trained')),
                                 ('layer-wise decay', dict(BASE, vit='decay'))])]
    columns = [('picture questions', picture_score)] + \
        [(k, lambda s, k=k: s[k]) for k in ('image: caption', 'image: where: row', 'image: where: column',
                                            'patterns: caption', 'facts: alone', 'facts: beside an unrelated picture')]
    figure, axes = plt.subplots(1, 4, figsize=(13, 3.2), sharey=True)
    for (title, cases), ax in zip(sides, axes):
        print('\n| %s | %s |' % (title, ' | '.join(c for c, _ in columns)))
        print('| --- ' * (len(columns) + 1) + '|')
        for name, how in cases:
            found = [x['score'] for x in lines if same(x, how)]
            print('| %s | %s |' % (name, ' | '.join(', '.join('%.2f' % f(s) for s in found) for _, f in columns)))
        for label, f in (columns[0], columns[4], columns[6]):
            points = [[f(x['score']) for x in lines if same(x, how)] for _, how in cases]
            ax.plot(range(len(cases)), [np.mean(p) if p else np.nan for p in points], marker='o', label=label)
            for i, p in enumerate(points):
                ax.plot([i] * len(p), p, '.', color='gray', markersize=3)
        ax.set_xticks(range(len(cases)), [name for name, _ in cases])
        ax.set_title(title, fontsize=10)
        ax.set_ylim(0, 1.02)
        ax.grid(alpha=0.3)
    axes[0].set_ylabel('exact match')
    axes[0].legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(os.path.join(directory, 'ablations.png'), dpi=90)
    print()
    for x in lines:
        if same(x, dict(BASE, adaptive=False)) or same(x, BASE):
            print('rainbow, module %s, seed %d: %s' % ('on' if x['adaptive'] else 'off', x['seed'], x['rainbow']))


def main():
    p = argparse.ArgumentParser()
    p.add_argument('run', nargs='?')
    p.add_argument('out')
    p.add_argument('--shard', default='0/1')
    p.add_argument('--plot', action='store_true')
    a = p.parse_args()
    if a.plot:
        return plot(a.out)
    torch.set_num_threads(1)
    network.FAST = True
    os.makedirs(a.out, exist_ok=True)
    k, n = (int(x) for x in a.shard.split('/'))
    todo, out, at = test_items(), os.path.join(a.out, 'results-%d.jsonl' % k), {}
    for seed in SEEDS:
        for how in RUNS[k::n]:
            if any(same(x, how) and x['seed'] == seed for x in results(a.out)):
                continue
            if how['size'] not in at:
                at[how['size']] = Pictures(a.out, how['size'])
            measure(a.run, out, how, seed, at[how['size']], todo)


if __name__ == '__main__':
    main()
