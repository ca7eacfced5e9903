# SPDX-License-Identifier: LGPL-2.1-or-later
"""The rows of pictures: each draws its pictures and gives its items. rows_said.py has
those that are about how something is asked."""

import re

from PIL import Image

import drawing
import found
import hues
import wear
from ask import Item
from draw import OTHER_FONTS, OWN_FONTS, SIZE, Draw
from grammar import (NO_NAME, a, background, caption, capital, on, some,
                     word_caption)
from questions import CLIP_CAPTION, IMAGE_CAPTION, NOTHING, SHORT

NO_TEXT = "There is no text."


def dressed(scene, **more):
    """With more keys for each of its things"""
    scene["things"] = [dict(o, **more) for o in scene["things"]]
    return scene


def line_colour(scene):
    """Of an outline that stands out on the ground: black or white"""
    return (20, 20, 20) if sum(scene["rgb"]) > 380 else (245, 245, 245)


def by_pil(scene, size=SIZE):
    return drawing.by_pil(scene["things"], scene["rgb"], size)


def by_svg(scene, size=SIZE):
    return drawing.by_svg(scene["things"], scene["rgb"], size)


def turned(d, scene):
    for o in scene["things"]:
        o["turn"] = d.rng.choice([-1, 1]) * d.rng.uniform(8, 18)
    return scene


def shaded(scene):
    for o in scene["things"]:
        o["shade"] = [int(.78 * v) for v in o["rgb"]]
    return scene


IN_LESS_LIGHT = "red", "green", "blue", "purple", "black"
INSIDE = 320, 204  # of bars above and below, in a picture of SIZE


def keeps_its_names(scene):
    """A scene whose colours have the same names in less light, and can be told from
    each other: others turn into olive, brown, teal, mauve and gray."""
    while True:
        s = scene()
        if {s["ground"], *(o["colour"] for o in s["things"])} <= \
                set(IN_LESS_LIGHT) and all(hues.legible(o["rgb"], s["rgb"])
                                           for o in s["things"]):
            return s


def boxed(scene):
    """For a picture inside bars: what is large is so beside both."""
    for o in scene["things"]:
        if o["r"] > .15:
            o["r"] *= 1.05
            if "to" in o:
                o["to"] = *o["to"][:2], o["to"][2] * 1.05
    return scene


# name: how a picture of it comes to be; each gives (scene, PIL image or path)
def style_picture(d, style):
    rng = d.rng
    s = d.scene(palette=style) if style in hues.PALETTES else d.scene()
    if style in hues.PALETTES:
        return s, rng.choice([by_pil, by_svg])(s)
    if style == "outlines":
        return s, rng.choice([by_pil, by_svg])(dressed(s, edge=line_colour(s)))
    if style == "rotation":
        return s, rng.choice([by_pil, by_svg])(turned(d, s))
    if style == "shadows":
        return s, rng.choice([by_pil, by_svg])(dressed(s, shadow=True))
    if style == "shaded (SVG)":
        return s, by_svg(shaded(s))
    if style == "sensor noise":
        return s, d.noisy(by_pil(s), rng.uniform(4, 8))
    if style == "dim, vignette":
        s = keeps_its_names(d.scene)
        return s, wear.dim(d.np, by_pil(s), rng.uniform(.65, .8))
    if style == "96x72":
        return s, by_pil(s, (96, 72))
    if style == "1080p":
        return s, by_svg(s, (1920, 1080))
    if style == "letterbox":
        s = d.scene(palette="css", ground=rng.choice(["white", "blue", "yellow",
                                                      "green"]))
        return s, wear.bars(by_pil(boxed(s), INSIDE), SIZE)
    if style == "9:16":
        return s, by_pil(s, (216, 384))
    if style == "blurred":
        path = d.path("png")
        drawing.through([by_pil(s)], "gaussianblur sigma=1.5 ! videoconvert ! pngenc",
                        path)
        return s, path
    if style == "pale (videobalance)":
        path = d.path("png")
        drawing.through([by_pil(s)], "videobalance saturation=0.85 contrast=0.9 ! "
                        "videoconvert ! pngenc", path)
        return s, path
    assert style == "JPEG 15"
    return s, d.save(by_pil(s), 15)


STYLES = [*hues.PALETTES, "outlines", "rotation", "shadows", "shaded (SVG)",
          "sensor noise", "dim, vignette", "96x72", "1080p", "letterbox", "9:16",
          "blurred", "pale (videobalance)", "JPEG 15"]


def pictures(d: Draw, row):
    """Captions of images in other styles"""
    for style in STYLES:
        for _ in range(d.n(10)):
            s, im = style_picture(d, style)
            path = d.save(im) if isinstance(im, Image.Image) else im
            yield Item(row, style, path, IMAGE_CAPTION, [caption(s)])


def clips(d, row):
    styles = ["hues", "outlines", "rotation", "shadows", "sensor noise",
              "dim, vignette", "96x72", "720p", "letterbox", "9:16", "few bits"]
    for style in styles:
        for _ in range(d.n(6)):
            s = keeps_its_names(d.moving) if style == "dim, vignette" else d.moving()
            more = {"outlines": {"edge": line_colour(s)}, "shadows": {"shadow": True}}
            s = dressed(s, **more.get(style, {}))
            if style == "rotation":
                s = turned(d, s)
            if style == "letterbox":
                s = boxed(s)
            size = {"96x72": (96, 72), "720p": (1280, 720), "9:16": (180, 320),
                    "letterbox": INSIDE}.get(style, SIZE)
            frames = d.frames(s, size)
            if style == "sensor noise":
                frames = [d.noisy(f, 6) for f in frames]
            if style == "dim, vignette":
                frames = [wear.dim(d.np, f, .75) for f in frames]
            if style == "letterbox":
                frames = [wear.bars(f, SIZE) for f in frames]
            path = d.film(frames, *(("mp4", 80) if style == "few bits" else ()))
            yield Item(row, style, path, CLIP_CAPTION, [caption(s)])


def grounds(d, row):
    """What the ground is, beside things and alone"""
    def asked(part, im, s):
        plain, short = background(s["ground"])
        path = d.save(im)
        yield Item(row, part, path, IMAGE_CAPTION, {
            "the ground of a caption": [
                re.compile(r".* on " + on(s["ground"]) + r"\.")]})
        yield Item(row, part, path, "What is the background?", {"sentence": plain})
        yield Item(row, part, path, "Describe the background." + SHORT,
                   {"word": short})

    for _ in range(d.n(10)):
        s = d.single()
        yield from asked("fine noise", d.noisy(by_pil(s), d.rng.uniform(30, 48)),
                         dict(s, ground="noise"))
    for _ in range(d.n(6)):
        s = d.single()
        yield from asked("coarse noise", d.noisy(
            by_pil(s), d.rng.uniform(30, 45), d.rng.choice([3, 4, 6])),
            dict(s, ground="noise"))
    for _ in range(d.n(8)):
        s = d.single(palette="css", ground=d.rng.choice(
            ["white", "blue", "green", "yellow", "cyan"]))
        tall = d.rng.random() < .5
        yield from asked("black bars", wear.bars(
            by_pil(s, (180, 240) if tall else (320, 180)), SIZE), s)
    for _ in range(d.n(6)):
        s, (p, q) = d.single(), d.gradient()
        s["things"][0]["rgb"], s["things"][0]["edge"] = (255, 255, 255), (0, 0, 0)
        yield from asked("gradient", drawing.by_svg(s["things"], (p, q), SIZE),
                         dict(s, ground="gradient"))
    for _ in range(d.n(12)):
        name = d.rng.choice(IN_LESS_LIGHT[:4])
        im = wear.dim(d.np, Image.new("RGB", SIZE, hues.hue(d.rng, "css", name)), .7)
        yield Item(row, "dim noisy plain screen", d.save(d.noisy(im, 6)),
                   IMAGE_CAPTION, [f"{capital(a(f'plain {name} screen'))}."])


KNOWN_WORDS = "HELLO STOP OPEN CLOSED START HOUSE MUSIC VIDEO WATER NIGHT HOTEL NEWS"
# As many of each length
NEW_WORDS = """AX OWE LAMP APPLE GARDEN KITCHEN OX JAM BELL RIVER WINDOW BLANKET
HE FOG DUCK CHAIR MARKET CABBAGE WE HEN FROG PAPER SILVER DOLPHIN IF INK GOAT STONE
BRIDGE FEATHER AS JAR HILL CLOUD DOCTOR GLACIER OR KEY LEAF LEMON SCHOOL HARVEST BY
MUG""".split()


def text_colours(d, row):
    """Brown is asked for more often: it was the one that failed."""
    names = ["brown"] * 3 + hues.NAMES
    fonts = d.fonts(OWN_FONTS)
    for i in range(d.n(60)):
        name = names[i % len(names)]
        im, name, _ = d.word(d.rng.choice(KNOWN_WORDS.split()), d.rng.choice(fonts),
                             name)
        path = d.save(im)
        part = "brown" if name == "brown" else "others"
        yield Item(row, part, path, "What color is the text?",
                   [f"The text is {name}."])
        yield Item(row, part, path, "What is the color of the text?" + SHORT, [name])


def new_words(d, row):
    for part, names in (("own fonts", OWN_FONTS), ("other fonts", OTHER_FONTS)):
        fonts = d.fonts(names)
        if len(fonts) < len(names):
            found.missing.append(f"{part}: {len(names) - len(fonts)} of {len(names)}")
        for i in range(d.n(len(NEW_WORDS)) if fonts else 0):
            word = NEW_WORDS[i % len(NEW_WORDS)]
            im, colour, ground = d.word(word, d.rng.choice(fonts))
            yield Item(row, part, d.save(im), "What does the text say?",
                       [f'The text says "{word}".'])


def known_in_other_fonts(d, row):
    fonts = d.fonts(OTHER_FONTS)
    for _ in range(d.n(30) if fonts else 0):
        word = d.rng.choice(KNOWN_WORDS.split())
        im, colour, ground = d.word(word, d.rng.choice(fonts))
        yield Item(row, "", d.save(im), IMAGE_CAPTION,
                   [word_caption(word, colour, ground)])


def on_plain(d, cut, size=SIZE):
    """A picture with alpha in the middle of a plain ground"""
    im = Image.new("RGB", size, hues.hue(d.rng, "css", d.rng.choice(
        ["white", "green", "blue", "gray", "yellow"])))
    cut = cut.copy()
    cut.thumbnail((size[0] * 6 // 10, size[1] * 6 // 10))
    im.paste(cut, ((size[0] - cut.width) // 2, (size[1] - cut.height) // 2), cut)
    return im


def strange(d, emoji):
    """(part, path, question, right captions) of what it doesn't know"""
    nothing = [NOTHING, NO_NAME]
    for im, _ in found.photographs(d.rng, d.n(36)):
        yield "photographs", d.save(im, 85), IMAGE_CAPTION, nothing
    for path in found.there("camera video", found.VIDEOS)[:d.n(5)]:
        few, all_ = found.frames(path, d.n(3))
        for im in few:
            yield "camera video", d.save(im, 85), IMAGE_CAPTION, nothing
        yield "camera video", d.film(all_[:45]), CLIP_CAPTION, nothing
    for im, words in found.stamps(d.rng, d.n(30)):
        yield "cut-outs", d.save(on_plain(d, im)), IMAGE_CAPTION, \
            {"nothing": nothing, "by name": [some(words)]}
    for name in emoji.others(d.rng, d.n(30)) if emoji.icons else []:
        yield "emoji", d.save(emoji.draw(d.rng, name, SIZE)), IMAGE_CAPTION, \
            {"nothing": nothing, "by name": [some([name, *name.split("-")])]}
    for im in found.flags(d.rng, d.n(14)):
        # As large as a picture, or in the middle of one.
        big = im.resize((320, 216), Image.NEAREST).convert("RGBA")
        im = big.convert("RGB") if d.rng.random() < .5 else on_plain(d, big)
        yield "flags", d.save(im), IMAGE_CAPTION, \
            {"nothing": nothing, "by name": [some(["flag"])]}
    for _ in range(d.n(14)):
        yield "charts", d.save(d.chart()), IMAGE_CAPTION, nothing
    for _ in range(d.n(12)):
        yield "screens of text", d.save(d.page()), IMAGE_CAPTION, {
            "nothing": nothing,
            "small text": [re.compile(
                r"A plain (white|black|green|gray|purple|yellow) screen with small "
                r"text\.")]}
    for _ in range(d.n(10)):
        yield "odd hollow figures", d.save(d.odd()), IMAGE_CAPTION, nothing


def invented(d, row, emoji):
    for part, path, question, right in strange(d, emoji):
        yield Item(row, part, path, question, right)


def hollow(d, row):
    """Outlines of shapes that have a name; a circle is a ring."""
    for i in range(d.n(24)):
        s = d.single()
        o = s["things"][0]
        o["shape"] = [n for n in drawing.SHAPES if n != "ring"][i % 7]
        im = (by_svg if i % 2 else by_pil)(dressed(s, hollow=True))
        if o["shape"] == "circle":
            s["things"] = [dict(o, shape="ring")]
        yield Item(row, o["shape"], d.save(im), IMAGE_CAPTION, [caption(s)])


def nothing_to_read(d, row, emoji):
    def asked(part, path):
        for q in ("What does the text say?", "Read the text."):
            yield Item(row, part, path, q, {"card": [NO_TEXT],
                                            "nothing": [NOTHING]})

    for im, _ in found.photographs(d.rng, d.n(28), writing=False):
        yield from asked("photographs", d.save(im, 85))
    for im, _ in found.stamps(d.rng, d.n(10)):
        yield from asked("cut-outs", d.save(on_plain(d, im)))
    for name in emoji.others(d.rng, d.n(10)) if emoji.icons else []:
        yield from asked("emoji", d.save(emoji.draw(d.rng, name, SIZE)))
    for _ in range(d.n(10)):
        yield from asked("shapes", d.save(by_svg(d.scene())))


def everyday(d, row, emoji):
    """By name, in a style of icons that training hasn't seen"""
    names = emoji.things()
    for name, icon in d.rng.sample(names, d.n(len(names))) if names else []:
        path = d.save(emoji.draw(d.rng, icon, SIZE))
        yield Item(row, "caption", path, IMAGE_CAPTION, [some([name])])
        yield Item(row, "what is this", path, "What is this?", {
            "caption": [some([name])],
            "sentence": [f"{who} {a(name)}." for who in ("This is", "It is")],
            "name": [name]})
