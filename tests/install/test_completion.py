#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What shells complete for each program is what its --help says: all options, the
words that their arguments may be, files and folders; in bash and, where they are
installed, in zsh and fish. Bash and zsh are also typed to, on a terminal.

usage: test_completion.py FOLDER PROGRAM..."""

import os
import pathlib
import pty
import re
import select
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import helps

sys.path.append(str(pathlib.Path(__file__).parents[1] / "pipelines"))
from checks import check, finish  # noqa: E402

FOLDER, PROGRAMS = pathlib.Path(sys.argv[1]), [
    pathlib.Path(p).absolute() for p in sys.argv[2:]]
LIMIT_S = 60


# Completes the last word of the arguments, which are split as readline does it.
BASH = r"""
source "$1"
shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
[[ $(complete -p "${1##*/}") == *_owl2* ]] || exit 1
_owl2 "$1" "${@: -1}" "${@: -2:1}"
printf '%s\n' "${COMPREPLY[@]}"
"""


class Shells:
    """What is offered for the last of some words, by each shell, as a set."""

    def __init__(self, folder, env):
        self.folder, self.env = folder, env

    def run(self, *command):
        r = subprocess.run(command, cwd=self.folder, env=self.env, text=True,
                           capture_output=True, timeout=LIMIT_S)
        check(r.returncode == 0 and not r.stderr,
              f"{command}: exit {r.returncode}, {r.stderr}")
        return [line for line in r.stdout.splitlines() if line]

    def bash(self, *words):
        split = [part for word in words for part in re.split(r"(=)", word)
                 if part or not word]
        if words[-1].endswith("="):
            split.append("")
        return set(self.run("bash", "--norc", "-c", BASH, "bash",
                            str(FOLDER / words[0]), *split))

    def fish(self, *words):
        line = " ".join(words)
        file = shlex.quote(str(FOLDER / f"{words[0]}.fish"))
        return {offered.split("\t")[0] for offered in self.run(
            "fish", "--no-config", "-c",
            f"source {file}; complete -C {shlex.quote(line)}")}


def check_offers(name, offers, help_text, equals):
    """@offers: of words; @equals: what is put behind an option with an argument"""
    options = helps.options(help_text)
    wanted = {o + (equals if argument else "")
              for o, (_, argument, _) in options.items()}
    said = offers(name, "--")
    check(said == wanted, f"{name}: offers {sorted(said ^ wanted)} or not")
    lists = helps.words(name, help_text)
    for option, (letter, argument, _) in options.items():
        if not argument:
            continue
        for words in filter(None, [[option, ""], letter and [letter, ""]]):
            said = offers(name, *words)
            if option in lists:
                check(said == set(lists[option]), f"{name} {words}: {said}")
            elif "DIR" in argument:
                check(said == {"a folder"} or said == {"a folder/"}
                      or said == {r"a\ folder/"}, f"{name} {words}: {said}")
            elif argument == "FILE":
                check(any("picture.png" in s for s in said),
                      f"{name} {words}: {said}")
            elif argument in ("N", "T", "TEXT", "WxH"):
                check(not said, f"{name} {words}: {said}")
    for option, values in lists.items():
        last = values[-1]
        said = offers(name, f"{option}={last[:-1]}")
        check({s.split("=")[-1] for s in said}
              == {v for v in values if v.startswith(last[:-1])},
              f"{name} {option}={last[:-1]}: {said}")


class Terminal:
    """A shell that is typed to."""

    def __init__(self, command, folder, env, ready):
        self.said = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execvpe(command[0], command, env)
        self.wait(ready)

    def type(self, text):
        os.write(self.fd, text.encode())

    def wait(self, pattern):
        """What was said up to there."""
        until = time.monotonic() + LIMIT_S
        while not re.search(pattern, self.said):
            ready, _, _ = select.select([self.fd], [], [], 1)
            try:
                part = os.read(self.fd, 4096) if ready else b""
            except OSError:
                break
            self.said += part.decode(errors="replace")
            if time.monotonic() > until:
                break
        said, self.said = self.said, ""
        return re.search(pattern, said)

    def end(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)


# What is typed before a TAB, and the words that the line then has.
TYPED = [
    ("owl2-ask --kv-type q", ["owl2-ask", "--kv-type", "q8_0"]),
    ("owl2-ask --kv-type=q", ["owl2-ask", "--kv-type=q8_0"]),
    ("owl2-ask --max-t", ["owl2-ask", "--max-tokens="]),
    ("owl2-ask pict", ["owl2-ask", "picture.png"]),
    ("owl2-ask --json pict", ["owl2-ask", "--json", "picture.png"]),
    ("owl2-eval --form=mmb", ["owl2-eval", "--form=mmbench"]),
    ("owl2-eval --out a", ["owl2-eval", "--out", "a folder/"]),
    ("owl2-ask --recipe video", ["owl2-ask", "--recipe", "video-quality"]),
]


def check_typed(name, terminal):
    there = {p.name for p in PROGRAMS}
    for typed, words in TYPED:
        if words[0] not in there:
            continue
        # A TAB, then to the line's begin, and it becomes an argument of printf.
        # Zsh takes a "=" or "/" away where a blank follows.
        terminal.type(f"{typed}\t\x01printf '[%s]' \x05; echo END\n")
        said = terminal.wait(r"\](?:\r?\n)?END\r?\n")
        said = re.findall(r"\[([^][]*)\]", said.string) if said else []
        check([s.rstrip("=/") for s in said[-len(words):]]
              == [w.rstrip("=/") for w in words], f"{name}: {typed!r} gives {said}")
    terminal.end()


def main():
    with tempfile.TemporaryDirectory() as temp, \
            tempfile.TemporaryDirectory() as home:
        folder = pathlib.Path(temp)
        (folder / "a folder").mkdir()
        (folder / "picture.png").touch()
        path = ":".join({str(p.parent): 0 for p in PROGRAMS})
        env = {"PATH": f"{path}:{os.environ['PATH']}", "HOME": home,
               "LC_ALL": "C.UTF-8", "TERM": "dumb", "PS1": "ready> "}
        shells = Shells(folder, env)
        helps_of = {p.name: helps.text(p) for p in PROGRAMS}
        for name, text in helps_of.items():
            check_offers(name, shells.bash, text, "=")
            check(shells.bash(name, "--", "pic") == {"picture.png"}
                  and shells.bash(name, "--", "--j") == set(),
                  f"{name}: files behind --")
        terminal = Terminal(["bash", "--norc", "-i"], folder, env, "ready> ")
        terminal.type("bind 'set bell-style none'\n" + "".join(
            f". {shlex.quote(str(FOLDER / n))}\n" for n in helps_of))
        check_typed("bash", terminal)
        if shutil.which("fish"):
            for name, text in helps_of.items():
                check_offers(name, shells.fish, text, "")
        else:
            print("there is no fish here")
        if shutil.which("zsh"):
            terminal = Terminal(["zsh", "-f", "-i"], folder, env, "ready> ")
            terminal.type(f"fpath=({shlex.quote(str(FOLDER))} $fpath); bindkey -e; "
                          "autoload -U compinit; compinit -u -D; unsetopt beep\n")
            check_typed("zsh", terminal)
        else:
            print("there is no zsh here")
    return finish()


if __name__ == "__main__":
    sys.exit(main())
