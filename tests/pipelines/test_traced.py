#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every program and script under strace, with hostile strings for names of
files, questions, recipes and values: nothing is executed but what is in the
script, nothing is connected to, and nothing is opened to be written, made,
renamed or removed but the outputs that were named and what is in the one cache
folder (and the driver's). GStreamer's registry is there already. With OWL2_LONG
a thousand strings instead of thirty, and the driver's cache off where the
programs do what they are for.

usage: test_traced.py BUILD CHECKPOINT"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import checks
import eval_set
import hostile
import traced
from checks import check

ROOT = pathlib.Path(__file__).resolve().parents[2]
LONG = bool(os.environ.get("OWL2_LONG"))
N = 1000 if LONG else 30
SCRIPT = {"sh", "dash", "bash", "dirname"}
DECODED = "filesrc name=file ! decodebin ! videoconvert ! owl2 name=owl2"


class World:
    def __init__(self, build, folder):
        self.build, self.folder = build, folder
        self.work = folder / "work"
        self.work.mkdir()
        cache = folder / "cache"
        tools = build / "tools"
        self.files = {p: str(tools / p) for p in (
            "owl2-ask", "owl2-run", "owl2-trace", "owl2-bench")}
        self.files["owl2-convert"] = str(tools / "convert" / "owl2-convert")
        self.files["owl2-eval"] = str(tools / "eval" / "owl2-eval")
        self.env = {**os.environ, "OWL2_BUILD": str(build), "HOME": str(folder),
                    "XDG_CACHE_HOME": str(cache),
                    "GST_PLUGIN_PATH": str(build / "gst-owl2"),
                    "GST_REGISTRY": str(folder / "registry")}
        drivers = self.env.setdefault("MESA_SHADER_CACHE_DIR",
                                      str(folder / "mesa"))
        # The registry, and the pipelines that are compiled only once.
        subprocess.run(["gst-inspect-1.0", "owl2"], env=self.env, check=True,
                       stdout=subprocess.DEVNULL)
        self.tracer = traced.Tracer([cache / "owl2", drivers])
        cache.mkdir(exist_ok=True)

    def run(self, name, *args, executes=(), writes=(), status=0, **options):
        command = ([self.files[name]] if name in self.files else
                   [name] if name.startswith("gst-") else
                   ["sh", str(ROOT / "pipelines" / name)])
        executes = {name, *executes} | (
            SCRIPT | {"owl2-run"} if name.endswith(".sh") else set())
        return self.tracer.check(command + list(args), executes, self.work,
                                 writes, status, env=self.env, **options)


def check_tracer(w):
    """That it finds what it looks for."""
    for line, wanted in ((": >x", "openat of b'x'"), ("true; /bin/true", "exec"),
                         ("mv o p", "rename"), ("ln -s / l", "symlink"),
                         ("gst-launch-1.0 -q fakesrc num-buffers=1 ! tcpclientsink "
                          "port=1", "connect")):
        _, found = w.tracer.run(["sh", "-c", line], {"sh", "mv", "ln",
                                "gst-launch-1.0"}, w.work, env=w.env)
        check(any(f.startswith(wanted) for f in found), f"{line}: {found}")
    for name in "x", "l", "o", "p":
        (w.work / name).unlink(missing_ok=True)


def programs(w, checkpoint, model, video):
    """Each program, doing what it is for."""
    m = "--model", str(model)
    w.run("owl2-ask", *m, "--max-tokens=1", "--every=1", "--srt=a.srt",
          "--vtt=a.vtt", "--look=a.png", "--json", "--", str(video),
          writes=["a.srt", "a.vtt", *[f"a-{i}.png" for i in range(2, 9)],
                  "a.png"])
    w.run("owl2-trace", *m, "--max-tokens=1", "--prompt=x", "--out=trace",
          writes=["trace"])
    w.run("owl2-trace", *m, "--tokenize", input=b'{"text": "x"}\n')
    w.run("owl2-bench", "--kernel=argmax", "--json")
    w.run("owl2-convert", str(checkpoint), "copy.gguf", "--type=f32",
          writes=["copy.gguf"])
    w.run("owl2-run", "--srt=b.srt", "--file=out=b.vtt", "--",
          DECODED + " max-tokens=1 ! fakesink owl2.text_src ! webvttenc ! "
          "filesink name=out", f"model={model}", f"file.location={video}",
          writes=["b.srt", "b.vtt"])
    w.run("gst-launch-1.0", "-m", "filesrc", f"location={video}", "!",
          "decodebin", "!", "videoconvert", "!", "owl2", f"model={model}",
          "max-tokens=1", "!", "fakesink")
    data = eval_set.write(w.folder)
    w.run("owl2-eval", str(data), *m, *eval_set.ASKED[:4], "--max-tokens=1",
          "--limit=2", "--out", "eval", writes=["eval"])
    made = sorted(p.name for p in w.work.iterdir())
    check({"a.png", "a.srt", "a.vtt", "b.srt", "b.vtt", "copy.gguf", "eval",
           "trace"} <= set(made), f"made {made}")


def questions(w, model, video, texts):
    """All of them at once, as owl2-ask takes them and as properties."""
    asked = [t for t in texts if hostile.is_text(t) and t.strip(b" \t\r\n")
             and b"<|image|>" not in t]
    for i in range(0, len(asked), 200):
        w.run("owl2-ask", "--model", model, "--max-tokens=1", "--frames=1",
              "--", video, "--", *asked[i:i + 200])
    for property in b"prompt", b"answer-prefix", b"device", b"model", b"recipe":
        w.run("owl2-run", "--", "fakesrc num-buffers=0 ! owl2 name=owl2 ! "
              "fakesink", *[property + b"=" + t for t in texts], status=None)


def names(w, found, model):
    """Files that are not there, and outputs, with names that are anything."""
    m = b"model=" + os.fsencode(model)
    runs = [
        lambda n: ("caption-file.sh", n, m),
        lambda n: ("ask-file.sh", n, n, m),
        lambda n: ("json-lines.sh", n, m),
        lambda n: ("score-file.sh", n, m),
        lambda n: ("questions.sh", n, n, m),
        lambda n: ("owl2-ask", b"--recipe=" + n, "--", n, n),
        lambda n: ("owl2-trace", b"--model=" + n, b"--prompt=" + n),
        lambda n: ("owl2-convert", "--", n, b"out/" + n),
        lambda n: ("owl2-bench", b"--model=" + n),
        lambda n: ("owl2-eval", b"--form=pope", b"--model=" + n, b"--out=out",
                   "--", n),
        lambda n: ("live-test.sh", b"model=" + n, b"frames=" + n),
        lambda n: ("camera.sh", b"device=" + n, b"frames=" + n),
        lambda n: ("score-live.sh", b"recipe=" + n, b"frames=" + n),
    ]
    (w.work / "out").mkdir()
    for i, name in enumerate(found):
        w.run(*runs[i % len(runs)](name), writes=["out"], status=None)
    # Those that write beside what they read, or where they are told.
    (w.work / "names").mkdir()
    for i, name in enumerate(found[::6]):
        n = b"names/" + name
        name, *args = [
            ("alert.sh", n, n, m), ("subtitles.sh", n, n, m),
            ("burn-in.sh", n, n + b".mp4", m),
            ("show-answers.sh", n)][i % 4]
        w.run(name, *args, executes={"grep", "gst-inspect-1.0"},
              writes=["names"], status=None, input=n)


def jobs(w, found):
    """What hands its arguments on to others, through files of its own."""
    temp = w.folder / "temp"
    temp.mkdir()
    w.env["TMPDIR"] = str(temp)
    for name in found:
        w.run("eval-parallel.sh", "1", "1/:", name, b"out/" + name, "--form",
              name, executes={"owl2-eval", "parallel", "perl", "seq", "rm", "mv",
                              "echo", "false", "hostname", "sleep"},
              writes=["out", w.folder / ".parallel", temp], status=None)


def set_user_id(w):
    """Programs that have others' rights say so and end."""
    if os.geteuid() != 0:
        print("SKIP set-user-id: only root can make such a file")
        return
    place = w.folder / "set-user-id"
    place.mkdir()
    for folder in w.folder, place:
        folder.chmod(0o755)
    if os.statvfs(place).f_flag & os.ST_NOSUID:
        print("SKIP set-user-id: the folder is mounted with nosuid")
        return
    for name, path in w.files.items():
        copy = place / name
        shutil.copy(path, copy)
        for mode in 0o755, 0o4755, 0o2755:
            copy.chmod(mode)
            r = subprocess.run([str(copy), "--version"], user=65534,
                               group=65534, extra_groups=[], cwd="/",
                               capture_output=True)
            check(r.returncode == (mode != 0o755)
                  and (mode == 0o755 or b"set-user-id" in r.stderr),
                  f"{name}, {mode:o}: {r.returncode} {r.stdout} {r.stderr}")


def main():
    why = traced.why_not()
    if why:
        print(f"SKIP traced programs: nothing can be traced here: {why}")
        return 77
    build, checkpoint = (pathlib.Path(a).resolve() for a in sys.argv[1:3])
    texts = hostile.strings(len(hostile.HAND) + N)
    texts = texts if LONG else texts[::len(texts) // N][:N]
    with tempfile.TemporaryDirectory() as temp:
        w = World(build, pathlib.Path(temp))
        model, video = w.folder / "model.gguf", w.folder / "clip.avi"
        subprocess.run([w.files["owl2-convert"], checkpoint, model, "--type",
                        "f32"], check=True, capture_output=True)
        subprocess.run(
            ["gst-launch-1.0", "-q", "videotestsrc", "num-buffers=20", "!",
             "video/x-raw,width=32,height=24,framerate=10/1", "!", "jpegenc",
             "!", "avimux", "!", "filesink", f"location={video}"], check=True)
        check_tracer(w)
        if LONG:
            w.env["MESA_SHADER_CACHE_DISABLE"] = "1"
        programs(w, checkpoint, model, video)
        w.env.pop("MESA_SHADER_CACHE_DISABLE", None)
        questions(w, model, video, texts)
        names(w, hostile.names(N), model)
        if LONG and shutil.which("parallel"):
            jobs(w, hostile.names(40))
        set_user_id(w)
        check(not list(w.folder.rglob("INJECTED*")), "something was injected")
        print(f"{len(texts)} strings, {w.tracer.n_calls} system calls, executed: "
              + " ".join(f"{k} ({v})" for k, v in sorted(
                  w.tracer.seen.items())))
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
