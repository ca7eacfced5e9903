#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Only the plugin's entry points leave the plugin.
#
# usage: exports.sh libgstowl2.so
found=$(nm -D --defined-only "$1" | awk '$2 != "V" && $2 != "W" {print $3}' |
  grep -vE '^gst_plugin_owl2_(get_desc|register)$')
if [ -n "$found" ]; then
  echo "FAIL: $1 exports:" $found
  exit 1
fi
nm -D --defined-only "$1" | grep -q gst_plugin_owl2_get_desc ||
  { echo "FAIL: $1 has no gst_plugin_owl2_get_desc"; exit 1; }
echo '1 passed, 0 failed'
