#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Installs what is missing and builds into FOLDER (default: build).
#
# usage: tools/build.sh [FOLDER]
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
folder=${1:-$root/build}

sh "$root/tools/setup.sh"
if [ ! -f "$folder/build.ninja" ]; then
  echo "owl2: configuring $folder"
  meson setup "$folder" "$root" --buildtype=release -Dtests=false >/dev/null
fi
echo "owl2: building $folder"
ninja -C "$folder" | tail -n 1
