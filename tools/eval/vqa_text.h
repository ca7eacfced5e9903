/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Answers as the VQA scorer compares them (mPLUG-Owl 0f3068f,
 * mplug_owl2/evaluate/vqa_eval.py, after the one of vqa.cloudcv.org), with all
 * that it does by mistake; figures are published with that. Strings are what
 * Python's are: its white space, its digits, its small letters. */
#ifndef OWL2_EVAL_VQA_TEXT_H
#define OWL2_EVAL_VQA_TEXT_H

#include <glib.h>

G_BEGIN_DECLS

/* All take valid UTF-8 and return (transfer full). */

/**
 * vqa_text_punctuation:
 *
 * Each of ;/[]"{}()=+\_-><@`,?! goes where the text has a space beside one
 * of its kind, or a comma between two digits, anywhere, and becomes a space
 * where not; then the first 32 full stops that no digit follows go.
 */
char *vqa_text_punctuation (const char *text);
/**
 * vqa_text_answer: what an answer becomes: newlines and tabs to spaces, no
 * space at the ends, vqa_text_punctuation(), small letters, none and zero to
 * ten as digits, no articles, contractions with their apostrophe, one space
 * between words.
 */
char *vqa_text_answer (const char *text);
/**
 * vqa_text_evalai: what an answer becomes that goes to EvalAI: commas and
 * question marks go and "'s" becomes " 's", then as vqa_text_answer().
 */
char *vqa_text_evalai (const char *text);

/* What str.strip() gives. */
char *vqa_text_strip (const char *text);

G_END_DECLS

#endif
