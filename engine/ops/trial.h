/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Trials: an operation on a few fixed numbers, compared with plain C
 * (engine/ref), such that it takes the pipeline in question. Every operation of
 * a model has one, in trial_*.c: it makes operands, records the operation,
 * calls owl2_trial_run() and, if that is TRUE, compares.
 *
 * What drivers have been wrong about, and what shows it here: quants taken as
 * integers of the wrong sign or order (rows of each type, whose columns have
 * values of their own), halves (numbers of all sizes, scales, pages of halves),
 * shared memory and barriers (several workgroups, of which the last is not
 * full; everything is done twice, and must give the same bits), invocations
 * past the end (what is not to be read is no number; what is not written
 * neither), subgroups of another size than said. */
#ifndef OWL2_TRIAL_H
#define OWL2_TRIAL_H

#include "subject.h"

G_BEGIN_DECLS

typedef struct _Owl2Trial Owl2Trial;

/* Errors: NO_MEMORY, DEVICE_LOST. */
Owl2Trial *owl2_trial_new (OvkDevice *dev, GError **error);
void owl2_trial_free (Owl2Trial *t); /* accepts NULL */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Owl2Trial, owl2_trial_free)

typedef enum {
  OWL2_TRIAL_RIGHT,
  OWL2_TRIAL_WRONG,
  OWL2_TRIAL_NONE,   /* there is none that takes the pipeline */
  OWL2_TRIAL_FAILED, /* with an error */
} Owl2TrialEnd;

/**
 * owl2_trial: tries the pipeline of @shader and @spec, of which some dispatch
 * was explained as @subject.
 * @used: filled with the pipelines that took part, beside this one
 * @wrong: (out) (transfer full): the numbers found and expected
 */
Owl2TrialEnd owl2_trial (Owl2Trial *t, const OvkShader *shader,
    const guint32 *spec, guint n_spec, const Owl2Subject *subject,
    OvkPipelineSet *used, char **wrong, GError **error);

/* ---- for trials -------------------------------------------------------- */

/* Operands. @val: rows packed; of what is made, after owl2_trial_run(). */
typedef struct {
  Owl2Tensor t;
  float *val; /* [rows][cols], the trial's */
} Owl2TrialTensor;

OvkCmd *owl2_trial_cmd (Owl2Trial *t);
const OvkCaps *owl2_trial_caps (Owl2Trial *t);
/* A second way to choose operands is asked for, since the first takes another
 * pipeline. */
gboolean owl2_trial_is_odd (Owl2Trial *t);
guint64 owl2_trial_random (Owl2Trial *t);
float owl2_trial_float (Owl2Trial *t, float lo, float hi);
/* Memory until the end of the trial, zeros; at most what a few rows take. */
void *owl2_trial_alloc (Owl2Trial *t, gsize bytes);

/* F32, from @lo to @hi. Where operands are to lie as no vector can be read,
 * this and the next do. */
Owl2TrialTensor owl2_trial_in (
    Owl2Trial *t, guint rows, guint cols, float lo, float hi);
/* The same of @val, [rows][cols]. */
Owl2TrialTensor owl2_trial_put (
    Owl2Trial *t, guint rows, guint cols, const float *val);
/* What is to be made. */
Owl2TrialTensor owl2_trial_out (Owl2Trial *t, guint rows, guint cols);
/* A weight, or keys and values: rows of OWL2_TRIAL_KINDS kinds, by turns, each
 * with a scale of its own. @words: (out) (optional): the host's copy, which may
 * be changed before the run. */
#define OWL2_TRIAL_KINDS 7u
Owl2TrialTensor owl2_trial_weight (
    Owl2Trial *t, Owl2Type type, guint rows, guint cols, guint32 **words);
OvkSlice owl2_trial_words (Owl2Trial *t, const void *data, gsize n_words);
/* Of what is to be made; @made: (out): where it will be, after the run. */
OvkSlice owl2_trial_made (Owl2Trial *t, gsize n_words, const guint32 **made);
/* What only the device sees. */
OvkSlice owl2_trial_scratch (Owl2Trial *t, gsize bytes);
Owl2Rows owl2_trial_rows (Owl2Trial *t, const Owl2PassRow *rows, guint n);

/* Once, when all is recorded. TRUE: compare. */
gboolean owl2_trial_run (Owl2Trial *t);
/* Only the first that is wrong counts. */
void owl2_trial_compare (Owl2Trial *t, const char *name,
    const Owl2TrialTensor *got, const double *want, const double *mag,
    double units);
void owl2_trial_compare_words (Owl2Trial *t, const char *name,
    const guint32 *got, const guint32 *want, gsize n);
void owl2_trial_wrong (Owl2Trial *t, const char *format, ...)
    G_GNUC_PRINTF (2, 3);

typedef void (*Owl2TrialFunc) (Owl2Trial *t, const Owl2Subject *s);

/* trial_rows.c */
void owl2_trial_add (Owl2Trial *t, const Owl2Subject *s);
void owl2_trial_argmax (Owl2Trial *t, const Owl2Subject *s);
void owl2_trial_copy (Owl2Trial *t, const Owl2Subject *s);
void owl2_trial_count_bad (Owl2Trial *t, const Owl2Subject *s);
void owl2_trial_embed (Owl2Trial *t, const Owl2Subject *s);
void owl2_trial_layernorm (Owl2Trial *t, const Owl2Subject *s);
void owl2_trial_likelihood (Owl2Trial *t, const Owl2Subject *s);
void owl2_trial_mean_heads (Owl2Trial *t, const Owl2Subject *s);
void owl2_trial_pooled_dots (Owl2Trial *t, const Owl2Subject *s);
void owl2_trial_rmsnorm (Owl2Trial *t, const Owl2Subject *s);
void owl2_trial_swiglu (Owl2Trial *t, const Owl2Subject *s);
/* trial_products.c */
void owl2_trial_attention (Owl2Trial *t, const Owl2Subject *s);
void owl2_trial_attention_probs (Owl2Trial *t, const Owl2Subject *s);
void owl2_trial_matmul (Owl2Trial *t, const Owl2Subject *s);
void owl2_trial_place_qkv (Owl2Trial *t, const Owl2Subject *s);
/* trial_pixels.c */
void owl2_trial_patchify (Owl2Trial *t, const Owl2Subject *s);
void owl2_trial_resize (Owl2Trial *t, const Owl2Subject *s);
void owl2_trial_resize_along (Owl2Trial *t, const Owl2Subject *s);
void owl2_trial_resize_lanes (Owl2Trial *t, const Owl2Subject *s);
void owl2_trial_to_rgb (Owl2Trial *t, const Owl2Subject *s);
void owl2_trial_turn (Owl2Trial *t, const Owl2Subject *s);
/* Columns that make the same pipelines as @cols do, and few. */
guint owl2_trial_few (guint cols, guint most);

G_END_DECLS

#endif
