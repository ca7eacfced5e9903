/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* JSON lines: one object a line. */
#ifndef OWL2_JSON_LINE_H
#define OWL2_JSON_LINE_H

#include <jansson.h>

#include "base.h"

G_BEGIN_DECLS

/* The string "text" of the object that @line is, NUL bytes and all; the last
 * one, if there are several. Half a surrogate pair, in any string, is taken as
 * U+FFFD: a writer that cuts texts leaves such. BAD_REQUEST, naming the byte,
 * if @line is no such object; nested deeper than jansson goes (2048), or with a
 * NUL in a key, it is none. */
gboolean json_line_get_text (
    const char *line, gsize n, GString *text, GError **error);

/* (transfer full): @text as a JSON string; bytes that are not UTF-8 become
 * U+FFFD, as JSON has no way to say them. */
json_t *json_line_string (const char *text);

/* (transfer full): @value as one line, members in the order in which they were
 * set. Characters that are not printable (owl2_is_printable()) are written as
 * `\u....`, which says the same. */
char *json_line_write (const json_t *value);

G_END_DECLS

#endif
