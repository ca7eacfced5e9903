/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the engine's tests share: frames of noise, and a question about one. */
#ifndef ASKING_H
#define ASKING_H

#include "owl2.h"

#define QUESTION_ABOUT_FRAME "USER: <|image|>What is it? ASSISTANT:"

/* The file that OWL2_TEST_MODEL names. */
Owl2Model *load_model (Owl2KvType kv_type, GError **error);
/* Must go well. */
Owl2Session *new_session (Owl2Model *model, const Owl2SessionParams *params);

/* For an answer of @max_tokens. */
Owl2Room room_for (
    Owl2Session *session, const char *prompt, guint n_frames, guint max_tokens);

/* The same noise for the same @seed. */
void fill_noise (guint8 *pixels, gsize n, guint seed);
Owl2Features *encode_noise (Owl2Session *session, guint width, guint height,
    guint seed, GError **error);
/* A small frame; must go well. */
Owl2Features *encode (Owl2Session *session, guint seed);

/* The answer about a frame of noise of that size. @how: the request but for
 * prompt and frames. */
Owl2Answer *ask_about_noise (Owl2Session *session, guint width, guint height,
    Owl2Request how, GError **error);

#endif
