# SPDX-License-Identifier: LGPL-2.1-or-later
"""What programs print for --help, read with nothing of what is tested."""

import re
import subprocess

OPTION = re.compile(r"^  (?:(-\w), )?(--[\w-]+)(?:=(\S+))?  +(.*)$", re.M)


def text(program):
    r = subprocess.run([program, "--help"], capture_output=True, text=True,
                       timeout=60, check=True)
    return r.stdout


def options(help_text):
    """{long name: (letter or None, argument or None, what it is for)}"""
    return {m[2]: (m[1], m[3], m[4]) for m in OPTION.finditer(help_text)}


# Of these options the words that they take are in the help.
LISTS = {
    ("owl2-ask", "--kv-type"): ["auto", "f16", "q8_0", "f32"],
    ("owl2-ask", "--image-mode"): ["auto", "stretch", "pad", "crop"],
    ("owl2-convert", "--image-mode"): ["auto", "stretch", "pad", "crop"],
    ("owl2-convert", "--type"): ["f32", "f16", "q8_0", "q4_k"],
    ("owl2-bench", "--type"): ["f32", "f16", "q8_0", "q4_k"],
    ("owl2-bench", "--kernel"): ["matmul", "embed", "attention", "rmsnorm",
                                 "layernorm", "swiglu", "argmax"],
    ("owl2-ask", "--recipe"): None,
    ("owl2-eval", "--recipe"): None,
    ("owl2-eval", "--form"): None,
}
COMMON = ["--kv-type", "--image-mode"]
for _name in ("owl2-eval", "owl2-trace", "owl2-bench"):
    for _option in COMMON:
        LISTS[_name, _option] = LISTS["owl2-ask", _option]


def words(name, help_text):
    """{option: the words that it takes}, of the options of LISTS and any other
    with a list in its help."""
    found = {}
    for option, (_, argument, what) in options(help_text).items():
        if not argument:
            continue
        before = what.split(" (")[0]
        m = re.search(r": ((?:[a-z][\w-]*(?:, or |, | or ))+[a-z][\w-]*)(?:;|$)",
                      before)
        if m:
            found[option] = re.split(r", or |, | or ", m[1])
        if argument == "NAME" and "see below" in what:
            found[option] = re.findall(r"^  ([a-z][\w-]+) ",
                                       help_text.split("\nForms:")[1], re.M)
    for (program, option), wanted in LISTS.items():
        if program == name and option in options(help_text):
            assert option in found, f"{name} {option}: no list in the help"
            assert wanted in (None, found[option]), (name, option, found[option])
    return found
