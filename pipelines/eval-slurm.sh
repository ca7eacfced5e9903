#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Evaluates in N shards, as a Slurm job array and a job behind it that puts the
# results together. Where they run is up to sbatch's own variables, such as
# SBATCH_PARTITION and SBATCH_GPUS (SBATCH_WAIT=1: this returns when all is
# done). The nodes see this tree, DATASET and OUT under the same names. A shard
# whose node is lost is queued again and goes on where it was; so does the whole,
# by the same command. What is printed goes to OUT/slurm-*.log.
#
# usage: sh pipelines/eval-slurm.sh N DATASET OUT --form NAME [OPTION ...]

# As a job, this is a copy elsewhere, and is told the program.
case ${OWL2_EVAL_JOB-} in
  shard) exec "$@" --shard "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT" ;;
  merge) exec "$@" ;;
esac

. "$(dirname -- "$0")/env.sh"
[ $# -ge 5 ] || owl2_usage
n=$1 dataset=$2 out=$3
shift 3
if ! command -v sbatch >/dev/null; then
  echo 'there is no sbatch: it is in the package "slurm-client"' >&2
  exit 1
fi
mkdir -p "$out" || exit 1
set -- "$owl2_root/pipelines/eval-slurm.sh" "$owl2_eval" "$dataset" \
  --out "$out" "$@"
shards=$(sbatch --parsable --job-name=owl2-eval --array="0-$((n - 1))" \
  --requeue --output="$out/slurm-%a.log" \
  --export=ALL,OWL2_EVAL_JOB=shard "$@") || exit 1
exec sbatch --job-name=owl2-eval-merge --dependency="afterok:${shards%%;*}" \
  --kill-on-invalid-dep=yes --output="$out/slurm-merge.log" \
  --export=ALL,OWL2_EVAL_JOB=merge "$@"
