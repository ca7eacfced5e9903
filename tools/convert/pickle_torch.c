/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The names that PyTorch's pickles use, and what they build. */
#include "pickle_machine.h"
#include "files.h"

#include <string.h>

#define MAX_TENSORS (1u << 15) /* the full-size model has 862 */

typedef enum {
  GLOBAL_ORDERED_DICT,
  GLOBAL_REBUILD_TENSOR,
  GLOBAL_REBUILD_PARAMETER,
  GLOBAL_STORAGE,
} GlobalKind;

/* All that a pickle may name. */
static const struct {
  const char *module, *name;
  GlobalKind kind;
} globals[] = {
  { "collections", "OrderedDict", GLOBAL_ORDERED_DICT },
  { "torch._utils", "_rebuild_tensor_v2", GLOBAL_REBUILD_TENSOR },
  { "torch._utils", "_rebuild_parameter", GLOBAL_REBUILD_PARAMETER },
  { "torch", "FloatStorage", GLOBAL_STORAGE },
  { "torch", "HalfStorage", GLOBAL_STORAGE },
  { "torch", "BFloat16Storage", GLOBAL_STORAGE },
  { "torch", "DoubleStorage", GLOBAL_STORAGE },
  { "torch", "LongStorage", GLOBAL_STORAGE },
  { "torch", "IntStorage", GLOBAL_STORAGE },
  { "torch", "ShortStorage", GLOBAL_STORAGE },
  { "torch", "CharStorage", GLOBAL_STORAGE },
  { "torch", "ByteStorage", GLOBAL_STORAGE },
  { "torch", "BoolStorage", GLOBAL_STORAGE },
};

static gboolean
push_global (PickleMachine *m, const char *module, gsize n_module,
    const char *name, gsize n_name)
{
  g_autofree char *safe_module = NULL, *safe_name = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (globals); i++)
    if (strlen (globals[i].module) == n_module
        && strlen (globals[i].name) == n_name
        && memcmp (globals[i].module, module, n_module) == 0
        && memcmp (globals[i].name, name, n_name) == 0)
      return pickle_push (m, &(PickleValue){ .kind = V_GLOBAL, .u.global = i });
  safe_module = convert_quote (module, n_module);
  safe_name = convert_quote (name, n_name);
  return pickle_bad (m,
      "global '%s.%s' is not allowed in a checkpoint; nothing was run",
      safe_module, safe_name);
}

/* GLOBAL: module and name as two lines. */
gboolean
pickle_op_global (PickleMachine *m)
{
  const char *module = (const char *) m->data + m->pos, *name;
  const char *end = memchr (module, '\n', m->size - m->pos), *end2;

  if (!end)
    return pickle_bad (m, "name of a global has no end");
  name = end + 1;
  end2 = memchr (name, '\n', m->size - (gsize) (name - (const char *) m->data));
  if (!end2)
    return pickle_bad (m, "name of a global has no end");
  m->pos = (gsize) (end2 + 1 - (const char *) m->data);
  return push_global (
      m, module, (gsize) (end - module), name, (gsize) (end2 - name));
}

gboolean
pickle_op_stack_global (PickleMachine *m)
{
  PickleRef name, module;
  const PickleValue *n, *mod;

  if (!pickle_pop (m, &name) || !pickle_pop (m, &module))
    return FALSE;
  n = pickle_value (m, name);
  mod = pickle_value (m, module);
  if (n->kind != V_TEXT || mod->kind != V_TEXT)
    return pickle_bad (m, "a global is named by something else than text");
  return push_global (m, (const char *) m->data + mod->u.slice.start,
      mod->u.slice.n, (const char *) m->data + n->u.slice.start, n->u.slice.n);
}

/* Item @i of a tuple if it is of @kind, else NULL; no error is set. */
static const PickleValue *
item (PickleMachine *m, const PickleValue *tuple, guint i, PickleKind kind,
    PickleRef *ref)
{
  const PickleValue *v;

  if (i >= tuple->u.slice.n)
    return NULL;
  *ref = g_array_index (m->items, PickleRef, tuple->u.slice.start + i);
  v = pickle_value (m, *ref);
  return v->kind == kind ? v : NULL;
}

/* BINPERSID of ('storage', type, key, location, number of elements). */
gboolean
pickle_op_persistent_id (PickleMachine *m)
{
  PickleValue out = { .kind = V_STORAGE };
  const PickleValue *tag, *type, *elements;
  PickleValue tuple;
  PickleRef ref;

  if (!pickle_pop (m, &ref))
    return FALSE;
  tuple = *pickle_value (m, ref);
  if (tuple.kind != V_TUPLE || tuple.u.slice.n != 5
      || !(tag = item (m, &tuple, 0, V_TEXT, &ref)) || tag->u.slice.n != 7
      || memcmp (m->data + tag->u.slice.start, "storage", 7) != 0
      || !(type = item (m, &tuple, 1, V_GLOBAL, &ref))
      || globals[type->u.global].kind != GLOBAL_STORAGE
      || !item (m, &tuple, 2, V_TEXT, &out.u.storage.key)
      || !(elements = item (m, &tuple, 4, V_INT, &ref)) || elements->u.i < 0)
    return pickle_bad (m, "persistent id is not that of a storage");
  out.u.storage.global = type->u.global;
  out.u.storage.elements = elements->u.i;
  return pickle_push (m, &out);
}

static gboolean
is_numbers (PickleMachine *m, const PickleValue *tuple)
{
  const PickleValue *v;
  PickleRef ref;

  for (guint i = 0; i < tuple->u.slice.n; i++)
    if (!(v = item (m, tuple, i, V_INT, &ref)) || v->u.i < 0)
      return FALSE;
  return TRUE;
}

/* _rebuild_tensor_v2 (storage, offset, size, stride, requires_grad, hooks) */
static gboolean
rebuild_tensor (PickleMachine *m, const PickleValue *args)
{
  PickleValue out = { .kind = V_TENSOR };
  const PickleValue *offset, *dims, *strides;
  PickleRef ref;

  if (args->u.slice.n < 4 || args->u.slice.n > 7
      || !item (m, args, 0, V_STORAGE, &out.u.tensor.storage)
      || !(offset = item (m, args, 1, V_INT, &ref)) || offset->u.i < 0
      || !(dims = item (m, args, 2, V_TUPLE, &out.u.tensor.dims))
      || !(strides = item (m, args, 3, V_TUPLE, &out.u.tensor.strides))
      || dims->u.slice.n != strides->u.slice.n
      || dims->u.slice.n > PICKLE_MAX_DIMS || !is_numbers (m, dims)
      || !is_numbers (m, strides))
    return pickle_bad (m, "tensor is described by other values than expected");
  out.u.tensor.offset = offset->u.i;
  return pickle_push (m, &out);
}

gboolean
pickle_op_reduce (PickleMachine *m)
{
  PickleValue callee, args;
  PickleRef ref;

  if (!pickle_pop (m, &ref))
    return FALSE;
  args = *pickle_value (m, ref);
  if (!pickle_pop (m, &ref))
    return FALSE;
  callee = *pickle_value (m, ref);
  if (callee.kind != V_GLOBAL || args.kind != V_TUPLE)
    return pickle_bad (m, "REDUCE of something that is no allowed global");
  switch (globals[callee.u.global].kind) {
    case GLOBAL_ORDERED_DICT:
      if (args.u.slice.n != 0)
        return pickle_bad (m, "OrderedDict with arguments");
      return pickle_push (m, &(PickleValue){ .kind = V_DICT });
    case GLOBAL_REBUILD_TENSOR:
      return rebuild_tensor (m, &args);
    case GLOBAL_REBUILD_PARAMETER:
      if (args.u.slice.n < 1 || !item (m, &args, 0, V_TENSOR, &ref))
        return pickle_bad (m, "a parameter without a tensor");
      return pickle_push_ref (m, ref);
    case GLOBAL_STORAGE:
      break;
  }
  return pickle_bad (m, "REDUCE of a storage type");
}

/* Attributes of a state dictionary (_metadata) are of no use here. */
gboolean
pickle_op_build (PickleMachine *m)
{
  PickleRef ref;

  if (!pickle_pop (m, &ref))
    return FALSE;
  if (m->stack->len <= pickle_floor (m))
    return pickle_bad (m, "stack is empty");
  ref = g_array_index (m->stack, PickleRef, m->stack->len - 1);
  return pickle_value (m, ref)->kind == V_DICT
         || pickle_bad (m, "BUILD of something that is no dictionary");
}

/* ---- result ----------------------------------------------------------- */

static void
tensor_free (gpointer data)
{
  PickleTensor *t = data;

  g_free (t->name);
  g_free (t->storage_key);
  g_free (t);
}

static gboolean
read_tensor (PickleMachine *m, const PickleValue *v, PickleTensor *out)
{
  const PickleValue *storage = pickle_value (m, v->u.tensor.storage);
  const PickleValue *dims = pickle_value (m, v->u.tensor.dims);
  const PickleValue *strides = pickle_value (m, v->u.tensor.strides);
  const PickleValue *key = pickle_value (m, storage->u.storage.key);
  PickleRef ref;

  if (!convert_is_name (
          (const char *) m->data + key->u.slice.start, key->u.slice.n))
    return pickle_bad (
        m, "storage of tensor '%s' has no printable name", out->name);
  out->storage_type = globals[storage->u.storage.global].name;
  out->storage_key =
      g_strndup ((const char *) m->data + key->u.slice.start, key->u.slice.n);
  out->storage_elements = (guint64) storage->u.storage.elements;
  out->offset = (guint64) v->u.tensor.offset;
  out->n_dims = dims->u.slice.n;
  for (guint d = 0; d < out->n_dims; d++) {
    out->dims[d] = (guint64) item (m, dims, d, V_INT, &ref)->u.i;
    out->strides[d] = (guint64) item (m, strides, d, V_INT, &ref)->u.i;
  }
  return TRUE;
}

GPtrArray *
pickle_collect (PickleMachine *m, PickleRef result)
{
  g_autoptr (GPtrArray) out = g_ptr_array_new_with_free_func (tensor_free);
  g_autoptr (GHashTable) names = g_hash_table_new (g_str_hash, g_str_equal);
  const PickleValue *dict = pickle_value (m, result);
  GArray *refs = dict->u.refs;

  if (dict->kind != V_DICT) {
    pickle_bad (m, "the result is not a dictionary of tensors");
    return NULL;
  }
  if (refs && refs->len / 2 > MAX_TENSORS) {
    pickle_bad (m, "%u tensors, the limit is %u", refs->len / 2, MAX_TENSORS);
    return NULL;
  }
  for (guint i = 0; refs && i < refs->len; i += 2) {
    const PickleValue *key =
        pickle_value (m, g_array_index (refs, PickleRef, i));
    const PickleValue *value =
        pickle_value (m, g_array_index (refs, PickleRef, i + 1));
    const char *text = (const char *) m->data + key->u.slice.start;
    PickleTensor *t;

    if (key->kind != V_TEXT || !convert_is_name (text, key->u.slice.n)) {
      pickle_bad (m, "entry %u of the dictionary has no printable name", i / 2);
      return NULL;
    }
    t = g_new0 (PickleTensor, 1);
    g_ptr_array_add (out, t);
    t->name = g_strndup (text, key->u.slice.n);
    if (!g_hash_table_add (names, t->name)) {
      pickle_bad (m, "tensor '%s' is there twice", t->name);
      return NULL;
    }
    if (value->kind == V_TENSOR && !read_tensor (m, value, t))
      return NULL;
  }
  return g_steal_pointer (&out);
}
