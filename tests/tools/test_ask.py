#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""owl2-ask and files as people have them: frames found by seeking are those of
decoding all, and far fewer are decoded; what is wrong with a source is said
before a model is loaded; several files, times, captions over time, choices,
JSON, subtitles, standard input, what is live, a conversation.

usage: test_ask.py OWL2_CONVERT OWL2_ASK CHECKPOINT"""

import functools
import http.server
import json
import os
import pathlib
import pty
import re
import socket
import subprocess
import sys
import tempfile
import threading
import wave

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "pipelines"))
import checks  # noqa: E402
from checks import check  # noqa: E402

import gi  # noqa: E402
gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
from gi.repository import Gst, GstApp  # noqa: E402,F401

SECOND = 10 ** 9
FRAMES = 600  # of each video, 30 a second, a keyframe every 2 s
X264 = "x264enc key-int-max=60 bframes=3 speed-preset=ultrafast ! h264parse ! "
# What makes each file; whether it can be sought, and the ns that times are off
# by where they come from a clock that is found anew after a seek.
FILES = {
    "cues.webm": ("vp8enc deadline=1 keyframe-max-dist=60 ! webmmux", True, 0),
    "b-frames.mp4": (X264 + "mp4mux", True, 0),
    "no-cues.mkv": (X264 + "matroskamux streamable=true", True, 0),
    "stream.ts": (X264 + "mpegtsmux", True, 1),
    "pages.ogg": ("theoraenc keyframe-force=64 ! oggmux", True, 0),
    "pictures.avi": ("jpegenc ! avimux", True, 0),
    "no-times.avi": ("avenc_mpeg4 gop-size=60 max-bframes=2 ! avimux", False, 0),
    "one-key.webm": ("vp8enc deadline=1 keyframe-max-dist=9999 ! webmmux",
                     False, 0),
}
FIELDS = ["file", "question", "text", "start", "end", "frame-times", "tokens",
          "prompt-tokens", "prompt-tokens-reused", "encode-ns", "prefill-ns",
          "decode-ns", "confidence"]


def run(line, timeout=60):
    checks.play(Gst, Gst.parse_launch(line), timeout)


def make_video(path, coding, frames=FRAMES):
    run(f"videotestsrc num-buffers={frames} pattern=ball ! "
        "video/x-raw,width=64,height=48,framerate=30/1 ! "
        f"{coding} ! filesink location={path}")


def all_frames(path):
    """(time, duration) of each, by decoding from the start to the end."""
    pipeline = Gst.parse_launch(
        f"uridecodebin uri={path.as_uri()} ! appsink name=out sync=false "
        "caps=video/x-raw")
    pipeline.set_state(Gst.State.PLAYING)
    frames = []
    while True:
        s = pipeline.get_by_name("out").try_pull_sample(20 * SECOND)
        if not s:
            break
        t = s.get_segment().to_stream_time(Gst.Format.TIME, s.get_buffer().pts)
        if not frames or t > frames[-1][0]:
            frames.append((t, s.get_buffer().duration))
    pipeline.set_state(Gst.State.NULL)
    return frames


def spread(frames, n, start, stop):
    """Times of the frames on screen at the middles of n parts. Each frame is
    until the next one; times may be rounded to ms."""
    last, length = frames[-1]
    stop = min(stop, round((last + length) / 10 ** 6) * 10 ** 6)
    start = max(start, frames[0][0])
    found = []
    for i in range(n):
        target = start + (stop - start) * (2 * i + 1) // (2 * n)
        found.append(max(t for t, _ in frames if t <= target + 10 ** 6))
    return found


class Ask:
    def __init__(self, program, model):
        self.program, self.model = program, model

    def __call__(self, *args, status=0, text=True, **options):
        r = subprocess.run(
            [self.program, "--model", self.model, "--max-tokens", "2",
             *map(str, args)], capture_output=True, text=text, timeout=100,
            **options)
        check(r.returncode == status, f"{args}: exit {r.returncode}, {r.stderr}")
        return r

    def json(self, *args, **options):
        r = self("--json", *args, **options)
        return [json.loads(line) for line in r.stdout.splitlines()]

    def refused(self, pattern, *args, status=1, **options):
        """In one line, before a model is looked for."""
        r = subprocess.run(
            [self.program, "--model", "no-model.gguf", *args],
            capture_output=True, text=True, timeout=60, **options)
        check(r.returncode == status and r.stdout == ""
              and re.fullmatch(f"owl2-ask: .*{pattern}.*\n", r.stderr),
              f"{args}: exit {r.returncode}, {r.stderr!r} for {pattern!r}")


def n_decoded(stderr):
    return int(re.search(r"^(\d+) frames decoded", stderr, re.M)[1])


def check_sought(ask, folder):
    for name, (coding, can_seek, off) in FILES.items():
        video = folder / name
        make_video(video, coding)
        frames = all_frames(video)
        for n, start, stop in ((7, 0, 1 << 60), (3, 4123456789, 15 * SECOND)):
            times = ["--from", start / SECOND] * (start > 0) \
                + ["--to", stop / SECOND] * (stop < 1 << 60)
            r = ask("-v", "--json", "--frames", n, *times, video, "x")
            got = json.loads(r.stdout)["frame-times"]
            want = spread(frames, n, start, stop)
            check(len(got) == n and max(
                abs(a - b) for a, b in zip(got, want)) <= off,
                  f"{name}, {n} from {start}: {got}, not {want}")
            how = r.stderr.splitlines()[-1]
            check((" seeks" in how) == can_seek, f"{name}: {how}")


def check_count(ask, folder):
    """Two minutes, of which a tenth is decoded for eight frames."""
    video = folder / "long.webm"
    make_video(video, FILES["cues.webm"][0], 3600)
    r = ask("-v", "--frames", 8, video, "x")
    check(n_decoded(r.stderr) <= 360, r.stderr)
    r = ask("-v", "--at", "1:40", video, "x")
    check(n_decoded(r.stderr) <= 100 and "0:01:40.000000000" in r.stderr,
          r.stderr)
    # A place is sought only where that leads further than going on.
    r = ask("-v", "--every", 40, folder / "one-key.webm", "x")
    check(n_decoded(r.stderr) <= FRAMES + 10, r.stderr)


def check_cut(ask, folder):
    """Of a file that was cut short, which says that it is longer, what is
    there."""
    whole, video = folder / "whole.mp4", folder / "cut.mp4"
    make_video(whole, X264 + "mp4mux faststart=true")
    coded = whole.read_bytes()
    video.write_bytes(coded[:len(coded) // 6])
    frames = all_frames(video)
    check(30 < len(frames) < FRAMES / 4, f"{len(frames)} frames left")
    for stop in (1 << 60, 2 * SECOND):
        times = ["--to", stop / SECOND] * (stop < 1 << 60)
        got = ask.json("--frames", 5, *times, video, "x")[0]["frame-times"]
        want = spread(frames, 5, 0, stop)
        check(got == want, f"cut.mp4 to {stop}: {got}, not {want}")
    # A frame is gone a little before its end, for times that are rounded.
    for at in ("15", f"{sum(all_frames(whole)[-1]) / SECOND - 5e-7:.7f}"):
        r = ask("--at", at, video if at == "15" else whole, "x", status=1)
        check("there is nothing at" in r.stderr and not r.stdout, r.stderr)


def check_missing(ask, folder):
    """What is not installed is named: of the video, not of its subtitles."""
    video, subtitled = folder / "b-frames.mp4", folder / "subtitles.mkv"
    pipeline = Gst.parse_launch(
        f"filesrc location={video} ! qtdemux ! h264parse ! matroskamux name=m ! "
        f"filesink location={subtitled} appsrc name=s format=time caps=application/x-ssa,"
        "codec_data=(buffer)5b536372697074205d ! m.subtitle_0")
    words = Gst.Buffer.new_wrapped(b"0,0,Default,,0,0,0,,Hello")
    words.pts, words.duration = 0, Gst.SECOND
    pipeline.get_by_name("s").push_buffer(words)
    pipeline.get_by_name("s").end_of_stream()
    checks.play(Gst, pipeline)
    none = {**os.environ, "GST_PLUGIN_FEATURE_RANK": ",".join(
        f"{n}:NONE" for n in ("avdec_h264", "openh264dec", "vah264dec",
                              "vaapih264dec", "ssaparse", "assrender"))}
    for path in video, subtitled:
        ask.refused("GStreamer has no H.264[^,]* decoder installed", str(path),
                    env=none)
    ask.refused('can\'t be decoded: no element "uridecodebin"', str(video),
                env={**os.environ, "GST_PLUGIN_SYSTEM_PATH_1_0": str(folder),
                     "GST_REGISTRY": str(folder / "registry")})


def check_refused(ask, folder, video):
    (folder / "empty.mp4").touch()
    (folder / "text.mp4").write_text("not a video\n" * 100)
    with wave.open(str(folder / "sound.wav"), "wb") as f:
        f.setparams((1, 2, 8000, 8000, "NONE", ""))
        f.writeframes(bytes(16000))
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        closed = s.getsockname()[1]
    for name, why in (("nofile.mp4", "No such file"),
                      ("empty.mp4", "an empty file"), ("text.mp4", ""),
                      (".", "a directory"),
                      ("sound.wav", "there is no video in it")):
        ask.refused(f"{re.escape(str(folder / name))}: .*{why}",
                    str(folder / name))
    ask.refused("a.mp4: can't be reached: .*[Rr]efused",
                f"http://127.0.0.1:{closed}/a.mp4")
    check_missing(ask, folder)
    ask.refused("64x48 are 3072 pixels, more than the 3071 of --max-pixels",
                "--max-pixels=3071", str(video))
    for pattern, *args in (
            ("a file is needed",), ("question 2 is empty", video, "x", " "),
            ("question 1 is not UTF-8", video, b"\xff"),
            ("'typo.mp4': No such file", video, "typo.mp4"),
            ("--frames is 0", "--frames=0", video),
            ("--at is 'now'", "--at=now", video),
            ("--to is 1.000 s, and --from 2.000 s", "--from=2", "--to=1", video),
            ("--at can't be with", "--at=1", "--every=1", video),
            ("recipe 'vqa' needs a question", "--recipe=vqa", video),
            ("no recipe 'x'; there are quality, ", "--recipe=x", video),
            ("3 --choice-weights for 2", "--choices=a,b",
             "--choice-weights=1,2,3", video, "x")):
        ask.refused(pattern, *args, status=2)


def check_files(ask, folder, video):
    """A file that fails is one line, the others are answered."""
    other = folder / "pages.ogg"
    r = ask(video, folder / "text.mp4", other, "--", "nofile.mp4", "b",
            status=1)
    lines = r.stdout.splitlines()
    check(len(lines) == 4 and all(
        line.startswith(f"{f}: ") for line, f in zip(
            lines, (video, video, other, other)))
          and len(re.findall("^owl2-ask: .*text.mp4: ", r.stderr, re.M)) == 1
          and "nofile" not in r.stderr, f"{lines}, {r.stderr}")
    answers = ask.json(video, "one", "two")
    check([list(a) for a in answers] == [FIELDS] * 2
          and answers[0]["file"] == str(video)
          and [a["question"] for a in answers] == ["one", "two"]
          and answers[1]["prompt-tokens-reused"] > 0
          and answers[0]["encode-ns"] == answers[1]["encode-ns"] > 0,
          f"{answers}")
    captions = ask.json(video), ask.json("--at", 1, video)
    check([c[0]["question"].split()[-1] for c in captions]
          == ["video.", "image."], f"{captions}")
    r = ask("--at", "20.5", video, "x", status=1)
    check("nothing at 20.500 s: the video ends at 20.000 s" in r.stderr, r.stderr)


def check_every(ask, folder, video):
    srt, vtt = folder / "out.srt", folder / "out.vtt"
    answers = ask.json("--every", 8, "--frames", 2, "--srt", srt, "--vtt", vtt,
                       video)
    check([(a["start"] // SECOND, round(a["end"] / SECOND, 6))
           for a in answers] == [(0, 8), (8, 16), (16, 20)]
          and [a["frame-times"] for a in answers]
          == [[t * SECOND, (t + 4) * SECOND] for t in (0, 8)]
          + [[16 * SECOND]], f"{answers}")
    cues = re.findall(r"(\d\d:\d\d:\d\d)[.,]000 --> (\d\d:\d\d:\d\d)[.,]000\n",
                      srt.read_text())
    check(cues == [("00:00:00", "00:00:08"), ("00:00:08", "00:00:16"),
                   ("00:00:16", "00:00:20")], srt.read_text())
    check(vtt.read_text().startswith("WEBVTT\n\n00:00:00.000 --> 00:00:08.000"),
          vtt.read_text())
    kept = srt.read_bytes()
    ask("--srt", srt, folder / "text.mp4", status=1)
    check(srt.read_bytes() == kept, "subtitles of what can't be read")
    r = ask("--vtt", srt, srt, status=2)
    check("out.srt is a source" in r.stderr and srt.read_bytes() == kept,
          r.stderr)
    r = ask("--every", 8, video)
    check(re.match(r" +0\.0 - +8\.0 s   \S", r.stdout)
          and len(r.stdout.splitlines()) == 3, r.stdout)


def check_scores(ask, folder, video):
    a = ask.json("--at", 1, "--choices", "yes, no", "--choice-weights", "3,1",
                 video, "x")[0]
    check(list(a) == FIELDS + ["choices", "probabilities", "score"]
          and a["choices"] == ["yes", "no"] and a["text"] in a["choices"]
          and abs(sum(a["probabilities"]) - 1) < 1e-12
          and abs(a["score"] - 3 * a["probabilities"][0]
                  - a["probabilities"][1]) < 1e-12, f"{a}")
    files = [video, folder / "pages.ogg", folder / "stream.ts"]
    r = ask("--recipe", "quality", *files, folder / "text.mp4", status=1)
    rows = [line.split() for line in r.stdout.splitlines()]
    scores = [float(row[0]) for row in rows]
    check(scores == sorted(scores, reverse=True)
          and sorted(row[2] for row in rows) == sorted(map(str, files)),
          r.stdout)
    a = ask.json("--recipe", "video-quality", video)[0]
    check(a["frame-times"] == [s * SECOND for s in range(20)], f"{a}")


def check_streams(ask, folder, video):
    with open(video, "rb") as file:
        a = ask.json("--frames", 3, "-", "x", stdin=file)[0]
    b = ask.json("--frames", 3, video, "x")[0]
    check(a["frame-times"] == b["frame-times"] and a["text"] == b["text"],
          f"{a}, {b}")
    piped = subprocess.Popen(["cat", str(video)], stdout=subprocess.PIPE)
    a = ask.json("--frames", 3, "-", "x", stdin=piped.stdout)[0]
    check(max(abs(x - y) for x, y in zip(a["frame-times"], b["frame-times"]))
          <= 20 * SECOND // 100, f"{a}")
    live = "testbin://video,pattern=ball,is-live=true"
    a = ask.json("--seconds", 1, live, "x")[0]
    check(a["end"] == SECOND and len(a["frame-times"]) == 4, f"{a}")
    r = ask(live, "x", status=1)
    check("--seconds" in r.stderr, r.stderr)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler,
                                directory=str(folder))
    handler.log_message = lambda *args: None
    http.server.SimpleHTTPRequestHandler.log_message = lambda *args: None
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        uri = f"http://127.0.0.1:{server.server_port}/{video.name}"
        a = ask.json("--frames", 3, uri, "x")[0]
        check(a["file"] == uri and len(a["frame-times"]) == 3, f"{a}")
        server.shutdown()


def check_talk(ask, video):
    """What was said before is a part of the prompt, as far as it fits."""
    answers = ask.json("-i", "--frames", 1, video, "first",
                       input="second\n\nthird\n" + "x " * 400 + "\nlast\n")
    check([a["question"].split()[0] for a in answers]
          == ["first", "second", "third", "x", "last"], f"{answers}")
    n = [a["prompt-tokens"] for a in answers]
    check(n[0] < n[1] < n[2] < n[3] < n[4]
          and answers[1]["prompt-tokens-reused"] >= n[0] - 4, f"{n}")
    master, slave = pty.openpty()
    program = subprocess.Popen(
        [ask.program, "--model", ask.model, "-n", "2", "--every", "0.2",
         str(video)], stdout=subprocess.DEVNULL, stderr=slave)
    os.close(slave)
    shown = b""
    try:
        while data := os.read(master, 65536):
            shown += data
    except OSError:
        pass
    check(program.wait() == 0 and re.search(rb"\r\x1b\[K\[#*[ ]*\] +\d+ %", shown)
          and shown.endswith(b"\r\x1b[K"), f"{shown[-300:]}")


def main():
    convert, program, checkpoint = (
        pathlib.Path(a).absolute() for a in sys.argv[1:4])
    Gst.init(None)
    with tempfile.TemporaryDirectory() as temp:
        temp = pathlib.Path(temp)
        model = temp / "model.gguf"
        subprocess.run([convert, checkpoint, model], check=True,
                       stderr=subprocess.DEVNULL)
        ask = Ask(program, model)
        video = temp / "cues.webm"
        for part in (check_sought, check_count, check_cut):
            part(ask, temp)
        for part in (check_refused, check_files, check_every, check_scores,
                     check_streams):
            part(ask, temp, video)
        check_talk(ask, video)
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
