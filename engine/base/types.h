/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Element types of tensors, with the numbers and block layouts of GGUF. */
#ifndef OWL2_TYPES_H
#define OWL2_TYPES_H

#include <glib.h>

G_BEGIN_DECLS

typedef enum {
  OWL2_TYPE_F32 = 0,
  OWL2_TYPE_F16 = 1,
  OWL2_TYPE_Q8_0 = 8,  /* 32 elements in 34 bytes */
  OWL2_TYPE_Q4_K = 12, /* 256 elements in 144 bytes */
} Owl2Type;

/* Elements in a block and bytes of a block; 0 for an unknown type. */
guint owl2_type_block (Owl2Type type);
guint owl2_type_block_bytes (Owl2Type type);
const char *owl2_type_name (Owl2Type type); /* "f16"; NULL if unknown */
/* The reverse, in any case of letters; FALSE if unknown. */
gboolean owl2_type_parse (const char *name, Owl2Type *type);

G_END_DECLS

#endif
