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
import collections
import fcntl
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
import pool
import tasks
import tokenizer
import train
import world
from config import config
from heads import Heads
from optim import Flat
from vocab import PATTERNS

SEEDS = (1, 2)
IMAGES = 12
STAGES = [('abstractor', 300, 1.8e-3), ('captions', 200, 1.2e-3), ('instruct', 500, 1.0e-3)]
PLAN = [('shapes', None, 3000000, 5000), ('pattern', None, 3000000, 500), ('plain', None, 3000000, 250),
        ('photo', None, 3000000, 250)]
SHARES = {'one shape': 0.27, 'shapes': 0.37, 'alike': 0.16, 'pattern': 0.1, 'plain': 0.05, 'photo': 0.05}
BASE = {'queries': 16, 'size': 112, 'adaptive': True, 'vit': 'decay'}
RUNS = [BASE, dict(BASE, adaptive=False), dict(BASE, vit='frozen'), dict(BASE, vit='trained')] + \
       [dict(BASE, queries=q) for q in (1, 2, 4, 8)] + [dict(BASE, size=s) for s in (56, 84, 168)]
KINDS = ['caption', 'colour', 'shape', 'count', 'background', 'is there', 'where']


def pictures(directory, size):
    """Training images of one size, drawn once."""
    name = 'pictures-%d' % size
    with open(os.path.join(directory, name + '.lock'), 'w') as lock:    # other shards want them, too
        fcntl.flock(lock, fcntl.LOCK_EX)
        pool.build(directory, name, PLAN, 1, 0, 1, size)
    out = pool.Pool(directory, name, 0)
    # The patch targets are those of an 8 x 8 grid; other grids take the nearest.
    at = (np.arange(size // 14) + 0.5) * tasks.GRID / (size // 14)
    index = (at.astype(int)[:, None] * tasks.GRID + at.astype(int)[None]).ravel()
    out.aux[:-1] = [a[..., index] for a in out.aux[:-1]]
    return out


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
        self.rank, self.how, self.images = 0, how, pictures
        self.settings = argparse.Namespace(seed=seed, queries=how['queries'])
        self.wrong = collections.defaultdict(lambda: 0.5)
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
        self.flat = Flat([self.net, self.heads])

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
        scenes = [self.images.scenes[i] for i in chosen]
        asked = self.captions(rng, scenes) if captions else self.questions(rng, scenes, 'image')
        loss, right, _ = self.picture_loss(rng, rows, asked, 'image')
        self.keep_score(right)
        loss = loss + (0.15 if captions else 0.08) * aux
        if not captions:
            loss = loss + 0.15 * self.text_loss(batch.text(rng, 3, 3))[0]
        return loss

    def look(self, rng, chosen):
        targets = batch.aux_of(self.images, chosen, self.settings.queries)
        vision = self.net.model.vision_model(batch.pixels(batch.frames_of(rng, self.images, chosen)))
        rows = self.net.model.visual_abstractor(vision)
        return rows, self.heads(vision, rows, targets)[0]

    def go(self):
        for number, (name, steps, peak) in enumerate(STAGES):
            if name == 'captions' and self.how['adaptive']:
                self.net.same_ways()
            self.flat.select(self.rate(name))
            for step in range(steps):
                self.flat.g.zero_()
                loss = self.step_images(self.rng(number, step), name)
                loss.backward()
                self.flat.step(train.schedule(step, steps, peak), step + 1)


def test_items():
    out = list(items.shape_items(100, 'test', 1, KINDS))
    out += [items.default_pattern('patterns', 'caption', name, [320, 240], 1) for name in sorted(PATTERNS)]
    for i, fact in enumerate(facts.FACTS):
        for k, q in enumerate(fact.asked):
            out.append(items.item('facts', 'alone', q, fact.answer, []))
            drawn = world.render(world.sample('test', 800000 + 2 * i + k))[0]
            out.append(items.item('facts', 'beside an unrelated picture', q, fact.answer, drawn))
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
                at[how['size']] = pictures(a.out, how['size'])
            measure(a.run, out, how, seed, at[how['size']], todo)


if __name__ == '__main__':
    main()
