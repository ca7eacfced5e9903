#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Builds the Debian packages as root in roots of Debian 12 and 13 of its own (see
# roots.sh), twice and from folders of other names, which has to give the same
# bytes; asks lintian; installs them in a fresh root, where one line of
# gst-launch-1.0 has to caption a picture; runs the tests of debian/tests with
# autopkgtest; and removes the packages, of which nothing may be left.
#
# usage: sh tests/packages.sh [--built] [DIR [12 | 13]...]
#   --built: with the packages that are in DIR/packages-N
#   DIR: for the roots, packages (DIR/packages-N) and logs; default
#     build-tests/packages
set -eu
cd "$(dirname "$0")/.."
. tests/roots.sh

if [ "${1-}" != --inside ]; then
  built=
  if [ "${1-}" = --built ]; then
    built=yes
    shift
  fi
  where=${1:-build-tests/packages}
  [ $# -eq 0 ] || shift
  roots_enter "$where" "$built" "$@"
fi

dir=$2 built=$3
shift 3
[ $# -gt 0 ] || set -- 12 13
failed=0
source=$dir/source
apt='apt-get install -y -q -o Dpkg::Use-Pty=0'

fail () {
  echo "FAIL Debian $n: $*"
  failed=$((failed + 1))
}

# What git has or would take, of this moment.
take_source () {
  rm -rf "$source"
  mkdir "$source"
  if [ -e .git ]; then
    git -c safe.directory='*' ls-files -z --cached --others --exclude-standard
  else
    find . -type f -not -path './build*' -print0
  fi | tar --null -T - --ignore-failed-read -c | tar -x -C "$source"
}

# Makes $root anew, of the release's base: FOLDER
fresh_root () {
  root=$dir/base-$n
  [ -d "$root" ] || make_root "$release"
  root=$dir/$1
  rm -rf --one-file-system "$root"
  cp -a "$dir/base-$n" "$root"
  mount_root
  quietly in_root apt-get update
}

# In the root at hand: FOLDER KIND, where KIND is binary or full
build () {
  rm -rf "$root/$1"
  mkdir -p "$root/$1"
  cp -a "$source" "$root/$1/owl2"
  quietly in_root sh -c 'cd "$1/owl2" && exec dpkg-buildpackage -us -uc \
    --build="$2" --no-check-builddeps' sh "/$1" "$2"
}

# Into DIR/packages-N
build_packages () {
  fresh_root "build-$n"
  # shellcheck disable=SC2086
  quietly in_root $apt --no-install-recommends build-essential lintian
  cp -a "$source" "$root/build/owl2"
  # shellcheck disable=SC2086
  quietly in_root sh -c "cd /build/owl2 && exec apt-get build-dep -y -q ./"
  echo "Debian $n: building"
  build one full
  in_root sh -c 'cd /one && lintian --allow-root --fail-on error,warning \
    *.changes' || fail lintian
  echo "Debian $n: building again, elsewhere"
  build 'build/another' binary
  for deb in "$root"/one/*.deb; do
    cmp "$deb" "$root/build/another/${deb##*/}" ||
      fail "other bytes from another folder: ${deb##*/}"
  done
  rm -rf "$packages"
  mkdir "$packages"
  cp "$root"/one/*.deb "$packages"
}

# The plugin's package alone, and a line as anybody would write it.
caption () {
  cp "$packages"/gstreamer1.0-owl2_*.deb "$root/build"
  # shellcheck disable=SC2086
  quietly in_root sh -c "cd /build && exec $apt ./gstreamer1.0-owl2*.deb"
  cp tests/install/circle.png "$root/build"
  in_root gst-launch-1.0 -m filesrc location=/build/circle.png ! decodebin ! \
    videoconvert ! owl2 ! fakesink >"$dir/caption-$n.txt" || fail "gst-launch-1.0 ended"
  echo "Debian $n: $(in_root gst-launch-1.0 --version | head -n 1)"
  text=$(sed -n 's/.*owl2-answer, .* text=(string)\("[^"]*"\).*/\1/p' \
    "$dir/caption-$n.txt" | tr -d '\\')
  echo "Debian $n: the caption is $text"
  case $text in
    *'red circle'*) ;;
    *) fail "'$text' of a red circle" ;;
  esac
}

# The tests of the packages, and what is left without them.
test_installed () {
  before=$(find "$root/usr" "$root/etc" -name '*owl2*' -not -name '*.deb' |
    wc -l)
  [ "$before" -gt 0 ] || fail 'nothing is installed'
  cp "$packages"/*.deb "$root/build"
  cp -a "$source" "$root/build/owl2"
  # shellcheck disable=SC2086
  quietly in_root $apt --no-install-recommends autopkgtest
  quietly in_root sh -c "cd /build && exec $apt ./*.deb"
  in_root sh -c 'cd /build && exec autopkgtest -B ./*.deb ./owl2/ -- null' \
    >"$dir/autopkgtest-$n.txt" 2>&1 || fail "autopkgtest: $dir/autopkgtest-$n.txt"
  grep -E '^(caption|programs) +(PASS|FAIL)' "$dir/autopkgtest-$n.txt" |
    sort -u | grep . ||
    fail 'autopkgtest ran nothing'
  quietly in_root apt-get purge -y -q gstreamer1.0-owl2 owl2-tools owl2-doc
  left=$(find "$root/usr" "$root/etc" "$root/var/lib/dpkg" -name '*owl2*')
  [ -z "$left" ] || fail "left behind: $left"
}

take_source
for n; do
  case $n in
    12) release=bookworm ;;
    13) release=trixie ;;
    *)
      echo "owl2: there is no Debian '$n' here" >&2
      exit 2
      ;;
  esac
  packages=$dir/packages-$n
  [ -n "$built" ] || build_packages
  fresh_root "fresh-$n"
  caption
  test_installed
done
rm -rf "$source"
[ $failed -eq 0 ]
