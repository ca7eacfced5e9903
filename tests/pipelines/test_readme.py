#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every command that README.md shows is run as it stands there, in a folder
that looks like a checkout with a build, and prints what README.md says that it
prints ("#> ..."). What can't be run so is named here, with what stands in for
it; a command that is in neither way accounted for is a failure.

usage: test_readme.py BUILD CHECKPOINT"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Run by others, for these are long.
ELSEWHERE = {
    "sh pipelines/demo.sh": "the test demo",
    "sh tests/run.sh": "what runs this test",
}
# Words of a command and what stands in for them.
STAND_INS = {
    "v4l2src": "videotestsrc is-live=true num-buffers=75",
    "autovideosink": "fakesink sync=true",
    "CHECKPOINT_DIR": sys.argv[2],
    "ADAPTER_DIR": str(pathlib.Path(sys.argv[2]).parent / "adapter"),
}
# In the text, not in a block: what is run in its place, None for what takes a
# device of its own and an hour.
INLINE = {
    "sh tests/run.sh": "true",
    "sh pipelines/burn-in.sh FILE OUT.mp4":
        "sh pipelines/burn-in.sh video.webm burned-in.mp4",
    "sh pipelines/eval-parallel.sh N HOSTS DATASET OUT --form NAME":
        "sh pipelines/eval-parallel.sh 2 2/: pope.json shards --form pope",
    # A cluster of its own: the test eval-slurm.
    "sh pipelines/eval-slurm.sh N DATASET OUT --form NAME": None,
    "gst-inspect-1.0 owl2": "gst-inspect-1.0 owl2",
    "owl2-ask --look FILE.png":
        "build/tools/owl2-ask --look look.png video.webm && test -s look.png",
    "owl2-trace --attention-plot FILE.svg":
        "build/tools/owl2-trace --frames ball.png --out trace --max-tokens 4 "
        "--prompt 'USER: <|image|>What is this? ASSISTANT:' "
        "--attention-plot plot.svg && grep -q data-shares plot.svg",
    "owl2-ask --list-devices": "build/tools/owl2-ask --list-devices",
    "owl2-bench --synthetic 7b --type TYPE": None,
    "owl2-bench --tune": None,
    "owl2-bench --ops": "build/tools/owl2-bench --ops",
}
# Systems that it has been run on.
SYSTEMS = {"Debian 12", "Debian 13"}
passed = failed = 0


def check(ok, text):
    global passed, failed
    passed += bool(ok)
    failed += not ok
    print("ok" if ok else "FAIL", text[:1500], flush=True)


def blocks(text):
    """The lines of each block of code: fenced as sh, or set in by four."""
    for m in re.finditer(r"^```sh\n(.*?)^```$|^((?:    \S[^\n]*\n)+)", text,
                         re.M | re.S):
        yield re.sub(r"^    ", "", m[1] or m[2], flags=re.M)


def commands(block):
    """[(command, lines that it prints, or None)]"""
    out, quoted = [], False
    for line in block.splitlines():
        if line.startswith("#>"):
            out[-1][1].append(line[3:])
        elif quoted or not line.startswith("#") and line.strip():
            joined = out and (quoted or re.search(r"(\\|\|)$", out[-1][0]))
            if joined:
                out[-1][0] += "\n" + line
            else:
                out.append([line, []])
            quoted = out[-1][0].replace("\\'", "").count("'") % 2 == 1
    return [(re.sub(r"  +# .*", "", c), says) for c, says in out]


def make_checkout(folder, build):
    for path in ROOT.iterdir():
        if path.name != "build" and not path.name.startswith("."):
            (folder / path.name).symlink_to(path)
    (folder / "build").symlink_to(build)


def run(command, folder, before):
    env = {k: v for k, v in os.environ.items() if k != "GST_PLUGIN_PATH"}
    return subprocess.run(
        ["sh", "-c", "\n".join([*before, command])], cwd=folder, env=env,
        capture_output=True, text=True, errors="replace", timeout=250)


def run_blocks(text, folder):
    """The exports that the commands rest on."""
    before, n_said = [], 0
    for command, says in (c for b in blocks(text) for c in commands(b)):
        if command.startswith("export "):
            before.append(command)
            continue
        if command in ELSEWHERE:
            check(True, f"{command}: {ELSEWHERE[command]}")
            continue
        what = command
        for word, other in STAND_INS.items():
            what = re.sub(rf"\b{word}\b", lambda _, o=other: o, what)
        r = run(what, folder, before)
        n_said += bool(says)
        got = r.stdout.splitlines()
        if what != command:
            got = []  # another source, another answer
        check(r.returncode == 0 and (got == says or not says),
              f"{what}: exit {r.returncode}, {got}, for {says}, "
              f"{r.stderr[-500:]}")
        if "owl2 interval" in what and "-m" in what and "|" not in what:
            check("owl2-answer, id=" in r.stdout, f"{what}: an answer")
    check(n_said >= 4, f"{n_said} commands have their answers beside them")
    return before


def check_fields(text, folder, before):
    """Each field that README.md names is in the message."""
    named = re.search(r"from the moment the answer\s+is there: (.*?)\.\n\n", text,
                      re.S)
    named = set(re.findall(r"`([a-z-]+)`", named[1])) if named else set()
    r = run("gst-launch-1.0 -m videotestsrc num-buffers=2 ! owl2 max-tokens=1 ! "
            "fakesink", folder, before)
    fields = re.search(r"owl2-answer, (.*)", r.stdout)
    there = set(re.findall(r"([a-z-]+)=\(", fields[1])) if fields else set()
    check(len(named) > 8 and named <= there,
          f"fields {sorted(named)} of {sorted(there)}")


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    text = (ROOT / "README.md").read_text()
    with tempfile.TemporaryDirectory() as temp:
        folder = pathlib.Path(temp)
        make_checkout(folder, build)
        before = run_blocks(text, folder)
        plain = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
        inline = set(re.findall(
            r"`((?:(?:gst-|owl2-|build/)[^\s`]* |sh )[^`]+)`", plain))
        check(inline == set(INLINE), f"in the text: {sorted(inline)}")
        for command in filter(None, INLINE.values()):
            r = run(command, folder, before)
            check(r.returncode == 0, f"{command}: {r.stderr[-500:]}")
        check_fields(text, folder, before)
    for path in "README.md", "tools/setup.sh":
        systems = set(re.findall(r"(?:Debian|Ubuntu|Fedora|Arch)\b[ \d.]*\d",
                                 (ROOT / path).read_text()))
        systems |= {f"Debian {n}" for n in re.findall(
            r"Debian 12 (?:and|or) (\d+)", (ROOT / path).read_text())}
        check(systems == SYSTEMS, f"{path} names {sorted(systems)}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
