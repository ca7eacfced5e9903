/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The pickle inside a PyTorch checkpoint, read by a small machine that knows
 * only what describing tensors needs. It has no way to call anything: a global
 * is a number from a list of allowed names, and REDUCE builds a tensor
 * description or an empty dictionary. Any other name is an error. */
#ifndef OWL2_CONVERT_PICKLE_H
#define OWL2_CONVERT_PICKLE_H

#include <glib.h>

G_BEGIN_DECLS

#define PICKLE_MAX_DIMS 8u
/* A full-size model in one file needs about 200 KB. */
#define PICKLE_MAX_BYTES (16u << 20)

/**
 * PickleTensor: a value of the state dictionary.
 * @storage_type: "FloatStorage" and such; NULL if the value is no tensor
 * @storage_key: names the file of the storage
 * @offset, @strides: in elements
 */
typedef struct {
  char *name;
  const char *storage_type;
  char *storage_key;
  guint64 storage_elements;
  guint64 offset;
  guint n_dims;
  guint64 dims[PICKLE_MAX_DIMS];
  guint64 strides[PICKLE_MAX_DIMS];
} PickleTensor;

/* (transfer full): GPtrArray of PickleTensor in the order of the dictionary,
 * names unique; @size is at most PICKLE_MAX_BYTES. BAD_FILE names @file and
 * what is wrong, with the byte. */
GPtrArray *pickle_read (
    const guint8 *data, gsize size, const char *file, GError **error);

G_END_DECLS

#endif
