#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Evaluates in N shards, by GNU parallel, as many at a time as HOSTS says, and
# puts the results together: as `parallel --sshlogin` has it, "2/:" is two at a
# time here, "1/gpu1,1/gpu2" one at a time on each of two machines. These see
# this tree, DATASET and OUT under the same names. A shard that fails is tried
# three times and goes on where it was; so does the whole, by the same command.
#
# usage: sh pipelines/eval-parallel.sh N HOSTS DATASET OUT --form NAME [OPTION ...]
. "$(dirname -- "$0")/env.sh"
[ $# -ge 6 ] || owl2_usage
n=$1 hosts=$2 dataset=$3 out=$4
shift 4
if ! command -v parallel >/dev/null; then
  echo 'there is no parallel: it is in the package "parallel"' >&2
  exit 1
fi
eval=$owl2_eval
mark=@SHARD@ # {} is the question in a template
seq 0 $((n - 1)) |
  parallel --no-notice --quote --sshlogin "$hosts" --workdir "$PWD" \
    --retries 3 -I "$mark" "$eval" "$dataset" --out "$out" --shard "$mark/$n" \
    "$@" || exit 1
exec "$eval" "$dataset" --out "$out" "$@"
