/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "choices.h"

#include <math.h>
#include <string.h>

#include "printable.h"

/* Of a choice in a message. */
#define SHOWN_BYTES 60

/* ---- the request -------------------------------------------------------- */

/* (transfer full): the beginning of a choice, for a message. */
static char *
excerpt_of (const char *text)
{
  return owl2_excerpt (text, strlen (text), SHOWN_BYTES);
}

/* What is wrong with choice @i, whose tokens are there. */
static gboolean
check_choice (const Owl2Choices *choices, const Owl2Choice *choice, guint i,
    guint most, GError **error)
{
  g_autofree char *shown = excerpt_of (choice->text);

  if (!choice->ids->len)
    return owl2_refuse (error, "choice %u of %u is empty", i + 1, choices->n);
  if (choice->ids->len > most)
    return owl2_refuse (error,
        "choice %u, '%s', has %u tokens; after the prompt's %u positions the "
        "context has room for %u",
        i + 1, shown, choice->ids->len, choices->n_positions, most);
  if (choices->weights && !isfinite (choices->weights[i]))
    return owl2_refuse (error, "the weight of choice %u, '%s', is %g", i + 1,
        shown, choices->weights[i]);
  return TRUE;
}

/* Appends the tokens of a choice. FALSE: it has more than @most, however its
 * pieces fall, and is not looked at. */
static gboolean
tokenize (
    const Owl2Tokenizer *tokenizer, const char *text, guint most, GArray *ids)
{
  gsize length = strlen (text);

  if (length / owl2_tokenizer_max_piece (tokenizer) > most)
    return FALSE;
  owl2_tokenizer_encode (tokenizer, text, (gssize) length, ids);
  return TRUE;
}

/* Choice @i of the request, which may have @most tokens. */
static gboolean
read_choice (Owl2Choices *choices, const Owl2Tokenizer *tokenizer,
    const Owl2Request *request, guint i, guint most, GError **error)
{
  const char *text = request->choices[i];
  Owl2Choice *choice = &choices->all[i];

  choice->ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  if (!tokenize (tokenizer, text, most, choice->ids))
    return owl2_refuse (error,
        "choice %u has %" G_GSIZE_FORMAT " bytes; after the prompt's %u "
        "positions the context has room for %u tokens",
        i + 1, strlen (text), choices->n_positions, most);
  choice->text = g_strdup (text);
  choices->n_tokens += choice->ids->len;
  return check_choice (choices, choice, i, most, error);
}

static gboolean
begins (const GArray *whole, const GArray *part)
{
  return part->len <= whole->len
         && memcmp (part->data, whole->data, part->len * sizeof (gint32)) == 0;
}

/* Where one is the beginning of another, it is in part the same answer. */
static gboolean
check_apart (const Owl2Choices *choices, GError **error)
{
  for (guint i = 0; i < choices->n; i++)
    for (guint j = 0; j < choices->n; j++)
      if (i != j && begins (choices->all[j].ids, choices->all[i].ids)) {
        g_autofree char *shorter = excerpt_of (choices->all[i].text);
        g_autofree char *longer = excerpt_of (choices->all[j].text);

        return owl2_refuse (error,
            "choice %u, '%s', is the beginning of choice %u, '%s'", i + 1,
            shorter, j + 1, longer);
      }
  return TRUE;
}

/* Rows that it takes beside the prompt's: of all tokens but the last. */
static guint
n_rows (const Owl2Choice *choice)
{
  return choice->ids->len - 1;
}

/* Pages of the prompt that all share, since they are full. */
static guint
n_shared (const Owl2Choices *choices)
{
  return choices->n_positions / OWL2_PAGE;
}

static guint
own_pages (const Owl2Choices *choices, const Owl2Choice *choice)
{
  guint n = choices->n_positions + n_rows (choice);

  return (n + OWL2_PAGE - 1) / OWL2_PAGE - n_shared (choices);
}

static void
make_groups (Owl2Choices *choices)
{
  guint group = 0, n_runs = 0, n_pages = 0;

  for (guint i = 0; i < choices->n; i++) {
    Owl2Choice *choice = &choices->all[i];
    guint pages = own_pages (choices, choice);

    choice->group = group;
    if (!n_rows (choice))
      continue;
    if (n_runs == OWL2_PASS_RUNS
        || (n_runs && n_pages + pages > OWL2_CHOICES_PAGES)) {
      choice->group = ++group;
      n_runs = n_pages = 0;
    }
    choice->page = n_pages;
    n_runs++;
    n_pages += pages;
    choices->n_pages = MAX (choices->n_pages, n_pages);
  }
}

/* The next choice that has rows. */
static void
skip_short (Owl2Choices *choices)
{
  while (choices->at < choices->n && !n_rows (&choices->all[choices->at]))
    choices->at++;
}

gboolean
owl2_choices_init (Owl2Choices *choices, const Owl2Tokenizer *tokenizer,
    const Owl2Request *request, guint n_positions, guint n_ctx, GError **error)
{
  guint n = request->n_choices;

  if (!owl2_check_n_choices (n, error))
    return FALSE;
  choices->n = n;
  choices->n_positions = n_positions;
  choices->all = g_new0 (Owl2Choice, n);
  choices->weights =
      g_memdup2 (request->choice_weights, n * sizeof *choices->weights);
  /* The last token needs no position of its own. */
  for (guint i = 0; i < n; i++)
    if (!read_choice (
            choices, tokenizer, request, i, n_ctx - n_positions + 1, error))
      return FALSE;
  if (!check_apart (choices, error))
    return FALSE;
  make_groups (choices);
  skip_short (choices);
  return TRUE;
}

gboolean
owl2_model_check_choices (
    Owl2Model *model, const char *const *choices, guint n, GError **error)
{
  const Owl2Request request = { .choices = choices, .n_choices = n };
  Owl2Choices all = { 0 };
  const gboolean ok = owl2_choices_init (&all, model->tokenizer, &request, 0,
      model->weights->config.decoder.n_ctx, error);

  owl2_choices_clear (&all);
  return ok;
}

guint
owl2_choices_longest (
    const Owl2Tokenizer *tokenizer, const Owl2Request *request, guint most)
{
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  guint longest = 0;

  for (guint i = 0; i < request->n_choices; i++) {
    g_array_set_size (ids, 0);
    if (!tokenize (tokenizer, request->choices[i], most, ids))
      return G_MAXUINT;
    longest = MAX (longest, ids->len);
  }
  return longest;
}

void
owl2_choices_clear (Owl2Choices *choices)
{
  for (guint i = 0; choices->all && i < choices->n; i++) {
    g_free (choices->all[i].text);
    g_clear_pointer (&choices->all[i].ids, g_array_unref);
  }
  g_clear_pointer (&choices->all, g_free);
  g_clear_pointer (&choices->weights, g_free);
}

/* ---- rows --------------------------------------------------------------- */

static guint32
token (const Owl2Choice *choice, guint i)
{
  return g_array_index (choice->ids, guint32, i);
}

void
owl2_choices_pick_first (const Owl2Choices *choices, Owl2Pass *pass)
{
  pass->n_scored = 1;
  for (guint i = 0; i < choices->n; i++)
    owl2_pass_add_pick (pass, pass->n_prefill - 1, token (&choices->all[i], 0));
}

gboolean
owl2_choices_have_rows (const Owl2Choices *choices)
{
  return choices->at < choices->n;
}

/* Whether the choice has pages at the same time as the one that is next. */
static gboolean
is_in_group (const Owl2Choices *choices, guint i)
{
  return i < choices->n
         && choices->all[i].group == choices->all[choices->at].group;
}

void
owl2_choices_record_copies (const Owl2Choices *choices, Owl2KvPool *pool,
    const Owl2KvSequence *kv, OvkCmd *cmd)
{
  guint n_prompt = (choices->n_positions + OWL2_PAGE - 1) / OWL2_PAGE;
  const Owl2Choice *first = &choices->all[choices->at];

  if (choices->row || first->page || choices->n_positions % OWL2_PAGE == 0)
    return;
  for (guint i = choices->at; is_in_group (choices, i); i++)
    if (n_rows (&choices->all[i]))
      owl2_kvpool_record_page (
          pool, kv, n_prompt + choices->all[i].page, n_prompt - 1, cmd);
}

/* The choice's list of pages in the pass; returns where it begins. */
static guint
add_pages (const Owl2Choices *choices, const Owl2Choice *choice, Owl2Pass *pass,
    const Owl2KvSequence *kv)
{
  const guint32 *pages = (const guint32 *) (gpointer) kv->pages->data;
  guint n_prompt = (choices->n_positions + OWL2_PAGE - 1) / OWL2_PAGE;
  guint at = owl2_pass_add_pages (pass, pages, n_shared (choices));

  owl2_pass_add_pages (
      pass, pages + n_prompt + choice->page, own_pages (choices, choice));
  return at;
}

void
owl2_choices_fill (const Owl2Choices *choices, Owl2Pass *pass,
    const Owl2KvSequence *kv, guint chunk)
{
  guint first = choices->row;

  for (guint i = choices->at; is_in_group (choices, i); i++, first = 0) {
    const Owl2Choice *choice = &choices->all[i];
    guint n = MIN (n_rows (choice) - first, chunk - pass->n_prefill);
    guint pages = n ? add_pages (choices, choice, pass, kv) : 0;

    for (guint r = first; r < first + n; r++) {
      owl2_pass_add_row (pass, OWL2_PREFILL, token (choice, r), 0,
          choices->n_positions + r, pages);
      owl2_pass_add_pick (pass, pass->n_prefill - 1, token (choice, r + 1));
    }
  }
  pass->n_scored = pass->n_prefill;
}

void
owl2_choices_fed (Owl2Choices *choices, guint n)
{
  while (n) {
    guint part = MIN (n, n_rows (&choices->all[choices->at]) - choices->row);

    n -= part;
    choices->row += part;
    if (choices->row == n_rows (&choices->all[choices->at])) {
      choices->at++;
      choices->row = 0;
      skip_short (choices);
    }
  }
}

/* ---- results ------------------------------------------------------------ */

/* The choice that likelihood @i is of: first come the first tokens of all, then
 * the others of each. */
static Owl2Choice *
choice_of (Owl2Choices *choices, guint i)
{
  guint c = 0;

  if (i < choices->n)
    return &choices->all[i];
  for (i -= choices->n; i >= n_rows (&choices->all[c]); c++)
    i -= n_rows (&choices->all[c]);
  return &choices->all[c];
}

guint
owl2_choices_take (
    Owl2Choices *choices, const Owl2Likelihood *likelihoods, guint n)
{
  for (guint i = 0; i < n; i++) {
    const Owl2Likelihood *l = &likelihoods[i];

    if (l->n_bad)
      return l->n_bad;
    choice_of (choices, choices->n_taken++)->log_p +=
        (double) l->logit - l->max - log ((double) l->sum);
  }
  return 0;
}

gboolean
owl2_choices_done (const Owl2Choices *choices)
{
  return choices->n_taken == choices->n_tokens;
}

void
owl2_choices_answer (const Owl2Choices *choices, Owl2Answer *answer)
{
  const Owl2Choice *best = &choices->all[0];
  double sum = 0;

  for (guint i = 1; i < choices->n; i++)
    if (choices->all[i].log_p > best->log_p)
      best = &choices->all[i];
  answer->text = g_strdup (best->text);
  answer->n_ids = best->ids->len;
  answer->ids = g_memdup2 (best->ids->data, best->ids->len * sizeof (gint32));
  answer->confidence = exp (best->log_p / best->ids->len);
  answer->n_choices = choices->n;
  answer->probabilities = g_new (double, choices->n);
  for (guint i = 0; i < choices->n; i++)
    sum += answer->probabilities[i] = exp (choices->all[i].log_p - best->log_p);
  for (guint i = 0; i < choices->n; i++) {
    answer->probabilities[i] /= sum;
    if (choices->weights)
      answer->score += choices->weights[i] * answer->probabilities[i];
  }
}
