/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "replay.h"

static void
step_clear (Owl2Step *step)
{
  owl2_kept_clear (&step->kept);
  step->kv = NULL;
  step->last_use = 0;
}

void
owl2_replay_clear (Owl2Replay *replay)
{
  for (guint i = 0; i < OWL2_REPLAY_STEPS; i++)
    step_clear (&replay->steps[i]);
}

Owl2Kept *
owl2_replay_find (
    Owl2Replay *replay, Owl2Exec *exec, const Owl2KvTensors *kv, guint n)
{
  Owl2Step *found = NULL, *oldest = NULL;

  for (guint i = 0; i < OWL2_REPLAY_STEPS; i++) {
    Owl2Step *step = &replay->steps[i];

    /* There are fewer submissions in flight than steps. */
    if (owl2_exec_is_busy (exec, &step->kept))
      continue;
    if (step->kv == kv && step->serial != kv->serial)
      step_clear (step);
    if (step->kv == kv && step->n == n)
      found = step;
    if (!oldest || step->last_use < oldest->last_use)
      oldest = step;
  }
  if (!found) {
    found = oldest;
    step_clear (found);
    found->kv = kv;
    found->serial = kv->serial;
    found->n = n;
  }
  found->last_use = ++replay->clock;
  return &found->kept;
}
