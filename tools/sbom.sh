#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Puts a bill of materials, owl2.spdx, into the folder that `meson dist` makes an
# archive of: every file with its checksum and licence. Without `reuse` there is
# no archive.
set -eu
cd "$MESON_DIST_ROOT"
command -v reuse >/dev/null || { echo 'owl2: reuse is not installed' >&2; exit 1; }
# The time of the newest file, not that of the build.
reuse spdx | sed "s/^Created: .*/Created: $(date -u -r meson.build +%Y-%m-%dT%H:%M:%SZ)/" \
  >owl2.spdx.new
mv owl2.spdx.new owl2.spdx
