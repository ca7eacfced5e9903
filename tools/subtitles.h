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

typedef struct _Subtitles Subtitles;

/* Writes to @path, in place of what is there. FAILED if it can't be. */
Subtitles *subtitles_new (const char *path, SubtitlesForm form, GError **error);
void subtitles_free (Subtitles *subtitles); /* accepts NULL */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Subtitles, subtitles_free)

/* A cue, at once. Times in ns. A cue without text would be none, so there is
 * none. FAILED if it can't be written. */
gboolean subtitles_add (Subtitles *subtitles, guint64 start, guint64 end,
    const char *text, GError **error);

/* (transfer full): an answer and its time as a line for people, printable:
 * "    0.0 -     2.0 s   A red ball moves to the left." */
char *subtitles_line (guint64 start, guint64 end, const char *text);

/* (transfer full): one line that players show as it is: printable, arrows of
 * times and brackets of markup made harmless, as SubRip has no way to quote
 * them: "-->" becomes "-- >", "<i>" becomes "< i>", "{" and "}" "(" and ")". */
char *subtitles_srt_text (const char *text);
/* The same in WebVTT, which can: "&", "<" and ">" are entities. */
char *subtitles_vtt_text (const char *text);

G_END_DECLS

#endif
