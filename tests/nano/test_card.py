#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""training/README.md says what is so: each question that it shows, in each of the
ways that it shows, gets the answer that stands beside it, of a video that it
is true of; the facts word by word, alone and beside a picture; what it lists
and counts is what the sources and the shipped file have.

usage: test_card.py BUILD"""

import importlib.util
import math
import os
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(ROOT / "training"), str(ROOT / "tests" / "file"),
                str(ROOT / "tests" / "pipelines")]

import numpy as np  # noqa: E402

import checks  # noqa: E402
import plugin  # noqa: E402
import vocab  # noqa: E402
from checks import check  # noqa: E402
from facts import FACTS  # noqa: E402
from read_gguf import read_gguf  # noqa: E402

spec = importlib.util.spec_from_file_location(
    "draw_clips", ROOT / "pipelines" / "draw-clips.py")
draw_clips = importlib.util.module_from_spec(spec)
spec.loader.exec_module(draw_clips)

BIG, SMALL = .17, .1
# name: (frames asked about, background, objects as in draw-clips.py, text)
CENTER, LEFT_TOP, RIGHT = (.5, .5, BIG), (.2, .24, BIG), (.8, .5, BIG)


def still(colour, shape, at):
    return colour, shape, at, at


SCENES = {
    "top left": (1, "white", [still("red", "circle", LEFT_TOP)], None),
    "center": (1, "white", [still("red", "circle", CENTER)], None),
    "right": (1, "white", [still("red", "circle", RIGHT)], None),
    "two": (1, "white", [still("red", "circle", (.25, .3, BIG)),
                         still("blue", "star", (.75, .7, BIG))], None),
    "circles": (1, "white", [still("red", "circle", (.25, .3, BIG)),
                             still("blue", "circle", (.75, .7, BIG))], None),
    "star": (1, "white", [still("blue", "star", CENTER)], None),
    "on blue": (1, "blue", [still("yellow", "circle", CENTER)], None),
    "gradient": (1, {"kind": "gradient", "names": ["blue", "green"],
                     "rgb": [(35, 60, 220), (30, 160, 50)],
                     "angle": math.pi / 2},
                 [still("red", "circle", CENTER)], None),
    "noise": (1, {"kind": "noisy", "names": ["gray"],
                  "rgb": [(128, 128, 128)], "sigma": 35., "grain": .02},
              [still("red", "circle", CENTER)], None),
    "to the left": (4, "white", [
        ("red", "circle", (.8, .5, BIG), (.2, .5, BIG))], None),
    "grows": (4, "white", [
        ("red", "circle", (.5, .5, .09), (.5, .5, .24))], None),
    "rests": (4, "white", [still("red", "circle", CENTER)], None),
    "word": (1, "blue", [], draw_clips.WORD),
    "pinwheel": (1, "pinwheel", None, None),
    "ball": (4, "ball", None, None),
}
# row of the table: {scene: answer} of all its questions, or of those that a
# part of their text names
WANTED = {
    "colour": {"": {"center": "red"}},
    "shape": {"": {"center": "circle"}},
    "size": {"": {"center": "large"}},
    "count": {"shapes are there": {"two": "two"}, "circles": {"circles": "two"}},
    "where": {"": {"top left": "top left"}},
    "row, column": {"row|at the top": {"top left": "top"},
                    "column|on the left": {"top left": "left"}},
    "what is at a place": {"top left": {"top left": "red circle"},
                           "center": {"center": "red circle"},
                           "right": {"right": "red circle"}},
    "is there": {"": {"star": "no"}},
    "direction": {"ball": {"to the left": "left"},
                  "circle|shape": {"to the left": "left", "rests": "nowhere"}},
    "action": {"": {"to the left": "moves left", "grows": "grows"}},
    "is moving": {"": {"to the left": "yes"}},
    "background": {"": {"on blue": "blue", "gradient": "gradient",
                        "noise": "noise"}},
    "pattern": {"": {"pinwheel": "a pinwheel", "center": "none"}},
    "text": {"": {"word": "HELLO"}},
    "colour of text": {"": {"word": "white"}},
}
# Captions have no short answer: what they must speak of.
CAPTIONS = {
    "caption": {"image|see": ("center", "a large red circle on a plain white "
                                        "background"),
                "video": ("to the left", "a large red circle moves left")},
    "long caption": {"image|everything": ("top left", "the large red circle is "
                                                      "at the top left"),
                     "video": ("to the left", "the large red circle moves "
                                              "left")},
}


def make_video(name, folder):
    n, background, objects, text = SCENES[name]
    path = folder / f"{name}.webm"
    if objects is None:
        subprocess.run(
            ["gst-launch-1.0", "-q", "videotestsrc", "num-buffers=30",
             f"pattern={background}", "!",
             "video/x-raw,width=320,height=240,framerate=15/1", "!", "vp8enc",
             "deadline=1", "target-bitrate=800000", "!", "webmmux", "!",
             "filesink", f"location={path}"], check=True)
        return path
    plain = background if isinstance(background, str) else "white"
    scene = draw_clips.scene(plain, objects, text)
    if plain != background:
        scene["bg"] = background
    draw_clips.write(draw_clips.world.render(scene)[0], path)
    return path


def rows(card, first):
    """The rows of the table whose first column is named FIRST."""
    lines = card.split(f"\n| {first} |", 1)[1].split("\n")[2:]
    for line in lines:
        if not line.startswith("|"):
            return
        yield [c.strip() for c in line.strip("| ").split(" | ")]


def ask(program, path, questions, n_frames):
    r = subprocess.run([program, "--frames", str(n_frames), "--", path,
                        *questions], check=True, capture_output=True, text=True)
    return r.stdout.split("\n")[:-1]


def check_pictures(card, program, folder):
    """The table of questions about pictures."""
    todo = {name: [] for name in SCENES}  # (question, test, what is wanted)
    seen = set()
    for row in rows(card, "question"):
        name, phrases = row[0], row[1].split(" / ")
        seen.add(name)
        said = set()
        for phrase in phrases:
            found = 0
            for part, (scene, text) in CAPTIONS.get(name, {}).items():
                if re.search(part, phrase):
                    todo[scene].append((phrase, lambda got, t=text: t in
                                        got.lower(), text))
                    found += 1
            for part, scenes in WANTED.get(name, {}).items():
                if re.search(part, phrase):
                    found += 1
                    for scene, answer in scenes.items():
                        said.add(answer)
                        # What is done, and where to, says as much of a clip
                        # as is asked.
                        todo[scene].append((f"{phrase} {vocab.SHORT}",
                                            lambda got, a=answer: got == a,
                                            answer))
            check(found, f"no scene for {name}: {phrase}")
        shown = {s for s in (row[2] if len(row) > 2 else "").split(", ") if s}
        check(shown <= said, f"{name}: {shown} shown, {said} asked")
    check(seen == set(WANTED) | set(CAPTIONS), f"rows {sorted(seen)}")
    n = 0
    for scene, items in todo.items():
        if not items:
            continue
        path = make_video(scene, folder)
        got = ask(program, path, [i[0] for i in items], SCENES[scene][0])
        for (question, test, want), answer in zip(items, got):
            check(test(answer), f"{scene}: {question!r}: {answer!r}, the card "
                  f"has {want!r}")
            n += 1
    print(f"{n} questions about pictures", flush=True)


def check_facts(card, build, folder):
    """The table of facts, alone and beside a picture."""
    pairs = [(q, answer) for asked, answer in rows(card, "asked as")
             for q in asked.split(" / ")]
    known = {q: fact.answer for fact in FACTS for q in fact.asked}
    for question, answer in pairs:
        check("plus" in answer or known.get(question) == answer,
              f"{question}: no fact of facts.py")
    check(set(known) <= {q for q, _ in pairs}, "facts that the card has not")
    questions = [q for q, _ in pairs]
    got = ask(build / "tools" / "owl2-ask", make_video("star", folder),
              questions, 1)
    for (question, answer), beside in zip(pairs, got):
        check(beside == answer, f"beside: {question} {beside!r}, not {answer!r}")
    for question, answer in pairs:
        alone = plugin.ask_text(build / "tools" / "owl2-trace", None, question)
        check(alone == answer, f"alone: {question} {alone!r}, not {answer!r}")
    print(f"{len(pairs)} facts, alone and beside a picture", flush=True)


def listed(card, head):
    """The words of the point HEAD of a list."""
    m = re.search(rf"^- {head}:?\s(.*?)\.?\n(?=- |\n)", card, re.M | re.S)
    return re.sub(r"\s+", " ", m[1])


def check_lists(card):
    for head, names in (("Colours", vocab.COLOUR_NAMES),
                        ("Places", vocab.PLACES)):
        got = listed(card, head).split(", ")
        check(got == list(names), f"{head}: {got}")
    shapes = listed(card, "Shapes").split(";")[0].split(", ")
    check(shapes == vocab.SHAPES, f"shapes: {shapes}")
    words = re.search(r"The known words:\s+(.*?)\.", card, re.S)[1]
    check(re.split(r",\s+", words) == vocab.WORDS, "the known words")
    patterns = listed(card, "Test patterns")
    for name in vocab.PATTERN_NAMES:
        check(name in patterns, f"pattern {name}")
    held = {tuple(p.split()) for p in re.split(
        r",\s+", re.search(r"never trained: ([^.]*)\.", card)[1])}
    check(held == vocab.HELD_PAIRS, f"pairs never trained: {held}")


def check_numbers(card):
    """What the table on top says of the file."""
    path = ROOT / "training" / "owl2-nano.gguf"
    keys, tensors = read_gguf(path)
    # The abstractor's positions are a formula, not learned.
    n = sum(int(np.prod(t[1].shape)) for name, t in tensors.items()
            if not name.endswith(("q_pos", "k_pos")))

    def block(part):
        at = {k.split(f"mplug-owl2.{part}", 1)[-1]: v for k, v in keys.items()
              if k.startswith(f"mplug-owl2.{part}")}
        return (f"{at['embedding_length']} wide, {at['block_count']} layers, "
                f"{at['attention.head_count']} heads, MLP "
                f"{at['feed_forward_length']}")

    size, patch = (keys[f"mplug-owl2.vision.{k}_size"] for k in ("image",
                                                                 "patch"))
    queries = keys["mplug-owl2.abstractor.query_count"]
    for text in (f"| parameters | {n:,} ({2 * n / 1e6:.1f} MB in fp16) |",
                 f": {os.path.getsize(path) / 1e6:.1f} MB, inside the plugin |",
                 f"| input | {size} x {size}, patch {patch}, "
                 f"{(size // patch) ** 2} patches; a clip is 4 frames |",
                 f"| vision encoder | {block('vision.')} |",
                 f"| abstractor | {block('abstractor.')}, {queries} queries "
                 f"({queries + 1} rows a frame) |",
                 f"| decoder | {block('')}, {keys['mplug-owl2.vocab_size']} "
                 "pieces |"):
        check(text in card, f"the card has not {text!r}")


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    card = (ROOT / "training" / "README.md").read_text()
    with tempfile.TemporaryDirectory() as temp:
        folder = pathlib.Path(temp)
        check_lists(card)
        check_numbers(card)
        check_pictures(card, build / "tools" / "owl2-ask", folder)
        check_facts(card, build, folder)
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
