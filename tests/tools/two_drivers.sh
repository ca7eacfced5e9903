#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Of two drivers for the CPU the faster one is taken, in whichever order the
# loader has them, and the other where it is asked for.
#
# usage: two_drivers.sh OWL2_BENCH SWIFTSHADER_ICD
set -u
bench=$1 other=$2
passed=0 failed=0
lvp=$(find /usr/share/vulkan/icd.d /usr/local/share/vulkan/icd.d /etc/vulkan/icd.d \
  -name 'lvp_icd*.json' 2>/dev/null | head -n 1)
[ -n "$lvp" ] || { echo 'FAIL: there is no llvmpipe'; exit 1; }

# The device taken, from what a kernel's time says: WANTED [option...]
takes () {
  wanted=$1
  shift
  got=$("$bench" --json --kernel argmax --shape 1x1x32 "$@" 2>&1)
  if echo "$got" | grep -q "\"device\": \"$wanted" &&
      echo "$got" | grep -q "warning: using $wanted.*on the CPU"; then
    passed=$((passed + 1))
  else
    echo "FAIL $VK_DRIVER_FILES $*: not $wanted but: $got"
    failed=$((failed + 1))
  fi
}

for order in "$lvp:$other" "$other:$lvp"; do
  export VK_DRIVER_FILES="$order" VK_ICD_FILENAMES="$order"
  list=$("$bench" --list-devices)
  uuid=$(echo "$list" | sed -n 's/.*SwiftShader.*UUID \([0-9a-f-]*\).*/\1/p')
  index=$(echo "$list" | sed -n 's/^\([0-9]*\): SwiftShader.*/\1/p')
  [ "$(echo "$list" | wc -l)" -eq 2 ] && [ ${#uuid} -eq 36 ] ||
    { echo "FAIL $order: $list"; failed=$((failed + 1)); }
  takes llvmpipe
  takes SwiftShader --device "$uuid"
  takes SwiftShader --device "$(echo "$uuid" | tr -d -)"
  takes SwiftShader --device "$index"
  takes SwiftShader --device swiftSHADER
  takes llvmpipe --device llvm
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
