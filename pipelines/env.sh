# SPDX-License-Identifier: LGPL-2.1-or-later
# Sourced by the pipelines: builds owl2 if this checkout has no build, and makes
# GStreamer and the shell find it. OWL2_BUILD names another build folder. Where
# this is no checkout, owl2 is installed.
owl2_root=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
if [ -f "$owl2_root/meson.build" ] || [ -n "${OWL2_BUILD-}" ]; then
  owl2_build=${OWL2_BUILD:-$owl2_root/build}
  if [ ! -f "$owl2_build/gst-owl2/libgstowl2.so" ] ||
      [ ! -x "$owl2_build/tools/owl2-run" ]; then
    sh "$owl2_root/tools/build.sh" "$owl2_build" || exit 1
  fi
  owl2_build=$(CDPATH= cd -- "$owl2_build" && pwd)
  GST_PLUGIN_PATH=$owl2_build/gst-owl2${GST_PLUGIN_PATH:+:$GST_PLUGIN_PATH}
  PATH=$owl2_build/tools:$owl2_build/tools/convert:$owl2_build/tools/eval:$owl2_build/tools/live:$PATH
  export GST_PLUGIN_PATH PATH
fi
owl2_eval=$(command -v owl2-eval || :)
# Photographs say in EXIF which way up they are; decodebin looks there only if
# the parser goes before the decoder.
GST_PLUGIN_FEATURE_RANK=${GST_PLUGIN_FEATURE_RANK:+$GST_PLUGIN_FEATURE_RANK,}jpegparse:257
export GST_PLUGIN_FEATURE_RANK

# The first line "# usage: ..." of the script, where arguments are missing.
owl2_usage () {
  sed -n 's/^# usage: /usage: /p' "$0" >&2
  exit 2
}
