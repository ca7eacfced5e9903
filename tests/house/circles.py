#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""No file of a folder calls another that calls it back, by whatever way.

usage: circles.py FOLDER...

Names of functions are taken from the tree's look: where one is defined, its
name begins a line of a .c file. Static ones count for nothing.
"""

import pathlib
import re
import sys

DEFINED = re.compile(r"^([A-Za-z_][^\n=;]*)\n([a-z][a-z0-9_]*) \(", re.M)
COMMENT = re.compile(r'/\*.*?\*/|"(?:\\.|[^"\\\n])*"', re.S)


def calls(folder):
    """{file: {file it calls: a function by which it does}}"""
    texts = {
        path.name: COMMENT.sub(" ", path.read_text())
        for path in sorted(pathlib.Path(folder).glob("*.c"))
    }
    owner = {}
    for name, text in texts.items():
        for kind, function in DEFINED.findall(text):
            if "static" not in kind.split():
                owner[function] = name
    found = {name: {} for name in texts}
    for name, text in texts.items():
        for word in sorted(set(re.findall(r"\w+", text))):
            if owner.get(word, name) != name:
                found[name].setdefault(owner[word], word)
    return found


def circle(graph):
    """A list of files, each of which calls the next and the last the first."""
    done = set()

    def visit(name, path):
        if name in path:
            return path[path.index(name):]
        if name in done:
            return None
        for other in graph[name]:
            found = visit(other, path + [name])
            if found:
                return found
        done.add(name)
        return None

    for name in graph:
        found = visit(name, [])
        if found:
            return found
    return None


def self_test():
    ring = {"a": {"b": "f"}, "b": {"c": "g"}, "c": {"a": "h"}, "d": {"a": "i"}}
    assert circle(ring) == ["a", "b", "c"]
    del ring["c"]["a"]
    assert circle(ring) is None


def main():
    self_test()
    failed = False
    for folder in sys.argv[1:]:
        graph = calls(folder)
        edges = sum(len(others) for others in graph.values())
        if edges < 5:
            print(f"FAIL {folder}: {edges} calls between files, is it the folder?")
            failed = True
        ring = circle(graph)
        if ring:
            failed = True
            print(f"FAIL a circle in {folder}:")
            for name, other in zip(ring, ring[1:] + ring[:1]):
                print(f"  {name} calls {graph[name][other]}() of {other}")
        else:
            print(f"{folder}: {len(graph)} files, {edges} that call others, no circle")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
