#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Trains owl2-nano from nothing: sh training/train.sh [FOLDER]
# or trains a model file further: sh training/train.sh FOLDER MODEL.gguf [STEPS]
#
# FOLDER (default: owl2-nano-run) gets the tokenizer, the drawn pictures (about
# 14 GB, 5 GB for training further), log.txt, and in the end checkpoint/ in the published layout and
# table.md.  Started again after an interruption, it goes on where it was.
set -e
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-owl2-nano-run}
python=/usr/bin/python3
$python -c 'import torch, cairo, sentencepiece, gi, PIL; gi.require_version("Rsvg", "2.0")' 2>/dev/null || sh "$here/setup.sh"
if [ -n "${2-}" ] && [ -f "$out/state.pt" ] && [ ! -f "$out/start.pt" ]; then
  echo "train.sh: $out has a run from nothing; training $2 further needs a folder of its own" >&2
  exit 1
fi
mkdir -p "$out/pool"
export OMP_NUM_THREADS=1
[ -f "$out/tokenizer.model" ] || $python "$here/tokenizer.py" "$out/tokenizer.model"
part=1
[ -z "${2-}" ] || part=0.4       # a shorter training sees fewer pictures
$python "$here/pool.py" "$out/pool" 0 2 $part &
first=$!
$python "$here/pool.py" "$out/pool" 1 2 $part
wait $first
[ -z "${2-}" ] || [ -f "$out/start.pt" ] || $python "$here/gguf.py" "$2" "$out" "$out/tokenizer.model"
$python "$here/train.py" "$out" "$out/pool" ${3:+--widen "$3"}
$python "$here/export.py" "$out/state.pt" "$out/checkpoint" "$out/tokenizer.model"
OMP_NUM_THREADS=2 $python "$here/evaluate.py" "$out/checkpoint" --fast --n 60 --answers "$out/answers.jsonl" > "$out/table.md"
cat "$out/table.md"
