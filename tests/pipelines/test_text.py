#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Text from text_src in pipelines as people write them: each comes to its end,
wherever the queues are, and captions stand on each frame that has one. With the
embedded model.

usage: test_text.py PLUGIN_FOLDER"""

import os
import sys
import tempfile

os.environ["GST_PLUGIN_PATH"] = sys.argv[1]
import gi  # noqa: E402

gi.require_version("Gst", "1.0")
from gi.repository import Gst  # noqa: E402

from checks import check, finish, keep_model  # noqa: E402

Gst.init(None)
FILE = ("videotestsrc pattern=ball num-buffers=75 ! "
        "video/x-raw,format=I420,width=320,height=240,framerate=25/1 ! ")
LIVE = FILE.replace("videotestsrc", "videotestsrc is-live=true")
# A busy machine must not starve the model here.
OWL2 = "owl2 name=o interval=500000000 nice=0 "
VIDEO = "vp8enc deadline=1 cpu-used=16 ! "

# What comes before, and how the pads go on.
SHAPES = {
    "overlay": OWL2 + "! textoverlay name=t ! fakesink sync=true "
                      "o.text_src ! t.text_sink",
    "overlay, queue of text": OWL2 + "! textoverlay name=t ! fakesink "
                                     "o.text_src ! queue ! t.text_sink",
    "overlay, queue of video": OWL2 + "! queue ! textoverlay name=t ! "
                                      "fakesink o.text_src ! t.text_sink",
    "overlay, queues": "queue ! " + OWL2 + "! queue ! textoverlay name=t ! "
                       "queue ! fakesink sync=true "
                       "o.text_src ! queue ! t.text_sink",
    "two sinks": OWL2 + "! fakesink sync=true o.text_src ! fakesink sync=true",
    "text alone is shown": OWL2 + "! fakesink o.text_src ! webvttenc ! "
                                  "filesink location=/dev/null",
    "overlay and files": OWL2 + "! textoverlay name=t ! fakesink "
                         "o.text_src ! tee name=b ! queue ! t.text_sink "
                         "b. ! queue ! srtenc ! fakesink "
                         "b. ! queue ! webvttenc ! fakesink",
    "a track of a file": OWL2 + "! " + VIDEO + "matroskamux name=m ! fakesink "
                                               "o.text_src ! m.",
    "at the end": OWL2 + "trigger=eos ! textoverlay name=t ! fakesink "
                         "o.text_src ! t.text_sink",
    "scenes": OWL2 + "trigger=scene ! textoverlay name=t ! fakesink "
                     "o.text_src ! t.text_sink",
    "several frames": OWL2 + "frames=4 ! textoverlay name=t ! fakesink "
                             "o.text_src ! t.text_sink",
    "dropping": OWL2 + "when-busy=drop ! textoverlay name=t ! fakesink "
                       "o.text_src ! t.text_sink",
    "not linked": OWL2 + "! fakesink o.text_src ! fakesink",
}


def run(line):
    """None at the end of the stream, or what went wrong."""
    pipeline = Gst.parse_launch(line)
    pipeline.set_state(Gst.State.PLAYING)
    m = pipeline.get_bus().timed_pop_filtered(
        40 * Gst.SECOND, Gst.MessageType.EOS | Gst.MessageType.ERROR)
    pipeline.set_state(Gst.State.NULL)
    if m is None:
        return "it does not end"
    return None if m.type == Gst.MessageType.EOS else str(m.parse_error())


def captioned(source, more=""):
    """Of each frame that leaves textoverlay, whether there is a caption; the
    ball stays out of the bottom's corners."""
    pipeline = Gst.parse_launch(
        source + OWL2 + more + " ! textoverlay name=t valignment=position "
        "ypos=1 halignment=left xpad=0 ypad=0 color=0xffff0000 ! "
        "videoconvert ! video/x-raw,format=RGB ! fakesink name=s sync=true "
        "signal-handoffs=true o.text_src ! t.text_sink")
    seen = []

    def on_handoff(sink, buffer, pad):
        data = buffer.extract_dup(320 * 3 * 200, 320 * 3 * 40)
        red = sum(1 for r, g in zip(data[::3], data[1::3])
                  if r > 150 and g < 100)
        seen.append(red > 10)

    pipeline.get_by_name("s").connect("handoff", on_handoff)
    pipeline.set_state(Gst.State.PLAYING)
    m = pipeline.get_bus().timed_pop_filtered(
        40 * Gst.SECOND, Gst.MessageType.EOS | Gst.MessageType.ERROR)
    pipeline.set_state(Gst.State.NULL)
    check(m and m.type == Gst.MessageType.EOS, f"captioned: {m}")
    return seen


def files():
    """Of a live stream: the cues, one for each answer, none over another."""
    with tempfile.TemporaryDirectory() as temp:
        error = run(LIVE + OWL2 + "text-time=clip-end ! fakesink sync=true "
                    f"o.text_src ! webvttenc ! filesink location={temp}/a.vtt")
        check(not error, f"a live stream's subtitles: {error}")
        lines = open(f"{temp}/a.vtt").read().splitlines()
    times = [line.split(" --> ") for line in lines if " --> " in line]
    check(times and all(a < b for a, b in times), f"times: {times}")
    check(all(x[1] <= y[0] for x, y in zip(times, times[1:])), f"{times}")


def main():
    kept = keep_model(Gst)
    for name, line in SHAPES.items():
        for kind, source in ("file", FILE), ("live", LIVE):
            if kind == "live" and name not in (
                    "overlay", "overlay, queues", "two sinks"):
                continue
            error = run(source.replace("=75", "=30") + line)
            print(f"{kind}, {name}: {error or 'ends'}", flush=True)
            check(not error, f"{kind}, {name}: {error}")
    seen = captioned(FILE)
    check(len(seen) == 75 and all(seen), f"file: {seen}")
    for more in "", "when-busy=drop text-time=arrival":
        seen = captioned(LIVE, more)
        first = seen.index(True) if True in seen else len(seen)
        check(first < 60 and all(seen[first:]), f"live: {seen}")
    seen = captioned(FILE, "frames=2")
    # The first answer is about the frames at 0 and 0.25 s.
    check(not any(seen[:6]) and all(seen[7:]), f"frames=2: {seen}")
    files()
    if Gst.ElementFactory.find("tttocea608"):
        error = run(FILE + OWL2 + "! cccombiner name=c ! fakesink "
                    "o.text_src ! tttocea608 ! c.caption")
        check(not error, f"tttocea608: {error}")
    else:
        print("left out: tttocea608 ! cccombiner, which is not installed")
    kept.set_state(Gst.State.NULL)
    return finish()


if __name__ == "__main__":
    sys.exit(main())
