#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""owl2-ask answers as the element does at the end of the stream, from the same
frames, one line for each question; and says what is wrong with a file.

usage: test_ask.py OWL2_CONVERT OWL2_ASK PLUGIN_FOLDER CHECKPOINT"""

import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import wave

import checks
from checks import check
from hostile import undo
from test_file import VIDEOS, frame_times, load_gst, play

FRAMES = 3
TOKENS = 8
# Most of a prompt that a second question about the same frames computes.
OWN_TOKENS = 32
# What comes before all else on a machine without a GPU.
CPU_WARNING = r"owl2-ask: warning: using .* computes on the CPU, not on a GPU\n"
QUESTIONS = ["What is this?", "Where?"]


def nanoseconds(text):
    hours, minutes, seconds = text.split(":")
    whole, fraction = seconds.split(".")
    return ((int(hours) * 60 + int(minutes)) * 60 + int(whole)) * 10 ** 9 \
        + int(fraction)


def ask(program, model, *args):
    return subprocess.run(
        [program, "--model", model, "--max-tokens", str(TOKENS), *map(
            str, args)], capture_output=True, text=True, errors="replace",
        timeout=200)


def compare(Gst, program, model, video, questions):
    """The answers and frames of owl2-ask and of the element."""
    what = os.path.basename(video)
    r = ask(program, model, "--frames", FRAMES, "-v", video, *questions)
    check(r.returncode == 0, f"{what}: exit {r.returncode}, {r.stderr}")
    lines = r.stdout.split("\n")
    check(len(lines) == len(questions) + 1 and lines[-1] == "",
          f"{what}: {r.stdout!r} for {len(questions)} questions")
    times = [nanoseconds(t) for t in re.findall(r"frame \d+ at (\S+)",
                                                r.stderr)]
    prompts = [tuple(map(int, p)) for p in re.findall(
        r"prompt of (\d+) tokens, (\d+) of them reused, first token after",
        r.stderr)]
    check(len(prompts) == len(questions) and prompts[0][1] == 0
          and all(n - reused <= OWN_TOKENS for n, reused in prompts[1:]),
          f"{what}: prompts, and what is reused of them: {prompts}")
    for question, line in zip(questions, lines):
        _, answers = play(
            Gst, str(video).replace(" ", "\\ "), f"owl2 model={model} nice=0 "
            f"trigger=eos frames={FRAMES} max-tokens={TOKENS} when-busy=wait "
            f'prompt="{question}"')
        answers = [a for a in answers if a.get_name() == "owl2-answer"]
        check(len(answers) == 1, f"{what}: {len(answers)} answers at the end")
        text = answers[0].get_value("text")
        check(undo(line) == text.encode(), f"{what}: {line!r} from owl2-ask, {text!r} from "
              "the element")
        check(times == frame_times(answers[0]), f"{what}: frames at {times}, "
              f"the element took {frame_times(answers[0])}")
    print(f"{what}: {lines[:-1]} from frames at {times}", flush=True)


def refused(program, model, pattern, *args, status=1):
    r = ask(program, model, *args)
    check(r.returncode == status and r.stdout == ""
          and re.fullmatch(f"({CPU_WARNING})?owl2-ask: .*{pattern}.*\n",
                           r.stderr),
          f"{args}: exit {r.returncode}, {r.stderr!r} for {pattern!r}")


def check_devices(program, model, video):
    r = ask(program, model, "--list-devices")
    uuids = re.findall(r"UUID ([0-9a-f-]{36})", r.stdout)
    check(r.returncode == 0 and r.stderr == "" and uuids
          and len(uuids) == len(r.stdout.splitlines()), f"{r.stdout} {r.stderr}")
    for line, uuid in zip(r.stdout.splitlines(), uuids):
        r = ask(program, model, "--device", uuid, video, "x")
        said = len(re.findall(CPU_WARNING, r.stderr))
        check(r.returncode == 0 and said == ("(CPU, " in line),
              f"{line}: {r.stderr}")


def check_errors(program, model, video, temp):
    (temp / "empty.mp4").write_bytes(b"")
    (temp / "text.mp4").write_text("not a video\n" * 100)
    with wave.open(str(temp / "sound.wav"), "wb") as f:
        f.setnchannels(1)
        f.setsampwidth(2)
        f.setframerate(8000)
        f.writeframes(bytes(16000))
    for name in "empty.mp4", "text.mp4", "sound.wav", "nofile.mp4", ".":
        refused(program, model, re.escape(str(temp / name)), temp / name, "x")
    # What could be waited for without end.
    os.mkfifo(temp / "fifo")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(temp / "socket"))
    for name, what in ((temp / "fifo", "a FIFO"), (temp / "socket", "a socket"),
                       (temp, "a directory"), ("/dev/zero", "a device"),
                       ((temp / "fifo").as_uri(), "a FIFO")):
        refused(program, model, f"{what}, no video file", name, "x")
    refused(program, model, "foo://x", "foo://x", "x")
    refused(program, model, "--frames is 0", "--frames", 0, video, "x",
            status=2)
    refused(program, model, "--frames is 65", "--frames", 65, video, "x",
            status=2)
    refused(program, model, "2 image places", video, "<|image|>a<|image|>b")
    refused(program, model, "100026 bytes", video, "a" * 100000)
    refused(program, "nofile.gguf", "nofile.gguf", video, "x")
    with open("/dev/full", "w") as full:
        r = subprocess.run([program, "--model", model, "--max-tokens", "1",
                            video, "x"], stdout=full, stderr=subprocess.PIPE,
                           text=True)
    check(r.returncode == 1 and "standard output" in r.stderr, r.stderr)


def main():
    convert, program, plugins, checkpoint = (
        pathlib.Path(a).absolute() for a in sys.argv[1:5])
    Gst, _ = load_gst(plugins)
    with tempfile.TemporaryDirectory() as temp:
        temp = pathlib.Path(temp)
        model = temp / "model.gguf"
        subprocess.run([convert, checkpoint, model], check=True,
                       stderr=subprocess.DEVNULL)
        clip = temp / "clip.webm"
        pipeline = Gst.parse_launch(
            "videotestsrc num-buffers=25 pattern=ball ! "
            "video/x-raw,width=64,height=48,framerate=10/1 ! "
            "vp8enc deadline=1 ! webmmux name=m ! "
            f"filesink location={clip} "
            "audiotestsrc num-buffers=50 ! vorbisenc ! m.")
        pipeline.set_state(Gst.State.PLAYING)
        pipeline.get_bus().timed_pop_filtered(
            60 * Gst.SECOND, Gst.MessageType.EOS | Gst.MessageType.ERROR)
        pipeline.set_state(Gst.State.NULL)
        compare(Gst, program, model, clip, QUESTIONS)
        # Taken for a file, though it looks like a URI.
        odd = temp / "ab:c d%20.webm"
        shutil.copy(clip, odd)
        r = subprocess.run([program, "--model", model, "--max-tokens", "1",
                            odd.name, "x"], cwd=temp, capture_output=True)
        check(r.returncode == 0, f"{odd.name}: {r.stderr}")
        check_devices(program, model, clip)
        check_errors(program, model, clip, temp)
        for video in filter(os.path.exists, VIDEOS):
            compare(Gst, program, model, video, QUESTIONS[:1])
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
