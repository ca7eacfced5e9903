/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* JSON of others. */
#ifndef OWL2_JSON_READ_H
#define OWL2_JSON_READ_H

#include <glib.h>
#include <jansson.h>

G_BEGIN_DECLS

/* Values of a text, with the keys of its objects. "{}," are three bytes of a
 * file and some 250 of memory: this many are less than 40 MiB. */
#define JSON_MAX_VALUES (1u << 17)

/**
 * json_read:
 * @text: @n bytes
 * @flags: as of json_loadb(), whose place this takes for what others have made
 * @why: (out): where and why it failed
 *
 * What takes more memory than its length justifies is refused before any is
 * taken. Any thread.
 *
 * Returns: (transfer full) (nullable): the value
 */
json_t *json_read (const char *text, gsize n, gsize flags, json_error_t *why);

/**
 * json_skip:
 * @p: where a value begins, after any white space
 *
 * Returns: (nullable): behind the value, which need not be a right one; NULL if
 *   it has no end before @end
 */
const char *json_skip (const char *p, const char *end);

G_END_DECLS

#endif
