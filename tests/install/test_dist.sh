#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# `meson dist` makes an archive of all that git has, with a bill of materials,
# twice the same bytes; what is unpacked builds, installs and is uninstalled.
#
# usage: test_dist.sh SOURCE_ROOT BUILD
set -eu
source=$1 build=$2
if ! git -C "$source" rev-parse --git-dir >/dev/null 2>&1; then
  echo 'this is no git checkout'
  exit 77
fi
if ! command -v reuse >/dev/null; then
  echo 'there is no reuse: tools/setup.sh test installs it'
  exit 77
fi
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT

# Says what went wrong: COMMAND..
run () {
  if ! "$@" >"$temp/log" 2>&1; then
    tail -n 30 "$temp/log"
    echo "FAIL: $*"
    exit 1
  fi
}

# A clone and a build of its own, so that a tree with changes is no matter.
run git clone -q "$source" "$temp/clone"
run meson setup -Dtests=false "$temp/clone/build" "$temp/clone"
for go in one two; do
  run meson dist -C "$temp/clone/build" --no-tests --formats xztar
  mkdir "$temp/$go"
  mv "$temp"/clone/build/meson-dist/*.tar.xz "$temp/$go"
  sleep 1.1
done
archive=$(basename "$temp"/one/*.tar.xz)
cmp "$temp/one/$archive" "$temp/two/$archive"

tar -C "$temp" -xf "$temp/one/$archive"
tree=$temp/${archive%.tar.xz}
[ "$(git -C "$source" ls-files | wc -l)" -gt 100 ]
git -C "$temp/clone" ls-files -z | (cd "$tree" && xargs -0 ls -d >/dev/null)
n=$(grep -c '^FileName: ' "$tree/owl2.spdx")
[ "$n" -gt 500 ] || { echo "FAIL: $n files in owl2.spdx"; exit 1; }
run meson setup "$temp/b" "$tree" -Dtests=false
run ninja -C "$temp/b"
DESTDIR=$temp/root run meson install -C "$temp/b" --no-rebuild
GST_PLUGIN_PATH=$(dirname "$(find "$temp/root" -name libgstowl2.so)")
export GST_PLUGIN_PATH GST_REGISTRY="$temp/registry"
run gst-launch-1.0 -m videotestsrc num-buffers=1 ! owl2 ! fakesink
grep -q 'owl2-answer, ' "$temp/log" || { echo 'FAIL: no answer'; exit 1; }
run ninja -C "$temp/b" uninstall
left=$(find "$temp" -path "$temp/root/*owl2*")
[ -z "$left" ] || { echo "FAIL: left behind: $left"; exit 1; }
echo 'passed'
