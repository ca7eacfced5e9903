/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How much memory a reader takes: the bytes of all blocks that are live at
 * once, by this process's malloc(), the sanitizers' too. */
#ifndef OWL2_TESTS_FUZZ_HEAP_H
#define OWL2_TESTS_FUZZ_HEAP_H

#include <glib.h>

/* Beside twice the file. */
#define HEAP_SLACK (G_GUINT64_CONSTANT (64) << 20)

/* From here on the most is taken. */
void heap_begin (void);
/* The most bytes that there were at once beyond those at heap_begin(). */
guint64 heap_most (void);

#endif
