/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is fuzzed: each target takes any bytes as one kind of file and aborts
 * if the answer is anything but success or one clean line. */
#ifndef OWL2_TESTS_FUZZ_TARGETS_H
#define OWL2_TESTS_FUZZ_TARGETS_H

#include <glib.h>

typedef void (*FuzzFunc) (const guint8 *data, gsize size);

void fuzz_gguf (const guint8 *data, gsize size);
void fuzz_shard (const guint8 *data, gsize size);
void fuzz_pickle (const guint8 *data, gsize size);
void fuzz_tokenizer (const guint8 *data, gsize size);
void fuzz_config (const guint8 *data, gsize size);
void fuzz_adapter (const guint8 *data, gsize size);

/* Aborts unless exactly one of @ok and @error is there, and the message is one
 * printable line that begins with @file. */
void fuzz_check (gboolean ok, const GError *error, const char *file);

/* By name: "gguf" and so on; NULL if there is none. */
FuzzFunc fuzz_find (const char *name);

#endif
