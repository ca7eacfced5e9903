#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Answers the questions of a subtitle file (SubRip, WebVTT and others) about a
# video file, each about what is on screen at its time. The answers are printed
# as messages; show-answers.sh makes plain lines of them.
#
# usage: sh pipelines/questions.sh FILE QUESTIONS.srt [PROPERTY=VALUE ...]
. "$(dirname -- "$0")/env.sh"
[ $# -ge 2 ] || owl2_usage
file=$1 questions=$2
shift 2
exec owl2-run --messages -- 'filesrc name=file ! decodebin ! videoconvert !
  owl2 name=owl2 trigger=question when-busy=wait ! fakesink
  filesrc name=questions ! subparse ! owl2.question_sink' \
  file.location="$file" questions.location="$questions" "$@"
