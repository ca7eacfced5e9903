# SPDX-License-Identifier: LGPL-2.1-or-later
"""The sentences of training/README.md, said anew of the scenes drawn here.

A scene is a dict: things (drawing.py), ground (the name of a plain colour,
"gradient" or "noise"); of a clip, each thing has a motion, too."""

import re

PLACES = ["top left", "top", "top right", "left", "center", "right", "bottom left",
          "bottom", "bottom right"]
NUMBERS = ["no", "one", "two", "three"]
VERBS = {"still": "stays still", "left": "moves left", "right": "moves right",
         "up": "moves up", "down": "moves down", "grow": "grows",
         "shrink": "shrinks"}


def capital(text):
    return text[0].upper() + text[1:]


def a(text):
    return ("an " if text[0] in "aeiou" else "a ") + text


def named(o, size=True):
    """large red circle; what grows or shrinks has no size."""
    big = "large " if o["r"] > .133 else "small "
    sized = size and o.get("motion") not in ("grow", "shrink")
    return (big if sized else "") + f"{o['colour']} {o['shape']}"


def on(ground):
    return {"gradient": "a gradient background", "noise": "a noisy background"}.get(
        ground, f"a plain {ground} background")


def cell(o):
    """Row and column, 0 to 2"""
    return int(o["y"] * 3), int(o["x"] * 3)


def place(o):
    row, column = cell(o)
    return PLACES[3 * row + column]


def at(o):
    word = place(o)
    return "in the center" if word == "center" else \
        ("on the " if word in ("left", "right") else "at the ") + word


def caption(scene):
    things = scene["things"]
    if "motion" in things[0]:
        things = sorted(things, key=lambda o: o["y"])
        said = [f"{a(named(o))} {VERBS[o['motion']]}" for o in things]
    else:
        said = [a(named(o)) for o in sorted(things, key=cell)]
    text = said[0] if len(said) == 1 else \
        ", ".join(said[:-1]) + " and " + said[-1]
    return f"{capital(text)} on {on(scene['ground'])}."


def word_caption(word, colour, ground):
    return f'The word "{word}" in {colour} on {on(ground)}.'


def background(ground):
    """What may be said of it, and the word for it"""
    if ground == "gradient":
        return ["The background is a gradient."], ["gradient", "a gradient"]
    if ground == "noise":
        return ["The background is noisy."], ["noise", "noisy"]
    return [f"The background is plain {ground}.", f"The background is {ground}."], \
        [ground, "plain " + ground]


# Things it has no name for, beside whatever else the sentence says.
NO_NAME = re.compile(r".*\bsomething that I don't know\b.*")


def some(nouns):
    """A caption of one thing by one of these names, of whatever size and ground"""
    return re.compile(r"An? (large |small )?(%s)( (stays still|moves \w+|grows|"
                      r"shrinks))?( on an? .* background)?\."
                      % "|".join(map(re.escape, nouns)))
