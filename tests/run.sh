#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Installs what is missing, builds, and runs the tests. The last line is
# "N passed, N failed, N skipped"; the exit status is 0 if none failed.
#
# usage: sh tests/run.sh [quick | long]
#   quick: one build with gcc, its tests on the default Vulkan device
#   (nothing): validation layers, a second driver and AddressSanitizer, too
#   long: all there is, in larger numbers (OWL2_LONG), ThreadSanitizer and the
#     fuzzers, too
set -eu
cd "$(dirname "$0")/.."
how=${1-}
more= # suites
less='--no-suite long'
case $how in
  '' | quick) unset OWL2_LONG ;;
  long)
    export OWL2_LONG=1
    more='--suite gpu --suite driver --suite once --suite model' less=
    ;;
  *)
    echo "tests/run.sh: '$how' is neither quick nor long" >&2
    exit 2
    ;;
esac
mkdir -p "${OWL2_BUILDS:-build-tests}/logs"
builds=$(cd "${OWL2_BUILDS:-build-tests}" && pwd)
logs=$builds/logs
total_passed=0 total_failed=0 total_skipped=0 failures=
labels= # of the test runs

# How long each part took, a line each: seconds and name.
times=$logs/times.txt
: >"$times"
part=

say () {
  printf '\n== %s\n' "$*"
  now=$(date +%s)
  [ -z "$part" ] || echo "$((now - began)) $part" >>"$times"
  part=$* began=$now
}

fail () {
  echo "FAIL: $*"
  total_failed=$((total_failed + 1))
  failures="$failures
  $*"
}

# Where the time goes: each part with its build, and the tests that take most.
say_times () {
  awk '{ n += $1; s = $1; $1 = ""; printf "%5d s %s\n", s, $0 }
       END { printf "%5d s  in all\n", n }' "$times"
  echo 'the slowest tests:'
  for label in $labels; do
    sed -n "s,^ *[0-9]*/[0-9]* .* / \([^ ]*\)  *[A-Z][A-Z]*  *\([0-9.]*\)s.*,\2 $label: \1,p" \
      "$logs/$label.txt"
  done | sort -rn | head -n 10 |
    awk '{ s = $1; $1 = ""; printf "%5d s %s\n", s, $0 }'
}

# Whatever ends this script, the last line says how it went.
finish () {
  status=$?
  trap - EXIT
  [ $status -eq 0 ] || fail "tests/run.sh ended with status $status"
  [ $total_passed -gt 0 ] || [ $total_failed -gt 0 ] || fail 'no test ran'
  say 'result'
  say_times
  [ -z "$failures" ] || echo "failed:$failures"
  echo "$total_passed passed, $total_failed failed, $total_skipped skipped"
  [ $total_failed -eq 0 ] || exit 1
  exit 0
}

# One Meson build: NAME CC [meson options]
build () {
  name=$1 compiler=$2
  shift 2
  if [ ! -f "$builds/$name/build.ninja" ] &&
      ! CC=$compiler meson setup "$builds/$name" --fatal-meson-warnings \
        -Dwerror=true "$@" >"$logs/$name-setup.log" 2>&1; then
    tail -n 30 "$logs/$name-setup.log"
    fail "$name: meson setup"
    return 1
  fi
  if ! ninja -k 0 -C "$builds/$name" all meson-test-prereq \
      >"$logs/$name-build.log" 2>&1; then
    grep -E -A4 'error:|warning:|^FAILED' "$logs/$name-build.log" || true
    fail "$name: build"
    return 1
  fi
}

# The sum of the counts in lines such as "Ok:   5" of Meson's summary: NAMES
count () {
  sed -n "s/^\($1\): *\([0-9]*\).*/\2/p" "$log.part" | awk '{ n += $1 } END { print n + 0 }'
}

# Runs some tests of a build, appending to $log: NAME LOGBASE [meson test options]
meson_test () {
  name=$1 base=$2
  shift 2
  status=0
  # Limits of time are for what hangs: a busy machine is given three times them.
  $aslr meson test -C "$builds/$name" --no-rebuild --logbase "$base" -t 3 \
    --print-errorlogs "$@" >"$log.part" 2>&1 </dev/null || status=$?
  grep -E '^ *[0-9]+/[0-9]+ ' "$log.part" || true
  cat "$log.part" >>"$log"
  failing=$(sed -n "s,^ *[0-9]*/[0-9]* [^/]*/ \(.*[^ ]\) *\(FAIL\|TIMEOUT\|ERROR\|UNEXPECTEDPASS\) .*,\1,p" \
    "$log.part" | sort -u)
  failed=$(count 'Fail\|Unexpected Pass\|Timeout')
  total_passed=$((total_passed + $(count 'Ok\|Expected Fail')))
  total_skipped=$((total_skipped + $(count 'Skipped')))
  [ "$failed" -gt 0 ] || [ $status -eq 0 ] ||
    fail "$base: meson test ended with status $status"
}

# What failed in the last meson_test: LABEL
say_failed () {
  grep -vE '^ *[0-9]+/[0-9]+ ' "$log.part" || true
  for test in $failing; do
    failures="$failures
  $1: $test"
  done
  total_failed=$((total_failed + failed))
}

# Runs a build's tests: NAME LABEL [meson test options]; adds to the totals.
# Those of the suite `timed` have bars in time, which a machine that does other
# work misses: they are run one by one after the others, up to three times.
run_tests () {
  name=$1 label=$2
  shift 2
  log=$logs/$label.txt
  : >"$log"
  labels="$labels $label"
  meson_test "$name" "$label" --no-suite timed "$@"
  [ "$failed" -eq 0 ] || say_failed "$label"
  # shellcheck disable=SC2046 # names without spaces
  set -- $(meson test -C "$builds/$name" --list "$@" 2>/dev/null |
    sed -n 's,^[^/]*[:+]timed[^/]*/ ,,p')
  for go in 1 2 3; do
    [ $# -gt 0 ] || return 0
    meson_test "$name" "$label-timed-$go" --num-processes 1 "$@"
    # shellcheck disable=SC2086
    set -- $failing
  done
  [ "$failed" -eq 0 ] || say_failed "$label"
}

# Sanitizers of older compilers cannot do with much randomness of addresses.
aslr=
no_aslr () {
  if setarch "$(uname -m)" -R true 2>/dev/null; then
    aslr="setarch $(uname -m) -R"
  fi
}

say 'what is needed is installed'
if [ "$how" = long ]; then sh tools/setup.sh long; else sh tools/setup.sh test; fi
trap finish EXIT

# All builds share what Mesa compiles, which takes minutes under a sanitizer.
export MESA_SHADER_CACHE_DIR="$builds/mesa-cache"

say 'gcc: all tests on the default device'
build gcc gcc || exit 0
run_tests gcc gcc $less
[ "$how" != quick ] || exit 0

say 'Khronos validation layers (core, synchronization, best practices)'
# Every process writes its messages into one pipe, so that none is lost whatever
# a test does with its output. The file names each setting as older and as newer
# layers know it.
messages=$logs/validation-messages.txt
pipe=$builds/validation-pipe
cat >"$builds/vk_layer_settings.txt" <<END
khronos_validation.debug_action = VK_DBG_LAYER_ACTION_LOG_MSG
khronos_validation.report_flags = error
khronos_validation.log_filename = $pipe
khronos_validation.enables = VK_VALIDATION_FEATURE_ENABLE_SYNCHRONIZATION_VALIDATION_EXT,VK_VALIDATION_FEATURE_ENABLE_BEST_PRACTICES_EXT
khronos_validation.validate_sync = true
khronos_validation.validate_best_practices = true
END
# With the layers: COMMAND; what they say is then in $messages.
validated () {
  rm -f "$pipe"
  mkfifo "$pipe"
  cat "$pipe" >"$messages" &
  # A writer of our own keeps the reader from ending with the first test.
  exec 9>"$pipe"
  export VK_INSTANCE_LAYERS=VK_LAYER_KHRONOS_validation
  export VK_LAYER_SETTINGS_PATH="$builds/vk_layer_settings.txt"
  "$@"
  unset VK_INSTANCE_LAYERS VK_LAYER_SETTINGS_PATH
  exec 9>&-
  wait
  rm "$pipe"
}
validated "$builds/gcc/tests/validation/hazard" >/dev/null
for message in SYNC-HAZARD-WRITE-AFTER-WRITE VUID-vkCmdFillBuffer-size-00028; do
  grep -q "$message" "$messages" || fail "validation: no $message for a wrong program"
done
validated run_tests gcc validation --suite gpu $more
if [ -s "$messages" ]; then
  head -n 40 "$messages"
  fail "validation: $(grep -cE 'Validation Error' "$messages") errors"
fi

say 'SwiftShader: subgroups of 4, no f16, no 16-bit storage'
if icd=$(sh tests/swiftshader.sh "$builds/swiftshader"); then
  export VK_DRIVER_FILES="$icd" VK_ICD_FILENAMES="$icd"
  run_tests gcc swiftshader --suite driver $more
  unset VK_DRIVER_FILES VK_ICD_FILENAMES
  if sh tests/tools/two_drivers.sh "$builds/gcc/tools/owl2-bench" "$icd"; then
    total_passed=$((total_passed + 1))
  else
    fail 'two drivers'
  fi
else
  echo 'left out: there is no chromium-common package to take it from'
  total_skipped=$((total_skipped + 1))
fi

# The sanitizers see each object by itself, not GLib's pages of them.
export G_SLICE=always-malloc
say 'clang with AddressSanitizer and UndefinedBehaviorSanitizer'
no_aslr
export ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
build asan clang -Db_sanitize=address,undefined -Db_lundef=false &&
  run_tests asan asan --suite host --suite threads $more
unset ASAN_OPTIONS UBSAN_OPTIONS
[ "$how" = long ] || exit 0

say 'clang with ThreadSanitizer: what has threads'
# Programs that the build runs are not what is tested here.
export TSAN_OPTIONS=report_bugs=0
if build tsan clang -Db_sanitize=thread -Db_lundef=false; then
  TSAN_OPTIONS=halt_on_error=1:suppressions=$(pwd)/tests/tsan.supp
  run_tests tsan tsan --suite threads
fi
unset TSAN_OPTIONS

say 'clang with libFuzzer: what reads files, some seconds each'
if build fuzz clang -Dfuzz=true -Db_lundef=false; then
  if sh tests/fuzz/run.sh "${OWL2_LONG:+60}" "$builds/fuzz"; then
    total_passed=$((total_passed + 1))
  else
    fail 'fuzz'
  fi
fi
unset G_SLICE

say 'the packages, in roots of Debian 12 and 13'
if [ "$(id -u)" -ne 0 ]; then
  echo 'left out: roots are made by root'
  total_skipped=$((total_skipped + 1))
elif sh tests/packages.sh "$builds/packages"; then
  total_passed=$((total_passed + 1))
else
  fail packages
fi
exit 0
