/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GGUF v3 files: a checked reader and a streaming writer.
 *
 * The reader checks every count, string, type, size and offset against the
 * file's length before use. It reads into memory of its own, so that what was
 * checked is what is used, whatever happens to the file meanwhile (file.h). It
 * is immutable after opening and may be read from any thread. */
#ifndef OWL2_GGUF_H
#define OWL2_GGUF_H

#include "base.h"
#include "input.h"
#include "types.h"

G_BEGIN_DECLS

typedef struct _Owl2Gguf Owl2Gguf;

/**
 * Owl2GgufTensor:
 * @dims: as in the file: dims[0] is the fastest (a row's length)
 * @offset: of its @size_bytes in the file, inside it; aligned as the file says
 *   (32, at least 8)
 */
typedef struct {
  const char *name;
  Owl2Type type;
  guint n_dims;    /* 1 to 4 */
  guint64 dims[4]; /* unused ones are 1 */
  guint64 offset;
  gsize size_bytes;
} Owl2GgufTensor;

/* Errors: BAD_FILE, with file, key or tensor, and the numbers, also if the file
 * changed meanwhile; NO_MEMORY. */
Owl2Gguf *owl2_gguf_open (const char *path, GError **error);
/* @name stands for the file in messages; @bytes is kept while it is open, does
 * not change, and begins at an address that is a multiple of 8 (UNSUPPORTED if
 * not). */
Owl2Gguf *owl2_gguf_new (GBytes *bytes, const char *name, GError **error);
void owl2_gguf_free (Owl2Gguf *gguf);              /* accepts NULL */
const char *owl2_gguf_name (const Owl2Gguf *gguf); /* for messages */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Owl2Gguf, owl2_gguf_free)

/* The file; NULL if it is in memory. Borrowed. */
Owl2Input *owl2_gguf_file (const Owl2Gguf *gguf);
/* See owl2_input_check_bytes(); always TRUE in memory. */
gboolean owl2_gguf_check (const Owl2Gguf *gguf, GError **error);
/* Maps the file, for owl2_gguf_bytes(); nothing in memory. See
 * owl2_input_map(). Before other threads read @gguf. */
gboolean owl2_gguf_map (Owl2Gguf *gguf, GError **error);
/* What the tensors' data lie in at their offsets, borrowed; NULL if it is a
 * file that was not mapped. A reference keeps it mapped. */
GBytes *owl2_gguf_bytes (const Owl2Gguf *gguf);
/* Copies @n bytes of @tensor from byte @offset of it on; those must be in it.
 * Errors: BAD_FILE, if the file has become shorter. Any thread. */
gboolean owl2_gguf_read (const Owl2Gguf *gguf, const Owl2GgufTensor *tensor,
    gsize offset, void *dst, gsize n, GError **error);

guint owl2_gguf_n_tensors (const Owl2Gguf *gguf);
const Owl2GgufTensor *owl2_gguf_tensor_at (const Owl2Gguf *gguf, guint i);
/* NULL if there is none of that name. */
const Owl2GgufTensor *owl2_gguf_tensor (const Owl2Gguf *gguf, const char *name);

/* Metadata. FALSE with BAD_FILE if the key is missing or of another type; any
 * integer type is taken for u32 if the value fits, f32 or f64 for f32. The
 * _or variants give @fallback where the key is missing, and still fail on a
 * wrong type. Strings are valid UTF-8, without NUL inside, and live as long as
 * @gguf. */
gboolean owl2_gguf_has (const Owl2Gguf *gguf, const char *key);
gboolean owl2_gguf_u32 (
    const Owl2Gguf *gguf, const char *key, guint32 *value, GError **error);
gboolean owl2_gguf_u32_or (const Owl2Gguf *gguf, const char *key,
    guint32 fallback, guint32 *value, GError **error);
gboolean owl2_gguf_f32 (
    const Owl2Gguf *gguf, const char *key, float *value, GError **error);
gboolean owl2_gguf_bool_or (const Owl2Gguf *gguf, const char *key,
    gboolean fallback, gboolean *value, GError **error);
gboolean owl2_gguf_string (
    const Owl2Gguf *gguf, const char *key, const char **value, GError **error);
/* (array) of @n; borrowed. Token strings may hold any bytes but NUL. */
gboolean owl2_gguf_strings (const Owl2Gguf *gguf, const char *key,
    const char *const **values, guint *n, GError **error);
gboolean owl2_gguf_f32s (const Owl2Gguf *gguf, const char *key,
    const float **values, guint *n, GError **error);
gboolean owl2_gguf_i32s (const Owl2Gguf *gguf, const char *key,
    const gint32 **values, guint *n, GError **error);

/* ---- writer ----------------------------------------------------------- */

/**
 * Owl2GgufWriter: add all metadata and announce all tensors, then write each
 * tensor's bytes in the order announced. The file appears under its name only
 * when finished, as output.h says; on failure there is nothing of it.
 */
typedef struct _Owl2GgufWriter Owl2GgufWriter;

Owl2GgufWriter *owl2_gguf_writer_new (const char *path, GError **error);
void owl2_gguf_writer_u32 (Owl2GgufWriter *w, const char *key, guint32 value);
void owl2_gguf_writer_f32 (Owl2GgufWriter *w, const char *key, float value);
void owl2_gguf_writer_bool (Owl2GgufWriter *w, const char *key, gboolean value);
void owl2_gguf_writer_string (
    Owl2GgufWriter *w, const char *key, const char *value);
void owl2_gguf_writer_strings (
    Owl2GgufWriter *w, const char *key, const char *const *values, guint n);
void owl2_gguf_writer_f32s (
    Owl2GgufWriter *w, const char *key, const float *values, guint n);
void owl2_gguf_writer_i32s (
    Owl2GgufWriter *w, const char *key, const gint32 *values, guint n);
void owl2_gguf_writer_tensor (Owl2GgufWriter *w, const char *name,
    Owl2Type type, guint n_dims, const guint64 *dims);
/* Next bytes of the tensors announced, in order; may cut a tensor anywhere. */
gboolean owl2_gguf_writer_data (
    Owl2GgufWriter *w, const void *data, gsize size_bytes, GError **error);
gboolean owl2_gguf_writer_finish (Owl2GgufWriter *w, GError **error);
void owl2_gguf_writer_free (Owl2GgufWriter *w); /* accepts NULL */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Owl2GgufWriter, owl2_gguf_writer_free)

G_END_DECLS

#endif
