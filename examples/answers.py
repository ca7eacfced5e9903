#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Answers of two owl2 in a row: from messages, from the buffers' metas, and to a
question of its own.

usage: answers.py [SOURCE], such as "filesrc location=a.mp4 ! decodebin !
  videoconvert"
"""

import json
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
from gi.repository import Gst, GstApp

SOURCE = ("videotestsrc num-buffers=30 pattern=ball ! "
          "video/x-raw,width=320,height=240,framerate=10/1")
WANTED = Gst.MessageType.ELEMENT | Gst.MessageType.ERROR


def answers_on(buffer):
    """The answers on a buffer, one of each element. get_custom_meta() finds the
    first one only, so each is taken off a buffer that has nothing else."""
    left = buffer.copy_region(Gst.BufferCopyFlags.META, 0, buffer.get_size())
    while meta := left.get_custom_meta("GstOwl2Meta"):
        yield json.loads(meta.get_structure().get_string("json"))
        left.remove_meta(meta.meta)


def say(*words):
    """A terminal would do what control characters in a model's words say."""
    print("".join(c if c.isprintable() else "?" for c in " ".join(words)))


def main():
    Gst.init(None)
    pipeline = Gst.parse_launch(
        f"{sys.argv[1] if len(sys.argv) > 1 else SOURCE} ! owl2 name=what ! "
        'owl2 name=color prompt="What color is the circle?" ! '
        "appsink name=sink sync=false")
    sink = pipeline.get_by_name("sink")
    bus = pipeline.get_bus()
    asked, told, failed, shown = 0, False, False, None

    def read(message):
        nonlocal asked, told, failed
        if message.type == Gst.MessageType.ERROR:
            print(message.parse_error()[0].message, file=sys.stderr)
            failed = True
            return
        structure = message.get_structure()
        if not structure.has_name("owl2-answer"):
            return
        answer = json.loads(structure.get_string("json"))
        own = asked and answer["element"] == "what" and answer["id"] == asked
        told = told or own
        times = [t / 1e9 for t in answer["frame-times"]]
        say("asked" if own else "message",
            f"{answer['element']}: {answer['text']} (frames at {times} s)")
        if not asked:
            asked = pipeline.get_by_name("what").emit(
                "ask", "Is there a circle?")

    pipeline.set_state(Gst.State.PLAYING)
    while not failed and not sink.is_eos():
        if sample := sink.try_pull_sample(Gst.SECOND // 10):
            texts = [f"{a['element']}: {a['text']}"
                     for a in answers_on(sample.get_buffer())]
            if texts and texts != shown:
                shown = texts
                say("buffer", ", ".join(texts))
        while message := bus.pop_filtered(WANTED):
            read(message)
    while not told and not failed and (
            message := bus.timed_pop_filtered(10 * Gst.SECOND, WANTED)):
        read(message)
    pipeline.set_state(Gst.State.NULL)
    return 0 if told else 1


if __name__ == "__main__":
    sys.exit(main())
