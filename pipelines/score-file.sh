#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Scores the quality of a video file as Q-Align's authors do, from a frame for
# each second: a JSON object, "score" in it from 0 (bad) to 1 (excellent). That
# is what models such as OneAlign are for (model=one-align.gguf); the one inside
# the plugin was never taught to.
#
# usage: sh pipelines/score-file.sh FILE [PROPERTY=VALUE ...]
. "$(dirname -- "$0")/env.sh"
[ $# -ge 1 ] || owl2_usage
file=$1
shift
exec owl2-run --json -- 'filesrc name=file ! decodebin ! videoconvert !
  owl2 name=owl2 recipe=video-quality trigger=eos ! fakesink' \
  file.location="$file" "$@"
