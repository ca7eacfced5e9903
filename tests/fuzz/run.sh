#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Builds all libFuzzer targets with clang and runs each for SECONDS (5), on top
# of what earlier runs found. The edges of the code that each has reached are
# printed, and may not be fewer than tests/fuzz/edges.txt says, which are those
# that the seeds alone reach: what is below it is not read any more. Inputs that
# fail are left in BUILD_DIR/fuzz and named; they belong into
# tests/fuzz/seeds/TARGET, where a test replays them.
#
#   sh tests/fuzz/run.sh [SECONDS] [BUILD_DIR]
#
# A day, a few hours for each: sh tests/fuzz/run.sh 6600
set -eu

each=${1:-5}
source=$(cd "$(dirname "$0")/../.." && pwd)
build=${2:-$source/build-fuzz}

if [ ! -f "$build/build.ninja" ]; then
  CC=${CC:-clang} meson setup "$build" "$source" -Dfuzz=true \
    -Db_lundef=false >/dev/null
fi
build=$(cd "$build" && pwd)

targets=$(ninja -C "$build" -t targets all | sed -n 's/: c_LINKER$//p' |
  grep '/fuzz-' | grep -v -e '/fuzz-mutate' | sort)
if [ -z "$targets" ]; then
  echo "$build has no fuzz targets; is it built with clang and -Dfuzz=true?" >&2
  exit 1
fi
# shellcheck disable=SC2086 # names without spaces
ninja -C "$build" $targets >/dev/null

export OWL2_TEST_DATA="$source/tests/data"
# Folders of the targets are in memory, where it can be had.
if [ -w /dev/shm ]; then
  export TMPDIR=/dev/shm
fi
export G_SLICE=always-malloc
export UBSAN_OPTIONS=print_stacktrace=1
status=0
for target in $targets; do
  name=$(basename "$target")
  corpus=$build/fuzz/$name
  mkdir -p "$corpus"
  # The kept seeds, and real files small enough to be changed often.
  case $name in
    fuzz-file-*) seeds=$source/tests/fuzz/seeds/${name#fuzz-file-} ;;
    *) seeds= ;;
  esac
  case $name in
    fuzz-file-tokenizer)
      cp "$source/tests/data/mini/model/tokenizer.model" "$corpus/" ;;
    fuzz-file-adapter)
      cp "$source/tests/data/mini/adapter/adapter_config.json" "$corpus/" ;;
    fuzz-file-config) cp "$source/tests/data/mini/model/config.json" "$corpus/" ;;
  esac
  dictionary=$source/tests/fuzz/${name#fuzz-file-}.dict
  log=$build/fuzz/$name.log
  echo "$name: $each s"
  # shellcheck disable=SC2086 # seeds may be nothing
  if ! "$build/$target" -max_total_time="$each" -max_len=16384 \
    -rss_limit_mb=1024 -malloc_limit_mb=256 -timeout=10 -print_final_stats=1 \
    -artifact_prefix="$build/fuzz/$name-" \
    $([ -f "$dictionary" ] && echo "-dict=$dictionary") \
    "$corpus" $seeds >"$log" 2>&1; then
    status=1
    tail -n 40 "$log" >&2
    echo "$name failed, see $log" >&2
  fi
  edges=$(sed -n 's/^#.* cov: \([0-9]*\).*/\1/p' "$log" | tail -n 1)
  least=$(sed -n "s/^$name //p" "$source/tests/fuzz/edges.txt")
  echo "  $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") executions," \
    "${edges:-0} edges (${least:-0} or more)"
  if [ "${edges:-0}" -lt "${least:-1}" ]; then
    status=1
    echo "$name reaches less than it did" >&2
  fi
done
exit $status
