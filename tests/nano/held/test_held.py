#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The measure held.py itself, on a handful of items: drawn the same way twice, asked
through owl2-ask, counted; a wrong answer, or none, is counted wrong; nothing comes
from training/.

usage: test_held.py BUILD"""

import io
import pathlib
import re
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "pipelines")]

import ask  # noqa: E402
import checks  # noqa: E402
import drawing  # noqa: E402
import grammar  # noqa: E402
import held  # noqa: E402
import questions  # noqa: E402
from checks import check  # noqa: E402

TRAINING = HERE.parents[2] / "training"


def check_grammar():
    o = {"colour": "orange", "shape": "ring", "x": .8, "y": .5, "r": .1}
    p = dict(o, colour="red", shape="star", x=.2, r=.17)
    for scene, text in (
            ({"things": [o, p], "ground": "blue"},
             "A large red star and a small orange ring on a plain blue background."),
            ({"things": [dict(o, motion="grow")], "ground": "noise"},
             "An orange ring grows on a noisy background.")):
        check(grammar.caption(scene) == text, f"{grammar.caption(scene)} {text}")
    check(grammar.at(o) == "on the right", grammar.at(o))


def check_apart():
    """Nothing of training/ is imported, and none of the card's questions about
    pictures is among the paraphrases."""
    used = [m for m in sys.modules.values()
            if str(TRAINING) in str(getattr(m, "__file__", ""))]
    check(not used, f"of training: {used}")
    card = (TRAINING / "README.md").read_text()
    n = 0
    for kind, phrasings in questions.PARAPHRASES.items():
        for phrase in phrasings:
            as_shown = re.escape(phrase).replace(r"\{thing\}", "[a-z ]+")
            n += 1
            check(not re.search(rf"[|/] {as_shown} [|/]", card),
                  f"{kind}: the card has {phrase!r}")
    check(n + sum(len(f[3]) for f in questions.FACTS) >= 200, f"{n} paraphrases")
    for asked, sentence, _, others in questions.FACTS:
        check(sentence in card and all(q in card for q in asked), f"card: {asked}")
        check(not any(re.search(rf"[|/] {re.escape(q)} [|/]", card) for q in others),
              f"in the card: {others}")
    check(not any(q in card for q in questions.UNKNOWNS), "unknown ones are known")


def check_measure(program, folder):
    names = ["stills", "colour of text"]
    again = folder / "again"
    again.mkdir()
    items = held.items(folder, share=.01, names=names)
    for it, same in zip(items, held.items(again, share=.01, names=names)):
        path = pathlib.Path(it.path)
        check(path.read_bytes() == (again / path.name).read_bytes(),
              f"{path.name} is the same of the same seed")
        check((it.question, it.right) == (same.question, same.right), it.question)
    # What the model knows best, so that the right form is met, too.
    red = folder / "red.png"
    drawing.by_pil([{"shape": "circle", "rgb": (220, 40, 40), "x": .5, "y": .5,
                     "r": .17}], (40, 60, 220), (320, 240)).save(red)
    right = {"sentence": ["The circle is red."], "word": ["red"]}
    known = [ask.Item("known", "right", red, "What color is the circle?", right),
             ask.Item("known", "wrong", red, "What color is the circle?",
                      ["The circle is blue.", "The circle is red"]),
             ask.Item("known", "missing", folder / "none.png", "What?", ["none"])]
    ask.ask(program, items + known)
    check(all(it.answer and it.frames == 1 for it in items),
          f"each is answered about one frame: {[it.answer for it in items]}")
    got = ask.table(known)
    check(got["known", "right"][:2] == (1, 1), f"right: {known[0].answer}")
    check(got["known", "right"][2] == {"sentence": 1}, f"{got}")
    check(got["known", "wrong"][:2] == (1, 0), f"wrong: {got}")
    check(got["known", "missing"][:2] == (1, 0) and known[2].answer is None,
          f"no answer: {got}")
    out = io.StringIO()
    ask.print_table(known, {"known": .5}, out)
    check("| **known** | all | 3 | 0.333 | 0.5 | |" in out.getvalue(), out.getvalue())
    print(out.getvalue())


def main():
    check_grammar()
    check_apart()
    with tempfile.TemporaryDirectory() as temp:
        check_measure(held.program(sys.argv[1]), pathlib.Path(temp))
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
