/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A thread for each session that makes its calls in order. */
#ifndef OWL2_ASYNC_H
#define OWL2_ASYNC_H

#include "owl2.h"

G_BEGIN_DECLS

typedef struct _Owl2Async Owl2Async;

/* @nice: of the thread, if that is not nicer by itself. Errors: FAILED: there
 * can be no thread. */
Owl2Async *owl2_async_new (int nice, GError **error);
/* Returns when all that was submitted is done; accepts NULL. */
void owl2_async_free (Owl2Async *async);
/* session.c: (transfer none) */
Owl2Async *owl2_session_async (Owl2Session *session);

G_END_DECLS

#endif
