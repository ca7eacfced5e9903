#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Captions a video file, one caption for each second of it, as fast as the
# device allows. The answers are printed as messages (-m).
#
# usage: sh pipelines/caption-file.sh FILE [PROPERTY=VALUE ...]
. "$(dirname "$0")/env.sh"
file=$1
shift
exec gst-launch-1.0 -m filesrc location="$file" ! decodebin ! videoconvert ! \
  owl2 interval=1000000000 when-busy=wait "$@" ! fakesink
