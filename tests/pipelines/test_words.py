#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Hostile strings (300, or 10,000 with OWL2_LONG) as questions, names of files,
values of properties and answers, through every program and script: nothing is
executed or written that was not asked for, each is taken as the text that it is
or refused in one line, and nothing that a terminal or a player acts on comes
out.

usage: test_words.py BUILD CHECKPOINT [STEP...]"""

import json
import os
import pathlib
import re
import struct
import subprocess
import sys
import tempfile
import time

import checks
import hostile
from checks import check

import gi
gi.require_version("Gst", "1.0")
from gi.repository import GObject, Gst  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
N = 10000 if os.environ.get("OWL2_LONG") else 300
ESCAPE = b"\x1b]0;PWNED\x07"
# Said before anything else where there is no GPU.
CPU_WARNING = rb"^\S+: warning: using .* computes on the CPU, not on a GPU\n"


class Programs:
    """The programs and scripts, in a folder in which nothing may appear."""

    def __init__(self, build, folder):
        tools = build / "tools"
        self.files = {p: str(tools / p) for p in (
            "owl2-ask", "owl2-run", "owl2-trace", "owl2-bench")}
        self.files["owl2-convert"] = str(tools / "convert" / "owl2-convert")
        self.env = {**os.environ, "OWL2_BUILD": str(build),
                    "GST_PLUGIN_PATH": str(build / "gst-owl2")}
        self.folder = folder

    def call(self, name, *args, status=None, out=None, env=(), **options):
        """Runs it; what it printed is safe to show and no file appeared."""
        command = ([self.files[name]] if name in self.files
                   else ["sh", ROOT / "pipelines" / name])
        before = set(os.listdir(bytes(self.folder)))
        r = subprocess.run(
            command + list(args), cwd=self.folder, timeout=600,
            env={**self.env, **dict(env)}, stdout=out or subprocess.PIPE,
            stderr=subprocess.PIPE, **options)
        what = f"{name} {os.fsencode(args[-1])[:80]!r}" if args else name
        for data in (r.stdout or b""), r.stderr:
            bad = hostile.unsafe(data)
            check(bad is None, f"{what}: {bad} in {data[:300]!r}")
        new = set(os.listdir(bytes(self.folder))) - before
        check(not new, f"{what}: made {new}")
        r.stderr = re.sub(CPU_WARNING, b"", r.stderr)
        if status is not None:
            check(r.returncode == status,
                  f"{what}: exit {r.returncode}, {r.stderr[:300]!r}")
        return r

    def refused(self, name, *args, holds=b"", status=1, **options):
        """Refused in one line, which has HOLDS in it."""
        r = self.call(name, *args, status=status, **options)
        lines = r.stderr.decode(errors="replace").split("\n")
        check(r.stdout == b"" and len(lines) == 2 and lines[1] == ""
              and lines[0].startswith(f"{name.replace('.sh', '')}: "
                                      if name in self.files else "owl2-run: ")
              and holds in hostile.undo(lines[0]),
              f"{name} {os.fsencode(args[-1])[:80]!r}: {r.stderr!r} for "
              f"{holds!r}")


# ---- questions ------------------------------------------------------------------


def ask_all(p, model, video, questions):
    """Through owl2-ask, many in one call: an answer a line."""
    texts = [q for q in questions if hostile.is_text(q)
             and b"<|image|>" not in q and q.strip(b" \t\r\n")]
    for i in range(0, len(texts), 500):
        part = texts[i:i + 500]
        r = p.call("owl2-ask", "--model", model, "--max-tokens=1", "--frames=1",
                   "--", video, "--", *part, status=0)
        n = r.stdout.count(b"\n")
        check(n == len(part), f"owl2-ask: {n} lines for {len(part)} questions")
    for q in [q for q in questions if not hostile.is_text(q)][:5]:
        p.refused("owl2-ask", "--model", model, "--", video, b"first", q,
                  status=2)


def run_all(p, model, questions):
    """Through owl2-run, as properties of many elements at once: each has in its
    answer the very question that it was given, bytes that are not UTF-8 as
    U+FFFD. All of them one after the other are properties of the last one."""
    for part in questions[:96:6], questions[3:96:6], questions[96::90]:
        line = ("videotestsrc num-buffers=1 ! video/x-raw,width=16,height=16"
                + "".join(f" ! owl2 name=q{k}" for k in range(len(part)))
                + " ! fakesink")
        settings = [b"q0.prompt=" + q for q in questions]
        settings += [b"q%d.%s" % (k, s) for k in range(len(part)) for s in (
            b"model=" + os.fsencode(model), b"max-tokens=1",
            b"when-busy=wait", b"prompt=" + part[k])]
        r = p.call("owl2-run", "--messages", "--", line, *settings, status=0)
        got = {}
        for text in r.stdout.decode().splitlines():
            m = re.fullmatch(r'Got message #\d+ from element "(q\d+)" '
                             r"\(element\): (.*)", text)
            got[m[1]] = Gst.Structure.from_string(m[2])[0].get_string("prompt")
        for k, q in enumerate(part):
            # What is no UTF-8 is made so by the element.
            check(got.get(f"q{k}") == q.decode(errors="replace")
                  or not hostile.is_text(q) and f"q{k}" in got,
                  f"owl2-run: {q!r} became {got.get(f'q{k}')!r}")


def trace_all(p, model, texts):
    lines = [{"text": t.decode()} for t in texts if hostile.is_text(t)]
    r = p.call("owl2-trace", "--model", model, "--tokenize", status=0,
               input="\n".join(map(json.dumps, lines)).encode())
    got = [json.loads(line)["text"] for line in r.stdout.split(b"\n") if line]
    # The tokenizer normalises spaces; the rest is what it was.
    check([g.split() for g in got] == [t["text"].split() for t in lines],
          f"owl2-trace: {len(got)} of {len(lines)} lines, or other texts")
    for t in texts[::90]:
        r = p.call("owl2-trace", "--model", model, "--max-tokens=2",
                   b"--prompt=x" + t)
        check((r.returncode, r.stdout.count(b"\n")) == (0, 1)
              or (r.returncode, r.stderr.count(b"\n")) == (1, 1),
              f"owl2-trace {t!r}: {r.returncode} {r.stdout!r} {r.stderr!r}")


# ---- names of files -------------------------------------------------------------


def files_all(p, model, video, found):
    """FOUND: names that are links to VIDEO while they are used."""
    there = os.path.join(bytes(p.folder), b"")
    for name in found:
        line = "filesrc name=file ! fakesink"
        p.refused("owl2-run", "--", line, b"file.location=" + name,
                  holds=b'"' + name + b'"')
        os.link(video, there + name)
        p.call("owl2-run", "--", line, b"file.location=" + name, status=0)
        os.unlink(there + name)
    for name in found[::15]:
        p.refused("owl2-ask", "--model", model, "--", name, b"x", holds=name)
        p.refused("owl2-ask", "--model", name, "--", os.fsencode(video), b"x",
                  holds=name)
        p.refused("owl2-trace", b"--model=" + name, "--prompt=x", holds=name)
        p.refused("owl2-convert", "--", name, b"out.gguf", holds=name)
        p.refused("owl2-bench", b"--model=" + name, holds=name)
        p.refused("caption-file.sh", name, holds=b'"' + name + b'"')
        p.refused("caption-file.sh", os.fsencode(video), b"model=" + name,
                  holds=b"'" + name + b"'")
        os.link(video, there + name)
        r = p.call("owl2-ask", "--model", model, "--max-tokens=1", "--", name,
                   b"x", status=0)
        check(r.stdout.count(b"\n") == 1, f"owl2-ask {name!r}: {r.stdout!r}")
        for script, more in ("caption-file.sh", []), ("ask-file.sh", [name]):
            r = p.call(script, name, *more, b"model=" + os.fsencode(model),
                       b"max-tokens=1", status=0)
            check(len(r.stdout.splitlines()) == 1 and b"owl2-answer" in r.stdout,
                  f"{script} {name!r}: {r.stdout!r}")
        os.unlink(there + name)


# ---- values ----------------------------------------------------------------------


def values_all(p, texts):
    """As values of properties that are no text, and as whole arguments."""
    line = "fakesrc num-buffers=0 ! fakesink name=owl2"
    number = re.compile(rb"[-+ \t\n\v\f\r]*([0-9]|min|max|true|false|yes|no)")
    for t in texts[::20]:
        if not number.match(t):
            p.refused("owl2-run", "--", line, b"num-buffers=" + t, holds=t)
    for t in texts[::40]:
        # Nothing that a string can be said to be makes an element.
        p.refused("owl2-run", "--", line, b"owl2.x=" + t, holds=b"'x'")
        if b"=" not in t:
            p.refused("owl2-run", "--", line, t, holds=t)
    p.refused("owl2-run", "--", "fakesrc ! fakesink playbin name=owl2",
              b"video-sink=filesink location=INJECTED", holds=b"video-sink")
    p.refused("owl2-run", "--", line, b"parent=x", holds=b"parent")
    p.refused("owl2-run", "--", line, b"num-buffers=-2", holds=b"-2")
    p.refused("owl2-run", "--", "videotestsrc ! nonesuch" + "\x1b[31m")
    # Subtitles never replace what the pipeline reads or writes.
    kept = pathlib.Path(p.folder, "kept")
    kept.write_text("kept")
    link = pathlib.Path(p.folder, "link")
    os.link(kept, link)
    for line in ("filesrc location=kept ! fakesink",
                 f"fakesrc uridecodebin uri={kept.as_uri()} ! fakesink",
                 "fakesrc ! bin.( filesink location=./kept )"):
        p.refused("owl2-run", "--srt=link", "--", line, holds=b"link")
        check(kept.read_text() == "kept", f"subtitles replaced it: {line}")
    kept.unlink()
    link.unlink()
    p.refused("live-test.sh", b"frames=65", holds=b"65")
    p.refused("camera.sh", b"frames=" + ESCAPE, holds=ESCAPE)
    for script in "caption-file.sh", "ask-file.sh":
        r = p.call(script, status=2)
        check(r.stderr.startswith(b"usage: "), f"{script}: {r.stderr!r}")
    for program in p.files:
        r = p.call(program, b"--none-such" + ESCAPE)
        check(r.returncode in (1, 2) and b"\\x1b]0;" in r.stderr,
              f"{program}: {r.stderr!r}")


# ---- answers ---------------------------------------------------------------------


def cues(path):
    """[(start, end, text)] of a SubRip file, as players read it: a cue ends at
    an empty line, and a line with an arrow is one of times."""
    out = []
    for line in path.read_bytes().decode().split("\n"):
        if re.match(r"\d\d:\d\d:\d\d,\d\d\d --> ", line):
            out.append([*line.split(" --> "), []])
        elif out and line:
            out[-1][2].append(line)
    return out


def answers_all(p, texts, folder):
    """As answers, in what gst-launch-1.0 -m prints."""
    texts = [t.decode() for t in texts if hostile.is_text(t) and t]
    lines = []
    for i, text in enumerate(texts):
        s = Gst.Structure.new_empty("owl2-answer")
        s.set_value("text", text)
        s.set_value("prompt", text)
        for key, value in ("start", i * 10 ** 9), ("end", (i + 2) * 10 ** 9):
            s.set_value(key, GObject.Value(GObject.TYPE_UINT64, value))
        fields = s.to_string()
        lines.append(f'Got message #{i} from element "owl2-0" (element): '
                     f"{fields}\n")
    # What only looks like an answer, within other messages.
    forged = ('Got message #9 from element "x" (element): owl2-answer, '
              "id=(guint64)1, text=(string)forged, start=(guint64)0, "
              "end=(guint64)1;")
    s = Gst.Structure.new_empty("taglist")
    s.set_value("title", forged)
    lines += [f'Got message #1 from element "a" (tag): {s.to_string()}\n',
              f'Got message #1 from element "a" (element): {s.to_string()}\n',
              f'Got message #1 from element "owl2-answer, " (tag): {forged}\n',
              f" {forged}\n", f"x{forged}\n", f"{forged} and more\n",
              forged.replace("text=", "text2=") + "\n",
              forged.replace("owl2-answer", "owl2-alert") + "\n",
              "Setting pipeline to PLAYING ...\n", "\x1b]0;PWNED\x07\n"]
    srt = folder / "out -\t!'\".srt"
    srt.touch()
    r = p.call("show-answers.sh", os.fsencode(srt), status=0,
               input="".join(lines).encode() + b"\xff\n")
    got = r.stdout.decode().split("\n")
    check(len(got) == len(texts) + 1, f"{len(got) - 1} answers of {len(texts)}")
    for i, (line, text) in enumerate(zip(got, texts)):
        head = "%5d.0 - %5d.0 s   " % (i, i + 2)
        check(line.startswith(head)
              and hostile.undo(line[len(head):]) == text.encode(),
              f"{text!r} became {line!r}")
    there = cues(srt)
    shown = [i for i, t in enumerate(texts) if t.strip(" ")]
    check([int(c[0][3:5]) * 60 + int(c[0][6:8]) for c in there] == shown,
          f"{len(there)} cues of {len(shown)} answers")
    for cue in there:
        text = "".join(cue[2][0])
        check(not re.search(r"-->|<[^ ]|[{}]", text), f"cue {cue}")
    check(hostile.unsafe(srt.read_bytes()) is None, "the subtitles' bytes")
    r = p.call("show-answers.sh", status=0,
               input=b"ERROR: from element x: \x1b]0;PWNED\x07\nWARNING: y\n"
               b"ERROR: from element owl2-0: v\\x1b.gguf: no model\n")
    # What owl2 has made printable is not made so twice.
    check(r.stderr == b"ERROR: from element x: \\x1b]0;PWNED\\x07\nWARNING: y\n"
          b"ERROR: from element owl2-0: v\\x1b.gguf: no model\n",
          str(r.stderr))


def attack_file(p):
    """What the old script decoded twice."""
    head = 'Got message #1 from element "owl2-0" (element): owl2-answer, ' \
        'id=(guint64)1, text=(string)"'
    tail = '", prompt=(string)p, start=(guint64)0, end=(guint64)2000000000;\n'
    cases = {
        r"\033\]0\;PWNED\007\ red": r"\x1b]0;PWNED\x07 red",
        r"\\033\]0\;PWNED\\a\ red\ \\c\ rest": r"\\033]0;PWNED\\a red \\c rest",
        r"x\"\,\ start\=\(guint64\)\$\(touch\ INJECTED\)9\,\ end\=\(guint64\)9":
            'x", start=(guint64)$(touch INJECTED)9, end=(guint64)9',
        r"plain--\>\012\0122\01200:00:00\,000\ --\>\ 00:00:09\,000\012fake":
            r"plain-->\n\n2\n00:00:00,000 --> 00:00:09,000\nfake",
        r"100\%\ \%s\ \%n\ \%b\ \\0101": r"100% %s %n %b \\0101",
        r"text\=\(string\)fake\,\ prompt\=\(string\)x":
            "text=(string)fake, prompt=(string)x",
    }
    r = p.call("show-answers.sh", status=0,
               input="".join(head + c + tail for c in cases).encode())
    check(r.stdout.decode() == "".join(
        f"    0.0 -     2.0 s   {c}\n" for c in cases.values()), str(r.stdout))


# ---- words of a model ------------------------------------------------------------


def escaping_model(plain, path):
    """PATH: the model file PLAIN with a name and pieces of escape sequences."""
    b = bytearray(plain.read_bytes())

    def string(key):
        at = b.index(key) + len(key) + 4
        return at + 8, struct.unpack_from("<Q", b, at)[0]

    at, n = string(b"general.name")
    b[at:at + n] = (ESCAPE * n)[:n]
    at = b.index(b"tokenizer.ggml.tokens") + 21 + 4
    n_pieces, = struct.unpack_from("<Q", b, at + 4)
    at += 12
    for i in range(n_pieces):
        n, = struct.unpack_from("<Q", b, at)
        at += 8
        if i > 260 and n >= 9:
            b[at:at + n] = (b"\x1b]0;%03x" % i)[:n - 1].ljust(n - 1, b"_") + b"\7"
        elif i > 260 and n >= 6:
            b[at:at + n] = (b"\x1b[%02xm" % (i % 256) + b"_" * n)[:n]
        at += n
    path.write_bytes(b)


def model_words(p, plain, video, folder):
    model = folder / "escapes.gguf"
    escaping_model(plain, model)
    args = "--model", model, "--max-tokens=40"
    line = ("filesrc name=file ! decodebin ! videoconvert ! owl2 name=owl2 "
            "max-tokens=40 ! fakesink")
    settings = b"file.location=" + os.fsencode(video), \
        b"model=" + os.fsencode(model)
    # That the escapes are there, as text, is what shows that they were said.
    for name, *rest in (("owl2-ask", *args, "--", video, "x"),
                        ("owl2-trace", *args, "--ignore-eos", "--prompt=x"),
                        ("owl2-run", "--", line, *settings)):
        r = p.call(name, *rest, status=0)
        check(b"\\x1b[" in r.stdout, f"{name}: {r.stdout!r}")
    r = p.call("owl2-run", "--messages", "--", line, *settings, status=0)
    check(b"\\033\\[" in r.stdout and b"(string)\"\\033\\]0\\;P" in r.stdout, str(r.stdout))
    r = p.call("owl2-run", "--verbose", "--", line, *settings, status=0,
               env={"GST_DEBUG": "owl2:9", "GST_DEBUG_NO_COLOR": "1"})
    check(b"model '\\x1b]0;P" in r.stderr, str(r.stderr))
    r = p.call("owl2-trace", "--verbose", *args, "--prompt=x", status=0)
    # Its tables name no model.
    r = p.call("owl2-bench", "--json", "--model", model, status=0)
    check(json.loads(r.stdout.splitlines()[0])["model"].startswith(
        "\x1b]0;P"), str(r.stdout[:300]))
    # A piece that is there twice is named in the message.
    b = model.read_bytes()
    twice = re.search(rb"\x1b\[..m_", b)
    other = re.compile(rb"\x1b\[..m_").search(b, twice.end())
    n = struct.unpack_from("<Q", b, twice.start() - 8)[0]
    while struct.unpack_from("<Q", b, other.start() - 8)[0] != n:
        other = re.compile(rb"\x1b\[..m_").search(b, other.end())
    model.write_bytes(b[:other.start()] + b[twice.start():twice.start() + n]
                      + b[other.start() + n:])
    for name, *rest in (("owl2-ask", *args, "--", video, "x"),
                        ("owl2-run", "--", line, *settings)):
        p.refused(name, *rest, holds=b"\x1b[")
    # gst-launch-1.0 prints an element's messages as they are.
    r = subprocess.run(
        ["gst-launch-1.0", "-m", "fakesrc", "!", "owl2", f"model={model}", "!",
         "fakesink"], env=p.env, capture_output=True)
    check(b"\\x1b[" in r.stderr and hostile.unsafe(r.stderr) is None
          and hostile.unsafe(r.stdout) is None, str(r.stderr))


def long_words(p, plain):
    """Prompts of 48 MB, as a property, for no argument can hold them; and what
    JSON can say beside letters."""
    build = pathlib.Path(p.env["OWL2_BUILD"])
    Gst.Registry.get().scan_path(str(build / "gst-owl2"))
    for what, text in ("long", "a" * (48 << 20)), ("odd", "\x01\x1b\ufffe" * 999):
        pipe = Gst.parse_launch(
            "videotestsrc num-buffers=2 ! video/x-raw,width=16,height=16,"
            "framerate=1/1 ! owl2 name=owl2 max-tokens=1 ! fakesink")
        pipe.get_by_name("owl2").set_property("model", str(plain))
        pipe.get_by_name("owl2").set_property("prompt", text)
        pipe.set_state(Gst.State.PLAYING)
        m = pipe.get_bus().timed_pop_filtered(
            600 * Gst.SECOND, Gst.MessageType.EOS | Gst.MessageType.ERROR)
        said = m.parse_error() if m and m.type == Gst.MessageType.ERROR else None
        pipe.set_state(Gst.State.NULL)
        check(said and len(said[0].message) < 500
              and hostile.unsafe(said[0].message.encode()) is None
              and re.search(r"\d+ (bytes|positions)", said[0].message),
              f"a {what} prompt: {m and m.type} {said}")
    long = "a" * (2 << 20)
    r = p.call("owl2-trace", "--model", plain, "--tokenize", status=0,
               input=('{"text": "%s"}\n{"text": "a\\u0000b\\ud800\\u001b"}'
                      % long).encode())
    lines = r.stdout.split(b"\n")
    check(len(lines) == 3 and json.loads(lines[0])["text"] == long
          and json.loads(lines[1])["text"].endswith("\x1b"), "2 MB to tokenize")


def full_disk(p, model, video):
    """Help, version, and what else is printed: lost is not done."""
    runs = [(name, option) for name in p.files
            for option in ("--help", "--version")]
    run = ("owl2-run", "--", "filesrc name=f ! decodebin ! videoconvert ! "
           "owl2 name=owl2 max-tokens=1 ! fakesink", b"model=" + os.fsencode(
               model), b"f.location=" + os.fsencode(video))
    runs += [("owl2-run", "--messages", *run[1:]), run,
             ("owl2-run", "--help-all"), ("owl2-ask", "--help-gst"),
             ("owl2-bench", "--kernel=argmax", "--json"),
             ("owl2-bench", "--kernel=argmax"),
             ("owl2-trace", "--model", model, "--prompt=x"),
             ("owl2-ask", "--model", model, "--", video, "x")]
    for name, *args in runs:
        with open("/dev/full", "wb") as full:
            r = p.call(name, *args, status=1, out=full)
        check(re.fullmatch(rb"%s: standard output: .+\n" % name.encode(),
                           r.stderr), f"{name} {args[:1]}: {r.stderr!r}")
        r = p.call(name, *args, status=0)
        check(r.stdout and b"standard output" not in r.stderr, f"{name} {args}")
        command = [p.files[name], *args]
        r = subprocess.run(["sh", "-c", 'exec "$@" >&-', "sh", *command],
                           env=p.env, capture_output=True)
        check(r.returncode == 1 and b"standard output" in r.stderr,
              f"closed, {name} {args[:1]}: {r.returncode} {r.stderr!r}")
    # What is no file can't be whole.
    r = p.call("owl2-run", "--srt=/dev/full", *run[1:], status=1)
    check(re.fullmatch(rb"owl2-run: /dev/full: exists and is not .+\n", r.stderr),
          str(r.stderr))


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    checkpoint = pathlib.Path(sys.argv[2]).resolve()
    Gst.init(None)
    texts = hostile.strings(N)
    with tempfile.TemporaryDirectory() as temp:
        temp = pathlib.Path(temp)
        work = temp / "work"
        work.mkdir()
        model, video = temp / "model.gguf", temp / "clip.avi"
        p = Programs(build, work)
        subprocess.run([p.files["owl2-convert"], checkpoint, model, "--type",
                        "f32"], check=True, capture_output=True)
        subprocess.run(
            ["gst-launch-1.0", "-q", "videotestsrc", "num-buffers=2", "!",
             "video/x-raw,width=32,height=24,framerate=10/1", "!", "jpegenc",
             "!", "avimux", "!", "filesink", f"location={video}"], check=True)
        steps = [
            ("questions, owl2-ask", lambda: ask_all(p, model, video, texts)),
            ("questions, owl2-run", lambda: run_all(p, model, texts)),
            ("texts, owl2-trace", lambda: trace_all(p, model, texts)),
            ("names", lambda: files_all(p, model, video, hostile.names(45))),
            ("values", lambda: values_all(p, texts)),
            ("answers", lambda: answers_all(p, texts, temp)),
            ("answers with escapes", lambda: attack_file(p)),
            ("a model's words", lambda: model_words(p, model, video, temp)),
            ("long words", lambda: long_words(p, model)),
            ("full disk", lambda: full_disk(p, model, video)),
        ]
        for what, step in steps:
            if sys.argv[3:] and what not in sys.argv[3:]:
                continue
            start, before = time.monotonic(), checks.passed
            step()
            print(f"{what}: {checks.passed - before} checks, "
                  f"{time.monotonic() - start:.1f} s", flush=True)
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
