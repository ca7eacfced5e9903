#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Asks one question about a whole video file: frames spread over all of it, one
# answer when it ends, printed as a message (show-answers.sh makes a plain line
# of it). File and question may be any text: they are set as properties and are
# no part of the pipeline's text.
#
# usage: sh pipelines/ask-file.sh FILE QUESTION [PROPERTY=VALUE ...]
. "$(dirname -- "$0")/env.sh"
[ $# -ge 2 ] || owl2_usage
file=$1 question=$2
shift 2
exec owl2-run --messages -- 'filesrc name=file ! decodebin ! videoconvert !
  owl2 name=owl2 trigger=eos frames=4 ! fakesink' \
  file.location="$file" prompt="$question" "$@"
