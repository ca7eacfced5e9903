#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The same sources give the same plugin and programs, byte for byte, from
# folders of other names and depths, and of sources of other days.
#
# usage: same_bytes.sh SOURCE_ROOT CC
set -eu
export CC="$2"
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
# Copies of the sources: one built inside itself, the other from elsewhere.
source="$temp/of several words/source" other=$temp/o
for copy in "$source" "$other"; do
  mkdir -p "$copy"
  (cd "$1" && tar -c --exclude='./build*' --exclude='./.git' \
    --exclude='./demo' .) | tar -x -C "$copy"
done
one=$source/build/it two=$temp/b
# And of another day.
find "$other" -exec touch -h -d 2001-02-03 {} +
# What is cached must not stand in for what would be built.
export CCACHE_DISABLE=1
meson setup "$one" "$source" -Dtests=false >"$temp/log" 2>&1 &&
  meson setup "$two" "$other" -Dtests=false >>"$temp/log" 2>&1 &&
  ninja -C "$one" >>"$temp/log" 2>&1 &&
  ninja -C "$two" >>"$temp/log" 2>&1 || {
  tail -n 30 "$temp/log"
  exit 1
}
n=0 failed=0
for file in gst-owl2/libgstowl2.so tools/owl2-ask tools/owl2-trace \
    tools/owl2-bench tools/owl2-run tools/convert/owl2-convert \
    tools/eval/owl2-eval tools/live/owl2-live; do
  if [ ! -f "$one/$file" ] && [ ! -f "$two/$file" ]; then
    continue
  fi
  n=$((n + 1))
  cmp "$one/$file" "$two/$file" || failed=$((failed + 1))
done
[ $n -gt 0 ] || { echo 'FAIL: nothing was built'; exit 1; }
echo "$((n - failed)) passed, $failed failed"
[ $failed -eq 0 ]
