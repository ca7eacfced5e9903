#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""owl2-eval with the embedded model: a run that is killed, stopped, or done in
shards ends with the bytes of an undisturbed one; pictures in files and in
tables, videos, text alone; what is refused, in one line.

usage: test_eval.py BUILD CHECKPOINT"""

import base64
import json
import math
import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import tempfile
import time

import eval_set
from checks import check, finish

CPU_WARNING = r"\S+: warning: using .* computes on the CPU, not on a GPU\n"
EVAL = pathlib.Path(sys.argv[1]) / "tools/eval/owl2-eval"
CONVERT = pathlib.Path(sys.argv[1]) / "tools/convert/owl2-convert"
CHECKPOINT = sys.argv[2]
NANO = pathlib.Path(__file__).parents[2] / "training/owl2-nano.gguf"
NO_DEVICE = {**os.environ, "VK_ICD_FILENAMES": "/nowhere",
             "VK_DRIVER_FILES": "/nowhere"}


def call(*args, status=0, **options):
    r = subprocess.run([str(EVAL), *map(str, args)], capture_output=True,
                       text=True, timeout=120, **options)
    check(r.returncode == status, f"status {r.returncode}, not {status}, of "
          f"{args}: {r.stdout} {r.stderr}")
    return r


def refused(pattern, *args, status=1):
    r = call(*args, status=status)
    check(r.stdout == "" and re.fullmatch(
        f"({CPU_WARNING})?owl2-eval: .*\n", r.stderr)
        and re.search(pattern, r.stderr, re.M),
        f"{r.stderr!r} for {pattern!r}")


def lines(path):
    return [json.loads(x) for x in path.read_text().splitlines()]


def evaluate(folder, *args):
    """The answers and the scores of a data set, in a folder of its own."""
    out = folder / f"out-{time.monotonic_ns()}"
    call(*args, "--out", out)
    return lines(out / "answers.jsonl"), json.loads(
        (out / "results.json").read_text())["scores"], out


# ---- what ends a run --------------------------------------------------------


def count(out):
    path = out / "answers-0-of-1.jsonl"
    return path.read_text().count("\n") if path.exists() else 0


def check_ended(data, folder, whole):
    """Killed at random once something more is there or, with OWL2_LONG, more
    often so at any moment; and stopped by a signal."""
    rng = random.Random(os.getpid())
    command = [str(EVAL), str(data), *eval_set.ASKED, "--out"]
    out = folder / "ended"
    n_amid = 0
    at_any = 17 if os.environ.get("OWL2_LONG") else 0
    for i, how in enumerate([signal.SIGKILL] * (at_any + 3) + [signal.SIGTERM]):
        before = count(out)
        process = subprocess.Popen(command + [str(out)], text=True,
                                   stderr=subprocess.PIPE,
                                   stdout=subprocess.DEVNULL)
        while (i >= at_any and count(out) < before + 1
               and process.poll() is None):
            time.sleep(0.002)
        time.sleep(rng.random() * (0.6 if i < at_any else 0.05))
        process.send_signal(how)
        said = process.communicate(timeout=60)[1]
        n_amid += 0 < count(out) < 9
        if how == signal.SIGTERM and process.returncode:
            check(process.returncode == 1 and re.search(
                "stopped by signal 15 with [1-8] of 9 answers; the same "
                "command goes on", said), f"{process.returncode} {said}")
    check(n_amid > 0, "no run was ended amid its answers")
    call(data, *eval_set.ASKED, "--out", out)
    check(eval_set.results(out) == whole, "ended, other bytes")


def check_shards(data, folder, whole):
    parts = [folder / "part-0", folder / "part-1"]
    for i, part in enumerate(parts):
        r = call(data, *eval_set.ASKED, "--out", part, "--shard", f"{i}/2")
        check(r.stdout == "", f"a shard prints {r.stdout}")
    merged = folder / "merged"
    refused("of 2 shards 1 lacks 4 of 4", data, "--form", "pope", "--merge",
            parts[0], "--out", merged)
    call(data, "--form", "pope", "--out", merged, "--merge", parts[0],
         "--merge", parts[1], env=NO_DEVICE)
    check(eval_set.results(merged) == whole, "merged, other bytes")


# ---- forms ------------------------------------------------------------------


def check_table(folder):
    """A picture in the table is the one in a file."""
    red = (folder / "red.png").read_bytes()
    table, listed = folder / "mm.tsv", folder / "mm.jsonl"
    table.write_text("index\tquestion\thint\tA\tB\timage\n3\tWhich colour?\t\t"
                     f"red\tblue\t{base64.b64encode(red).decode()}\n")
    listed.write_text(json.dumps({
        "index": 3, "image": "red.png", "hint": None, "answer": "A",
        "question": "Which colour?", "choices": ["red", "blue"]}))
    a, scores, out = evaluate(folder, table, "--form", "mmbench")
    b, _, _ = evaluate(folder, listed, "--form", "mmbench")
    check(a == b and len(a) == 1, f"{a} {b}")
    check(scores["accuracy"] is None, f"{scores}")
    asked = json.loads((out / "run.json").read_text())
    check(asked["template"] == "USER: <|image|>{}\nAnswer with the "
          "option\u2019s letter from the given choices directly. ASSISTANT: "
          and asked["max-tokens"] == 10 and asked["image-mode"] == "stretch",
          f"{asked}")


def check_usual(data, folder):
    """Without --template and such it is as the authors ask."""
    a, _, out = evaluate(folder, data, "--form", "pope", "--limit", "1")
    asked = json.loads((out / "run.json").read_text())
    check(len(a) == 1 and asked["questions"] == 1, f"{a} {asked}")
    check(asked["template"] == "USER: <|image|>{} Answer the question using a "
          "single word or phrase. ASSISTANT: " and asked["max-tokens"] == 10
          and asked["image-mode"] == "stretch", f"{asked}")


def check_vqa(folder):
    listed, people = folder / "vqa.jsonl", folder / "people.json"
    listed.write_text(json.dumps({
        "image": "red.png", "question_id": 1,
        "question": "What color is the circle?"}))
    people.write_text(json.dumps({"annotations": [{
        "question_id": 1, "question_type": "what", "answer_type": "other",
        "answers": [{"answer": "circle is red", "answer_id": i}
                    for i in range(10)]}]}))
    a, scores, out = evaluate(folder, listed, "--form", "vqa", "--answers",
                              people, *eval_set.ASKED[2:])
    check(a[0]["text"] == "The circle is red.", f"{a}")
    check(scores["vqa"] == 100, f"{scores}")
    check(json.loads((out / "predictions.json").read_text())
          == [{"question_id": 1, "answer": "The circle is red."}], "vqa")


def check_video(folder):
    """The same video under two questions, found without its ending."""
    subprocess.run(
        ["gst-launch-1.0", "-q", "videotestsrc", "pattern=ball",
         "num-buffers=50", "foreground-color=0xffff0000",
         "background-color=0xffffffff", "!",
         "video/x-raw,width=160,height=120,framerate=25/1", "!", "vp8enc",
         "deadline=1", "!", "webmmux", "!", "filesink",
         f"location={folder / 'v_ball.webm'}"], check=True, timeout=60)
    (folder / "test_q.json").write_text(json.dumps([
        {"video_name": "ball", "question_id": "a",
         "question": "What color is the circle?"},
        {"video_name": "ball", "question_id": "b",
         "question": "Is there a red circle?"}]))
    (folder / "test_a.json").write_text(json.dumps([
        {"question_id": "a", "answer": "red", "type": 4},
        {"question_id": "b", "answer": "yes", "type": 3}]))
    a, scores, out = evaluate(folder, folder, "--form", "activitynet-qa",
                              "--frames", "3", *eval_set.ASKED[2:])
    check([x["text"] for x in a] == ["The circle is red.",
                                     "Yes, there is a red circle."], f"{a}")
    check(scores["contains-vqa"] == 100 and scores["exact"] == 0
          and scores["by-type"]["3"]["questions"] == 1, f"{scores}")
    check(json.loads((out / "run.json").read_text())["frames"] == 3, "frames")


    # One a second by index, as the recipe has it.
    table = folder / "videos.csv"
    table.write_text("video,mos\nv_ball.webm,3\n")
    a, scores, out = evaluate(folder, table, "--form", "quality", "--recipe",
                              "video-quality")
    check(len(a[0]["probabilities"]) == 5 and scores["srcc"] is None, f"{a}")
    check(json.loads((out / "run.json").read_text())["frames"] == 0, "frames")


def check_likeliest(folder):
    path = folder / "facts_test.csv"
    path.write_text('"The capital, of France?",Paris,Rome,Oslo,Bern,A\n')
    a, scores, _ = evaluate(folder, path, "--form", "choices")
    p = a[0]["probabilities"]
    check(len(p) == 4 and math.isclose(sum(p), 1, abs_tol=1e-9), f"{a}")
    check(a[0]["text"] == "ABCD"[p.index(max(p))], f"{a}")
    check(scores["accuracy"] == 100 * (a[0]["text"] == "A"), f"{scores}")


def check_quality(folder):
    path = folder / "mos.csv"
    path.write_text("name,mos\nred.png,3\nblue.png,2\ngreen.png,1.5\n")
    a, scores, _ = evaluate(folder, path, "--form", "quality")
    for x in a:
        p = x["probabilities"]
        check(len(p) == 5 and math.isclose(sum(p), 1, abs_tol=1e-9)
              and math.isclose(x["score"], sum(
                  w * q for w, q in zip((1, .75, .5, .25, 0), p)),
                  abs_tol=1e-9), f"{x}")
    check(len(a) == 3 and -1 <= scores["srcc"] <= 1, f"{scores}")


def check_own_recipe(folder):
    """A file that was made of a scorer is asked as that is."""
    model = folder / "deqa.gguf"
    subprocess.run([CONVERT, CHECKPOINT, model, "--type", "f32", "--recipe",
                    "deqa"], check=True, capture_output=True, timeout=60)
    a, _, out = evaluate(folder, folder / "mos.csv", "--form", "quality",
                         "--limit", "1", "--model", model)
    asked = json.loads((out / "run.json").read_text())
    check(asked["recipe"] == "deqa" and asked["weights"] == [5, 4, 3, 2, 1]
          and asked["image-mode"] == "pad" and 1 <= a[0]["score"] <= 5,
          f"{asked} {a}")


# ---- what is refused --------------------------------------------------------


def check_refused(data, folder):
    out = folder / "refused"
    pope = (data, "--form", "pope", "--out", out)
    for pattern, *args in (
            ("one data set is needed", "--form", "pope"),
            ("no form 'nope'; --help", data, "--form", "nope"),
            ("--shard '2/2' is not I/N", *pope, "--shard", "2/2"),
            ("--shard '1' is not I/N", *pope, "--shard", "1"),
            ("--merge takes all", *pope, "--shard", "0/2", "--merge", out),
            ("no image mode 'x'", *pope, "--image-mode", "x"),
            ("--frames is 99", *pope, "--frames", "99")):
        refused(pattern, *args, status=2)
    refused('no recipe "x"', *pope, "--recipe", "x")
    refused('"quality" gives a score', *pope, "--recipe", "quality")
    refused("none.json", folder / "none.json", "--form", "pope", "--out", out)
    refused(r"pope takes a file", folder, "--form", "pope", "--out", out)
    refused("nofile", *pope, "--model", "nofile")
    check(not out.exists(), "a folder was made before all was checked")
    refused(r"run.json is of another run: max-tokens is 40 there and 41 here$",
            data, *eval_set.ASKED[:-1], "41", "--out", folder / "whole")
    refused(r'run.json is of another run: model is "embedded" there and "\d+ '
            r'bytes, [0-9a-f]{64}" here$', data, *eval_set.ASKED, "--model",
            NANO, "--out", folder / "whole")


def check_missing(folder):
    """Pictures that are missing or damaged."""
    (folder / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    path = folder / "missing.json"
    path.write_text("".join(json.dumps(
        {"question_id": i, "image": image, "text": "Is it?", "label": "no"})
        + "\n" for i, image in enumerate(("red.png", "x.png", "bad.png"))))
    out = folder / "missing"
    args = (path, *eval_set.ASKED, "--out", out)
    refused(r"question 1: .*: there is no picture \"x.png\" in it", *args)
    check(len(lines(out / "answers-0-of-1.jsonl")) == 1, "the first is kept")
    call(*args, "--keep-going")
    a = lines(out / "answers.jsonl")
    check([x.get("error") for x in a] == [None] + ["it can't be looked at"] * 2
          and a[1]["text"] == "", f"{a}")
    scores = json.loads((out / "results.json").read_text())["scores"]
    check(scores["failed"] == 2, f"{scores}")


def main():
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        data = eval_set.write(folder)
        r = call(data, *eval_set.ASKED, "--out", folder / "whole")
        whole = eval_set.results(folder / "whole")
        check("accuracy 1\n" in r.stdout, r.stdout)
        again = call(data, *eval_set.ASKED, "--out", folder / "whole",
                     env=NO_DEVICE)
        check(again.stdout == r.stdout and not again.stderr, again.stderr)
        check_ended(data, folder, whole)
        check_shards(data, folder, whole)
        check_usual(data, folder)
        for form in (check_table, check_vqa, check_video, check_likeliest,
                     check_quality, check_own_recipe, check_missing):
            form(folder)
        check_refused(data, folder)
    sys.exit(finish())


main()
