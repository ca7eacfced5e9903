#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Records what the published scorers make of texts and answers, for
tests/tools/eval: in scorers.json of this folder, by

    python3 make_scorers.py VQA_EVAL POPE ACTIVITYNET

with vqa_eval.py of X-PLUG/mPLUG-Owl 0f3068f (mPLUG-Owl2/mplug_owl2/evaluate),
evaluate.py of AoiDragon/POPE 08d957b and eval.py of MILVLG/activitynet-qa
2cf80ae. Correlations are SciPy's (1.10.1)."""

import contextlib
import io
import json
import pathlib
import random
import sys
import tempfile
import types

from scipy import stats

rng = random.Random(19)
TEXTS = r"""
Yes.|No, there is no dog.|1,000|1,000 dogs; cats|a.b.c|1.5|1.|.5|<=1.5|U.S.A.
it's|dog's bowl|none|None of them|one two three ten eleven|The cat|a an the
A/B|A / B|x-ray|T-shirt|what?|what ?|(a) b|e=mc+2|back\slash|snake_case|1 ,2
12,34,56|-5|5-6|5 - 6|@home|`tick`|"quoted"|{x}|[y]|a>b<c|hello!world
hello! world|Dr. Who|3.14.|3. 14|O'Clock|I'm|Id've|somebody'd|somebodyd
""".strip().replace("\n", "|").split("|") + [
    "", " ", "\ttab\nline", "  padded  ", "." * 40, "a." * 40,
    "1,2" + "." * 33, "caf\u00e9 \u0130stanbul \u03a3\u03a3 \u03a3",
    "\u039f\u0394\u039f\u03a3", "\u03a3'", "A\u03a3.", "A\u03a3.B",
    "\u00a0nbsp\u2003em\u3000x\u3000", "\u0661,\u0662", "\u0661.\u0662.",
    "2.\u0663", "\x1cq\x1d r\x85s", "\u200bz", "\u1e9e\u01c5x",
    "\U0001f600 ok", "\u2028x\u2029"]
PIECES = list(";/[]\"{}()=+\\_-><@`,?!..  ''\n\t") + [
    "the", "a", "an", "two", "Ten", "zero", "dont", "y'alld've", "1", "22",
    "7", "dog", "Cat", "\u00c9t\u00e9", "\u0663", "'s", "\u03a3", "\u2003"]
ANSWERS = ["yes", "no", "Yes", "2", "two", "1,000", "1000", "red", "the red",
           "dark red", "red.", "t-shirt", "t shirt", "none", "0", "don't",
           "dont", "a dog", "dog", ""]
SAID = ["Yes, there is.", "No, there isn't.", "There is no dog. Yes.", "no",
        "Yes. No.", "No.", "NO", "not", "There is not, really", "nothing",
        "None", "I know", "", "yes no", "yes,no", "n,o", "is\u00a0no",
        "Yes\nno", ".no"]


def load(path, replacements=()):
    """The names of a script; what needs more than Python is left out."""
    text = pathlib.Path(path).read_text().split("\np = EvalAI")[0]
    for old, new in (("from tqdm import tqdm", ""), *replacements):
        text = text.replace(old, new)
    names = {"__name__": "scorer"}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(text, names)
    return names


def record_text(scorer):
    vqa, evalai = scorer["VQAEval"](), scorer["EvalAIAnswerProcessor"]()
    texts = list(TEXTS)
    for short, whole in vqa.contractions.items():
        texts += [short, whole, whole.replace("'", "")]
        texts += [whole[:i] + whole[i + 1:]
                  for i, c in enumerate(whole) if c == "'"]
    texts += ["".join(rng.choice(PIECES) for _ in range(rng.randint(1, 14)))
              for _ in range(600)]
    rows = []
    for text in dict.fromkeys(texts):
        flat = text.replace("\n", " ").replace("\t", " ").strip()
        rows.append([text, vqa.processPunctuation(text),
                     vqa.processDigitArticle(vqa.processPunctuation(flat)),
                     evalai(text)])
    return rows


def draw_annotation(i):
    some, with_ids = rng.sample(ANSWERS, rng.randint(1, 4)), rng.random() < .8
    answers = [{"answer": rng.choice(some),
                "answer_confidence": rng.choice(["yes", "maybe"])}
               for _ in range(rng.choice([10, 10, 10, 1, 3]))]
    for k, answer in enumerate(answers):
        if with_ids:
            answer["answer_id"] = k + 1
    return {"question_id": i, "image_id": i, "answers": answers,
            "question_type": rng.choice(["what", "is the", "how many"]),
            "answer_type": rng.choice(["yes/no", "number", "other"])}


def record_vqa(scorer):
    annotations = [draw_annotation(i) for i in range(150)]
    results = [{"question_id": a["question_id"], "answer": rng.choice(
        [rng.choice(a["answers"])["answer"], rng.choice(ANSWERS),
         rng.choice(ANSWERS).upper() + "."])} for a in annotations]
    as_given = json.loads(json.dumps(annotations))  # it changes them
    ids = [a["question_id"] for a in annotations]
    right = types.SimpleNamespace(
        qa=dict(zip(ids, annotations)), getQuesIds=lambda: ids)
    said = types.SimpleNamespace(qa=dict(zip(ids, results)))
    evaluation = scorer["VQAEval"](right, said, n=2)
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation.evaluate()
    return {"annotations": as_given, "results": results,
            "accuracy": evaluation.accuracy,
            "each": [evaluation.evalQA[i] for i in ids]}


def record_pope(path):
    said = SAID + [rng.choice(SAID) for _ in range(80 - len(SAID))]
    lines = [{"text": text, "label": rng.choice(["yes", "no"])}
             for text in said]
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for name, key, member in (("ans_file", "answer", "text"),
                                  ("label_file", "label", "label")):
            file = pathlib.Path(folder) / name
            file.write_text("".join(json.dumps({key: line[member]}) + "\n"
                                    for line in lines))
            files.append((f"{name} = ''", f"{name} = {str(file)!r}"))
        got = load(path, files)
    figures = ("acc", "precision", "recall", "f1", "yes_ratio")
    return {"lines": lines, "no": [p == 0 for p in got["pred_list"]],
            **{name: got[name] for name in figures}}


def record_activitynet(scorer):
    right = [{"question_id": f"v_{i}", "type": rng.randint(0, 8) if i > 8 else i,
              "answer": rng.choice(["yes", "no", "red", "two"])}
             for i in range(120)]
    said = [{"question_id": a["question_id"],
             "answer": rng.choice([a["answer"], "yes", "Yes", "red."])}
            for a in right]
    corrects, counts = scorer["eval"](said, right)
    return {"answers": right, "predictions": said,
            "corrects": corrects, "counts": dict(sorted(counts.items())),
            "all": sum(corrects.values()) / sum(counts.values())}


def record_correlation():
    for n in (2, 3, 10, 100):
        for ties in (False, True):
            x = [rng.gauss(0, 1) for _ in range(n)]
            y = [a + rng.gauss(0, 1) for a in x]
            if ties and n > 3:
                x, y = [round(a) for a in x], [round(a) for a in y]
            yield {"x": x, "y": y, "srcc": stats.spearmanr(x, y)[0],
                   "plcc": stats.pearsonr(x, y)[0]}


def main():
    vqa = load(sys.argv[1])
    recorded = {"text": record_text(vqa), "vqa": record_vqa(vqa),
                "pope": record_pope(sys.argv[2]),
                "activitynet": record_activitynet(load(sys.argv[3])),
                "correlation": list(record_correlation())}
    path = pathlib.Path(__file__).parent / "scorers.json"
    path.write_text(json.dumps(recorded, separators=(",", ":")) + "\n")
    print({name: len(part) for name, part in recorded.items()})


main()
