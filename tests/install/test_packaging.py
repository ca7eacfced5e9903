#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""debian/ says the version of the tree, each licence of a file that .reuse/dep5
has, with its text, every program, and what tools/setup.sh installs to build.

usage: test_packaging.py SOURCE_ROOT VERSION PROGRAM..."""

import pathlib
import re
import sys

sys.path.append(str(pathlib.Path(__file__).parents[1] / "pipelines"))
from checks import check, finish  # noqa: E402

ROOT, VERSION = pathlib.Path(sys.argv[1]), sys.argv[2]
# What debhelper brings, what runs and is not built with, and fonts of the demo.
NOT_TO_BUILD = re.compile(
    r"gcc|libc6-dev|ninja-build|mesa-|gstreamer1\.0-|fonts-|pkg-config$")


def read(path):
    return (ROOT / path).read_text()


def stanzas(path):
    """[{field: value}], with lines of a value as they stand"""
    return [dict(re.findall(r"^([\w-]+): ?((?:.*\n)(?:[ \t].*\n)*)", part + "\n", re.M))
            for part in re.split(r"\n\n+", read(path))]


def check_licences():
    wanted = {s["Files"].strip(): s["License"].strip()
              for s in stanzas(".reuse/dep5") if "Files" in s}
    there = {s["Files"].strip(): s["License"].strip()
             for s in stanzas("debian/copyright") if "Files" in s}
    check(wanted == there, f"debian/copyright has {there}, .reuse/dep5 {wanted}")
    texts = {s["License"].split("\n")[0].strip(): s["License"]
             for s in stanzas("debian/copyright") if "Files" not in s
             and "License" in s}
    for licence in set(wanted.values()):
        check(len(texts.get(licence, "").split()) > 50,
              f"debian/copyright has no text of {licence}")


def check_dependencies():
    setup = re.search(r"^build='(.*?)'", read("tools/setup.sh"), re.M | re.S)
    installed = {p for p in setup[1].split() if not NOT_TO_BUILD.match(p)}
    source = stanzas("debian/control")[0]
    needed = set(re.findall(r"^\s*([a-z][\w.+-]*)",
                            source["Build-Depends"].replace(",", "\n"), re.M))
    needed -= {"debhelper-compat", "pkgconf"}
    check(needed == installed, f"debian/control needs {sorted(needed)}, "
          f"tools/setup.sh installs {sorted(installed)}")


def main():
    newest = re.match(r"owl2 \((\S+)\) ", read("debian/changelog"))
    check(newest and newest[1] == VERSION, f"debian/changelog: {newest}")
    check(read("NEWS.md").startswith(f"# {VERSION}\n"), "NEWS.md: another version")
    check_licences()
    check_dependencies()
    tools = [s for s in stanzas("debian/control")
             if s.get("Package", "").strip() == "owl2-tools"]
    named = set(re.findall(r"^  \* (owl2-\w+) ", tools[0]["Description"], re.M))
    check(named == set(sys.argv[3:]), f"owl2-tools describes {sorted(named)}")
    return finish()


if __name__ == "__main__":
    sys.exit(main())
