#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Captions the first camera for ten seconds (a test picture where there is no
# camera). Replace fakesink by autovideosink to see it.
#
# usage: sh pipelines/camera.sh [PROPERTY=VALUE ...]
. "$(dirname -- "$0")/env.sh"
exec timeout --preserve-status --signal=INT 10 owl2-run --messages -- \
  'autovideosrc ! videoconvert ! owl2 name=owl2 interval=2000000000 !
  fakesink sync=true' "$@"
