/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* NumPy's .npy files, version 1.0, C order, little endian. */
#ifndef OWL2_NPY_H
#define OWL2_NPY_H

#include "output.h"

G_BEGIN_DECLS

#define NPY_MAX_DIMS 4

/**
 * npy_append: adds elements to the end of a file, which is an array of @shape
 * afterwards: rows of the first dimension, then.
 * @path: names the file in errors
 * @type: 'f' float32, 'i' int32, 'b' uint8
 * @shape: of the whole array, C order
 * @n_new: first rows that @data has; all of them in a file that is empty
 *
 * Errors: FAILED, naming the file, which can only be freed then.
 */
gboolean npy_append (Owl2Output *out, const char *path, char type,
    const gsize *shape, guint n_dims, gsize n_new, const void *data,
    GError **error);

/* Bytes of an element of @type. */
gsize npy_element_bytes (char type);

G_END_DECLS

#endif
