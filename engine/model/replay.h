/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Steps of the decoder that were recorded once: a token of each of some
 * sequences. All that tells one step from the next lies in memory that the
 * device reads, so that the commands are the same as long as the keys stay
 * where they are. Used by one thread at a time. */
#ifndef OWL2_REPLAY_H
#define OWL2_REPLAY_H

#include "decoder.h"

G_BEGIN_DECLS

/* Most steps that are kept: two for each number of rows, since one is in flight
 * while the next is submitted. */
#define OWL2_REPLAY_STEPS 16

/**
 * Owl2Step: of @n rows, with the keys in the tensors @kv as of their @serial.
 */
typedef struct {
  Owl2Kept kept;
  const Owl2KvTensors *kv; /* only compared; NULL: it is free */
  guint64 serial;
  guint n;
  guint64 last_use;
} Owl2Step;

/* Zeros are an empty one. */
typedef struct {
  Owl2Step steps[OWL2_REPLAY_STEPS];
  guint64 clock;
} Owl2Replay;

/* Nothing of it is in flight. */
void owl2_replay_clear (Owl2Replay *replay);

/**
 * owl2_replay_find: a step of @n rows that can be submitted now: what it holds
 * is to be recorded unless owl2_exec_fits(). Those whose keys have moved go,
 * and for a new one that which was used least recently.
 *
 * Returns: (transfer none): valid until the next call
 */
Owl2Kept *owl2_replay_find (
    Owl2Replay *replay, Owl2Exec *exec, const Owl2KvTensors *kv, guint n);

G_END_DECLS

#endif
