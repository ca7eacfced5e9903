#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Looks each second whether the answer to a question about a video file is yes,
# and prints a message when that becomes likely and when it is no longer.
#
# usage: sh pipelines/alert.sh FILE QUESTION [PROPERTY=VALUE ...]
. "$(dirname -- "$0")/env.sh"
[ $# -ge 2 ] || owl2_usage
file=$1 question=$2
shift 2
owl2-run --messages -- 'filesrc name=file ! decodebin ! videoconvert !
  owl2 name=owl2 choices=<Yes,No> alert-threshold=0.8 ! fakesink' \
  file.location="$file" prompt="$question" "$@" |
  grep '(element): owl2-alert, '
