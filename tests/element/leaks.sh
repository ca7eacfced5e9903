#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Runs test programs with GStreamer's leaks tracer: no object may be alive when
# GStreamer is closed.
#
# usage: leaks.sh PROGRAM ...
set -eu
log=$(mktemp)
trap 'rm -f "$log"' EXIT
[ -e "$(pkg-config --variable=pluginsdir gstreamer-1.0)/libgstcoretracers.so" ] ||
  { echo 'no leaks tracer is installed'; exit 77; }
for program; do
  GST_TRACERS=leaks GST_DEBUG=GST_TRACER:7 GST_DEBUG_NO_COLOR=1 \
    "$program" >/dev/null 2>"$log" || { cat "$log"; exit 1; }
  # The tracer tells its own description in any case.
  if grep -E 'object-alive,|object-refings,' "$log" |
      grep -v 'tracerrecord'; then
    echo "$program: objects are alive at the end"
    exit 1
  fi
  grep -q 'GST_TRACER' "$log" || { echo "$program: not traced"; exit 1; }
  echo "$program: no leaks"
done
