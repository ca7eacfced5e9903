#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Makes what lies in this folder anew: SPIR-V of the shaders that the glslc of
# Debian 12 can't compile, by that of Debian 13, in the root of
# tests/debian13.sh. To be run after a change of their sources; the test
# kept-spirv says when.
#
# usage: sh shaders/spirv/make.sh [DIR of tests/debian13.sh]
set -eu
cd "$(dirname "$0")/../.."
dir=${1-build-tests/debian13}
sh tests/debian13.sh "$dir" --run sh -c '
  [ -f /build/spirv/build.ninja ] || meson setup /build/spirv -Dtests=false
  ninja -C /build/spirv kept-spirv
  glslc --version | grep . >/build/spirv/shaders/glslc.txt'
for kept in matmul_matrix; do
  cp "$dir"/root/build/spirv/shaders/${kept}_*.spv shaders/spirv
done
cp "$dir"/root/build/spirv/shaders/glslc.txt shaders/spirv
sh shaders/spirv/sources.sh >shaders/spirv/sources.txt
git status --short shaders/spirv
