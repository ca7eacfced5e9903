/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is fuzzed: each target takes any bytes as one kind of file and aborts
 * if the answer is anything but success or one clean line. */
#ifndef OWL2_TESTS_FUZZ_TARGETS_H
#define OWL2_TESTS_FUZZ_TARGETS_H

#include <glib.h>

/* @reads: it reads the bytes from a file, so that it has a copy of its own */
typedef struct {
  const char *name;
  void (*func) (const guint8 *data, gsize size);
  gboolean reads;
} FuzzTarget;

void fuzz_gguf (const guint8 *data, gsize size);
void fuzz_shard (const guint8 *data, gsize size);
void fuzz_pickle (const guint8 *data, gsize size);
void fuzz_tokenizer (const guint8 *data, gsize size);
void fuzz_config (const guint8 *data, gsize size);
void fuzz_adapter (const guint8 *data, gsize size);
/* targets_tools.c; OWL2_TEST_DATA is needed by the last one */
void fuzz_folder (const guint8 *data, gsize size);
void fuzz_png (const guint8 *data, gsize size);
void fuzz_dataset (const guint8 *data, gsize size);
void fuzz_ledger (const guint8 *data, gsize size);
void fuzz_line (const guint8 *data, gsize size);
void fuzz_offer (const guint8 *data, gsize size);
void fuzz_prompt (const guint8 *data, gsize size);

/* Aborts unless exactly one of @ok and @error is there, and the message is one
 * printable line that begins with @file. */
void fuzz_check (gboolean ok, const GError *error, const char *file);

/* (nullable): by name, "gguf" and so on. */
const FuzzTarget *fuzz_find (const char *name);

/* Runs it, and aborts if it takes more memory than twice the file and 64 MiB.
 * Returns what it took, in bytes. */
guint64 fuzz_run (const FuzzTarget *target, const guint8 *data, gsize size);

/* Removes a file or an empty folder when the process ends, in the order in
 * which they were named. Copies @path. */
void fuzz_at_end (const char *path);

#endif
