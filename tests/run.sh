#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Installs what is missing, builds, and runs all tests.
#
# usage: sh tests/run.sh [quick]
#   quick: one build with gcc, its tests on the default Vulkan device
set -eu
cd "$(dirname "$0")/.."
quick=${1-}
builds=${OWL2_BUILDS:-build-tests}
logs=$builds/logs

say () {
  printf '\n== %s\n' "$*"
}

sh tools/setup.sh test
mkdir -p "$logs"
total_passed=0 total_failed=0 total_skipped=0

# One Meson build: NAME CC [meson options]
build () {
  name=$1 compiler=$2
  shift 2
  if [ ! -f "$builds/$name/build.ninja" ]; then
    CC=$compiler meson setup "$builds/$name" --fatal-meson-warnings \
      -Dwerror=true "$@" >"$logs/$name-setup.log" 2>&1 ||
      { cat "$logs/$name-setup.log"; exit 1; }
  fi
  ninja -C "$builds/$name" >"$logs/$name-build.log" 2>&1 ||
    { grep -E 'error|warning|FAILED' -A6 "$logs/$name-build.log"; exit 1; }
}

# Runs a build's tests: NAME LABEL [meson test options]; adds to the totals.
run_tests () {
  name=$1 label=$2
  shift 2
  log=$logs/$label.txt
  status=0
  meson test -C "$builds/$name" --no-rebuild --logbase "$label" \
    --print-errorlogs "$@" >"$log" 2>&1 || status=$?
  grep -E '^ *[0-9]+/[0-9]+ ' "$log" || true
  [ $status -eq 0 ] || sed -n '/Summary of Failures/,$p;/stderr:/,/^$/p' "$log"
  passed=$(sed -n 's/^Ok: *\([0-9]*\).*/\1/p' "$log")
  failed=$(sed -n 's/^\(Fail\|Unexpected Pass\|Timeout\): *\([0-9]*\).*/\2/p' "$log" |
    paste -sd+ - | sed 's/^$/0/')
  skipped=$(sed -n 's/^Skipped: *\([0-9]*\).*/\1/p' "$log")
  total_passed=$((total_passed + ${passed:-0}))
  total_failed=$((total_failed + ${failed:-0}))
  total_skipped=$((total_skipped + ${skipped:-0}))
  if [ $status -ne 0 ] && [ "$((${failed:-0}))" -eq 0 ]; then
    cat "$log"
    total_failed=$((total_failed + 1))
  fi
  # A validation layer's message fails the run, whatever the test said.
  if grep -lE 'VUID-|SYNC-HAZARD|UNASSIGNED-|Validation Error' \
      "$builds/$name/meson-logs/$label".txt; then
    grep -hE -m 5 'VUID-|SYNC-HAZARD|UNASSIGNED-|Validation Error' \
      "$builds/$name/meson-logs/$label".txt
    total_failed=$((total_failed + 1))
  fi
}

finish () {
  say 'result'
  echo "$total_passed passed, $total_failed failed, $total_skipped skipped"
  [ $total_failed -eq 0 ] && [ $total_passed -gt 0 ]
}

say 'gcc: all tests on the default device'
build gcc gcc
run_tests gcc gcc
[ "$quick" = quick ] && { finish; exit; }

say 'Khronos validation layers (core, synchronization, best practices)'
# Debian's layer splits this list at colons; at commas it enables nothing.
export VK_INSTANCE_LAYERS=VK_LAYER_KHRONOS_validation
export VK_LAYER_ENABLES=VK_VALIDATION_FEATURE_ENABLE_SYNCHRONIZATION_VALIDATION_EXT:VK_VALIDATION_FEATURE_ENABLE_BEST_PRACTICES_EXT
run_tests gcc validation --suite gpu
unset VK_INSTANCE_LAYERS VK_LAYER_ENABLES

if icd=$(sh tests/swiftshader.sh "$PWD/$builds/swiftshader"); then
  say 'SwiftShader: subgroups of 4, no f16, no 16-bit storage'
  export VK_DRIVER_FILES="$icd" VK_ICD_FILENAMES="$icd"
  run_tests gcc swiftshader --suite gpu
  unset VK_DRIVER_FILES VK_ICD_FILENAMES
else
  echo 'SwiftShader: no chromium package here, left out'
fi

say 'clang with AddressSanitizer and UndefinedBehaviorSanitizer'
build asan clang -Db_sanitize=address,undefined -Db_lundef=false
# Meson's wrapper for the tests sets what each needs; drivers keep memory until
# the process ends, which tests/lsan.supp names.
export LSAN_OPTIONS="suppressions=$PWD/tests/lsan.supp:print_suppressions=0"
export ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
run_tests asan asan --suite host --suite gpu
unset LSAN_OPTIONS ASAN_OPTIONS UBSAN_OPTIONS

say 'clang with ThreadSanitizer: the worker'
build tsan clang -Db_sanitize=thread -Db_lundef=false
TSAN_OPTIONS="suppressions=$PWD/tests/tsan.supp:halt_on_error=1" \
  run_tests tsan tsan --suite threads

say 'clang: fuzzing what reads files, a minute in all'
build fuzz clang -Dfuzz=true -Db_lundef=false
if sh tests/fuzz/run.sh "$builds/fuzz"; then
  total_passed=$((total_passed + 1))
else
  total_failed=$((total_failed + 1))
fi
finish
