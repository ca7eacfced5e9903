/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What owl2-ask was told. */
#ifndef OWL2_ASK_OPTIONS_H
#define OWL2_ASK_OPTIONS_H

#include "common.h"
#include "video.h"

G_BEGIN_DECLS

/**
 * AskOptions:
 * @common: the first member, since that is what options are handed to
 * @frames, @max_tokens: negative: nobody said
 * @at, @from, @to, @every, @seconds: ns; negative: nobody said
 * @choices, @weights: (nullable): of @n_choices, and as many or none
 * @recipe: (nullable)
 * @srt, @vtt: (nullable): files of subtitles to write
 * @look: (nullable): PNG file to write, of where the answer looks
 * @sources: names of files, URIs or "-", at least one
 * @questions: UTF-8, none of them empty; none: a caption
 */
typedef struct {
  CommonOptions common;
  int frames, max_tokens;
  gint64 at, from, to, every, seconds;
  gint64 max_pixels;
  gboolean verbose, json, interactive;
  char **choices;
  double *weights;
  guint n_choices;
  const Owl2Recipe *recipe;
  char *srt, *vtt, *look;
  GPtrArray *sources, *questions;
} AskOptions;

/* Reads the command line, in which the first argument is a source, and so are
 * those after it that are files or URIs; the rest are questions. All before a
 * "--" are sources, and all after it questions; one that has no argument before
 * it ends the options, and one source comes. Errors are those of a user: of
 * G_OPTION_ERROR, or BAD_REQUEST. */
gboolean ask_options_parse (
    AskOptions *o, int *argc, char ***argv, GError **error);
void ask_options_clear (AskOptions *o);

G_END_DECLS

#endif
