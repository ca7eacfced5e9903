#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Prints sums of what the SPIR-V of this folder is made of: of owl2_pc.h the part
# that is about products.
set -eu
cd "$(dirname "$0")/.."
sha256sum matmul_matrix.comp include/owl2.glsl include/act.glsl \
  include/matmul.glsl include/weight.glsl include/weight_f16.glsl \
  include/weight_q8_0.glsl include/weight_q4_k.glsl
sed -n '/^\/\* matmul_\*\.comp \*\//,/^};/p' include/owl2_pc.h | sha256sum
