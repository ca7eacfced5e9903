/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files of subtitles: text and when it is shown. */
#ifndef OWL2_SUBTITLES_H
#define OWL2_SUBTITLES_H

#include <glib.h>

G_BEGIN_DECLS

/* SubRip and WebVTT, which players tell apart by name and first line. */
typedef enum {
  SUBTITLES_SRT,
  SUBTITLES_VTT,
} SubtitlesForm;

/* What a WebVTT file begins with. */
#define SUBTITLES_VTT_HEAD "WEBVTT\n\n"

typedef struct _Subtitles Subtitles;

/* To be at @path, in place of what is there, when they are finished: an
 * Owl2Output. FAILED if they can't be. */
Subtitles *subtitles_new (const char *path, SubtitlesForm form, GError **error);
void subtitles_free (Subtitles *subtitles); /* accepts NULL */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Subtitles, subtitles_free)

/* A cue. Times in ns. A cue without text would be none, so there is none.
 * FAILED if it can't be written. */
gboolean subtitles_add (Subtitles *subtitles, guint64 start, guint64 end,
    const char *text, GError **error);

/* The end of the answers, after which only freeing is allowed. @ok: all went
 * well, or a signal said that it is enough; where it did not, what was said
 * until then is kept, as hours may have gone into it, but nothing takes the
 * place of what there is. Nothing does, either, if it was stopped before there
 * was a cue. FAILED if they can't be written. Accepts NULL. */
gboolean subtitles_finish (Subtitles *subtitles, gboolean ok, GError **error);

/* (transfer full) (nullable): one cue as it stands in a file; NULL: there is no
 * text. @number: of a SubRip cue, from 1. Times in ns. */
char *subtitles_cue (SubtitlesForm form, guint number, guint64 start,
    guint64 end, const char *text);

/* (transfer full): an answer and its time as a line for people, printable:
 * "    0.0 -     2.0 s   A red ball moves to the left." */
char *subtitles_line (guint64 start, guint64 end, const char *text);

G_END_DECLS

#endif
