#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Questions of a subtitle file or an appsrc in pipelines as people write them:
each has the answer that is right at its time, the same in each run, and each
pipeline comes to its end. With the embedded model.

usage: test_questions.py PLUGIN_FOLDER"""

import os
import random
import subprocess
import sys
import tempfile

os.environ["GST_PLUGIN_PATH"] = sys.argv[1]
import gi  # noqa: E402

gi.require_version("Gst", "1.0")
from gi.repository import Gst  # noqa: E402

from checks import check, finish, keep_model  # noqa: E402

Gst.init(None)
BALL = ("videotestsrc pattern=ball foreground-color=0xff{} "
        "background-color=0xffffffff num-buffers=50 {} ! "
        "video/x-raw,format=I420,width=320,height=240,framerate=25/1 ! ")
COLOR = "What color is the circle?"
# Time in ms, text as it stands in the file, as it is asked, answer.
QUESTIONS = [
    (0, COLOR, COLOR, "The circle is red."),
    (500, "<i>What color</i> is\nthe circle?", "What color is\nthe circle?",
     "The circle is red."),
    (1500, "Is there a blue circle?", "Is there a blue circle?",
     "No, there is no blue circle."),
    (2000, COLOR, COLOR, "The circle is blue."),
    (3960, "Is there a blue circle?", "Is there a blue circle?",
     "Yes, there is a blue circle."),
]
WANT = [(t, q, a) for t, _, q, a in QUESTIONS]
OWL2 = "owl2 name=o trigger=question "


def stamp(ms):
    return f"00:00:{ms // 1000:02},{ms % 1000:03}"


def srt(questions):
    return "\n".join(f"{i + 1}\n{stamp(t)} --> {stamp(t + 300)}\n{text}\n"
                     for i, (t, text, *_) in enumerate(questions))


def launch(folder, line):
    subprocess.run(["gst-launch-1.0", "-q", *line.split()], cwd=folder,
                   check=True, timeout=60)


def make_files(folder):
    two = (f"concat name=c {BALL.format('ff0000', '')} c. "
           f"{BALL.format('0000ff', '')} c. ")
    vp8 = "vp8enc deadline=1 cpu-used=16 keyframe-max-dist=25"
    launch(folder, two + f"c. ! {vp8} ! webmmux ! filesink location=two.webm")
    open(f"{folder}/q.srt", "w").write(srt(QUESTIONS))
    # One file with both.
    launch(folder, two + "c. ! jpegenc ! qtmux name=m ! "
           "filesink location=both.mov filesrc location=q.srt ! subparse ! "
           "text/x-raw,format=utf8 ! m.subtitle_0")


class Run:
    """Until the end of the stream: answers as (end in ms, question, text), and
    warnings."""

    def __init__(self, line, seek=None, ask=None):
        self.answers, self.warnings, self.error = [], [], None
        pipeline = Gst.parse_launch(line)
        bus = pipeline.get_bus()
        pipeline.set_state(Gst.State.PAUSED if seek else Gst.State.PLAYING)
        if seek:
            bus.timed_pop_filtered(40 * Gst.SECOND, Gst.MessageType.ASYNC_DONE)
            pipeline.set_state(Gst.State.PLAYING)
            for i in range(20):
                bus.timed_pop_filtered(i * Gst.MSECOND, Gst.MessageType.ERROR)
                self.seek(pipeline, random.randrange(3500) * Gst.MSECOND)
            pipeline.set_state(Gst.State.PAUSED)
            self.seek(pipeline, seek)
            while bus.pop_filtered(Gst.MessageType.ELEMENT):
                pass
            pipeline.set_state(Gst.State.PLAYING)
        if ask:
            ask(pipeline)
        while self.error is None:
            m = bus.timed_pop_filtered(40 * Gst.SECOND, Gst.MessageType.ANY)
            if m is None:
                self.error = "it does not end"
            elif m.type == Gst.MessageType.ERROR:
                self.error = str(m.parse_error())
            elif m.type == Gst.MessageType.WARNING:
                self.warnings.append(m.parse_warning()[0].message)
            elif m.type == Gst.MessageType.EOS:
                self.error = ""
            elif m.has_name("owl2-answer"):
                s = m.get_structure()
                self.answers.append((s.get_uint64("end")[1] // 1000000,
                                     s.get_string("prompt"),
                                     s.get_string("text")))
        pipeline.set_state(Gst.State.NULL)

    @staticmethod
    def seek(pipeline, to):
        flags = Gst.SeekFlags.FLUSH | Gst.SeekFlags.ACCURATE
        check(pipeline.seek_simple(Gst.Format.TIME, flags, to), f"seek to {to}")

    def check(self, name, want, n_warnings=0):
        text = f"{name}: {self.error or 'ends'}, {self.answers}"
        print(f"{name}: {len(self.answers)} answers", flush=True)
        check(not self.error and self.answers == want, text)
        check(len(self.warnings) == n_warnings, f"{name}: {self.warnings}")


def shapes(folder):
    """Where the queues are, and what comes behind."""
    file = f"filesrc location={folder}/two.webm ! matroskademux ! vp8dec ! "
    text = f" filesrc location={folder}/q.srt ! subparse ! "
    both = f" filesrc location={folder}/both.mov ! qtdemux name=d "
    return {
        "a file": file + OWL2 + "! fakesink" + text + "o.question_sink",
        "a queue": file + OWL2 + "! queue ! fakesink" + text +
                   "queue ! o.question_sink",
        "shown": file + OWL2 + "! textoverlay name=t ! fakesink "
                 "o.text_src ! t.text_sink" + text + "o.question_sink",
        "shown in time": file + OWL2 + "! queue ! fakesink sync=true" + text +
                         "o.question_sink",
        "one demuxer": OWL2 + "! fakesink" + both +
                       "d.video_0 ! queue max-size-time=4000000000 ! "
                       "jpegdec ! o.sink d.subtitle_0 ! queue ! "
                       "o.question_sink",
        "decodebin": OWL2 + f"! fakesink filesrc location={folder}/both.mov ! "
                     "decodebin name=d d. ! videoconvert ! o.sink "
                     "d. ! text/x-raw ! o.question_sink",
    }


def in_files(folder):
    for name, line in shapes(folder).items():
        Run(line).check(name, WANT)
    # Answers of one are questions for the next, on the same thread.
    run = Run(f"filesrc location={folder}/two.webm ! matroskademux ! vp8dec ! "
              "owl2 name=a interval=1000000000 prompt=\"What color is the "
              "circle? Answer the question using a single word or phrase.\" ! "
              "owl2 name=b trigger=question ! fakesink "
              "a.text_src ! b.question_sink")
    words = [a[1] for a in run.answers if a[1] in ("red", "blue")]
    check(not run.error and not run.warnings and len(run.answers) == 8 and
          words == ["red", "red", "blue", "blue"],
          f"in a row: {run.error}, {run.warnings}, {run.answers}")
    # Beside captions, which come first, of the same frame.
    line = shapes(folder)["a file"].replace(
        "trigger=question", "interval=2000000000 prompt=\"" + COLOR + "\"")
    runs = [Run(line) for _ in range(3)]
    runs[0].check("beside captions", [
        (2000, COLOR, "The circle is red."), *WANT[:3],
        (4000, COLOR, "The circle is blue."), *WANT[3:]])
    check(all(r.answers == runs[0].answers for r in runs), "not the same")


def after_seek(folder):
    """The questions of after many are asked as if all before had not been."""
    for name in "a file", "shown", "one demuxer":
        Run(shapes(folder)[name], seek=1200 * Gst.MSECOND).check(
            f"seeks: {name}", [w for w in WANT if w[0] >= 1200])


def unusual(folder):
    file = f"filesrc location={folder}/two.webm ! matroskademux ! vp8dec ! "
    text = (f" ! fakesink filesrc location={folder}/odd.srt ! subparse ! "
            "o.question_sink")
    # More than wait at a time, one too long, some of after the end.
    odd = [(10 * i, COLOR) for i in range(100)]
    odd += [(1500, "word " * 3000), (1600, COLOR)]
    odd += [(4100 + i, COLOR) for i in range(80)]
    open(f"{folder}/odd.srt", "w").write(srt(odd))
    run = Run(file + OWL2 + "max-tokens=8" + text)
    run.check("many, long, late", [
        (t, COLOR, "The circle is red.") for t, q in odd[:102] if q == COLOR],
        2)
    check(any("positions" in w or "tokens" in w for w in run.warnings) and
          any(" 80 of" in w for w in run.warnings), f"{run.warnings}")
    # A demuxer that is held up by its queue says nothing: seconds, and a
    # warning, but no standstill.
    line = shapes(folder)["one demuxer"].replace(" max-size-time=4000000000",
                                                 "")
    run = Run(line)
    check(not run.error and run.answers[:4] == WANT[:4] and
          len(run.answers) == 5 and len(run.warnings) == 1,
          f"a short queue: {run.error}, {run.answers}, {run.warnings}")
    # Earlier turns, each of a prompt with the frames' place.
    run = Run(file + "owl2 interval=1000000000 history=3 "
              f"prompt=\"<|image|>{COLOR}\" ! fakesink")
    print(f"history: {[a[2] for a in run.answers]}")
    check(len(run.answers) == 4 and not run.warnings and not run.error,
          f"history: {run.error}, {run.warnings}, {run.answers}")


def live(folder):
    """Live video waits for no questions, neither of a file nor of a user."""
    kept = keep_model(Gst)
    source = BALL.format("ff0000", "is-live=true") + OWL2
    open(f"{folder}/live.srt", "w").write(srt(
        QUESTIONS[:3] + [(9000, "late")]))
    text = f" filesrc location={folder}/live.srt ! subparse ! o.question_sink"
    run = Run(source + "! fakesink sync=true" + text)
    # A live source's first frame may be later than 0.
    run.answers = [a[1:] for a in run.answers]
    run.check("live", [w[1:] for w in WANT[:3]], 1)

    def ask(pipeline):
        src = pipeline.get_by_name("q")
        src.emit("push-buffer", Gst.Buffer.new_wrapped(COLOR.encode()))

    run = Run(source + "! fakesink sync=true "
              "appsrc name=q caps=text/x-raw,format=utf8 ! o.question_sink",
              ask=ask)
    check([a[1:] for a in run.answers] == [(COLOR, "The circle is red.")] and
          not run.error, f"appsrc: {run.error}, {run.answers}")
    kept.set_state(Gst.State.NULL)


def main():
    with tempfile.TemporaryDirectory() as folder:
        make_files(folder)
        in_files(folder)
        after_seek(folder)
        unusual(folder)
        live(folder)
    return finish()


if __name__ == "__main__":
    sys.exit(main())
