#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Puts SwiftShader, a second Vulkan driver for the CPU, into FOLDER and prints
# the path of its ICD file. It is taken from Debian's chromium-common package (in
# other versions chromium), which is unpacked, not installed. Exits with 77 where
# no package has it.
#
# usage: tests/swiftshader.sh FOLDER
set -eu

folder=$1
icd=$folder/vk_swiftshader_icd.json

# Downloads PACKAGE into the current folder; once more with a fresh list, since
# an old one may name a version that is gone.
download () {
  apt-get download -qq "$1" >log 2>&1 && return
  if [ "$(id -u)" -eq 0 ]; then
    apt-get update -qq >log 2>&1 || return 1
  else
    sudo -n apt-get update -qq >log 2>&1 || return 1
  fi
  apt-get download -qq "$1" >log 2>&1
}

if [ ! -f "$icd" ]; then
  mkdir -p "$folder"
  temp=$(mktemp -d)
  trap 'rm -rf "$temp"' EXIT
  for package in chromium-common chromium; do
    (cd "$temp" && download $package) || continue
    dpkg -x "$temp/$package"_*.deb "$temp"
    lib=$(find "$temp" -name libvk_swiftshader.so | head -n 1)
    [ -z "$lib" ] || break
  done
  if [ -z "${lib-}" ]; then
    grep -h '^E:' "$temp/log" >&2 || true
    exit 77
  fi
  cp "$lib" "$folder/"
  cp "$(dirname "$lib")/vk_swiftshader_icd.json" "$icd"
fi
echo "$icd"
