# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pictures that are not drawn here: test patterns, codec wear and photographs.

Test patterns come from GStreamer's own videotestsrc; codecs are GStreamer's
too; photographs are those of Debian's wallpaper packages.
"""
import glob
import zlib

import gi
import numpy as np
from PIL import Image

gi.require_version('Gst', '1.0')
from gi.repository import Gst  # noqa: E402

import world  # noqa: E402
from vocab import COLOURS, HELD_PAIRS, PATTERNS, WORDS, ZONE_PLATE  # noqa: E402
from world import pick  # noqa: E402

Gst.init(None)

SIZES = [[320, 240], [640, 480], [160, 120], [480, 270], [240, 240], [270, 480], [640, 360]]
FPS = [10, 15, 24, 25, 30, 50, 60]
COLOURED = ('circular', 'bar', 'pinwheel', 'spokes', 'gradient', 'blink', 'solid-color', 'ball')
PHOTOS = ['/usr/share/backgrounds/mate/nature/*', '/usr/share/backgrounds/mate/abstract/Elephants.jpg',
          '/usr/share/backgrounds/*.jpg', '/usr/share/backgrounds/*.png',
          '/usr/share/wallpapers/*/contents/images/2560x1600.*', '/usr/share/wallpapers/*/contents/images/5120x2880.*',
          '/usr/share/wallpapers/*/contents/images/3840x2160.*', '/usr/share/wallpapers/*/contents/images/3200x2000.*',
          '/usr/share/doc/opencv-doc/examples/alphamat/input_images/plant.jpg'] + [
    '/usr/share/doc/opencv-doc/examples/data/%s.*' % name for name in (
        'aero1', 'aloeL', 'baboon', 'basketball1', 'board', 'box_in_scene', 'building', 'butterfly', 'fruits', 'graf1',
        'home', 'left01', 'leuvenA', 'messi5', 'rubberwhale1', 'squirrel_cls', 'stuff')]


def pull(pipeline, keep):
    """Frames number `keep` (ascending) of a pipeline that ends in an RGB appsink `out`."""
    pipe = Gst.parse_launch(pipeline)
    sink = pipe.get_by_name('out')
    pipe.set_state(Gst.State.PLAYING)
    frames, i = [], 0
    try:
        while len(frames) < len(keep):
            sample = sink.emit('pull-sample')
            if sample is None:
                raise RuntimeError('%s ended after %d frames' % (pipeline, i))
            if i in keep:
                frames.append(read(sample))
            i += 1
    finally:
        pipe.set_state(Gst.State.NULL)
    return frames


def read(sample):
    caps = sample.get_caps().get_structure(0)
    w, h = caps.get_value('width'), caps.get_value('height')
    buf = sample.get_buffer()
    ok, m = buf.map(Gst.MapFlags.READ)
    a = np.frombuffer(m.data, np.uint8)
    a = a.reshape(h, len(a) // h)[:, :w * 3].reshape(h, w, 3).copy()
    buf.unmap(m)
    return a


def argb(rgb):
    return 0xff000000 | rgb[0] << 16 | rgb[1] << 8 | rgb[2]


def sample(split, index, frames=1):
    """A scene of a test pattern; everything but the pictures, which `render` adds to it."""
    rng = world.generator(split, index, 50 + frames)
    name = pick(rng, sorted(PATTERNS) + ['ball'] * (2 if frames == 1 else 10) + ['blink', 'black', 'white'] * (frames > 1)
                + ['smpte', 'zone-plate', 'chroma-zone-plate'])
    fps = pick(rng, FPS)
    every = max(1, round(fps * float(rng.uniform(0.08, 0.45))))
    scene = {'type': 'pattern', 'pattern': name, 'size': pick(rng, SIZES), 'frames': frames, 'objects': [], 'fps': fps,
             'start': int(rng.integers(0, 60)), 'every': every, 'props': {}, 'seed': [world.SPLITS[split], index, frames],
             'bg': {'kind': 'plain', 'names': [], 'rgb': [[0, 0, 0]]}}
    props = scene['props']
    if name == 'ball':
        props['motion'] = pick(rng, ['wavy', 'wavy', 'sweep', 'hsweep'])
    if name in ('zone-plate', 'chroma-zone-plate') and rng.random() < 0.6:
        props.update(kx2=int(rng.integers(10, 40)), ky2=int(rng.integers(10, 40)), kt=int(rng.integers(0, 3)))
    if name in COLOURED and rng.random() < 0.4:
        while True:
            fg, bg = pick(rng, list(COLOURS)), pick(rng, list(COLOURS))
            if world.clear(fg, bg) and (fg, 'circle') not in HELD_PAIRS:
                break
        scene['colours'] = [fg, bg]
        props['foreground-color'] = argb(COLOURS[fg][int(rng.integers(3))])
        props['background-color'] = argb(COLOURS[bg][int(rng.integers(3))])
    if rng.random() < 0.12 and name != 'ball':
        scene['small'] = pick(rng, ['time', 'small'])
    return scene


def line(scene):
    """The pipeline of a scene, up to raw video."""
    props = ' '.join('%s=%s' % p for p in scene['props'].items())
    return 'videotestsrc pattern=%s %s ! video/x-raw,format=RGB,width=%d,height=%d,framerate=%d/1' % (
        scene['pattern'], props, *scene['size'], scene['fps'])


def centre(frame, rgb):
    """The median place of what has the colour rgb, in fractions of the frame; None if there is nothing."""
    near = np.abs(frame.astype(int) - rgb).sum(2) < 90
    ys, xs = np.nonzero(near)
    if len(xs) == 0:
        return None
    return [float(np.median(xs) + 0.5) / frame.shape[1], float(np.median(ys) + 0.5) / frame.shape[0]]


def direction(points):
    """The way of a path that clearly goes one way; 'still'; None if it is neither."""
    p = np.array(points)
    d = p[-1] - p[0]
    steps = np.diff(p, axis=0)
    if np.abs(p - p[0]).max() < 0.004:
        return 'still'
    axis = int(abs(d[1]) > abs(d[0]))
    major, minor = d[axis], np.abs(p[:, 1 - axis] - p[0, 1 - axis]).max()
    if abs(major) < 0.12 or minor > 0.45 * abs(major) or (steps[:, axis] * np.sign(major) < 0).any():
        return None
    return [['left', 'right'], ['up', 'down']][axis][int(major > 0)]


def render(scene):
    """The frames; completes the scene with what can only be seen in them."""
    keep = [scene['start'] + i * scene['every'] for i in range(scene['frames'])]
    frames = pull(line(scene) + ' ! appsink name=out sync=false max-buffers=4', keep)
    name = scene['pattern']
    scene['name'] = PATTERNS[name]
    colours = scene.get('colours', ['white', 'black'])
    if 'kx2' in scene['props']:
        scene['name'] = ZONE_PLATE
    elif name == 'blink':
        level = [f.astype(int).mean((0, 1)) for f in frames]
        if max(np.abs(a - level[0]).sum() for a in level) < 60:
            scene['name'] = None
            scene['bg']['names'] = [nearest(level[0])]
    elif PATTERNS[name] is None:
        scene['bg']['names'] = [nearest(frames[0].astype(int).mean((0, 1)))]
    elif name == 'ball':
        rgb = [255] * 3 if 'colours' not in scene else \
            [scene['props']['foreground-color'] >> s & 255 for s in (16, 8, 0)]
        path = [centre(f, rgb) for f in frames]
        if None in path:
            return frames
        scene['motion'] = direction(path) if len(path) > 1 else None
        scene['traced'] = [{'colour': colours[0], 'shape': 'circle', 'path': [c + [20 / min(scene['size'])] for c in path]}]
        if 'colours' in scene and (len(path) == 1 or scene['motion']):
            as_shape(scene, path, colours)
    if scene['name'] is None:
        scene['type'] = 'plain'
    if scene.get('small'):
        frames = [write(scene, f, i) for i, f in enumerate(frames)]
    return frames


def as_shape(scene, path, colours):
    """A ball in colours of its own is a circle on a plain background."""
    w, h = scene['size']
    r = 20 / min(w, h)
    cell = [[next((i for i in range(3) if i / 3 + 0.07 < v < (i + 1) / 3 - 0.07), None) for v in p] for p in path]
    same = all(c == cell[0] for c in cell)
    scene.update(type='shapes', objects=[{
        'colour': colours[0], 'shape': 'circle', 'size': None if 0.115 < r < 0.14 else int(r > 0.125),
        'motion': scene['motion'] or 'still', 'path': [p + [r] for p in path],
        'col': cell[0][0] if same else None, 'row': cell[0][1] if same else None}])
    scene['bg']['names'] = [colours[1]]


def nearest(rgb):
    return min(COLOURS, key=lambda n: min(np.abs(np.subtract(c, rgb)).sum() for c in COLOURS[n]))


def write(scene, frame, i):
    """Small writing, as an overlay element puts it there."""
    import cairo
    h, w, _ = frame.shape
    a = np.zeros((h, w, 4), np.uint8)
    a[:, :, 2::-1] = frame
    ctx = cairo.Context(cairo.ImageSurface.create_for_data(a, cairo.FORMAT_RGB24, w, h))
    world.draw_small(ctx, scene['small'], np.random.default_rng(scene['seed'] + [i]), w, h)
    return a[:, :, 2::-1].copy()


# ---- codecs --------------------------------------------------------------------

CODECS = ['x264enc tune=zerolatency speed-preset=veryfast bitrate=%d ! h264parse ! avdec_h264',
          'vp8enc deadline=1 target-bitrate=%d000 ! vp8dec', 'jpegenc quality=%d ! jpegdec']


def codec(rng, frames):
    """The frames after an encoder at a low rate and its decoder."""
    kind = int(rng.integers(3))
    rate = int(rng.integers(15, 50)) if kind == 2 else int(rng.integers(60, 400))
    return through(frames, CODECS[kind] % rate)


def overlay(rng, small, frames):
    """The frames with writing too small to read, by GStreamer's own elements."""
    if small == 'time':
        return through(frames, 'timeoverlay')
    words = ' '.join(pick(rng, WORDS).capitalize() for _ in range(int(rng.integers(1, 4))))
    return through(frames, 'textoverlay text="%s" shaded-background=%s' % (words, rng.random() < 0.3))


def through(frames, elements):
    h, w, _ = frames[0].shape
    pipe = Gst.parse_launch('appsrc name=in format=time caps=video/x-raw,format=RGB,width=%d,height=%d,framerate=10/1 ! '
                            'videoconvert ! video/x-raw,format=I420 ! %s ! videoconvert ! video/x-raw,format=RGB ! '
                            'appsink name=out sync=false' % (w, h, elements))
    src, sink = pipe.get_by_name('in'), pipe.get_by_name('out')
    pipe.set_state(Gst.State.PLAYING)
    try:
        shown = [f for f in frames for _ in range(2)]
        for i, f in enumerate(shown):
            pad = np.zeros((h, (w * 3 + 3) // 4 * 4), np.uint8)
            pad[:, :w * 3] = f.reshape(h, w * 3)
            buf = Gst.Buffer.new_wrapped(pad.tobytes())
            buf.pts, buf.duration = i * Gst.SECOND // 10, Gst.SECOND // 10
            src.emit('push-buffer', buf)
        src.emit('end-of-stream')
        out = []
        while True:
            s = sink.emit('pull-sample')
            if s is None:
                break
            out.append(read(s))
    finally:
        pipe.set_state(Gst.State.NULL)
    if len(out) != len(shown):
        raise RuntimeError('%s gave %d of %d frames' % (elements, len(out), len(shown)))
    return out[1::2]


# ---- photographs -----------------------------------------------------------------

def vary(rng, im):
    """The picture turned, in other colours, lighter or darker: there are few photographs."""
    if rng.random() < 0.3:
        im = np.rot90(im, int(rng.integers(1, 4)))
    r = rng.random()
    if r < 0.3:
        im = im[:, :, rng.permutation(3)]
    elif r < 0.45:
        im = im.mean(2, keepdims=True).repeat(3, 2)
    if rng.random() < 0.5:
        im = 255 * (im / 255) ** rng.uniform(0.6, 1.6)
    return im.astype(np.uint8)


class Photos:
    """Crops of photographs; one file in four is never used for training."""

    def __init__(self, held):
        files = sorted({f for p in PHOTOS for f in glob.glob(p) if f.endswith(('.jpg', '.png'))})
        self.files = [f for f in files if (zlib.crc32(f.split('/share/')[1].encode()) % 4 == 0) == held]
        self.pictures = {}
        if not self.files:
            raise RuntimeError('no photographs: run setup.sh')

    def load(self, path):
        if path not in self.pictures:
            im = Image.open(path)
            im.draft('RGB', (1280, 1280))
            im = im.convert('RGB')
            im.thumbnail((900, 900))
            self.pictures[path] = np.asarray(im)
        return self.pictures[path]

    def sample(self, split, index, frames=1):
        """(scene, frames): a crop, in training of a picture that is varied; in a clip the camera may pan."""
        rng = world.generator(split, index, 70 + frames)
        im = self.load(pick(rng, self.files))
        if split == 'train':
            im = vary(rng, im)
            s = rng.uniform(0.2, 0.9) * rng.uniform(0.7, 1, 2)
        else:
            s = np.repeat(rng.uniform(0.45, 0.9), 2)
        h, w, _ = im.shape
        cw, ch = int(w * s[0]), int(h * s[1])
        a = rng.random(2)
        b = a if rng.random() < 0.4 else np.clip(a + rng.uniform(-0.4, 0.4, 2), 0, 1)
        out = []
        for t in np.linspace(0, 1, frames):
            x, y = (a + (b - a) * t) * [w - cw, h - ch]
            f = im[int(y):int(y) + ch, int(x):int(x) + cw]
            out.append(f[:, ::-1] if index % 2 else f)
        if split == 'train' and out[0].std((0, 1)).max() < 12:       # nearly a plain screen
            return self.sample(split, index + 10 ** 7, frames)
        scene = {'type': 'photo', 'size': [cw, ch], 'frames': frames, 'objects': [],
                 'seed': [world.SPLITS[split], index, frames]}
        return scene, [np.ascontiguousarray(f) for f in out]
