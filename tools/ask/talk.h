/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A conversation: questions from standard input, about what was looked at and
 * said before. */
#ifndef OWL2_ASK_TALK_H
#define OWL2_ASK_TALK_H

#include "asker.h"
#include "print.h"

G_BEGIN_DECLS

/**
 * talk:
 * @file, @clip, @features, @encode_ns: what it is about
 *
 * Asks the questions of the command line, then each line of standard input, up
 * to its end. On a terminal text appears as it is made. A question that can't
 * be answered is told, and the conversation goes on.
 *
 * Returns: FALSE if one was not answered
 */
gboolean talk (Printer *printer, const Asker *asker, const char *file,
    const VideoClip *clip, GPtrArray *features, guint64 encode_ns);

G_END_DECLS

#endif
