#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Draws docs/live.png: what owl2-live shows of the demo's clips after a while and
two questions.

usage: picture.py OWL2_LIVE OUT.png"""

import pathlib
import subprocess
import sys
import tempfile
import time

from PIL import Image

from browser import Browser
from live import Live

ROOT = pathlib.Path(__file__).resolve().parents[2]
CLIPS = ["heart", "circle", "star", "two"]
QUESTIONS = [("circle", "What color is the circle?"),
             ("two", "What shape is the yellow object?")]
CAPTION = "document.getElementById('said').textContent"


def draw(folder):
    subprocess.run([sys.executable, ROOT / "pipelines" / "draw-clips.py", folder],
                   check=True)
    sources = [word for clip in CLIPS for word in (
        "filesrc", f"location={folder}/{clip}.webm", "!", "matroskademux", "!",
        "vp8dec", "!", "c.")]
    subprocess.run(["gst-launch-1.0", "-q", "concat", "name=c", "!", "vp8enc",
                    "deadline=1", "!", "webmmux", "!", "filesink",
                    f"location={folder}/shapes.webm", *sources], check=True)
    return f"{folder}/shapes.webm"


def main():
    program, out = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder, \
            Live(program, draw(folder)) as live, Browser() as b:
        b.look(1280, 860)
        b.open(live.link)
        time.sleep(9)
        for word, question in QUESTIONS:
            b.wait(f"{CAPTION}.includes({word!r})", 20)
            b.run("document.getElementById('question').focus()")
            b.type(question)
            b.press("Enter", "\r")
            time.sleep(4)
        b.run("document.activeElement.blur()")
        b.wait("document.querySelector('#caption.writing')"
               " && document.getElementById('rest').textContent.length > 12", 20)
        b.picture(out)
        Image.open(out).quantize(256, dither=Image.Dither.NONE).save(out, optimize=True)


if __name__ == "__main__":
    main()
