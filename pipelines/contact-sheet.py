#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A picture of a captioned video: for each caption four frames that it speaks
of, in a row, and the caption below.

usage: contact-sheet.py VIDEO CAPTIONS.srt OUT.png"""

import re
import sys
import textwrap

import gi

gi.require_version("Gst", "1.0")
from gi.repository import Gst  # noqa: E402
from PIL import Image, ImageDraw, ImageFont  # noqa: E402

COLUMNS, FRAMES, WIDTH = 2, 4, 120  # WIDTH of a frame, in pixels
MARGIN, GAP, LINE, LETTERS = 16, 4, 19, 58
FONT = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"


def read_captions(path):
    """[(start, end, text)], in seconds"""
    out = []
    for block in open(path, encoding="utf-8").read().strip().split("\n\n"):
        _, times, text = block.split("\n", 2)
        h, m, s, ms, h2, m2, s2, ms2 = map(int, re.findall(r"\d+", times))
        out.append((h * 3600 + m * 60 + s + ms / 1000,
                    h2 * 3600 + m2 * 60 + s2 + ms2 / 1000, text))
    return out


def read_frames(path, times):
    """The frames on screen at the times (ascending), WIDTH pixels wide."""
    Gst.init(None)
    pipe = Gst.parse_launch(
        "filesrc name=in ! decodebin ! videoconvert ! videoscale ! "
        f"video/x-raw,format=RGB,width={WIDTH},pixel-aspect-ratio=1/1 ! "
        "appsink name=out sync=false max-buffers=4")
    pipe.get_by_name("in").set_property("location", path)
    sink = pipe.get_by_name("out")
    pipe.set_state(Gst.State.PLAYING)
    out, shown = [], None
    while len(out) < len(times):
        sample = sink.emit("pull-sample")
        start = sample.get_buffer().pts / Gst.SECOND if sample else float("inf")
        while shown and len(out) < len(times) and times[len(out)] < start - .01:
            out.append(shown)
        if not sample:
            break
        caps = sample.get_caps().get_structure(0)
        size = caps.get_value("width"), caps.get_value("height")
        data = sample.get_buffer().extract_dup(0, sample.get_buffer().get_size())
        stride = (size[0] * 3 + 3) // 4 * 4
        shown = Image.frombytes("RGB", size, data, "raw", "RGB", stride)
    pipe.set_state(Gst.State.NULL)
    if len(out) < len(times):
        sys.exit(f"{path}: it ends before its captions do")
    return out


def main():
    video, srt, path = sys.argv[1:4]
    captions = read_captions(srt)
    frames = read_frames(video, [a + (b - a) * i / FRAMES
                                 for a, b, _ in captions for i in range(FRAMES)])
    height = frames[0].height
    lines = [textwrap.wrap(text, LETTERS) for _, _, text in captions]
    cell_w = FRAMES * (WIDTH + GAP) - GAP
    rows = [range(i, min(i + COLUMNS, len(lines)))
            for i in range(0, len(lines), COLUMNS)]
    heights = [height + LINE * max(len(lines[i]) for i in row) + 2 * MARGIN
               for row in rows]
    sheet = Image.new("RGB", (MARGIN + COLUMNS * (cell_w + MARGIN),
                              MARGIN + sum(heights)), "#202124")
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.truetype(FONT, 15)
    y = MARGIN
    for row, row_height in zip(rows, heights):
        for column, i in enumerate(row):
            x = MARGIN + column * (cell_w + MARGIN)
            for k in range(FRAMES):
                sheet.paste(frames[i * FRAMES + k], (x + k * (WIDTH + GAP), y))
            for k, line in enumerate(lines[i]):
                draw.text((x, y + height + 4 + k * LINE), line, "white", font)
        y += row_height
    sheet.save(path)


if __name__ == "__main__":
    main()
