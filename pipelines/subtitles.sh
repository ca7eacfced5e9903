#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Captions a video file, one caption for each second of it, and writes them
# beside it as WebVTT and SubRip subtitles: FILE.vtt and FILE.srt, or those of
# NAME.
#
# usage: sh pipelines/subtitles.sh FILE [NAME [PROPERTY=VALUE ...]]
. "$(dirname -- "$0")/env.sh"
[ $# -ge 1 ] || owl2_usage
file=$1 name=${2:-${1%.*}}
shift
[ $# -eq 0 ] || shift
exec owl2-run --messages --file="vtt=$name.vtt" --file="srt=$name.srt" -- 'filesrc name=file ! decodebin ! videoconvert !
  owl2 name=owl2 interval=1000000000 when-busy=wait ! fakesink
  owl2.text_src ! tee name=text ! queue ! webvttenc ! filesink name=vtt
  text. ! queue ! srtenc ! filesink name=srt' \
  file.location="$file" "$@"
