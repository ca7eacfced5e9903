/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the fake engine's files share: fake_engine.c is told and asked by tests,
 * fake_owl2.c is asked by the element. Nobody else includes this. */
#ifndef FAKE_PRIVATE_H
#define FAKE_PRIVATE_H

#include "fake_engine.h"

/* What was programmed and what was seen, under its lock. */
typedef struct {
  GMutex lock;
  GCond cond;

  guint delay[FAKE_N_CALLS];
  gboolean gate[FAKE_N_CALLS];
  guint fail_at[FAKE_N_CALLS]; /* call number; G_MAXUINT: never; 0: all */
  guint fail_from[FAKE_N_CALLS];
  Owl2Error fail_code[FAKE_N_CALLS];
  gboolean ignore_cancel;
  gboolean keep_images;
  guint n_tokens;
  guint room, room_frames;
  const char *recipe; /* (nullable): static */
  const char *word;   /* static, as are the next two */
  const char *const *texts; /* n_texts of them */
  guint n_texts, next_text;
  const char *scenes; /* (nullable) */
  double probability;

  guint n_calls[FAKE_N_CALLS], n_frames;
  guint n_cancelled;
  guint n_lost; /* loads up to here have a device that is lost */
  guint n_models, n_sessions, n_features, n_answers, peak_features;
  char *model_path, *device;
  Owl2SessionParams session_params;
  char *session_prompt;
  Owl2KvType load_kv_type;
  gboolean load_mmap;
  guint64 load_cache_bytes;
  int nice[FAKE_N_CALLS];
  GArray *images;   /* FakeImage */
  GArray *requests; /* FakeRequest */
} Fake;

extern Fake fake;

#define LOCKED(statement)                                                      \
  do {                                                                         \
    g_mutex_lock (&fake.lock);                                                 \
    statement;                                                                 \
    g_cond_broadcast (&fake.cond);                                             \
    g_mutex_unlock (&fake.lock);                                               \
  } while (0)

#endif
