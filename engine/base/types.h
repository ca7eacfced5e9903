/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Element types of tensors, with the numbers and block layouts of GGUF. */
#ifndef OWL2_TYPES_H
#define OWL2_TYPES_H

#include <glib.h>

G_BEGIN_DECLS

/* GGUF's numbers, by name those that something asks for. Which types there are
 * says the table in types.c. */
typedef enum {
  OWL2_TYPE_F32 = 0,
  OWL2_TYPE_F16 = 1,
  OWL2_TYPE_Q8_0 = 8,  /* 32 elements in 34 bytes */
  OWL2_TYPE_Q4_K = 12, /* 256 elements in 144 bytes */
} Owl2Type;

/**
 * Owl2TypeInfo: a type; all that the engine and the programs know of it, but
 * for how shaders read it: shaders/include/weight_NAME.glsl.
 * @is_kv: keys and values may be of it, too (the shaders of these know it)
 * @block: elements in a block
 * @block_bytes: bytes of a block
 * @unit_bytes: what offsets and strides of tensors on the device count: bytes
 *   of an element, or of a word of a block
 * @file_type: GGUF's general.file_type of a file of mostly this type
 * @is_coarse: it costs too much where a model suffers most
 * @better: what takes its place there, and where its blocks divide no row;
 *   itself, if there is nothing
 * @encode: @n elements, whole blocks, finite if there is more than one element
 *   in a block. Any thread
 * @decode: the reverse
 * @pack: (nullable): @cols elements of a row, from the file's blocks into the
 *   device's layout, of as many bytes; NULL: both are the same
 */
typedef struct {
  const char *name; /* "f16" */
  Owl2Type type;
  gboolean is_kv;
  guint block, block_bytes, unit_bytes, file_type;
  gboolean is_coarse;
  Owl2Type better;
  void (*encode) (const float *x, gsize n, guint8 *out);
  void (*decode) (const guint8 *in, gsize n, float *x);
  void (*pack) (const guint8 *file, guint cols, guint8 *packed);
} Owl2TypeInfo;

#define OWL2_MAX_BLOCK 256 /* elements, of any type */

/* Types are numbered from 0 to this without gaps, exact ones first. */
guint owl2_n_types (void);
const Owl2TypeInfo *owl2_type_at (guint index);
/* owl2_n_types() for an unknown type. */
guint owl2_type_index (Owl2Type type);
/* NULL for an unknown type. */
const Owl2TypeInfo *owl2_type_info (Owl2Type type);

/* Elements in a block and bytes of a block; 0 for an unknown type. */
guint owl2_type_block (Owl2Type type);
guint owl2_type_block_bytes (Owl2Type type);
const char *owl2_type_name (Owl2Type type); /* "f16"; NULL if unknown */
/* The reverse, in any case of letters; FALSE if unknown. */
gboolean owl2_type_parse (const char *name, Owl2Type *type);
/* (transfer full): "f32, f16, q8_0 and q4_k", where @last is "and". */
char *owl2_type_names (const char *last);

G_END_DECLS

#endif
