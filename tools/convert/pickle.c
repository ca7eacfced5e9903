/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Opcodes as in CPython's Lib/pickletools.py, protocols 2 to 5. */
#include "pickle_machine.h"
#include "files.h"

#include <string.h>

/* A full-size model in one file needs about 20,000 values. */
#define MAX_VALUES (1u << 18)
#define MAX_STACK (1u << 20)
/* Of all tuples, lists and dictionaries: one byte puts a value that is there
 * already into one of them once more. */
#define MAX_ITEMS (1u << 20)

gboolean
pickle_bad (PickleMachine *m, const char *format, ...)
{
  g_autofree char *message = NULL;
  va_list args;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  return convert_bad (m->file, m->error, "pickle, byte %" G_GSIZE_FORMAT ": %s",
      m->op_at, message);
}

PickleValue *
pickle_value (PickleMachine *m, PickleRef ref)
{
  return &g_array_index (m->values, PickleValue, ref);
}

static const guint8 *
take (PickleMachine *m, guint64 n)
{
  const guint8 *p = m->data + m->pos;

  if (n > m->size - m->pos) {
    pickle_bad (m,
        "%" G_GUINT64_FORMAT " bytes needed, %" G_GSIZE_FORMAT " left", n,
        m->size - m->pos);
    return NULL;
  }
  m->pos += n;
  return p;
}

/* A little-endian number of @n bytes, at most 8. */
static gboolean
take_number (PickleMachine *m, guint n, guint64 *value)
{
  const guint8 *p = take (m, n);

  if (!p)
    return FALSE;
  *value = 0;
  for (guint i = 0; i < n; i++)
    *value |= (guint64) p[i] << (8 * i);
  return TRUE;
}

/* ---- stack ------------------------------------------------------------ */

gboolean
pickle_push_ref (PickleMachine *m, PickleRef ref)
{
  if (m->stack->len >= MAX_STACK)
    return pickle_bad (m, "more than %u values on the stack", MAX_STACK);
  g_array_append_val (m->stack, ref);
  return TRUE;
}

gboolean
pickle_push (PickleMachine *m, const PickleValue *value)
{
  if (m->values->len >= MAX_VALUES)
    return pickle_bad (m, "more than %u values", MAX_VALUES);
  g_array_append_vals (m->values, value, 1);
  return pickle_push_ref (m, m->values->len - 1);
}

static gboolean
push_int (PickleMachine *m, gint64 i)
{
  return pickle_push (m, &(PickleValue){ .kind = V_INT, .u.i = i });
}

static gboolean
push_slice (PickleMachine *m, PickleKind kind, guint64 start, guint64 n)
{
  PickleValue v = { .kind = kind };

  v.u.slice.start = (guint32) start;
  v.u.slice.n = (guint32) n;
  return pickle_push (m, &v);
}

guint
pickle_floor (PickleMachine *m)
{
  guint n = m->marks->len;

  return n ? g_array_index (m->marks, guint32, n - 1) : 0;
}

gboolean
pickle_pop (PickleMachine *m, PickleRef *ref)
{
  if (m->stack->len <= pickle_floor (m))
    return pickle_bad (m, "stack is empty");
  *ref = g_array_index (m->stack, PickleRef, m->stack->len - 1);
  g_array_set_size (m->stack, m->stack->len - 1);
  return TRUE;
}

/* Takes back the last mark; what lies above @start is still on the stack. */
static gboolean
pop_mark (PickleMachine *m, guint *start)
{
  if (m->marks->len == 0)
    return pickle_bad (m, "no mark on the stack");
  *start = pickle_floor (m);
  g_array_set_size (m->marks, m->marks->len - 1);
  return TRUE;
}

static gboolean
count_items (PickleMachine *m, guint n)
{
  if (n > MAX_ITEMS - m->n_items)
    return pickle_bad (
        m, "more than %u items of tuples, lists and dictionaries", MAX_ITEMS);
  m->n_items += n;
  return TRUE;
}

static gboolean
push_tuple (PickleMachine *m, guint start)
{
  guint n = m->stack->len - start;
  guint at = m->items->len;

  if (!count_items (m, n))
    return FALSE;
  if (n > 0)
    g_array_append_vals (
        m->items, &g_array_index (m->stack, PickleRef, start), n);
  g_array_set_size (m->stack, start);
  return push_slice (m, V_TUPLE, at, n);
}

static gboolean
tuple_of (PickleMachine *m, guint n)
{
  if (m->stack->len - pickle_floor (m) < n)
    return pickle_bad (m, "tuple of %u from a stack of %u", n,
        m->stack->len - pickle_floor (m));
  return push_tuple (m, m->stack->len - n);
}

/* Moves what lies above @start into the list or dict below it. */
static gboolean
extend (PickleMachine *m, guint start, PickleKind kind)
{
  guint n = m->stack->len - start;
  PickleValue *v;

  if (kind == V_DICT && n % 2 != 0)
    return pickle_bad (m, "a key without a value");
  if (start == 0 || start <= pickle_floor (m))
    return pickle_bad (m, "stack is empty");
  v = pickle_value (m, g_array_index (m->stack, PickleRef, start - 1));
  if (v->kind != kind)
    return pickle_bad (
        m, "%s expected", kind == V_DICT ? "dictionary" : "list");
  if (!count_items (m, n))
    return FALSE;
  if (n > 0) {
    if (!v->u.refs)
      v->u.refs = g_array_new (FALSE, FALSE, sizeof (PickleRef));
    g_array_append_vals (
        v->u.refs, &g_array_index (m->stack, PickleRef, start), n);
  }
  g_array_set_size (m->stack, start);
  return TRUE;
}

/* ---- memo ------------------------------------------------------------- */

static gboolean
memo_put (PickleMachine *m, guint64 index)
{
  if (m->stack->len <= pickle_floor (m))
    return pickle_bad (m, "stack is empty");
  if (index >= MAX_VALUES)
    return pickle_bad (m, "memo index %" G_GUINT64_FORMAT ", the limit is %u",
        index, MAX_VALUES);
  if (index >= m->memo->len)
    g_array_set_size (m->memo, (guint) index + 1);
  g_array_index (m->memo, PickleRef, index) =
      g_array_index (m->stack, PickleRef, m->stack->len - 1) + 1;
  return TRUE;
}

static gboolean
memo_get (PickleMachine *m, guint64 index)
{
  PickleRef ref =
      index < m->memo->len ? g_array_index (m->memo, PickleRef, index) : 0;

  if (ref == 0)
    return pickle_bad (m, "memo %" G_GUINT64_FORMAT " was never set", index);
  return pickle_push_ref (m, ref - 1);
}

/* ---- opcodes ---------------------------------------------------------- */

/* Strings and bytes with a length of @n bytes in front. */
static gboolean
op_string (PickleMachine *m, guint n, PickleKind kind)
{
  guint64 length;
  gsize at;

  if (!take_number (m, n, &length))
    return FALSE;
  at = m->pos;
  return take (m, length) && push_slice (m, kind, at, length);
}

/* LONG1: two's complement of any length; eight bytes are all that fits. */
static gboolean
op_long (PickleMachine *m)
{
  guint64 length, value;

  if (!take_number (m, 1, &length))
    return FALSE;
  if (length > 8)
    return pickle_bad (m, "integer of %u bytes", (guint) length);
  if (!take_number (m, (guint) length, &value))
    return FALSE;
  if (length > 0 && length < 8 && (value >> (8 * length - 1)))
    value |= ~G_GUINT64_CONSTANT (0) << (8 * length);
  return push_int (m, (gint64) value);
}

static gboolean
op_number (PickleMachine *m, guint n)
{
  guint64 value;

  if (!take_number (m, n, &value))
    return FALSE;
  return push_int (m, n == 4 ? (gint32) value : (gint64) value);
}

static gboolean
op_memo (PickleMachine *m, guint n, gboolean (*run) (PickleMachine *, guint64))
{
  guint64 index;

  return take_number (m, n, &index) && run (m, index);
}

static gboolean
op_protocol (PickleMachine *m)
{
  guint64 version;

  if (!take_number (m, 1, &version))
    return FALSE;
  if (version < 2 || version > 5)
    return pickle_bad (m, "protocol %u, known are 2 to 5", (guint) version);
  return TRUE;
}

static gboolean
op_mark (PickleMachine *m)
{
  guint32 height = m->stack->len;

  if (m->marks->len >= MAX_STACK)
    return pickle_bad (m, "more than %u marks", MAX_STACK);
  g_array_append_val (m->marks, height);
  return TRUE;
}

/* Opcodes that end what a mark began. */
static gboolean
op_to_mark (PickleMachine *m, guint8 op)
{
  guint start = 0;

  if (!pop_mark (m, &start))
    return FALSE;
  switch (op) {
    case 't':
      return push_tuple (m, start);
    case 'e':
      return extend (m, start, V_LIST);
    case 'u':
      return extend (m, start, V_DICT);
    default: /* '1', POP_MARK */
      g_array_set_size (m->stack, start);
      return TRUE;
  }
}

static gboolean
op_dup (PickleMachine *m)
{
  if (m->stack->len <= pickle_floor (m))
    return pickle_bad (m, "stack is empty");
  return pickle_push_ref (
      m, g_array_index (m->stack, PickleRef, m->stack->len - 1));
}

static gboolean
run_op (PickleMachine *m, guint8 op)
{
  guint64 length;
  PickleRef ref;

  switch (op) {
    case 0x80:
      return op_protocol (m);
    case 0x95: /* FRAME: only a hint for buffering */
      return take_number (m, 8, &length);
    case '(':
      return op_mark (m);
    case 't':
    case 'e':
    case 'u':
    case '1':
      return op_to_mark (m, op);
    case '0':
      return pickle_pop (m, &ref);
    case '2':
      return op_dup (m);
    case 'N':
      return pickle_push (m, &(PickleValue){ .kind = V_NONE });
    case 0x88:
    case 0x89:
      return pickle_push (m, &(PickleValue){ .kind = V_BOOL });
    case 'J':
      return op_number (m, 4);
    case 'K':
      return op_number (m, 1);
    case 'M':
      return op_number (m, 2);
    case 0x8a:
      return op_long (m);
    case 'G':
      return take (m, 8) && pickle_push (m, &(PickleValue){ .kind = V_FLOAT });
    case 'X': /* BINUNICODE */
    case 'T': /* BINSTRING: text of Python 2 */
      return op_string (m, 4, V_TEXT);
    case 0x8c: /* SHORT_BINUNICODE */
    case 'U':  /* SHORT_BINSTRING */
      return op_string (m, 1, V_TEXT);
    case 0x8d: /* BINUNICODE8 */
      return op_string (m, 8, V_TEXT);
    case 'B':
      return op_string (m, 4, V_BYTES);
    case 'C':
      return op_string (m, 1, V_BYTES);
    case 0x8e:
      return op_string (m, 8, V_BYTES);
    case ')':
      return push_slice (m, V_TUPLE, 0, 0);
    case 0x85:
    case 0x86:
    case 0x87:
      return tuple_of (m, op - 0x84u);
    case ']':
      return pickle_push (m, &(PickleValue){ .kind = V_LIST });
    case '}':
      return pickle_push (m, &(PickleValue){ .kind = V_DICT });
    case 'a':
      return extend (m, m->stack->len - MIN (m->stack->len, 1), V_LIST);
    case 's':
      return extend (m, m->stack->len - MIN (m->stack->len, 2), V_DICT);
    case 'q':
      return op_memo (m, 1, memo_put);
    case 'r':
      return op_memo (m, 4, memo_put);
    case 0x94: /* MEMOIZE: the next free number, as they come in order */
      return memo_put (m, m->memo->len);
    case 'h':
      return op_memo (m, 1, memo_get);
    case 'j':
      return op_memo (m, 4, memo_get);
    case 'c':
      return pickle_op_global (m);
    case 0x93:
      return pickle_op_stack_global (m);
    case 'Q':
      return pickle_op_persistent_id (m);
    case 'R':
      return pickle_op_reduce (m);
    case 'b':
      return pickle_op_build (m);
    default:
      return pickle_bad (m, "opcode 0x%02x is not allowed in a checkpoint", op);
  }
}

/* Runs to STOP; the result is what lies on the stack then. */
static gboolean
run (PickleMachine *m, PickleRef *result)
{
  while (TRUE) {
    const guint8 *op;

    m->op_at = m->pos;
    if (!(op = take (m, 1)))
      return FALSE;
    if (*op == '.')
      return pickle_pop (m, result);
    if (!run_op (m, *op))
      return FALSE;
  }
}

GPtrArray *
pickle_read (const guint8 *data, gsize size, const char *file, GError **error)
{
  PickleMachine m = {
    .data = data, .size = size, .file = file, .error = error
  };
  GPtrArray *out = NULL;
  PickleRef result = 0;

  g_return_val_if_fail (size <= PICKLE_MAX_BYTES, NULL);
  m.values = g_array_new (FALSE, FALSE, sizeof (PickleValue));
  m.items = g_array_new (FALSE, FALSE, sizeof (PickleRef));
  m.stack = g_array_new (FALSE, FALSE, sizeof (PickleRef));
  m.marks = g_array_new (FALSE, FALSE, sizeof (guint32));
  m.memo = g_array_new (FALSE, TRUE, sizeof (PickleRef));
  if (run (&m, &result))
    out = pickle_collect (&m, result);
  for (guint i = 0; i < m.values->len; i++) {
    PickleValue *v = pickle_value (&m, i);

    if ((v->kind == V_LIST || v->kind == V_DICT) && v->u.refs)
      g_array_unref (v->u.refs);
  }
  g_array_unref (m.values);
  g_array_unref (m.items);
  g_array_unref (m.stack);
  g_array_unref (m.marks);
  g_array_unref (m.memo);
  return out;
}
