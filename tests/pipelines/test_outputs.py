#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What programs write is there whole or not at all: killed at random moments, on
a disk that is full at some byte, by two at once. What had the name keeps its
bytes until then, and files of others that the name leads to, by a link of
either kind, keep theirs for good.

usage: test_outputs.py BUILD CHECKPOINT"""

import fnmatch
import os
import pathlib
import random
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time

import eval_set
from checks import check, finish

LONG = bool(os.environ.get("OWL2_LONG"))
N_KILLS = 100 if LONG else 10
# Parts of a file's size after which the disk is full.
FULL = (0, .001, .25, .5, .75, .999) if LONG else (0, .5)
OLD, THEIRS = b"what was there", b"a stranger's"
N_ANSWERS = 3000


def answers():
    return "".join(
        f'Got message #{i} from element "owl2-0" (element): owl2-answer, '
        f'text=(string)"answer\\ {i}", start=(guint64){i}000000000, '
        f"end=(guint64){i + 1}000000000;\n" for i in range(N_ANSWERS)).encode()


class Job:
    """A command and the files, by names in its folder, that it makes."""

    def __init__(self, name, command, files, text=b"", env=None):
        self.name, self.command, self.files = name, command, files
        self.input, self.env = text, env
        self.whole = {}
        self.seconds = 0

    def start(self, folder, stdout=subprocess.DEVNULL, **options):
        return subprocess.Popen(
            self.command, cwd=folder, stdin=subprocess.PIPE, stdout=stdout,
            stderr=subprocess.PIPE, env=self.env, **options)

    def run(self, folder, **options):
        p = self.start(folder, **options)
        said = p.communicate(self.input, timeout=200)[1]
        return p.returncode, said

    def undisturbed(self, folder):
        start = time.monotonic()
        status, said = self.run(folder)
        self.seconds = time.monotonic() - start
        check(status == 0, f"{self.name}: {status} {said}")
        self.whole = {f: (folder / f).read_bytes() for f in self.files}


class Place:
    """A folder in which the outputs' names are taken in every way."""

    def __init__(self, job, rng):
        self.job, self.rng = job, rng
        self.temp = tempfile.TemporaryDirectory()
        self.path = pathlib.Path(self.temp.name)
        self.before = {}
        for i, name in enumerate(job.files):
            file, other = self.path / name, self.path / f"theirs-{i}"
            file.parent.mkdir(exist_ok=True)
            how = rng.choice(["none", "old", "link", "hard"])
            other.write_bytes(THEIRS)
            if how == "old":
                file.write_bytes(OLD)
            elif how == "link":
                file.symlink_to(os.path.relpath(other, file.parent))
            elif how == "hard":
                os.link(other, file)
            self.before[name] = None if how == "none" else file.read_bytes()

    def check(self, what, whole=None):
        """WHOLE: that all of it must be, or must not be; None: either."""
        n_whole = 0
        for i, (name, before) in enumerate(self.before.items()):
            file = self.path / name
            now = file.read_bytes() if file.exists() else None
            n_whole += now == self.job.whole[name]
            check(now in (before, self.job.whole[name]),
                  f"{self.job.name}, {what}: {name} has "
                  f"{now and len(now)} bytes: {now and now[:200]}")
            if now == self.job.whole[name]:
                check(not file.is_symlink() and file.stat().st_nlink == 1,
                      f"{self.job.name}, {what}: {name} is a link")
            other = self.path / f"theirs-{i}"
            check(other.read_bytes() == THEIRS, f"{self.job.name}, {what}: "
                  f"a stranger's file changed: {other.read_bytes()[:99]}")
        if whole is not None:
            check((n_whole == len(self.before)) == whole,
                  f"{self.job.name}, {what}: {n_whole} files are whole")
        left = [f for f in self.path.rglob("*") if f.is_file()
                and str(f.relative_to(self.path)) not in self.before
                and not f.name.startswith("theirs-")]
        strange = [f for f in left
                   if not fnmatch.fnmatch(f.name, ".owl2-????????.part")]
        check(not strange, f"{self.job.name}, {what}: left {strange}")
        return n_whole, len(left)


def killed(job, rng, n):
    n_whole = n_left = 0
    for _ in range(n):
        place = Place(job, rng)
        p = job.start(place.path)
        # Most of what is written is written at the end.
        at = rng.random() * job.seconds * 1.2
        try:
            p.communicate(job.input, timeout=max(at, .001))
        except subprocess.TimeoutExpired:
            p.send_signal(signal.SIGKILL)
        p.kill()
        p.wait()
        p.stderr.close()
        whole, left = place.check(f"killed after {at:.3f} s")
        n_whole += whole > 0
        n_left += left
    print(f"{job.name}: killed at {n} moments of {job.seconds:.2f} s, whole "
          f"{n_whole} times, {n_left} parts left")


def full(job, rng):
    sizes = sorted({len(b) for b in job.whole.values()})
    for part in FULL:
        limit = int(sizes[-1] * part)
        place = Place(job, rng)
        status, said = job.run(
            place.path, restore_signals=False,  # SIGXFSZ is ignored
            preexec_fn=lambda: resource.setrlimit(
                resource.RLIMIT_FSIZE, (limit, limit)))
        what = f"{limit} of {sizes[-1]} bytes"
        place.check(what, whole=False)
        check(status == 1, f"{job.name}, {what}: status {status}, {said}")
        check(re.search(rb"File too large|not everything|can't write", said),
              f"{job.name}, {what}: {said}")
    print(f"{job.name}: full at {len(FULL)} places of {sizes[-1]} bytes")


def two_writers(a, b, rng):
    """Of two at once in one file the last to finish has it."""
    place = Place(a, rng)
    started = [job.start(place.path) for job in (a, b)]
    for job, p in zip((a, b), started):
        p.communicate(job.input)
        check(p.returncode == 0, f"two writers: {p.returncode}")
    now = (place.path / a.files[0]).read_bytes()
    check(now in (a.whole[a.files[0]], b.whole[a.files[0]]),
          f"two writers: {len(now)} bytes of neither")
    check(not list(place.path.glob(".owl2-*")), "two writers: parts are left")


def interrupted(job, n):
    """A signal says that it is enough: what was said until then is kept, and
    what was there if it is nothing."""
    place = Place(job, random.Random(n))
    name = job.files[0]
    p = job.start(place.path, stdout=subprocess.PIPE)
    lines = job.input.splitlines(keepends=True)[:n]
    p.stdin.write(b"WARNING: it reads\n" + b"".join(lines))
    p.stdin.flush()
    p.stderr.readline()
    for _ in lines:
        check(p.stdout.readline(), "interrupted: a line is lacking")
    p.send_signal(signal.SIGINT)
    try:
        status = p.wait(timeout=1)
    except subprocess.TimeoutExpired:  # it began to wait for a line just then
        p.stdin.write(b"\n")
        p.stdin.flush()
        try:
            status = p.wait(timeout=60)
        except subprocess.TimeoutExpired:
            status = "none"
    said = p.communicate()[1]
    check(status == 0, f"interrupted: {status} {said}")
    file = place.path / name
    now = file.read_bytes() if file.exists() else None
    if n == 0:
        check(now == place.before[name], f"interrupted at once: {now}")
    else:
        check(now.count(b" --> ") == n, f"interrupted: {now[-200:]}, not {n}")


def ledger(build, folder, env):
    """Answers are appended to no file that has another name."""
    data = eval_set.write(folder)
    command = [build / "tools/eval/owl2-eval", data, *eval_set.ASKED[:4],
               "--max-tokens=1", "--limit=1", f"--model={folder}/model.gguf"]
    for how in "link", "hard":
        out, theirs = folder / how, folder / f"theirs-{how}"
        out.mkdir()
        theirs.write_bytes(THEIRS)  # which ends without a newline
        file = out / "answers-0-of-1.jsonl"
        file.symlink_to(theirs) if how == "link" else os.link(theirs, file)
        r = subprocess.run([*command, "--out", out], env=env,
                           capture_output=True)
        check(r.returncode == 1 and b"a file of their own" in r.stderr,
              f"{how}: {r.stderr}")
        check(theirs.read_bytes() == THEIRS, f"{how}: {theirs.read_bytes()}")


def main():
    build, checkpoint = (pathlib.Path(a).resolve() for a in sys.argv[1:3])
    tools = build / "tools"
    seed = random.SystemRandom().randrange(1 << 30)
    rng = random.Random(seed)
    print(f"seed {seed}, {N_KILLS} kills")
    convert = str(tools / "convert" / "owl2-convert")
    with tempfile.TemporaryDirectory() as temp:
        folder = pathlib.Path(temp)
        env = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache"),
               "GST_PLUGIN_PATH": str(build / "gst-owl2"),
               "GST_REGISTRY": str(folder / "registry")}
        model, video = folder / "model.gguf", folder / "clip.avi"
        subprocess.run([convert, checkpoint, model, "--type=f32"], check=True,
                       capture_output=True)
        subprocess.run(
            ["gst-launch-1.0", "-q", "videotestsrc", "num-buffers=30", "!",
             "video/x-raw,width=32,height=24,framerate=10/1", "!", "jpegenc",
             "!", "avimux", "!", "filesink", f"location={video}"], env=env,
            check=True)
        read = Job("owl2-run --read", [tools / "owl2-run", "--read",
                                       "--srt=a.srt"], ["a.srt"], answers())
        other = Job("another", read.command, read.files,
                    answers().replace(b"answer", b"ANSWER"))
        gguf = [Job(f"owl2-convert {t}", [convert, str(checkpoint), "m.gguf",
                                          f"--type={t}"], ["m.gguf"])
                for t in ("f32", "q8_0")]
        ask = Job("owl2-ask", [
            tools / "owl2-ask", f"--model={model}", "--max-tokens=1",
            "--frames=1", "--every=1", "--srt=a.srt", "--vtt=a.vtt", "--json",
            "--look=a.png", "--", video],
            ["a.srt", "a.vtt", "a.png", "a-2.png", "a-3.png"], env=env)
        run = Job("owl2-run", [
            tools / "owl2-run", "--srt=a.srt", "--file=raw=out.raw", "--",
            "filesrc name=file ! decodebin ! videoconvert ! owl2 name=owl2 "
            "max-tokens=1 interval=1000000000 when-busy=wait ! filesink "
            "name=raw", f"model={model}", f"file.location={video}"],
            ["a.srt", "out.raw"], env=env)
        trace = Job("owl2-trace", [
            tools / "owl2-trace", f"--model={model}", "--max-tokens=1",
            "--prompt=x", "--out=out"], ["out/input_ids.npy",
                                         "out/logits.npy"], env=env)
        jobs = [read, *gguf, ask, run] + ([trace] if LONG else [])
        for job in [ask, *jobs, other]:  # the first one compiles shaders
            where = folder / job.name
            where.mkdir(exist_ok=True)
            job.undisturbed(where)
        # What is quick is killed as often as it may be, the rest in between.
        for job in jobs:
            quick = job in (read, *gguf)
            killed(job, rng, N_KILLS if quick or LONG else 2)
        for job in [j for j in jobs if j != gguf[1]]:
            full(job, rng)
        for _ in range(N_KILLS // 5):
            two_writers(*gguf, rng)
            two_writers(read, other, rng)
        for n in 0, 1, 100:
            interrupted(read, n)
        ledger(build, folder, env)
        # What is left of the cache is of use, or was never there.
        where = folder / "last"
        where.mkdir()
        status, said = ask.run(where)
        check(status == 0 and b"ignoring" not in said, f"at last: {said}")
        cache = list((folder / "cache" / "owl2").iterdir())
        check(all(f.stat().st_mode & 0o777 == 0o600 for f in cache),
              f"others may read the cache: {cache}")
    return finish()


if __name__ == "__main__":
    sys.exit(main())
