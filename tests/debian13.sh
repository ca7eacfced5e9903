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

# ---- outside: what ends with this script ------------------------------------

if [ "${1-}" != --inside ]; then
  if [ "$(id -u)" -ne 0 ]; then
    echo 'owl2: a root is made by root' >&2
    exit 2
  fi
  backport=
  if [ "${1-}" = --mesa-backport ]; then
    backport=yes
    shift
  fi
  dir=build-tests/debian13
  case ${1--} in
    -*) ;;
    *)
      dir=$1
      shift
      ;;
  esac
  mkdir -p "$dir"
  dir=$(cd "$dir" && pwd)
  exec 9>"$dir/lock"
  if ! flock -n 9; then
    echo "owl2: $dir is in use" >&2
    exit 2
  fi
  # Mounts and processes are in namespaces that end with the first process in
  # them. Signals and standard input are as if the shell had not started it
  # behind itself.
  exec 8<&0
  env --default-signal=INT,QUIT unshare --mount --propagation private --pid \
    --fork --kill-child sh tests/debian13.sh --inside "$dir" "$backport" "$@" \
    <&8 8<&- &
  inside=$!
  trap 'kill -KILL $inside 2>/dev/null || true; wait; exit 130' INT TERM HUP
  status=0
  wait $inside || status=$?
  exit $status
fi

# ---- inside: the root, and what runs in it ----------------------------------

dir=$2 backport=$3
shift 3
root=$dir/root
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# COMMAND.., whose output is shown if it fails
quietly () {
  if ! "$@" >"$dir/log.txt" 2>&1 </dev/null; then
    tail -n 20 "$dir/log.txt" >&2
    echo "owl2: failed: $*" >&2
    exit 1
  fi
}

make_root () {
  if ! command -v debootstrap >/dev/null || [ ! -f $keyring ]; then
    quietly apt-get update
    quietly apt-get install -y -q --no-install-recommends debootstrap \
      debian-archive-keyring
  fi
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Identifier: Packages' \
    'Label: Debian' | head -n 1)
  mirror=${mirror:-http://deb.debian.org/debian}
  echo "owl2: making a root with Debian 13 in $root"
  rm -rf "$root.part"
  quietly debootstrap --variant=minbase --include=ca-certificates \
    --keyring=$keyring trixie "$root.part" "$mirror"
  for suite in trixie trixie-backports; do
    echo "deb [signed-by=$keyring] $mirror $suite main"
  done >"$root.part/etc/apt/sources.list"
  # Of apt's settings here, how it reaches the mirror.
  apt-config dump | grep -E '^Acquire::(Check|https?::|.*::Proxy)' \
    >"$root.part/etc/apt/apt.conf.d/90reach" || true
  echo 'Acquire::Languages "none";' >"$root.part/etc/apt/apt.conf.d/90small"
  # What packages bring is not started, and the root is no one's only copy.
  printf '#!/bin/sh\nexit 101\n' >"$root.part/usr/sbin/policy-rc.d"
  chmod +x "$root.part/usr/sbin/policy-rc.d"
  echo force-unsafe-io >"$root.part/etc/dpkg/dpkg.cfg.d/unsafe-io"
  mkdir "$root.part/owl2" "$root.part/build"
  mv "$root.part" "$root"
}

# With an environment of its own: COMMAND..
in_root () {
  env -i HOME=/root LC_ALL=C.UTF-8 TERM="${TERM:-dumb}" \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    OWL2_BUILDS=/build ${http_proxy:+http_proxy="$http_proxy"} \
    ${https_proxy:+https_proxy="$https_proxy"} \
    ${OPENBLAS_CORETYPE:+OPENBLAS_CORETYPE="$OPENBLAS_CORETYPE"} \
    ${OPENBLAS_L2_SIZE:+OPENBLAS_L2_SIZE="$OPENBLAS_L2_SIZE"} $drivers \
    chroot "$root" sh -c 'cd /owl2 && exec "$@"' sh "$@"
}

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

drivers=
[ -d "$root" ] || make_root
rm -rf "$root/tmp"
mkdir -m 1777 "$root/tmp"
# Only what is mounted can be the / of one who mounts there.
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
mount --bind "$PWD" "$root/owl2"
mount -o remount,bind,ro "$root/owl2"
# How names are looked up is the machine's.
for file in resolv.conf hosts; do
  [ ! -f /etc/$file ] || cat /etc/$file >"$root/etc/$file"
done

in_root sh tools/setup.sh test
in_root dpkg-query -W -f '${source:Package} ${Version}\n' base-files gcc clang \
  glslc libgstreamer1.0-0 mesa-vulkan-drivers vulkan-validationlayers
if [ -n "$backport" ]; then
  unpack_mesa
  lib=$(cd "$root" && find opt/mesa -name libvulkan_lvp.so)
  icd=$(cd "$root" && find opt/mesa -name 'lvp_icd*.json')
  drivers="VK_DRIVER_FILES=/$icd LD_LIBRARY_PATH=/${lib%/*}"
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
