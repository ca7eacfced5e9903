#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Installs what building (and, with "test", testing) needs, from the packages of
# Debian 12 or 13 or Ubuntu 24.04. Does nothing where all of it is there.
#
# usage: tools/setup.sh [test]
set -eu

build='gcc libc6-dev meson ninja-build pkg-config glslc libvulkan-dev
  libglib2.0-dev libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev
  libjson-glib-dev libpng-dev zlib1g-dev
  mesa-vulkan-drivers gstreamer1.0-tools gstreamer1.0-plugins-base
  gstreamer1.0-plugins-good gstreamer1.0-libav'
test='g++ clang vulkan-validationlayers python3 python3-numpy python3-pil
  python3-sentencepiece python3-gi gir1.2-gstreamer-1.0
  gir1.2-gst-plugins-base-1.0 gstreamer1.0-plugins-bad
  forensics-samples-files'

wanted=$build
[ "${1-}" = test ] && wanted="$wanted $test"

installed () {
  dpkg-query -W -f='${Status}\n' "$1" 2>/dev/null | grep -q 'ok installed'
}

missing=
for package in $wanted; do
  installed "$package" || missing="$missing $package"
done
# clang's sanitizer and fuzzer runtimes are a package of their own, named by
# version, where clang does not depend on it.
if [ "${1-}" = test ]; then
  runtime=$(apt-cache depends clang 2>/dev/null |
    sed -n 's/.*Depends: clang-\([0-9]*\)$/libclang-rt-\1-dev/p' | head -n 1)
  [ -z "$runtime" ] || installed "$runtime" || missing="$missing $runtime"
fi
[ -n "$missing" ] || exit 0

as_root=
[ "$(id -u)" -eq 0 ] || as_root=sudo
echo "owl2: installing$missing"
$as_root apt-get update -qq
if [ "${1-}" = test ] && [ -z "${runtime-}" ]; then
  runtime=$(apt-cache depends clang |
    sed -n 's/.*Depends: clang-\([0-9]*\)$/libclang-rt-\1-dev/p' | head -n 1)
  [ -z "$runtime" ] || missing="$missing $runtime"
fi
$as_root env DEBIAN_FRONTEND=noninteractive \
  apt-get install -y -qq --no-install-recommends $missing >/dev/null
