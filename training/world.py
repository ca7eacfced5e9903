# SPDX-License-Identifier: LGPL-2.1-or-later
"""The small world: scenes drawn from a seed, and their pictures.

A scene is a plain dict; `sample(split, index)` is a pure function of its two
arguments, and the splits use separate random streams.  `render` gives the
frames as drawn, `squash` what the model sees of them.
"""
import io
import math

import cairo
import numpy as np
from PIL import Image

from vocab import (CLOSE, COLOUR_NAMES, COLOURS, FONTS, HELD_PAIRS, LETTERS, MAX_WORD, MOTIONS,
                   SHAPES, WORDS, word_held)

SIZE = 112
FRAMES = 4
SPLITS = {'train': 1, 'valid': 2, 'test': 3, 'held': 4, 'words': 5}
ASPECTS = [(4, 3), (16, 9), (1, 1), (9, 16), (3, 4), (3, 2)]
EDGES = [112, 128, 160, 160, 192, 240, 240, 320, 480]
SMALL = (0.085, 0.105)
LARGE = (0.155, 0.195)


def generator(split, index, part=0):
    return np.random.default_rng([20, SPLITS[split], index, part])


def pick(rng, seq):
    return seq[int(rng.integers(len(seq)))]


# ---- sampling ----------------------------------------------------------------

def shade(rng, name):
    rgb = np.array(pick(rng, COLOURS[name])) + rng.integers(-8, 9, 3)
    if name in ('white', 'gray', 'black'):
        rgb = np.repeat(pick(rng, COLOURS[name])[0] + rng.integers(-6, 7), 3)
    return [int(v) for v in np.clip(rgb, 0, 255)]


def clear(a, b):
    """Colours a and b can be told apart when one lies on the other."""
    return a != b and {a, b} not in CLOSE


def frame_size(rng):
    a, b = pick(rng, ASPECTS)
    edge = pick(rng, EDGES)
    other = edge * min(a, b) // max(a, b) // 2 * 2
    return [edge, other] if a >= b else [other, edge]


def sample_background(rng):
    kind = pick(rng, ['plain', 'plain', 'plain', 'gradient', 'noisy'])
    if kind == 'plain':
        name = pick(rng, COLOUR_NAMES)
        return {'kind': kind, 'names': [name], 'rgb': [shade(rng, name)]}
    if kind == 'gradient':
        a = pick(rng, COLOUR_NAMES)
        b = pick(rng, [c for c in COLOUR_NAMES if c != a and
                       np.abs(np.subtract(COLOURS[a][0], COLOURS[c][0])).sum() > 150])
        return {'kind': kind, 'names': [a, b], 'rgb': [shade(rng, a), shade(rng, b)],
                'angle': float(rng.uniform(0, 2 * math.pi))}
    name = pick(rng, ['gray', 'black', 'white', 'blue', 'brown'])
    return {'kind': kind, 'names': [name], 'rgb': [shade(rng, name)],
            'sigma': float(rng.uniform(22, 48)), 'grain': float(rng.uniform(0.008, 0.03))}


def usable(bg, name):
    """Whether an object of this colour can be seen well on the background."""
    if not all(clear(name, n) for n in bg['names']):
        return False
    if bg['kind'] == 'gradient':
        a, b = (np.array(c, float) for c in bg['rgb'])
        for t in (0.25, 0.5, 0.75):
            if np.abs(a + (b - a) * t - np.array(COLOURS[name][0])).sum() < 140:
                return False
    return True


def usable_colour(rng, bg):
    return next(str(c) for c in rng.permutation(COLOUR_NAMES) if usable(bg, c))


def sample_kind(rng, bg, held):
    """A colour and a shape; held: True only held-out pairs, False only trained ones."""
    while True:
        colour, shape = pick(rng, COLOUR_NAMES), pick(rng, SHAPES)
        if held:
            colour, shape = pick(rng, sorted(HELD_PAIRS))
        if ((colour, shape) in HELD_PAIRS) == held and usable(bg, colour):
            return colour, shape


def span(rng, size, r, edge, length):
    """A centre coordinate within cell `size` of three, clear of its borders and of the frame's."""
    margin = r * edge / length
    lo, hi = size / 3 + 0.075, (size + 1) / 3 - 0.075
    lo, hi = max(lo, margin + 0.005), min(hi, 1 - margin - 0.005)
    if lo > hi:
        lo = hi = (lo + hi) / 2 if size == 1 else (lo if size == 0 else hi)
    return float(rng.uniform(lo, hi))


def sample_path(rng, motion, r, width, height, frames):
    """[[x, y, r]] per frame in fractions of the frame, r of its shorter edge."""
    edge = min(width, height)
    t = np.linspace(0, 1, frames)
    rs = np.full(frames, r)
    if motion in ('grow', 'shrink'):
        a = float(rng.uniform(*SMALL))
        rs = a + (float(rng.uniform(0.175, 0.23)) - a) * (t if motion == 'grow' else 1 - t)
    big = rs.max()
    row, col = int(rng.integers(3)), int(rng.integers(3))
    x, y = span(rng, col, big, edge, width), span(rng, row, big, edge, height)
    xs, ys = np.full(frames, x), np.full(frames, y)
    if motion in ('left', 'right', 'up', 'down'):
        length = width if motion in ('left', 'right') else height
        m = big * edge / length + 0.005
        step = float(rng.uniform(0.18, min(0.6, 1 - 2 * m)))
        start = float(rng.uniform(m, 1 - m - step))
        line = start + step * t
        if motion in ('left', 'up'):
            line = 1 - line
        if motion in ('left', 'right'):
            xs = line
        else:
            ys = line
    return [[float(a), float(b), float(c)] for a, b, c in zip(xs, ys, rs)], row, col


def apart(a, b, width, height):
    edge = min(width, height)
    for p, q in zip(a['path'], b['path']):
        d = math.hypot((p[0] - q[0]) * width, (p[1] - q[1]) * height)
        if d < (p[2] + q[2]) * 1.08 * edge:
            return False
    return True


def sample_shapes(rng, frames, held):
    width, height = frame_size(rng)
    while True:
        bg = sample_background(rng)
        count = pick(rng, [1, 1, 2, 2, 3, 3]) if frames == 1 else pick(rng, [1, 1, 1, 2, 2])
        objects = []
        calm = frames > 1 and rng.random() < 0.1
        for _ in range(60):
            if len(objects) == count:
                break
            colour, shape = sample_kind(rng, bg, held and not objects)
            if any((o['colour'], o['shape']) == (colour, shape) for o in objects):
                continue
            if any(o['colour'] == colour for o in objects) and rng.random() < 0.7:
                continue
            motion = 'still' if frames == 1 or calm else pick(rng, MOTIONS)
            size = int(rng.integers(2))
            r = float(rng.uniform(*(LARGE if size else SMALL)))
            path, row, col = sample_path(rng, motion, r, width, height, frames)
            o = {'colour': colour, 'rgb': shade(rng, colour), 'shape': shape, 'size': size, 'motion': motion,
                 'path': path, 'row': row, 'col': col, 'angle': float(rng.uniform(-8, 8))}
            if not all(apart(o, p, width, height) for p in objects):
                continue
            if frames == 1 and any((p['row'], p['col']) == (row, col) for p in objects):
                continue
            if frames > 1 and any(abs(p['path'][0][1] - path[0][1]) < 0.15 for p in objects):
                continue
            objects.append(o)
        if len(objects) < count:
            continue
        # The default colours of videotestsrc's ball: such a picture is a test pattern.
        if count == 1 and bg['kind'] == 'plain' and bg['names'] == ['black'] and \
                (objects[0]['colour'], objects[0]['shape']) == ('white', 'circle'):
            continue
        key = (lambda o: (o['row'], o['col'])) if frames == 1 else (lambda o: o['path'][0][1])
        return {'type': 'shapes', 'size': [width, height], 'frames': frames, 'bg': bg,
                'objects': sorted(objects, key=key)}


def sample_crowd(rng):
    """A picture full of shapes or of words; only for the warm-up of the vision encoder.

    Some shapes have a colour without a name (None), and some things in a named colour are no
    shape that has a name: so colour and shape are learned apart from each other.
    """
    width, height = frame_size(rng)
    edge = min(width, height)
    scene = {'type': 'crowd', 'size': [width, height], 'frames': 1, 'bg': sample_background(rng), 'objects': []}
    words = rng.random() < 0.65
    n = int(rng.integers(2, 5) if words else rng.integers(3, 6))
    if words:
        scene['words'] = []
    for i in range(n * n):
        x, y = (i % n + float(rng.uniform(0.4, 0.6))) / n, (i // n + float(rng.uniform(0.4, 0.6))) / n
        if words:
            if i % n == 0:
                colour = usable_colour(rng, scene['bg'])
                word = random_word(rng, False) if rng.random() < 0.7 else pick(rng, WORDS)
                label = sample_label(rng, word, colour, width, height)
                scene['words'].append(dict(label, y=i / n / n + 0.02, fill=float(rng.uniform(0.45, 0.95)), rows=n))
        elif rng.random() < 0.8:
            colour, shape = sample_kind(rng, scene['bg'], False)
            r = float(rng.uniform(0.07, 0.45 / n)) * min(width, height) / edge
            o = {'colour': colour, 'rgb': shade(rng, colour), 'shape': shape, 'motion': 'still',
                 'path': [[x, y, r]], 'angle': float(rng.uniform(-8, 8))}
            kind = rng.random()
            if kind < 0.35:
                o.update(colour=None, rgb=unnamed(rng, scene['bg'], shape))
            elif kind < 0.7:
                colour = usable_colour(rng, scene['bg'])
                o.update(colour=colour, shape=None, corners=sample_corners(rng), rgb=shade(rng, colour))
            scene['objects'].append(o)
    return scene


def sample_corners(rng):
    """[[distance, angle]] of a thing that is no shape with a name"""
    n = int(rng.integers(5, 9))
    return [[float(rng.uniform(0.35, 1.05)), 2 * math.pi * (k + float(rng.uniform(0, 0.7))) / n] for k in range(n)]


def unnamed(rng, bg, shape):
    """Any colour that is seen well on the background and is not one that is held out with the shape."""
    never = [c for name, s in HELD_PAIRS if s == shape for c in COLOURS[name]]
    while True:
        rgb = [int(v) for v in rng.integers(0, 256, 3)]
        if min(np.abs(np.subtract(c, rgb)).sum() for c in never + bg['rgb']) > 120:
            return rgb


def random_word(rng, held):
    while True:
        n = int(rng.integers(3, 6))
        if rng.random() < 0.5:
            word = ''.join(pick(rng, 'AEIOUY' if (i + n) % 2 else 'BCDFGHKLMNPRSTVW') for i in range(n))
        else:
            word = ''.join(pick(rng, LETTERS) for i in range(n))
        if word not in WORDS and word_held(word) == held:
            return word


def sample_text(rng, frames, words):
    """words: 'known', 'trained' (random, trained) or 'held' (random, never trained)"""
    width, height = frame_size(rng)
    word = pick(rng, WORDS) if words == 'known' else random_word(rng, words == 'held')
    while True:
        bg = sample_background(rng)
        colour = pick(rng, ['white', 'white', 'white', 'black', 'yellow', 'red', 'green', 'blue', 'cyan', 'orange', 'pink'])
        if usable(bg, colour):
            break
    return {'type': 'text', 'size': [width, height], 'frames': frames, 'bg': bg, 'objects': [],
            'text': sample_label(rng, word, colour, width, height)}


def sample_label(rng, word, colour, width, height):
    """Where and how a word is written; its letters are at least 8 pixels high for the model."""
    low = rng.random() < 0.15
    shown = word.lower() if low else word
    if rng.random() < 0.08:
        shown = word.capitalize()
    return {'word': word, 'shown': shown, 'colour': colour, 'rgb': shade(rng, colour),
            'font': pick(rng, FONTS), 'bold': bool(rng.random() < 0.6), 'outline': sample_outline(rng),
            'fill': float(rng.uniform(0.6, 0.95) * min(1, 0.3 + 0.14 * len(word))),
            'x': float(rng.random()), 'y': float(rng.choice([rng.random(), 0.5, 0.95]))}


def sample_outline(rng):
    """None, one that stands out against the text, or a dark one with a shadow, as textoverlay draws it"""
    r = rng.random()
    return 'clear' if r < 0.3 else 'dark' if r > 0.78 else None


def sample(split, index, kind='shapes', frames=1, words='known'):
    """The scene `index` of a split; the same arguments give the same scene."""
    rng = generator(split, index, {'shapes': 1, 'text': 2, 'plain': 3, 'crowd': 4}[kind] * 10 + frames)
    if kind == 'shapes':
        scene = sample_shapes(rng, frames, split == 'held')
        if split == 'train' and frames == 1 and len(scene['objects']) == 1 and rng.random() < 0.12:
            scene['small'] = pick(rng, ['time', 'small'])
    elif kind == 'text':
        scene = sample_text(rng, frames, 'held' if split == 'words' else words)
    elif kind == 'crowd':
        scene = sample_crowd(rng)
    else:
        name = pick(rng, COLOUR_NAMES + ['gray', 'gray', 'gray'])
        rgb = shade(rng, name)
        if name == 'gray' and rng.random() < 0.7:     # a whole screen is gray from dark to light
            rgb = [int(rng.integers(56, 176))] * 3
        scene = {'type': 'plain', 'size': frame_size(rng), 'frames': frames, 'objects': [],
                 'bg': {'kind': 'plain', 'names': [name], 'rgb': [rgb]}}
        if rng.random() < 0.2:
            scene['small'] = pick(rng, ['time', 'small'])
    scene['seed'] = [SPLITS[split], index, frames]
    return scene


# ---- drawing -----------------------------------------------------------------

def outline(ctx, o):
    """The object's shape within the unit circle around the origin."""
    shape = o['shape']
    if shape in ('circle', 'ring'):
        ctx.arc(0, 0, 1, 0, 2 * math.pi)
        if shape == 'ring':
            ctx.new_sub_path()
            ctx.arc_negative(0, 0, 0.55, 2 * math.pi, 0)
    elif shape == 'square':
        ctx.rectangle(-0.85, -0.85, 1.7, 1.7)
    elif shape == 'heart':
        ctx.move_to(0, 0.95)
        ctx.curve_to(-1.6, -0.1, -0.95, -1.25, 0, -0.45)
        ctx.curve_to(0.95, -1.25, 1.6, -0.1, 0, 0.95)
    else:
        if shape is None:
            points = [(r * math.sin(a), -r * math.cos(a)) for r, a in o['corners']]
        elif shape == 'triangle':
            points = [(0, -0.95), (0.97, 0.8), (-0.97, 0.8)]
        elif shape == 'diamond':
            points = [(0, -1.05), (0.75, 0), (0, 1.05), (-0.75, 0)]
        elif shape == 'star':
            points = [((1.08 if i % 2 == 0 else 0.45) * math.sin(i * math.pi / 5),
                       -(1.08 if i % 2 == 0 else 0.45) * math.cos(i * math.pi / 5)) for i in range(10)]
        else:
            a, b = 0.32, 0.98
            points = [(-a, -b), (a, -b), (a, -a), (b, -a), (b, a), (a, a), (a, b), (-a, b), (-a, a),
                      (-b, a), (-b, -a), (-a, -a)]
        for i, p in enumerate(points):
            (ctx.line_to if i else ctx.move_to)(*p)
    ctx.close_path()


def set_rgb(ctx, rgb):
    ctx.set_source_rgb(*(v / 255 for v in rgb))


def draw_background(ctx, bg, width, height):
    if bg['kind'] == 'gradient':
        c, s = math.cos(bg['angle']), math.sin(bg['angle'])
        half = (abs(c) * width + abs(s) * height) / 2
        g = cairo.LinearGradient(width / 2 - c * half, height / 2 - s * half, width / 2 + c * half, height / 2 + s * half)
        for i, rgb in enumerate(bg['rgb']):
            g.add_color_stop_rgb(i, *(v / 255 for v in rgb))
        ctx.set_source(g)
    else:
        set_rgb(ctx, bg['rgb'][0])
    ctx.paint()


def draw_text(ctx, text, width, height):
    """Writes the word; returns [(char, x0, x1, y0, y1)] in fractions of the frame."""
    ctx.select_font_face(text['font'], cairo.FONT_SLANT_NORMAL,
                         cairo.FONT_WEIGHT_BOLD if text['bold'] else cairo.FONT_WEIGHT_NORMAL)
    ctx.set_font_size(100)
    e = ctx.text_extents(text['shown'])
    cap = ctx.text_extents('H')[3]
    scale = min(text['fill'] * width / max(e[2], 1), 0.5 * height / cap, 0.75 * height / cap / text.get('rows', 1))
    low = 9.0 / SIZE * height / cap          # letters of 9 pixels or more for the model
    scale = min(max(scale, low), 0.97 * width / max(e[2], 1))
    size = 100 * scale
    ctx.set_font_size(size)
    e = ctx.text_extents(text['shown'])
    cap = ctx.text_extents('H')[3]
    x = (width - e[2]) * (0.02 + 0.96 * text['x']) - e[0]
    y = cap + (height - 1.3 * cap) * (0.03 + 0.94 * text['y'])
    dark = text['outline'] == 'dark'
    if dark:
        ctx.set_source_rgba(0, 0, 0, 0.5)
        ctx.move_to(x + 0.06 * size, y + 0.06 * size)
        ctx.show_text(text['shown'])
    if text['outline']:
        ctx.move_to(x, y)
        ctx.text_path(text['shown'])
        ctx.set_source_rgb(*([0, 0, 0] if dark or sum(text['rgb']) > 380 else [1, 1, 1]))
        ctx.set_line_width((0.06 if dark else 0.12) * size)
        ctx.set_line_join(cairo.LINE_JOIN_ROUND)
        ctx.stroke()
    set_rgb(ctx, text['rgb'])
    ctx.move_to(x, y)
    ctx.show_text(text['shown'])
    boxes, at = [], x
    for ch in text['shown']:
        adv = ctx.text_extents(ch)[4]
        boxes.append((ch.upper(), at / width, (at + adv) / width, (y - cap) / height, y / height))
        at += adv
    return boxes


def draw_small(ctx, kind, rng, width, height):
    """Writing too small to be read: a time stamp or a line of text, as overlays write it."""
    ctx.select_font_face(pick(rng, FONTS[:2]), cairo.FONT_SLANT_NORMAL, cairo.FONT_WEIGHT_NORMAL)
    ctx.set_font_size(max(6, height * float(rng.uniform(0.04, 0.06))))
    s = '0:%02d:%02d.%03d' % tuple(rng.integers(0, [60, 60, 1000])) if kind == 'time' else \
        ' '.join(pick(rng, WORDS).capitalize() for _ in range(int(rng.integers(1, 4))))
    e = ctx.text_extents(s)
    top = kind == 'time'
    x = width * 0.03 if top else (width - e[2]) / 2
    y = height * 0.03 + e[3] if top else height * 0.96
    if top or rng.random() < 0.3:
        ctx.set_source_rgba(0, 0, 0, 0.6)
        ctx.rectangle(x - 2, y - e[3] - 2, e[2] + 5, e[3] + 4)
        ctx.fill()
    else:
        ctx.set_source_rgb(0, 0, 0)
        ctx.move_to(x + 1, y + 1)
        ctx.show_text(s)
    ctx.set_source_rgb(1, 1, 1)
    ctx.move_to(x, y)
    ctx.show_text(s)


def noise(rng, bg, width, height):
    cell = max(1, round(bg['grain'] * max(width, height)))
    n = rng.normal(0, bg['sigma'], (height // cell + 1, width // cell + 1, 3))
    return n.repeat(cell, 0).repeat(cell, 1)[:height, :width]


def render(scene):
    """Frames [n][H, W, 3] uint8, and the boxes of the letters (of the first frame)."""
    width, height = scene['size']
    edge = min(width, height)
    rng = np.random.default_rng([30] + scene['seed'])
    out, boxes = [], []
    still = None
    for f in range(scene['frames']):
        surface = cairo.ImageSurface(cairo.FORMAT_RGB24, width, height)
        ctx = cairo.Context(surface)
        draw_background(ctx, scene['bg'], width, height)
        if scene['bg']['kind'] == 'noisy':
            if still is None:
                still = noise(rng, scene['bg'], width, height)
            surface.flush()
            a = np.ndarray((height, width, 4), np.uint8, surface.get_data(), strides=(surface.get_stride(), 4, 1))
            a[:, :, :3] = np.clip(a[:, :, :3] + still, 0, 255)
            surface.mark_dirty()
        for o in scene['objects']:
            x, y, r = o['path'][f]
            ctx.save()
            ctx.translate(x * width, y * height)
            ctx.scale(r * edge, r * edge)
            ctx.rotate(math.radians(o['angle']))
            outline(ctx, o)
            ctx.restore()
            set_rgb(ctx, o['rgb'])
            ctx.fill()
        for text in scene.get('words', [scene['text']] if scene.get('text') else []):
            boxes = boxes * ('words' in scene) + draw_text(ctx, text, width, height)
        if scene.get('small'):
            draw_small(ctx, scene['small'], rng if f == 0 else np.random.default_rng(f), width, height)
        surface.flush()
        a = np.ndarray((height, width, 4), np.uint8, surface.get_data(), strides=(surface.get_stride(), 4, 1))
        out.append(a[:, :, 2::-1].copy())
    return out, boxes


# ---- what the model sees -------------------------------------------------------

def squash(frame, size=SIZE):
    """The published preprocessing: to E x E with E the longer edge, then to S x S, bicubic."""
    im = Image.fromarray(frame)
    e = max(im.size)
    if im.size != (e, e):
        im = im.resize((e, e), Image.BICUBIC)
    if e != size:
        im = im.resize((size, size), Image.BICUBIC)
    return np.asarray(im)


def jpeg(frame, quality):
    buf = io.BytesIO()
    Image.fromarray(frame).save(buf, 'JPEG', quality=quality)
    return np.asarray(Image.open(buf).convert('RGB'))


def degrade(rng, frames):
    """Camera and codec wear on the frames as drawn; the same kind on all frames of a clip."""
    kind = rng.random()
    if kind < 0.25:
        q = int(rng.integers(12, 60))
        frames = [jpeg(f, q) for f in frames]
    elif kind < 0.4:
        # Not to less than the model sees of it.
        s = min(1.0, max(float(rng.uniform(0.35, 0.8)), SIZE / max(frames[0].shape[:2])))
        frames = [np.asarray(Image.fromarray(f).resize((max(8, int(f.shape[1] * s)), max(8, int(f.shape[0] * s))),
                                                        Image.BILINEAR)) for f in frames]
    return frames


def adjust(rng, frames):
    """Brightness, contrast and noise on squashed frames [n, S, S, 3]; uint8 in and out."""
    if rng.random() < 0.5:
        return frames
    x = frames.astype(np.float32)
    if rng.random() < 0.7:
        gain, shift = rng.uniform(0.88, 1.1), rng.uniform(-10, 10)
        x = (x - 128) * gain + 128 + shift
    if rng.random() < 0.5:
        x = x + rng.normal(0, rng.uniform(1, 4), x.shape).astype(np.float32)
    return np.clip(x + 0.5, 0, 255).astype(np.uint8)


def text_fits(word):
    return len(word) <= MAX_WORD
