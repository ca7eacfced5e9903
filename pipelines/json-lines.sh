#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Captions a video file, and prints each answer as a JSON object on a line of
# its own, as it comes, for whoever reads lines. To a message broker:
#
#     sh pipelines/json-lines.sh FILE | mosquitto_pub -t captions -l
#     sh pipelines/json-lines.sh FILE | kcat -P -b localhost -t captions
#
# usage: sh pipelines/json-lines.sh FILE [PROPERTY=VALUE ...]
. "$(dirname -- "$0")/env.sh"
[ $# -ge 1 ] || owl2_usage
file=$1
shift
exec owl2-run --json -- 'filesrc name=file ! decodebin ! videoconvert !
  owl2 name=owl2 interval=1000000000 when-busy=wait ! fakesink' \
  file.location="$file" "$@"
