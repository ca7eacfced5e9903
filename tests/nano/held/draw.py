# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where the rows' pictures come from: things at random, and files of them."""

import pathlib
import random
import zlib

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import drawing
import hues
import wear

SIZE = 320, 240
CENTERS = .215, .5, .785
CODECS = {"mp4": "x264enc speed-preset=veryfast threads=1 bitrate=%d ! mp4mux",
          "webm": "vp8enc deadline=1 threads=1 target-bitrate=%d000 ! webmmux",
          "avi": "jpegenc quality=60 ! avimux"}
MOTIONS = ["still", "left", "right", "up", "down", "grow", "shrink"]
OWN_FONTS = ["DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DejaVuSerif-Bold.ttf",
             "LiberationSans-Bold.ttf", "LiberationSerif-Regular.ttf",
             "FreeSansBold.ttf", "FreeSerifBold.ttf"]
OTHER_FONTS = ["Tuffy.ttf", "Tuffy_Bold.ttf", "CharisSIL-Regular.ttf",
               "CharisSIL-Bold.ttf", "Comfortaa-Bold.ttf", "Comfortaa-Regular.ttf",
               "AccanthisADFStd-Bold.otf", "YanoneKaffeesatz-Bold.otf",
               "YanoneKaffeesatz-Regular.otf", "Jura-Bold.otf", "Prociono.otf"]


class Draw:
    """Random numbers of one row, and its files. share: of each row's items"""

    def __init__(self, row, folder, seed=1, share=1.0):
        self.rng = random.Random(f"{seed}/{row}")
        self.np = np.random.default_rng([seed, zlib.crc32(row.encode())])
        self.folder, self.row, self.share = pathlib.Path(folder), row, share
        self.n_files = 0

    def n(self, n):
        return max(1, round(n * self.share))

    def path(self, ending):
        self.n_files += 1
        name = "".join(c if c.isalnum() else "-" for c in self.row)
        return self.folder / f"{name}-{self.n_files:03}.{ending}"

    def save(self, im, quality=None):
        path = self.path("jpg" if quality else "png")
        im.save(path, **({"quality": quality} if quality else {}))
        return path

    def film(self, frames, codec=None, kbits=500):
        codec = codec or self.rng.choice(list(CODECS))
        path = self.path(codec)
        chain = CODECS[codec]
        drawing.through(frames, chain % kbits if "%" in chain else chain, path)
        return path

    # ---- things ----

    def scene(self, n=None, palette=None, ground=None, colour=None):
        """One to three things, each of its own colour and shape, on a plain
        ground whose RGB is under "rgb"."""
        rng = self.rng
        n = n or rng.choice([1, 1, 2, 3])
        palette = palette or rng.choice(list(hues.PALETTES))
        while True:
            front, behind = hues.pair(rng, palette, colour)
            names, things = [front], []
            while len(names) < n:
                other, _ = hues.pair(rng, palette)
                if all(other[0] != c[0] for c in names) and other[0] != behind[0] \
                        and {other[0], behind[0]} not in hues.NEIGHBOURS \
                        and hues.apart(other[1], behind[1]):
                    names.append(other)
            if ground in (None, behind[0]):
                break
        cells = rng.sample([(r, c) for r in range(3) for c in range(3)], n)
        # Shapes in one row or column stay apart if not all of them are large.
        for (name, rgb), (r, c), shape in zip(names, cells,
                                              rng.sample(drawing.SHAPES, n)):
            big = rng.random() < .5
            things.append({
                "colour": name, "rgb": rgb, "shape": shape,
                "x": CENTERS[c] + rng.uniform(-.02, .02),
                "y": CENTERS[r] + rng.uniform(-.02, .02),
                "r": rng.uniform(.16, .175) if big else rng.uniform(.09, .105)})
        return {"things": things, "ground": behind[0], "rgb": behind[1]}

    def single(self, **more):
        return self.scene(1, **more)

    def gradient(self):
        """A ground between two colours that differ much"""
        rng = self.rng
        while True:
            p = rng.choice(list(hues.PALETTES))
            (_, a), (_, b) = hues.pair(rng, p)
            if sum(abs(x - y) for x, y in zip(a, b)) > 300:
                return a, b

    def moving(self, n=None):
        """Things of a clip and where they go: each has "to", (x, y, r)."""
        rng = self.rng
        scene = self.scene(n or rng.choice([1, 1, 2]))
        lanes = [rng.uniform(.4, .6)] if len(scene["things"]) == 1 else [.27, .73]
        for o, lane in zip(scene["things"], lanes):
            o["motion"] = rng.choice(MOTIONS if len(lanes) == 1 else
                                     [m for m in MOTIONS if m not in ("up", "down")])
            o["y"], o["x"] = lane, rng.uniform(.35, .65)
            x, y, r = o["x"], o["y"], o["r"]
            a, b = rng.uniform(.18, .24), rng.uniform(.76, .82)
            if o["motion"] in ("left", "right"):
                o["x"], x = (b, a) if o["motion"] == "left" else (a, b)
            elif o["motion"] in ("up", "down"):
                o["y"], y = (b, a) if o["motion"] == "up" else (a, b)
            elif o["motion"] in ("grow", "shrink"):
                big = .22 if len(lanes) == 1 else .19
                o["r"], r = (.08, big) if o["motion"] == "grow" else (big, .08)
            o["to"] = x, y, r
        return scene

    def frames(self, scene, size=SIZE):
        n = self.rng.randrange(18, 30)
        out = []
        for i in range(n):
            u = i / (n - 1)
            out.append(drawing.by_pil(
                [dict(o, **{k: o[k] + u * (v - o[k])
                            for k, v in zip("xyr", o["to"])})
                 for o in scene["things"]], scene["rgb"], size))
        return out

    # ---- words ----

    def word(self, word, font, colour=None, width=None, ground=None):
        """A picture of a word, with the names of its colour and its ground"""
        rng = self.rng
        palette = hues.palette_of(rng, colour) if colour else "css"
        while True:
            (name, front), (behind, rgb) = hues.pair(rng, palette, colour)
            if ground in (None, behind) and hues.legible(front, rgb):
                break
        w, h = rng.choice([(320, 240), (480, 270), (240, 240), (400, 300)])
        width = width or rng.uniform(.55, .8) * min(1, .55 + len(word) / 8)
        im = Image.new("RGB", (w * 2, h * 2), rgb)
        face = ImageFont.truetype(font, 100)
        box = face.getbbox(word)
        size = min(100 * width * w * 2 / (box[2] - box[0]), h * .9)
        face = ImageFont.truetype(font, int(size))
        ImageDraw.Draw(im).text(
            (w * rng.uniform(.97, 1.03), h * rng.uniform(.8, 1.2)), word, front,
            face, anchor="mm")
        return im.resize((w, h), Image.LANCZOS), name, behind

    def fonts(self, names):
        """Those that are installed"""
        out = []
        for name in names:
            try:
                ImageFont.truetype(name, 20)
                out.append(name)
            except OSError:
                pass
        return out

    # ---- what it doesn't know ----

    def chart(self):
        """Bars, a line or a pie, with an axis and numbers"""
        rng, (w, h) = self.rng, (400, 300)
        im = Image.new("RGB", (w, h), rng.choice(["white", "#f5f5f5", "#222831"]))
        d = ImageDraw.Draw(im)
        dark = im.getpixel((0, 0))[0] < 99
        ink = "#dddddd" if dark else "#333333"
        face = ImageFont.truetype("DejaVuSans.ttf", 11)
        colours = rng.sample(["#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd",
                              "#8c564b", "#e377c2", "#17becf"], 6)
        values = [rng.uniform(.15, 1) for _ in range(rng.randrange(5, 7))]
        d.text((w // 2, 14), rng.choice(["Sales", "Visitors", "Energy", "Budget"])
               + f" {rng.randrange(1990, 2025)}", ink, face, "mm")
        kind = rng.choice(["bars", "lines", "pie"])
        if kind == "pie":
            start = rng.uniform(0, 360)
            for v, c in zip(values, colours):
                end = start + 360 * v / sum(values)
                d.pieslice((110, 40, 330, 260), start, end, c)
                start = end
            return im
        for i in range(6):
            y = 260 - 40 * i
            d.line((45, y, 385, y), "#888888")
            d.text((25, y), str(20 * i), ink, face, "mm")
        d.line((45, 40, 45, 260, 385, 260), ink, 2)
        for series in range(1 if kind == "bars" else 3):
            points = []
            for i, v in enumerate(values):
                x = 75 + 55 * i
                if kind == "bars":
                    d.rectangle((x - 18, 260 - 200 * v, x + 18, 260), colours[0])
                    d.text((x, 272), "ABCDEF"[i], ink, face, "mm")
                points.append((x, 260 - 200 * rng.uniform(.1, 1)))
            if kind == "lines":
                d.line(points, colours[series], 3)
        return im

    def page(self):
        """A screen full of text"""
        rng, (w, h) = self.rng, (480, 320)
        ground, ink = rng.choice([("#000000", "#33ff33"), ("#ffffff", "#111111"),
                                  ("#300a24", "#eeeeec"), ("#fdf6e3", "#586e75"),
                                  ("#1e1e1e", "#d4d4d4")])
        im = Image.new("RGB", (w, h), ground)
        d = ImageDraw.Draw(im)
        face = ImageFont.truetype(rng.choice(
            ["DejaVuSansMono.ttf", "LiberationSerif-Regular.ttf"]), 12)
        vowels, rest = "aeiou", "bcdfghklmnprstvw"
        for y in range(10, h - 14, 16):
            line = " ".join(
                "".join(rng.choice(rest if i % 2 else vowels)
                        for i in range(rng.randrange(2, 9))) for _ in range(14))
            d.text((12, y), line[:rng.randrange(30, 66)], ink, face)
        return im

    def odd(self):
        """A hollow figure that has no name in the world"""
        rng, (w, h) = self.rng, SIZE
        (_, front), (_, behind) = hues.pair(rng, "css")
        im = Image.new("RGB", (w * 2, h * 2), behind)
        d = ImageDraw.Draw(im)
        kind = rng.choice(["zigzag", "ellipse", "spiral", "arrow"])
        if kind == "ellipse":
            d.ellipse((120, 160, 520, 320), outline=front, width=14)
        elif kind == "zigzag":
            d.line([(80 + 60 * i, 160 if i % 2 else 320) for i in range(9)], front,
                   14, "curve")
        elif kind == "arrow":
            d.line([(100, 240), (520, 240), (400, 130), (520, 240), (400, 350)],
                   front, 16, "curve")
        else:
            d.line([(320 + t * 9 * np.cos(t), 240 + t * 9 * np.sin(t))
                    for t in np.linspace(0, 18, 200)], front, 12, "curve")
        return im.resize(SIZE, Image.LANCZOS)

    def noisy(self, im, sigma, cell=1):
        return wear.grain(self.np, im, sigma, cell)
