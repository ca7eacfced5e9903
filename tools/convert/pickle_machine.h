/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The pickle machine, shared by pickle.c (opcodes, stack, memo) and
 * pickle_torch.c (what PyTorch's names mean). */
#ifndef OWL2_CONVERT_PICKLE_MACHINE_H
#define OWL2_CONVERT_PICKLE_MACHINE_H

#include "pickle.h"

G_BEGIN_DECLS

typedef guint32 PickleRef; /* index into PickleMachine.values */

typedef enum {
  V_NONE,
  V_BOOL,
  V_INT,
  V_FLOAT,
  V_TEXT, /* bytes in the pickle */
  V_BYTES,
  V_TUPLE, /* refs in PickleMachine.items */
  V_LIST,
  V_DICT, /* key, value, key, value */
  V_GLOBAL,
  V_STORAGE,
  V_TENSOR,
} PickleKind;

typedef struct {
  PickleKind kind;
  union {
    gint64 i;
    guint global; /* index into globals */
    struct {
      guint32 start, n; /* of text: bytes; of a tuple: items */
    } slice;
    GArray *refs; /* of a list or dict; NULL while empty */
    struct {
      guint32 global;
      PickleRef key;
      gint64 elements;
    } storage;
    struct {
      PickleRef storage, dims, strides;
      gint64 offset;
    } tensor;
  } u;
} PickleValue;

typedef struct {
  const guint8 *data;
  gsize size, pos;
  gsize op_at; /* of the opcode being run */
  const char *file;
  GError **error;
  GArray *values; /* PickleValue */
  GArray *items;  /* PickleRef, of all tuples */
  guint n_items;  /* of all tuples, lists and dictionaries */
  GArray *stack;  /* PickleRef */
  GArray *marks;  /* guint32: stack heights */
  GArray *memo;   /* PickleRef + 1; 0: not set */
} PickleMachine;

/* Sets BAD_FILE with the place in the pickle; always FALSE. */
gboolean pickle_bad (PickleMachine *m, const char *format, ...)
    G_GNUC_PRINTF (2, 3);
/* Valid until the next value is pushed. */
PickleValue *pickle_value (PickleMachine *m, PickleRef ref);
/* A new value, or one that is there already, onto the stack. */
gboolean pickle_push (PickleMachine *m, const PickleValue *value);
gboolean pickle_push_ref (PickleMachine *m, PickleRef ref);
gboolean pickle_pop (PickleMachine *m, PickleRef *ref);
/* Height above which the stack may be popped: that of the last mark. */
guint pickle_floor (PickleMachine *m);

/* pickle_torch.c: opcodes that name, call or describe something. */
gboolean pickle_op_global (PickleMachine *m);
gboolean pickle_op_stack_global (PickleMachine *m);
gboolean pickle_op_persistent_id (PickleMachine *m);
gboolean pickle_op_reduce (PickleMachine *m);
gboolean pickle_op_build (PickleMachine *m);
/* (transfer full): the tensors of the dictionary @result. */
GPtrArray *pickle_collect (PickleMachine *m, PickleRef result);

G_END_DECLS

#endif
