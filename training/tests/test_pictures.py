# SPDX-License-Identifier: LGPL-2.1-or-later
"""Scenes in other styles, everyday things, and what has no name: same seed, same picture; what is said of it is so;
nothing that is tested was trained.

    python3 test_pictures.py

What needs the icons of setup.sh is skipped without them. OWL2_LONG=1 looks at ten times as many.
"""
import os
import sys
import unittest

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
import icons  # noqa: E402
import patterns  # noqa: E402
import questions  # noqa: E402
import styles  # noqa: E402
import tasks  # noqa: E402
import world  # noqa: E402
from vocab import COLOUR_NAMES, HELD_PAIRS, article  # noqa: E402

N = 400 if os.environ.get('OWL2_LONG') else 30
if icons.installed():
    import things
    import unknown
# Between red and orange, purple and pink, brown and yellow, green and blue.
TWO_NAMES = [(255, 69, 0), (216, 80, 190), (210, 180, 140), (0, 150, 136)]


def level(scene, frame):
    """The deviation of a plain ground as the model sees it, at a border strip that nothing covers"""
    return world.squash(frame)[2:-2, 2:5].astype(float).std((0, 1)).mean()


class Styles(unittest.TestCase):
    def test_hues_go_by_one_name(self):
        self.assertEqual(list(styles.HUES), COLOUR_NAMES)
        for name, hues in styles.HUES.items():
            for rgb in hues:
                self.assertEqual(styles.named(rgb), name, bytes(rgb).hex())
        for rgb in TWO_NAMES:
            self.assertIsNone(styles.named(rgb), rgb)

    def test_same_seed_same_picture(self):
        for kind, frames in (('shapes', 1), ('shapes', 4), ('text', 1), ('plain', 4)):
            for i in range(N // 10):
                a, b = (styles.sample('train', i, kind, frames) for _ in range(2))
                self.assertEqual(a, b)
                for x, y in zip(styles.render(a)[0], styles.render(b)[0]):
                    self.assertTrue(np.array_equal(x, y))

    def test_streams_are_not_those_of_the_old_world(self):
        for i in range(N):
            self.assertNotEqual(styles.sample('train', i)['objects'][0]['path'],
                                world.sample('train', i)['objects'][0]['path'])
            self.assertNotEqual(styles.sample('train', i)['objects'][0]['path'],
                                styles.sample('test', i)['objects'][0]['path'])

    def test_held_pairs(self):
        for i in range(N):
            for frames in (1, 4):
                there = {(o['colour'], o['shape']) for o in styles.sample('train', i, 'shapes', frames)['objects']}
                self.assertFalse(there & HELD_PAIRS)

    def test_what_is_said_is_seen(self):
        """Places and sizes are those of what is drawn, also inside of black bars; colours go by their names, dimmed or not."""
        bars = dim = 0
        for i in range(N * 3):
            scene = styles.sample('train', i)
            bars += scene['style']['inner'] is not None
            dim += scene['style']['gain'] < 1
            for o in scene['objects']:
                x, y, r = o['path'][0]
                self.assertEqual((int(3 * y), int(3 * x)), (o['row'], o['col']))
                self.assertTrue(o['size'] is None or o['size'] == styles.sized(r))
                for gain in (1.0, scene['style']['gain']):
                    self.assertTrue(styles.honest(np.multiply(o['rgb'], gain), o['colour']))
        self.assertGreater(bars, N // 15)
        self.assertGreater(dim, N // 15)

    def test_objects_are_where_they_are_said_to_be(self):
        """The middle of what has a circle's or a square's colour, in the whole picture with its bars."""
        found = barred = 0
        for i in range(N * 18):
            scene = styles.sample('train', i)
            style = scene['style']
            if i > N and not style['inner'] or len(scene['objects']) > 1 or style['noise'] or style['jpeg'] or style['gain'] < 1 or scene['bg']['kind'] == 'noisy':
                continue
            o, = scene['objects']
            others = scene['bg']['rgb'] + [(0, 0, 0), (255, 255, 255)]      # of edges and bars
            if o['shape'] not in ('circle', 'square', 'cross', 'diamond') or o['look']['fill'] != 'flat' or \
                    min(np.abs(np.subtract(o['rgb'], c)).sum() for c in others) < 120 or scene['bg']['kind'] == 'gradient':
                continue
            got = patterns.centre(styles.render(scene)[0][0], o['rgb'])
            np.testing.assert_allclose(got, o['path'][0][:2], atol=0.012, err_msg=repr((i, o)))
            found += 1
            barred += style['inner'] is not None
        self.assertGreater(found, 3)
        self.assertGreater(barred, 2)

    def test_noise_has_the_deviation_that_makes_a_ground_noisy(self):
        strong = weak = 0
        for i in range(N * 8):
            scene = styles.sample('train', i, 'shapes')
            style, noise = scene['style'], scene['style']['noise']
            if style['inner'] or scene['bg'].get('sigma') or scene['bg']['kind'] == 'gradient' or style['vignette'] or \
                    scene['bg']['names'][0] in ('black', 'white') or style['jpeg'] or \
                    any(o['path'][0][0] - o['path'][0][2] < 0.1 for o in scene['objects']):
                continue
            got = level(scene, styles.render(scene)[0][0])
            if scene['bg']['kind'] == 'noisy':
                self.assertGreater(got, 0.6 * styles.NOISY, (i, noise))     # grain that has not passed, and clipping
                strong += 1
            else:
                self.assertLess(got, 1.7 * styles.QUIET, (i, noise))
                weak += 1
        self.assertGreater(strong, 3)
        self.assertGreater(weak, 10)

    def test_fonts_never_trained(self):
        self.assertFalse(set(styles.HELD_FONTS) & set(styles.MORE_FONTS))
        for i in range(N):
            self.assertNotIn(styles.sample('train', i, 'text')['text']['font'], styles.HELD_FONTS)

    def test_articles(self):
        self.assertEqual([article(w) for w in ('owl', 'unicorn', 'hourglass', 'umbrella', 'horse')],
                         ['an owl', 'a unicorn', 'an hourglass', 'an umbrella', 'a horse'])


class Card(unittest.TestCase):
    def test_card_names_everything(self):
        with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'README.md')) as f:
            text = ' '.join(f.read().split())
        for name in icons.NAMES:
            self.assertIn(name, text)


@unittest.skipUnless(icons.installed(), 'no icons: run setup.sh')
class Things(unittest.TestCase):
    def test_held_pictures_and_style(self):
        trained, held, style = (things.pictures(w) for w in ('train', 'held', 'style'))
        of = {w: {p for found in table.values() for p in found} for w, table in
              (('train', trained), ('held', held), ('style', style))}
        self.assertFalse(of['train'] & of['held'])
        self.assertEqual({s for s, _ in of['style']}, {things.HELD_SET})
        self.assertNotIn(things.HELD_SET, {s for s, _ in of['train']})
        self.assertNotIn('emojione', things.SETS)        # of tests/nano/held
        self.assertAlmostEqual(len(of['held']) / len(of['held'] | of['train']), 0.2, delta=0.04)
        self.assertGreaterEqual(len(icons.NAMES), 150)
        self.assertEqual(sorted(trained), sorted(icons.NAMES))
        self.assertEqual(sorted(style), sorted(icons.NAMES))
        few = [n for n in icons.NAMES if len({s for w in (trained, held, style) for s, _ in w.get(n, [])}) < 5]
        self.assertEqual(few, [])

    def test_training_scenes_show_trained_pictures_only(self):
        for i in range(N):
            for o in things.sample('train', i)['objects']:
                if o.get('thing'):
                    style, icon = o['icon']
                    self.assertIn(style, things.SETS)
                    self.assertFalse(things.picture_held(style, icon))
                else:
                    self.assertNotIn((o['colour'], o['shape']), HELD_PAIRS)

    def test_same_seed_same_picture(self):
        for frames in (1, 4):
            for i in range(N // 10):
                a, b = (things.sample('train', i, frames) for _ in range(2))
                self.assertEqual(a, b)
                for x, y in zip(things.render(a)[0], things.render(b)[0]):
                    self.assertTrue(np.array_equal(x, y))

    def test_what_is_asked(self):
        """Captions name the things; no question takes a thing for a shape; the heads' targets name it where it is."""
        for i in range(N):
            scene = things.sample('train', i, 1 + 3 * (i % 2))
            rng = np.random.default_rng(i)
            for o in scene['objects']:
                self.assertIn(tasks.name(o), tasks.caption(scene))
            for kind in questions.QUESTIONS:
                for _ in range(4):
                    got = questions.ask(rng, scene, kind)
                    self.assertTrue(got is None or 'None' not in ' '.join(got), got)
            there = {icons.NAMES.index(o['thing']) + 1 for o in scene['objects'] if o.get('thing')}
            patches = tasks.aux_targets(scene, 0)[3]
            self.assertTrue(set(patches) - {0} <= there and patches.any())

    def test_unknown(self):
        for kind in ('emoji', 'flag', 'clip art'):
            trained, held = (set(unknown.sources(kind, h)) for h in (False, True))
            self.assertTrue(trained and held)
            self.assertFalse(trained & held)
        named = {i for shown in icons.ICONS.values() for i in shown}
        self.assertFalse({things.plain(i) for _, i in unknown.sources('emoji', False)} & named)
        photos, sorts = patterns.Photos(False), set()
        for i in range(N):
            scene, frames = unknown.sample('train', i, 1, photos)
            sorts.add(scene['sort'])
            self.assertEqual(tasks.caption(scene), tasks.NOTHING)
            if i < 4:
                self.assertTrue(np.array_equal(frames[0], unknown.sample('train', i, 1, photos)[1][0]))
        self.assertEqual(sorts, set(unknown.KINDS))


if __name__ == '__main__':
    print('%d of each' % N)
    unittest.main()
