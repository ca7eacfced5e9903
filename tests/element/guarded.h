/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Buffers of random bytes that nobody may read behind. */
#ifndef OWL2_TESTS_ELEMENT_GUARDED_H
#define OWL2_TESTS_ELEMENT_GUARDED_H

#include <gst/gst.h>

/* Between pages that nobody may touch. @at_end: one is right behind the @size
 * bytes, else one is right before them. */
GstBuffer *guarded_new (gsize size, gboolean at_end);
/* Behind a file descriptor, as those of a device (memory:DMABuf) are. */
GstBuffer *guarded_new_fd (gsize size);
/* In two or three memories, each with a guard right behind. */
GstBuffer *guarded_new_parts (gsize size);

#endif
