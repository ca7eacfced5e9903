# SPDX-License-Identifier: LGPL-2.1-or-later
"""Asks the element `owl2`: one loaded model for any number of videos.

The element runs in a pipeline of its own. Each video is fed to its sink pad as
a demuxer would: caps, a segment, buffers, and a segment-done, which makes the
element answer without ending the stream.
"""

import subprocess

import gi

gi.require_version("Gst", "1.0")
from gi.repository import Gst  # noqa: E402


class Failed(Exception):
    pass


def load(build):
    Gst.init(None)
    Gst.Registry.get().scan_path(str(build / "gst-owl2"))


class Element:
    def __init__(self, model=None, *properties):
        """properties: "name=value", as in gst-launch"""
        self.owl2 = Gst.ElementFactory.make("owl2")
        self.owl2.set_property("nice", 0)
        sink = Gst.ElementFactory.make("fakesink")
        if not self.owl2:
            raise Failed("there is no element owl2 in the build")
        if model:
            self.owl2.set_property("model", model)
        # A push returns when its answer is there.
        for one in ("when-busy=wait", "max-queue-time=0", *properties):
            Gst.util_set_object_arg(self.owl2, *one.split("=", 1))
        sink.set_property("async", False)
        sink.set_property("sync", False)
        self.pipe = Gst.Pipeline.new(None)
        self.pipe.add(self.owl2)
        self.pipe.add(sink)
        self.owl2.link(sink)
        self.bus = self.pipe.get_bus()
        self.feed = Gst.Pad.new("feed", Gst.PadDirection.SRC)
        self.feed.set_active(True)
        self.feed.link_full(self.owl2.get_static_pad("sink"),
                            Gst.PadLinkCheck.NOTHING)
        self.pipe.set_state(Gst.State.PLAYING)
        self.feed.push_event(Gst.Event.new_stream_start("items"))
        self.caps = None

    def close(self):
        self.pipe.set_state(Gst.State.NULL)

    def messages(self):
        while (m := self.bus.pop()) is not None:
            if m.type == Gst.MessageType.ERROR:
                raise Failed(m.parse_error())
            yield m

    def ask(self, question, caps, segment, bufs, n_frames, trigger, duration_ns):
        """The text of the answer about one video."""
        set_property = self.owl2.set_property
        set_property("prompt", question)
        set_property("frames", n_frames)
        set_property("trigger", trigger)
        if trigger == "interval":
            # One clip; a second one would begin after the end.
            set_property("span", duration_ns)
            set_property("interval", 2 * duration_ns)
        else:
            set_property("span", 0)
        for _ in self.messages():
            pass
        if self.caps is None or not caps.is_equal(self.caps):
            self.feed.push_event(Gst.Event.new_caps(caps))
            self.caps = caps
        self.feed.push_event(Gst.Event.new_segment(segment))
        for buf in bufs:
            flow = self.feed.push(buf)
            if flow != Gst.FlowReturn.OK:
                list(self.messages())
                raise Failed(f"the element returned {flow.value_nick}")
        self.feed.push_event(Gst.Event.new_segment_done(Gst.Format.TIME, 0))
        answers = [m.get_structure() for m in self.messages()
                   if m.type == Gst.MessageType.ELEMENT
                   and m.get_structure().get_name() == "owl2-answer"]
        if len(answers) != 1:
            raise Failed(f"{len(answers)} answers to {question!r}")
        return answers[0].get_string("text")

    def ask_samples(self, question, samples, n_frames, trigger, duration_ns):
        first = samples[0]
        return self.ask(question, first.get_caps(), first.get_segment(),
                        (s.get_buffer() for s in samples), n_frames, trigger,
                        duration_ns)


def captions(path, model, n_frames):
    """Captions of each second of a video file, in a pipeline as users write it."""
    pipe = Gst.parse_launch(
        "filesrc name=in ! decodebin ! videoconvert ! owl2 name=owl2 nice=0 "
        f"interval=1000000000 frames={n_frames} when-busy=wait ! fakesink")
    pipe.get_by_name("in").set_property("location", str(path))
    if model:
        pipe.get_by_name("owl2").set_property("model", model)
    bus, out = pipe.get_bus(), []
    pipe.set_state(Gst.State.PLAYING)
    try:
        while (m := bus.timed_pop(600 * Gst.SECOND)) is not None:
            if m.type == Gst.MessageType.ERROR:
                raise Failed(m.parse_error())
            if m.type == Gst.MessageType.EOS:
                return out
            s = m.get_structure()
            if s and s.get_name() == "owl2-answer":
                out.append(s.get_string("text"))
        raise Failed(f"{path} does not end")
    finally:
        pipe.set_state(Gst.State.NULL)


def ask_text(owl2_trace, model, question, *options):
    """A question without a picture. The element always has one to look at, so
    this is the engine's own program."""
    args = [owl2_trace, "--prompt", f"USER: {question} ASSISTANT:", *options]
    if model:
        args += ["--model", model]
    r = subprocess.run(args, capture_output=True, text=True, errors="replace")
    if r.returncode:
        raise Failed(r.stderr.strip())
    return r.stdout[:-1]
