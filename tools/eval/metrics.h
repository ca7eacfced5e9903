/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the published scorers make of answers, one function a rule. */
#ifndef OWL2_EVAL_METRICS_H
#define OWL2_EVAL_METRICS_H

#include <jansson.h>

#include <glib.h>

G_BEGIN_DECLS

/**
 * metrics_vqa:
 * @answer: as vqa_text_answer() made it
 * @answers: (array of objects): those of people, members `answer` (strings,
 *   checked) and any others; changed by it
 *
 * The VQA score: the mean, over each of @answers left out, of
 * min (1, matches / 3) among the others. Those of people lose their
 * punctuation, as by vqa_text_punctuation(), and that only if they are not all
 * the same; and others that are the same in each member are left out with the
 * one. 0 to 1.
 */
double metrics_vqa (const char *answer, json_t *answers);

/* What POPE's evaluate.py takes for "no": No, no or not among the words,
 * between single spaces and without commas, up to the first full stop. */
gboolean metrics_says_no (const char *answer);

/**
 * metrics_letter:
 * @options: (array length=n_options): the texts of A, B, ..
 *
 * Which option an answer names: by a letter at its beginning that nothing but a
 * letter or digit follows, in any case and perhaps in parentheses, or by its
 * whole text, both as vqa_text_answer() makes them. -1: none, or not one alone.
 */
int metrics_letter (
    const char *answer, const char *const *options, guint n_options);

/* Whether @wanted is a run of whole words of @answer, both as
 * vqa_text_answer() made them. Nothing is in nothing only. */
gboolean metrics_contains (const char *answer, const char *wanted);

/* The first whole number among the words of what vqa_text_answer() made; -1:
 * there is none. */
gint64 metrics_count (const char *answer);

/**
 * metrics_plcc: Pearson's correlation of @x and @y, of the values as they are:
 * no logistic function is fitted first.
 * metrics_srcc: Spearman's, that of their ranks; equal values have the mean of
 * their ranks.
 *
 * Returns: -1 to 1; NaN where one of them is constant, or n is below 2
 */
double metrics_plcc (const double *x, const double *y, guint n);
double metrics_srcc (const double *x, const double *y, guint n);

/* 100 @sum / @n, in this order, to two digits, as Python's round() has it. */
double metrics_percent (double sum, double n);

G_END_DECLS

#endif
