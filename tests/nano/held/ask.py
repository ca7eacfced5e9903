# SPDX-License-Identifier: LGPL-2.1-or-later
"""Asks owl2-ask, as a user does, and counts."""

import collections
import json
import re
import subprocess
import sys

FILES = 24  # of one process, at most


class Item:
    """A question about a file, and what is right: {form: [text or pattern]}"""

    def __init__(self, row, part, path, question, right):
        self.row, self.part, self.path = row, part, str(path)
        self.question = question
        self.right = right if isinstance(right, dict) else {"": right}
        self.answer, self.form, self.frames = None, None, 0

    def judge(self):
        """Names the form that the answer has, or None if it is wrong."""
        self.form = None
        for form, texts in self.right.items():
            if any(t.fullmatch(self.answer or "") if isinstance(t, re.Pattern)
                   else t == self.answer for t in texts):
                self.form = form
                return


def ask(program, items, model=None):
    """Gives each item its answer; None where there was none."""
    of_file = collections.defaultdict(dict)
    for it in items:
        of_file[it.path][it.question] = None
    runs = collections.defaultdict(list)
    for path, questions in of_file.items():
        runs[tuple(questions)].append(path)
    done = 0
    for questions, paths in runs.items():
        for i in range(0, len(paths), FILES):
            some = paths[i:i + FILES]
            r = subprocess.run(
                [str(program), "--json", *(["--model", str(model)] if model else []),
                 *some, *questions], capture_output=True, text=True,
                errors="replace")
            if r.returncode:
                print(r.stderr[-300:], file=sys.stderr)
            for line in r.stdout.splitlines():
                a = json.loads(line)
                if "text" in a:
                    of_file[a["file"]][a["question"]] = \
                        a["text"], len(a["frame-times"])
            done += len(some) * len(questions)
            if sys.stderr.isatty():
                print(f"\r{done} answers", end="", file=sys.stderr)
    for it in items:
        it.answer, it.frames = of_file[it.path][it.question] or (None, 0)
        it.judge()


def table(items):
    """{(row, part): (items, right, {form: answers that have it})}"""
    out = {}
    for it in items:
        n, right, forms = out.get((it.row, it.part), (0, 0, collections.Counter()))
        if it.form:
            forms[it.form] += 1
        out[it.row, it.part] = n + 1, right + (it.form is not None), forms
    return out


def print_table(items, wanted, out=sys.stdout):
    got = table(items)
    print("| row | part | n | right | wanted | forms |", file=out)
    print("| --- | --- | --- | --- | --- | --- |", file=out)
    for row in dict.fromkeys(r for r, _ in got):
        parts = [(p, v) for (r, p), v in got.items() if r == row]
        n, right = (sum(v[i] for _, v in parts) for i in (0, 1))
        print(f"| **{row}** | all | {n} | {right / n:.3f} | {wanted.get(row, '')} | |",
              file=out)
        for part, (n, right, forms) in parts:
            said = ", ".join(f"{f} {k}" for f, k in forms.most_common() if f)
            if said or len(parts) > 1:
                print(f"| | {part} | {n} | {right / n:.3f} | | {said} |", file=out)
