/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How answers are told: lines, JSON, subtitles, a table of scores. */
#ifndef OWL2_ASK_PRINT_H
#define OWL2_ASK_PRINT_H

#include "asker.h"

G_BEGIN_DECLS

typedef struct _Printer Printer;

/* @options, which is borrowed, says how. FAILED if a file can't be written. */
Printer *printer_new (const AskOptions *options, GError **error);
void printer_free (Printer *printer); /* accepts NULL */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Printer, printer_free)

/**
 * printer_add:
 * @file: the source, by the user's name
 * @encode_ns: what the clip's frames took
 *
 * Scores of whole files wait for printer_end(), to be sorted. FAILED if it
 * can't be written.
 */
gboolean printer_add (Printer *printer, const Asker *asker, const char *file,
    const char *question, const VideoClip *clip, const Owl2Answer *answer,
    guint64 encode_ns, GError **error);
/* The same for an answer of which the text is on the terminal already, but for
 * the end of its line. */
gboolean printer_add_shown (Printer *printer, const Asker *asker,
    const VideoClip *clip, const Owl2Answer *answer, GError **error);
/* What has waited. */
gboolean printer_end (Printer *printer, GError **error);
/* Subtitles get their names, as subtitles_finish() has it; after that, only
 * freeing is allowed. */
gboolean printer_finish (Printer *printer, gboolean ok, GError **error);

/* Frames, and how they were found, on standard error if that is wanted. */
void printer_add_clip (Printer *printer, const VideoClip *clip);
void printer_add_video (Printer *printer, Video *video);

G_END_DECLS

#endif
