# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is asked and answered: what is held out is never trained, every kind is also asked where there is nothing
to name, and every piece of text can be spelled.

    python3 test_questions.py [MODEL.gguf]
"""
import collections
import os
import re
import sys
import unittest

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, '..'), os.path.join(HERE, '../../tests/file')]
import facts  # noqa: E402
import patterns  # noqa: E402
import phrasings  # noqa: E402
import questions  # noqa: E402
import world  # noqa: E402
from phrasings import CARD, FORMS, HELD, TRAINED, held, trained  # noqa: E402
from read_gguf import read_gguf  # noqa: E402
from vocab import COLOUR_NAMES, NUMBERS, SHAPES, SHORT, WORDS  # noqa: E402

MODEL = os.path.join(HERE, '../owl2-nano.gguf')
YES_NO = ['is there', 'are there', 'is count', 'is colour', 'is shape', 'does it', 'is moving', 'is background', 'says',
          'is text']
SPELLED = re.compile(r"\b(what|where|who|that|it|there|how)'s\b")


def plain(question):
    """The same for all that `casual` makes of a question"""
    q = SPELLED.sub(r'\1 is', question.lower()).replace('colour', 'color').replace('grey', 'gray').replace('centre', 'center')
    return re.sub(r'\{it\}|\b(picture|image|photo|video|clip)\b', 'picture', q).rstrip('?.! ')


def scenes(split, kind, n, frames=(1, 4)):
    for i in range(n):
        f = frames[i % len(frames)]
        if kind == 'pattern':
            scene = patterns.sample(split, i, f)
            patterns.render(scene)
        elif kind == 'photo':
            scene = {'type': 'photo', 'frames': f, 'objects': []}
        else:
            scene = world.sample(split, i, kind, f)
        if scene['type'] == kind:
            yield scene


class Phrasings(unittest.TestCase):
    def test_many_and_a_fifth_held(self):
        for form, (card, more) in FORMS.items():
            self.assertEqual(len(set(map(plain, more))), len(more), form)
            self.assertGreaterEqual(len(set(card + more)), 10, form)
            self.assertEqual(len(held(more)), len(more) // 5, form)
            self.assertEqual(set(held(more)) | set(trained(more)), set(more))

    def test_held_are_those_of_no_form(self):
        asked = {plain(p) for card, more in FORMS.values() for p in card + trained(more)}
        for form, (_, more) in FORMS.items():
            self.assertFalse({plain(p) for p in held(more)} & asked, form)

    def test_held_are_never_trained(self):
        rng = np.random.default_rng(1)
        for form, (card, more) in FORMS.items():
            slots = tuple(['#'] * max(p.count('%s') for p in card + more))
            never = {plain(p % slots) for p in held(more)}
            got = {way: {plain(phrasings.phrase(rng, form, slots, way, form.endswith('clip'))) for _ in range(120)}
                   for way in (CARD, TRAINED, HELD)}
            self.assertFalse(got[TRAINED] & never, form)
            self.assertEqual(got[HELD], never, form)
            if card:
                self.assertEqual(got[CARD], {plain(p % slots) for p in card}, form)

    def test_half_is_the_cards(self):
        chosen = collections.Counter()
        choose = phrasings.choose
        try:
            def count(*args):
                got = choose(*args)
                chosen[got[1]] += 1
                return got
            phrasings.choose = count
            rng = np.random.default_rng(2)
            for kind in ('shapes', 'text'):
                for scene in scenes('train', kind, 150):
                    questions.some(rng, scene, 7)
        finally:
            phrasings.choose = choose
        self.assertAlmostEqual(chosen[True] / sum(chosen.values()), 0.5, delta=0.1)

    def test_casual(self):
        rng = np.random.default_rng(3)
        got = {phrasings.casual(rng, 'What is the color of the gray circle?') for _ in range(400)}
        for want in ('What is the color of the gray circle', 'what is the color of the gray circle?',
                     "What's the color of the gray circle?", 'What is the colour of the grey circle?',
                     "what's the colour of the grey circle"):
            self.assertIn(want, got)


class Answers(unittest.TestCase):
    # type of scene: kinds that are asked of it, and have an answer of none
    NOTHING = {
        'plain': ['count', 'is there', 'are there', 'is count', 'what is at', 'direction', 'action', 'anything moving',
                  'pattern', 'text', 'is text', 'says', 'text colour', 'missing', 'it shape'],
        'pattern': ['count', 'is there', 'are there', 'is count', 'background', 'text', 'is text', 'says', 'text colour',
                    'missing', 'it colour', 'it shape'],
        'photo': ['count', 'is there', 'are there', 'is count', 'background', 'pattern', 'is pattern', 'text', 'is text',
                  'says', 'text colour', 'missing', 'it colour', 'it shape', 'what'],
        'text': ['count', 'is there', 'are there', 'is count', 'direction', 'action', 'anything moving', 'pattern',
                 'is pattern', 'says', 'missing', 'it shape'],
        'shapes': ['count', 'is there', 'are there', 'is count', 'what is at', 'direction', 'action', 'is moving',
                   'anything moving', 'pattern', 'is pattern', 'text', 'is text', 'says', 'text colour', 'missing',
                   'is colour'],
    }

    def test_every_kind_has_its_none(self):
        rng = np.random.default_rng(4)
        for kind, wanted in self.NOTHING.items():
            some = list(scenes('test', kind, 24))
            for short in (True, False):
                for asked in wanted:
                    got = [questions.ask(rng, s, asked, short, TRAINED) for s in some for _ in range(4)]
                    self.assertTrue(any(g and (questions.says_none(g[1]) or g[1] == 'unknown') for g in got),
                                    '%s of %s, short %s: %s' % (asked, kind, short, [g for g in got if g][:3]))
        for kind in questions.QUESTIONS:
            self.assertTrue(any(kind in of for of in self.NOTHING.values()) or
                            kind in ('colour', 'shape', 'size', 'where', 'thing', 'row', 'column', 'does it', 'is shape',
                                     'is background'), kind)

    def test_yes_and_no(self):
        """Neither is to be guessed; both as short answers and as sentences."""
        rng = np.random.default_rng(5)
        some = [s for kind in ('shapes', 'text') for s in scenes('test', kind, 100)]
        for kind in YES_NO:
            for short in (True, False):
                got = [questions.ask(rng, s, kind, short, TRAINED) for s in some]
                got = [g[1].lower() for g in got if g]
                yes, no = (sum(a.startswith(w) for a in got) for w in ('yes', 'no'))
                self.assertGreater(yes, 0.15 * len(got), kind)
                self.assertGreater(len(got) - yes, 0.15 * len(got), kind)
                if short:
                    self.assertGreater(yes + no, 0.8 * len(got), kind)

    def test_yes_is_true(self):
        """By the words of the question alone"""
        rng = np.random.default_rng(6)
        seen = collections.Counter()
        for s in scenes('test', 'shapes', 300):
            for kind in ('is count', 'are there', 'is colour', 'is shape', 'does it'):
                got = questions.ask(rng, s, kind, True, TRAINED)
                if not got or 'this' in got[0].lower().split():
                    continue
                words = [w.rstrip('?.') for w in plain(got[0][:-len(SHORT)].strip()).replace('.', '').split()]
                colours = [w for w in words if w in COLOUR_NAMES]
                shapes = [f for f in SHAPES for w in words if w in (f, f + 's', f + 'es')]
                n = sum((not colours or o['colour'] in colours) and (not shapes or o['shape'] in shapes)
                        for o in s['objects'])
                if kind == 'is count':
                    right = n == next(NUMBERS.index(w) for w in words if w in NUMBERS)
                elif kind == 'are there':
                    right = n > 0 and not any(questions.plural(t).lower() in plain(got[0])
                                              for t in questions.THINGS)
                elif kind == 'does it':
                    o = [o for o in s['objects'] if (not colours or o['colour'] in colours) and
                         (not shapes or o['shape'] in shapes)]
                    way = next(w for w in words if w in questions.INFINITIVES)
                    self.assertEqual(len(o), 1, got)
                    right = o[0]['motion'] == way
                elif not shapes or not colours:
                    continue    # "Is it red?"
                else:
                    right = n > 0
                self.assertEqual(got[1], 'yes' if right else 'no', (got, s['objects']))
                seen[kind, right] += 1
        self.assertGreater(min(seen.values()), 20, seen)
        self.assertEqual(len(seen), 10)

    def test_reading(self):
        rng = np.random.default_rng(7)
        for s in scenes('test', 'text', 100):
            q, a = questions.ask(rng, s, 'says', False, TRAINED)
            word = s['text']['word']
            q = re.sub(r' (in )?the (picture|image|photo|video|clip)\b', '', q)
            asked = next(w for w in re.findall(r'\w+', q)[::-1] if w.upper() in WORDS + [word])
            self.assertEqual(a, '%s, the text says "%s".' % ('Yes' if asked.upper() == word else 'No', word), q)

    def test_what_is_this(self):
        rng = np.random.default_rng(8)
        for s in scenes('test', 'shapes', 60, (1,)):
            got = questions.ask(rng, s, 'what', True, TRAINED)[1]
            if len(s['objects']) == 1:
                self.assertEqual(got, '%(colour)s %(shape)s' % s['objects'][0])
                self.assertEqual(questions.ask(rng, s, 'it colour', True, TRAINED)[1], s['objects'][0]['colour'])
            else:
                for o in s['objects']:
                    self.assertIn('%(colour)s %(shape)s' % o, got)
                self.assertIn('There are', questions.ask(rng, s, 'it colour', False, TRAINED)[1])


    def test_things(self):
        """What is no shape is asked after by its name, and has neither a colour nor a size to ask after."""
        rng = np.random.default_rng(12)
        thing = {'thing': 'owl', 'colour': None, 'shape': None, 'size': None}
        for i, s in enumerate(scenes('test', 'shapes', 120)):
            o = s['objects'][0]
            o.update(thing)
            s['type'] = 'thing'
            said = ' '.join(' '.join(g) for kind in questions.QUESTIONS for g in [questions.ask(rng, s, kind, None, TRAINED)]
                            if g)
            self.assertNotIn('None', said)
            self.assertEqual(questions.ask(rng, s, 'thing', True)[1], 'owl')
            short = questions.ask(rng, s, 'what', True, TRAINED)[1]
            self.assertIn('owl', short)
            if i < 40:
                for _ in range(8):
                    got = questions.ask(rng, s, 'is there', True, TRAINED)
                    if got is None:
                        continue
                    self.assertEqual(got[1] == 'yes', ' owl' in got[0].lower() or any(
                        '%(colour)s %(shape)s' % p in got[0].lower().replace('grey', 'gray') or
                        re.search(r'\ba %(shape)s\b|\b%(colour)s shape' % p, got[0].lower().replace('grey', 'gray'))
                        for p in s['objects'][1:]) or bool(re.search('one (owl|thing)', got[0].lower())), got)

    def test_unclear(self):
        """Of pictures of what has no name only what is sure is said."""
        rng = np.random.default_rng(13)
        s = {'type': 'photo', 'unclear': True, 'frames': 1, 'objects': []}
        for kind in questions.QUESTIONS:
            for _ in range(20):
                got = questions.ask(rng, s, kind, None, TRAINED)
                self.assertIn(kind if got else 'what', ('what', 'it colour', 'background', 'pattern', 'is pattern',
                                                        'anything moving'), got)


class Facts(unittest.TestCase):
    def test_phrasings(self):
        known = collections.defaultdict(set)
        for f in facts.FACTS:
            self.assertGreaterEqual(len(f.more), 5, f)
            self.assertTrue(f.short and f.answer)
            for q in f.asked + f.more:
                known[plain(q)].add(f.answer)
        for q, answers in known.items():
            self.assertEqual(len(answers), 1, q)
        never = {plain(q) for f in facts.FACTS for q in held(f.more)}
        self.assertFalse(never & {plain(q) for f in facts.FACTS for q in f.asked + trained(f.more)})
        # What is not known is no way of asking after what is.
        unknown = [q % w for way in facts.TEMPLATES.values() for q, words in way for w in words] + facts.PLAIN
        self.assertGreater(len(unknown), 1500)
        for q in unknown:
            self.assertNotIn(plain(q), known)

    def test_near_misses(self):
        """Each way of asking after a fact of a kind is also asked with other words."""
        ways = {q for q, _ in facts.TEMPLATES[TRAINED]} | {q for q, _ in facts.TEMPLATES[HELD]}
        for kind in facts.KINDS:
            self.assertGreaterEqual(len(kind.unknown), 5 * len(kind.known))
            self.assertLessEqual(set(kind.asked + kind.more), ways)

    def test_held_are_never_trained(self):
        rng = np.random.default_rng(9)
        never = {plain(q) for f in facts.FACTS for q in held(f.more)} | {plain(q) for q in facts.SAID[HELD]}
        never |= {plain(q % w) for q, words in facts.TEMPLATES[HELD] for w in words}
        answers = collections.Counter()
        for _ in range(4000):
            q, a = facts.sample(rng)
            q = plain(q.replace(SHORT, ''))
            answers[a] += 1
            self.assertNotIn(q, never)
        self.assertGreater(answers[facts.UNKNOWN], 400)
        self.assertGreater(answers[facts.UNKNOWN_SHORT], 400)
        for f in facts.FACTS:
            self.assertTrue(answers[f.answer] and answers[f.short], f)
        trained_words = [facts.unknown(rng) for _ in range(2000)]
        for w in (w for w in facts.COUNTRIES + facts.PEOPLE if facts.word_held(w)):
            self.assertFalse(any(re.search(r'\b%s\b' % w, q) for q in trained_words), w)
        self.assertGreater(sum(facts.word_held(w) for w in facts.COUNTRIES), 5)

    def test_held_are_asked(self):
        rng = np.random.default_rng(10)
        got = {facts.ask(rng, f, HELD, True) for f in facts.FACTS for _ in range(20)}
        self.assertGreaterEqual(len({plain(q.replace(SHORT, '')) for q, _ in got}), len(facts.FACTS))
        for way in (TRAINED, HELD):
            for words in (TRAINED, HELD):
                self.assertGreater(len({facts.unknown(rng, way, words) for _ in range(200)}), 40)


class Spelling(unittest.TestCase):
    def test_no_bytes(self):
        """The shipped tokenizer has a piece for each character: nothing is spelled by bytes or is no piece at all."""
        keys, _ = read_gguf(MODEL)[:2]
        pieces = {bytes(t).decode(errors='replace') for t in keys['tokenizer.ggml.tokens']}
        rng = np.random.default_rng(11)
        said = set()
        for kind in world_kinds():
            for s in scenes('train' if kind != 'photo' else 'test', kind, 30):
                for _, q, a in questions.some(rng, s, 7):
                    said |= set(q + a)
        for _ in range(3000):
            q, a = facts.sample(rng)
            said |= set(q + a)
        said |= set(''.join(q for _, more in FORMS.values() for q in more).replace('%', '').replace('{', '').replace('}', ''))
        self.assertEqual(said - {' '} - pieces, set())


def world_kinds():
    return 'shapes', 'text', 'plain', 'pattern', 'photo'


if __name__ == '__main__':
    if len(sys.argv) > 1 and sys.argv[1].endswith('.gguf'):
        MODEL = sys.argv.pop(1)
    unittest.main()
