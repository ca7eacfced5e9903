#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Puts a bill of materials, owl2.spdx, into the folder that `meson dist` makes an
# archive of: every file with its checksum and licence. Without `reuse` there is
# no archive.
set -eu
cd "$MESON_DIST_ROOT"
command -v reuse >/dev/null || { echo 'owl2: reuse is not installed' >&2; exit 1; }
made=$(mktemp) # elsewhere: it is none of the files
trap 'rm -f "$made"' EXIT
reuse spdx >"$made"
# The time of the commit, which all files have here, not that of the build.
sed "s/^Created: .*/Created: $(date -u -r meson.build +%Y-%m-%dT%H:%M:%SZ)/" \
  "$made" >owl2.spdx
