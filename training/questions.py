# SPDX-License-Identifier: LGPL-2.1-or-later
"""Questions about a scene and their answers.

`ask` gives one question with its answer, `some` a few different ones.  Every
answer follows from the scene alone; how a question is put is in phrasings.py.
"""
import re

from icons import NAMES as THINGS
from phrasings import CARD, TRAINED, phrase
from tasks import NOTHING, VERBS, background_word, caption, detailed, join, moving, name, noun, place, shown, unique, where
from vocab import COLOUR_NAMES, COLUMNS, HELD_PAIRS, NUMBERS, ROWS, SHAPES, SHORT, SIZES, WORDS, article
from world import pick

# Shapes that no test pattern has.
CLEAR_OF_PATTERNS = ['star', 'cross', 'heart']
IRREGULAR = {'fish': 'fish', 'sheep': 'sheep', 'mouse': 'mice', 'person': 'people', 'man': 'men', 'woman': 'women',
             'child': 'children', 'leaf': 'leaves', 'knife': 'knives', 'foot': 'feet', 'tooth': 'teeth', 'goose': 'geese',
             'deer': 'deer', 'glasses': 'glasses', 'scissors': 'scissors'}
INFINITIVES = {'left': 'move left', 'right': 'move right', 'up': 'move up', 'down': 'move down', 'grow': 'grow',
               'shrink': 'shrink'}
GOING = ('left', 'right', 'up', 'down')
ONE_PICTURE = 'This is a single picture.'


# Each question takes (rng, scene, way of asking) and gives (form, what stands in it, short answer, sentence), or None
# where it has no clear answer.

def plural(noun):
    if ' of ' in noun:
        one, rest = noun.split(' of ', 1)
        return plural(one) + ' of ' + rest
    if noun in IRREGULAR:
        return IRREGULAR[noun]
    if noun.endswith(('s', 'x', 'ch', 'sh')):
        return noun + 'es'
    return noun[:-1] + 'ies' if noun[-1] == 'y' and noun[-2] not in 'aeiou' else noun + 's'


def things(s):
    """What its objects are called together"""
    return 'shapes' if all(o.get('shape') for o in shown(s)) else 'things'


def number_of(n, one):
    """"is one circle", "are no circles", "are two circles" """
    return 'is one %s' % one if n == 1 else 'are %s %s' % ('no' if n == 0 else NUMBERS[n], plural(one))


def listed(s):
    """All that there is: "There are two shapes: a red circle and a blue star." """
    there = shown(s)
    if not there:
        return nothing_named(s)
    named = join([article(name(o)) for o in there])
    if len(there) == 1:
        return 'There is %s.' % named
    return 'There are %s %s: %s.' % (NUMBERS[len(there)], things(s), named)


def nothing_named(s):
    """What is said of a scene without objects when these are asked for"""
    if s['type'] == 'photo':
        return NOTHING
    if s['type'] == 'pattern':
        return 'This is a test pattern: %s.' % s['name']
    return 'There are no shapes.'


def vague(s):
    """Whether a scene may hold shapes, things or text that have no name: a ball is a circle to some."""
    return s.get('unclear') or s['type'] == 'pattern' and s['pattern'] == 'ball'


def called(rng, s, o, way):
    """(what a question calls an object, what the answer does): by colour and shape, or by one of them, or by neither,
    where that is clear."""
    alone = len(shown(s)) == 1
    if way != CARD and alone and rng.random() < 0.3:
        return pick(rng, ['it', 'it', 'this']), noun(o)
    thing = name(o)
    if rng.random() >= 0.55:
        ways = [noun(o)] * 2 if o in unique(s, 'shape') else []
        ways += [o['colour'] + ' shape', o['colour'] + ' object'] \
            if o['colour'] and o.get('shape') and o in unique(s, 'colour') else []
        ways += ['shape'] if alone and o.get('shape') else []
        thing = pick(rng, ways or [thing])
    return 'the ' + thing, thing


def q_what(rng, s, way):
    if s.get('text') or s['type'] in ('photo', 'plain', 'pattern'):
        short = 'unknown' if s['type'] == 'photo' else s['name'] if s['type'] == 'pattern' else \
            'a plain %s screen' % s['bg']['names'][0] if s['type'] == 'plain' else \
            join([name(o) for o in s['objects']] + ['the word "%s"' % s['text']['word']])
    else:
        short = join([name(o) for o in s['objects']])
    return 'what', (), short, caption(s)


def q_colour(rng, s, way):
    c = [o for o in unique(s, 'shape') if o['colour']]
    if not c:
        return None
    o = pick(rng, c)
    thing = 'shape' if len(shown(s)) == 1 and o.get('shape') and rng.random() < 0.2 else noun(o)
    return 'colour', 'the ' + thing, o['colour'], 'The %s is %s.' % (thing, o['colour'])


def q_it_colour(rng, s, way):
    there = shown(s)
    if s['type'] == 'photo':
        return 'it colour', (), 'none', NOTHING
    if s['type'] == 'pattern':
        if s['pattern'] == 'ball':
            return None if 'colours' in s else ('it colour', (), 'white', 'The ball is white.')
        return 'it colour', (), 'none', nothing_named(s)
    if s['type'] == 'plain':
        c = s['bg']['names'][0]
        return 'it colour', (), c, 'The screen is %s.' % c
    if s.get('text'):
        if there:
            return None
        return 'it colour', (), s['text']['colour'], 'The text is %s.' % s['text']['colour']
    if not there or not all(o['colour'] for o in there):
        return None
    if len(there) == 1:
        return 'it colour', (), there[0]['colour'], 'The %s is %s.' % (noun(there[0]), there[0]['colour'])
    return 'it colour', (), join(list(dict.fromkeys(o['colour'] for o in there))), listed(s)


def q_shape(rng, s, way):
    c = [o for o in unique(s, 'colour') if o.get('shape')]
    if not c:
        return None
    o = pick(rng, c)
    if len(shown(s)) == 1 and rng.random() < 0.2:
        return q_it_shape(rng, s, way)
    return 'shape', o['colour'], o['shape'], 'The %s object is %s.' % (o['colour'], article(o['shape']))


def q_it_shape(rng, s, way):
    """Also of several, and of none"""
    there = shown(s)
    if vague(s):
        return None
    if len(there) == 1 and there[0].get('shape'):
        return 'it shape', (), there[0]['shape'], 'The shape is %s.' % article(there[0]['shape'])
    if not all(o.get('shape') for o in there):
        return None
    return 'it shape', (), join([o['shape'] for o in there]) if there else 'none', listed(s)


def q_size(rng, s, way):
    c = [o for o in s['objects'] if o['motion'] not in ('grow', 'shrink') and o['size'] is not None]
    if not c:
        return None
    o = pick(rng, c)
    asked, thing = called(rng, s, o, way)
    return 'size', asked, SIZES[o['size']], 'The %s is %s.' % (thing, SIZES[o['size']])


def counted(rng, s):
    """(one of what is counted, how many there are), or None where that is not clear"""
    if vague(s):
        return None
    r = rng.random()
    if s['type'] in ('pattern', 'photo'):
        return 'shape' if r < 0.6 else pick(rng, CLEAR_OF_PATTERNS), 0
    if r >= 0.6:
        return things(s)[:-1], len(s['objects'])
    if s['type'] == 'thing':        # not of shapes: a thing has such, too
        there = [o['thing'] for o in s['objects'] if o.get('thing')]
        thing = pick(rng, there if rng.random() < 0.6 else THINGS)
        return thing, there.count(thing)
    # Of one colour or shape, which is absent in a third of the questions.
    objects = [o for o in s['objects'] if o['colour'] and o.get('shape')] if r < 0.25 else s['objects']
    value = (lambda o: o['colour']) if r < 0.25 else noun
    there = [value(o) for o in objects]
    several = [c for c in there if there.count(c) > 1]
    c = pick(rng, several or there) if there and rng.random() < 0.6 else \
        pick(rng, COLOUR_NAMES if r < 0.25 else SHAPES)
    return c + ' shape' if r < 0.25 else c, there.count(c)


def q_count(rng, s, way):
    got = counted(rng, s)
    if not got:
        return None
    one, n = got
    return 'count', plural(one), NUMBERS[n], 'There %s.' % number_of(n, one)


def q_is_count(rng, s, way):
    """Are there two shapes?"""
    got = counted(rng, s)
    if not got:
        return None
    one, n = got
    m = n if n and rng.random() < 0.7 else int(rng.integers(1, 4))
    said = '%s, there %s.' % ('Yes' if m == n else 'No', number_of(n, one))
    if m == 1:
        return 'is there', 'one ' + one, 'yes' if m == n else 'no', said
    return 'is count', NUMBERS[m] + ' ' + plural(one), 'yes' if m == n else 'no', said


def settled(s):
    """Objects that have one place: those of images and of clips where nothing moves."""
    if any(o['motion'] != 'still' for o in s['objects']):
        return []
    return [o for o in s['objects'] if None not in (o['row'], o['col'])]


def q_where(rng, s, way):
    c = settled(s)
    if not c:
        return None
    o = pick(rng, c)
    asked, thing = called(rng, s, o, way)
    return 'where', asked, where(o), 'The %s is %s.' % (thing, place(o))


def q_row(rng, s, way):
    c = settled(s)
    if not c:
        return None
    o = pick(rng, c)
    asked, thing = called(rng, s, o, way)
    return 'row', asked, ROWS[o['row']], 'The %s is in the %s row.' % (thing, ROWS[o['row']])


def q_column(rng, s, way):
    c = settled(s)
    if not c:
        return None
    o = pick(rng, c)
    asked, thing = called(rng, s, o, way)
    return 'column', asked, COLUMNS[o['col']], 'The %s is in the %s column.' % (thing, COLUMNS[o['col']])


def q_at(rng, s, way):
    c = settled(s)
    if s['type'] in ('pattern', 'photo', 'text') or s.get('text') or len(c) != len(s['objects']) or \
            (len(c) == 1 and 'pattern' in s):
        return None
    if not c and (s.get('small') or rng.random() < 0.6):
        return None
    o = pick(rng, c) if c and rng.random() < 0.75 else None
    cell = 3 * o['row'] + o['col'] if o else int(rng.integers(9))
    o = next((p for p in c if 3 * p['row'] + p['col'] == cell), None)
    at = place({'row': cell // 3, 'col': cell % 3})
    if o is None:
        return 'what is at', at, 'nothing', 'There is nothing %s.' % at
    return 'what is at', at, name(o), 'There is %s %s.' % (article(name(o)), at)


def absent(rng, s):
    """A trained pair that is not there; often one that shares colour or shape with one that is."""
    have = {(o['colour'], o['shape']) for o in s['objects'] if o['colour'] and o.get('shape')}
    shapes = CLEAR_OF_PATTERNS if s['type'] == 'pattern' else SHAPES
    while True:
        pair = (pick(rng, COLOUR_NAMES), pick(rng, shapes))
        if have and rng.random() < 0.6:
            c, f = pick(rng, sorted(have))
            pair = (c, pair[1]) if rng.random() < 0.5 else (pair[0], f)
        if pair not in have and pair not in HELD_PAIRS and all(o.get('thing') != pair[1] for o in s['objects']):
            return {'colour': pair[0], 'shape': pair[1], 'size': None}


def askable(scene, key):
    """Whether it is clear what has a colour or a shape: patterns and things have shapes without names, photographs any
    colour."""
    return scene['type'] not in ('pattern', 'thing') and (key == 'shape' or scene['type'] != 'photo')


def elsewhere(rng, s):
    """An everyday thing that is not there, or None where that can't be said"""
    if s['type'] == 'photo':
        return None
    thing = pick(rng, THINGS)
    return None if any(noun(o) == thing for o in shown(s)) else thing


def q_is_there(rng, s, way):
    if vague(s):
        return None
    if way != CARD and rng.random() < (0.5 if s['type'] == 'thing' else 0.15):
        thing = elsewhere(rng, s)
        return thing and ('is there', article(thing), 'no', 'No, there is no %s.' % thing)
    yes = bool(s['objects']) and rng.random() < 0.5
    o = pick(rng, s['objects']) if yes else absent(rng, s)
    ways = [k for k in ('colour', 'shape') if o['colour'] and o.get('shape') and askable(s, k) and
            (yes or all(p.get(k) != o[k] for p in s['objects']))]
    thing = name(o)
    if ways and rng.random() < 0.35:
        k = pick(rng, ways)
        thing = o['shape'] if k == 'shape' else o['colour'] + ' shape'
    return 'is there', article(thing), 'yes' if yes else 'no', \
        'Yes, there is %s.' % article(thing) if yes else 'No, there is no %s.' % thing


def q_are_there(rng, s, way):
    """Are there any circles?"""
    if vague(s):
        return None
    if rng.random() < 0.15:
        thing = elsewhere(rng, s)
        return thing and ('are there', plural(thing), 'no', 'No, there are no %s.' % plural(thing))
    got = counted(rng, s)
    if not got:
        return None
    one, n = got
    return 'are there', plural(one), 'yes' if n else 'no', ('Yes, there %s.' if n else 'No, there %s.') % number_of(n, one)


def q_is_colour(rng, s, way):
    """Is the circle red?"""
    c = [o for o in unique(s, 'shape') if o['colour']]
    if s['type'] == 'plain':
        right, asked, said = s['bg']['names'][0], pick(rng, ['it', 'this', 'the screen']), 'the screen is %s'
    elif s.get('text') and not c:
        right, asked, said = s['text']['colour'], pick(rng, ['the text', 'the word', 'the text']), 'the text is %s'
    elif c and rng.random() < 0.85:
        o = pick(rng, c)
        right = o['colour']
        alone = len(shown(s)) == 1
        asked = pick(rng, ['it', 'this', 'the shape'] if alone and o.get('shape') else ['it']) \
            if alone and rng.random() < 0.4 else 'the ' + noun(o)
        said = 'the ' + (asked[4:] if asked.startswith('the ') else noun(o)) + ' is %s'
    elif s['type'] == 'shapes' and s['objects']:
        o = absent(rng, s)
        if any(noun(p) == o['shape'] for p in shown(s)):
            return None
        return 'is colour', ('the ' + o['shape'], o['colour']), 'no', 'There is no %s.' % o['shape']
    else:
        return None
    yes = rng.random() < 0.5
    of = [o['shape'] for o in shown(s) if o.get('shape')]
    colour = right if yes else pick(rng, [n for n in COLOUR_NAMES if n != right and
                                          not any((n, f) in HELD_PAIRS for f in of)] or [None])
    if colour is None:
        return None
    return 'is colour', (asked, colour), 'yes' if yes else 'no', ('Yes, ' if yes else 'No, ') + said % right + '.'


def q_is_shape(rng, s, way):
    """Is the red object a circle?"""
    c = [o for o in unique(s, 'colour') if o.get('shape')]
    if not c:
        return None
    o = pick(rng, c)
    alone = len(shown(s)) == 1
    asked = pick(rng, ['it', 'this', 'the shape']) if alone and rng.random() < 0.4 else \
        'the %s %s' % (o['colour'], pick(rng, ['object', 'shape', 'thing']))
    yes = rng.random() < 0.5
    shape = o['shape'] if yes else pick(rng, [f for f in SHAPES if f != o['shape'] and (o['colour'], f) not in HELD_PAIRS])
    said = asked if asked.startswith('the ') else 'the shape'
    return 'is shape', (asked, article(shape)), 'yes' if yes else 'no', \
        '%s, %s is %s.' % ('Yes' if yes else 'No', said, article(o['shape']))


def q_direction(rng, s, way):
    if not moving(s) and s['objects'] and way != CARD and rng.random() < 0.5:
        return 'direction', called(rng, s, pick(rng, s['objects']), way)[0], 'nowhere', ONE_PICTURE
    if not moving(s):
        return None
    if s['type'] == 'pattern':
        if s['pattern'] != 'ball' or not s.get('motion'):
            return None
        thing, m = 'ball', s['motion']
        asked = 'the ball'
    elif s['objects']:
        o = pick(rng, s['objects'])
        m = o['motion']
        if m in ('grow', 'shrink', 'still') and rng.random() < 0.6:
            return None
        asked, thing = called(rng, s, o, way)
    elif s['type'] != 'photo' and way != CARD and rng.random() < 0.4:
        thing = absent(rng, s)['shape']
        return 'direction', 'the ' + thing, 'nowhere', 'There is no %s.' % thing
    else:
        return None
    if m in ('still', 'grow', 'shrink'):
        return 'direction', asked, 'nowhere', 'The %s does not move.' % thing
    return 'direction', asked, m, 'The %s %s.' % (thing, VERBS[m])


def q_action(rng, s, way):
    if not s['objects']:
        if s['type'] == 'photo' or way == CARD or rng.random() < 0.6:
            return None
        thing = absent(rng, s)['shape']
        return 'action', 'the ' + thing, 'nothing', 'There is no %s.' % thing
    o = pick(rng, s['objects'])
    asked, thing = called(rng, s, o, way)
    if not moving(s):
        return None if way == CARD or rng.random() < 0.5 else ('action', asked, 'nothing', ONE_PICTURE)
    return 'action', asked, VERBS[o['motion']], 'The %s %s.' % (thing, VERBS[o['motion']])


def q_moving(rng, s, way):
    if not s['objects'] or (not moving(s) and (way == CARD or rng.random() < 0.5)):
        return None
    o = pick(rng, s['objects'])
    if o['motion'] in ('grow', 'shrink'):
        return None
    asked, thing = called(rng, s, o, way)
    if not moving(s):
        return 'is moving', asked, 'no', 'No, this is a single picture.'
    yes = o['motion'] in GOING
    return 'is moving', asked, 'yes' if yes else 'no', 'Yes, the %s %s.' % (thing, VERBS[o['motion']]) if yes else \
        'No, the %s stays still.' % thing


def q_does(rng, s, way):
    """Does the circle move left?"""
    if not moving(s) or not s['objects']:
        return None
    o = pick(rng, s['objects'])
    asked, thing = called(rng, s, o, way)
    yes = o['motion'] != 'still' and rng.random() < 0.5
    m = o['motion'] if yes else pick(rng, [m for m in INFINITIVES if m != o['motion']])
    return 'does it', (asked, INFINITIVES[m]), 'yes' if yes else 'no', \
        '%s, the %s %s.' % ('Yes' if yes else 'No', thing, VERBS[o['motion']])


def q_anything_moving(rng, s, way):
    if not moving(s):
        return ('anything moving', (), 'no', 'No, this is a single picture.') if rng.random() < 0.25 else None
    if s['type'] in ('photo', 'pattern') or s.get('small'):
        return None
    going = [o for o in s['objects'] if o['motion'] in GOING]
    if going:
        return 'anything moving', (), 'yes', 'Yes, %s.' % join(
            ['the %s %s' % (name(o), VERBS[o['motion']]) for o in going])
    if any(o['motion'] != 'still' for o in s['objects']):
        return None
    return 'anything moving', (), 'no', 'No, nothing moves.'


def q_background(rng, s, way):
    if s['type'] == 'photo' or (s['type'] == 'pattern' and s['pattern'] != 'ball'):
        return None if way == CARD or rng.random() < 0.5 else ('background', (), 'none', nothing_named(s))
    if s['type'] == 'pattern':
        return None if way == CARD or 'colours' in s else ('background', (), 'black', 'The background is plain black.')
    if (s['type'] == 'plain' or 'pattern' in s and not s['objects']) and (way == CARD or not s['bg']['names']):
        return None
    w, sentence = background_word(s)
    return 'background', (), w, 'The background is %s.' % sentence


def q_is_background(rng, s, way):
    if s['type'] in ('photo', 'pattern') or s['bg']['kind'] != 'plain' or not s['bg']['names']:
        return None
    right = s['bg']['names'][0]
    yes = rng.random() < 0.5
    c = right if yes else pick(rng, [n for n in COLOUR_NAMES if n != right])
    return 'is background', c, 'yes' if yes else 'no', '%s, the background is plain %s.' % ('Yes' if yes else 'No', right)


def q_pattern(rng, s, way):
    if s['type'] not in ('pattern', 'plain', 'photo') and ('pattern' in s or rng.random() < 0.6):
        return None
    if s['type'] == 'pattern':
        return 'pattern', (), s['name'], 'The test pattern is %s.' % s['name']
    return 'pattern', (), 'none', 'This is not a test pattern.' if s['type'] != 'plain' else \
        'This is a plain %s screen.' % s['bg']['names'][0]


def q_is_pattern(rng, s, way):
    if s['type'] == 'pattern':
        return 'is pattern', (), 'yes', 'Yes, the test pattern is %s.' % s['name']
    if 'pattern' in s or s['type'] == 'plain' or rng.random() < 0.6:
        return None
    return 'is pattern', (), 'no', 'No, this is not a test pattern.'


def readable(rng, s):
    """('text', word), ('small', None), ('time', None), ('none', None), or None where it is not asked for text"""
    if s.get('text'):
        return 'text', s['text']['word']
    if s.get('unclear'):
        return None
    if s.get('small'):
        return None if s.get('pattern') == 'snow' else (s['small'], None)
    return None if s['type'] not in ('photo', 'pattern') and rng.random() < 0.75 else ('none', None)


def q_text(rng, s, way):
    got = readable(rng, s)
    if got is None:
        return None
    short, sentence = {'text': (got[1], 'The text says "%s".' % got[1]), 'none': ('nothing', 'There is no text.'),
                       'time': ('a time stamp', 'The text is a time stamp.'),
                       'small': ('too small', 'The text is too small to read.')}[got[0]]
    return 'text', (), short, sentence


def q_is_text(rng, s, way):
    got = readable(rng, s)
    if got is None:
        return None
    return 'is text', (), 'no' if got[0] == 'none' else 'yes', {
        'text': 'Yes, the text says "%s".' % got[1], 'none': 'No, there is no text.',
        'time': 'Yes, there is a time stamp.', 'small': 'Yes, there is small text.'}[got[0]]


def q_says(rng, s, way):
    """Does the text say STOP?"""
    got = readable(rng, s)
    if got is None:
        return None
    word = got[1] if got[0] == 'text' and rng.random() < 0.5 else pick(rng, WORDS)
    asked = '"%s"' % word if rng.random() < 0.3 else word
    yes = word == got[1]
    return 'says', asked, 'yes' if yes else 'no', {
        'text': '%s, the text says "%s".' % ('Yes' if yes else 'No', got[1]), 'none': 'There is no text.',
        'time': 'The text is a time stamp.', 'small': 'The text is too small to read.'}[got[0]]


def q_text_colour(rng, s, way):
    if s.get('text'):
        return 'text colour', (), s['text']['colour'], 'The text is %s.' % s['text']['colour']
    if s.get('small') or way == CARD or readable(rng, s) is None or s['type'] not in ('photo', 'pattern') and \
            rng.random() < 0.4:
        return None
    return 'text colour', (), 'none', 'There is no text.'


def q_thing(rng, s, way):
    c = [o for o in s['objects'] if o.get('thing')]
    if len(c) != 1:
        return None
    return 'thing', (), c[0]['thing'], 'It is %s.' % article(c[0]['thing'])


def q_missing(rng, s, way):
    """Asked for something that is not there."""
    if vague(s) or 'pattern' in s and s['type'] != 'pattern' or way == CARD and s['type'] in ('pattern', 'text'):
        return None
    o = absent(rng, s)
    only = not any(p.get('shape') == o['shape'] for p in s['objects'])
    thing_there = s['type'] == 'thing'
    other = elsewhere(rng, s) if way != CARD and rng.random() < (0.6 if thing_there else 0.2) else None
    if rng.random() < 0.5 and (only and not thing_there or other):
        thing = other or o['shape']
        return 'missing colour', 'the ' + thing, 'none', 'There is no %s.' % thing
    if any(p['motion'] != 'still' for p in s['objects']):
        return None
    thing = other or (o['shape'] if only and not thing_there and rng.random() < 0.4 else name(o))
    return 'missing place', 'the ' + thing, 'nowhere', 'There is no %s.' % thing


CARDS = {'colour': q_colour, 'shape': q_shape, 'size': q_size, 'count': q_count, 'where': q_where, 'row': q_row,
             'column': q_column, 'what is at': q_at, 'is there': q_is_there,
             'direction': q_direction, 'action': q_action, 'is moving': q_moving, 'background': q_background,
             'pattern': q_pattern, 'text': q_text, 'text colour': q_text_colour, 'missing': q_missing}
# What the card's table has not: asked less often, as there are many.
OTHERS = {'what': q_what, 'thing': q_thing, 'it colour': q_it_colour, 'it shape': q_it_shape, 'are there': q_are_there,
             'is count': q_is_count, 'is colour': q_is_colour, 'is shape': q_is_shape, 'does it': q_does,
             'anything moving': q_anything_moving, 'is background': q_is_background, 'is pattern': q_is_pattern,
             'is text': q_is_text, 'says': q_says}
QUESTIONS = {**CARDS, **OTHERS}
RARELY = 0.5
CAPTIONS = {'caption': caption, 'detailed': detailed}


def ask(rng, scene, kind, short=None, way=CARD):
    """(question, answer) of one kind, or None; short: True a word, False a sentence, None either; way: phrasings.CARD,
    TRAINED or HELD."""
    clip = moving(scene)
    if kind in CAPTIONS:
        return phrase(rng, kind + (' clip' if clip else ' image'), (), way, clip), CAPTIONS[kind](scene)
    got = QUESTIONS[kind](rng, scene, way)
    if got is None:
        return None
    form, slots, word, sentence = got
    q = phrase(rng, form, slots, way, clip)
    if short is None:
        short = rng.random() < 0.6
    return (q + ' ' + SHORT, word) if short else (q, sentence)


NONE = re.compile(r'(none|nothing|nowhere|zero|no|There (is|are) (no|nothing)\b.*|No, .*|This is (not )?a (single|test|plain) .*|%s)'
                  % re.escape(NOTHING))


def says_none(answer):
    """Whether an answer tells that there is nothing of what was asked for"""
    return bool(NONE.fullmatch(answer))


def some(rng, scene, n, weights={}):
    """n different questions [(kind, question, answer)] as they are trained, a caption among most; weights: kind -> how
    often, else 1"""
    out = []
    kinds = []
    if rng.random() < 0.75:
        kinds.append('caption' if rng.random() < 0.75 else 'detailed')
    names = list(QUESTIONS)
    w = [weights.get(k, 1.0) * (RARELY if k in OTHERS else 1.0) for k in names]
    total = sum(w)
    kinds += [names[i] for i in rng.choice(len(names), len(names), replace=False, p=[x / total for x in w])]
    for k in kinds:
        if len(out) == n:
            break
        got = ask(rng, scene, k, way=TRAINED)
        if got:
            out.append((k,) + got)
    order = rng.permutation(len(out))
    return [out[i] for i in order]
