/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The pool of keys and values by itself: what prompts take over from earlier
 * ones is what those left, byte by byte, whatever was begun, ended, moved or
 * evicted in between; and it has no more than it may. The test plays the device
 * and writes each position's keys as a hash of all that led to it. */
#include <string.h>

#include "failing.h"
#include "kvpool.h"

#define N_LAYERS 2
#define HEAD_DIM 8
#define ROW_BYTES (HEAD_DIM * 4)
#define PAGE_BYTES (OWL2_PAGE * ROW_BYTES)
#define MAX_PAGES 6
#define N_CTX (MAX_PAGES * OWL2_PAGE)
/* Both of all layers. */
#define ALL_BYTES (2 * N_LAYERS * (guint64) PAGE_BYTES)

/* ---- a pool ------------------------------------------------------------- */

typedef struct {
  Owl2Weights weights; /* but for the weights */
  Owl2KvPool *pool;
} Scene;

static void
scene_open (Scene *s, guint budget_pages, gsize max_storage_range)
{
  OvkDeviceParams params = { .max_storage_range = max_storage_range };
  g_autoptr (GError) error = NULL;

  *s = (Scene){ .weights.config.decoder = {
                    .n_layers = N_LAYERS,
                    .n_heads = 1,
                    .n_kv_heads = 1,
                    .head_dim = HEAD_DIM,
                    .n_ctx = N_CTX,
                    .rope_base = 10000,
                } };
  s->weights.dev = ovk_device_new (&params, &error);
  g_assert_no_error (error);
  s->pool = owl2_kvpool_new (
      &s->weights, OWL2_TYPE_F32, budget_pages * ALL_BYTES, &error);
  g_assert_no_error (error);
}

static void
scene_close (Scene *s)
{
  owl2_kvpool_free (s->pool);
  ovk_device_unref (s->weights.dev);
}

static void
assert_within (Scene *s, guint budget_pages)
{
  guint n_kept, n_alone;

  owl2_kvpool_count (s->pool, &n_kept, &n_alone);
  g_assert_cmpuint (n_kept + n_alone, <=, budget_pages);
  g_assert_cmpuint (owl2_kvpool_tensors (s->pool)->n_pages, <=, budget_pages);
  g_assert_cmpuint (owl2_kvpool_taken (s->pool), <=,
      owl2_kvpool_bytes (&s->weights, OWL2_TYPE_F32, budget_pages * OWL2_PAGE));
}

/* ---- prompts ------------------------------------------------------------ */

typedef struct {
  guint tree, n;
  Owl2KvKey keys[N_CTX];
} Prompt;

/* Few choices, so that many have their beginnings in common. */
static void
prompt_random (Prompt *p, GRand *rand, guint most)
{
  guint n_same;

  *p = (Prompt){ .tree = (guint) g_rand_int_range (rand, 0, 2),
    .n = (guint) g_rand_int_range (rand, 1, (gint) most + 1) };
  n_same = (guint) g_rand_int_range (rand, 0, (gint) most + 1);
  for (guint i = 0; i < p->n; i++)
    p->keys[i] = (Owl2KvKey){ i % 7 == 3,
      i < n_same ? i : (guint32) g_rand_int_range (rand, 0, 3) };
}

static guint
count_equal (const Prompt *a, const Prompt *b, guint n)
{
  guint i = 0;

  while (i < n && a->keys[i].frame == b->keys[i].frame
         && a->keys[i].index == b->keys[i].index)
    i++;
  return i;
}

static guint32
mix (guint32 hash, guint32 word)
{
  hash = (hash ^ word) * 2654435761u;
  return hash ^ hash >> 15;
}

/* What all of the prompt up to its position @n is on tensor @tensor. */
static void
fill_row (const Prompt *p, guint n, guint tensor, guint32 row[HEAD_DIM])
{
  guint32 hash = mix (p->tree + 1, tensor);

  for (guint i = 0; i <= n; i++)
    hash = mix (mix (hash, (guint32) p->keys[i].frame), p->keys[i].index);
  for (guint i = 0; i < HEAD_DIM; i++)
    row[i] = mix (hash, i);
}

/* ---- a request ---------------------------------------------------------- */

typedef struct {
  Prompt prompt;
  Owl2KvSequence seq;
  guint n_positions, n_done;
} Request;

static OvkSlice
row_slice (Scene *s, const Request *r, guint tensor, guint position)
{
  const Owl2KvTensors *kv = owl2_kvpool_tensors (s->pool);
  const Owl2Tensor *t = tensor % 2 ? &kv->v[tensor / 2] : &kv->k[tensor / 2];
  guint32 page = g_array_index (r->seq.pages, guint32, position / OWL2_PAGE);
  OvkSlice slice = t->slice;

  g_assert_cmpuint (page, <, kv->n_pages);
  slice.offset += ((gsize) page * OWL2_PAGE + position % OWL2_PAGE) * ROW_BYTES;
  slice.size = ROW_BYTES;
  return slice;
}

/* All that the request has of its prompt is what it should be. */
static void
check (Scene *s, const Request *r)
{
  for (guint t = 0; t < 2 * N_LAYERS; t++)
    for (guint i = 0; i < r->n_done; i++) {
      g_autoptr (GError) error = NULL;
      guint32 want[HEAD_DIM], got[HEAD_DIM];

      fill_row (&r->prompt, i, t, want);
      ovk_slice_read (
          s->weights.dev, row_slice (s, r, t, i), got, ROW_BYTES, &error);
      g_assert_no_error (error);
      g_assert_cmpmem (got, ROW_BYTES, want, ROW_BYTES);
    }
}

static void
write_rows (Scene *s, const Request *r, guint first, guint n)
{
  for (guint t = 0; t < 2 * N_LAYERS; t++)
    for (guint i = first; i < first + n; i++) {
      g_autoptr (GError) error = NULL;
      guint32 row[HEAD_DIM];

      /* After the prompt come tokens, which nobody may take over. */
      if (i < r->prompt.n)
        fill_row (&r->prompt, i, t, row);
      else
        memset (row, 0xee, sizeof row);
      ovk_slice_write (
          s->weights.dev, row_slice (s, r, t, i), row, ROW_BYTES, &error);
      g_assert_no_error (error);
    }
}

static Owl2KvState
begin (Scene *s, Request *r, const Prompt *p, guint n_answer, gboolean cold,
    gboolean patient, GError **error)
{
  Owl2KvState state;

  memset (&r->seq, 0, sizeof r->seq);
  r->prompt = *p;
  r->n_positions = MIN (p->n + n_answer, N_CTX);
  state = owl2_kvpool_begin (s->pool, &r->seq, p->tree, p->keys, p->n,
      r->n_positions, cold, patient, error);
  r->n_done = r->seq.n_reused;
  if (state != OWL2_KV_READY) {
    g_assert_null (r->seq.pages);
    return state;
  }
  g_assert_cmpuint (
      r->seq.pages->len, ==, (r->n_positions + OWL2_PAGE - 1) / OWL2_PAGE);
  g_assert_cmpuint (r->n_done, <, p->n);
  if (cold)
    g_assert_cmpuint (r->n_done, ==, 0);
  return state;
}

/* The next @n positions of the prompt, the first with the copy before it. */
static void
feed (Scene *s, Request *r, guint n)
{
  if (r->n_done == r->seq.n_reused) {
    g_autoptr (GError) error = NULL;
    g_autoptr (OvkCmd) cmd = ovk_cmd_new (s->weights.dev, "copy", &error);

    owl2_kvpool_record_copy (s->pool, &r->seq, cmd);
    ovk_cmd_run (cmd, &error);
    g_assert_no_error (error);
    check (s, r);
  }
  n = MIN (n, r->prompt.n - r->n_done);
  write_rows (s, r, r->n_done, n);
  r->n_done += n;
  owl2_kvpool_keep (
      s->pool, &r->seq, r->prompt.keys, r->n_done, r->n_done == r->prompt.n);
  /* Its tokens, some of which stand in a page that is kept by now. */
  if (r->n_done == r->prompt.n)
    write_rows (s, r, r->n_done, r->n_positions - r->n_done);
}

static void
end (Scene *s, Request *r)
{
  if (r->n_done > r->seq.n_reused)
    check (s, r);
  owl2_kvpool_end (s->pool, &r->seq);
  owl2_kvpool_end (s->pool, &r->seq); /* accepts one that has none */
}

#define ANY G_MAXUINT

/* All at once; @n_reused positions are there. */
static void
run (Scene *s, const Prompt *p, guint n_answer, guint n_reused)
{
  g_autoptr (GError) error = NULL;
  Request r;

  g_assert_cmpint (
      begin (s, &r, p, n_answer, FALSE, FALSE, &error), ==, OWL2_KV_READY);
  g_assert_no_error (error);
  if (n_reused != ANY)
    g_assert_cmpuint (r.seq.n_reused, ==, n_reused);
  feed (s, &r, p->n);
  end (s, &r);
}

/* ---- at random ---------------------------------------------------------- */

#define N_LIVE 3

typedef struct {
  guint budget; /* pages */
  guint n_ops;
  gboolean all_fit; /* nothing is evicted */
} Random;

/* What there would be of the first @n positions, if all that was kept were. */
static guint
longest (const GArray *kept, const Prompt *p, guint n)
{
  guint best = 0;

  for (guint i = 0; i < kept->len; i++) {
    const Prompt *k = &g_array_index (kept, Prompt, i);

    if (k->tree == p->tree)
      best = MAX (best, count_equal (k, p, MIN (k->n, n)));
  }
  return best;
}

/* The pages that @r leaves when it gets from @before to where it is: up to one
 * that another has left. */
static void
note_kept (GArray *kept, const Random *how, const Request *r, guint before)
{
  guint first = MAX (before, r->seq.n_reused) / OWL2_PAGE * OWL2_PAGE;

  for (; first < r->n_done; first += OWL2_PAGE) {
    Prompt p = r->prompt;

    p.n = MIN (first + OWL2_PAGE, r->n_done);
    if (p.n % OWL2_PAGE && p.n < r->prompt.n)
      return;
    if (how->all_fit && r->seq.apart && longest (kept, &p, p.n) == p.n)
      return;
    g_array_append_val (kept, p);
  }
}

/* No page but of those taken over is another's. */
static void
assert_apart (const Request *live, guint n_live, const Request *r)
{
  for (guint i = 0; i < n_live; i++)
    for (guint a = 0; a < live[i].seq.pages->len; a++)
      for (guint b = r->seq.n_reused / OWL2_PAGE; b < r->seq.pages->len; b++)
        g_assert_cmpuint (g_array_index (live[i].seq.pages, guint32, a), !=,
            g_array_index (r->seq.pages, guint32, b));
}

/* Returns: whether there was room. */
static gboolean
begin_random (Scene *s, const Random *how, Request *r, GRand *rand,
    const GArray *kept, gboolean any_live)
{
  g_autoptr (GError) error = NULL;
  gboolean cold = g_rand_int_range (rand, 0, 8) == 0;
  gboolean patient = any_live && g_rand_boolean (rand);
  guint n_answer = (guint) g_rand_int_range (rand, 0, 2 * OWL2_PAGE), n;
  Owl2KvState state;
  Prompt p;

  prompt_random (&p, rand, N_CTX / 2);
  state = begin (s, r, &p, n_answer, cold, patient, &error);
  g_assert_no_error (error);
  g_assert_true (state != OWL2_KV_FAILED);
  if (state == OWL2_KV_BUSY) {
    g_assert_true (any_live);
    return FALSE;
  }
  n = cold ? 0 : longest (kept, &p, p.n - 1);
  if (how->all_fit)
    g_assert_cmpuint (r->n_done, ==, n);
  else
    g_assert_cmpuint (r->n_done, <=, n);
  return TRUE;
}

static void
test_random (gconstpointer data)
{
  const Random *how = data;
  g_autoptr (GRand) rand =
      g_rand_new_with_seed ((guint32) g_test_rand_int_range (0, G_MAXINT32));
  g_autoptr (GArray) kept = g_array_new (FALSE, FALSE, sizeof (Prompt));
  g_autofree Request *live = g_new0 (Request, N_LIVE + 1);
  guint n_live = 0, n_busy = 0, n_reused = 0;
  Scene s;

  scene_open (&s, how->budget, 0);
  for (guint op = 0; op < how->n_ops; op++) {
    guint at = (guint) g_rand_int_range (rand, 0, N_LIVE);
    Request *r = &live[MIN (at, n_live)];

    if (at >= n_live) {
      if (begin_random (&s, how, r, rand, kept, n_live > 0)) {
        assert_apart (live, n_live, r);
        n_reused += r->n_done;
        n_live++;
      } else {
        n_busy++;
      }
    } else if (r->n_done < r->prompt.n && g_rand_int_range (rand, 0, 8)) {
      guint before = r->n_done;
      gboolean apart = r->seq.apart;

      feed (&s, r, (guint) g_rand_int_range (rand, 1, N_CTX));
      /* Nothing is left of what comes after another's page. */
      if (!apart)
        note_kept (kept, how, r, before);
    } else {
      end (&s, r);
      *r = live[--n_live];
    }
    assert_within (&s, how->budget);
  }
  while (n_live)
    end (&s, &live[--n_live]);
  g_test_message ("%u times busy, %u positions taken over", n_busy, n_reused);
  g_assert_cmpuint (n_reused, >, 0);
  if (!how->all_fit)
    g_assert_cmpuint (n_busy, >, 0);
  scene_close (&s);
}

/* ---- the oldest goes ---------------------------------------------------- */

#define N_OLD 8

/* One whole page, and a position whose page is not kept. */
static void
prompt_apart (Prompt *p, guint number)
{
  *p = (Prompt){ .n = OWL2_PAGE + 1 };
  for (guint i = 0; i < p->n; i++)
    p->keys[i].index = 1000 + number;
}

/* Returns: how many of its positions were there. */
static guint
run_apart (Scene *s, guint number, gboolean patient)
{
  g_autoptr (GError) error = NULL;
  guint n_reused;
  Request r;
  Prompt p;

  prompt_apart (&p, number);
  g_assert_cmpint (
      begin (s, &r, &p, 0, FALSE, patient, &error), ==, OWL2_KV_READY);
  g_assert_no_error (error);
  n_reused = r.seq.n_reused;
  feed (s, &r, OWL2_PAGE - n_reused);
  end (s, &r);
  return n_reused;
}

static void
test_oldest (void)
{
  guint order[N_OLD], n_kept, n_alone;
  Scene s;

  scene_open (&s, N_OLD + 1, 0);
  for (guint i = 0; i < N_OLD; i++) {
    g_assert_cmpuint (run_apart (&s, i, FALSE), ==, 0);
    order[i] = i;
  }
  /* Used again, in another order. */
  for (guint i = 0; i < N_OLD; i++) {
    guint j = (guint) g_test_rand_int_range ((gint) i, N_OLD);
    guint number = order[j];

    order[j] = order[i];
    order[i] = number;
    g_assert_cmpuint (run_apart (&s, number, FALSE), ==, OWL2_PAGE);
  }
  /* For each that comes, the oldest goes. */
  for (guint i = 0; i < N_OLD / 2; i++)
    g_assert_cmpuint (run_apart (&s, N_OLD + i, FALSE), ==, 0);
  owl2_kvpool_count (s.pool, &n_kept, &n_alone);
  g_assert_cmpuint (n_kept, ==, N_OLD);
  g_assert_cmpuint (n_alone, ==, 0);
  for (guint i = N_OLD / 2; i < N_OLD; i++)
    g_assert_cmpuint (run_apart (&s, order[i], TRUE), ==, OWL2_PAGE);
  for (guint i = 0; i < N_OLD / 2; i++)
    g_assert_cmpuint (run_apart (&s, order[i], FALSE), ==, 0);
  scene_close (&s);
}

/* ---- the ends ----------------------------------------------------------- */

/* Prompts of different trees have nothing in common. */
static void
test_trees (void)
{
  Prompt p = { .n = 100 };
  Scene s;

  scene_open (&s, 20, 0);
  for (guint tree = 0; tree < 2; tree++) {
    p.tree = tree;
    run (&s, &p, 10, 0);
    run (&s, &p, 10, p.n - 1);
  }
  scene_close (&s);
}

/* One that takes all that a binding holds, while it has a part of a page to
 * take over, for which there is no room beside it. */
static void
test_all_pages (void)
{
  Prompt p = { .n = N_CTX - 20 };
  g_autoptr (GError) error = NULL;
  Owl2KvSequence seq = { NULL };
  Scene s;

  scene_open (&s, 1, 256 + (MAX_PAGES - 1) * PAGE_BYTES);
  g_assert_cmpint (owl2_kvpool_begin (s.pool, &seq, 0, p.keys, p.n, N_CTX,
                       FALSE, FALSE, &error),
      ==, OWL2_KV_FAILED);
  g_assert_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST);
  scene_close (&s);

  /* More than the budget, but no more than it takes. */
  scene_open (&s, 1, 256 + MAX_PAGES * PAGE_BYTES);
  run (&s, &p, 20, 0);
  run (&s, &p, 20, (MAX_PAGES - 1) * OWL2_PAGE);
  run (&s, &p, 20, (MAX_PAGES - 1) * OWL2_PAGE);
  assert_within (&s, MAX_PAGES);
  scene_close (&s);

  scene_open (&s, MAX_PAGES, 0);
  run (&s, &p, 20, 0);
  run (&s, &p, 20, (MAX_PAGES - 1) * OWL2_PAGE);
  assert_within (&s, MAX_PAGES);
  scene_close (&s);

  /* A prompt of one position takes over nothing. */
  scene_open (&s, MAX_PAGES, 0);
  p.n = 1;
  run (&s, &p, 0, 0);
  run (&s, &p, 0, 0);
  scene_close (&s);
}

/* A request alone gives up what was kept, and the old pages, before it fails;
 * what is left is what it was. */
static void
test_no_memory (void)
{
  guint n_failed = 0, n_cold = 0;

  for (guint n = 0; n < 16; n++) {
    g_autoptr (GError) error = NULL;
    Prompt small = { .n = 70 }, large = { .n = 5 * OWL2_PAGE };
    Owl2KvState state;
    Request r;
    Scene s;

    scene_open (&s, MAX_PAGES, 0);
    run (&s, &small, 0, 0);
    fail_only = "vkAllocateMemory";
    fail_result = VK_ERROR_OUT_OF_DEVICE_MEMORY;
    n_calls = 0;
    fail_repeat = n;
    fail_at = n ? 1 : 0;
    state = begin (&s, &r, &large, 0, FALSE, FALSE, &error);
    fail_at = fail_repeat = 0;
    if (state == OWL2_KV_FAILED) {
      g_assert_error (error, OWL2_ERROR, OWL2_ERROR_NO_MEMORY);
      n_failed++;
    } else {
      g_assert_cmpint (state, ==, OWL2_KV_READY);
      n_cold += r.seq.n_reused == 0;
      feed (&s, &r, large.n);
      end (&s, &r);
    }
    run (&s, &small, 0, ANY);
    scene_close (&s);
  }
  g_test_message ("%u failed, %u with nothing taken over", n_failed, n_cold);
  g_assert_cmpuint (n_failed, >, 0);
  g_assert_cmpuint (n_cold, >, 0);
}

int
main (int argc, char **argv)
{
  static const Random fit = { 1000, 400, TRUE }, tight = { 9, 1500, FALSE };

  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/kvpool/random", &fit, test_random);
  g_test_add_data_func ("/kvpool/random-tight", &tight, test_random);
  g_test_add_func ("/kvpool/oldest", test_oldest);
  g_test_add_func ("/kvpool/trees", test_trees);
  g_test_add_func ("/kvpool/all-pages", test_all_pages);
  g_test_add_func ("/kvpool/no-memory", test_no_memory);
  return g_test_run ();
}
