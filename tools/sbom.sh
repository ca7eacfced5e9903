#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Puts a bill of materials, owl2.spdx, into the folder that `meson dist` makes an
# archive of: every file with its checksum and licence. Without `reuse` there is
# no archive. Its date is that of the commit (or SOURCE_DATE_EPOCH) and its name
# follows from what it says, so that the same sources give the same archive.
set -eu
cd "$MESON_DIST_ROOT"
command -v reuse >/dev/null || { echo 'owl2: reuse is not installed' >&2; exit 1; }
when=${SOURCE_DATE_EPOCH:-$(git -C "$MESON_SOURCE_ROOT" log -1 --format=%ct)}
list=$(mktemp --suffix=.spdx)
trap 'rm -f "$list"' EXIT
reuse spdx --output "$list"
date=$(date -u -d "@$when" +%Y-%m-%dT%H:%M:%SZ)
sum=$(sed '/^DocumentNamespace: /d; /^Created: /d' "$list" | sha256sum)
sed -e "s|^\(DocumentNamespace: .*/spdx-v[0-9.]*-\).*|\1${sum%% *}|" \
  -e "s|^Created: .*|Created: $date|" "$list" >owl2.spdx
# The archive keeps the times of files, which links have from being unpacked.
find . -type l -exec touch -h -d "@$when" {} +
touch -d "@$when" owl2.spdx .
