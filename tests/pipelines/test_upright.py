#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Real files as players show them: MP4 with each of the eight matrices of a
track and JPEG with each EXIF orientation, through owl2-ask and the element; a
still picture is one frame; and where the frames of a file are taken.

usage: test_upright.py OWL2_ASK PLUGIN_FOLDER CLIPS"""

import pathlib
import re
import struct
import subprocess
import sys
import tempfile

from PIL import Image

import checks
from checks import check
from test_ask import nanoseconds
from test_file import frame_times, load_gst, play, rgb_image

QUESTION = "Where is the red circle?"
# The tag, the track's matrix (a, b, c, d), the EXIF value, and where a thing on
# the left then is.
TURNS = [
    ("rotate-0", (1, 0, 0, 1), 1, "on the left"),
    ("rotate-90", (0, 1, -1, 0), 6, "at the top"),
    ("rotate-180", (-1, 0, 0, -1), 3, "on the right"),
    ("rotate-270", (0, -1, 1, 0), 8, "at the bottom"),
    ("flip-rotate-0", (-1, 0, 0, 1), 2, "on the right"),
    ("flip-rotate-90", (0, -1, -1, 0), 7, "at the bottom"),
    ("flip-rotate-180", (1, 0, 0, -1), 4, "on the left"),
    ("flip-rotate-270", (0, 1, 1, 0), 5, "at the top"),
]
# qtdemux of GStreamer 1.22 knows all of them but this one.
UNKNOWN_MATRIX = "flip-rotate-90"


def with_matrix(mp4, matrix):
    """The file with another matrix in its only track's header (tkhd)."""
    at = mp4.index(b"tkhd") + 4
    at += 4 + (32 if mp4[at] == 1 else 20) + 16
    a, b, c, d = (v * 65536 for v in matrix)
    return mp4[:at] + struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30) \
        + mp4[at + 36:]


def ask(program, *args):
    """The answer, and the times of the frames that were looked at."""
    r = subprocess.run([program, "-v", *map(str, args)], capture_output=True,
                       text=True, timeout=100)
    check(r.returncode == 0, f"{args}: {r.stderr}")
    return r.stdout.strip(), [nanoseconds(t) for t in re.findall(
        r"frame \d+ at (\S+)", r.stderr)]


def element(Gst, video, properties, before=""):
    _, messages = play(Gst, video, f"{before} owl2 when-busy=wait {properties}")
    return [m for m in messages if m.get_name() == "owl2-answer"]


def check_matrices(Gst, program, mp4, temp):
    video = temp / "turned.mp4"
    for tag, matrix, _, place in TURNS:
        video.write_bytes(with_matrix(mp4, matrix))
        want = f"The red circle is {place}."
        if tag == UNKNOWN_MATRIX:
            tags = subprocess.run(
                ["gst-launch-1.0", "-t", "filesrc", f"location={video}", "!",
                 "decodebin", "!", "fakesink"], capture_output=True, text=True)
            if f"image orientation: {tag}" not in tags.stdout:
                print(f"{tag}: this qtdemux does not know the matrix")
                continue
        got, _ = ask(program, video, QUESTION)
        check(got == want, f"{tag}: {got!r} from owl2-ask, not {want!r}")
        # One that is turned on its way is not turned again.
        for before in "", "videoflip video-direction=auto ! videoconvert !":
            answers = element(Gst, video, 'trigger=eos frames=4 '
                              f'prompt="{QUESTION}"', before)
            texts = [a.get_value("text") for a in answers]
            check(texts == [want], f"{tag}, {before or 'element'}: {texts}")


def check_photographs(Gst, program, video, temp):
    frames = []
    play(Gst, video, "video/x-raw,format=RGB",
         lambda s: frames.append(rgb_image(Gst, s)))
    photo = temp / "photo.jpg"
    for tag, _, value, place in TURNS:
        exif = Image.Exif()
        exif[0x0112] = value
        frames[0].save(photo, exif=exif, quality=95)
        got, times = ask(program, "--frames", 4, photo, QUESTION)
        check(got == f"The red circle is {place}.", f"EXIF {value}: {got!r}")
        check(times == [0], f"{photo}: frames at {times}")
    frames[0].save(temp / "photo.png")
    caption, times = ask(program, "--frames", 4, temp / "photo.png", QUESTION)
    check(caption == "The red circle is on the left." and times == [0],
          f"photo.png: {caption!r} from {times}")
    for name in "photo.jpg", "photo.png":
        caption, times = ask(program, temp / name, "What is in the image?")
        check("stays" not in caption and times == [0],
              f"{name} as a video: {caption!r} from {times}")
        answers = element(Gst, temp / name, "trigger=eos frames=4")
        check(len(answers) == 1 and len(frame_times(answers[0])) == 1
              and "image" in answers[0].get_value("prompt"),
              f"{name}: {[a.to_string() for a in answers]}")


def check_rounded(Gst, clips):
    """60 frames at 30/1 in whole ms: two clips of a second."""
    answers = element(Gst, clips / "two-seconds.webm", "interval=1000000000")
    times = [frame_times(a) for a in answers]
    check(times == [[0], [10 ** 9]], f"two-seconds.webm: frames at {times}")


def check_spread(Gst, program, temp):
    """Frames of a file that is longer than what is kept of it: exactly those on
    screen where the duration is known, within 1 % where it is not."""
    n, frame = 7, 10 ** 9 // 30
    for name, mux in (("known", "webmmux"), ("known-mov", "qtmux"),
                      ("unknown", "webmmux streamable=true")):
        video = temp / f"{name}.bin"
        codec = "jpegenc" if mux == "qtmux" else "vp8enc deadline=1"
        pipeline = Gst.parse_launch(
            "videotestsrc num-buffers=1000 pattern=ball ! "
            f"video/x-raw,width=32,height=32,framerate=30/1 ! {codec} ! "
            f"{mux} ! filesink location={video}")
        pipeline.set_state(Gst.State.PLAYING)
        message = pipeline.get_bus().timed_pop_filtered(
            60 * Gst.SECOND, Gst.MessageType.EOS | Gst.MessageType.ERROR)
        check(message.type == Gst.MessageType.EOS, f"{name}: not made")
        pipeline.set_state(Gst.State.NULL)
        answers = element(Gst, video, f"trigger=eos frames={n} max-tokens=1")
        got = frame_times(answers[0])
        _, asked = ask(program, "--frames", n, "-n", 1, video, "x")
        length = answers[0].get_value("end") - answers[0].get_value("start")
        allowed = length // 100 + frame if name == "unknown" else frame + 10 ** 6
        # owl2-ask may read the file again where it ended elsewhere.
        for who, times in ("owl2-ask", asked), ("element", got):
            off = [t - answers[0].get_value("start")
                   - length * (2 * i + 1) // 2 // n
                   for i, t in enumerate(times)]
            check(len(times) == n and max(map(abs, off)) <= allowed,
                  f"{name}, {who}: off by {off} ns")
        print(f"{name}: off by {[o // 10 ** 6 for o in off]} ms of "
              f"{length // 10 ** 6}", flush=True)


def main():
    program, plugins, clips = (pathlib.Path(a).absolute()
                               for a in sys.argv[1:4])
    Gst, _ = load_gst(plugins)
    with tempfile.TemporaryDirectory() as temp:
        temp = pathlib.Path(temp)
        mp4 = (clips / "rotated-90.mp4").read_bytes()
        check_matrices(Gst, program, mp4, temp)
        check_photographs(Gst, program, clips / "rotated-90.mp4", temp)
        check_rounded(Gst, clips)
        check_spread(Gst, program, temp)
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
