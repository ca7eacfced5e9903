# SPDX-License-Identifier: LGPL-2.1-or-later
"""Everyday things by name: their pictures in several styles, and scenes of them.

The pictures are the icon sets of the npm packages @iconify-json/*, which setup.sh installs into
node_modules beside this file. One whole set, and one picture in five of the others, is never
trained; README.md lists the sets and their licences.
"""
import functools
import json
import os
import re
import zlib

import cairo
import gi
import numpy as np
from PIL import Image

gi.require_version('Rsvg', '2.0')
from gi.repository import GLib, Rsvg  # noqa: E402

import styles  # noqa: E402
import world  # noqa: E402
from icons import FOLDER, ICONS, NAMES  # noqa: E402
from vocab import MOTIONS  # noqa: E402
from world import pick  # noqa: E402

SETS = ['noto', 'noto-v1', 'twemoji', 'fluent-emoji', 'fluent-emoji-flat', 'fxemoji', 'streamline-emojis']
HELD_SET = 'openmoji'
PIXELS = 160


def plain(icon):
    """The name of an icon without hyphens and the number of its variant."""
    return re.sub(r'-\d+$', '', icon).replace('-', '')


@functools.lru_cache(None)
def icon_set(name):
    """icon -> SVG"""
    with open(os.path.join(FOLDER, name, 'icons.json')) as f:
        data = json.load(f)
    out = {}
    for key, icon in data['icons'].items():
        w, h = (icon.get(k, data.get(k, 16)) for k in ('width', 'height'))
        out[key] = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" ' \
            'viewBox="%s %s %s %s" width="%s" height="%s">%s</svg>' % (icon.get('left', 0), icon.get('top', 0), w, h, w, h,
                                                                      icon['body'])
    return out


def picture_held(style, icon):
    """One picture in five is never trained."""
    return zlib.crc32(('%s:%s' % (style, icon)).encode()) % 5 == 0


@functools.lru_cache(None)
def pictures(which):
    """name -> [(set, icon)]; which: 'train', 'held' (other pictures of the same sets) or 'style' (the set held out)"""
    known = {i: name for name, icons in ICONS.items() for i in icons}
    out = {name: [] for name in NAMES}
    for style in ([HELD_SET] if which == 'style' else SETS):
        for icon in sorted(icon_set(style)):
            name = known.get(plain(icon))
            if name and (which == 'style' or picture_held(style, icon) == (which == 'held')):
                out[name].append((style, icon))
    return {name: found for name, found in out.items() if found}


@functools.lru_cache(6000)
def drawn(style, icon, pixels=PIXELS):
    """[pixels, pixels, 4]: blue, green, red and what covers the ground, multiplied with it, cut to what there is;
    None: librsvg can't draw it"""
    try:
        return trimmed(svg(icon_set(style)[icon], pixels))
    except GLib.Error:
        return None


def svg(text, pixels):
    """An SVG drawn into a square by librsvg."""
    surface = cairo.ImageSurface(cairo.FORMAT_ARGB32, pixels, pixels)
    box = Rsvg.Rectangle()
    box.x = box.y = 0
    box.width = box.height = pixels
    handle = Rsvg.Handle.new_from_data(text if isinstance(text, bytes) else text.encode())
    handle.render_document(cairo.Context(surface), box)
    surface.flush()
    return np.ndarray((pixels, pixels, 4), np.uint8, surface.get_data()).copy()


def trimmed(a):
    ys, xs = np.nonzero(a[..., 3] > 8)
    return a[ys.min():ys.max() + 1, xs.min():xs.max() + 1] if len(ys) else a


def mean_colour(a):
    """The mean colour of what a picture covers."""
    alpha = a[..., 3:].astype(float)
    rgb = a[..., 2::-1].astype(float)
    return [int(v) for v in rgb.sum((0, 1)) / max(alpha.sum(), 1) * 255]


def stands_out(scene, a):
    """Whether a picture stands out against its ground."""
    rgb = scene['bg']['rgb'][0]
    if scene['bg']['kind'] == 'gradient':
        rgb = np.add(scene['bg']['rgb'][0], scene['bg']['rgb'][1]) / 2
    return styles.difference([int(v) for v in rgb], mean_colour(a)) > 22


def sample(split, index, frames=1, which='train'):
    """One or two things, at times one beside a shape; which: what `pictures` they are of."""
    rng = world.generator(split, index, 240 + frames + {'train': 0, 'held': 1000, 'style': 2000}[which])
    while True:
        scene = attempt(rng, split, frames, which)
        if scene:
            scene['seed'] = [world.SPLITS[split], index, frames]
            return scene


def attempt(rng, split, frames, which):
    found = pictures(which)
    width, height = styles.sample_size(rng)
    scene = {'type': 'thing', 'size': [width, height], 'frames': frames, 'bg': world.sample_background(rng), 'objects': []}
    if scene['bg']['kind'] == 'plain' and rng.random() < 0.25:       # what pictures most often stand on
        scene['bg']['names'] = ['white']
    count = 1 if rng.random() < (0.65 if frames == 1 else 0.4) else 2
    shape = count == 2 and rng.random() < 0.45
    if not styles.recolour(rng, scene, 1.0):
        return None
    for i in range(count):
        o = sample_shape(rng, scene, frames) if shape and i == 1 else sample_thing(rng, scene, frames, found, count)
        if o is None or any(o.get('thing') and o['thing'] == p.get('thing') for p in scene['objects']) or \
                not all(world.apart(o, p, width, height) for p in scene['objects']):
            return None
        if frames == 1 and any((p['row'], p['col']) == (o['row'], o['col']) for p in scene['objects']):
            return None
        if frames > 1 and any(abs(p['path'][0][1] - o['path'][0][1]) < 0.15 for p in scene['objects']):
            return None
        scene['objects'].append(o)
    key = (lambda o: (o['row'], o['col'])) if frames == 1 else (lambda o: o['path'][0][1])
    scene['objects'].sort(key=key)
    scene['style'] = {'by': 'cairo', 'gain': 1.0, 'vignette': 0.0, 'noise': None, 'inner': None, 'jpeg': None}
    if rng.random() < 0.1:
        scene['style'].update(gain=float(rng.uniform(0.75, 0.95)), vignette=float(rng.uniform(0, 0.35)))
        if scene['bg']['kind'] != 'gradient' and styles.named(
                tuple(int(v * scene['style']['gain']) for v in scene['bg']['rgb'][0])) != scene['bg']['names'][0]:
            scene['style'].update(gain=1.0)
    styles.sample_wear(rng, scene)
    if rng.random() < (0.2 if frames == 1 else 0.1) and not styles.add_bars(rng, scene):
        return None
    return scene


def placed(rng, scene, o, r, frames):
    width, height = scene['size']
    o['motion'] = 'still' if frames == 1 or rng.random() < 0.1 else pick(rng, MOTIONS)
    if o['motion'] in ('left', 'right', 'up', 'down'):
        length = width if o['motion'] in ('left', 'right') else height
        r = min(r, 0.38 * length / min(width, height))
    o['path'], o['row'], o['col'] = world.sample_path(rng, o['motion'], r, width, height, frames)
    if o['motion'] in ('grow', 'shrink'):       # larger than shapes are
        s = float(rng.uniform(1, 1.7))
        o['path'] = [[x, y, q * s] for x, y, q in o['path']]
    x, y, _ = o['path'][0]
    if o['motion'] == 'still' and (int(3 * y), int(3 * x)) != (o['row'], o['col']):
        return None
    return o if all(styles.fits(scene, p) for p in o['path']) else None


def sample_shape(rng, scene, frames):
    colour, shape = world.sample_kind(rng, scene['bg'], False)
    o = {'colour': colour, 'shape': shape, 'rgb': styles.hue(rng, colour), 'angle': 0.0}
    r = float(rng.uniform(*(world.LARGE if rng.random() < 0.6 else world.SMALL)))
    o = placed(rng, scene, o, r, frames)
    if o is None or o['rgb'] is None or styles.difference(o['rgb'], scene['bg']['rgb'][0]) < 26:
        return None
    o['size'] = styles.sized(r)
    styles.sample_look(rng, o, *scene['size'])
    if o['look']['fill'] in ('linear', 'radial'):
        o['look']['to'] = o['rgb']
    return o


def sample_thing(rng, scene, frames, found, count):
    name = pick(rng, sorted(found))
    style, icon = pick(rng, found[name])
    a = drawn(style, icon)
    if a is None or not stands_out(scene, a):
        return None
    o = {'thing': name, 'icon': [style, icon], 'colour': None, 'shape': None, 'size': None, 'angle':
         float(rng.choice([0, 0, rng.uniform(-15, 15)])), 'flip': bool(rng.random() < 0.3),
         'shadow': bool(rng.random() < 0.12)}
    r = float(rng.uniform(0.2, 0.47 if frames == 1 else 0.36) if count == 1 else rng.uniform(0.17, 0.27))
    return placed(rng, scene, o, r, frames)


def draw(frame, o, f, by):
    """Lays a thing or a shape over a frame."""
    if 'thing' not in o:
        styles.draw_object(frame, o, f, by)
        return
    height, width, _ = frame.shape
    x, y, r = o.get('inner', o['path'])[f]
    lay(frame, drawn(*o['icon']), x * width, y * height, r * min(width, height), o['angle'], o['flip'], o['shadow'])


def lay(frame, a, x, y, r, angle=0.0, flip=False, shadow=False):
    """Lays a picture over the frame, its longer side 2 r pixels, its centre at x, y."""
    im = Image.fromarray(a[:, ::-1] if flip else a, 'RGBa')
    if angle:
        im = im.rotate(angle, Image.BICUBIC, expand=True)
    k = 2 * r / max(im.size)
    im = im.resize((max(1, round(im.width * k)), max(1, round(im.height * k))), Image.BOX if k < 0.5 else Image.BILINEAR)
    a = np.asarray(im).astype(np.float32)
    height, width, _ = frame.shape
    x0, y0 = round(x - im.width / 2), round(y - im.height / 2)
    left, top = max(0, -x0), max(0, -y0)
    a = a[top:max(top, height - y0), left:max(left, width - x0)]
    x0, y0 = x0 + left, y0 + top
    part = frame[y0:y0 + a.shape[0], x0:x0 + a.shape[1]]
    m = a[..., 3] / 255
    if shadow:
        styles.cast(part, m, {'x': 0.06, 'y': 0.08, 'blur': 0.05, 'alpha': 0.4}, r, 'cairo')
    part *= 1 - m[..., None]
    part += a[..., 2::-1]


def render(scene):
    return styles.render(scene, draw)
