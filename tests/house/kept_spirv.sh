#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The SPIR-V that is kept in the tree is what its sources give, to the byte. That
# is said of the compiler that made it alone: another version may order things
# otherwise. With every other its sources are at least those that it was made of.
#
# usage: kept_spirv.sh GLSLC KEPT_FOLDER [MADE.spv...]
set -u
glslc=$1 kept=$2
shift 2
if ! sh "$kept/sources.sh" | diff "$kept/sources.txt" -; then
  echo 'FAIL: the sources are others; run shaders/spirv/make.sh, or where the' \
    'code is the same only sources.sh'
  exit 1
fi
if [ $# -eq 0 ]; then
  echo 'SKIP: this glslc does not know GL_KHR_cooperative_matrix'
  exit 77
fi
if ! "$glslc" --version | grep . | cmp -s - "$kept/glslc.txt"; then
  echo "SKIP: what is kept was made by another glslc: $(head -n 1 "$kept/glslc.txt")"
  exit 77
fi
status=0 n=0
for made in "$@"; do
  if cmp "$made" "$kept/${made##*/}"; then
    n=$((n + 1))
  else
    echo "FAIL ${made##*/}: run shaders/spirv/make.sh"
    status=1
  fi
done
for file in "$kept"/*.spv; do
  case " $* " in
    *"/${file##*/} "*) ;;
    *)
      echo "FAIL ${file##*/} is kept, but no shader"
      status=1
      ;;
  esac
done
echo "$n are equal"
exit $status
