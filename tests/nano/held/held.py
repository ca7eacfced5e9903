#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""How often a small model is right about pictures and questions that neither its
training nor the tree's other measures have seen, asked by owl2-ask as a user asks.

Nothing here comes from training/: its drawing, colours, sentences and questions are
written anew from what training/README.md says. Keep it so, and keep it out of
training: a measure that was trained for is none. Pictures of other people come from
packages that setup.sh installs; what is missing is left out and told of. All of it
is some 2000 questions: ten minutes of two cores, one with --quick.

usage: held.py BUILD [--model FILE] [--seed N] [--quick | --share F] [--rows PART]
               [--pictures FOLDER] [--wrong FILE] [--keep FOLDER]"""

import argparse
import inspect
import json
import pathlib
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import ask  # noqa: E402
import found  # noqa: E402
import rows  # noqa: E402
import rows_said  # noqa: E402
from draw import Draw  # noqa: E402

# row: (what draws it, share that is wanted)
TABLE = {
    "stills": (rows_said.one_frame, 0.92),
    "captions, pictures": (rows.pictures, 0.92),
    "captions, clips": (rows.clips, 0.92),
    "background": (rows.grounds, 0.95),
    "colour of text": (rows.text_colours, 0.97),
    "known words, other fonts": (rows.known_in_other_fonts, ""),
    "facts, short": (rows_said.facts_short, 1.00),
    "paraphrases": (rows_said.paraphrases, 0.92),
    "background beside things, none where there is none":
        (rows_said.beside, 0.97),
    "nothing invented": (rows.invented, 0.98),
    "hollow shapes named": (rows.hollow, ""),
    "nothing to read": (rows.nothing_to_read, 0.97),
    "words never trained": (rows.new_words, 0.80),
    "unknown questions": (rows_said.unknown, 0.95),
    "known facts kept": (rows_said.facts_kept, 1.00),
    "everyday things, a style never trained": (rows.everyday, 0.60),
}


def items(folder, seed=1, share=1.0, names=None, pictures=None):
    """Draws the rows that are named (default: all) into a folder."""
    emoji = found.Emoji(pictures)
    out = []
    for row in names or TABLE:
        draw = TABLE[row][0]
        more = [emoji] if "emoji" in inspect.signature(draw).parameters else []
        out += draw(Draw(row, folder, seed, share), row, *more)
    return out


def program(build):
    return pathlib.Path(build) / "tools" / "owl2-ask"


def print_stills(all_, out=sys.stdout):
    """How many still pictures were shown to the model as one frame"""
    stills = [it for it in all_ if it.path.endswith(("png", "jpg")) and it.frames]
    one = sum(it.frames == 1 for it in stills)
    print(f"\nstill pictures shown as one frame: {one} of {len(stills)} questions",
          file=out)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("build")
    p.add_argument("--model")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--share", type=float, default=1.0, help="of the items")
    p.add_argument("--quick", dest="share", action="store_const", const=0.1,
                   help="a tenth of the items")
    p.add_argument("--rows", default="", help="only rows whose name has this")
    p.add_argument("--pictures", help="folder that setup.sh was given")
    p.add_argument("--wrong", help="file for the wrong answers")
    p.add_argument("--keep", help="folder that keeps the pictures")
    a = p.parse_args()
    with tempfile.TemporaryDirectory() as temp:
        folder = pathlib.Path(a.keep or temp)
        folder.mkdir(parents=True, exist_ok=True)
        all_ = items(folder, a.seed, a.share,
                     [row for row in TABLE if a.rows in row], a.pictures)
        ask.ask(program(a.build), all_, a.model)
    ask.print_table(all_, {row: wanted for row, (_, wanted) in TABLE.items()})
    print_stills(all_)
    for what in dict.fromkeys(found.missing):
        print("left out, not installed:", what)
    if a.wrong:
        with open(a.wrong, "w") as f:
            for it in all_:
                if it.form is None:
                    right = [getattr(t, "pattern", t) for texts in
                             it.right.values() for t in texts]
                    f.write(json.dumps({
                        "row": it.row, "part": it.part, "file": it.path,
                        "question": it.question, "answer": it.answer,
                        "right": right}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
