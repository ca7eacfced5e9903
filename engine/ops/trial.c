/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "trial.h"

#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "ref.h"

#define IN_BYTES ((gsize) 4 << 20)  /* of all operands of a trial */
#define OUT_BYTES ((gsize) 1 << 20) /* of all that it makes */
/* Of what plain C computes with: several times what a trial takes, of which
 * only what is touched is there. */
#define MEMORY_BYTES ((gsize) 8 << 20)
#define ALIGN 256u /* bytes, of an operand; no device asks for more */
#define NAN_WORD 0x7fc0deadu

/* How many times the same is done, and with it, what is looked at. */
typedef enum {
  LOOK,   /* which pipelines would be taken */
  FIRST,  /* and compared with plain C */
  SECOND, /* and compared with the first */
} Pass;

struct _Owl2Trial {
  OvkDevice *dev; /* borrowed */
  OvkCmd *cmd;
  OvkArena *arena, *results;
  OvkSlice in, out;
  guint8 *host;      /* what goes to @in */
  guint8 *before;    /* what the first run left there */
  guint8 *memory;    /* of owl2_trial_alloc() */
  gsize n_in, n_out, n_memory; /* bytes in use */
  GArray *outs;                /* Owl2TrialTensor */
  Pass pass;
  gboolean odd;      /* operands lie as no vector can be read */
  gboolean overflow; /* they don't fit */
  gboolean ran;      /* something was computed and compared */
  guint64 rng;
  char *wrong;   /* (nullable) */
  GError *error; /* (nullable) */
};

static const Owl2TrialFunc trials[OWL2_N_OPS] = {
  [OWL2_OP_ADD] = owl2_trial_add,
  [OWL2_OP_ARGMAX] = owl2_trial_argmax,
  [OWL2_OP_ATTENTION] = owl2_trial_attention,
  [OWL2_OP_ATTENTION_PROBS] = owl2_trial_attention_probs,
  [OWL2_OP_COPY] = owl2_trial_copy,
  [OWL2_OP_COUNT_BAD] = owl2_trial_count_bad,
  [OWL2_OP_EMBED] = owl2_trial_embed,
  [OWL2_OP_LAYERNORM] = owl2_trial_layernorm,
  [OWL2_OP_LIKELIHOOD] = owl2_trial_likelihood,
  [OWL2_OP_MATMUL] = owl2_trial_matmul,
  [OWL2_OP_MEAN_HEADS] = owl2_trial_mean_heads,
  [OWL2_OP_PATCHIFY] = owl2_trial_patchify,
  [OWL2_OP_PLACE_QKV] = owl2_trial_place_qkv,
  [OWL2_OP_POOLED_DOTS] = owl2_trial_pooled_dots,
  [OWL2_OP_RESIZE] = owl2_trial_resize,
  [OWL2_OP_RESIZE_ALONG] = owl2_trial_resize_along,
  [OWL2_OP_RESIZE_LANES] = owl2_trial_resize_lanes,
  [OWL2_OP_RMSNORM] = owl2_trial_rmsnorm,
  [OWL2_OP_SWIGLU] = owl2_trial_swiglu,
  [OWL2_OP_TO_RGB] = owl2_trial_to_rgb,
  [OWL2_OP_TURN] = owl2_trial_turn,
};

Owl2Trial *
owl2_trial_new (OvkDevice *dev, GError **error)
{
  g_autoptr (Owl2Trial) t = g_new0 (Owl2Trial, 1);

  t->dev = dev;
  t->host = g_try_malloc (IN_BYTES);
  t->before = g_try_malloc (OUT_BYTES);
  t->memory = g_try_malloc (MEMORY_BYTES);
  t->outs = g_array_new (FALSE, FALSE, sizeof (Owl2TrialTensor));
  if (!t->host || !t->before || !t->memory) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_NO_MEMORY,
        "no memory for %" G_GSIZE_FORMAT " bytes to try kernels with",
        IN_BYTES + OUT_BYTES + MEMORY_BYTES);
    return NULL;
  }
  t->cmd = ovk_cmd_new (dev, "trial", error);
  t->arena = ovk_arena_new (dev, "trial", IN_BYTES);
  t->results = ovk_arena_new_results (dev, "trial results", OUT_BYTES);
  if (!t->cmd || !ovk_arena_alloc (t->arena, IN_BYTES, &t->in, error)
      || !ovk_arena_alloc (t->results, OUT_BYTES, &t->out, error))
    return NULL;
  ovk_cmd_trust (t->cmd);
  return g_steal_pointer (&t);
}

void
owl2_trial_free (Owl2Trial *t)
{
  if (!t)
    return;
  g_clear_pointer (&t->cmd, ovk_cmd_free);
  ovk_arena_free (t->arena);
  ovk_arena_free (t->results);
  g_clear_pointer (&t->outs, g_array_unref);
  g_free (t->host);
  g_free (t->before);
  g_free (t->memory);
  g_free (t->wrong);
  g_clear_error (&t->error);
  g_free (t);
}

/* ---- numbers ---------------------------------------------------------- */

OvkCmd *
owl2_trial_cmd (Owl2Trial *t)
{
  return t->cmd;
}

const OvkCaps *
owl2_trial_caps (Owl2Trial *t)
{
  return ovk_device_caps (t->dev);
}

gboolean
owl2_trial_is_odd (Owl2Trial *t)
{
  return t->odd;
}

guint64
owl2_trial_random (Owl2Trial *t)
{
  guint64 z = (t->rng += 0x9e3779b97f4a7c15u); /* SplitMix64 */

  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

float
owl2_trial_float (Owl2Trial *t, float lo, float hi)
{
  return lo + (hi - lo) * (float) (owl2_trial_random (t) >> 40) / 16777216.f;
}

guint
owl2_trial_few (guint cols, guint most)
{
  return cols <= most ? cols : most + cols % 8;
}

/* ---- operands --------------------------------------------------------- */

static gsize
take (Owl2Trial *t, gsize *used, gsize all, gsize bytes)
{
  gsize at = *used;

  bytes = (bytes + ALIGN - 1) / ALIGN * ALIGN;
  if (bytes > all - at) {
    t->overflow = TRUE;
    return 0;
  }
  *used += bytes;
  return at;
}

void *
owl2_trial_alloc (Owl2Trial *t, gsize bytes)
{
  /* Trials take a few rows and columns of what a model has. */
  g_assert (bytes <= MEMORY_BYTES);
  return memset (
      t->memory + take (t, &t->n_memory, MEMORY_BYTES, bytes), 0, bytes);
}

/* Rows of @cols words from @offset on, in a slice that ends behind the last. */
static Owl2TrialTensor
tensor_at (Owl2Trial *t, OvkSlice all, gsize *used, guint rows, guint cols)
{
  guint stride = cols + (t->odd ? 1 : 0), offset = t->odd ? 1 : 0;
  gsize bytes = (offset + (gsize) rows * stride) * 4;
  OvkSlice slice = { all.buffer, all.offset, bytes };

  slice.offset += take (t, used, all.size, bytes);
  return (Owl2TrialTensor){
    .t = { .slice = slice,
        .type = OWL2_TYPE_F32,
        .offset = offset,
        .rows = rows,
        .cols = cols,
        .stride = stride },
    .val = owl2_trial_alloc (t, (gsize) rows * cols * sizeof (float)),
  };
}

static gsize
word_of (const Owl2Tensor *t, gsize base, gsize element)
{
  return (t->slice.offset - base) / 4 + t->offset
         + element / t->cols * t->stride + element % t->cols;
}

Owl2TrialTensor
owl2_trial_put (Owl2Trial *t, guint rows, guint cols, const float *val)
{
  Owl2TrialTensor in = tensor_at (t, t->in, &t->n_in, rows, cols);
  guint32 *words = (guint32 *) (gpointer) t->host;
  gsize first = (in.t.slice.offset - t->in.offset) / 4;

  memcpy (in.val, val, (gsize) rows * cols * sizeof (float));
  for (gsize i = first; i < t->n_in / 4; i++)
    words[i] = NAN_WORD;
  for (gsize i = 0; !t->overflow && i < (gsize) rows * cols; i++)
    memcpy (&words[word_of (&in.t, t->in.offset, i)], &val[i], 4);
  return in;
}

Owl2TrialTensor
owl2_trial_in (Owl2Trial *t, guint rows, guint cols, float lo, float hi)
{
  float *val = owl2_trial_alloc (t, (gsize) rows * cols * sizeof (float));

  for (gsize i = 0; i < (gsize) rows * cols; i++)
    val[i] = owl2_trial_float (t, lo, hi);
  return owl2_trial_put (t, rows, cols, val);
}

Owl2TrialTensor
owl2_trial_out (Owl2Trial *t, guint rows, guint cols)
{
  Owl2TrialTensor out = tensor_at (t, t->out, &t->n_out, rows, cols);

  g_array_append_val (t->outs, out);
  return out;
}

OvkSlice
owl2_trial_words (Owl2Trial *t, const void *data, gsize n_words)
{
  gsize at = take (t, &t->n_in, IN_BYTES, n_words * 4);

  if (!t->overflow)
    memcpy (t->host + at, data, n_words * 4);
  return (OvkSlice){ t->in.buffer, t->in.offset + at, n_words * 4 };
}

OvkSlice
owl2_trial_scratch (Owl2Trial *t, gsize bytes)
{
  gsize at = take (t, &t->n_in, IN_BYTES, bytes);

  if (!t->overflow)
    memset (t->host + at, 0xff, bytes);
  return (OvkSlice){ t->in.buffer, t->in.offset + at, bytes };
}

OvkSlice
owl2_trial_made (Owl2Trial *t, gsize n_words, const guint32 **made)
{
  gsize at = take (t, &t->n_out, OUT_BYTES, n_words * 4);

  *made = (const guint32 *) (gconstpointer) (t->before + at);
  return (OvkSlice){ t->out.buffer, t->out.offset + at, n_words * 4 };
}

Owl2Rows
owl2_trial_rows (Owl2Trial *t, const Owl2PassRow *rows, guint n)
{
  return (Owl2Rows){ owl2_trial_words (t, rows, n * (sizeof *rows / 4)), 0 };
}

/* One row of @type as the device wants it, and what it means. */
static void
encode_row (Owl2Type type, float *val, guint cols, guint8 *packed)
{
  const Owl2TypeInfo *info = owl2_type_info (type);
  gsize bytes = (gsize) cols / info->block * info->block_bytes;
  g_autofree guint8 *file = g_malloc (bytes);

  info->encode (val, cols, file);
  info->decode (file, cols, val);
  owl2_weight_pack_row (type, file, cols, packed);
}

Owl2TrialTensor
owl2_trial_weight (
    Owl2Trial *t, Owl2Type type, guint rows, guint cols, guint32 **words)
{
  gsize row = owl2_tensor_bytes (type, 1, cols);
  gsize at = take (t, &t->n_in, IN_BYTES, rows * row);
  guint8 *host = t->host + at;
  Owl2TrialTensor w = {
    .t = { .slice = { t->in.buffer, t->in.offset + at, rows * row },
        .type = type,
        .rows = rows,
        .cols = cols,
        .stride = owl2_tensor_stride (type, cols) },
    .val = owl2_trial_alloc (t, (gsize) rows * cols * sizeof (float)),
  };

  if (words)
    *words = (guint32 *) (gpointer) host;
  for (guint r = 0; !t->overflow && r < rows; r++) {
    guint kind = r % OWL2_TRIAL_KINDS;
    float *val = w.val + (gsize) r * cols, size = 1.f - 0.1f * (float) kind;

    if (r >= OWL2_TRIAL_KINDS) {
      memcpy (host + r * row, host + kind * row, row);
      memcpy (val, w.val + (gsize) kind * cols, cols * sizeof (float));
      continue;
    }
    memset (host + r * row, 0, row);
    for (guint k = 0; k < cols; k++)
      val[k] = owl2_trial_float (t, -size, size);
    encode_row (type, val, cols, host + r * row);
  }
  return w;
}

/* ---- the run ---------------------------------------------------------- */

void
owl2_trial_wrong (Owl2Trial *t, const char *format, ...)
{
  va_list args;

  if (t->wrong)
    return;
  va_start (args, format);
  t->wrong = g_strdup_vprintf (format, args);
  va_end (args);
}

static void
read_outs (Owl2Trial *t)
{
  for (guint i = 0; i < t->outs->len; i++) {
    const Owl2TrialTensor *out = &g_array_index (t->outs, Owl2TrialTensor, i);
    const guint32 *words = (const guint32 *) (gconstpointer) t->before;

    for (gsize e = 0; e < (gsize) out->t.rows * out->t.cols; e++)
      memcpy (&out->val[e], &words[word_of (&out->t, t->out.offset, e)], 4);
  }
}

gboolean
owl2_trial_run (Owl2Trial *t)
{
  OvkSlice in = { t->in.buffer, t->in.offset, t->n_in };
  const guint8 *made;

  if (t->pass == LOOK || t->overflow)
    return FALSE;
  if ((t->n_in && !ovk_slice_write (t->dev, in, t->host, t->n_in, &t->error))
      || !ovk_cmd_run (t->cmd, &t->error)
      || !(made = ovk_slice_peek (t->out, &t->error)))
    return FALSE;
  if (t->pass == SECOND) {
    for (gsize i = 0; i < t->n_out; i += 4)
      if (memcmp (made + i, t->before + i, 4) != 0) {
        guint32 first, second;

        memcpy (&first, t->before + i, 4);
        memcpy (&second, made + i, 4);
        owl2_trial_wrong (t,
            "the same twice gives word %" G_GSIZE_FORMAT " as %08x, then %08x",
            i / 4, first, second);
        break;
      }
    return FALSE;
  }
  memcpy (t->before, made, t->n_out);
  read_outs (t);
  t->ran = TRUE;
  return TRUE;
}

void
owl2_trial_compare (Owl2Trial *t, const char *name, const Owl2TrialTensor *got,
    const double *want, const double *mag, double units)
{
  gsize n = (gsize) got->t.rows * got->t.cols;

  for (gsize i = 0; i < n; i++) {
    double limit = units * FLT_EPSILON * mag[i] + FLT_MIN;

    if (!(fabs ((double) got->val[i] - want[i]) <= limit)) {
      owl2_trial_wrong (t,
          "%s [%" G_GSIZE_FORMAT "][%" G_GSIZE_FORMAT
          "] is %.9g, not %.9g +- %.3g",
          name, i / got->t.cols, i % got->t.cols, (double) got->val[i], want[i],
          limit);
      return;
    }
  }
}

void
owl2_trial_compare_words (Owl2Trial *t, const char *name, const guint32 *got,
    const guint32 *want, gsize n)
{
  for (gsize i = 0; i < n; i++)
    if (got[i] != want[i]) {
      owl2_trial_wrong (t, "%s: word %" G_GSIZE_FORMAT " is %08x, not %08x",
          name, i, got[i], want[i]);
      return;
    }
}

static void
run_pass (Owl2Trial *t, Pass pass, const Owl2Subject *s, OvkPipelineSet *used)
{
  t->pass = pass;
  t->rng = 1;
  t->n_in = t->n_out = t->n_memory = 0;
  t->overflow = t->ran = FALSE;
  ovk_cmd_reset (t->cmd);
  ovk_cmd_collect (t->cmd, pass == LOOK ? used : NULL);
  ovk_cmd_fill (t->cmd, t->out, NAN_WORD);
  trials[s->op](t, s);
  ovk_cmd_collect (t->cmd, NULL);
  g_array_set_size (t->outs, 0);
}

/* Whether operands that lie as @odd says take the pipeline. */
static gboolean
takes (Owl2Trial *t, gboolean odd, const OvkShader *shader, const guint32 *spec,
    guint n_spec, const Owl2Subject *s)
{
  g_autoptr (OvkPipelineSet) set = ovk_pipeline_set_new ();

  t->odd = odd;
  run_pass (t, LOOK, s, set);
  return !t->overflow && !ovk_cmd_failed (t->cmd)
         && ovk_pipeline_set_has (set, shader, spec, n_spec);
}

Owl2TrialEnd
owl2_trial (Owl2Trial *t, const OvkShader *shader, const guint32 *spec,
    guint n_spec, const Owl2Subject *s, OvkPipelineSet *used, char **wrong,
    GError **error)
{
  if (!trials[s->op]
      || (!takes (t, FALSE, shader, spec, n_spec, s)
          && !takes (t, TRUE, shader, spec, n_spec, s)))
    return OWL2_TRIAL_NONE;
  run_pass (t, LOOK, s, used);
  run_pass (t, FIRST, s, NULL);
  if (!t->error && (!t->ran || t->overflow)) {
    g_clear_pointer (&t->wrong, g_free); /* what was compared is no number */
    return OWL2_TRIAL_NONE;
  }
  if (!t->error && !t->wrong)
    run_pass (t, SECOND, s, NULL);
  if (t->error) {
    g_propagate_error (error, g_steal_pointer (&t->error));
    return OWL2_TRIAL_FAILED;
  }
  *wrong = g_steal_pointer (&t->wrong);
  return *wrong ? OWL2_TRIAL_WRONG : OWL2_TRIAL_RIGHT;
}
