/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How text of others (what a model says, names of files, tensors and pieces,
 * messages of libraries that quote them) is shown on terminals, in logs, in
 * messages and in subtitles: the only way that it is shown. */
#ifndef OWL2_PRINTABLE_H
#define OWL2_PRINTABLE_H

#include <glib.h>

G_BEGIN_DECLS

/* Bytes of a message's text that owl2_printable_message() shows. */
#define OWL2_MESSAGE_MAX 2000

/**
 * owl2_is_printable:
 *
 * Returns: FALSE for the characters that owl2_printable() escapes, but for the
 * backslash: control characters (C0, DEL, C1), line and paragraph separators,
 * and the format characters that reorder or hide text (bidirectional controls,
 * soft hyphen, zero-width space, word joiner, byte order mark, tags, ..).
 * Joiners and variation selectors, which scripts and emoji are written with,
 * are printable. Any thread.
 */
gboolean owl2_is_printable (gunichar c);

/**
 * owl2_printable:
 * @text: (nullable): any bytes up to NUL
 *
 * One line that moves no cursor, sets no title and reorders nothing, whatever
 * @text holds. Characters that are not printable become escapes: `\n`, `\r`,
 * `\t`, other control characters of one byte and bytes that are not UTF-8 `\x`
 * and two digits (`\x1b`), the rest `\u` and four digits (`\u202e`) or `\U` and
 * eight. A backslash is doubled, so that all of it can be undone; everything
 * else, in any language, stays as it is. Showing what has been made printable
 * already would double its backslashes again, so it is done once, where text
 * leaves. Any thread.
 *
 * Returns: (transfer full): valid UTF-8, at most four times as long; NULL for
 * NULL
 */
char *owl2_printable (const char *text);

/* (transfer full): of owl2_printable() at most @max characters, for what has
 * little room. */
char *owl2_printable_head (const char *text, guint max);

/**
 * owl2_printable_cue:
 *
 * As owl2_printable(), for players of subtitles, of which many have no way to
 * quote: what they would take for the beginning of a cue, for markup or for an
 * entity is made harmless. "-->" becomes "-- >", "<i>" "< i>", "&lt" "& lt",
 * "{" and "}" "(" and ")". Any thread.
 *
 * Returns: (transfer full)
 */
char *owl2_printable_cue (const char *text);

/**
 * owl2_printable_message:
 *
 * As owl2_printable(), for the message of an error: of what is longer than
 * %OWL2_MESSAGE_MAX bytes the middle is left out and counted.
 */
char *owl2_printable_message (const char *message);

/**
 * owl2_excerpt:
 * @text: @n bytes
 * @max: most bytes of them
 *
 * A piece of a file for a message, not yet printable: up to a NUL, cut between
 * characters, with " .." behind it where something is left out.
 *
 * Returns: (transfer full)
 */
char *owl2_excerpt (const char *text, gsize n, gsize max);

G_END_DECLS

#endif
