#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""gst-validate watches the pads while each scenario of this folder seeks, stops,
changes caps and sets properties: nothing is wrong behind owl2 that is not before
it, and nothing at all on the text pad.

usage: test_validate.py PLUGIN_FOLDER CLIP"""

import os
import pathlib
import re
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "pipelines")]
import checks  # noqa: E402
from checks import check  # noqa: E402

LIMIT_S = 200
FILE = "filesrc location={clip} ! matroskademux ! vp8dec"
TEST = "videotestsrc pattern=ball"
LIVE = TEST + " is-live=true"
OWL2 = (" ! capsfilter name=filter ! owl2 name=o interval=500000000 max-tokens=8"
        " ! fakesink sync=true")
TEXT = " o.text_src ! fakesink sync=true async=false"
SCENARIOS = (("seeks", FILE), ("states", TEST), ("states", LIVE),
             ("caps", TEST), ("caps", LIVE), ("properties", TEST),
             ("properties", LIVE))


def issues(text):
    """What was found, with the pads that it was found on."""
    found = {}
    for what, pads in re.findall(
            r"^ *(?:critical|warning|issue) : (.*)\n *Detected on <(.*)>", text,
            re.MULTILINE):
        found.setdefault(what, set()).update(pads.split(", "))
    return found


def run(name, line):
    """What was found; nothing where it did not come to the end."""
    command = ["gst-validate-1.0", "--set-scenario", HERE / f"{name}.scenario",
               *line.split()]
    try:
        r = subprocess.run(command, capture_output=True, text=True,
                           errors="replace", timeout=LIMIT_S)
    except subprocess.TimeoutExpired as e:
        check(False, f"{name}: {line}: more than {LIMIT_S} s: "
                     f"{(e.stdout or b'')[-600:]}")
        return {}
    check(r.returncode == 0 and "Executing `stop`" in r.stdout,
          f"{name}: {line}: {r.returncode}: {r.stdout[-1000:]}{r.stderr[-400:]}")
    return issues(r.stdout)


def ours(what, pads):
    """What came from before owl2 is not, but for flags of texts. Of a seek that
    comes by the text pad, video's src pad is not told: a later one with another
    number is taken for wrong there."""
    numbers = "same seqnum" in what
    if "filter:src" in pads:
        return pads & (set() if numbers else {"o:text_src"})
    return {p for p in pads if p.startswith("o:")} - (
        {"o:src"} if numbers else set())


def main():
    plugin, clip = sys.argv[1:]
    if not shutil.which("gst-validate-1.0"):
        print("gst-validate-1.0 is not installed: skipped")
        return 77
    os.environ["GST_PLUGIN_PATH"] = plugin
    for name, source in SCENARIOS:
        for sinks in OWL2, OWL2 + TEXT:
            line = source.format(clip=clip) + sinks
            for what, pads in run(name, line).items():
                check(not ours(what, pads), f"{name}: {line}: {what} on {pads}")
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
