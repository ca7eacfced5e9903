# SPDX-License-Identifier: LGPL-2.1-or-later
"""The held-out items: pictures, questions and answers that no training has seen.

The items are fixed by their seeds.  None shares a seed, a held-out pair, word,
sum or photograph with training.  `evaluate.py` answers them in PyTorch,
`tests/nano/measure.py` through the plugin on encoded video.
"""
import collections
import copy
import functools
import re

import numpy as np

import facts
import icons
import patterns
import questions
import styles
import tasks
import world
from phrasings import HELD, TRAINED
from vocab import CAPTION_CLIP, CAPTION_IMAGE, COLOUR_NAMES, COLOURS, PATTERNS, SHAPES, WORDS

FIVE_SIZES = [[320, 240], [640, 480], [640, 360], [360, 640], [240, 240]]
IMAGE_KINDS = ['caption', 'detailed', 'colour', 'shape', 'size', 'count', 'background', 'is there', 'where', 'row',
               'column', 'what is at', 'missing']
CLIP_KINDS = ['caption', 'detailed', 'direction', 'action', 'is moving', 'colour', 'shape', 'count', 'is there']
# Questions about one object, and those that may name it by its shape or its colour alone.
OF_ONE = ('colour', 'shape', 'where', 'row', 'column', 'direction', 'action', 'is moving', 'size')
IN_PART = set(OF_ONE) - {'colour', 'shape'} | {'is there', 'missing'}
NAME = re.compile(r'\b(?:the|an?) (?:(%s) )?(?:(%s)|shape|object)\b' % ('|'.join(COLOUR_NAMES), '|'.join(SHAPES)))
ALONE = 'alone'


def item(group, kind, question, answer, frames, scene=None):
    """frames: pictures as drawn, none for a text-only question; or, with a scene, a function that draws them"""
    n = len(frames) if isinstance(frames, list) else scene['frames']
    # For the table by kind of motion: that of the only object of a clip.
    alone = group.startswith('clip') and kind == 'caption' and len(scene['objects']) == 1
    return dict(group=group, kind=kind, question=question, answer=answer, draw=frames, n_frames=n, scene=scene,
                motion=scene['objects'][0]['motion'] if alone else None)


def frames_of(it):
    """The pictures of an item, worn as by a camera or a codec where its group has that."""
    return it['draw'] if isinstance(it['draw'], list) else it['draw']()


def named(question):
    """The colour and the shape that a question calls its object by; None for one that is not told"""
    return NAME.search(question).groups()


def default_caption(scene):
    return CAPTION_CLIP if scene['frames'] > 1 else CAPTION_IMAGE


def render(scene):
    """The frames of a scene, in its style."""
    if scene['type'] == 'thing':
        import things       # the icons are not everywhere
        return things.render(scene)[0]
    return (styles if 'style' in scene else world).render(scene)[0]


def worn(rng, scene):
    return lambda: world.degrade(copy.deepcopy(rng), world.render(scene)[0])


def shape_items(n, split, frames, kinds):
    group = ('clip' if frames > 1 else 'image') + (', pairs never trained' if split == 'held' else '')
    for k, kind in enumerate(kinds):
        found = tries = 0
        while found < n:
            index = 100000 * (k + 1) + tries
            tries += 1
            scene = world.sample(split, index, 'shapes', frames)
            rng = world.generator(split, index, 800 + frames)
            focus = scene
            if split == 'held' and kind in OF_ONE:         # ask about the pair that was never trained
                new = [o for o in scene['objects'] if (o['colour'], o['shape']) in world.HELD_PAIRS]
                focus = dict(scene, objects=new, others=[o for o in scene['objects'] if o not in new])
            if kind == 'caption':
                got = default_caption(scene), tasks.caption(scene)
            else:
                got = questions.ask(rng, focus, kind)
            if got is None:
                continue
            found += 1
            yield item(group, kind, *got, worn(rng, scene), scene)


def text_items(n):
    for group, split, words in (('words known', 'test', 'known'), ('words never trained', 'words', None)):
        for i in range(n):
            scene = world.sample(split, i, 'text', 1, words)
            drawn, _ = world.render(scene)
            rng = world.generator(split, i, 801)
            yield item(group, 'text', *questions.ask(rng, scene, 'text'), world.degrade(rng, drawn), scene)
            if group == 'words known':
                yield item(group, 'text colour', *questions.ask(rng, scene, 'text colour'), drawn, scene)
                yield item(group, 'caption', CAPTION_IMAGE, tasks.caption(scene), drawn, scene)


def overlay_items(n):
    """Words and time stamps as GStreamer's own elements write them."""
    for i in range(n):
        rng = world.generator('test', i, 803)
        while True:
            w, h = world.pick(rng, FIVE_SIZES)
            word, bg = world.pick(rng, WORDS), world.pick(rng, COLOUR_NAMES)
            colour = world.pick(rng, ['white', 'white', 'yellow', 'red', 'green', 'blue', 'black'])
            # Capitals are about as many pixels high, and as wide, as the font has points, in a frame 640 pixels wide.
            height = min(float(rng.uniform(0.55, 0.8)) * w / max(4, len(word)), 0.4 * h)
            if world.clear(bg, colour) and height > 0.1 * h:
                break
        scene = {'type': 'plain', 'size': [w, h], 'frames': 1, 'objects': [], 'bg': {'kind': 'plain', 'names': [bg]}}
        source = 'videotestsrc pattern=solid-color foreground-color=%d ! video/x-raw,format=BGRx,width=%d,height=%d ! ' % (
            patterns.argb(COLOURS[bg][0]), w, h)
        sink = ' ! videoconvert ! video/x-raw,format=RGB ! appsink name=out sync=false max-buffers=4'
        drawn = patterns.pull(source + 'textoverlay text=%s color=%d font-desc="Sans Bold %d" valignment=%s' % (
            word, patterns.argb(COLOURS[colour][0]), height * 640 / w,
            world.pick(rng, ['top', 'center', 'bottom'])) + sink, [0])
        written = dict(scene, type='text', text={'word': word, 'colour': colour})
        yield item('words by textoverlay', 'text', *questions.ask(rng, written, 'text'), drawn, written)
        yield item('words by textoverlay', 'caption', CAPTION_IMAGE, tasks.caption(written), drawn, written)
        drawn = patterns.pull(source + 'timeoverlay' + sink, [i % 50])
        yield item('stamps by timeoverlay', 'caption', CAPTION_IMAGE, tasks.caption(dict(scene, small='time')), drawn, scene)


def default_pattern(group, kind, name, size, frames):
    """A test pattern as videotestsrc draws it without further properties."""
    scene = {'type': 'pattern', 'pattern': name, 'size': size, 'frames': frames, 'objects': [], 'fps': 30,
             'start': 3, 'every': 7, 'props': {}, 'bg': {'kind': 'plain', 'names': [], 'rgb': [[0, 0, 0]]}}
    drawn = patterns.render(scene)
    return item(group, kind, default_caption(scene), tasks.caption(scene), drawn, scene)


def pattern_items(n):
    for name in sorted(PATTERNS):
        for size in FIVE_SIZES:
            for frames in (1, 4):
                yield default_pattern('patterns at defaults, five sizes',
                                      'caption, image' if frames == 1 else 'caption, clip', name, size, frames)
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
        yield item('ball of videotestsrc', 'direction', *questions.ask(world.generator('test', tries, 1), scene, 'direction'),
                   drawn, scene)
    for i in range(n):
        scene = patterns.sample('test', i, 1 + 3 * (i % 2))
        drawn = patterns.render(scene)
        yield item('patterns with properties set', 'caption', default_caption(scene), tasks.caption(scene), drawn, scene)


def photo_items(n):
    held = patterns.Photos(True)
    for i in range(n):
        scene, drawn = held.sample('test', i, 1 + 3 * (i % 2))
        yield item('photographs never trained', 'caption', default_caption(scene), tasks.caption(scene), drawn, scene)
        rng = world.generator('test', i, 802)
        yield item('photographs never trained', 'pattern', *questions.ask(rng, scene, 'pattern'), drawn, scene)
        yield item('photographs never trained', 'is there', *questions.ask(rng, scene, 'is there'), drawn, scene)


def plain_items(n):
    for i in range(n // 2):
        for frames in (1, 4):
            scene = world.sample('test', i, 'plain', frames)
            scene.pop('small', None)
            drawn, _ = world.render(scene)
            yield item('plain screens', 'caption', default_caption(scene), tasks.caption(scene), drawn, scene)
    for grey in (0, 64, 96, 128, 160, 255):
        for frames in (1, 4):
            name = 'black' if grey == 0 else 'white' if grey == 255 else 'gray'
            drawn = [np.full((240, 320, 3), grey, np.uint8)] * frames
            yield item('black, gray, white frames', 'caption', CAPTION_CLIP if frames > 1 else CAPTION_IMAGE,
                       'A plain %s screen.' % name, drawn)


def fact_items(n):
    i = 0
    for fact in facts.FACTS:
        for q in fact.asked:
            yield item('text facts', ALONE, q, fact.answer, [])
            for k in range(3):
                scene = world.sample('test', 700000 + i, 'shapes', 1 + 3 * (k == 2))
                i += 1
                yield item('text facts', 'beside an unrelated picture', q, fact.answer,
                           lambda scene=scene: world.render(scene)[0], scene)
    rng = np.random.default_rng(5)
    for held in (False, True):
        for a, b in facts.sums(held):
            yield item('sums never trained' if held else 'sums trained', ALONE, *facts.sum_text(rng, a, b), [])


# ---- other ways of asking, and what is not there or not known -------------------

def some_scene(rng, i, kind, frames, photos):
    """A held-out scene of a type, and its pictures or what draws them"""
    if kind == 'photo':
        return photos.sample('test', i, frames)
    if kind == 'pattern':
        scene = patterns.sample('test', i, frames)
        return scene, patterns.render(scene)
    scene = world.sample('test', i, kind, frames)
    return scene, worn(rng, scene)


# Kinds that nearly every picture has an answer to: others would draw many test patterns in vain.
OF_ALL = ('caption', 'detailed', 'what', 'it colour', 'it shape', 'pattern', 'text', 'is text', 'says', 'is there', 'count')


def phrasing_items(n):
    """Each kind of question and caption as no training asks it, and as training alone does."""
    photos = patterns.Photos(True)
    kinds = list(questions.CAPTIONS) + [k for k in questions.QUESTIONS if k != 'thing']     # which has rows of its own
    for way, group in ((HELD, 'paraphrases never trained'), (TRAINED, 'paraphrases trained')):
        for k, kind in enumerate(kinds):
            types = ['shapes'] * 4 + ['text', 'plain'] + ['pattern', 'photo'] * (kind in OF_ALL)
            found = tries = 0
            while found < n:
                index = 2000000 + 100000 * k + tries
                tries += 1
                rng = world.generator('test', index, 804)
                scene, drawn = some_scene(rng, index, types[tries % len(types)], 1 + 3 * (tries // len(types) % 2), photos)
                got = questions.ask(rng, scene, kind, way=way)
                if got is None:
                    continue
                found += 1
                yield item(group, kind, *got, drawn, scene)


def nothing_items(n):
    """Questions about what is not in a picture, or none of whose things is known; n of each type of picture"""
    photos = patterns.Photos(True)
    for kind in ('plain', 'pattern', 'photo', 'text', 'shapes'):
        found = tries = 0
        while found < n:
            index = 6000000 + tries
            tries += 1
            rng = world.generator('test', index, 805)
            scene, drawn = some_scene(rng, index, kind, 1 + 3 * (tries % 2), photos)
            if scene['type'] != kind:
                continue
            for asked in rng.permutation(list(questions.QUESTIONS)):
                got = questions.ask(rng, scene, str(asked), short=bool(tries % 3), way=TRAINED)
                if got and questions.says_none(got[1]):
                    found += 1
                    yield item('asked for what is not there', NOT_THERE[kind], *got, drawn, scene)
                    break


NOT_THERE = {'plain': 'on plain screens', 'pattern': 'on test patterns', 'photo': 'on photographs', 'text': 'beside words',
             'shapes': 'beside shapes'}


def unknown_items(n):
    """Facts as no training asks them, and questions that are not known"""
    rng = np.random.default_rng(6)
    for brief, short in ((False, ''), (True, ', short')):
        for fact in facts.FACTS:
            if brief:
                for q in fact.asked:
                    yield item('text facts', ALONE + short, *facts.reply(rng, q, fact.short, fact.answer, True), [])
            yield item('facts by paraphrases never trained', ALONE + short, *facts.ask(rng, fact, HELD, brief), [])
            yield item('facts by paraphrases trained', ALONE + short, *facts.ask(rng, fact, TRAINED, brief), [])
    i = 0
    for row, way, words in (('trained', TRAINED, TRAINED), ('words never trained', TRAINED, HELD),
                            ('questions never trained', HELD, TRAINED), ('neither trained', HELD, HELD)):
        for brief, short in ((False, ''), (True, ', short')):
            for _ in range(n):
                yield item('unknown questions', row + short, *facts.ask_unknown(rng, way, words, brief), [])
        for _ in range(n):
            scene = world.sample('test', 750000 + i, 'shapes', 1 + 3 * (i % 2))
            i += 1
            yield item('unknown questions', row + ', beside a picture', *facts.ask_unknown(rng, way, words),
                       worn(rng, scene), scene)


# ---- other styles and things ------------------------------------------------------

def style_items(n):
    """Shapes, words and plain screens as other programs and cameras show them; words also in fonts never trained."""
    for frames, group in ((1, 'other styles, image'), (4, 'other styles, clip')):
        for i in range(n):
            scene = styles.sample('test', i, 'shapes', frames)
            draw = functools.partial(render, scene)
            yield item(group, 'caption', default_caption(scene), tasks.caption(scene), draw, scene)
            yield item(group, 'background', *questions.ask(world.generator('test', i, 804), scene, 'background'), draw, scene)
    for i in range(n):
        scene = styles.sample('test', i, 'text')
        group = 'words in fonts never trained' if scene['text']['font'] in styles.HELD_FONTS else 'other styles, words'
        draw = functools.partial(render, scene)
        rng = world.generator('test', i, 805)
        yield item(group, 'text', *questions.ask(rng, scene, 'text'), draw, scene)
        yield item(group, 'text colour', *questions.ask(rng, scene, 'text colour'), draw, scene)
        scene = styles.sample('test', i, 'plain', 1 + 3 * (i % 2))
        yield item('other styles, plain screens', 'caption', default_caption(scene), tasks.caption(scene),
                   functools.partial(render, scene), scene)


def thing_items(n):
    """Everyday things: trained pictures in scenes never seen, pictures and a style never trained; and what has no name."""
    import things
    import unknown
    for which, group in (('train', 'things'), ('held', 'things, pictures never trained'), ('style', 'things, style never trained')):
        for i in range(n):
            scene = things.sample('test', i, 1, which)
            draw = functools.partial(render, scene)
            yield item(group, 'caption', default_caption(scene), tasks.caption(scene), draw, scene)
            if len(scene['objects']) == 1:
                yield item(group, 'thing', *questions.ask(world.generator('test', i, 806), scene, 'thing'), draw, scene)
            scene = things.sample('test', i, 4, which)
            yield item(group, 'caption, clip', default_caption(scene), tasks.caption(scene), functools.partial(render, scene), scene)
    photos = patterns.Photos(True)
    for i in range(n * 2):
        scene, drawn = unknown.sample('test', i, 1 + 3 * (i % 4 == 0), photos)
        yield item('what it does not know', scene['sort'], default_caption(scene), tasks.caption(scene), drawn, scene)


# In the order of the table.
GROUPS = collections.OrderedDict([
    ('image', lambda n: shape_items(n, 'test', 1, IMAGE_KINDS)),
    ('image-held', lambda n: shape_items(n, 'held', 1, IMAGE_KINDS[:-1])),
    ('clip', lambda n: shape_items(n, 'test', 4, CLIP_KINDS)),
    ('clip-held', lambda n: shape_items(n, 'held', 4, CLIP_KINDS)),
    ('text', text_items),
    ('overlay', overlay_items),
    ('pattern', pattern_items),
    ('photo', photo_items),
    ('plain', plain_items),
    ('fact', fact_items),
    ('phrasing', phrasing_items),
    ('nothing', nothing_items),
    ('unknown', unknown_items),
    ('style', style_items),
])
if icons.installed():
    GROUPS['thing'] = thing_items


def items(n, groups=GROUPS):
    """n items for each row of the table (rows that list all there is have their own number)."""
    for name in groups:
        yield from GROUPS[name](n)


# ---- the table -----------------------------------------------------------------

def place_words(text):
    words = text.replace('.', '').split()
    row = next((w for w in ('top', 'bottom') if w in words), 'middle')
    return row, next((w for w in ('left', 'right') if w in words), 'middle')


def rows_of(it, got):
    """[(group, row, right)]: where an answer counts"""
    group, kind, answer = it['group'], it['kind'], it['answer']
    out = [(group, kind, got == answer)]
    if kind == 'where':
        (r, c), (gr, gc) = place_words(answer), place_words(got)
        out += [(group, 'where: row', r == gr), (group, 'where: column', c == gc)]
    if group.startswith(('image', 'clip')) and kind in IN_PART and None in named(it['question']):
        out.append((group, 'named by shape or color alone', got == answer))
    if it['motion']:
        out.append(('motion in clip captions', it['motion'], tasks.VERBS[it['motion']] in got))
    return out
