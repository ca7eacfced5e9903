#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The picture that owl2-ask --look writes: the frame as it is shown, red where
the model looks, on what is asked about, also where the file says that it is to
be turned.

usage: test_look_picture.py OWL2_ASK"""

import pathlib
import sys
import tempfile

import numpy as np
from PIL import Image, ImageDraw

sys.path.append(str(pathlib.Path(__file__).parents[1] / "model"))
from test_goldens import Report, run  # noqa: E402

WIDTH, HEIGHT = 600, 400
CIRCLE, SQUARE = (150, 120, 66), (450, 290, 56)  # middle and half a width
ORIENTATION = 0x112  # of EXIF; 6: stored turned to the left


def draw():
    picture = Image.new("RGB", (WIDTH, HEIGHT), (250, 250, 250))
    pen = ImageDraw.Draw(picture)
    for (x, y, r), shape, colour in ((CIRCLE, pen.ellipse, (220, 30, 30)),
                                     (SQUARE, pen.rectangle, (35, 60, 220))):
        shape([x - r, y - r, x + r, y + r], fill=colour)
    return picture


def redness(path, plain):
    """How much redder each pixel is than that of the plain picture."""
    seen = np.asarray(Image.open(path), float)
    plain = np.asarray(plain.resize(seen.shape[1::-1], Image.BOX), float)
    change = seen - plain * (135 / 255)
    return change[..., 0] - change[..., 2]


def check(report, what, path, plain, thing):
    size = Image.open(path).size
    report.check(f"{what}: size", size == (512, 341), size)
    red = redness(path, plain)
    y, x = np.unravel_index(red.argmax(), red.shape)
    x, y, (cx, cy, r) = x * WIDTH / size[0], y * HEIGHT / size[1], thing
    # The map is as fine as patches are.
    near = max(abs(x - cx) - WIDTH / 16, abs(y - cy) - HEIGHT / 16) <= r
    report.check(what, near, f"red at {x:.0f}, {y:.0f}, not at {thing}")


def main():
    ask, report, plain = sys.argv[1], Report(), draw()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        plain.save(folder / "plain.png")
        exif = Image.Exif()
        exif[ORIENTATION] = 6
        plain.transpose(Image.ROTATE_90).save(folder / "turned.jpg", exif=exif,
                                              quality=95)
        # With a rate, and in fields.
        run("gst-launch-1.0", "-q", "filesrc", f"location={folder}/plain.png",
            "!", "pngdec", "!", "videoconvert", "!", "imagefreeze",
            "num-buffers=3", "!", "video/x-raw,format=I420,framerate=25/1", "!",
            "capssetter", "caps=video/x-raw,interlace-mode=interleaved", "!",
            "matroskamux", "!", "filesink", f"location={folder}/fields.mkv")
        for name in ("plain.png", "turned.jpg", "fields.mkv"):
            run(ask, "--frames=1", "--look", folder / "look.png", folder / name,
                "What color is the circle?", "What color is the square?")
            check(report, f"{name}, circle", folder / "look.png", plain, CIRCLE)
            check(report, f"{name}, square", folder / "look-2.png", plain,
                  SQUARE)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
