/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Members of a record of a data set, checked as they are read. */
#ifndef OWL2_EVAL_RECORD_H
#define OWL2_EVAL_RECORD_H

#include <jansson.h>

#include "base.h"

G_BEGIN_DECLS

/**
 * Record: getters leave the first failure in @error, "FILE: record N: ..", and
 * give NULL or 0 from then on, so that a list of them reads like a table.
 */
typedef struct {
  const char *file;
  gsize i; /* from 0 */
  const json_t *object;
  GError **error;
  gboolean failed;
} Record;

void record_fail (Record *record, const char *format, ...) G_GNUC_PRINTF (2, 3);
/* Borrowed. */
const char *record_string (Record *record, const char *key);
/* Borrowed; NULL where it is missing or null; numbers are none. */
const char *record_string_or_null (Record *record, const char *key);
gint64 record_integer (Record *record, const char *key);
/* Finite. */
double record_number (Record *record, const char *key);
/* (transfer full): a string or an integer */
json_t *record_id (Record *record, const char *key);
/* (transfer full): an array of at most 26 strings, NULL-terminated */
char **record_strings (Record *record, const char *key);

G_END_DECLS

#endif
