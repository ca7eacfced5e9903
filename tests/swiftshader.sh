#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Puts SwiftShader, a second Vulkan driver for the CPU, into FOLDER and prints
# the path of its ICD file. It is taken from Debian's chromium package, which is
# unpacked, not installed. Exits with 77 where there is no such package.
#
# usage: tests/swiftshader.sh FOLDER
set -eu

folder=$1
icd=$folder/vk_swiftshader_icd.json
if [ ! -f "$icd" ]; then
  mkdir -p "$folder"
  temp=$(mktemp -d)
  trap 'rm -rf "$temp"' EXIT
  if ! (cd "$temp" && apt-get download -qq chromium >log 2>&1); then
    grep '^E:' "$temp/log" >&2 || true
    exit 77
  fi
  dpkg -x "$temp"/chromium_*.deb "$temp"
  lib=$(find "$temp/usr" -name libvk_swiftshader.so | head -n 1)
  [ -n "$lib" ] || exit 77
  cp "$lib" "$folder/"
  cp "$(dirname "$lib")/vk_swiftshader_icd.json" "$icd"
fi
echo "$icd"
