/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is submitted to the fake engine: a thread for each session, which makes
 * the calls that block. */
#ifndef FAKE_ASYNC_H
#define FAKE_ASYNC_H

#include "owl2.h"

typedef struct _FakeAsync FakeAsync;

/* @nice: of the thread, if that is not nicer by itself. */
FakeAsync *fake_async_new (Owl2Session *session, int nice);
/* Returns when all that was submitted has ended. */
void fake_async_free (FakeAsync *async);
/* fake_engine.c: (transfer none) */
FakeAsync *fake_session_async (Owl2Session *session);

#endif
