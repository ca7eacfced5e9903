#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Draws clips of the small world that the embedded model knows (training/README.md),
two seconds each, as WebM.

usage: draw-clips.py FOLDER"""

import pathlib
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "training"))

import patterns  # noqa: E402 (sets up GStreamer)
import world  # noqa: E402
from gi.repository import Gst  # noqa: E402
from vocab import COLOURS  # noqa: E402

SIZE, FPS, FRAMES = [320, 240], 15, 30

# file: (background, [(colour, shape, where it is in the first and in the last
# frame: x, y of the frame, radius of its height)])
CLIPS = {
    "circle": ("white", [("red", "circle", (.2, .5, .17), (.8, .5, .17))]),
    "star": ("blue", [("yellow", "star", (.5, .78, .17), (.5, .22, .17))]),
    "heart": ("white", [("pink", "heart", (.5, .5, .09), (.5, .5, .22))]),
    "two": ("gray", [("blue", "circle", (.75, .3, .17), (.75, .75, .17)),
                     ("yellow", "star", (.25, .75, .1), (.25, .3, .1))]),
}
WORD = {"word": "HELLO", "shown": "HELLO", "colour": "white",
        "rgb": [255, 255, 255], "font": "DejaVu Sans", "bold": True,
        "outline": None, "fill": .7, "x": .5, "y": .5}


def scene(background, objects, text=None):
    t = np.linspace(0, 1, FRAMES)[:, None]
    return {
        "size": SIZE, "frames": FRAMES, "seed": [0], "text": text,
        "bg": {"kind": "plain", "names": [background],
               "rgb": [COLOURS[background][0]]},
        "objects": [
            {"rgb": COLOURS[colour][0], "shape": shape, "angle": 0,
             "path": np.array(a) + t * (np.array(b) - np.array(a))}
            for colour, shape, a, b in objects]}


def write(frames, path):
    caps = "video/x-raw,format=RGB,width=%d,height=%d,framerate=%d/1" % (*SIZE, FPS)
    pipe = Gst.parse_launch(
        f"appsrc name=in format=time caps={caps} ! videoconvert ! "
        "vp8enc deadline=1 target-bitrate=800000 ! webmmux ! "
        "filesink name=out")
    pipe.get_by_name("out").set_property("location", str(path))
    src = pipe.get_by_name("in")
    pipe.set_state(Gst.State.PLAYING)
    for i, frame in enumerate(frames):
        buf = Gst.Buffer.new_wrapped(frame.tobytes())
        buf.pts = i * Gst.SECOND // FPS
        buf.duration = Gst.SECOND // FPS
        src.emit("push-buffer", buf)
    src.emit("end-of-stream")
    end = pipe.get_bus().timed_pop_filtered(
        60 * Gst.SECOND, Gst.MessageType.EOS | Gst.MessageType.ERROR)
    pipe.set_state(Gst.State.NULL)
    if not end or end.type == Gst.MessageType.ERROR:
        sys.exit(f"{path}: {end.parse_error() if end else 'no end'}")


def main():
    out = pathlib.Path(sys.argv[1])
    for name, clip in CLIPS.items():
        write(world.render(scene(*clip))[0], out / f"{name}.webm")
    write(world.render(scene("blue", [], WORD))[0], out / "word.webm")


if __name__ == "__main__":
    main()
