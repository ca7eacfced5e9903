# SPDX-License-Identifier: LGPL-2.1-or-later
"""The rows about how something is asked, and about what it doesn't know."""

import subprocess

from PIL import Image

import drawing
import found
import hues
from ask import Item
from draw import OWN_FONTS, SIZE
from grammar import (NUMBERS, VERBS, a, at, background, caption, capital, cell,
                     named, place, word_caption)
from questions import (FACTS, IMAGE_CAPTION, NOTHING, PARAPHRASES,
                       SHORT, UNKNOWN, UNKNOWNS)
from rows import by_pil

ROWS, COLUMNS = ("top", "middle", "bottom"), ("left", "middle", "right")


def about(thing, rest):
    """The card's sentence, and the same with other words for the thing"""
    return {"card": [f"The {thing} {rest}."],
            "it": [f"It {rest}.", f"The shape {rest}.", f"The object {rest}."]}


def yes_no(yes, sentences):
    """Sentences for whichever is true; a bare word serves, too."""
    word = "Yes" if yes else "No"
    return {"sentence": [f"{word}, {s}." for s in sentences],
            "word": [word + ".", word.lower()]}


class Said:
    """What is right about a scene, for each kind of question of PARAPHRASES:
    (plain, short) answers. Values that a phrasing takes are in `fill`."""

    def __init__(self, kind, d):
        self.kind, self.d, rng = kind, d, d.rng
        self.picture = getattr(self, "draw_" + kind.replace(" ", "_"),
                               self.draw_one)()
        self.fill.setdefault("no", rng.choice(
            [c for c in ("red", "green", "blue", "yellow") if c != self.colour]))

    # ---- pictures ----

    def draw_one(self):
        self.scene = self.d.single()
        self.keep()
        return self.d.save(by_pil(self.scene))

    def keep(self):
        self.o = o = self.scene["things"][0]
        self.colour, self.thing = o["colour"], o["shape"]
        others = [s for s in drawing.SHAPES if s != o["shape"]]
        other = self.d.rng.choice(others)
        self.fill = {"thing": o["shape"], "yes": o["colour"], "place": at(o)}
        if self.kind == "is shape":
            self.fill.update(yes=o["shape"], no=other)
        if self.kind == "is there":
            self.fill.update(yes=named(o, False), no=f"{o['colour']} {other}")

    def draw_moves(self):
        self.scene = self.d.moving(1)
        o = self.scene["things"][0]
        while self.kind in ("direction", "moving") and \
                o["motion"] in ("grow", "shrink"):
            self.scene = self.d.moving(1)
            o = self.scene["things"][0]
        self.keep()
        return self.d.film(self.d.frames(self.scene))

    draw_clip = draw_happening = draw_direction = draw_action = draw_moving = \
        draw_moves

    def draw_count(self):
        self.scene = self.d.scene()
        self.keep()
        n = len(self.scene["things"])
        self.fill.update(yes=NUMBERS[n], no=NUMBERS[n % 3 + 1])
        return self.d.save(by_pil(self.scene))

    def draw_are_there(self):
        while True:
            self.scene = self.d.scene()
            if len(self.scene["things"]) > 1:
                break
        self.keep()
        n = len(self.scene["things"])
        self.fill.update(yes=NUMBERS[n], no=NUMBERS[5 - n])
        return self.d.save(by_pil(self.scene))

    def draw_text(self):
        word, other = self.d.rng.sample(["HELLO", "STOP", "HOUSE", "MUSIC"], 2)
        im, self.colour, self.ground = self.d.word(
            word, self.d.rng.choice(self.d.fonts(OWN_FONTS)))
        self.word, self.fill = word, {"yes": word, "no": other, "thing": "word"}
        return self.d.save(im)

    draw_says = draw_text_colour = draw_text

    def draw_screen(self):
        self.colour, self.fill = self.d.rng.choice(["red", "green", "blue"]), {}
        return self.d.save(Image.new("RGB", SIZE, hues.hue(self.d.rng, "css",
                                                           self.colour)))

    def draw_pattern(self):
        self.colour, self.fill = None, {}
        pattern, self.name = self.d.rng.choice(
            [("smpte", "SMPTE color bars"), ("snow", "snow"),
             ("pinwheel", "a pinwheel"), ("checkers-4", "a checkerboard"),
             ("spokes", "spokes"), ("circular", "circles")])
        path = self.d.path("png")
        subprocess.run(
            ["gst-launch-1.0", "-q", "videotestsrc", "num-buffers=1",
             f"pattern={pattern}", "!", "video/x-raw,width=320,height=240", "!",
             "videoconvert", "!", "pngenc", "!", "filesink", f"location={path}"],
            check=True)
        return path

    # ---- answers ----

    def answers(self, phrasing):
        """(plain, short) of {form: texts}"""
        kind, no = self.kind, "{no}" in phrasing
        thing, c = self.fill.get("thing"), self.colour
        if kind in ("text", "says", "text colour", "screen", "pattern"):
            return self.answers_alone(no, phrasing)
        o, scene = self.o, self.scene
        pair, said = named(o, False), caption(self.scene)
        if kind in ("this", "caption"):
            short = {"pair": [pair, named(o), capital(a(pair)) + "."],
                     "caption": [said], "shape": [o["shape"]]}
            plain = {"caption": [said], "sentence": [
                f"{w} {a(n)}." for w in ("This is", "It is")
                for n in (pair, named(o))], "pair": [pair, capital(a(pair)) + "."]}
            return (plain if kind == "this" else {"caption": [said]}), short
        if kind in ("clip", "happening"):
            verb = VERBS[o["motion"]]
            plain = {"caption": [said], "sentence": [
                f"The {n} {verb}." for n in (pair, o["shape"], named(o))]}
            return plain, {"caption": [said], "verb": [
                verb, f"{pair} {verb}", f"the {pair} {verb}"]}
        if kind == "colour":
            return about(thing, f"is {c}"), {"word": [c]}
        if kind == "is colour":
            is_ = [f"the {thing} is {c}", f"it is {c}"]
            if no:
                is_ += [f"the {thing} is not {self.fill['no']}",
                        f"it is not {self.fill['no']}"]
            return {**yes_no(not no, is_), **about(thing, f"is {c}")}, \
                {"word": ["no" if no else "yes"]}
        if kind == "shape":
            s = o["shape"]
            return {"card": [f"The {c} object is {a(s)}."], "it": [
                f"{w} is {a(s)}." for w in ("It", "This", "The shape")] + [
                f"There is {a(s)}."], "caption": [said]}, {
                "word": [s], "pair": [pair]}
        if kind == "is shape":
            s = o["shape"]
            is_ = [f"{w} is {a(s)}" for w in ("it", "this", "the shape",
                                             f"the {c} object", "there")]
            if no:
                n = self.fill["no"]
                is_ += [f"there is no {n}"] + [
                    f"{w} is not {a(n)}" for w in ("it", "this", "the shape")]
            return yes_no(not no, is_), {"word": ["no" if no else "yes"]}
        if kind == "size":
            big = named(o).split()[0]
            plain = about(thing, f"is {big}")
            if phrasing.startswith("Is the {thing} big?"):
                plain.update(yes_no(big == "large", [f"the {thing} is {big}",
                                                     f"it is {big}"]))
                return plain, {"word": [big], "yes or no": [
                    "yes" if big == "large" else "no"]}
            return plain, {"word": [big]}
        if kind in ("count", "are there"):
            n = len(scene["things"])
            s = "There is one shape." if n == 1 else f"There are {NUMBERS[n]} shapes."
            if kind == "are there":
                return {**yes_no(not no, ["t" + s[1:-1]]), "count": [s]}, \
                    {"word": ["no" if no else "yes"]}
            return {"card": [s], "noun": [s.replace("shape", w) for w in (
                "thing", "object", "figure")]}, {"word": [NUMBERS[n]]}
        if kind == "where":
            return about(thing, f"is {at(o)}"), {"word": [place(o)]}
        if kind in ("row", "column"):
            word = (ROWS if kind == "row" else COLUMNS)[cell(o)[kind == "column"]]
            return about(thing, f"is in the {word} {kind}"), {"word": [word]}
        if kind == "at":
            return {"card": [f"There is {a(pair)} {at(o)}."], "sentence": [
                f"{w} is {a(pair)}." for w in ("It", "There")]}, \
                {"word": [pair], "shape": [o["shape"]]}
        if kind == "is there":
            return yes_no(not no, [f"there is no {self.fill['no']}" if no else
                                   f"there is {a(pair)}"]), \
                {"word": ["no" if no else "yes"]}
        if kind == "direction":
            if o["motion"] == "still":
                return {**about(thing, "does not move"),
                        "verb": about(thing, "stays still")["card"]}, \
                    {"word": ["nowhere"], "verb": ["stays still"]}
            return about(thing, VERBS[o["motion"]]), {"word": [o["motion"]]}
        if kind == "action":
            return about(thing, VERBS[o["motion"]]), {"word": [VERBS[o["motion"]]]}
        if kind == "moving":
            moves = o["motion"] != "still"
            verb = VERBS[o["motion"]]
            plain = yes_no(moves, [f"{w} {v}" for v in (verb, "does not move")
                                   for w in (f"the {thing}", "it", f"the {pair}",
                                             "the shape")] +
                           ["nothing moves"] * (not moves))
            return plain, {"word": ["yes" if moves else "no"]}
        assert kind == "background"
        plain, short = background(scene["ground"])
        return {"card": plain[:1], "colour": plain[1:]}, {"word": short}

    def answers_alone(self, no, phrasing):
        kind, c = self.kind, self.colour
        if kind == "text":
            return {"card": [f'The text says "{self.word}".'], "word": [
                f'The word is "{self.word}".', self.word], "caption": [
                word_caption(self.word, c, self.ground)]}, {"word": [self.word]}
        if kind == "says":
            return yes_no(not no, [f'{w} says "{self.word}"' for w in
                                   ("the text", "it")] +
                          [f'the word is "{self.word}"']), \
                {"word": ["no" if no else "yes"]}
        if kind == "text colour":
            return {"card": [f"The text is {c}."], "noun": [
                f"The {w} is {c}." for w in ("word", "writing", "font")] +
                [f"The letters are {c}.", f"It is {c}."]}, {"word": [c]}
        if kind == "screen":
            plain, short = background(c)
            said = f"A plain {c} screen."
            return {"background": plain, "caption": [said], "sentence": [
                f"{w} is {p}{c}." for w in ("The screen", "It", "This",
                                            "The picture", "The image")
                for p in ("", "plain ")]}, {"word": short, "caption": [
                    said, f"plain {c} screen", f"a plain {c} screen"]}
        plain = {"card": [f"The test pattern is {self.name}."],
                 "caption": [f"A test pattern: {self.name}."]}
        if phrasing.startswith("Is this"):
            plain["yes"] = [f"Yes, this is {self.name}.", "Yes.",
                            f"Yes, the test pattern is {self.name}.",
                            "Yes, this is a test pattern."]
            return plain, {"word": [self.name, "yes"]}
        return plain, {"word": [self.name]}


def paraphrases(d, row):
    for kind, phrasings in PARAPHRASES.items():
        for _ in range(2 if d.share == 1 else 1):
            said = Said(kind, d)
            for phrasing in d.rng.sample(phrasings, d.n(len(phrasings))):
                q = phrasing.format(**said.fill)
                plain, short = said.answers(phrasing)
                yield Item(row, f"{kind}, plain", said.picture, q, plain)
                yield Item(row, f"{kind}, short", said.picture, q + SHORT, short)
    picture = d.save(by_pil(d.scene()))
    for _, sentence, short, others in d.rng.sample(FACTS, d.n(len(FACTS))):
        for q in others:
            yield Item(row, "facts, plain", picture, q, [sentence])
            yield Item(row, "facts, short", picture, q + SHORT, short)


def facts_short(d, row):
    picture = d.save(by_pil(d.scene()))
    for asked, _, short, _ in d.rng.sample(FACTS, d.n(len(FACTS))):
        for q in asked:
            yield Item(row, "", picture, q + SHORT, short)


def facts_kept(d, row):
    picture = d.save(by_pil(d.scene()))
    for asked, sentence, _, _ in d.rng.sample(FACTS, d.n(len(FACTS))):
        for q in asked:
            yield Item(row, "", picture, q, [sentence])


def unknown(d, row):
    pictures = [d.save(by_pil(d.scene())), d.save(Image.new("RGB", SIZE, "white"))]
    for i, q in enumerate(d.rng.sample(UNKNOWNS, d.n(len(UNKNOWNS)))):
        yield Item(row, "plain", pictures[i % 2], q, [UNKNOWN])
        yield Item(row, "short", pictures[i % 2], q + SHORT, {
            "sentence": [UNKNOWN], "word": ["unknown", "I don't know"]})


NONE = {  # question: (sentences, short answers) where there is no such thing
    "What shape is there?": (["There is no shape.", "There are no shapes."],
                             ["none", "nothing"]),
    "How many shapes are there?": (["There are no shapes.", "There is no shape."],
                                   ["none", "no", "zero", "nothing"]),
    "Where is the circle?": (["There is no circle.", "There are no shapes."],
                             ["nowhere", "none"]),
    "What color is the square?": (["There is no square.", "There are no shapes."],
                                  ["none"]),
    "What color is the text?": (["There is no text."], ["none", "nothing"]),
    "What does the text say?": (["There is no text."], ["nothing", "none"]),
}


def beside(d, row):
    """The ground's colour beside things; none and nothing where there is none"""
    def asked(part, path, question, right, short):
        yield Item(row, part, path, question, {"": right})
        yield Item(row, part, path, question + SHORT, {"": short})

    for i in range(d.n(12)):
        s = d.scene(2 if i % 2 else 1)
        yield from asked("background, shapes", d.save(by_pil(s)),
                         "What color is the background?", *background(s["ground"]))
    for _ in range(d.n(6)):
        im, _, ground = d.word("HELLO", d.rng.choice(d.fonts(OWN_FONTS)))
        yield from asked("background, words", d.save(im),
                         "What color is the background?", *background(ground))
    alone = [("plain screens", Image.new("RGB", SIZE, hues.hue(d.rng, "css", c)))
             for c in d.rng.sample(["red", "green", "blue", "white"], d.n(4))]
    alone += [("photographs", im) for im, _ in
              found.photographs(d.rng, d.n(4), writing=False)]
    pictures = [(part, d.save(im)) for part, im in alone]
    pictures += [("patterns", Said("pattern", d).picture) for _ in range(d.n(4))]
    for part, path in pictures:
        for q, (right, short) in NONE.items():
            # Of rings, squares and rays it can be said that they are shapes.
            if part == "patterns" and "text" not in q:
                continue
            # A photograph may have anything: that it knows nothing is right, too.
            more = [NOTHING] if part == "photographs" else []
            yield from asked(part, path, q, right + more, short)


def one_frame(d, row):
    """A still picture is shown to the model as one frame: counted by held.py."""
    for ending in ("png", "jpg"):
        for _ in range(d.n(4)):
            s = d.single()
            path = d.save(by_pil(s), 90 if ending == "jpg" else None)
            yield Item(row, "caption", path, IMAGE_CAPTION, [caption(s)])
