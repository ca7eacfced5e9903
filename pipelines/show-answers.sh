#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Reads what `gst-launch-1.0 -m` prints and shows owl2's answers, one a line, as
# they come:
#
#     0.0 -     2.0 s   A red ball moves to the left.
#
# With a file name it also writes them there as SubRip subtitles. Everything
# that is no answer is left out, but errors and warnings. Control characters and
# what else would lead a terminal or a player astray is shown as escapes.
#
# usage: gst-launch-1.0 -m ... | sh pipelines/show-answers.sh [FILE.srt]
. "$(dirname -- "$0")/env.sh"
exec owl2-run --read ${1:+--srt="$1"}
