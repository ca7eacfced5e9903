#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Captions a live test picture for five seconds, without ever holding it up.
#
# usage: sh pipelines/live-test.sh [PROPERTY=VALUE ...]
. "$(dirname -- "$0")/env.sh"
exec owl2-run --messages -- 'videotestsrc is-live=true num-buffers=150 !
  video/x-raw,width=640,height=360,framerate=30/1 !
  owl2 name=owl2 interval=1000000000 ! fakesink sync=true' "$@"
