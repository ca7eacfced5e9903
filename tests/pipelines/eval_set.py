# SPDX-License-Identifier: LGPL-2.1-or-later
"""A small data set in POPE's form, drawn: circles on white."""

import json

from PIL import Image, ImageDraw

COLOURS = {"red": (255, 0, 0), "blue": (0, 0, 255), "green": (0, 160, 0)}
# The embedded model answers in whole sentences.
ASKED = ("--form", "pope", "--template", "USER: <|image|>{} ASSISTANT:",
         "--max-tokens", "40")
RESULTS = ("answers.jsonl", "predictions.jsonl", "results.json")


def draw(path, colour, size=(160, 120)):
    picture = Image.new("RGB", size, "white")
    ImageDraw.Draw(picture).ellipse((50, 30, 110, 90), fill=colour)
    picture.save(path)


def write(folder):
    """The data set's file, with a question about each colour for each."""
    lines = []
    for name, colour in COLOURS.items():
        draw(folder / f"{name}.png", colour)
        lines += [{"question_id": f"{name} {other}", "image": f"{name}.png",
                   "text": f"Is there a {other} circle?",
                   "label": "yes" if other == name else "no"}
                  for other in COLOURS]
    path = folder / "pope data.json"  # a name to be quoted
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def results(folder):
    return {name: (folder / name).read_bytes() for name in RESULTS}
