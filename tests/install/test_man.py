#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Each program has a man page, which has the options of its --help and no others,
with the same arguments and the words that these may be, and says nothing that
formatters complain about. With "examples", what stands under EXAMPLES is run as it
stands there, and prints what the page says that it prints ("#> ...").

usage: test_man.py FOLDER PROGRAM...
       test_man.py --examples FOLDER PLUGIN_FOLDER CHECKPOINT PROGRAM..."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request

import helps

sys.path.append(str(pathlib.Path(__file__).parents[1] / "pipelines"))
from checks import check, finish  # noqa: E402

# An hour on a CPU; cameras.
LEFT_OUT = ("owl2-bench --synthetic=7b", "owl2-live --listen=0.0.0.0 v4l2:")


def plain(text):
    return text.replace(r"\e", "\\").replace(r"\(dq", '"').replace(r"\&", "")


def items(page):
    """{long name: (letter, argument, the item's text)}"""
    found = {}
    for part in re.split(r"^\.It Fl ", page, flags=re.M)[1:]:
        m = re.match(r"(?:(\w) , Fl )?(-[\w-]+)(?: Ns = Ns Ar (.*))?\n", part)
        if m:
            argument = m[3] and m[3].replace(" Ns = Ns Ar ", "=")
            found["-" + m[2]] = (m[1] and "-" + m[1], argument, part)
        else:
            check(False, f"an item that is no option: {part[:60]}")
    return found


def check_words(name, there, text):
    for option, words in helps.words(name, text).items():
        if option in there:
            said = set(re.findall(r"^\.(?:It )?Cm ([\w-]+)", there[option][2], re.M))
            check(said == set(words), f"{name}.1: {option} takes {sorted(words)}, "
                  f"the page says {sorted(said)}")


def check_options(name, page, text):
    wanted, there = helps.options(text), items(page)
    check(len(wanted) > 3, f"{name} --help: {len(wanted)} options")
    for option in sorted(set(wanted) | set(there)):
        check(option in there, f"{name}.1 has no {option}")
        check(option in wanted, f"{name} has no {option}, which its page has")
        if option in there and option in wanted:
            check(wanted[option][:2] == there[option][:2],
                  f"{name} {option}: {wanted[option][:2]} in the help, "
                  f"{there[option][:2]} in the page")
    for option in re.findall(r"\bFl (-[\w-]+)", page):
        check("-" + option in wanted, f"{name}.1 speaks of -{option}")
    check_words(name, there, text)


def complaints(path):
    """What formatters say about a page."""
    said = []
    if shutil.which("mandoc"):
        r = subprocess.run(["mandoc", "-T", "lint", path], capture_output=True,
                           text=True)
        # It looks for those in the system's folders.
        said += [line for line in r.stdout.splitlines()
                 if "referenced manual not found" not in line]
    if shutil.which("groff"):
        r = subprocess.run(["groff", "-ww", "-mdoc", "-Tutf8", "-z", path],
                           capture_output=True, text=True)
        said += r.stderr.splitlines()
        check(r.returncode == 0, f"groff {path}: exit {r.returncode}")
    return said


def self_test(folder):
    """What is looked for is found."""
    if not shutil.which("mandoc") and not shutil.which("groff"):
        print("neither groff nor mandoc is here: pages are not formatted")
        return
    with tempfile.TemporaryDirectory() as temp:
        bad = pathlib.Path(temp) / "bad.1"
        bad.write_text((folder / "owl2-ask.1").read_text()
                       + ".Bl -tag\n.It Fl x\n.No \\[nothing-such]\n")
        check(complaints(bad), "a bad page is complained about")


def check_pages(folder, programs):
    there = {path.stem for path in folder.glob("*.1")}
    for program in programs:
        check(program.name in there, f"{program.name} has no man page in {folder}")
        if program.name in there:
            check_options(program.name, (folder / f"{program.name}.1").read_text(),
                          helps.text(program))
    # Also of a program that is not built here.
    for name in sorted(there):
        path = folder / f"{name}.1"
        page = path.read_text()
        check(f"\n.Dt {name.upper()} 1\n" in page and f"\n.Nm {name}\n" in page,
              f"{path}: another's name")
        said = complaints(path)
        check(not said, f"{path}: {said}")
    self_test(folder)


def serves(what, folder, env):
    """A program that prints an address and serves it until it is stopped."""
    with subprocess.Popen(["sh", "-ec", f"exec {what}"], cwd=folder, env=env,
                          text=True, stdout=subprocess.PIPE) as p:
        try:
            address = p.stdout.readline().strip()
            with urllib.request.urlopen(address, timeout=60) as page:
                check(b"<html" in page.read().lower(), f"{what}: no page")
            p.terminate()
            check(p.wait(60) == 0, f"{what}: exit {p.returncode}")
        except (OSError, ValueError) as error:
            check(False, f"{what} prints {address}: {error}")
        finally:
            p.kill()


def run_examples(path, env, stand_ins):
    page = path.read_text().split("\n.Sh EXAMPLES\n")
    check(len(page) == 2, f"{path.name} has no examples")
    blocks = re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed", page[-1], re.M | re.S)
    with tempfile.TemporaryDirectory() as temp:
        for block in map(plain, blocks):
            says = re.findall(r"^#> (.*)$", block, re.M)
            what = re.sub(r"^#>.*\n", "", block, flags=re.M)
            if what.startswith(LEFT_OUT):
                continue
            if what.startswith("owl2-live "):
                serves(what, temp, env)
                continue
            for word, other in stand_ins.items():
                what = what.replace(word, str(other))
            r = subprocess.run(["sh", "-ec", what], cwd=temp, env=env, text=True,
                               capture_output=True, timeout=280)
            check(r.returncode == 0 and says in ([], r.stdout.splitlines()),
                  f"{path.name}: {what} exit {r.returncode}, "
                  f"{r.stdout[-300:]} {r.stderr[-300:]}")


def main():
    args = sys.argv[1:]
    examples = args[0] == "--examples"
    folder = pathlib.Path(args[examples])
    programs = [pathlib.Path(p).absolute() for p in args[4 if examples else 1:]]
    if examples:
        path = ":".join({str(p.parent): 0 for p in programs})
        env = {**os.environ, "PATH": f"{path}:{os.environ['PATH']}",
               "GST_PLUGIN_PATH": args[2]}
        checkpoint = pathlib.Path(args[3])
        for program in programs:
            run_examples(folder / f"{program.name}.1", env, {
                "CHECKPOINT_DIR": checkpoint,
                "ADAPTER_DIR": checkpoint.parent / "adapter"})
    else:
        check_pages(folder, programs)
    return finish()


if __name__ == "__main__":
    sys.exit(main())
