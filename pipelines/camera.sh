#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Captions of the first camera (a test picture where there is no camera), on the
# picture, in a window, until that is closed.
#
# usage: sh pipelines/camera.sh [PROPERTY=VALUE ...]
. "$(dirname -- "$0")/env.sh"
# Debian's dfbvideosink crashes where there is no display at all.
export GST_PLUGIN_FEATURE_RANK="$GST_PLUGIN_FEATURE_RANK,dfbvideosink:NONE"
exec owl2-run --messages -- 'autovideosrc ! videoconvert !
  owl2 name=owl2 interval=2000000000 !
  textoverlay name=overlay shaded-background=true ! videoconvert !
  autovideosink
  owl2.text_src ! overlay.text_sink' "$@"
