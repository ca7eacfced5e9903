#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Installs what building (and, with "demo", "test" or "long", the demo, the tests or
# also those of a browser) needs, from the packages of Debian 12 or 13. Does nothing
# where all of it is there.
#
# usage: tools/setup.sh [demo|test|long]
set -eu

build='gcc libc6-dev meson ninja-build pkg-config glslc libvulkan-dev
  libglib2.0-dev libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev
  libjansson-dev libpng-dev libsoup-3.0-dev zlib1g-dev
  mesa-vulkan-drivers gstreamer1.0-tools gstreamer1.0-plugins-base
  gstreamer1.0-plugins-good gstreamer1.0-plugins-bad
  libgstreamer-plugins-bad1.0-dev libxkbcommon-dev libxkbcommon-x11-dev
  gstreamer1.0-libav gstreamer1.0-x fonts-dejavu-core'
demo='python3 python3-numpy python3-cairo python3-pil python3-gi
  gir1.2-gstreamer-1.0 gir1.2-gst-plugins-base-1.0'
test='reuse g++ binutils strace clang gjs vulkan-validationlayers python3-sentencepiece
  gstreamer1.0-plugins-ugly gstreamer1.0-nice gir1.2-gst-rtsp-server-1.0
  gir1.2-gst-plugins-bad-1.0 fonts-liberation
  fonts-freefont-ttf mate-backgrounds forensics-samples-files
  parallel slurm-wlm munge graphviz git git-lfs mosquitto mosquitto-clients
  groff-base mandoc zsh fish'
long=chromium

wanted=$build
case ${1-} in
  demo) wanted="$wanted $demo" ;;
  test) wanted="$wanted $demo $test" ;;
  long) wanted="$wanted $demo $test $long" ;;
esac

if ! command -v apt-get >/dev/null; then
  echo 'owl2: no apt-get here; what the build does not find is to be installed' \
    'by hand' >&2
  exit 0
fi

installed () {
  dpkg-query -W -f='${Status}\n' "$1" 2>/dev/null | grep -q 'ok installed'
}

# Those of $wanted that are missing. The runtimes of clang's sanitizers and
# fuzzer are a package of their own, named by clang's version.
find_missing () {
  missing=
  case ${1-} in
    test | long)
      runtime=$(apt-cache depends clang 2>/dev/null |
        sed -n 's/.*Depends: clang-\([0-9]*\)$/libclang-rt-\1-dev/p' | head -n 1)
      ;;
  esac
  for package in $wanted ${runtime-}; do
    installed "$package" || missing="$missing $package"
  done
}

find_missing "$@"
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" -ne 0 ]; then
  as_root=sudo
  if ! command -v sudo >/dev/null; then
    echo "owl2: to be installed by root:$missing" >&2
    exit 1
  fi
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
# Runs apt-get, waiting for another one to end; quiet unless it fails.
apt () {
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get -y -q \
    -o DPkg::Lock::Timeout=600 "$@" >"$log" 2>&1 </dev/null
}

# A list that cannot be fetched may be one that is not needed.
echo 'owl2: reading the package lists'
apt update || tail -n 5 "$log" >&2
find_missing "$@"
echo "owl2: installing$missing"
if ! apt install --no-install-recommends $missing; then
  tail -n 20 "$log" >&2
  echo "owl2: could not install$missing" >&2
  exit 1
fi
