# SPDX-License-Identifier: LGPL-2.1-or-later
"""Shapes by two programs that training doesn't draw with in this way: PIL's
ImageDraw at three times the size, and SVG by GStreamer's rsvgdec.

A thing is a dict: colour (its name), rgb, shape, x and y (of the picture's width
and height), r (from centre to rim, of the shorter edge), turn (degrees); and
where it has them edge (RGB of an outline), hollow (the outline is all there is),
shadow, shade (RGB that its colour runs into, SVG only)."""

import math
import subprocess

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SHAPES = ["circle", "square", "triangle", "diamond", "star", "cross", "ring",
          "heart"]
SCALE = 3
EDGE = .16   # width of an outline, of r
HOLE = .58   # of a ring


def circle(radius=1):
    return [(radius * math.cos(a), radius * math.sin(a))
            for a in np.linspace(0, 2 * math.pi, 96, endpoint=False)]


def around(n, radii, first=-math.pi / 2):
    return [(radii[i % len(radii)] * math.cos(first + 2 * math.pi * i / n),
             radii[i % len(radii)] * math.sin(first + 2 * math.pi * i / n))
            for i in range(n)]


def heart():
    points = [(16 * math.sin(t) ** 3, -13 * math.cos(t) + 5 * math.cos(2 * t)
               + 2 * math.cos(3 * t) + math.cos(4 * t))
              for t in np.linspace(0, 2 * math.pi, 96, endpoint=False)]
    return [(x / 16, (y + 2.5) / 16) for x, y in points]


W = .34  # half the width of a cross's arms
POINTS = {
    "circle": circle(), "ring": circle(),
    "square": [(-.86, -.86), (.86, -.86), (.86, .86), (-.86, .86)],
    "triangle": around(3, [1.1]), "diamond": [(0, -1.1), (.8, 0), (0, 1.1), (-.8, 0)],
    "star": around(10, [1.1, .45]), "heart": heart(),
    "cross": [(-W, -1), (W, -1), (W, -W), (1, -W), (1, W), (W, W), (W, 1),
              (-W, 1), (-W, W), (-1, W), (-1, -W), (-W, -W)]}


def placed(points, o, w, h):
    """Points of a thing in pixels of a picture"""
    c, s = math.cos(math.radians(o.get("turn", 0))), \
        math.sin(math.radians(o.get("turn", 0)))
    r = o["r"] * min(w, h)
    return [(o["x"] * w + r * (c * x - s * y), o["y"] * h + r * (s * x + c * y))
            for x, y in points]


def gradient(a, b, degrees, w, h):
    y, x = np.mgrid[0:h, 0:w]
    along = x / w * math.cos(math.radians(degrees)) \
        + y / h * math.sin(math.radians(degrees))
    along = (along - along.min()) / (along.max() - along.min())
    return Image.fromarray((np.array(a) + along[..., None]
                            * (np.array(b) - np.array(a))).astype(np.uint8))


def mask(o, w, h):
    m = Image.new("L", (w, h))
    d = ImageDraw.Draw(m)
    d.polygon(placed(POINTS[o["shape"]], o, w, h), 255)
    if o["shape"] == "ring":
        d.polygon(placed(circle(HOLE), o, w, h), 0)
    return m


def by_pil(things, ground, size):
    """A picture. ground: RGB, or a PIL image of any size"""
    w, h = (n * SCALE for n in size)
    im = ground.resize((w, h)) if isinstance(ground, Image.Image) \
        else Image.new("RGB", (w, h), ground)
    for o in things:
        r = o["r"] * min(w, h)
        if o.get("shadow"):
            under = mask(dict(o, x=o["x"] + .2 * r / w, y=o["y"] + .24 * r / h), w, h)
            under = under.filter(ImageFilter.GaussianBlur(.12 * r))
            im.paste((0, 0, 0), None, under.point(lambda v: v * 2 // 5))
        if not o.get("hollow"):
            im.paste(o["rgb"], None, mask(o, w, h))
        if o.get("edge") or o.get("hollow"):
            d = ImageDraw.Draw(im)
            inner = [circle(HOLE)] if o["shape"] == "ring" else []
            for points in [POINTS[o["shape"]]] + inner:
                at = placed(points, o, w, h)
                d.line(at + at[:2], o.get("edge") or o["rgb"],
                       max(SCALE, round(EDGE * r)), "curve")
    return im.reduce(SCALE)


def css(rgb):
    return "#%02x%02x%02x" % tuple(rgb)


def by_svg(things, ground, size):
    """The same by librsvg; ground: RGB, or a pair of them that makes a gradient"""
    w, h = size
    defs, body = [], []

    def runs(name, a, b, more=""):
        defs.append(f'<linearGradient id="{name}" {more}><stop offset="0" '
                    f'stop-color="{css(a)}"/><stop offset="1" '
                    f'stop-color="{css(b)}"/></linearGradient>')
        return f"url(#{name})"

    fill = css(ground) if isinstance(ground[0], int) else \
        runs("ground", *ground, 'x2="1" y2="1"')
    for i, o in enumerate(things):
        loops = [placed(POINTS[o["shape"]], o, w, h)]
        if o["shape"] == "ring":
            loops.append(placed(circle(HOLE), o, w, h))
        path = " ".join("M" + "L".join(f"{x:.2f},{y:.2f}" for x, y in loop) + "Z"
                        for loop in loops)
        r = o["r"] * min(w, h)
        if o.get("shadow"):
            defs.append(f'<filter id="b{i}"><feGaussianBlur '
                        f'stdDeviation="{.1 * r:.2f}"/></filter>')
            body.append(f'<path d="{path}" fill-rule="evenodd" opacity=".4" '
                        f'filter="url(#b{i})" transform="translate({.18 * r:.2f} '
                        f'{.22 * r:.2f})"/>')
        inside = "none" if o.get("hollow") else css(o["rgb"]) \
            if not o.get("shade") else runs(f"f{i}", o["rgb"], o["shade"])
        edge = o.get("edge") or (o["rgb"] if o.get("hollow") else None)
        line = f'stroke="{css(edge)}" stroke-width="{EDGE * r:.2f}" ' \
            'stroke-linejoin="round"' if edge else ""
        body.append(f'<path d="{path}" fill-rule="evenodd" fill="{inside}" {line}/>')
    return rasterise(
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{w}" height="{h}">'
        f'<defs>{"".join(defs)}</defs><rect width="{w}" height="{h}" '
        f'fill="{fill}"/>{"".join(body)}</svg>', size)


def rasterise(svg, size):
    """An SVG document as a picture of its own size, on white"""
    w, h = size
    r = subprocess.run(
        ["gst-launch-1.0", "-q", "fdsrc", "!", "rsvgdec", "!", "videoconvert",
         "!", f"video/x-raw,format=BGRA,width={w},height={h}", "!", "fdsink"],
        input=svg.encode(), capture_output=True, check=True)
    rgba = Image.frombytes("RGBA", size, r.stdout[:4 * w * h], "raw", "BGRA")
    im = Image.new("RGB", size, (255, 255, 255))
    im.paste(rgba, None, rgba)
    return im


def through(frames, chain, path, fps=15):
    """Sends pictures of one size through GStreamer's elements into a file."""
    w, h = frames[0].size
    assert w % 4 == 0  # the stride that rawvideoparse takes for granted
    subprocess.run(
        ["gst-launch-1.0", "-q", "fdsrc", "!", "rawvideoparse", "format=rgb",
         f"width={w}", f"height={h}", f"framerate={fps}/1", "!", "videoconvert",
         "!", *chain.split(), "!", "filesink", f"location={path}"],
        input=b"".join(f.tobytes() for f in frames), check=True,
        capture_output=True)
