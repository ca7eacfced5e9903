# SPDX-License-Identifier: LGPL-2.1-or-later
# Sourced by what runs in Debian roots of its own, which debootstrap makes from
# the mirror that apt has here, as root on any Debian. What is mounted and started
# is gone when the script ends, however it ends.
#
# Variables: $dir, the folder for roots and logs; $root, the root at hand;
# $root_env, words VARIABLE=VALUE for what runs in it.

# ---- outside: what ends with the script -------------------------------------

# Runs the script anew as "$0 --inside DIR ARGS.." where mounts and processes are
# its own, and ends with its status: DIR [ARGS..]. The script has to have
# changed to the tree's folder, and be named from there.
roots_enter () {
  if [ "$(id -u)" -ne 0 ]; then
    echo 'owl2: a root is made by root' >&2
    exit 2
  fi
  mkdir -p "$1"
  dir=$(cd "$1" && pwd)
  shift
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
    --fork --kill-child sh "tests/$(basename "$0")" --inside "$dir" "$@" \
    <&8 8<&- &
  inside=$!
  trap 'kill -KILL $inside 2>/dev/null || true; wait; exit 130' INT TERM HUP
  status=0
  wait $inside || status=$?
  exit $status
}

# ---- inside: the root, and what runs in it ----------------------------------

keyring=/usr/share/keyrings/debian-archive-keyring.gpg
root_env=

# COMMAND.., whose output is shown if it fails
quietly () {
  if ! "$@" >"$dir/log.txt" 2>&1 </dev/null; then
    tail -n 20 "$dir/log.txt" >&2
    echo "owl2: failed: $*" >&2
    exit 1
  fi
}

# Makes $root: the name of the release [other suites of its apt..]
make_root () {
  if ! command -v debootstrap >/dev/null || [ ! -f $keyring ]; then
    quietly apt-get update
    quietly apt-get install -y -q --no-install-recommends debootstrap \
      debian-archive-keyring
  fi
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Identifier: Packages' \
    'Label: Debian' | head -n 1)
  mirror=${mirror:-http://deb.debian.org/debian}
  echo "owl2: making a root with $1 in $root"
  rm -rf "$root.part"
  quietly debootstrap --variant=minbase --include=ca-certificates \
    --keyring=$keyring "$1" "$root.part" "$mirror"
  for suite; do
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

# Makes $root ready to run in: with an empty /tmp, and the tree, read-only, in
# /owl2.
mount_root () {
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
}

# In $root, with an environment of its own: COMMAND..
in_root () {
  env -i HOME=/root LC_ALL=C.UTF-8 TERM="${TERM:-dumb}" \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    OWL2_BUILDS=/build ${http_proxy:+http_proxy="$http_proxy"} \
    ${https_proxy:+https_proxy="$https_proxy"} \
    ${OPENBLAS_CORETYPE:+OPENBLAS_CORETYPE="$OPENBLAS_CORETYPE"} \
    ${OPENBLAS_L2_SIZE:+OPENBLAS_L2_SIZE="$OPENBLAS_L2_SIZE"} $root_env \
    chroot "$root" sh -c 'cd /owl2 && exec "$@"' sh "$@"
}
