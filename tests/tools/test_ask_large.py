#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""owl2-ask and large files: 64 frames of 4K in bounded memory; with --long,
eight frames of ten minutes in a tenth of the time that decoding all takes, and
eight questions about them in twice the time of one.

usage: test_ask_large.py OWL2_ASK [--long]"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "pipelines"))
import checks  # noqa: E402
from checks import check  # noqa: E402

import gi  # noqa: E402
gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
from gi.repository import Gst, GstApp  # noqa: E402,F401

# What is resident at most, with the driver and its compiler, which are half of it.
# Where that compiles anew it is 382 to 397 MB: a decoder's threads hold a frame
# more or less, so one more is let by.
MOST_MB, FRAME_MB = 400, 13
RATE, KEY, MINUTES, PART_S = 30, 60, 10, 20
QUESTIONS = ["What is this?", "What colour is it?", "Is there a dog?",
             "How many circles are there?", "Is it moving?", "Where is it?",
             "What is the background?", "Is there a square?"]
ENCODE = ("videotestsrc pattern=ball num-buffers={n} ! "
          "video/x-raw,format=I420,width={w},height={h},framerate=30/1 ! "
          "x264enc speed-preset=ultrafast key-int-max={key} ! h264parse ! ")


def ask(program, video, n, **env):
    """(what it printed and said, seconds, MB that were resident at most)"""
    start = time.monotonic()
    with tempfile.TemporaryFile() as out, subprocess.Popen(
            [program, "-v", "--frames", str(n), "--max-tokens", "2", video, "x"],
            stdout=out, stderr=subprocess.STDOUT,
            env={**os.environ, "MALLOC_PERTURB_": "0", **env}) as p:  # It writes to all.
        _, status, usage = os.wait4(p.pid, 0)
        p.returncode = os.waitstatus_to_exitcode(status)
        took = time.monotonic() - start
        out.seek(0)
        text = out.read().decode()
    check(p.returncode == 0, text)
    return text, took, usage.ru_maxrss / 1024


def check_memory(program, folder):
    video = f"{folder}/4k.mp4"
    # By a process of its own: one that is started has been as large as this one.
    subprocess.run(["gst-launch-1.0", "-q"] + (
        ENCODE.format(n=150, w=3840, h=2160, key=30)
        + f"mp4mux ! filesink location={video}").split(), check=True)
    # With all to be compiled anew, and with what that has left.
    for when in "cold", "warm":
        _, _, most = ask(program, video, 64, XDG_CACHE_HOME=folder,
                         MESA_SHADER_CACHE_DIR=folder)
        print(f"64 frames of 4K: {most:.0f} MB resident, {when}")
        check(50 < most < MOST_MB + FRAME_MB * (when == "cold"),
              f"{most:.0f} MB for 64 frames of 4K, {when}")


def make_long(path):
    """Ten minutes of 1080p: the same part again and again."""
    part = Gst.parse_launch(
        ENCODE.format(n=PART_S * RATE, w=1920, h=1080, key=KEY)
        + "video/x-h264,stream-format=byte-stream,alignment=au ! "
        "appsink name=out sync=false")
    part.set_state(Gst.State.PLAYING)
    units = []
    while sample := part.get_by_name("out").try_pull_sample(60 * Gst.SECOND):
        units.append(sample.get_buffer())
        caps = sample.get_caps()
    part.set_state(Gst.State.NULL)
    check(len(units) == PART_S * RATE, f"{len(units)} frames of a part")
    whole = Gst.parse_launch("appsrc name=in format=time block=true ! h264parse ! "
                             f"mp4mux ! filesink location={path}")
    source = whole.get_by_name("in")
    source.props.caps = caps
    whole.set_state(Gst.State.PLAYING)
    for i in range(60 * MINUTES * RATE):
        unit = units[i % len(units)].copy()
        unit.pts = unit.dts = i * Gst.SECOND // RATE
        unit.duration = Gst.SECOND // RATE
        source.push_buffer(unit)
    source.end_of_stream()
    checks.play(Gst, whole, 600)


def check_seeks(program, folder):
    video = pathlib.Path(folder) / "long.mp4"
    make_long(video)
    start = time.monotonic()
    checks.play(Gst, Gst.parse_launch(f"uridecodebin uri={video.as_uri()} ! "
                                      "video/x-raw ! fakesink sync=false"), 600)
    all_s = time.monotonic() - start
    text, took, _ = ask(program, str(video), 8)
    n = int(re.search(r"^(\d+) frames decoded", text, re.M)[1])
    print(f"ten minutes of 1080p: all of it decoded in {all_s:.1f} s; eight frames"
          f" asked about in {took:.2f} s, {n} decoded")
    check(n < 60 * MINUTES * RATE / 10, f"{n} frames decoded")
    check(took <= all_s / 10, f"{took:.2f} s of {all_s:.1f}")


def check_questions(program, folder):
    r = subprocess.run([program, "--json", "--frames", "8", f"{folder}/long.mp4",
                        *QUESTIONS], capture_output=True, text=True, timeout=300)
    check(r.returncode == 0, r.stderr)
    answers = [json.loads(line) for line in r.stdout.splitlines()]
    check(len(answers) == len(QUESTIONS), r.stdout)
    # The frames are the same ones: encoded once, though each answer tells it.
    check(len({a["encode-ns"] for a in answers}) == 1, r.stdout)
    ns = [a["prefill-ns"] + a["decode-ns"] for a in answers]
    one, all_ns = (answers[0]["encode-ns"] + n for n in (ns[0], sum(ns)))
    print(f"eight questions take {all_ns / one:.2f} times as long as the first")
    check(all_ns <= 2 * one, f"{all_ns / 1e6:.0f} ms for {one / 1e6:.0f}")


def main():
    program = sys.argv[1]
    Gst.init(None)
    with tempfile.TemporaryDirectory() as folder:
        if "--long" in sys.argv[2:]:
            check_seeks(program, folder)
            check_questions(program, folder)
        else:
            check_memory(program, folder)
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
