#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""trigger=scene with the embedded model, on pictures that change for good: what
moves in a picture is no new one, another picture is, at the default threshold,
and the answers are the same however the stream is held up. The distances are
printed.

usage: test_scene.py PLUGIN_FOLDER"""

import os
import re
import sys
import tempfile

os.environ["GST_PLUGIN_PATH"] = sys.argv[1]
LOG = tempfile.NamedTemporaryFile()
os.environ.update(GST_DEBUG="owl2:6", GST_DEBUG_NO_COLOR="1",
                  GST_DEBUG_FILE=LOG.name)
import gi  # noqa: E402

gi.require_version("Gst", "1.0")
from gi.repository import Gst  # noqa: E402

from checks import check, finish  # noqa: E402

Gst.init(None)
RATE = 25
# Pattern and seconds of each.
CHANGES = [("smpte", 2), ("ball", 4), ("checkers-8", 2), ("ball", 1.52),
           ("smpte", 1)]
# What is on screen at each quarter of a second: 9.52 s comes up at 9.75.
TIMES = [0, 2, 6, 8, 9.75]


def scenes(more, changes):
    """The answers as (time of the frame, start, text), and the distances that
    were below and above the threshold."""
    n = sum(int(s * RATE) for _, s in changes)
    pipeline = Gst.parse_launch(
        f"videotestsrc name=src num-buffers={n} foreground-color=0xffff0000 "
        "background-color=0xffffffff ! "
        f"video/x-raw,format=I420,width=320,height=240,framerate={RATE}/1 ! "
        f"owl2 trigger=scene {more} ! fakesink")
    src = pipeline.get_by_name("src")
    todo = [p for p, s in changes for _ in range(int(s * RATE))]

    # The pattern of the next picture is set when one leaves.
    def on_buffer(pad, info):
        if todo:
            src.set_property("pattern", todo.pop(0))
        return Gst.PadProbeReturn.OK

    src.set_property("pattern", todo.pop(0))
    src.get_static_pad("src").add_probe(Gst.PadProbeType.BUFFER, on_buffer)
    begin = os.path.getsize(LOG.name)
    pipeline.set_state(Gst.State.PLAYING)
    answers = []
    while True:
        m = pipeline.get_bus().timed_pop_filtered(
            120 * Gst.SECOND, Gst.MessageType.EOS | Gst.MessageType.ERROR
            | Gst.MessageType.ELEMENT)
        if m is None or m.type != Gst.MessageType.ELEMENT:
            break
        s = m.get_structure()
        if s.get_name() == "owl2-answer":
            times = re.search(r"frame-times=\(guint64\)< (.*?) >",
                              s.to_string())[1].split(", ")
            answers.append((int(times[-1]) / Gst.SECOND,
                            s.get_value("start") / Gst.SECOND,
                            s.get_string("text")))
    pipeline.set_state(Gst.State.NULL)
    check(m is not None and m.type == Gst.MessageType.EOS,
          f"{more}: {'an error' if m else 'no end'}")
    with open(LOG.name, errors="replace") as f:
        f.seek(begin)
        found = re.findall(r"is (not )?answered: the distance is ([0-9.]+)",
                           f.read())
    return (answers, [float(d) for no, d in found if no],
            [float(d) for no, d in found if not no])


def main():
    first, same, new = scenes("", CHANGES)
    print("of one scene:", *(f"{d:.3f}" for d in same))
    print("of two scenes:", *(f"{d:.3f}" for d in new))
    print(*first, sep="\n")
    check([a[1] for a in first] == TIMES, f"answers at {first}")
    check(max(same) < 0.15 < min(new) and len(new) == len(TIMES) - 1,
          f"{same} and {new}")
    for more in "max-queue-time=0", "max-queue-bytes=1", "nice=0 share=false":
        got = scenes(more, CHANGES)
        check(got == (first, same, new), f"{more}: {got}")

    # What never changes, asked about by time, and with no threshold to speak of.
    still = [("ball", 3)]
    check(len(scenes("", still)[0]) == 1, "a ball that moves")
    starts = [a[1] for a in scenes("max-interval=1000000000", still)[0]]
    check(starts == [0, 1, 2], f"each second: {starts}")
    starts = [a[1] for a in scenes("scene-threshold=0.001", still)[0]]
    check(starts == [0, 0.5, 1, 1.5, 2, 2.5], f"no threshold: {starts}")
    return finish()


sys.exit(main())
