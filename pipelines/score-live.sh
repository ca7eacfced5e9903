#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Scores the quality of the first camera's video (of a test picture where there
# is no camera): each second that of the last eight, a JSON object each, for a
# scorer such as OneAlign (model=one-align.gguf). Each frame is encoded once.
#
# usage: sh pipelines/score-live.sh [PROPERTY=VALUE ...]
. "$(dirname -- "$0")/env.sh"
exec owl2-run --json -- 'autovideosrc ! videoconvert !
  owl2 name=owl2 recipe=video-quality interval=1000000000 span=8000000000 !
  fakesink' "$@"
