#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Captions a video file, one caption for each second of it, as fast as the
# device allows. The answers are printed as messages; show-answers.sh makes
# plain lines of them. The file may have any name: it is set as a property, as
# are those of owl2, and is no part of the pipeline's text.
#
# usage: sh pipelines/caption-file.sh FILE [PROPERTY=VALUE ...]
. "$(dirname -- "$0")/env.sh"
[ $# -ge 1 ] || owl2_usage
file=$1
shift
exec owl2-run --messages -- 'filesrc name=file ! decodebin ! videoconvert !
  owl2 name=owl2 interval=1000000000 when-busy=wait ! fakesink' \
  file.location="$file" "$@"
