#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Builds and tests on Debian 13, as root on any Debian: in a root of its own that
# debootstrap makes once, from the mirror that apt has here. The tree is read
# there, never written to. What it mounts and starts is gone when it ends, however
# it ends. The exit status is that of the tests.
#
# usage: sh tests/debian13.sh [--mesa-backport] [DIR] [MESON TEST ARGS..]
#        sh tests/debian13.sh [--mesa-backport] DIR --all
#        sh tests/debian13.sh [--mesa-backport] DIR --run COMMAND..
#   --mesa-backport: with the Vulkan drivers of trixie-backports, which are
#     unpacked beside Debian 13's own
#   DIR: for the root, its builds and logs; default build-tests/debian13
#   MESON TEST ARGS: "meson test" with these; default: tests/run.sh quick
#   --all: tests/run.sh with all its builds
#   --run: a command in the root, in the tree's folder
set -eu
cd "$(dirname "$0")/.."

. tests/roots.sh

if [ "${1-}" != --inside ]; then
  backport=
  if [ "${1-}" = --mesa-backport ]; then
    backport=yes
    shift
  fi
  where=build-tests/debian13
  case ${1--} in
    -*) ;;
    *)
      where=$1
      shift
      ;;
  esac
  roots_enter "$where" "$backport" "$@"
fi

dir=$2 backport=$3
shift 3
root=$dir/root

# The drivers of trixie-backports and what they need that Debian 13 has not.
unpack_mesa () {
  [ ! -d "$root/opt/mesa" ] || return 0
  echo 'owl2: unpacking the Vulkan drivers of trixie-backports'
  quietly in_root apt-get update
  rm -rf "$root/opt/mesa.part"
  mkdir -p "$root/opt/mesa.part/debs/partial"
  quietly in_root apt-get install -y -q --no-install-recommends \
    --download-only -o Dir::Cache::archives=/opt/mesa.part/debs \
    -t trixie-backports mesa-vulkan-drivers
  for deb in "$root"/opt/mesa.part/debs/*.deb; do
    quietly dpkg -x "$deb" "$root/opt/mesa.part"
  done
  rm -r "$root/opt/mesa.part/debs"
  mv "$root/opt/mesa.part" "$root/opt/mesa"
}

[ -d "$root" ] || make_root trixie trixie-backports
mount_root

in_root sh tools/setup.sh test
in_root dpkg-query -W -f '${source:Package} ${Version}\n' base-files gcc clang \
  glslc libgstreamer1.0-0 mesa-vulkan-drivers vulkan-validationlayers
if [ -n "$backport" ]; then
  unpack_mesa
  lib=$(cd "$root" && find opt/mesa -name libvulkan_lvp.so)
  icd=$(cd "$root" && find opt/mesa -name 'lvp_icd*.json')
  root_env="VK_DRIVER_FILES=/$icd LD_LIBRARY_PATH=/${lib%/*}"
  echo "with the drivers of $(basename "$root"/${lib%/*}/libgallium-*.so .so)"
fi

case ${1-} in
  --run)
    shift
    in_root "$@"
    ;;
  --all) in_root sh tests/run.sh ;;
  '') in_root sh tests/run.sh quick ;;
  *)
    in_root sh -c '[ -f /build/gcc/build.ninja ] ||
        meson setup /build/gcc --fatal-meson-warnings -Dwerror=true &&
      ninja -C /build/gcc all meson-test-prereq &&
      exec meson test -C /build/gcc --no-rebuild -t 3 --print-errorlogs "$@"' \
      sh "$@"
    ;;
esac
