#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every command that a page shows is run as it stands there, in a folder that
looks like a checkout with a build, and prints what the page says that it prints
("#> ..."). What can't be run so is named here, with what stands in for it; a
command that is in neither way accounted for is a failure. A block of code with a
file's name behind its language becomes that file. All pages of docs/ have one
folder, and rest on docs/README.md.

usage: test_readme.py BUILD CHECKPOINT [PAGE... | docs]   (default: README.md)"""

import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHECKPOINT = pathlib.Path(sys.argv[2]).resolve()
# Run by others, for these are long, or go on until somebody ends them.
ELSEWHERE = {
    "sh pipelines/demo.sh": "the test demo",
    "sh tests/run.sh": "what runs this test",
    "sh tools/build.sh": "what built this",
    "sh pipelines/camera.sh interval=2000000000": "the test pipelines",
    "build/tools/live/owl2-live v4l2:///dev/video0": "the tests live-*",
    "owl2-live v4l2:///dev/video0": "the tests live-*",
}
# Words of a command and what stands in for them.
STAND_INS = {
    "v4l2src": "videotestsrc is-live=true num-buffers=75",
    "v4l2:///dev/video0": "video.webm",
    "rtspsrc location=rtsp://camera.example/1": "filesrc location=video.webm",
    "autovideosink": "fakesink sync=true",
    "CHECKPOINT_DIR": str(CHECKPOINT),
    "ADAPTER_DIR": str(CHECKPOINT.parent / "adapter"),
}
# The same of machines and cards, which make no other answer.
MACHINES = {
    "1/gpu1,1/gpu2": "2/:",
    "parallel -j 2": "parallel -j 1",
}
# Of docs/, those that show no commands but formulas.
NOT_RUN = {"docs/performance.md"}
# Files that a page speaks of, and what is there in their stead.
MODELS = ["owl2.gguf", "one-align.gguf"]
# A program that a command wants, and the package that it is in; the command is
# left out where it is missing, and so is all that follows in its block.
PACKAGES = {"gjs": "gjs", "parallel": "parallel", "git lfs": "git-lfs",
            "mosquitto_pub": "mosquitto-clients"}
# In the text, not in a block: what is run in its place, None for what is run by
# another test, or takes a device of its own and an hour.
INLINE = {
    "sh tests/run.sh": "true",
    "sh tests/run.sh long": None,
    "sh tests/packages.sh": None,
    "sh tests/fuzz/run.sh [SECONDS]": None,
    "sh tools/build.sh": "true",
    "sh pipelines/burn-in.sh FILE OUT.mp4":
        "sh pipelines/burn-in.sh video.webm burned-in.mp4",
    "sh pipelines/eval-parallel.sh N HOSTS DATASET OUT --form NAME":
        "sh pipelines/eval-parallel.sh 2 2/: pope.json shards --form pope",
    # A cluster of its own: the test eval-slurm.
    "sh pipelines/eval-slurm.sh N DATASET OUT --form NAME": None,
    "gst-inspect-1.0 owl2": "gst-inspect-1.0 owl2",
    "owl2-ask --look FILE.png":
        "build/tools/owl2-ask --look look.png video.webm && test -s look.png",
    # By the tests live-*.
    "owl2-live [SOURCE...]": None,
    # As lines of README.md and ask.md.
    "owl2-ask --json FILE QUESTION": None,
    "owl2-run --json PIPELINE": None,
    # The tests of trust.md.
    "owl2-ask --max-pixels": None,
    "owl2-run --file": None,
    "owl2-trace --attention-plot FILE.svg":
        "build/tools/owl2-trace --frames ball.png --out trace --max-tokens 4 "
        "--prompt 'USER: <|image|>What is this? ASSISTANT:' "
        "--attention-plot plot.svg && grep -q data-shares plot.svg",
    "owl2-ask --list-devices": "build/tools/owl2-ask --list-devices",
    "owl2-bench --synthetic 7b": None,
    "owl2-bench --synthetic 7b --type TYPE": None,
    "owl2-bench --tune": None,
    "owl2-bench --ops": "build/tools/owl2-bench --ops",
}
# What a command may take.
LIMIT_S = 250
# Systems that it has been run on.
SYSTEMS = {"Debian 12", "Debian 13"}
passed = failed = 0


def check(ok, text):
    global passed, failed
    passed += bool(ok)
    failed += not ok
    print("ok" if ok else "FAIL", text[:1500], flush=True)


def blocks(text):
    """(file's name or "", text) of each block of code: fenced as sh or with a
    name, or a command that is set in by four."""
    for m in re.finditer(r"^```(?:sh|\w+ (\S+))\n(.*?)^```$|^((?:    sh [^\n]*\n)+)",
                         text, re.M | re.S):
        yield m[1] or "", m[2] or re.sub(r"^    ", "", m[3], flags=re.M)


def commands(block):
    """[(command, lines that it prints, or None)]. A line that is set in goes on
    with the one before, and what is in the background belongs to the next."""
    out, quoted = [], False
    for line in block.splitlines():
        if line.startswith("#>"):
            out[-1][1].append(line[3:])
        elif quoted or not line.startswith("#") and line.strip():
            joined = out and (quoted or line.startswith(" ")
                              or re.search(r"(\\|\||&)$", out[-1][0]))
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
    for name in MODELS:
        (folder / name).symlink_to(ROOT / "training" / "owl2-nano.gguf")


class Home:
    """A home with what the pages' programs want: the Python that has gi, a hub
    of checkpoints, a broker."""

    def __init__(self, folder):
        self.path = folder / ".home"
        self.broker = None
        (self.path / "bin").mkdir(parents=True)
        (self.path / "bin" / "python3").symlink_to(sys.executable)
        self.env = {k: v for k, v in os.environ.items()
                    if k != "GST_PLUGIN_PATH"}
        self.env |= {
            "HOME": str(self.path), "XDG_CONFIG_HOME": str(self.path),
            "PATH": f"{self.path}/bin:{os.environ['PATH']}:/usr/sbin"}

    def make_hub(self):
        """The checkpoint in a repository, its large files as the hub keeps
        them, in the place of the hub's address."""
        work, hub = self.path / "work", self.path / "hub" / "mplug-owl2-llama2-7b"
        shutil.copytree(CHECKPOINT, work)
        script = """git lfs install && git init -q -b main . &&
          git lfs track '*.bin' '*.safetensors' '*.model' && git add -A . &&
          git -c user.name=test -c user.email=test@example.org commit -q -m all &&
          git clone -q --bare . "$1" && git lfs push --all "file://$1" &&
          git config --global "url.file://$1.insteadOf" \
            https://huggingface.co/MAGAer13/mplug-owl2-llama2-7b"""
        r = subprocess.run(["sh", "-c", script, "sh", hub], cwd=work,
                           env=self.env, capture_output=True, text=True)
        check(r.returncode == 0, f"a hub: {r.stdout}{r.stderr}")

    def start_broker(self):
        """On a port of its own, which the clients read where they read theirs."""
        if not shutil.which("mosquitto", path=self.env["PATH"]):
            return
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        for client in "mosquitto_pub", "mosquitto_sub":
            (self.path / client).write_text(f"-p {port}\n")
        self.broker = subprocess.Popen(
            ["mosquitto", "-p", str(port)], env=self.env,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(600):
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(.1)
        check(False, f"a broker at {port}: {self.broker.poll()}")

    def missing(self, command):
        """The package that @command lacks."""
        for word, package in PACKAGES.items():
            if not re.search(rf"\b{word}\b", command):
                continue
            program = word.replace(" ", "-")
            if not shutil.which(program, path=self.env["PATH"]):
                return package
            if package == "mosquitto-clients" and not self.broker:
                return "mosquitto"
        return None

    def end(self):
        if self.broker:
            self.broker.terminate()
            self.broker.wait()


def run(command, folder, before, home):
    """As subprocess.run(). What has not ended by then is ended, with all that it
    started."""
    args = ["sh", "-c", "\n".join([*before, command])]
    with subprocess.Popen(
            args, cwd=folder, env=home.env, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
            errors="replace", start_new_session=True) as p:
        try:
            out, err = p.communicate(timeout=LIMIT_S)
        except subprocess.TimeoutExpired:
            os.killpg(p.pid, signal.SIGKILL)
            out, err = p.communicate()
            err += f"\nit had not ended after {LIMIT_S} s"
    return subprocess.CompletedProcess(args, p.returncode, out, err)


def replace_words(command, others):
    for word, other in others.items():
        command = re.sub(rf"\b{re.escape(word)}\b", lambda _, o=other: o, command)
    return command


def run_command(command, says, folder, before, home):
    what = replace_words(replace_words(command, STAND_INS), MACHINES)
    began = time.monotonic()
    r = run(what, folder, before, home)
    got = r.stdout.splitlines()
    if replace_words(command, STAND_INS) != command:
        got = says = []  # another source, another answer
    check(r.returncode == 0 and (got == says or not says),
          f"{time.monotonic() - began:.1f} s {what}: exit {r.returncode}, {got}, "
          f"for {says}, {r.stderr[-500:]}")
    if "owl2 interval" in what and "-m" in what and "|" not in what:
        check("owl2-answer, id=" in r.stdout, f"{what}: an answer")


def run_blocks(text, folder, before, home):
    """Adds the exports that the commands rest on to @before. The number of
    commands with their answers beside them."""
    n_said = 0
    for name, block in blocks(text):
        if name:
            (folder / name).write_text(block)
            continue
        for command, says in commands(block):
            if command.startswith("export "):
                before.append(command)
            elif command in ELSEWHERE:
                check(True, f"{command}: {ELSEWHERE[command]}")
            elif package := home.missing(command):
                print(f"{command}: no {package}, left out")
                break
            else:
                n_said += bool(says)
                run_command(command, says, folder, before, home)
    return n_said


def inline(text):
    """Commands in the text."""
    plain = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    return {re.sub(r"\s+", " ", c) for c in re.findall(
        r"`((?:(?:gst-|owl2-|build/)[^\s`]*\s|sh\s)[^`]+)`", plain)}


def check_fields(text, folder, before, home):
    """Each field that README.md names is in the message."""
    named = re.search(r"from the moment the answer\s+is there: (.*?)\.\n\n", text,
                      re.S)
    named = set(re.findall(r"`([a-z-]+)`", named[1])) if named else set()
    r = run("gst-launch-1.0 -m videotestsrc num-buffers=2 ! owl2 max-tokens=1 ! "
            "fakesink", folder, before, home)
    fields = re.search(r"owl2-answer, (.*)", r.stdout)
    there = set(re.findall(r"([a-z-]+)=\(", fields[1])) if fields else set()
    check(len(named) > 8 and named <= there,
          f"fields {sorted(named)} of {sorted(there)}")


def check_systems():
    for path in "README.md", "tools/setup.sh":
        systems = set(re.findall(r"(?:Debian|Ubuntu|Fedora|Arch)\b[ \d.]*\d",
                                 (ROOT / path).read_text()))
        systems |= {f"Debian {n}" for n in re.findall(
            r"Debian 12 (?:and|or) (\d+)", (ROOT / path).read_text())}
        check(systems == SYSTEMS, f"{path} names {sorted(systems)}")


def run_pages(names, folder, home):
    before = []
    readme = (ROOT / "README.md").read_text()
    for name in names:
        text = (ROOT / name).read_text()
        print(f"-- {name}")
        n_said = run_blocks(text, folder, before, home)
        shown = inline(text)
        check(shown <= set(INLINE),
              f"{name}: in the text: {sorted(shown - set(INLINE))}")
        for command in sorted(shown):
            if INLINE[command] and (name == "README.md"
                                    or command not in inline(readme)):
                r = run(INLINE[command], folder, before, home)
                check(r.returncode == 0, f"{command}: {r.stderr[-500:]}")
        if name == "README.md":
            check(n_said >= 4, f"{n_said} commands have their answers beside them")
            check_fields(text, folder, before, home)


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    pages = sys.argv[3:] or ["README.md"]
    if pages == ["docs"]:
        pages = {f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md")}
        pages = sorted(pages - NOT_RUN)
    if any(p.startswith("docs/") for p in pages):
        pages = ["docs/README.md", *(p for p in pages if p != "docs/README.md")]
    with tempfile.TemporaryDirectory() as temp:
        folder = pathlib.Path(temp)
        make_checkout(folder, build)
        home = Home(folder)
        try:
            if "docs/checkpoints.md" in pages and shutil.which("git-lfs"):
                home.make_hub()
            if "docs/mqtt.md" in pages:
                home.start_broker()
            run_pages(pages, folder, home)
        finally:
            home.end()
    shown = set()
    for page in ROOT / "README.md", *(ROOT / "docs").glob("*.md"):
        shown |= inline(page.read_text())
    check(shown == set(INLINE), f"in no page: {sorted(set(INLINE) - shown)}")
    check_systems()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
