# SPDX-License-Identifier: LGPL-2.1-or-later
"""Trains owl2-nano: warm-ups of decoder and vision, then the two stages of the paper.

    python3 train.py RUN_DIR POOL_DIR [options]

With start.pt in the run directory (gguf.py writes it) it trains that model further.
Runs RANKS processes of one thread each that average their gradients.  The run
directory holds tokenizer.model, log.txt and state.pt; a run that was stopped
goes on from state.pt.  Every batch is a function of (seed, stage, step, rank) and of what was
answered wrongly of late, which a run that goes on learns anew.
"""
import argparse
import collections
import copy
import os
import subprocess
import sys
import time

import numpy as np
import torch
import torch.distributed as dist
import torch.nn.functional as F

import batch
import net as network
import pool
import questions
import tasks
import tokenizer
import world
from config import SEED, config
from heads import Heads
from optim import Flat, Shared

RANKS = 2
# name, steps, peak learning rate
STAGES = [('text', 250, 3e-3), ('vision', 3900, 1.8e-3), ('captions', 400, 1.2e-3), ('lookup', 1200, 1.0e-3),
          ('instruct', 5400, 8e-4), ('polish', 2800, 5e-4), ('see', 2200, 1.2e-3), ('name', 1200, 8e-4),
          ('widen', 4000, 6e-4)]
# What a run does that goes on from a model file; the throw-away heads begin anew.
FURTHER = [('heads', 250, 3e-3), *STAGES[-3:]]
# The part of a stage in which the rate falls, where it is not 0.6.
PARTS = {'lookup': 0.3, 'name': 0.3, 'instruct': 0.85, 'polish': 0.85, 'widen': 0.85}
# The kinds of the images of a step; in `instruct` nearly all words are known ones: the decoder learns to weigh
# letters against words.  In `polish` more has a colour or a shape twice, which few pictures have.  In `widen` half of
# the pictures are in other styles, of everyday things, and of what has no name.
SHARES = {'one shape': 0.06, 'shapes': 0.39, 'alike': 0.13, 'word': 0.14, 'letters': 0.12, 'pattern': 0.06, 'plain': 0.04, 'photo': 0.06}
LAST_SHARES = {'one shape': 0.05, 'shapes': 0.3, 'alike': 0.09, 'word': 0.33, 'letters': 0.05, 'pattern': 0.07, 'plain': 0.03, 'photo': 0.08}
CLIP_SHARES = {'one shape': 0.27, 'shapes': 0.43, 'alike': 0.06, 'word': 0.02, 'pattern': 0.13, 'plain': 0.04, 'photo': 0.05}
POLISH_SHARES = dict(LAST_SHARES, shapes=0.2, alike=0.2)
POLISH_CLIP_SHARES = dict(CLIP_SHARES, **{'one shape': 0.2, 'shapes': 0.31, 'alike': 0.25})
WIDE_SHARES = {'one shape': 0.03, 'shapes': 0.12, 'alike': 0.09, 'word': 0.11, 'letters': 0.03, 'pattern': 0.05, 'plain': 0.02,
               'photo': 0.04, 'styled one shape': 0.04, 'styled shapes': 0.09, 'styled alike': 0.04, 'styled word': 0.08,
               'styled letters': 0.02, 'styled plain': 0.03, 'thing': 0.16, 'unknown': 0.05}
WIDE_CLIP_SHARES = {'one shape': 0.12, 'shapes': 0.15, 'alike': 0.12, 'word': 0.01, 'pattern': 0.09, 'plain': 0.02,
                    'photo': 0.03, 'styled one shape': 0.07, 'styled shapes': 0.1, 'styled alike': 0.05,
                    'styled plain': 0.03, 'thing': 0.18, 'unknown': 0.04}
SEE_SHARES = {'one shape': 0.02, 'shapes': 0.07, 'alike': 0.03, 'word': 0.06, 'letters': 0.03, 'pattern': 0.02, 'plain': 0.01,
              'photo': 0.01, 'styled one shape': 0.04, 'styled shapes': 0.1, 'styled word': 0.06, 'styled letters': 0.02,
              'styled plain': 0.01, 'thing': 0.48, 'unknown': 0.04}
SEE_CLIP_SHARES = {'one shape': 0.05, 'shapes': 0.12, 'alike': 0.05, 'pattern': 0.04, 'styled shapes': 0.14, 'thing': 0.6}
# Images, clips of which one frame is taken, and crowds of a step of a stage that trains the encoder by its heads alone.
SEEN = {'vision': ((12, SHARES), (6, CLIP_SHARES), 24), 'see': ((32, SEE_SHARES), (8, SEE_CLIP_SHARES), 4)}
# Images and clips that are encoded for a stage that trains the decoder alone, and how many a step takes of them.
NAME_SHARES = dict(WIDE_SHARES, thing=0.5)
NAME_CLIP_SHARES = dict(WIDE_CLIP_SHARES, thing=0.5)
ENCODED = {'lookup': ((12000, 24, SHARES), (5000, 8, CLIP_SHARES)),
           'name': ((9000, 24, NAME_SHARES), (2500, 8, NAME_CLIP_SHARES))}
KEEP = 10       # weight of the rows of old pictures in `see`
# Images and clips of a step.
PICTURES = {'captions': ((10, SHARES), (6, CLIP_SHARES)), 'instruct': ((16, LAST_SHARES), (5, CLIP_SHARES)),
            'polish': ((16, POLISH_SHARES), (5, POLISH_CLIP_SHARES)), 'heads': ((16, WIDE_SHARES), (5, WIDE_CLIP_SHARES)),
            'widen': ((17, WIDE_SHARES), (5, WIDE_CLIP_SHARES))}


def rates(stage):
    """The learning-rate factor of each parameter in a stage."""
    def rate(name):
        vision, abstractor = 'vision_model' in name, 'visual_abstractor' in name
        head = name.startswith(('patch.', 'table.', 'narrow.', 'slot.'))
        if stage == 'heads':
            return 1.0 if head or name.startswith(('motion.', 'word.')) else 0.0
        if name.startswith('word.') and stage not in ('instruct', 'polish', 'widen'):
            return 0.0
        if stage == 'text':
            return 0.0 if vision or abstractor or head or name.startswith('motion.') or 'multiway.1' in name else 1.0
        if stage in SEEN:
            return 1.0 if vision or abstractor or head else 0.0
        if stage in ENCODED:
            return 0.0 if vision or abstractor or head else 1.0
        if stage == 'captions':
            return 0.5 if vision or abstractor or head else 1.0 if 'multiway.1' in name or name.startswith('motion.') else 0.0
        if vision and 'layers.' in name:
            return 0.9 ** (5 - int(name.split('layers.')[1].split('.')[0]))
        return 0.9 ** 6 if 'vision_model.embeddings' in name else 1.0
    return rate


def schedule(step, steps, peak, part=0.6):
    """Warm-up, level, and a fall over the last part to nearly nothing."""
    warm, fall = min(100, steps // 10), int(part * steps)
    if step < warm:
        return peak * (step + 1) / warm
    if step > steps - fall:
        return peak * (0.01 + 0.99 * (steps - step) / fall)
    return peak


class Trainer:
    def __init__(self, run, pools, rank, ranks, settings):
        self.run, self.rank = run, rank
        self.tok = tokenizer.Tokenizer(os.path.join(run, 'tokenizer.model'))
        c = config(queries=settings.queries, size=world.SIZE)
        self.net = network.Owl2(c)
        self.net.init(settings.seed)
        torch.manual_seed(settings.seed)
        self.heads = Heads(c['visual_config']['visual_model']['hidden_size'], c['hidden_size'], settings.queries)
        self.flat = Flat([self.net, self.heads])
        self.settings = settings
        self.further = os.path.exists(os.path.join(run, 'start.pt'))
        # How often each kind of question is answered wrongly of late: that is how often it is asked.
        self.wrong = collections.defaultdict(lambda: 0.5)
        self.shared = None
        if ranks > 1:
            self.shared = Shared('/dev/shm/owl2-nano-%d' % settings.port, rank, self.flat.p.numel())
        if pools:
            self.images, self.clips, self.crowds = (pool.Pool(pools, n, rank) for n in ('images', 'clips', 'crowds'))
            self.words = [i for i, s in enumerate(self.crowds.scenes) if 'words' in s]

    def rng(self, stage, step):
        return np.random.default_rng([self.settings.seed, stage, step, self.rank])

    # ---- losses ----

    def answer_loss(self, embeds, packed, span, states=None):
        ids, pos, mask, where, want, answers = packed
        x = self.net.decode(embeds, pos, mask, span, states=states)
        logits = self.net.lm_head(x[where[0], where[1]]).float()
        loss = F.cross_entropy(logits, want)
        right = (logits.argmax(-1) == want).tolist()
        return loss, [(kind, all(right[a:b])) for _, kind, a, b in answers]

    def text_loss(self, items):
        packed = batch.pack(self.tok, items, 0, [False] * len(items))
        return self.answer_loss(self.net.model.embed_tokens(packed[0]), packed, None)

    def questions(self, rng, scenes, tag, count=False):
        """count: nearly always one that counts, where two things share a colour or a shape"""
        often = {k: 0.1 + self.wrong[tag + ' ' + k] for k in questions.QUESTIONS}
        more = dict(often, count=2.0)
        return [batch.fill(self.tok, batch.ask(rng, s, 7, False, more if count and tasks.alike(s) else often), 88)
                for s in scenes]

    def keep_score(self, right):
        for kind, r in right:
            self.wrong[kind] += 0.01 * ((not r) - self.wrong[kind])

    def captions(self, rng, scenes):
        return [batch.ask(rng, s, 2, True) for s in scenes]

    def picture_loss(self, rng, rows, items, tag, slots=None):
        """rows [B, image rows, W]; slots: the targets of a clip's last frame"""
        talk = rng.random(len(items)) < batch.TALK
        packed = batch.pack(self.tok, items, rows.shape[1], talk)
        start = len(self.tok.head())
        span = (start, start + rows.shape[1])
        e = self.net.model.embed_tokens(packed[0])
        e = torch.cat([e[:, :span[0]], rows, e[:, span[1]:]], 1)
        states = []
        loss, right = self.answer_loss(e, packed, span, states)
        extra = {'loss ' + tag: loss.item()}
        if slots is not None:
            part, share = self.heads.motions(states[1][:, span[1] - slots.shape[1] - 1:span[1] - 1], slots)
            loss = loss + 0.25 * part
            extra.update(share)
        return loss, [(tag + ' ' + k, r) for k, r in right], extra

    def step_text(self, rng):
        items = []
        for i in range(32):
            if i < 12:
                items += batch.text(rng, 1, 3)
            else:
                p = self.clips if i % 3 == 0 else self.images
                s = p.scenes[p.draw(rng, 1, CLIP_SHARES if i % 3 == 0 else SHARES)[0]]
                items.append(questions.some(rng, s, 3))
        loss, right = self.text_loss(items)
        return loss, [(k, r) for k, r in right if k == 'fact'], {}

    def keep_old(self, begin):
        """Copies encoder and abstractor, as they were before step 0 of `see`."""
        path = os.path.join(self.run, 'before-see.pt')
        parts = self.net.model.vision_model, self.net.model.visual_abstractor
        if begin == 0 and self.rank == 0:
            torch.save([m.state_dict() for m in parts], path + '.tmp')
            os.replace(path + '.tmp', path)
        if self.shared:
            dist.barrier()
        self.old = copy.deepcopy(parts)
        for m, state in zip(self.old, torch.load(path)):
            m.load_state_dict(state)
            m.requires_grad_(False)

    def old_loss(self, frames, rows, scenes):
        """How far the rows of pictures of a kind that the decoder can read already have gone from what they were."""
        known = [i for i, s in enumerate(scenes) if pool.Pool.kind(s) in SHARES]
        if not known:
            return 0.0, {}
        with torch.no_grad():
            want = self.old[1](self.old[0](batch.pixels(frames[known])))
        loss = F.mse_loss(rows[known].float(), want.float()) / want.float().var()
        return KEEP * loss, {'old rows': loss.item()}

    def step_seen(self, rng, stage):
        """Encoder and abstractor by the throw-away heads alone."""
        images, clips, crowds = SEEN[stage]
        a, c = self.images.draw(rng, *images), self.clips.draw(rng, *clips)
        b = self.crowds.draw(rng, crowds, {'crowd': 1})
        f = rng.integers(0, world.FRAMES, len(c))
        frames = np.concatenate([batch.frames_of(rng, self.images, a), batch.frames_of(rng, self.crowds, b)] +
                                [world.adjust(rng, self.clips.pictures[i, k][None]) for i, k in zip(c, f)])
        q = self.settings.queries
        targets = [torch.cat(t) for t in zip(batch.aux_of(self.images, a, q), batch.aux_of(self.crowds, b, q),
                                             batch.aux_of(self.clips, c, q, f))]
        vision = self.net.model.vision_model(batch.pixels(frames))
        rows = self.net.model.visual_abstractor(vision)
        loss, right = self.heads(vision, rows, targets)
        if stage == 'see':
            scenes = [p.scenes[i] for p, chosen in ((self.images, a), (self.crowds, b), (self.clips, c)) for i in chosen]
            part, share = self.old_loss(frames, rows, scenes)
            loss = loss + part
            right.update(share)
        return loss, [], right

    def step_pictures(self, rng, stage):
        """Stage 1 (captions) or 2 of the paper."""
        captions = stage == 'captions'
        images, clips = PICTURES[stage]
        a, c = self.images.draw(rng, *images), self.clips.draw(rng, *clips)
        b = [int(i) for i in rng.choice(self.words, 6)]
        parts = (self.images, a), (self.clips, c), (self.crowds, b)
        vision = self.net.model.vision_model(batch.pixels(np.concatenate([batch.frames_of(rng, p, i) for p, i in parts])))
        rows = self.net.model.visual_abstractor(vision)
        targets = [torch.cat(t) for t in zip(*(batch.aux_of(p, i, self.settings.queries) for p, i in parts))]
        aux, extra = self.heads(vision, rows, targets)
        if not captions:
            part, share = self.heads.words(rows[:len(a)], batch.words_of(self.images, a))
            aux = aux + part
            extra.update(share)
        loss, right = 0.15 * aux, []
        at = 0
        for tag, p, chosen, frames, weight in (('image', self.images, a, 1, 1.0), ('clip', self.clips, c, world.FRAMES, 0.8)):
            scenes, end = [p.scenes[i] for i in chosen], at + len(chosen) * frames
            items = self.captions(rng, scenes) if captions else self.questions(rng, scenes, tag, stage in ('polish', 'widen'))
            part, r, e = self.picture_loss(rng, rows[at:end].reshape(len(chosen), -1, rows.shape[2]), items, tag,
                                           targets[-1][at:end][frames - 1::frames] if frames > 1 else None)
            loss, right, at = loss + weight * part, right + r, end
            extra.update(e)
        if not captions:
            lt, rt = self.text_loss(batch.text(rng, 4, 3))
            loss, right = loss + 0.15 * lt, right + rt
        return loss, right, extra

    def encode_some(self, stage):
        """Encodes a part of the pool, for a stage that trains the decoder alone: tag -> (scenes, rows, slots)."""
        self.encoded = {}
        for tag, p, (n, _, shares) in zip(('image', 'clip'), (self.images, self.clips), ENCODED[stage]):
            chosen = sorted(set(p.draw(np.random.default_rng([self.settings.seed, 9, self.rank]), n, shares)))
            scenes, rows = [p.scenes[i] for i in chosen], []
            with torch.no_grad():
                for at in range(0, len(chosen), 32):
                    frames = np.concatenate([p.pictures[i] for i in chosen[at:at + 32]])
                    rows.append(self.net.encode(batch.pixels(frames)))
            rows = torch.cat(rows)
            last = [s['frames'] - 1 for s in scenes]
            self.encoded[tag] = (scenes, rows.reshape(len(chosen), -1, rows.shape[2]),
                                 batch.slots_of(p, chosen, self.settings.queries, last).byte())

    def step_encoded(self, rng, stage):
        """Many questions about pictures that were encoded before: the decoder learns to find things in the rows."""
        loss, right, extra = 0.15 * self.text_loss(batch.text(rng, 4, 3))[0], [], {}
        for tag, (_, n, _), weight in zip(('image', 'clip'), ENCODED[stage], (1.0, 0.8)):
            scenes, rows, slots = self.encoded[tag]
            chosen = rng.integers(0, len(scenes), n)
            items = self.questions(rng, [scenes[i] for i in chosen], tag, stage == 'name')
            part, r, e = self.picture_loss(rng, rows[chosen], items, tag, slots[chosen].long() if tag == 'clip' else None)
            loss, right = loss + weight * part, right + r
            extra.update(e)
        return loss, right, extra

    # ---- the run ----

    def log(self, *words):
        if self.rank == 0:
            line = time.strftime('%H:%M:%S ') + ' '.join(str(w) for w in words)
            print(line, flush=True)
            with open(os.path.join(self.run, 'log.txt'), 'a') as f:
                f.write(line + '\n')

    def save(self, stage, step):
        if self.rank:
            return
        path = os.path.join(self.run, 'state.pt')
        f = self.flat
        torch.save({'stage': stage, 'step': step, 'p': f.p, 'm': f.m, 'v': f.v, 'mean': f.mean}, path + '.tmp')
        os.replace(path + '.tmp', path)

    def resume(self):
        path = os.path.join(self.run, 'state.pt')
        if not os.path.exists(path):
            if self.further:
                self.net.load_state_dict(torch.load(os.path.join(self.run, 'start.pt')))
            return 0, 0, None
        s = torch.load(path)
        self.flat.p.copy_(s['p'])
        return s['stage'], s['step'], s

    def train(self, stages):
        first, begin, state = self.resume()
        for number in range(first, len(stages)):
            name, steps, peak = stages[number]
            if name == 'captions' and begin == 0:
                self.net.same_ways()
            self.flat.select(rates(name))
            if state is not None and begin:
                self.flat.m.copy_(state['m']), self.flat.v.copy_(state['v'])
                self.flat.mean.copy_(state.get('mean', state['p']))
            state = None
            self.log('stage', name, 'from step', begin, 'of', steps)
            self.stage(number, name, begin, steps, peak)
            begin = 0
            self.save(number + 1, 0)
            if self.rank == 0:
                torch.save(self.net.state_dict(), os.path.join(self.run, 'after-%s.pt' % name))

    def stage(self, number, name, begin, steps, peak):
        stats, scores, since, losses, saved = {}, {}, time.time(), [], time.time()
        if name in ENCODED:
            self.encode_some(name)
        if name == 'see':
            self.keep_old(begin)
        for step in range(begin, steps):
            rng = self.rng(number, step)
            self.flat.g.zero_()
            if name == 'text':
                loss, right, extra = self.step_text(rng)
            elif name in SEEN:
                loss, right, extra = self.step_seen(rng, name)
            elif name in ENCODED:
                loss, right, extra = self.step_encoded(rng, name)
            else:
                loss, right, extra = self.step_pictures(rng, name)
            loss.backward()
            if self.shared:
                self.shared.reduce(self.flat.g, self.flat.runs)
            norm = self.flat.step(schedule(step, steps, peak, PARTS.get(name, 0.6)), step + 1, self.shared)
            losses.append(loss.item())
            self.keep_score(right)
            for k, r in right:
                scores.setdefault(k, []).append(r)
            for k, r in extra.items():
                stats.setdefault(k, []).append(r)
            if (step + 1) % 100 == 0 or step + 1 == steps:
                each = (time.time() - since) / len(losses)
                self.log('%s %d/%d loss %.4f norm %.2f, %.3f s each' % (name, step + 1, steps, np.mean(losses), norm, each))
                if (step + 1) % 500 == 0 or step + 1 == steps:
                    self.log('   ', ', '.join('%s %.3f' % (k, np.mean(v)) for k, v in sorted(stats.items())))
                    self.log('   ', ', '.join('%s %.3f' % (k, np.mean(v)) for k, v in sorted(scores.items())))
                    stats, scores = {}, {}
                losses, since = [], time.time()
            if time.time() - saved > 90 and self.rank == 0:
                self.save(number, step + 1)
                saved = time.time()


def parse(argv):
    p = argparse.ArgumentParser()
    p.add_argument('run')
    p.add_argument('pool')
    p.add_argument('--seed', type=int, default=SEED)
    p.add_argument('--queries', type=int, default=16)
    p.add_argument('--scale', type=float, default=1.0, help='factor on the steps of all stages')
    p.add_argument('--widen', type=int, help='steps of the stage of this name, instead of %d' % STAGES[-1][1])
    p.add_argument('--port', type=int, default=29871)
    p.add_argument('--rank', type=int, default=-1, help=argparse.SUPPRESS)
    return p.parse_args(argv)


def main(argv):
    s = parse(argv)
    if s.rank < 0:
        env = dict(os.environ, OMP_NUM_THREADS='1', OPENBLAS_NUM_THREADS='1')
        procs = [subprocess.Popen([sys.executable, os.path.abspath(__file__)] + argv + ['--rank', str(r)], env=env)
                 for r in range(RANKS)]
        codes = [p.wait() for p in procs]
        return max(abs(c) for c in codes)
    torch.set_num_threads(1)
    network.FAST = True
    dist.init_process_group('gloo', init_method='tcp://127.0.0.1:%d' % s.port, rank=s.rank, world_size=RANKS)
    t = Trainer(s.run, s.pool, s.rank, RANKS, s)
    t.log('parameters', sum(p.numel() for p in t.net.parameters()), 'and throw-away',
          sum(p.numel() for p in t.heads.parameters()))
    t.train([(n, s.widen if s.widen and n == 'widen' else max(1, int(k * s.scale)), lr)
             for n, k, lr in (FURTHER if t.further else STAGES)])
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
