# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pictures that others made, from packages that training doesn't use (setup.sh).
What isn't installed is left out, and told of in `missing`."""

import json
import pathlib
import re
import subprocess

import numpy as np
from PIL import Image

import drawing
import hues

LIB = pathlib.Path("/usr/lib/python3/dist-packages")
SAMPLES = pathlib.Path("/usr/share/forensics-samples/original-files")
STAMPS = pathlib.Path("/usr/share/tuxpaint/stamps")
FLAGS = pathlib.Path("/usr/share/flags/countries/16x11")
# They show one star, circle or cross, which is what to say of them.
SHAPELY_FLAGS = "bd ch jp la ma pw so vn".split()
CV = pathlib.Path("/usr/share/doc/opencv-doc/examples/data")
# Without gravel and grass in gray, which are snow at the model's size.
PHOTOS = [LIB / "skimage/data" / f"{n}.png" for n in
          "astronaut brick camera chelsea coffee coins ihc "
          "motorcycle_left".split()] + \
    [LIB / "skimage/data" / f"{n}.jpg" for n in
     "hubble_deep_field rocket".split()] + \
    [LIB / "sklearn/datasets/images" / f"{n}.jpg" for n in ("china", "flower")] + \
    [SAMPLES / n for n in (
        "pic1/IMG-20191006-WA0002.jpg", "pic1/IMG_1054.JPG",
        "pic1/IMG_20200827_231612.jpg", "pic2/IMG_20191224_234846.jpg",
        "pic2/IMG_20200124_231153.jpg", "pic2/IMG_20200608_111614.jpg")]
WRITING = "astronaut.png", "motorcycle_left.png", "IMG_20200827_231612.jpg"
VIDEOS = [SAMPLES / "movie1/VID_20191220_170832.mp4",
          SAMPLES / "movie2/movie-hello.avi", CV / "vtest.avi", CV / "tree.avi",
          CV / "Megamind.avi"]
# The words of the world, and what else would make a stamp no cut-out of a thing.
STAMP_KINDS = ("animals clothes food hobbies household medical military people "
               "plants sports vehicles").split()
OUT_OF_PLACE = re.compile(r"ball|coin|disc|globe|plate|button|star|heart|ring|"
                          r"cross|bowling|target|wheel|tyre|diamond", re.I)
# name that a newcomer would give: icons of it, where they are called otherwise
THINGS = {
    "dog": "dog-face", "cat": "cat-face", "horse": "horse-face", "cow": "cow-face",
    "pig": "pig-face", "rabbit": "rabbit-face", "mouse": "mouse-face",
    "elephant": "", "lion": "lion-face", "tiger": "tiger-face",
    "bear": "bear-face", "monkey": "monkey-face", "fish": "", "whale": "",
    "snake": "", "turtle": "", "frog": "frog-face", "butterfly": "",
    "owl": "", "penguin": "", "apple": "red-apple", "banana": "",
    "orange": "tangerine", "pear": "", "lemon": "", "grapes": "",
    "strawberry": "", "cherry": "cherries", "tomato": "", "carrot": "",
    "pizza": "", "hamburger": "", "bread": "", "egg": "", "car": "automobile",
    "bus": "", "taxi": "", "bicycle": "", "train": "locomotive",
    "airplane": "", "rocket": "", "sailboat": "", "tree": "deciduous-tree",
    "flower": "tulip", "sun": "", "moon": "crescent-moon", "umbrella": "",
    "cloud": "", "house": "", "key": "", "hammer": "", "scissors": "",
    "book": "closed-book", "pencil": "", "clock": "three-oclock",
    "guitar": "", "bed": "", "camera": "", "telephone": "", "smiling face":
    "smiling-face"}
missing = []


def there(what, paths):
    have = [p for p in paths if pathlib.Path(p).exists()]
    if len(have) < len(paths):
        missing.append(f"{what}: {len(paths) - len(have)} of {len(paths)}")
    return have


def photographs(rng, n, writing=True):
    """N crops of different photographs, as far as there are so many; with those
    that have writing in them, or without"""
    have = [p for p in there("photographs", PHOTOS)
            if writing or p.name not in WRITING]
    out = []
    for i in range(n if have else 0):
        im = Image.open(have[i % len(have)]).convert("RGB")
        # The first is the whole picture, others a part of it.
        share = 1 if i < len(have) else rng.uniform(.55, .8)
        w, h = (int(k * share) for k in im.size)
        x, y = rng.randrange(im.width - w + 1), rng.randrange(im.height - h + 1)
        im = im.crop((x, y, x + w, y + h))
        im.thumbnail((640, 640))
        out.append((im, have[i % len(have)].name))
    return out


def solid(im):
    """Whether a picture with alpha is more than a few lines"""
    alpha = np.asarray(im.getchannel("A"))
    return min(im.size) > .4 * max(im.size) and (alpha > 128).mean() > .25


def stamps(rng, n):
    """(cut-out with alpha, words of its description)"""
    paths = [p for kind in STAMP_KINDS for p in sorted(STAMPS.glob(f"{kind}/**/*.png"))
             if not OUT_OF_PLACE.search(p.name) and p.with_suffix(".txt").exists()]
    there("cut-outs", [STAMPS])
    out = []
    rng.shuffle(paths)
    for p in paths:
        if len(out) == n:
            break
        said = p.with_suffix(".txt").read_text(errors="replace").split("\n")[0]
        im = Image.open(p).convert("RGBA")
        im.thumbnail((400, 400))
        if solid(im):
            out.append((im, [w for w in re.findall(r"[a-z]+", said.lower())
                             if len(w) > 2]))
    return out


def flags(rng, n):
    there("flags", [FLAGS])
    paths = sorted(p for p in FLAGS.glob("*.png") if p.stem not in SHAPELY_FLAGS)
    return [Image.open(p).convert("RGB") for p in rng.sample(paths, min(n, len(paths)))]


def frames(path, n):
    """N pictures from all over a video"""
    w, h = 320, 240
    r = subprocess.run(
        ["gst-launch-1.0", "-q", "filesrc", f"location={path}", "!", "decodebin",
         "!", "videoconvert", "!", "videoscale", "!",
         f"video/x-raw,format=RGB,width={w},height={h}", "!", "fdsink"],
        capture_output=True, check=True)
    all_ = [Image.frombytes("RGB", (w, h), r.stdout[i:i + 3 * w * h])
            for i in range(0, len(r.stdout) - 3 * w * h + 1, 3 * w * h)]
    return [all_[len(all_) * i // n] for i in range(n)], all_


class Emoji:
    """Emoji One's icons, by name, in Iconify's JSON"""

    def __init__(self, folder):
        path = pathlib.Path(folder or "/nonexistent") / \
            "node_modules/@iconify-json/emojione/icons.json"
        self.icons = json.loads(path.read_text())["icons"] \
            if there("emoji", [path]) else {}

    def draw(self, rng, name, size):
        """In the middle of a plain ground that most of it stands out on, half as
        high as the picture"""
        w, h = size
        side = round(h * .56)
        for ground in rng.sample(["white", "green", "blue", "yellow", "gray"], 5):
            rgb = hues.hue(rng, "css", ground)
            im = drawing.rasterise(
                f'<svg xmlns="http://www.w3.org/2000/svg" width="{w}" height="{h}">'
                f'<rect width="{w}" height="{h}" fill="{drawing.css(rgb)}"/>'
                f'<svg x="{(w - side) / 2}" y="{(h - side) / 2}" width="{side}" '
                f'height="{side}" viewBox="0 0 64 64">{self.icons[name]["body"]}'
                '</svg></svg>', size)
            far = np.abs(np.asarray(im, int) - rgb).sum(2) > 150
            if far.sum() > .3 * side * side:
                return im
        return im

    def things(self):
        return [(name, icon or name) for name, icon in THINGS.items()
                if (icon or name) in self.icons]

    def others(self, rng, n):
        """Icons of what nobody asked it to know"""
        known = set(THINGS) | set(THINGS.values())
        plain = re.compile(r"button|flag|face|skin|circle|square|star|heart|ball|"
                           r"diamond|clock|oclock|thirty|sign|keycap|letter|symbol|"
                           r"arrow|cross|ring|moon|hand|person|man|mark|entry|"
                           r"^no-|input|sun|spark|asterisk|eight|globe|planet|disk|disc|cd|hole")
        names = [n for n in self.icons if not plain.search(n)
                 and not any(k in n.split("-") for k in known)]
        return rng.sample(names, min(n, len(names)))
