# SPDX-License-Identifier: LGPL-2.1-or-later
"""What can be said and asked about a scene.

`caption` gives the default caption, `ask` one question with its answer,
`questions` a few different ones.  Every answer follows from the scene alone.
"""
from icons import NAMES as THINGS
from vocab import (CAPTION_CLIP, CAPTION_IMAGE, COLOUR_NAMES, COLUMNS, HELD_PAIRS, MAX_WORD, MOTIONS, NUMBERS,
                   PLACES, ROWS, SHAPES, SHORT, SIZES, article)
from world import pick

NOTHING = 'I see nothing that I know.'
CAPTIONS_IMAGE = [CAPTION_IMAGE, CAPTION_IMAGE, 'Describe the image in one sentence.', 'What is in the image?',
                  'What do you see?', 'Describe this picture.']
CAPTIONS_CLIP = [CAPTION_CLIP, CAPTION_CLIP, 'Describe the video in one sentence.', 'What happens in the video?',
                 'What do you see?', 'Describe this clip.']
DETAILED = ['Describe the image in detail.', 'Give a detailed description of the image.',
            'Describe everything you see and where it is.']
DETAILED_CLIP = ['Describe the video in detail.', 'Give a detailed description of the video.',
                 'Describe everything you see and what it does.']
VERBS = {'still': 'stays still', 'left': 'moves left', 'right': 'moves right', 'up': 'moves up', 'down': 'moves down',
         'grow': 'grows', 'shrink': 'shrinks'}


def cap(s):
    return s[0].upper() + s[1:]


def join(parts):
    return parts[0] if len(parts) == 1 else ', '.join(parts[:-1]) + ' and ' + parts[-1]


def name(o, size=False):
    if o.get('thing'):
        return o['thing']
    words = ([SIZES[o['size']]] if size and o['size'] is not None else []) + [o['colour'], o['shape']]
    return ' '.join(words)


def background(scene):
    kind = scene['bg']['kind']
    return {'plain': 'a plain %s background' % (scene['bg']['names'] or ['black'])[0],
            'gradient': 'a gradient background', 'noisy': 'a noisy background'}[kind]


def place(o):
    return 'in the center' if (o['row'], o['col']) == (1, 1) else \
        ('on the ' if o['row'] == 1 else 'at the ') + where(o)


def where(o):
    return PLACES[3 * o['row'] + o['col']]


def writing(scene):
    """What is added to a caption for writing that is too small to read; on snow it can't be told from it."""
    if scene.get('pattern') == 'snow':
        return ''
    return {None: '', 'time': ' with a time stamp', 'small': ' with small text'}[scene.get('small')]


def moving(scene):
    return scene['frames'] > 1


def shapes_phrase(scene):
    parts = []
    for o in scene['objects']:
        if moving(scene):
            parts.append(article(name(o, o['motion'] not in ('grow', 'shrink'))) + ' ' + VERBS[o['motion']])
        else:
            parts.append(article(name(o, True)))
    return cap(join(parts)) + ' on ' + background(scene)


def caption(scene):
    kind = scene['type']
    if kind == 'photo':
        return NOTHING
    if kind == 'plain':
        return cap(article('plain %s screen' % scene['bg']['names'][0])) + writing(scene) + '.'
    if kind == 'pattern':
        way = scene.get('motion')
        moves = '' if scene['pattern'] != 'ball' or not moving(scene) else \
            ' ' + (VERBS[way] if way else 'moves')
        return 'A test pattern: ' + scene['name'] + moves + writing(scene) + '.'
    if kind == 'text':
        return 'The word "%s" in %s on %s.' % (scene['text']['word'], scene['text']['colour'], background(scene))
    return shapes_phrase(scene) + writing(scene) + '.'


def detailed(scene):
    """A caption of several sentences."""
    if scene['type'] != 'shapes' or any(None in (o['row'], o['col']) for o in scene['objects']):
        return caption(scene)
    n = len(scene['objects'])
    s = ['There is one shape.' if n == 1 else 'There are %s shapes.' % NUMBERS[n]]
    for o in scene['objects']:
        thing = name(o, o['motion'] not in ('grow', 'shrink'))
        if moving(scene):
            s.append('The %s %s.' % (thing, VERBS[o['motion']]))
        else:
            s.append('The %s is %s.' % (thing, place(o)))
    s.append('The background is %s.' % background_word(scene)[1])
    return ' '.join(s)


def background_word(scene):
    kind = scene['bg']['kind']
    if kind == 'plain':
        c = (scene['bg']['names'] or ['black'])[0]
        return c, 'plain ' + c
    return (kind, 'a gradient') if kind == 'gradient' else ('noise', 'noisy')


# ---- questions -----------------------------------------------------------------
# Each takes (rng, scene) and gives (question, short answer, sentence), or None where it has no
# clear answer.  A sentence of None means the short answer serves as both.

def unique(scene, key):
    """The objects that share their colour or shape with no other one; `others` are those that are not asked about."""
    return [o for o in scene['objects'] if o[key] and sum(p[key] == o[key] for p in shown(scene)) == 1]


def shown(scene):
    return scene['objects'] + scene.get('others', [])


def alike(scene):
    """Whether two of its objects share their colour or their shape."""
    return any(len(unique(scene, k)) < sum(o[k] is not None for o in scene['objects']) for k in ('colour', 'shape'))


def called(rng, scene, o):
    """What a question calls an object: by colour and shape, or by one of them, or by neither, where that is clear."""
    if o.get('thing') or rng.random() < 0.55:
        return name(o)
    ways = [o['shape']] * 2 if o in unique(scene, 'shape') else []
    ways += [o['colour'] + ' shape', o['colour'] + ' object'] if o in unique(scene, 'colour') else []
    ways += ['shape'] if len(shown(scene)) == 1 else []
    return pick(rng, ways or [name(o)])


def q_colour(rng, s):
    c = unique(s, 'shape')
    if not c:
        return None
    o = pick(rng, c)
    q = pick(rng, ['What color is the %s?', 'What is the color of the %s?', 'Which color does the %s have?'])
    thing = 'shape' if len(shown(s)) == 1 and rng.random() < 0.2 else o['shape']
    return q % thing, o['colour'], 'The %s is %s.' % (thing, o['colour'])


def q_shape(rng, s):
    c = unique(s, 'colour')
    if not c:
        return None
    o = pick(rng, c)
    if len(shown(s)) == 1 and rng.random() < 0.2:
        return pick(rng, ['What shape is there?', 'Which shape do you see?']), o['shape'], \
            'The shape is %s.' % article(o['shape'])
    q = pick(rng, ['What shape is the %s object?', 'Which shape is %s?', 'What is the shape of the %s object?'])
    return q % o['colour'], o['shape'], 'The %s object is %s.' % (o['colour'], article(o['shape']))


def q_size(rng, s):
    c = [o for o in s['objects'] if o['motion'] not in ('grow', 'shrink') and o['size'] is not None]
    if not c:
        return None
    o = pick(rng, c)
    thing = called(rng, s, o)
    q = pick(rng, ['How big is the %s?', 'What size is the %s?', 'Is the %s small or large?'])
    return q % thing, SIZES[o['size']], 'The %s is %s.' % (thing, SIZES[o['size']])


def q_count(rng, s):
    if s['type'] == 'pattern' or s['type'] == 'photo':
        return None
    what, n = 'shapes', sum(o['shape'] is not None for o in s['objects'])
    r = rng.random()
    if r < 0.6:         # of one colour or shape, which is absent in a third of the questions
        key, names = ('colour', COLOUR_NAMES) if r < 0.25 else ('shape', SHAPES)
        there = [o[key] for o in s['objects'] if o[key]]
        several = [c for c in there if there.count(c) > 1]
        c = pick(rng, several or there) if there and rng.random() < 0.6 else pick(rng, names)
        what = c + (' shapes' if key == 'colour' else 'es' if c == 'cross' else 's')
        n = sum(o[key] == c for o in s['objects'])
    q = pick(rng, ['How many %s are there?', 'Count the %s.', 'How many %s do you see?'])
    one = what[:-2] if what.endswith('crosses') else what[:-1]
    return q % what, NUMBERS[n], 'There is one %s.' % one if n == 1 else \
        'There are no %s.' % what if n == 0 else 'There are %s %s.' % (NUMBERS[n], what)


def settled(s):
    """Objects that have one place: those of images and of clips where nothing moves."""
    if any(o['motion'] != 'still' for o in s['objects']):
        return []
    return [o for o in s['objects'] if None not in (o['row'], o['col'])]


def q_where(rng, s):
    c = settled(s)
    if not c:
        return None
    o = pick(rng, c)
    thing = called(rng, s, o)
    q = pick(rng, ['Where is the %s?', 'In which part of the picture is the %s?', 'Where do you see the %s?'])
    return q % thing, where(o), 'The %s is %s.' % (thing, place(o))


def q_row(rng, s):
    c = settled(s)
    if not c:
        return None
    o = pick(rng, c)
    thing = called(rng, s, o)
    q = pick(rng, ['Is the %s at the top, in the middle or at the bottom?', 'In which row is the %s?'])
    return q % thing, ROWS[o['row']], 'The %s is in the %s row.' % (thing, ROWS[o['row']])


def q_column(rng, s):
    c = settled(s)
    if not c:
        return None
    o = pick(rng, c)
    thing = called(rng, s, o)
    q = pick(rng, ['Is the %s on the left, in the middle or on the right?', 'In which column is the %s?'])
    return q % thing, COLUMNS[o['col']], 'The %s is in the %s column.' % (thing, COLUMNS[o['col']])


def q_at(rng, s):
    c = settled(s)
    if not c or s['type'] != 'shapes' or len(c) != len(s['objects']) or (len(c) == 1 and 'pattern' in s):
        return None
    o = pick(rng, c) if rng.random() < 0.75 else None
    cell = 3 * o['row'] + o['col'] if o else int(rng.integers(9))
    o = next((p for p in c if 3 * p['row'] + p['col'] == cell), None)
    at = place({'row': cell // 3, 'col': cell % 3})
    q = pick(rng, ['What is %s?', 'Which object is %s?', 'What do you see %s?']) % at
    if o is None:
        return q, 'nothing', 'There is nothing %s.' % at
    return q, name(o), 'There is %s %s.' % (article(name(o)), at)


def absent(rng, s):
    """A trained pair that is not there; often one that shares colour or shape with one that is."""
    have = {(o['colour'], o['shape']) for o in s['objects'] if o['shape']}
    while True:
        pair = (pick(rng, COLOUR_NAMES), pick(rng, SHAPES))
        if have and rng.random() < 0.6:
            c, f = pick(rng, sorted(have))
            pair = (c, pair[1]) if rng.random() < 0.5 else (pair[0], f)
        if pair not in have and pair not in HELD_PAIRS:
            return {'colour': pair[0], 'shape': pair[1], 'size': None}


def askable(scene, key):
    """Whether it is clear what has a colour or a shape: patterns and things have shapes without names, photographs any colour."""
    return scene['type'] not in ('pattern', 'thing') and (key == 'shape' or scene['type'] != 'photo')


def q_is_there(rng, s):
    if s['type'] == 'pattern' and s['pattern'] == 'ball' or s.get('unclear'):
        return None
    if s['type'] == 'thing' and rng.random() < 0.6:
        there = [o['thing'] for o in s['objects'] if o.get('thing')]
        yes = rng.random() < 0.5
        thing = pick(rng, there if yes else [t for t in THINGS if t not in there])
        q = pick(rng, ['Is there %s?', 'Do you see %s?', 'Can you see %s?']) % article(thing)
        return q, 'yes' if yes else 'no', 'Yes, there is %s.' % article(thing) if yes else 'No, there is no %s.' % thing
    there = [o for o in s['objects'] if o['shape']]
    yes = bool(there) and rng.random() < 0.5
    o = pick(rng, there) if yes else absent(rng, s)
    ways = [k for k in ('colour', 'shape') if askable(s, k) and (yes or all(p[k] != o[k] for p in s['objects']))]
    thing = name(o)
    if ways and rng.random() < 0.35:
        k = pick(rng, ways)
        thing = o['shape'] if k == 'shape' else o['colour'] + ' shape'
    q = pick(rng, ['Is there %s?', 'Do you see %s?', 'Can you see %s?']) % article(thing)
    return q, 'yes' if yes else 'no', 'Yes, there is %s.' % article(thing) if yes else 'No, there is no %s.' % thing


def q_direction(rng, s):
    if not moving(s):
        return None
    qs = ['In which direction does the %s move?', 'Which way does the %s move?', 'Where is the %s going?']
    if s['type'] == 'pattern':
        if s['pattern'] != 'ball' or not s.get('motion'):
            return None
        thing, m = 'ball', s['motion']
    elif s['objects']:
        o = pick(rng, s['objects'])
        m = o['motion']
        if m in ('grow', 'shrink', 'still') and rng.random() < 0.6:
            return None
        thing = called(rng, s, o)
    else:
        return None
    if m in ('still', 'grow', 'shrink'):
        return pick(rng, qs) % thing, 'nowhere', 'The %s does not move.' % thing
    return pick(rng, qs) % thing, m, 'The %s %s.' % (thing, VERBS[m])


def q_action(rng, s):
    if not moving(s) or not s['objects']:
        return None
    o = pick(rng, s['objects'])
    thing = called(rng, s, o)
    q = pick(rng, ['What does the %s do?', 'What is the %s doing?', 'What happens to the %s?']) % thing
    return q, VERBS[o['motion']], 'The %s %s.' % (thing, VERBS[o['motion']])


def q_moving(rng, s):
    if not moving(s) or not s['objects']:
        return None
    o = pick(rng, s['objects'])
    yes = o['motion'] in ('left', 'right', 'up', 'down')
    if o['motion'] in ('grow', 'shrink'):
        return None
    thing = called(rng, s, o)
    q = pick(rng, ['Is the %s moving?', 'Does the %s move?']) % thing
    return q, 'yes' if yes else 'no', 'Yes, the %s %s.' % (thing, VERBS[o['motion']]) if yes else \
        'No, the %s stays still.' % thing


def q_background(rng, s):
    if s['type'] not in ('shapes', 'text', 'thing') or 'pattern' in s and not s['objects']:
        return None
    w, sentence = background_word(s)
    q = pick(rng, ['What is the background?', 'What is the background like?', 'Describe the background.'])
    return q, w, 'The background is %s.' % sentence


def q_pattern(rng, s):
    if s['type'] in ('shapes', 'text', 'thing') and ('pattern' in s or rng.random() < 0.6):
        return None
    q = pick(rng, ['Which test pattern is this?', 'What test pattern is shown?', 'Name the test pattern.'])
    if s['type'] == 'pattern':
        return q, s['name'], 'The test pattern is %s.' % s['name']
    return q, 'none', 'This is not a test pattern.' if s['type'] != 'plain' else \
        'This is a plain %s screen.' % s['bg']['names'][0]


def q_text(rng, s):
    q = pick(rng, ['What does the text say?', 'Read the text.', 'What word is written here?'])
    if s['type'] == 'text':
        return q, s['text']['word'], 'The text says "%s".' % s['text']['word']
    if s.get('small'):
        return (q, 'a time stamp', 'The text is a time stamp.') if s['small'] == 'time' else \
            (q, 'too small', 'The text is too small to read.')
    if s['type'] in ('photo', 'pattern') or rng.random() < 0.75:
        return None
    return q, 'nothing', 'There is no text.'


def q_text_colour(rng, s):
    if s['type'] != 'text':
        return None
    q = pick(rng, ['What color is the text?', 'What is the color of the text?', 'Which color does the text have?'])
    return q, s['text']['colour'], 'The text is %s.' % s['text']['colour']


def q_thing(rng, s):
    c = [o for o in s['objects'] if o.get('thing')]
    if len(c) != 1:
        return None
    q = pick(rng, ['What thing is this?', 'Which thing do you see?', 'What is the thing called?'])
    return q, c[0]['thing'], 'It is %s.' % article(c[0]['thing'])


def q_missing(rng, s):
    """Asked for something that is not there."""
    if s['type'] not in ('shapes', 'photo', 'plain') or 'pattern' in s or s.get('unclear'):
        return None
    o = absent(rng, s)
    only = not any(p['shape'] == o['shape'] for p in s['objects'])
    if rng.random() < 0.5 and only:
        q = pick(rng, ['What color is the %s?', 'What is the color of the %s?'])
        return q % o['shape'], 'none', 'There is no %s.' % o['shape']
    if s['type'] == 'shapes' and any(p['motion'] != 'still' for p in s['objects']):
        return None
    thing = o['shape'] if only and rng.random() < 0.4 else name(o)
    q = pick(rng, ['Where is the %s?', 'Where do you see the %s?'])
    return q % thing, 'nowhere', 'There is no %s.' % thing


QUESTIONS = {'colour': q_colour, 'shape': q_shape, 'size': q_size, 'count': q_count, 'where': q_where, 'row': q_row,
             'column': q_column, 'what is at': q_at, 'is there': q_is_there,
             'direction': q_direction, 'action': q_action, 'is moving': q_moving, 'background': q_background,
             'pattern': q_pattern, 'text': q_text, 'text colour': q_text_colour, 'thing': q_thing, 'missing': q_missing}


def ask(rng, scene, kind, short=None):
    """(question, answer) of one kind, or None; short: True a word, False a sentence, None either."""
    if kind == 'caption':
        return pick(rng, CAPTIONS_CLIP if moving(scene) else CAPTIONS_IMAGE), caption(scene)
    if kind == 'detailed':
        return pick(rng, DETAILED_CLIP if moving(scene) else DETAILED), detailed(scene)
    got = QUESTIONS[kind](rng, scene)
    if got is None:
        return None
    q, word, sentence = got
    if short is None:
        short = rng.random() < 0.6
    return (q + ' ' + SHORT, word) if short else (q, sentence)


def questions(rng, scene, n, weights={}):
    """n different questions [(kind, question, answer)], a caption among most; weights: kind -> how often, else 1"""
    out = []
    kinds = []
    if rng.random() < 0.75:
        kinds.append('caption' if rng.random() < 0.75 else 'detailed')
    names = list(QUESTIONS)
    w = [weights.get(k, 1.0) for k in names]
    total = sum(w)
    kinds += [names[i] for i in rng.choice(len(names), len(names), replace=False, p=[x / total for x in w])]
    for k in kinds:
        if len(out) == n:
            break
        got = ask(rng, scene, k)
        if got:
            out.append((k,) + got)
    order = rng.permutation(len(out))
    return [out[i] for i in order]


# ---- targets of the throw-away heads ---------------------------------------------
# For each frame: what the patches hold, what the whole picture is, and what each row of the
# abstractor holds.  An entry that does not apply or is not clear is 255 and left out.

GRID = 8
BINS = 16
UNCLEAR = 255
WHOLE = [('type', 6), ('background', 4), ('background colour', 13), ('pattern', 16), ('small', 3), ('text colour', 13)]
# What a row tells of the object whose centre lies in its cell of the picture, and the letter of the
# word that has the row's number.
SLOT = [('colour', 13), ('shape', 9), ('size', 2), ('place', 9), ('r', 8), ('x', BINS), ('y', BINS), ('motion', 7),
        ('letter', 27), ('thing', 1 + len(THINGS))]
# The entries that are empty where there is nothing.
EMPTY = [0, 1, 9]


def cells(queries):
    """(columns, rows) of the grid of cells that the queries share: 4 x 4 for 16"""
    columns = 1 << queries.bit_length() // 2
    return columns, queries // columns


def number(names, name):
    """1 and up; what has no name (None) is not asked for"""
    return UNCLEAR if name is None else names.index(name) + 1


def thing_number(o):
    """0 for a shape"""
    return THINGS.index(o['thing']) + 1 if o.get('thing') else 0


def slot_targets(scene, frame, queries):
    """[queries, len(SLOT)]"""
    import numpy as np
    out = np.full((queries, len(SLOT)), UNCLEAR, np.uint8)
    if 'words' in scene:
        return out
    columns, rows = cells(queries)
    out[:, EMPTY] = 0
    owners = {}
    for o in scene.get('traced', scene['objects']):
        x, y, r = o['path'][frame]
        # Next to a border the neighbours may tell of the object, too.
        for dx in (-0.03, 0, 0.03):
            for dy in (-0.03, 0, 0.03):
                i, j = int((x + dx) * columns), int((y + dy) * rows)
                if 0 <= i < columns and 0 <= j < rows:
                    out[j * columns + i, EMPTY] = UNCLEAR
        own = min(rows - 1, int(y * rows)) * columns + min(columns - 1, int(x * columns))
        owners.setdefault(own, []).append((o, x, y, r))
    for own, found in owners.items():
        o, x, y, r = found[0]
        out[own] = UNCLEAR
        if len(found) > 1:
            continue
        motion = o.get('motion', scene.get('motion')) if moving(scene) else 'still'
        out[own, 9] = thing_number(o)
        out[own, :8] = [number(COLOUR_NAMES, o['colour']), number(SHAPES, o['shape']),
                        UNCLEAR if o.get('size') is None or motion in ('grow', 'shrink') else o['size'],
                        UNCLEAR if motion != 'still' or None in (o.get('row'), o.get('col')) else 3 * o['row'] + o['col'],
                        min(7, max(0, int((r - 0.07) / 0.02))),
                        min(BINS - 1, int(x * BINS)), min(BINS - 1, int(y * BINS)),
                        MOTIONS.index(motion) if motion and moving(scene) else UNCLEAR]
    word = scene['text']['word'] if scene.get('text') else ''
    for i in range(min(MAX_WORD, queries)):
        out[i, 8] = ord(word[i]) - 64 if i < len(word) else 0
    return out


def aux_targets(scene, frame, boxes=(), pattern_index=0):
    """(patch shape [64], patch colour [64], patch letters [64] bit sets, patch thing [64], table [len(WHOLE)])"""
    import numpy as np
    shape, colour, thing = (np.zeros(64, np.uint8) for _ in range(3))
    letters = np.zeros(64, np.uint32)
    known = scene['type'] in ('shapes', 'text', 'plain', 'thing')
    for o in scene.get('traced', scene['objects']):
        x, y, r = o['path'][frame]
        w, h = scene['size']
        e = min(w, h)
        rx, ry = r * e / w, r * e / h
        grid = (np.arange(GRID) + 0.5) / GRID
        dx, dy = (grid - x) / (rx + 0.02), (grid - y) / (ry + 0.02)
        inside = ((dy[:, None] ** 2 + dx[None] ** 2) < 1).ravel()
        inside[min(GRID - 1, int(y * GRID)) * GRID + min(GRID - 1, int(x * GRID))] = True
        shape[inside], colour[inside] = number(SHAPES, o['shape']), number(COLOUR_NAMES, o['colour'])
        thing[inside] = thing_number(o)
    for ch, x0, x1, y0, y1 in boxes:
        if ch not in 'ABCDEFGHIJKLMNOPQRSTUVWXYZ':
            continue
        bit = np.uint32(1 << (ord(ch) - 65))
        for i in range(max(0, int(x0 * GRID)), min(GRID, int(x1 * GRID) + 1)):
            across = min(x1, (i + 1) / GRID) - max(x0, i / GRID)
            if across < 0.4 * min(x1 - x0, 1 / GRID):
                continue
            for j in range(max(0, int(y0 * GRID)), min(GRID, int(y1 * GRID) + 1)):
                if min(y1, (j + 1) / GRID) - max(y0, j / GRID) >= 0.4 * min(y1 - y0, 1 / GRID):
                    letters[j * GRID + i] |= bit
    if scene['type'] == 'crowd':
        return shape, colour, letters, thing, np.full(len(WHOLE), UNCLEAR, np.uint8)
    bg = scene.get('bg')
    plain = known and bg['kind'] == 'plain' and bg['names']
    text = scene.get('text')
    table = [['shapes', 'text', 'plain', 'pattern', 'photo', 'thing'].index(scene['type']),
             1 + ['plain', 'gradient', 'noisy'].index(bg['kind']) if known else 0,
             1 + COLOUR_NAMES.index(bg['names'][0]) if plain else 0, pattern_index,
             [None, 'time', 'small'].index(scene.get('small')),
             1 + COLOUR_NAMES.index(text['colour']) if text else 0]
    return shape, colour, letters, thing, np.array(table, np.uint8)
