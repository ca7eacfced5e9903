#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A real H.264 file through decodebin, videoconvert and owl2: every buffer
comes out as it went in, there is an answer for every interval, and each answer
is what owl2-trace says about the very frames it names. They are RGB, since what
the device makes of others is within 1 of what videoconvert makes.

usage: test_file.py OWL2_CONVERT OWL2_TRACE PLUGIN_FOLDER CHECKPOINT [VIDEO]"""

import os
import pathlib
import subprocess
import sys
import tempfile

from PIL import Image

import checks
from checks import check
from hostile import undo

VIDEOS = [
    "/usr/share/forensics-samples/original-files/movie1/"
    "VID_20191220_170832.mp4",
]
SKIP = 77


def load_gst(plugins):
    os.environ["GST_PLUGIN_PATH"] = str(plugins)
    import gi
    gi.require_version("Gst", "1.0")
    gi.require_version("GstApp", "1.0")
    from gi.repository import Gst, GstApp
    Gst.init(None)
    return Gst, GstApp


def play(Gst, video, chain, on_sample=lambda s: None):
    """Runs filesrc ! decodebin ! videoconvert ! CHAIN ! appsink; the buffers'
    (pts, duration) and the element messages."""
    pipeline = Gst.parse_launch(
        f"filesrc location={video} ! decodebin ! videoconvert ! {chain} ! "
        "appsink name=out sync=false max-buffers=2")
    out, bus = pipeline.get_by_name("out"), pipeline.get_bus()
    buffers, answers = [], []

    def drain():
        while True:
            m = bus.pop()
            if m is None:
                return
            if m.type == Gst.MessageType.ERROR:
                raise SystemExit(m.parse_error())
            if m.type == Gst.MessageType.ELEMENT:
                answers.append(m.get_structure().copy())

    pipeline.set_state(Gst.State.PLAYING)
    while True:
        drain()
        sample = out.try_pull_sample(Gst.SECOND // 10)
        if sample:
            b = sample.get_buffer()
            buffers.append((b.pts, b.duration))
            on_sample(sample)
        elif out.is_eos():
            break
    drain()
    pipeline.set_state(Gst.State.NULL)
    return buffers, answers


def frame_times(answer):
    array = answer.get_array("frame-times")[1]
    return [int(array.get_nth(i)) for i in range(array.n_values)]


def rgb_image(Gst, sample):
    s = sample.get_caps().get_structure(0)
    w, h = s.get_value("width"), s.get_value("height")
    buffer = sample.get_buffer()
    data = buffer.extract_dup(0, buffer.get_size())
    stride = (3 * w + 3) // 4 * 4
    return Image.frombytes("RGB", (w, h), data, "raw", "RGB", stride)


def main():
    convert, trace, plugins, checkpoint = map(pathlib.Path, sys.argv[1:5])
    videos = sys.argv[5:] or [v for v in VIDEOS if os.path.exists(v)]
    if not videos:
        print("the package forensics-samples-files is not installed")
        return SKIP
    Gst, _ = load_gst(plugins)
    with tempfile.TemporaryDirectory() as temp:
        temp = pathlib.Path(temp)
        model = temp / "model.gguf"
        subprocess.run([convert, checkpoint, model, "--type", "f32"],
                       check=True, stderr=subprocess.DEVNULL)
        for video in videos:
            plain, _ = play(Gst, video, "identity")
            for interval, frames in (10 ** 9, 1), (4 * 10 ** 8, 3):
                what = f"{os.path.basename(video)}, {interval} ns, {frames}"
                got, answers = play(
                    Gst, video, "video/x-raw,format=RGB ! "
                    f"owl2 model={model} nice=0 interval={interval} "
                    f"frames={frames} max-tokens=8 when-busy=wait")
                answers = [a for a in answers if a.get_name() == "owl2-answer"]
                check(got == plain, f"{what}: {len(got)} buffers out for "
                      f"{len(plain)}, or other timestamps")
                starts = [a.get_value("start") for a in answers]
                last = max(p for p, _ in plain)
                want = [plain[0][0] + i * interval for i in range(
                    (last - plain[0][0]) // interval + 1)]
                check(starts == want, f"{what}: answers at {starts}, expected "
                      f"{want}")
                wanted = {}
                for a in answers:
                    times = frame_times(a)
                    check(len(times) == frames or a is answers[-1],
                          f"{what}: {len(times)} frames")
                    for t in times:
                        wanted[t] = temp / f"{t}.png"

                def save(sample):
                    path = wanted.get(sample.get_buffer().pts)
                    if path and not path.exists():
                        rgb_image(Gst, sample).save(path)

                play(Gst, video, "video/x-raw,format=RGB", save)
                for a in answers:
                    times = frame_times(a)
                    prompt = f"USER: <|image|>{a.get_value('prompt')} ASSISTANT:"
                    text = subprocess.run(
                        [trace, "--model", model, "--max-tokens", "8",
                         "--prompt", prompt, "--frames",
                         ",".join(str(wanted[t]) for t in times)],
                        check=True, capture_output=True).stdout.decode()
                    check(undo(text[:-1]) == a.get_value("text").encode(),
                          f"{what}: {a.get_value('text')!r} from the element, "
                          f"{text!r} from owl2-trace on {times}")
                print(f"{what}: {len(got)} buffers, {len(answers)} answers",
                      flush=True)
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
