#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Answers made of what terminals, players and parsers act on, through every
output there is: each comes back as the same text, and as many as there were.
The engine is a fake one that says what it is told; 300 answers, 10,000 with
OWL2_LONG.

usage: test_said.py PLUGIN ASK EVAL RUN EXAMPLE"""

import html
import json
import os
import pathlib
import pty
import random
import re
import signal
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "pipelines"))
import eval_set  # noqa: E402
import hostile  # noqa: E402
from checks import check, finish  # noqa: E402

PLUGIN, ASK, EVAL, RUN, EXAMPLE = (os.path.abspath(a) for a in sys.argv[1:6])
N = 10000 if os.environ.get("OWL2_LONG") else 300
# What the pieces of hostile.py lack.
MORE = ["---->", "--", "->", "<b>", "</b>", "<c.x>", "<v A>", "<00:01.000>",
        "&amp;", "&lt;", "&#60;", "&nbsp;", "&lt", "&#60", "{\\an8}", "{", "}", "WEBVTT",
        "NOTE", "STYLE", "\n\n", "\r\n", "\n7\n", "00:00:01.000 --> 00:00:02.000",
        "\u0085", "\u0090", "\u009d0;x\u009c", "\u2066", "\u2069", "\ufeff",
        "\u00ad", "\U000e0041", "\v", "\f", "\b", "\ufffe", "\uffff"]


def answers(seed):
    rng = random.Random(seed)
    pieces = hostile.PIECES + MORE
    out = [t for t in hostile.strings(len(hostile.HAND)) if t]
    out += [m.encode() for m in MORE]
    rng.shuffle(out)
    while len(out) < N:
        parts = [rng.choice(pieces).encode() for _ in range(rng.randint(1, 12))]
        if rng.random() < .1:
            parts.insert(rng.randrange(len(parts) + 1), rng.choice(hostile.RAW))
        out.append(b"".join(parts))
    return out[:N]


def valid(data):
    """As text: what is not UTF-8 is U+FFFD, however many."""
    text = data if isinstance(data, str) else data.decode(errors="replace")
    return re.sub("\ufffd+", "\ufffd", text)


def bare(text):
    """Without what owl2_printable_cue() puts in, and with braces as it has."""
    return re.sub(r"\s", "", valid(text)).translate({123: "(", 125: ")"})


def shown(data):
    """Whether there is something to see, but for blanks."""
    return any(line.strip(" \t\f") for line in re.split("[\r\n]", valid(data)))


def same(what, got, wanted, key=lambda x: x):
    check(len(got) == len(wanted), f"{what}: {len(got)} of {len(wanted)}")
    for i, (g, w) in enumerate(zip(got, wanted)):
        check(key(g) == key(w), f"{what} {i}: {w!r} became {g!r}")


def safe(what, data):
    bad = hostile.unsafe(data)
    check(bad is None, f"{what}: {bad} in {data[:300]!r}")


# ---- subtitles, as players read them -----------------------------------------


TIME = r"(?:\d+:)?\d\d:\d\d[.,]\d\d\d"


def cues(what, data, form):
    """The texts of the cues of a file, each as its lines; FORM: vtt or srt. An
    empty line ends a cue, and a line with an arrow begins one, wherever."""
    safe(what, data)
    lines = re.split("\r\n|\n|\r", data.decode())
    if form == "vtt":
        check(lines[0] == "WEBVTT", f"{what}: begins with {lines[0]!r}")
    out, inside, number = [], False, 0
    for i, line in enumerate(lines):
        if "-->" in line:
            check(re.fullmatch(f"{TIME} --> {TIME}", line),
                  f"{what}: {line!r} is no time")
            if form == "srt":
                number += 1
                check(lines[i - 1] == str(number),
                      f"{what}: cue {number} is number {lines[i - 1]!r}")
            out.append([])
            inside = True
        elif not line.strip():
            inside = False
        elif inside:
            out[-1].append(line)
        else:  # nothing but a head and numbers lies between cues
            check(i == 0 or form == "srt" and line.isdigit(),
                  f"{what}: {line!r} is in no cue")
    return out


def plain(what, lines, form):
    """What a player shows of them."""
    text = "\n".join(lines)
    check(not re.search(r"<[^\s]", text), f"{what}: markup in {text!r}")
    if form == "srt":
        check(not re.search(r"[{}]", text), f"{what}: braces in {text!r}")
    return html.unescape(text)


def same_cues(what, data, form, texts):
    got = [plain(what, c, form) for c in cues(what, data, form)]
    check(len(got) == len(texts), f"{what}: {len(got)} cues of {len(texts)}")
    for g, t in zip(got, texts):
        check(bare(hostile.undo(g)) == bare(t), f"{what}: {t!r} became {g!r}")


# ---- outputs -----------------------------------------------------------------


class World:
    def __init__(self, folder, texts):
        self.folder, self.texts = folder, texts
        said = folder / "answers"
        said.write_bytes(b"".join(t + b"\0" for t in texts))
        # As a build's folder, in which the scripts look.
        for name, path in (("gst-owl2/libgstowl2.so", PLUGIN),
                           ("tools/owl2-run", RUN), ("tools/owl2-ask", ASK)):
            link = folder / name
            link.parent.mkdir(exist_ok=True)
            link.symlink_to(path)
        self.env = {**os.environ, "OWL2_TEST_ANSWERS": str(said),
                    "OWL2_BUILD": str(folder),
                    "GST_PLUGIN_PATH": str(folder / "gst-owl2"),
                    "GST_REGISTRY": str(folder / "registry"),
                    "XDG_CACHE_HOME": str(folder / "cache")}

    def run(self, *command, **options):
        r = subprocess.run([*map(str, command)], env=self.env, timeout=600,
                           cwd=self.folder, capture_output=True, **options)
        check(r.returncode == 0, f"{command[0]}: {r.returncode} {r.stderr[:500]}")
        return r


def ask(w, video):
    """owl2-ask: lines, JSON, both subtitles, and what it shows on a terminal."""
    questions = [f"q{i}" for i in range(len(w.texts))]
    command = ASK, "--frames=1", "--srt=a.srt", "--vtt=a.vtt"
    r = w.run(*command, "--", video, "--", *questions)
    safe("lines", r.stdout)
    same("lines", [hostile.undo(t) for t in r.stdout.decode().split("\n")[:-1]],
         w.texts)
    # Without text there is no cue.
    said = [t for t in w.texts if t.strip(b" ")]
    for form in "srt", "vtt":
        same_cues(f"--{form}", (w.folder / f"a.{form}").read_bytes(), form, said)
    r = w.run(ASK, "--frames=1", "--json", "--", video, "--", *questions)
    safe("--json", r.stdout)
    same("--json", [json.loads(t)["text"] for t in r.stdout.split(b"\n")[:-1]],
         w.texts, valid)
    # In a conversation on a terminal text is shown as it is made.
    ours, theirs = pty.openpty()
    p = subprocess.Popen([ASK, "--frames=1", "-i", "--", video], env=w.env,
                         stdin=subprocess.PIPE, stdout=theirs,
                         stderr=subprocess.DEVNULL)
    os.close(theirs)
    p.stdin.write(b"q\n" * min(N, 300))
    p.stdin.close()
    got = b""
    while True:
        try:
            more = os.read(ours, 65536)
        except OSError:
            break
        got += more
        if not more:
            break
    p.wait()
    os.close(ours)
    got = got.replace(b"\r\n", b"\n")
    safe("a terminal", got)
    same("a terminal", [hostile.undo(t) for t in got.decode().split("\n")[:-1]],
         w.texts[:300])


def interrupted(w):
    """A signal ends what has no end, and what was said until then is kept."""
    video = w.folder / "stream.mkv"
    w.run("gst-launch-1.0", "-q", "videotestsrc", "num-buffers=200", "!",
          "video/x-raw,width=64,height=48,framerate=10/1", "!", "jpegenc", "!",
          "matroskamux", "streamable=true", "!", "filesink", f"location={video}")
    p = subprocess.Popen([ASK, "--every=1", "--srt=e.srt", "--", "-"],
                         env=w.env, cwd=w.folder, stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    data = video.read_bytes()
    p.stdin.write(data[:len(data) // 2])
    p.stdin.flush()
    lines = [p.stdout.readline() for _ in range(3)]
    there = (w.folder / "e.srt").exists()
    p.send_signal(signal.SIGINT)
    rest, said = p.communicate(timeout=60)
    lines += rest.split(b"\n")[:-1]
    check(p.returncode == 1 and b"ended by a signal" in said,
          f"interrupted: status {p.returncode}, {said}")
    check(not there, "subtitles are there before their end")
    check(3 <= len(lines) < 20, f"interrupted: {len(lines)} answers")
    same_cues("interrupted", (w.folder / "e.srt").read_bytes(), "srt",
              [t for t in w.texts[:len(lines)] if t.strip(b" ")])


def table(w, video):
    """The table of scores, with names of files that are anything."""
    names = []
    for name in hostile.names(60)[:60]:
        path = w.folder / "names" / os.fsdecode(name)
        path.parent.mkdir(exist_ok=True)
        os.link(video, path)
        names.append(path)
    command = (ASK, "--frames=1", "--choices=a,b", "--choice-weights=1,0",
               *(f"names/{p.name}" for p in names))
    r = subprocess.run([os.fsencode(c) for c in command], env=w.env,
                       cwd=w.folder, capture_output=True)
    check(r.returncode == 0, f"a table: {r.returncode} {r.stderr[:300]}")
    safe("a table", r.stdout)
    safe("a table's messages", r.stderr)
    rows = [hostile.undo(t) for t in r.stdout.decode().split("\n")[:-1]]
    same("a table", sorted(row.split(b"  ", 2)[2] for row in rows),
         sorted(b"names/" + os.fsencode(p.name) for p in names))


def element(w):
    """The element: messages, as owl2-run and gst-launch-1.0 print them, JSON,
    subtitles, and the debug log."""
    line = (f"videotestsrc num-buffers={len(w.texts)} ! video/x-raw,width=16,"
            "height=16,framerate=1/1 ! owl2 name=owl2 interval=1000000000 "
            "when-busy=wait ! fakesink")
    r = w.run(RUN, "--srt=b.srt", "--", line)
    lines = r.stdout.decode().split("\n")[:-1]
    safe("owl2-run", r.stdout)
    same("owl2-run", [hostile.undo(t.split(" s   ", 1)[1]) for t in lines],
         w.texts, valid)
    same_cues("owl2-run --srt", (w.folder / "b.srt").read_bytes(), "srt",
              [t for t in w.texts if t.strip(b" ")])
    r = w.run(RUN, "--json", "--", line)
    safe("owl2-run --json", r.stdout)
    same("owl2-run --json",
         [json.loads(t)["text"] for t in r.stdout.split(b"\n")[:-1]], w.texts,
         valid)
    r = w.run("gst-launch-1.0", "-m", *line.split())
    r = w.run("sh", ROOT / "pipelines" / "show-answers.sh", "c.srt",
              input=r.stdout)
    safe("show-answers.sh", r.stdout)
    same("show-answers.sh", [hostile.undo(t.split(" s   ", 1)[1])
                             for t in r.stdout.decode().split("\n")[:-1]],
         w.texts, valid)
    check((w.folder / "c.srt").read_bytes() == (w.folder / "b.srt").read_bytes(),
          "show-answers.sh: other subtitles than owl2-run's")
    w.env["GST_DEBUG"], w.env["GST_DEBUG_NO_COLOR"] = "owl2:9", "1"
    r = w.run(RUN, "--", line)
    del w.env["GST_DEBUG"]
    safe("the debug log", r.stderr)


def text_pad(w):
    """text_src into the encoders of subtitles, as in subtitles.sh."""
    # Each of a second, as long as the frame it is about.
    line = (f"videotestsrc num-buffers={len(w.texts)} ! video/x-raw,width=16,"
            "height=16,framerate=1/1 ! owl2 name=owl2 interval=1000000000 "
            "when-busy=wait ! fakesink owl2.text_src ! tee name=t ! queue ! "
            "webvttenc ! filesink name=vtt  t. ! queue ! srtenc ! filesink "
            "name=srt")
    w.run(RUN, "--file=vtt=d.vtt", "--file=srt=d.srt", "--", line)
    said = [t for t in w.texts if shown(t)]
    for form in "vtt", "srt":
        same_cues(f"text_src, {form}", (w.folder / f"d.{form}").read_bytes(),
                  form, said)


META = """
import gi, json, sys
gi.require_version("Gst", "1.0")
from gi.repository import Gst
Gst.init(None)
pipeline = Gst.parse_launch(sys.argv[1])
sink = pipeline.get_by_name("sink")
def see(sink, buffer, pad):
    meta = buffer.get_custom_meta("GstOwl2Meta")
    if meta:
        s = meta.get_structure()
        print(json.dumps([s.get_uint64("id")[1], s.get_string("text"),
                          json.loads(s.get_string("json"))["text"]]))
sink.connect("handoff", see)
pipeline.set_state(Gst.State.PLAYING)
m = pipeline.get_bus().timed_pop_filtered(200 * Gst.SECOND,
                                          Gst.MessageType.EOS | Gst.MessageType.ERROR)
pipeline.set_state(Gst.State.NULL)
sys.exit(m is None or m.type != Gst.MessageType.EOS)
"""


def metas(w):
    # A frame more, on which the last answer is.
    r = w.run("/usr/bin/python3", "-W", "ignore", "-c", META,
              f"videotestsrc num-buffers={len(w.texts) + 2} ! video/x-raw,"
              "width=16,height=16,framerate=1/1 ! owl2 interval=1000000000 "
              "when-busy=wait max-queue-time=0 ! fakesink name=sink "
              "signal-handoffs=true")
    seen = {}
    for line in r.stdout.split(b"\n")[:-1]:
        number, text, in_json = json.loads(line)
        check(valid(text) == valid(in_json), f"{text!r} is {in_json!r} in JSON")
        seen[number] = text
    got = [seen[k] for k in sorted(seen)][:len(w.texts)]
    same("metas", got, w.texts[:len(got)], valid)
    check(len(got) > len(w.texts) // 2, f"{len(got)} metas")


def examples(w):
    """What is copied from examples/ says what it shows on a terminal."""
    source = (f"videotestsrc num-buffers={len(w.texts)} ! video/x-raw,width=16,"
              "height=16,framerate=1/1")
    for command in ([EXAMPLE], ["/usr/bin/python3", "-W", "ignore",
                                ROOT / "examples" / "answers.py"]):
        r = w.run(*command, source)
        safe(str(command[-1]), r.stdout)
        lines = r.stdout.count(b"\n")
        check(lines == len([t for t in r.stdout.split(b"\n") if re.match(
            rb"(asked|message|buffer) ", t)]), f"{lines} lines, others among them")
        check(lines > 5, f"{command[-1]}: {lines} lines")


def evaluation(w):
    data = eval_set.write(w.folder)
    line = json.loads(data.read_text().split("\n")[0])
    data.write_text("".join(json.dumps({**line, "question_id": t.decode(
        errors="replace")}) + "\n" for t in w.texts))
    w.run(EVAL, data, "--form", "pope", "--template",
          "USER: <|image|>{} ASSISTANT:", "--out", "eval")
    for name in "answers-0-of-1.jsonl", "answers.jsonl":
        lines = (w.folder / "eval" / name).read_bytes()
        safe(name, lines)
        lines = [json.loads(t) for t in lines.split(b"\n")[:-1]]
        same(name, [t["text"] for t in lines], w.texts, valid)
        if "id" in lines[0]:
            same(name, [t["id"] for t in lines], w.texts, valid)
    safe("predictions", (w.folder / "eval" / "predictions.jsonl").read_bytes())


def main():
    seed = int(os.environ.get("OWL2_SEED") or random.SystemRandom().randrange(
        1 << 30))
    print(f"OWL2_SEED={seed}, {N} answers")
    with tempfile.TemporaryDirectory() as temp:
        w = World(pathlib.Path(temp), answers(seed))
        video = w.folder / "clip.avi"
        w.run("gst-launch-1.0", "-q", "videotestsrc", "num-buffers=2", "!",
              "video/x-raw,width=32,height=24,framerate=10/1", "!", "jpegenc",
              "!", "avimux", "!", "filesink", f"location={video}")
        ask(w, video)
        interrupted(w)
        table(w, video)
        element(w)
        text_pad(w)
        metas(w)
        examples(w)
        evaluation(w)
    return finish()


if __name__ == "__main__":
    sys.exit(main())
