/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The element's answers as text: on standard output and as subtitles. */
#ifndef OWL2_ANSWERS_H
#define OWL2_ANSWERS_H

#include <gst/gst.h>

G_BEGIN_DECLS

typedef struct _Answers Answers;

/* @srt: (nullable): file of SubRip subtitles to write, in place of what is
 * there, when they are finished. FAILED if it can't be. */
Answers *answers_new (const char *srt, GError **error);
void answers_free (Answers *answers); /* accepts NULL */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Answers, answers_free)

/* A final answer, of the fields that the message `owl2-answer` has, as a line
 *
 *     0.0 -     2.0 s   A red ball moves to the left.
 *
 * with the text as owl2_printable() makes it, and as one cue. One that is not
 * final, or no answer, is passed over. FAILED if either can't be written. */
gboolean answers_add (
    Answers *answers, const GstStructure *answer, GError **error);

/* There are no more, as subtitles_finish() has it. */
gboolean answers_finish (Answers *answers, gboolean ok, GError **error);

/* (nullable) (transfer none): `json` of a final answer; NULL for what is none.
 */
const char *answers_json (const GstStructure *answer);

/* What `gst-launch-1.0 -m` prints for a message of an element. */
gboolean answers_add_line (Answers *answers, const char *line, GError **error);

G_END_DECLS

#endif
