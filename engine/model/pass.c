/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pass.h"

#include <string.h>

#include "taps.h"

#define MAX_UPDATE_BYTES 65536 /* see ovk_cmd_update() */

void
owl2_pass_init (Owl2Pass *pass)
{
  memset (pass, 0, sizeof *pass);
  pass->pages = g_array_new (FALSE, FALSE, sizeof (guint32));
  pass->copies = g_array_new (FALSE, FALSE, sizeof (Owl2PassCopy));
  pass->logits = g_array_new (FALSE, FALSE, sizeof (Owl2PassLogits));
  pass->looks = g_array_new (FALSE, FALSE, sizeof (Owl2PassLook));
  pass->picks = g_array_new (FALSE, FALSE, sizeof (Owl2Pick));
}

void
owl2_pass_clear (Owl2Pass *pass)
{
  g_clear_pointer (&pass->pages, g_array_unref);
  g_clear_pointer (&pass->copies, g_array_unref);
  g_clear_pointer (&pass->logits, g_array_unref);
  g_clear_pointer (&pass->looks, g_array_unref);
  g_clear_pointer (&pass->picks, g_array_unref);
}

void
owl2_pass_reset (Owl2Pass *pass)
{
  pass->n_prefill = pass->n_decode = pass->n_scored = 0;
  pass->last = pass->attention = FALSE;
  g_array_set_size (pass->pages, 0);
  g_array_set_size (pass->copies, 0);
  g_array_set_size (pass->logits, 0);
  g_array_set_size (pass->looks, 0);
  g_array_set_size (pass->picks, 0);
}

guint
owl2_pass_add_pages (Owl2Pass *pass, const guint32 *pages, guint n)
{
  guint index = pass->pages->len;

  g_array_append_vals (pass->pages, pages, n);
  return index;
}

Owl2PassRow *
owl2_pass_add_row (Owl2Pass *pass, Owl2Family family, guint32 source,
    guint modality, guint position, guint pages)
{
  guint n = pass->n_prefill + pass->n_decode, at = pages + position / OWL2_PAGE;
  Owl2PassRow *row = &pass->rows[n];

  g_return_val_if_fail (n < OWL2_PASS_ROWS && at < pass->pages->len, NULL);
  g_return_val_if_fail (family == OWL2_DECODE || !pass->n_decode, NULL);
  if (family == OWL2_PREFILL)
    pass->n_prefill++;
  else
    pass->n_decode++;
  *row = (Owl2PassRow){
    .source = source,
    .modality = modality,
    .position = position,
    .kv_row = g_array_index (pass->pages, guint32, at) * OWL2_PAGE
              + position % OWL2_PAGE,
    .pages = pages,
    .ban = OWL2_ROW_NO_BAN,
  };
  return row;
}

void
owl2_pass_add_pick (Owl2Pass *pass, guint row, guint32 id)
{
  const Owl2Pick pick = { row, id };

  g_return_if_fail (pass->picks->len < OWL2_PASS_PICKS);
  g_array_append_val (pass->picks, pick);
}

guint
owl2_pass_wanted (const Owl2Pass *pass, guint *first)
{
  guint n_last = pass->last && pass->n_prefill;

  *first = pass->n_prefill - n_last;
  return n_last + pass->n_decode;
}

gboolean
owl2_pass_decodes (const Owl2Pass *pass)
{
  return pass->n_prefill == 0;
}

static void
upload (OvkCmd *cmd, OvkSlice dst, gconstpointer data, gsize size_bytes)
{
  for (gsize at = 0; at < size_bytes; at += MAX_UPDATE_BYTES) {
    OvkSlice part = dst;

    part.offset += at;
    part.size = MIN (size_bytes - at, MAX_UPDATE_BYTES);
    ovk_cmd_update (cmd, part, (const guint8 *) data + at, part.size);
  }
}

static const char *
embed_label (const Owl2Pass *pass)
{
  return owl2_pass_decodes (pass) ? "decode embed" : "prefill embed";
}

/* What the device reads of the pass: the rows, the pages, and features into
 * b->x. */
static gboolean
record_tables (Owl2Exec *exec, const Owl2DecoderBuffers *b,
    const Owl2Pass *pass, GError **error)
{
  guint n = pass->n_prefill + pass->n_decode;
  gsize row_bytes = b->x.cols * sizeof (float);
  OvkCmd *cmd = owl2_exec_next (exec, embed_label (pass), error);

  if (!cmd)
    return FALSE;
  upload (cmd, b->rows, pass->rows, n * sizeof (Owl2PassRow));
  upload (
      cmd, b->pages, pass->pages->data, pass->pages->len * sizeof (guint32));
  upload (
      cmd, b->picks, pass->picks->data, pass->picks->len * sizeof (Owl2Pick));
  for (guint i = 0; i < pass->copies->len; i++) {
    const Owl2PassCopy *copy = &g_array_index (pass->copies, Owl2PassCopy, i);
    OvkSlice to = b->x.slice, from = copy->from;

    to.offset += copy->row * row_bytes;
    to.size = from.size = copy->n * row_bytes;
    ovk_cmd_copy (cmd, to, from);
  }
  return TRUE;
}

/* b->x = the inputs. */
static gboolean
record_embed (Owl2Exec *exec, const Owl2Weights *weights,
    const Owl2DecoderBuffers *b, const Owl2Pass *pass, GError **error)
{
  guint n = pass->n_prefill + pass->n_decode;
  const Owl2Rows rows = { b->rows, 0 };
  Owl2Tensor x = owl2_tensor_rows (b->x, 0, n);
  OvkCmd *cmd = owl2_exec_next (exec, embed_label (pass), error);

  if (!cmd)
    return FALSE;
  owl2_op_embed (cmd, &x, &weights->decoder.embed, &rows, n, b->results);
  return owl2_tap_rows (exec, "inputs_embeds", -1, x, pass->n_prefill, error);
}

/* b->logits = those of rows @first .. @first + @n - 1, in OWL2_DECODE. Returns:
 * the command list to go on with, or NULL. */
static OvkCmd *
record_logits (Owl2Exec *exec, const Owl2Weights *weights,
    const Owl2DecoderBuffers *b, const Owl2Pass *pass, guint first, guint n,
    GError **error)
{
  Owl2Tensor x = owl2_tensor_rows (b->x, first, n);
  Owl2Tensor h = owl2_tensor_rows (b->h, first, n);
  Owl2Tensor logits = owl2_tensor_rows (b->logits, 0, n);
  OvkCmd *cmd = owl2_exec_next (exec,
      owl2_pass_decodes (pass) ? "decode logits" : "prefill logits", error);

  if (!cmd)
    return NULL;
  owl2_op_rmsnorm (cmd, &h, &x, &weights->decoder.norm, &weights->decoder.norm,
      NULL, weights->config.decoder.eps);
  owl2_op_matmul (cmd, OWL2_DECODE, &logits, &h, &weights->decoder.output, NULL,
      OWL2_ACT_NONE, NULL);
  return cmd;
}

/* The likelihoods of the picks, as many rows at a time as there are logits. */
static gboolean
record_scores (Owl2Exec *exec, const Owl2Weights *weights,
    const Owl2DecoderBuffers *b, const Owl2Pass *pass, GError **error)
{
  guint first = pass->n_prefill - pass->n_scored, n;

  for (; first < pass->n_prefill; first += n) {
    Owl2Tensor logits;
    OvkCmd *cmd;

    n = MIN (b->logits.rows, pass->n_prefill - first);
    cmd = record_logits (exec, weights, b, pass, first, n, error);
    if (!cmd)
      return FALSE;
    logits = owl2_tensor_rows (b->logits, 0, n);
    owl2_op_likelihood (
        cmd, pass->likelihoods, b->picks, pass->picks->len, &logits, first);
  }
  return TRUE;
}

/* The results of the rows after which a token is chosen. */
static gboolean
record_head (Owl2Exec *exec, const Owl2Weights *weights,
    const Owl2DecoderBuffers *b, const Owl2Pass *pass, GError **error)
{
  guint first, n = owl2_pass_wanted (pass, &first);
  const Owl2Rows rows = { b->rows, first };
  Owl2Tensor logits = owl2_tensor_rows (b->logits, 0, n);
  OvkCmd *cmd;

  if (!n)
    return TRUE;
  cmd = record_logits (exec, weights, b, pass, first, n, error);
  if (!cmd)
    return FALSE;
  owl2_op_argmax (cmd, b->results, &logits, &rows, b->scratch);
  return TRUE;
}

static gboolean
record_work (Owl2Exec *exec, const Owl2Weights *weights,
    const Owl2KvTensors *kv, const Owl2DecoderBuffers *b, const Owl2Pass *pass,
    GError **error)
{
  return record_embed (exec, weights, b, pass, error)
         && owl2_decoder_record (exec, weights, kv, b, pass, error)
         && owl2_tap_logits (exec, weights, b, pass->n_prefill, error)
         && record_scores (exec, weights, b, pass, error)
         && record_head (exec, weights, b, pass, error);
}

/* The commands of passes with as many rows are the same, but for those that
 * tell what rows look at. */
static gboolean
can_repeat (const Owl2Exec *exec, const Owl2Pass *pass)
{
  for (guint i = 0; i < pass->n_decode; i++)
    if (pass->rows[i].modality != 0)
      return FALSE;
  return owl2_pass_decodes (pass) && !pass->looks->len && !exec->tap
         && !exec->collecting;
}

static gboolean
repeat_work (Owl2Exec *exec, const Owl2Weights *weights,
    const Owl2KvTensors *kv, const Owl2DecoderBuffers *b, const Owl2Pass *pass,
    Owl2Replay *replay, GError **error)
{
  Owl2Kept *kept = owl2_replay_find (replay, exec, kv, pass->n_decode);

  if (owl2_exec_fits (exec, kept))
    return owl2_exec_repeat (exec, kept, error);
  return owl2_exec_keep (exec, kept, error)
         && record_work (exec, weights, kv, b, pass, error)
         && owl2_exec_keep_end (exec, error);
}

/* Logits for the host. */
static void
record_copies (
    Owl2Exec *exec, const Owl2DecoderBuffers *b, const Owl2Pass *pass)
{
  gsize row_bytes = b->logits.cols * sizeof (float);
  guint first;

  owl2_pass_wanted (pass, &first);
  for (guint i = 0; i < pass->logits->len; i++) {
    const Owl2PassLogits *copy =
        &g_array_index (pass->logits, Owl2PassLogits, i);
    OvkSlice to = copy->to, from = b->logits.slice;

    from.offset += (copy->row - first) * row_bytes;
    from.size = to.size = row_bytes;
    ovk_cmd_copy (owl2_exec_cmd (exec), to, from);
  }
}

gboolean
owl2_pass_record (Owl2Exec *exec, const Owl2Weights *weights,
    const Owl2KvTensors *kv, const Owl2DecoderBuffers *b, const Owl2Pass *pass,
    Owl2Replay *replay, GError **error)
{
  gboolean ok;

  g_return_val_if_fail (pass->n_prefill + pass->n_decode > 0, FALSE);
  g_return_val_if_fail (pass->n_prefill <= b->chunk, FALSE);
  g_return_val_if_fail (pass->n_decode <= OWL2_PASS_DECODE, FALSE);
  g_return_val_if_fail (pass->n_scored <= pass->n_prefill, FALSE);
  g_return_val_if_fail (
      pass->pages->len <= b->pages.size / sizeof (guint32), FALSE);

  if (!record_tables (exec, b, pass, error))
    return FALSE;
  ok = replay && can_repeat (exec, pass)
           ? repeat_work (exec, weights, kv, b, pass, replay, error)
           : record_work (exec, weights, kv, b, pass, error);
  if (!ok)
    return FALSE;
  record_copies (exec, b, pass);
  return owl2_exec_step (exec, error);
}
