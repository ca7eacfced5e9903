# SPDX-License-Identifier: LGPL-2.1-or-later
"""What can be said about a scene, and the targets of the throw-away heads.

`caption` gives the default caption.  Every sentence follows from the scene
alone; what can be asked is in questions.py.
"""
from icons import NAMES as THINGS
from vocab import COLOUR_NAMES, MAX_WORD, MOTIONS, NUMBERS, PLACES, SHAPES, SIZES, article

NOTHING = 'I see nothing that I know.'
VERBS = {'still': 'stays still', 'left': 'moves left', 'right': 'moves right', 'up': 'moves up', 'down': 'moves down',
         'grow': 'grows', 'shrink': 'shrinks'}


def cap(s):
    return s[0].upper() + s[1:]


def join(parts):
    return parts[0] if len(parts) == 1 else ', '.join(parts[:-1]) + ' and ' + parts[-1]


def noun(o):
    """Its shape, or the thing that it is"""
    return o.get('thing') or o['shape']


def name(o, size=False):
    words = ([SIZES[o['size']]] if size and o['size'] is not None else []) + [o['colour'], noun(o)]
    return ' '.join(w for w in words if w)


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


def shown(scene):
    """All its objects; `others` are those that are not asked about."""
    return scene['objects'] + scene.get('others', [])


def value(o, key):
    """Its colour, or its shape or what thing it is; None: it has none, such as a thing of many colours"""
    return noun(o) if key == 'shape' else o[key]


def unique(scene, key):
    """The objects that have a colour, or a shape (or are a thing), and share it with no other one"""
    return [o for o in scene['objects'] if value(o, key) is not None and
            sum(value(p, key) == value(o, key) for p in shown(scene)) == 1]


def alike(scene):
    """Whether two of its objects share their colour or their shape."""
    return any(len(unique(scene, k)) < sum(value(o, k) is not None for o in scene['objects']) for k in ('colour', 'shape'))


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
