# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pictures of what the model does not know, beside photographs.

Clip art, flags, emoji without a name in things.py, charts, screens full of text, cut-outs of
photographs, and odd shapes, hollow or filled.  One file in four is never trained.
"""
import functools
import glob
import math
import os
import zlib

import cairo
import numpy as np
from PIL import Image, ImageDraw

import icons
import styles
import things
import world
from vocab import COLOUR_NAMES, SHAPES, WORDS
from world import pick

CLIP_ART = '/usr/share/openclipart/svg/'
FOLDERS = ['signs_and_symbols/map_symbols', 'signs_and_symbols/hazard', 'signs_and_symbols/money', 'transportation/roadsigns',
           'transportation/aiga-symbols', 'people/stickmen', 'shapes/jigsaw', 'shapes/callouts', 'shapes/arrows', 'tools/weapons',
           'recreation/religion', 'recreation/games', 'science', 'electronics', 'buildings/furniture', 'signs_and_symbols/led']
FLAGS = 'signs_and_symbols/flags'
LARGEST = 40000     # bytes of an SVG that is drawn quickly
# Parts of names of what has a name here, or looks like what has one.
KNOWN = set(w for name in icons.NAMES for w in name.lower().replace('-', ' ').split() if len(w) > 2 and w not in (
    'pair', 'cup', 'glass', 'piece', 'bunch', 'loaf', 'drop', 'bag', 'hot', 'ice')) | set(SHAPES) | {
        'face', 'smil', 'grin', 'cry', 'angr', 'pout', 'eyes', 'moon', 'clock', 'timer', 'plane', 'bike', 'cycl', 'auto', 'van',
        'wheel', 'ball', 'button', 'keycap', 'letter', 'input', 'skin', 'medium', 'light', 'dark', 'tone', 'flag', 'lamp', 'bulb',
        'phone', 'laptop', 'books', 'home', 'build', 'boat', 'lorry', 'flower', 'blossom', 'bouquet', 'leaf', 'tele', 'ape', 'kiss',
        'chick', 'heart', 'dot', 'point', 'disc', 'puck', 'o-', 'zero', 'plus', 'record', 'hole', 'hearts', 'beer', 'wine', 'drink',
        'cocktail', 'spark', 'sweat', 'water', 'weather', 'rain', 'snow', 'thunder', 'jeep', 'wagon', 'rail', 'tram', 'shirt',
        'cloth', 'pants', 'sock', 'boot', 'clown', 'imp', 'alien', 'santa', 'mouse', 'screen', 'desktop', 'monitor', 'kimono',
        'bread', 'bagel', 'pretzel', 'burrito', 'food', 'cheese', 'melon', 'fruit', 'kiwi', 'pen', 'brush', 'crayon', 'lock'}


def known(name):
    return any(w in name.lower() for w in KNOWN)


def held(name):
    return zlib.crc32(name.encode()) % 4 == 0


@functools.lru_cache(None)
def sources(kind, hold):
    """What can be drawn of a kind: files, or (set, icon)."""
    if kind == 'emoji':
        named = {i for shown in icons.ICONS.values() for i in shown}
        return [(s, i) for s in things.SETS for i in sorted(things.icon_set(s))
                if not known(i) and things.plain(i) not in named and held(things.plain(i)) == hold]
    found = sorted({f for d in ([FLAGS] if kind == 'flag' else FOLDERS)
                    for f in glob.glob(CLIP_ART + d + '/**/*.svg', recursive=True) + glob.glob(CLIP_ART + d + '/*.svg')})
    return [f for f in found if held(os.path.basename(f)) == hold and os.path.getsize(f) < LARGEST and
            (kind == 'flag' or not known(os.path.basename(f)))]


@functools.lru_cache(3000)
def drawn(path):
    """As things.drawn; None if librsvg can't draw it or there is next to nothing."""
    try:
        with open(path, 'rb') as f:
            a = things.trimmed(things.svg(f.read(), things.PIXELS))
    except Exception:       # noqa: BLE001  librsvg's GLib errors: the file is left out
        return None
    return a if min(a.shape[:2]) > 20 and a[..., 3].mean() > 25 else None


KINDS = ['clip art'] * 4 + ['emoji'] * 4 + ['flag'] * 3 + ['chart'] * 3 + ['writing'] * 3 + ['odd'] * 4 + ['cut-out'] * 2


def sample(split, index, frames, photos):
    """(scene, frames as drawn); photos are those that cut-outs are made of"""
    rng = world.generator(split, index, 250 + frames)
    hold = split != 'train'
    while True:
        kind = pick(rng, KINDS)
        width, height = styles.sample_size(rng)
        scene = {'type': 'photo', 'unclear': True, 'sort': kind, 'size': [width, height], 'frames': frames, 'objects': [],
                 'seed': [world.SPLITS[split], index, frames]}
        drawing = MAKERS[kind](rng, scene, hold, photos, split, index)
        if drawing is not None:
            return scene, wear(rng, drawing, frames)


def wear(rng, frame, n):
    """n frames of a picture that rests or that a camera pans over, with noise and compression."""
    h, w, _ = frame.shape
    pan = rng.uniform(-0.12, 0.12, 2) if n > 1 and rng.random() < 0.5 else (0, 0)
    noise = styles.sample_noise(rng, w, h, float(rng.uniform(1, 12))) if rng.random() < 0.15 else None
    quality = int(rng.integers(12, 80)) if rng.random() < 0.35 else None
    out = []
    for t in np.linspace(0, 1, n):
        f = np.roll(frame, (int(pan[1] * t * h), int(pan[0] * t * w)), (0, 1)).astype(np.float32)
        f = styles.add_noise(rng, f, noise) if noise else f
        f = np.clip(f + 0.5, 0, 255).astype(np.uint8)
        out.append(world.jpeg(f, quality) if quality else f)
    return out


def ground_of(rng, scene, white=0.4):
    bg = {'kind': 'plain', 'names': ['white'], 'rgb': [[255, 255, 255]]} if rng.random() < white else world.sample_background(rng)
    return styles.ground(rng, bg, *scene['size'])


def lay_one(rng, scene, a):
    """A picture by itself on some ground; None if it does not stand out against it."""
    frame = ground_of(rng, scene)
    if a is None or styles.difference([int(v) for v in frame.mean((0, 1))], things.mean_colour(a)) < 18:
        return None
    w, h = scene['size']
    r = float(rng.uniform(0.22, 0.5)) * min(w, h)
    mx, my = (r * min(1, a.shape[k] / a.shape[1 - k]) for k in (1, 0))
    things.lay(frame, a, float(rng.uniform(mx, w - mx)), float(rng.uniform(my, h - my)), r, float(rng.choice([0, rng.uniform(-10, 10)])),
               False, rng.random() < 0.1)
    return frame


def clip_art(rng, scene, hold, *_):
    return lay_one(rng, scene, drawn(pick(rng, sources('clip art', hold))))


def emoji(rng, scene, hold, *_):
    return lay_one(rng, scene, things.drawn(*pick(rng, sources('emoji', hold))))


def flag(rng, scene, hold, *_):
    """A flag, by itself or over the whole picture."""
    a = drawn(pick(rng, sources('flag', hold)))
    if a is None or rng.random() < 0.5:
        return lay_one(rng, scene, a)
    im = Image.fromarray(a[..., 2::-1].copy()).resize(scene['size'], Image.BICUBIC)
    frame = np.asarray(im).astype(np.float32)
    return frame if frame.std((0, 1)).max() > 35 else None       # not one that is nearly a plain screen


def any_rgb(rng):
    return tuple(int(v) for v in rng.integers(0, 256, 3))


def chart(rng, scene, *_):
    """Bars, lines, points or a pie, with axes and writing."""
    w, h = scene['size']
    s = 2
    light = rng.random() < 0.75
    ink = (40, 40, 40) if light else (220, 220, 220)
    im = Image.new('RGB', (w * s, h * s), (255, 255, 255) if light else (25, 27, 34))
    d = ImageDraw.Draw(im)
    x0, y0, x1, y1 = (int(v) for v in (0.12 * w * s, 0.12 * h * s, 0.95 * w * s, 0.86 * h * s))
    kind, n = pick(rng, ['bars', 'bars', 'rows', 'lines', 'points', 'pie']), int(rng.integers(4, 10))
    v = rng.uniform(0.1, 1, (3, n))
    hues = [any_rgb(rng) for _ in range(n)]
    if kind != 'pie':
        for k in range(int(rng.integers(0, 6))):
            y = y0 + (y1 - y0) * k // 6
            d.line((x0, y, x1, y), fill=(200, 200, 200) if light else (70, 70, 80))
        d.line((x0, y0, x0, y1, x1, y1), fill=ink, width=s * max(1, w // 160))
    if kind == 'bars':
        for k in range(n):
            a = x0 + (x1 - x0) * (k + 0.15) / n
            d.rectangle((a, y1 - v[0, k] * (y1 - y0), a + (x1 - x0) * 0.7 / n, y1), fill=hues[0] if n % 2 else hues[k])
    elif kind == 'rows':
        for k in range(n):
            a = y0 + (y1 - y0) * (k + 0.15) / n
            d.rectangle((x0, a, x0 + v[0, k] * (x1 - x0), a + (y1 - y0) * 0.7 / n), fill=hues[0] if n % 2 else hues[k])
    elif kind == 'lines':
        for j in range(int(rng.integers(1, 4))):
            d.line([(x0 + (x1 - x0) * k / (n - 1), y1 - v[j, k] * (y1 - y0)) for k in range(n)], fill=hues[j],
                   width=s * max(1, w // 100), joint='curve')
    elif kind == 'points':
        for _ in range(n * 6):
            x, y, r = x0 + rng.random() * (x1 - x0), y0 + rng.random() * (y1 - y0), s * w / 100
            d.ellipse((x - r, y - r, x + r, y + r), fill=hues[int(rng.integers(2))])
    else:
        r, cx, cy, at = 0.4 * min(w, h) * s, w * s / 2, h * s / 2, 0.0
        for k in range(n):
            d.pieslice((cx - r, cy - r, cx + r, cy + r), at, at + 360 * v[0, k] / v[0].sum(), fill=hues[k])
            at += 360 * v[0, k] / v[0].sum()
    frame = np.asarray(im.resize((w, h), Image.BOX)).astype(np.float32)
    if rng.random() < 0.7:
        scene['small'] = 'small'
        write(frame, [(0.3, 0.08, words(rng, 3))] + [(0.13 + 0.8 * k / n, 0.94, words(rng, 1)) for k in range(0, n, 2)], 0.05, ink)
    return frame


def words(rng, n):
    return ' '.join(''.join(pick(rng, 'aeioubcdfghlmnprstvw') for _ in range(int(rng.integers(2, 9)))) if rng.random() < 0.7 else
                    pick(rng, WORDS).lower() for _ in range(n)).capitalize()


def write(frame, lines, size, ink, font='DejaVu Sans', bold=False):
    """lines: [(x, y, text)] in parts of the frame; size in parts of its height"""
    h, w, _ = frame.shape
    a = np.zeros((h, w, 4), np.uint8)
    a[:, :, 2::-1] = np.clip(frame, 0, 255).astype(np.uint8)
    ctx = cairo.Context(cairo.ImageSurface.create_for_data(a, cairo.FORMAT_RGB24, w, h))
    ctx.select_font_face(font, cairo.FONT_SLANT_NORMAL, cairo.FONT_WEIGHT_BOLD if bold else cairo.FONT_WEIGHT_NORMAL)
    ctx.set_font_size(max(4, size * h))
    for x, y, text in lines:
        rgb = ink() if callable(ink) else ink
        ctx.set_source_rgb(*(v / 255 for v in rgb))
        ctx.move_to(x * w, y * h)
        ctx.show_text(text)
    frame[:] = a[:, :, 2::-1]


def writing(rng, scene, *_):
    """A screen full of text: a page, a terminal, an editor or a table."""
    w, h = scene['size']
    scene['small'] = 'small'
    dark = rng.random() < 0.5
    frame = np.empty((h, w, 3), np.float32)
    frame[:] = pick(rng, [(0, 0, 0), (30, 30, 30), (40, 42, 54), (0, 43, 54)]) if dark else \
        pick(rng, [(255, 255, 255), (250, 250, 245), (253, 246, 227), (240, 240, 240)])
    ink = pick(rng, [(230, 230, 230), (0, 230, 60), (255, 200, 90)]) if dark else pick(rng, [(0, 0, 0), (40, 40, 60), (70, 60, 50)])
    size = float(rng.uniform(0.035, 0.065))
    gap, columns = size * float(rng.uniform(1.3, 1.9)), int(rng.choice([1, 1, 1, 2, 4]))
    code = rng.random() < 0.4
    lines, y = [], 0.03 + size
    while y < 0.98:
        for c in range(columns):
            if rng.random() < 0.88:
                indent = 0.02 * int(rng.integers(0, 5)) if code else 0
                n = int(rng.integers(1, 7) if code or columns > 1 else rng.integers(5, 12))
                lines.append((0.03 + c / columns + indent, y, words(rng, max(1, n // columns))[:int(60 / columns)]))
        y += gap
    paint = (lambda: any_rgb(rng) if rng.random() < 0.4 else ink) if code else ink
    write(frame, lines, size, paint, pick(rng, ['DejaVu Sans', 'Liberation Mono', 'Liberation Serif', 'Roboto', 'Lato']))
    return frame


def odd(rng, scene, *_):
    """A shape that has no name here: of many corners, an oblong, an arrow, a wedge, a bent line; hollow or filled."""
    w, h = scene['size']
    name = pick(rng, COLOUR_NAMES)
    rgb = styles.hue(rng, name)
    bg = {'kind': 'plain', 'names': [pick(rng, [n for n in COLOUR_NAMES if world.clear(n, name)])], 'rgb': [None]}
    bg['rgb'] = [styles.hue(rng, bg['names'][0])]
    if rgb is None or None in bg['rgb'] or styles.difference(rgb, bg['rgb'][0]) < 34:
        return None
    frame = styles.ground(rng, bg, w, h)
    r = float(rng.uniform(0.14, 0.4)) * min(w, h)
    x, y = float(rng.uniform(r, w - r)), float(rng.uniform(r, h - r))
    kind = pick(rng, ['corners', 'corners', 'pentagon', 'hexagon', 'arrow', 'oblong', 'wedge', 'line'])
    n = int(rng.integers(6, 10))
    if kind == 'corners':
        p = np.array([(q * math.sin(a), -q * math.cos(a)) for q, a in
                      [(float(rng.uniform(0.3, 1)), 2 * math.pi * (k + float(rng.uniform(0, 0.8))) / n) for k in range(n)]])
    elif kind in ('pentagon', 'hexagon'):
        p = styles.arc(1, 5 if kind == 'pentagon' else 6)
    elif kind == 'arrow':
        t, k = float(rng.uniform(0.15, 0.35)), float(rng.uniform(-0.1, 0.3))
        p = np.array([(-1, -t), (k, -t), (k, -0.7), (1, 0), (k, 0.7), (k, t), (-1, t)])
    elif kind == 'oblong':
        p = np.array([(-1, -0.3), (1, -0.3), (1, 0.3), (-1, 0.3)])
    elif kind == 'wedge':
        p = np.concatenate([[(0, 0)], styles.arc(1, 60)[:int(rng.integers(10, 40))]])
    else:
        p = np.cumsum(rng.normal(0, 0.5, (n, 2)), 0)
        p = (p - p.mean(0)) / max(np.abs(p - p.mean(0)).max(), 1e-3)
    a = float(rng.uniform(0, 2 * math.pi))
    p = p @ np.array([[math.cos(a), math.sin(a)], [-math.sin(a), math.cos(a)]]) * r + (x, y)
    line = max(1.5, r * float(rng.uniform(0.06, 0.16)))
    hollow = kind == 'line' or rng.random() < 0.55
    styles.blend(frame, styles.mask([p], pick(rng, ['cairo', 'pil', 'hard']), w, h, line if hollow else 0.0), rgb)
    return frame


def cut_out(rng, scene, hold, photos, split, index):
    """A part of a photograph on some ground."""
    _, (crop,) = photos.sample(split, index, 1)
    k = 150 / max(crop.shape[:2])
    im = Image.fromarray(crop).resize((max(30, int(crop.shape[1] * k)), max(30, int(crop.shape[0] * k))), Image.BILINEAR)
    h, w = im.height, im.width
    n = int(rng.integers(7, 14))
    p = np.array([(w / 2 + w / 2 * q * math.sin(a), h / 2 + h / 2 * q * math.cos(a)) for q, a in
                  [(float(rng.uniform(0.55, 1)), 2 * math.pi * (k + float(rng.uniform(0, 0.6))) / n) for k in range(n)]])
    m = styles.mask([styles.rounded(p, 0.4)], 'cairo', w, h)[..., None] if rng.random() < 0.8 else np.ones((h, w, 1), np.float32)
    a = np.concatenate([np.asarray(im)[..., ::-1] * m, 255 * m], 2).astype(np.uint8)
    return lay_one(rng, scene, things.trimmed(a))


MAKERS = {'clip art': clip_art, 'emoji': emoji, 'flag': flag, 'chart': chart, 'writing': writing, 'odd': odd, 'cut-out': cut_out}
