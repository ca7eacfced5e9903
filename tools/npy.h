/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* NumPy's .npy files, version 1.0, C order, little endian. */
#ifndef OWL2_NPY_H
#define OWL2_NPY_H

#include <gio/gio.h>

G_BEGIN_DECLS

/**
 * npy_write:
 * @type: 'f' float32, 'i' int32, 'b' uint8
 * @data: the elements, C order
 */
gboolean npy_write (const char *path, char type, const gsize *shape,
    guint n_dims, const void *data, GError **error);

G_END_DECLS

#endif
