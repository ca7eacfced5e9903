/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Questions with options A, B, .., and the data sets that come as tables. */
#ifndef OWL2_EVAL_OPTIONS_H
#define OWL2_EVAL_OPTIONS_H

#include "item.h"

G_BEGIN_DECLS

/* (transfer full): "hint\nquestion\nA. one\nB. two"; @hint (nullable): where
 * there is none, or nothing in it, "N/A" */
char *eval_options_ask (
    const char *hint, const char *question, char *const *options);
/* Whether the item's answer is the letter of one of its options. */
gboolean eval_options_has (const EvalItem *item);

/* The file is none of JSON. */
gboolean eval_is_table (GBytes *bytes);
gboolean eval_load_mmbench_table (EvalSet *set, GBytes *bytes, GError **error);
gboolean eval_load_quality_table (EvalSet *set, GBytes *bytes, GError **error);

G_END_DECLS

#endif
