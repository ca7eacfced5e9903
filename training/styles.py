# SPDX-License-Identifier: LGPL-2.1-or-later
"""The scenes of world.py as other programs, screens and cameras show them.

`sample` gives a scene like those of world.py, with how it is drawn under `style` and under
each object's `look`; `render` draws it.  Objects are drawn as masks, by cairo or by PIL, with
or without smooth edges, so that fillings, edges and shadows are the same for all of them.
"""
import functools
import math

import cairo
import numpy as np
from PIL import Image, ImageDraw, ImageFilter

import world
from vocab import COLOUR_NAMES, FONTS
from world import pick

# Hues that go by one name: of CSS, Material, Tango, Bootstrap, Tailwind, GNOME, Apple and Flat UI. What two
# people would call by two names (Material's indigo and teal, CSS's brown, khaki, peru...) is not here.
HUES = {name: [tuple(bytes.fromhex(h)) for h in text.split()] for name, text in {
    'red': 'f44336 e53935 d32f2f c62828 d50000 ff1744 ef2929 cc0000 a40000 ff0000 dc143c b22222 dc3545 ef4444 dc2626 '
           'b91c1c e74c3c c0392b fa5252 e03131 ff3b30 e01b24 c01c28 ed333b',
    'green': '4caf50 43a047 388e3c 2e7d32 1b5e20 00c853 73d216 4e9a06 00ff00 008000 228b22 32cd32 2e8b57 006400 3cb371 '
             '28a745 198754 22c55e 16a34a 15803d 2ecc71 27ae60 34c759 4cd964 33d17a 2ec27e 26a269 00e676',
    'blue': '2196f3 1e88e5 1976d2 1565c0 0d47a1 2962ff 2979ff 729fcf 3465a4 204a87 0000ff 4169e1 1e90ff 4682b4 000080 '
            '0000cd 6495ed 007bff 0d6efd 3b82f6 2563eb 1d4ed8 3498db 2980b9 007aff 3584e4 1c71d8 1a5fb4',
    'yellow': 'ffeb3b fdd835 ffd600 ffea00 fce94f edd400 ffff00 ffd700 facc15 fde047 f1c40f ffcc00 f9f06b f8e45c f6d32d',
    'orange': 'ff9800 fb8c00 f57c00 ef6c00 ff6d00 ff9100 f57900 ff8c00 ffa500 fd7e14 f97316 fb923c ea580c e67e22 ff9500 '
              'ff7800 e66100',
    'purple': '9c27b0 8e24aa 7b1fa2 6a1b9a 4a148c aa00ff 673ab7 5e35b1 512da8 75507b 5c3566 800080 663399 9400d3 8a2be2 '
              '9932cc 9370db 4b0082 6f42c1 a855f7 9333ea 7c3aed 9b59b6 8e44ad af52de 9141ac 813d9c 613583',
    'pink': 'e91e63 ec407a f06292 f48fb1 ff4081 ffc0cb ff69b4 ff1493 ffb6c1 db7093 e83e8c ec4899 f472b6 f9a8d4',
    'brown': '795548 6d4c41 5d4037 8d6e63 8f5902 8b4513 a0522d 865e3c 63452c 986a44 7b3f00 654321',
    'white': 'ffffff fafafa f5f5f5 eeeeec f8f9fa fffafa fffff0 f6f5f4',
    'black': '000000 1a1a1a 121212 0d0d0d 181818 0a0a0f 1c1c1c',
    'gray': '9e9e9e 757575 616161 808080 a9a9a9 888a85 6c757d 6b7280 95a5a6 7f8c8d 8e8e93 9a9996 77767b b0b0b0 5a5a5a',
    'cyan': '00bcd4 00acc1 26c6da 4dd0e1 00e5ff 18ffff 00b8d4 00ffff 00ced1 40e0d0 48d1cc 0dcaf0 06b6d4 22d3ee'}.items()}
# Families of fonts that words are written in beside those of vocab.py; the last are never trained.
MORE_FONTS = ['Open Sans', 'Roboto', 'Lato', 'Cabin', 'Comic Neue', 'B612', 'Courier Prime', 'League Spartan', 'Quicksand',
              'Play', 'Bebas Neue', 'Cantarell', 'Carlito', 'Caladea', 'Dosis', 'Roboto Slab', 'Linux Libertine O',
              'FreeSerif', 'FreeMono', 'DejaVu Serif']
HELD_FONTS = ['Karla', 'Sora']
# Deviation, of 255 levels, of noise as the model sees it: from NOISY on a ground is noisy, up to QUIET it is not.
NOISY, QUIET = 9.0, 3.0
# Radii, in parts of the shorter edge: what is no larger is small, what is no smaller is large.
SMALL, LARGE = 0.115, 0.14
TEXT_COLOURS = COLOUR_NAMES + ['brown'] * 4 + ['white', 'black', 'purple', 'gray', 'orange', 'yellow', 'pink']


@functools.lru_cache(1 << 16)
def lab(rgb):
    """CIE L*a*b* of sRGB 0..255."""
    c = np.array(rgb, float) / 255
    c = np.where(c > 0.04045, ((c + 0.055) / 1.055) ** 2.4, c / 12.92)
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ c / \
        [0.9505, 1.0, 1.089]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def difference(a, b):
    return float(np.linalg.norm(lab(tuple(a)) - lab(tuple(b))))


TABLE = np.array([lab(rgb) for name in HUES for rgb in HUES[name]])
NAMES = np.array([name for name in HUES for _ in HUES[name]])


@functools.lru_cache(1 << 16)
def named(rgb):
    """The name that a colour clearly goes by: it is nearer to hues of this name than to any other; None if there is none."""
    d = np.sqrt(((TABLE - lab(rgb)) ** 2).sum(1))
    own = NAMES == NAMES[d.argmin()]
    return str(NAMES[d.argmin()]) if d.min() * 1.25 < d[~own].min() else None


def honest(rgb, name):
    return named(tuple(int(v) for v in rgb)) == name


def hue(rng, name, gain=1.0):
    """A display's colour that goes by this name, also when it is dimmed; None if none was found."""
    for _ in range(12):
        rgb = np.array(pick(rng, HUES[name])) + (rng.integers(-5, 6, 3) if name not in ('white', 'gray', 'black') else 0)
        rgb = [int(v) for v in np.clip(rgb, 0, 255)]
        if honest(rgb, name) and (gain == 1.0 or honest(np.multiply(rgb, gain), name)):
            return rgb
    return None


# ---- noise -----------------------------------------------------------------------

@functools.lru_cache(4096)
def passed(width, height, cell):
    """The part of noise in cells of so many pixels that is left in what the model sees."""
    n = np.random.default_rng(1).normal(0, 1, (height // cell + 1, width // cell + 1)).astype(np.float32)
    n = n.repeat(cell, 0).repeat(cell, 1)[:height, :width]
    e = max(width, height)
    im = Image.fromarray(n).resize((e, e), Image.BICUBIC).resize((world.SIZE, world.SIZE), Image.BICUBIC)
    return float(np.asarray(im).std())


def sample_noise(rng, width, height, level):
    """Noise over the whole picture with a deviation of `level` in what the model sees; None if that can't be drawn."""
    edge = max(width, height)
    for _ in range(4):
        cell = pick(rng, [1, 1, 1, 2, 2, max(1, edge // 160), max(1, edge // 100), max(1, edge // 60)])
        sigma = level / passed(width, height, cell)
        if sigma < 75:
            return {'sigma': sigma, 'cell': cell, 'gray': bool(rng.random() < 0.4)}
    return None


def add_noise(rng, frame, noise):
    height, width, _ = frame.shape
    c = noise['cell']
    n = rng.normal(0, noise['sigma'], (height // c + 1, width // c + 1, 1 if noise['gray'] else 3)).astype(np.float32)
    return np.clip(frame + n.repeat(c, 0).repeat(c, 1)[:height, :width], 0, 255)


# ---- sampling ----------------------------------------------------------------------

def sample_size(rng):
    r = rng.random()
    return [96, 72] if r < 0.06 else [1920, 1080] if r < 0.067 else [1280, 720] if r < 0.075 else world.frame_size(rng)


def sample_look(rng, o, width, height):
    """How an object is filled, and its edge and shadow; lengths are parts of its radius."""
    shape, r = o['shape'], min(p[2] for p in o['path'])
    across = r * min(width, height) / max(width, height) * world.SIZE     # of the shorter side, as the model sees it
    form = {'ring': float(rng.uniform(0.5, 0.86)), 'round': float(rng.choice([0, 0, 0.15, 0.3])),
            'a': float(rng.uniform(0, 1)), 'b': float(rng.uniform(0, 1)), 'kind': int(rng.integers(3))}
    form['ring'] = min(form['ring'], 1 - 1.8 / across)
    look = {'form': form, 'fill': 'flat', 'edge': None, 'shadow': None}
    line = float(rng.uniform(0.1, 0.2))
    if rng.random() < 0.22 and shape not in ('circle', 'ring') and max(line, 1.8 / across) < 0.28:
        look.update(fill='hollow', line=max(line, 1.8 / across))
    elif rng.random() < 0.25:
        look.update(fill=pick(rng, ['linear', 'radial']), turn=float(rng.uniform(0, 2 * math.pi)))
    elif rng.random() < 0.25:
        look.update(edge=pick(rng, ['black', 'white', 'darker']), line=float(rng.uniform(0.05, 0.11)))
    if rng.random() < 0.22:
        look['shadow'] = {'x': float(rng.uniform(-0.2, 0.2)), 'y': float(rng.uniform(0.04, 0.22)),
                          'blur': float(rng.choice([0, 0.06, 0.12, 0.2])), 'alpha': float(rng.uniform(0.25, 0.6))}
    turn = float(rng.choice([0, rng.uniform(-8, 8), rng.uniform(8, 18) * rng.choice([-1, 1])]))
    # A diamond with equal diagonals is a square on its corner: it is never turned towards a square.
    o['angle'] = turn if shape != 'diamond' else min(9.0, max(-9.0, turn))
    o['look'] = look


def sized(r):
    return 0 if r <= SMALL else 1 if r >= LARGE else None


def sample_places(rng, scene):
    """Sizes between small and large, larger ones, and places nearer to the borders between two places."""
    width, height = scene['size']
    edge = min(width, height)
    for o in scene['objects']:
        if o['motion'] != 'still':
            continue
        old = o['path'], o['size']
        r, x, y = o['path'][0][2], *o['path'][0][:2]
        if rng.random() < 0.25:
            r = float(rng.uniform(0.1, 0.155))
        elif len(scene['objects']) == 1 and rng.random() < 0.4:
            r = float(rng.uniform(0.18, 0.36))
        mx, my = r * edge / width + 0.003, r * edge / height + 0.003
        if scene['frames'] == 1:
            lo = [max(o['col'] / 3 + 0.045, mx), max(o['row'] / 3 + 0.045, my)]
            hi = [min((o['col'] + 1) / 3 - 0.045, 1 - mx), min((o['row'] + 1) / 3 - 0.045, 1 - my)]
            if lo[0] >= hi[0] or lo[1] >= hi[1]:
                continue
            x, y = float(rng.uniform(lo[0], hi[0])), float(rng.uniform(lo[1], hi[1]))
        elif not (mx < x < 1 - mx and my < y < 1 - my):
            continue
        o['path'], o['size'] = [[x, y, r] for _ in o['path']], sized(r)
        if not all(world.apart(o, p, width, height) for p in scene['objects'] if p is not o):
            o['path'], o['size'] = old


def recolour(rng, scene, gain):
    """Gives everything the hue of some display; False if something could not be told from its ground then."""
    bg = scene['bg']
    bg['rgb'] = [hue(rng, n, gain) for n in (bg['names'] if bg['kind'] != 'noisy' else bg['names'][:1])]
    things = scene['objects'] + ([scene['text']] if scene.get('text') else [])
    for t in things:
        t['rgb'] = hue(rng, t['colour'], gain) if t.get('colour') else None
    if None in bg['rgb'] or any(t['rgb'] is None and t.get('colour') for t in things):
        return False
    grounds = [np.array(c, float) for c in bg['rgb']]
    if bg['kind'] == 'gradient':
        if difference(*map(tuple, bg['rgb'])) < 30:
            return False
        grounds = [grounds[0] + (grounds[1] - grounds[0]) * t for t in (0, 0.25, 0.5, 0.75, 1)]
    for t in things:
        rgb = np.array(t['rgb'], float) if t.get('colour') else None
        if rgb is not None and min(difference((rgb * gain).astype(int), (g * gain).astype(int)) for g in grounds) < \
                (34 if scene.get('text') else 26):
            return False
    return True


def add_bars(rng, scene):
    """Black bars around the picture; False if an object's place is no longer clear."""
    w, h = scene['size']
    share = float(rng.uniform(0.06, 0.2))
    tall = bool(rng.random() < 0.5)
    bw, bh = (0, int(h * share)) if tall else (int(w * share), 0)
    W, H = w + 2 * bw, h + 2 * bh
    for o in scene['objects']:
        o['inner'] = o['path']
        o['path'] = [[(x * w + bw) / W, (y * h + bh) / H, r * min(w, h) / min(W, H)] for x, y, r in o['path']]
        a, b = sized(o['inner'][0][2]), sized(o['path'][0][2])
        o['size'] = a if a == b and o['size'] is not None else None
        if o['motion'] == 'still':
            x, y, _ = o['path'][0]
            if (int(3 * y), int(3 * x)) != (o['row'], o['col']) or \
                    min(abs(v - t) for v in (x, y) for t in (1 / 3, 2 / 3)) < 0.035:
                return False
    scene['size'] = [W, H]
    scene['style']['inner'] = [bw, bh, w, h]
    return True


def sample_text(rng, scene, split):
    """Gives the word its colour, its font, and perhaps a bar to stand on."""
    text, bg = scene['text'], scene['bg']
    for _ in range(40):
        text['colour'] = pick(rng, TEXT_COLOURS)
        if world.usable(bg, text['colour']):
            break
    else:
        return False
    text['font'] = pick(rng, HELD_FONTS if split != 'train' and rng.random() < 0.3 else MORE_FONTS + FONTS)
    if rng.random() < 0.35:
        text['outline'] = None
    if rng.random() < 0.25 and bg['kind'] == 'plain':
        bar = pick(rng, [c for c in COLOUR_NAMES if world.clear(c, text['colour']) and world.clear(c, bg['names'][0])] or
                   [None])
        if bar:
            text.update(outline=None, bar={'colour': bar, 'wide': bool(rng.random() < 0.5)}, fill=min(text['fill'], 0.7))
    return True


def sample(split, index, kind='shapes', frames=1, words='known'):
    """The scene `index` of a split, of the kinds shapes, text and plain; the same arguments give the same scene."""
    rng = world.generator(split, index, {'shapes': 21, 'text': 22, 'plain': 23}[kind] * 10 + frames)
    while True:
        scene = attempt(rng, split, kind, frames, words)
        if scene:
            scene['seed'] = [world.SPLITS[split], index, frames]
            return scene


def attempt(rng, split, kind, frames, words):
    if kind == 'shapes':
        scene = world.sample_shapes(rng, frames, split == 'held')
    elif kind == 'text':
        scene = world.sample_text(rng, frames, 'held' if split == 'words' else words)
    else:
        scene = {'type': 'plain', 'size': None, 'frames': frames, 'objects': [],
                 'bg': {'kind': 'plain', 'names': [pick(rng, COLOUR_NAMES)], 'rgb': []}}
    scene['size'] = sample_size(rng) if kind != 'shapes' or rng.random() < 0.15 else scene['size']
    if kind == 'shapes' and not all(fits(scene, p) for o in scene['objects'] for p in o['path']):
        return None
    return dress(rng, split, scene)


def fits(scene, p):
    w, h = scene['size']
    mx, my = p[2] * min(w, h) / w, p[2] * min(w, h) / h
    return mx <= p[0] <= 1 - mx and my <= p[1] <= 1 - my


def dress(rng, split, scene):
    """Chooses how a scene is shown; None if it would not be clear what it shows."""
    kind, bg = scene['type'], scene['bg']
    w, h = scene['size']
    if kind == 'shapes' and not all(world.apart(a, b, w, h) for a in scene['objects'] for b in scene['objects'] if a is not b):
        return None
    style = scene['style'] = {'by': pick(rng, ['cairo', 'cairo', 'hard', 'pil', 'pil', 'pil1']), 'gain': 1.0,
                              'vignette': 0.0, 'noise': None, 'inner': None, 'jpeg': None}
    if kind == 'text' and not sample_text(rng, scene, split):
        return None
    if rng.random() < (0.35 if kind == 'plain' else 0.15):
        style.update(gain=float(rng.uniform(0.45, 0.9)), vignette=float(rng.choice([0, rng.uniform(0.15, 0.5)])))
    if not recolour(rng, scene, style['gain']):
        return None
    if kind == 'shapes':
        sample_places(rng, scene)
    for o in scene['objects']:
        if 'thing' not in o:
            sample_look(rng, o, w, h)
            if o['look']['fill'] in ('linear', 'radial'):
                o['look']['to'] = hue(rng, o['colour'], style['gain']) or o['rgb']
    sample_wear(rng, scene)
    # Of images with objects most are thrown away because bars make a place unclear.
    if rng.random() < (0.15 if kind == 'shapes' and scene['frames'] == 1 else 0.12) and not add_bars(rng, scene):
        return None
    return scene


def sample_wear(rng, scene):
    """Noise and compression. Noise that can be seen makes a plain ground noisy; on a plain screen it does not."""
    style, bg = scene['style'], scene['bg']
    w, h = scene['size']
    if rng.random() < (0.45 if scene['type'] == 'plain' else 0.25):
        plain = bg['kind'] == 'plain'
        strong = plain and rng.random() < 0.7
        low = NOISY * (1.5 if bg['names'][0] in ('black', 'white') else 1.0)
        if scene['type'] == 'plain':
            style['noise'] = sample_noise(rng, w, h, float(rng.uniform(1, 22)))
        elif strong:
            style['noise'] = sample_noise(rng, w, h, float(rng.uniform(low, 26)))
            if style['noise']:
                bg['kind'] = 'noisy'
                bg.setdefault('sigma', 0.0), bg.setdefault('grain', 0.01)
        else:
            style['noise'] = sample_noise(rng, w, h, float(rng.uniform(0.5, QUIET)))
    if rng.random() < 0.35:
        style['jpeg'] = int(rng.integers(55, 90) if bg['kind'] == 'noisy' else rng.choice([15, rng.integers(12, 60)]))


# ---- drawing -----------------------------------------------------------------------

def arc(radius, n=72, phase=0.0):
    a = np.linspace(0, 2 * math.pi, n, endpoint=False) + phase
    return np.stack([radius * np.sin(a), -radius * np.cos(a)], 1)


def rounded(points, r):
    """A polygon with corners cut round."""
    if r == 0:
        return points
    out = []
    for i, p in enumerate(points):
        a, b = points[i - 1], points[(i + 1) % len(points)]
        u, v = (a - p) * r, (b - p) * r
        for t in np.linspace(0, 1, 6):
            out.append(p + u * (1 - t) ** 2 + v * t ** 2)
    return np.array(out)


def contours(shape, form):
    """The outlines of a shape around the origin, within about the unit circle; what is inside an odd number is filled."""
    a, b, kind = form['a'], form['b'], form['kind']
    if shape in ('circle', 'ring'):
        return [arc(1)] + ([arc(form['ring'])] if shape == 'ring' else [])
    if shape == 'square':
        s = 0.76 + 0.12 * a
        return [rounded(np.array([(-s, -s), (s, -s), (s, s), (-s, s)]), form['round'])]
    if shape == 'triangle':
        x, top, low = 0.8 + 0.2 * a, -0.85 - 0.15 * b, 0.6 + 0.25 * b
        return [rounded(np.array([(0, top), (x, low), (-x, low)]), form['round'] / 2)]
    if shape == 'diamond':
        x = 0.62 + 0.3 * a
        return [np.array([(0, -1), (x, 0), (0, 1), (-x, 0)])]
    if shape == 'star':
        n = 6 if kind == 0 and a < 0.4 else 5
        inner = 0.36 + 0.14 * b if n == 5 else 0.5 + 0.1 * b
        p = arc(1.05, 2 * n)
        p[1::2] *= inner / 1.05
        return [p]
    if shape == 'cross':
        t, s = 0.2 + 0.17 * a, 0.9 + 0.1 * b
        return [np.array([(-t, -s), (t, -s), (t, -t), (s, -t), (s, t), (t, t), (t, s), (-t, s), (-t, t), (-s, t), (-s, -t),
                          (-t, -t)])]
    t = np.linspace(0, 2 * math.pi, 64, endpoint=False)
    if kind == 0:
        x, y = 16 * np.sin(t) ** 3, -(13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t))
        return [np.stack([x / 17, y / 17], 1)]
    wide = 1.35 + 0.3 * a
    p, s = [(0, 0.95)], np.linspace(0, 1, 24)[1:]
    for c in ([(0, 0.95), (-wide, -0.1), (-0.9, -1.25), (0, -0.45)], [(0, -0.45), (0.9, -1.25), (wide, -0.1), (0, 0.95)]):
        p += [tuple(sum(k * np.array(q) for k, q in zip(((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t ** 3), c)))
              for t in s]
    return [np.array(p)]


def mask(lines, by, width, height, stroke=0.0):
    """[height, width] 0..1 of polygons in pixels, filled or, with a stroke's width in pixels, their lines alone"""
    if by.startswith('pil'):
        s = 1 if by == 'pil1' else 4
        out = Image.new('L', (width * s, height * s), 0)
        for i, p in enumerate(lines):
            draw, xy = ImageDraw.Draw(out), [(float(x) * s, float(y) * s) for x, y in p]
            if stroke:
                draw.line(xy + xy[:2], fill=255, width=max(1, round(stroke * s)), joint='curve')
            else:
                draw.polygon(xy, fill=0 if i else 255)
        if s > 1:
            out = out.resize((width, height), Image.BOX)
        return np.asarray(out, np.float32) / 255
    surface = cairo.ImageSurface(cairo.FORMAT_A8, width, height)
    ctx = cairo.Context(surface)
    ctx.set_antialias(cairo.ANTIALIAS_NONE if by == 'hard' else cairo.ANTIALIAS_DEFAULT)
    ctx.set_fill_rule(cairo.FILL_RULE_EVEN_ODD)
    for p in lines:
        for i, q in enumerate(p):
            (ctx.line_to if i else ctx.move_to)(*map(float, q))
        ctx.close_path()
    if stroke:
        ctx.set_line_width(stroke)
        ctx.stroke()
    else:
        ctx.fill()
    surface.flush()
    return np.ndarray((height, width), np.uint8, surface.get_data(), strides=(surface.get_stride(), 1)).astype(np.float32) / 255


def blend(part, m, colour):
    """Lays a colour, one for all or one for each pixel, over a part of the frame."""
    part += (np.asarray(colour, np.float32) - part) * m[..., None]


def box_around(frame, x, y, reach):
    """The part of the frame within reach of a point, and its corner."""
    height, width, _ = frame.shape
    x0, y0 = max(0, int(x - reach)), max(0, int(y - reach))
    return frame[y0:min(height, int(y + reach) + 2), x0:min(width, int(x + reach) + 2)], x0, y0


def cast(part, m, shadow, radius, by):
    """Darkens what lies under a mask, away from it."""
    dx, dy = round(shadow['x'] * radius), round(shadow['y'] * radius)
    s = np.roll(m, (dy, dx), (0, 1))
    if shadow['blur']:
        s = np.asarray(Image.fromarray((255 * s).astype(np.uint8)).filter(
            ImageFilter.GaussianBlur(shadow['blur'] * radius)), np.float32) / 255
    blend(part, s * shadow['alpha'], (0, 0, 0))


def draw_object(frame, o, f, by):
    height, width, _ = frame.shape
    x, y, r = o.get('inner', o['path'])[f]
    x, y, r = x * width, y * height, r * min(width, height)
    look = o['look']
    part, x0, y0 = box_around(frame, x, y, 1.6 * r + 2)
    c, s = math.cos(math.radians(o['angle'])), math.sin(math.radians(o['angle']))
    lines = [p @ np.array([[c, s], [-s, c]]) * r + (x - x0, y - y0) for p in contours(o['shape'], look['form'])]
    h, w, _ = part.shape
    if look['fill'] == 'hollow':
        # The line lies inside of the shape, as far as lines can.
        lines = [(p - (x - x0, y - y0)) * (1 - look['line'] / 2) + (x - x0, y - y0) for p in lines]
        m = mask(lines, by, w, h, look['line'] * r)
    else:
        m = mask(lines, by, w, h)
    if look['shadow']:
        cast(part, m, look['shadow'], r, by)
    colour = o['rgb']
    if look['fill'] in ('linear', 'radial'):
        yy, xx = np.mgrid[:h, :w]
        dx, dy = (xx - x + x0) / r, (yy - y + y0) / r
        t = np.hypot(dx, dy) if look['fill'] == 'radial' else \
            0.5 + 0.5 * (dx * math.cos(look['turn']) + dy * math.sin(look['turn']))
        t = np.clip(t, 0, 1)[..., None]
        colour = np.array(o['rgb']) * (1 - t) + np.array(look['to']) * t
    blend(part, m, colour)
    if look['edge']:
        rgb = {'black': (0, 0, 0), 'white': (255, 255, 255), 'darker': [v * 0.55 for v in o['rgb']]}[look['edge']]
        blend(part, mask(lines, by, w, h, max(1.0, look['line'] * r)), rgb)


def ground(rng, bg, width, height):
    if bg['kind'] == 'gradient':
        c, s = math.cos(bg['angle']), math.sin(bg['angle'])
        half = (abs(c) * width + abs(s) * height) / 2
        yy, xx = (np.arange(n, dtype=np.float32) for n in (height, width))
        t = (((yy - height / 2) * s)[:, None] + ((xx - width / 2) * c)[None]) / (2 * half) + 0.5
        a, b = (np.array(rgb, np.float32) for rgb in bg['rgb'])
        return a + t[..., None].astype(np.float32) * (b - a)
    frame = np.empty((height, width, 3), np.float32)
    frame[:] = bg['rgb'][0]
    if bg['kind'] == 'noisy' and bg.get('sigma'):
        frame = np.clip(frame + world.noise(rng, bg, width, height), 0, 255).astype(np.float32)
    return frame


def draw_word(rng, frame, text):
    """Writes the word, on its bar if it has one; the boxes of its letters."""
    height, width, _ = frame.shape
    a = np.zeros((height, width, 4), np.uint8)
    ctx = cairo.Context(cairo.ImageSurface.create_for_data(a, cairo.FORMAT_RGB24, width, height))
    if text.get('bar'):
        boxes = world.draw_text(ctx, text, width, height)
        tall = boxes[0][4] - boxes[0][3]
        y0, y1 = boxes[0][3] - 0.35 * tall, boxes[0][4] + 0.4 * tall
        x0, x1 = (0, 1) if text['bar']['wide'] else (boxes[0][1] - 0.03, boxes[-1][2] + 0.03)
        frame[max(0, int(y0 * height)):int(y1 * height), max(0, int(x0 * width)):int(x1 * width)] = \
            hue(rng, text['bar']['colour']) or HUES[text['bar']['colour']][0]
    a[:, :, 2::-1] = frame.astype(np.uint8)
    boxes = world.draw_text(ctx, text, width, height)
    frame[:] = a[:, :, 2::-1]
    return boxes


def shade(frame, style):
    """A screen that is dim, or darker in its corners."""
    if style['gain'] == 1.0 and not style['vignette']:
        return frame
    height, width, _ = frame.shape
    yy, xx = np.ogrid[:height, :width]
    d = ((xx / width - 0.5) ** 2 + (yy / height - 0.5) ** 2) * 2
    return frame * (style['gain'] * (1 - style['vignette'] * d)).astype(np.float32)[..., None]


def render(scene, draw=draw_object):
    """Frames [n][H, W, 3] uint8, and the boxes of the letters; draw draws an object."""
    style = scene['style']
    width, height = scene['size']
    bw, bh, w, h = style['inner'] or (0, 0, width, height)
    rng = np.random.default_rng([31] + scene['seed'])
    still = ground(rng, scene['bg'], w, h)
    out, boxes = [], []
    for f in range(scene['frames']):
        frame = still.copy()
        for o in scene['objects']:
            draw(frame, o, f, style['by'])
        if scene.get('text'):
            boxes = draw_word(np.random.default_rng([32] + scene['seed']), frame, scene['text'])
        frame = shade(frame, style)
        if style['noise']:
            frame = add_noise(rng, frame, style['noise'])
        if style['inner']:
            whole = np.zeros((height, width, 3), np.float32)
            whole[bh:bh + h, bw:bw + w] = frame
            frame = whole
            boxes = [(c, (x0 * w + bw) / width, (x1 * w + bw) / width, (y0 * h + bh) / height, (y1 * h + bh) / height)
                     for c, x0, x1, y0, y1 in boxes]
        frame = np.clip(frame + 0.5, 0, 255).astype(np.uint8)
        if style['jpeg']:
            frame = world.jpeg(frame, style['jpeg'])
        out.append(frame)
    return out, boxes
