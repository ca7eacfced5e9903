/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Answers on disk, of which none is lost or there twice, whatever ends the
 * program.
 *
 * A folder holds `run.json`, what the answers depend on, and for each shard I
 * of N `answers-I-of-N.jsonl`: a line for each of the questions I, I + N, .. in
 * their order, {"index": .., "id": .., "text": ..}. Each line is on the disk
 * before the next question is asked. A line that was cut short is dropped when
 * the file is opened again; any other is checked for the question it belongs
 * to. */
#ifndef OWL2_EVAL_LEDGER_H
#define OWL2_EVAL_LEDGER_H

#include "item.h"

G_BEGIN_DECLS

/* Makes @folder and those it is in, where they are not there. FAILED. */
gboolean ledger_make_folder (const char *folder, GError **error);

/**
 * ledger_settle: makes @folder, and `run.json` of @settings (flat: strings,
 * numbers and null), or compares it with the one that is there. Of several
 * programs that begin at once in one folder one makes it.
 *
 * BAD_REQUEST: it is of another run; all that differs is named.
 */
gboolean ledger_settle (
    const char *folder, const json_t *settings, GError **error);

typedef struct _Ledger Ledger;

/* Opens or makes the file of one shard. BAD_FILE: it is damaged; BAD_REQUEST:
 * another process has it open, or the folder's shards are other than @n. */
Ledger *ledger_open (const char *folder, const EvalSet *set, guint shard,
    guint n, GError **error);
void ledger_free (Ledger *ledger); /* accepts NULL */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Ledger, ledger_free)

/* Answers that are there, of how many. */
guint64 ledger_done (const Ledger *ledger);
guint64 ledger_total (const Ledger *ledger);
/* The index of the first question without an answer; not before ledger_total()
 * answers are there. */
guint64 ledger_next (const Ledger *ledger);
/* Puts @answer (changed: "index" and "id" go to its front) to that question, on
 * the disk. FAILED, and nothing more can be put there. */
gboolean ledger_append (Ledger *ledger, json_t *answer, GError **error);

/* Into how many shards the answers in @folder are; 0: there are none. */
gboolean ledger_shards (const char *folder, guint *n, GError **error);

/**
 * ledger_collect: all answers, from the shards in one or more folders.
 * @settings: (out) (optional) (transfer full): what they depend on
 *
 * BAD_REQUEST: the folders are of different runs, or of another data set;
 * shards are missing, not finished, or there twice.
 *
 * Returns: (transfer full): an array in the order of the questions
 */
json_t *ledger_collect (const char *const *folders, const EvalSet *set,
    json_t **settings, GError **error);

G_END_DECLS

#endif
