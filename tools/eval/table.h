/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The files that data sets come in: tables (CSV, TSV) and records (JSON). They
 * are hostile until checked: what is no UTF-8, too long or badly quoted is
 * BAD_FILE, which names the file and the line. */
#ifndef OWL2_EVAL_TABLE_H
#define OWL2_EVAL_TABLE_H

#include <jansson.h>

#include "base.h"

G_BEGIN_DECLS

/* A whole file, and a row or record with all its fields: a picture in base64 is
 * one. Of rows and records there may be 262144 and one more for each 160 bytes
 * of the file, so that what is kept of each, some 200 bytes, is justified. */
#define TABLE_MAX_BYTES ((gsize) 4 << 30)
#define TABLE_MAX_ROW ((gsize) 16 << 20)
#define TABLE_MAX_FIELDS 256

/**
 * Table: rows of a CSV or TSV file, one after the other. Fields are as Python's
 * csv module reads them: one that begins with a quote goes on to the next
 * single one, over commas and lines, and two quotes in it are one. Empty lines
 * are no rows; a byte order mark is none of the text.
 */
typedef struct _Table Table;

/* @bytes: of the file; @name: to be named in errors; @separator: ',' or a tab
 */
Table *table_new (
    GBytes *bytes, const char *name, char separator, GError **error);
void table_free (Table *table); /* accepts NULL */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Table, table_free)

/* @row: (out) (transfer full) (nullable): NULL-terminated fields; NULL: there
 * are no more. */
gboolean table_next (Table *table, char ***row, GError **error);
/* Where the last row began, from 1. */
guint table_line (const Table *table);

/* (transfer full): all of a regular file. */
GBytes *table_read (const char *path, GError **error);

/**
 * Records: those of table_records(), one after the other, so that no more than
 * one is in memory beside the file.
 */
typedef struct _Records Records;

Records *records_new (
    GBytes *bytes, const char *name, const char *member, GError **error);
void records_free (Records *records); /* accepts NULL */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Records, records_free)

/* @record: (out) (transfer full) (nullable): an object; NULL: there are no
 * more. */
gboolean records_next (Records *records, json_t **record, GError **error);

/**
 * table_records: the objects of a JSON file: of an array, of the array @member
 * (nullable) of an object, or of JSON lines, told apart by how the file begins.
 * Empty lines are none.
 *
 * Returns: (transfer full): an array of objects
 */
json_t *table_records (
    GBytes *bytes, const char *name, const char *member, GError **error);

G_END_DECLS

#endif
