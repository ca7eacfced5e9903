#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Puts a bill of materials, owl2.spdx, into the folder that `meson dist` makes an
# archive of: every file with its checksum and licence. Without `reuse` there is
# no archive.
set -eu
cd "$MESON_DIST_ROOT"
command -v reuse >/dev/null || { echo 'owl2: reuse is not installed' >&2; exit 1; }
reuse spdx --output owl2.spdx
