#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Installs what is missing and builds into FOLDER (default: build).
#
# usage: tools/build.sh [FOLDER]
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
folder=${1:-$root/build}

sh "$root/tools/setup.sh"
mkdir -p "$folder"
log=$folder/build.log

# Quiet, unless it fails.
run () {
  "$@" >"$log" 2>&1 || { tail -n 40 "$log" >&2; exit 1; }
}

if [ ! -f "$folder/build.ninja" ]; then
  echo "owl2: configuring $folder"
  run meson setup "$folder" "$root" --buildtype=release -Dtests=false
fi
echo "owl2: building $folder"
run ninja -C "$folder"
tail -n 1 "$log"
