#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Asks one question about a whole video file: frames spread over all of it, one
# answer when it ends.
#
# usage: sh pipelines/ask-file.sh FILE QUESTION [PROPERTY=VALUE ...]
. "$(dirname "$0")/env.sh"
file=$1 question=$2
shift 2
exec gst-launch-1.0 -m filesrc location="$file" ! decodebin ! videoconvert ! \
  owl2 trigger=eos frames=4 prompt="$question" "$@" ! fakesink
