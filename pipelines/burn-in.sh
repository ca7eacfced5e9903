#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Captions a video file, one caption for each second of it, and writes an MP4
# file with the captions on the picture, without its sound.
#
# usage: sh pipelines/burn-in.sh FILE OUT.mp4 [PROPERTY=VALUE ...]
. "$(dirname -- "$0")/env.sh"
[ $# -ge 2 ] || owl2_usage
file=$1 out=$2
shift 2
for encoder in x264enc openh264enc avenc_mpeg4 none; do
  gst-inspect-1.0 --exists "$encoder" && break
done
[ "$encoder" != none ] || { echo 'owl2: no encoder for MP4' >&2; exit 1; }
exec owl2-run --messages --file="out=$out" -- "filesrc name=file ! decodebin ! videoconvert !
  videoflip video-direction=auto !
  owl2 name=owl2 interval=1000000000 when-busy=wait !
  textoverlay name=overlay shaded-background=true ! videoconvert !
  $encoder ! mp4mux ! filesink name=out
  owl2.text_src ! overlay.text_sink" \
  file.location="$file" "$@"
