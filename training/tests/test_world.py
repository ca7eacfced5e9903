# SPDX-License-Identifier: LGPL-2.1-or-later
"""The world: same seed, same picture; nothing that is tested was trained.

    python3 test_world.py
"""
import os
import re
import sys
import unittest

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, '..'), os.path.join(HERE, '../../tests/nano')]
import facts  # noqa: E402
import items  # noqa: E402
import patterns  # noqa: E402
import questions  # noqa: E402
import tasks  # noqa: E402
import video  # noqa: E402
import world  # noqa: E402
from vocab import (COLOUR_NAMES, COLOURS, HELD_PAIRS, NUMBERS, PATTERN_NAMES, PLACES, SHAPES, WORDS,  # noqa: E402
                   word_held)


def pairs(scene):
    return {(o['colour'], o['shape']) for o in scene['objects']}


class World(unittest.TestCase):
    def test_same_seed_same_picture(self):
        for kind, frames in (('shapes', 1), ('shapes', 4), ('text', 1), ('plain', 1), ('crowd', 1)):
            a, b = (world.sample('train', 5, kind, frames) for _ in range(2))
            self.assertEqual(a, b)
            for x, y in zip(world.render(a)[0], world.render(b)[0]):
                self.assertTrue(np.array_equal(x, y))

    def test_splits_differ(self):
        for frames in (1, 4):
            seen = {}
            for split in ('train', 'valid', 'test', 'held'):
                for i in range(300):
                    scene = world.sample(split, i, 'shapes', frames)
                    key = repr([(o['rgb'], o['path']) for o in scene['objects']] + [scene['bg']])
                    self.assertNotIn(key, seen)
                    seen[key] = split

    def test_random_streams_never_meet(self):
        first = {}
        for split in world.SPLITS:
            for i in list(range(200)) + [100000, 500000, 1000000]:
                key = tuple(world.generator(split, i, 11).integers(0, 2**62, 2))
                self.assertNotIn(key, first)
                first[key] = split, i

    def test_held_pairs(self):
        self.assertAlmostEqual(len(HELD_PAIRS) / (len(SHAPES) * len(COLOUR_NAMES)), 0.1, delta=0.02)
        for i in range(400):
            for kind, frames in (('shapes', 1), ('shapes', 4), ('crowd', 1)):
                scene = world.sample('train', i, kind, frames)
                self.assertFalse(pairs(scene) & HELD_PAIRS)
                if kind != 'crowd':
                    for _, q, a in questions.some(np.random.default_rng(i), scene, 6):
                        for c, s in HELD_PAIRS:
                            self.assertNotIn('%s %s' % (c, s), q + ' ' + a)
            self.assertTrue(pairs(world.sample('held', i, 'shapes')) & HELD_PAIRS)

    def test_colours_without_a_name_keep_away_from_held_pairs(self):
        found = 0
        for i in range(400):
            for o in world.sample('train', i, 'crowd')['objects']:
                if o['colour'] is None:
                    found += 1
                    for name, shape in HELD_PAIRS:
                        if shape == o['shape']:
                            for rgb in COLOURS[name]:
                                self.assertGreater(np.abs(np.subtract(rgb, o['rgb'])).sum(), 120)
        self.assertGreater(found, 100)

    def test_coloured_balls_keep_to_trained_pairs(self):
        for i in range(60):
            scene = patterns.sample('train', i, 1)
            if scene['pattern'] == 'ball':
                patterns.render(scene)
                self.assertFalse(pairs(scene) & HELD_PAIRS)

    def test_names_are_clear(self):
        """What a question calls an object, be it "the square" or "the red shape", is in the whole picture once."""
        in_part = 0
        for it in items.items(40, ['image', 'image-held', 'clip', 'clip-held']):
            if it['kind'] not in items.IN_PART:
                continue
            colour, shape = items.named(it['question'])
            in_part += None in (colour, shape)
            n = sum(colour in (None, o['colour']) and shape in (None, o['shape']) for o in it['scene']['objects'])
            if it['kind'] == 'is there':
                self.assertEqual(n > 0, it['answer'].lower().startswith('yes'), it['question'])
            else:
                self.assertEqual(n, it['kind'] != 'missing', it['question'])
        self.assertGreater(in_part, 200)

    def test_counts(self):
        rng = np.random.default_rng(1)
        for i in range(300):
            scene = world.sample('train', i, 'shapes', 1 if i % 2 else 4)
            several = False
            for _ in range(60):
                question, answer = questions.ask(rng, scene, 'count', True)
                what = re.search(r'(?:How many|Count the) (\w+)', question)[1]
                one = what[:-2] if what == 'crosses' else what[:-1]
                n = len(scene['objects']) if what == 'shapes' else \
                    sum(what == o['colour'] or one == o['shape'] for o in scene['objects'])
                self.assertEqual(answer, NUMBERS[n])
                several |= n > 1 and what != 'shapes'
            self.assertEqual(several, tasks.alike(scene))

    def test_words(self):
        for i in range(300):
            word = world.sample('train', i, 'text', words='trained')['text']['word']
            self.assertFalse(word_held(word))
            word = world.sample('words', i, 'text')['text']['word']
            self.assertTrue(word_held(word))
            self.assertNotIn(word, WORDS)

    def test_photographs(self):
        trained, held = (patterns.Photos(h).files for h in (False, True))
        self.assertTrue(trained and held)
        self.assertFalse(set(trained) & set(held))

    def test_sums(self):
        self.assertFalse(set(facts.sums(True)) & set(facts.sums(False)))
        rng = np.random.default_rng(0)
        asked = ' '.join(facts.sample(rng)[0] for _ in range(6000)).lower()
        for a, b in facts.sums(True):
            for q in ('What is %s plus %s?', 'How much is %s plus %s?', 'Add %s and %s.'):
                self.assertNotIn((q % (facts.TEENS[a], facts.TEENS[b])).lower().rstrip('?.'), asked)

    def test_evaluation_uses_no_training_split(self):
        """Neither the items nor the videos made of them."""
        used = []
        original = world.generator
        photos = patterns.Photos(True)
        try:
            world.generator = lambda split, *rest: used.append(split) or original(split, *rest)
            for i, it in enumerate(items.items(1)):
                items.frames_of(it)
                if it['n_frames'] and it['group'] != 'patterns at defaults, five sizes':
                    video.draw(it, video.plan(it, i, 1), photos)
        finally:
            world.generator = original
        self.assertTrue(used)
        self.assertNotIn('train', used)

    def test_card_names_everything(self):
        """Anyone can test the model with pictures of their own."""
        with open(os.path.join(HERE, '..', 'README.md')) as f:
            card = f.read()
        told = re.findall(r'[A-Z]+', card[card.index('The known words:'):card.index('- Text facts')])
        self.assertEqual([w for w in WORDS if w not in told], [])
        for fact in facts.FACTS:
            self.assertIn('| %s | %s |' % (' / '.join(fact.asked), fact.answer), card)
        text = ' '.join(card.split())
        for name in COLOUR_NAMES + SHAPES + PLACES + PATTERN_NAMES + ['moves', 'grows', 'shrinks', 'stays still']:
            self.assertIn(name, text)

    def test_same_video(self):
        photos = patterns.Photos(True)
        for it in items.items(1, ['clip', 'text', 'photo']):
            plan = video.plan(it, 0, 1)
            self.assertEqual(plan, video.plan(it, 0, 1))
            for x, y in zip(video.draw(it, plan, photos), video.draw(it, plan, photos)):
                self.assertTrue(np.array_equal(x, y))

    def test_video_shows_the_scene(self):
        """At the moments looked at, objects that rest before and after are where the scene has them."""
        for it in items.items(8, ['clip']):
            plan = dict(video.plan(it, 0, 1), pace='rests')
            for trigger in ('eos', 'interval'):
                plan['trigger'] = trigger
                for o in it['scene']['objects']:
                    seen = [video.along(o['path'], video.progress(plan, t)) for t in video.moments(plan)]
                    np.testing.assert_allclose(seen, o['path'], atol=1e-9)

    def test_places(self):
        """Row and column of an object agree with where it is drawn."""
        for i in range(200):
            for o in world.sample('test', i, 'shapes')['objects']:
                x, y, _ = o['path'][0]
                self.assertEqual((int(3 * y), int(3 * x)), (o['row'], o['col']))

    def test_motions(self):
        for i in range(200):
            for o in world.sample('test', i, 'shapes', 4)['objects']:
                a, b = o['path'][0], o['path'][-1]
                got = 'still'
                if abs(b[2] - a[2]) > 0.01:
                    got = 'grow' if b[2] > a[2] else 'shrink'
                elif a != b:
                    got = patterns.direction([p[:2] for p in o['path']])
                self.assertEqual(got, o['motion'])

    def test_direction_of_a_path(self):
        self.assertEqual(patterns.direction([[0.2, 0.5], [0.4, 0.5], [0.6, 0.52]]), 'right')
        self.assertEqual(patterns.direction([[0.2, 0.8], [0.2, 0.6], [0.2, 0.2]]), 'up')
        self.assertEqual(patterns.direction([[0.2, 0.8], [0.2, 0.8]]), 'still')
        self.assertIsNone(patterns.direction([[0.2, 0.2], [0.5, 0.5]]))

    def test_squash(self):
        frame = np.zeros((60, 200, 3), np.uint8)
        self.assertEqual(world.squash(frame).shape, (world.SIZE, world.SIZE, 3))


if __name__ == '__main__':
    unittest.main()
