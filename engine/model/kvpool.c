/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kvpool.h"

#include <string.h>

/* Tensors of a layer in one block, so that little is lost at blocks' ends, and
 * no block is so large that a driver has none. */
#define BLOCK_BYTES (256u << 20)
/* What pieces of an arena are rounded to, on any device. */
#define ALIGN_BYTES 256
#define N_TREES 2
/* Of what the device has free, unless the user says how much. */
#define AUTO_CONTEXTS 2
#define AUTO_SHARE 4

/* Keys of one page. Its parent's positions come right before; only a full page
 * has children. */
struct _Owl2KvNode {
  Owl2KvNode *parent; /* NULL: a root, which has no page */
  GPtrArray *children;
  guint32 page;
  guint n; /* positions */
  Owl2KvKey keys[OWL2_PAGE];
  guint n_users; /* sequences */
  guint64 last_use;
};

struct _Owl2KvPool {
  const Owl2Weights *weights; /* borrowed */
  Owl2KvTensors tensors;
  OvkArena *rope_arena;
  OvkArena *arena;  /* (nullable): of the tensors */
  guint max_pages;  /* that a binding holds */
  guint budget;     /* pages */
  GArray *free;     /* guint32 */
  GPtrArray *nodes; /* all but the roots, in no order */
  Owl2KvNode *roots[N_TREES];
  guint64 clock;
  guint n_alone; /* pages that sequences use alone */
  guint n_sequences;
  gsize taken; /* atomic: bytes */
};

/* ---- sizes -------------------------------------------------------------- */

Owl2Type
owl2_kvpool_auto_type (const Owl2Weights *weights)
{
  for (guint i = 0; i < weights->config.decoder.n_layers; i++)
    if (weights->decoder.layers[i].k[0].type != OWL2_TYPE_F32)
      return OWL2_TYPE_F16;
  return OWL2_TYPE_F32;
}

static guint
pages_for (guint n_positions)
{
  return (n_positions + OWL2_PAGE - 1) / OWL2_PAGE;
}

/* Keys or values of one page of a layer. */
static guint64
page_bytes (const Owl2Weights *weights, Owl2Type type)
{
  return (guint64) weights->config.decoder.n_kv_heads * OWL2_PAGE
         * owl2_tensor_bytes (type, 1, weights->config.decoder.head_dim);
}

static guint64
rounded (guint64 bytes)
{
  return (bytes + ALIGN_BYTES - 1) / ALIGN_BYTES * ALIGN_BYTES;
}

static guint64
pages_bytes (const Owl2Weights *weights, Owl2Type type, guint n_pages)
{
  return 2 * (guint64) weights->config.decoder.n_layers
         * rounded (n_pages * page_bytes (weights, type));
}

static guint64
rope_bytes (const Owl2Weights *weights)
{
  return rounded ((guint64) weights->config.decoder.n_ctx
                  * weights->config.decoder.head_dim * sizeof (float));
}

guint64
owl2_kvpool_bytes (const Owl2Weights *weights, Owl2Type type, guint n_positions)
{
  return pages_bytes (weights, type, pages_for (n_positions))
         + rope_bytes (weights);
}

/* ---- making and freeing ------------------------------------------------- */

static Owl2KvNode *
node_new (Owl2KvNode *parent)
{
  Owl2KvNode *node = g_new0 (Owl2KvNode, 1);

  node->parent = parent;
  node->children = g_ptr_array_new ();
  return node;
}

static void
node_free (Owl2KvNode *node)
{
  if (!node)
    return;
  g_ptr_array_unref (node->children);
  g_free (node);
}

/* One for all positions of a context, so that it never moves. */
static gboolean
fill_rope (Owl2KvPool *pool, GError **error)
{
  const Owl2Config *config = &pool->weights->config;
  guint d = config->decoder.head_dim, n_ctx = config->decoder.n_ctx;
  gsize bytes = (gsize) n_ctx * d * sizeof (float);
  g_autofree float *table = g_try_malloc (bytes);

  if (!table) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_NO_MEMORY,
        "no %" G_GSIZE_FORMAT " bytes of host memory for the rotary table",
        bytes);
    return FALSE;
  }
  owl2_rope_table (table, n_ctx, d, config->decoder.rope_base);
  pool->rope_arena = ovk_arena_new (pool->weights->dev, "rope", bytes);
  return owl2_tensor_alloc (
             &pool->tensors.rope, pool->rope_arena, n_ctx, d, error)
         && ovk_slice_write (
             pool->weights->dev, pool->tensors.rope.slice, table, bytes, error);
}

/* Serial numbers of a pool's tensors start where none of another's are. */
static guint64
new_serial (void)
{
  static guint n_pools; /* atomic */

  return (guint64) g_atomic_int_add (&n_pools, 1) << 32;
}

Owl2KvPool *
owl2_kvpool_new (
    const Owl2Weights *weights, Owl2Type type, guint64 budget, GError **error)
{
  g_autoptr (Owl2KvPool) pool = g_new0 (Owl2KvPool, 1);
  const OvkCaps *caps = ovk_device_caps (weights->dev);
  guint64 n = pages_bytes (weights, type, 1), most;
  guint n_layers = weights->config.decoder.n_layers;

  pool->weights = weights;
  pool->tensors.type = type;
  pool->tensors.serial = new_serial ();
  pool->tensors.k = g_new0 (Owl2Tensor, n_layers);
  pool->tensors.v = g_new0 (Owl2Tensor, n_layers);
  pool->free = g_array_new (FALSE, FALSE, sizeof (guint32));
  pool->nodes = g_ptr_array_new_with_free_func ((GDestroyNotify) node_free);
  for (guint i = 0; i < N_TREES; i++)
    pool->roots[i] = node_new (NULL);
  most = (caps->max_storage_range - ALIGN_BYTES) / page_bytes (weights, type);
  /* Rows of the tensors are counted in 32 bits. */
  most =
      MIN (most, G_MAXINT32 / OWL2_PAGE / weights->config.decoder.n_kv_heads);
  pool->max_pages = (guint) most;
  if (!budget)
    budget = MIN (
        AUTO_CONTEXTS * (guint64) pages_for (weights->config.decoder.n_ctx) * n,
        ovk_device_free_bytes (weights->dev) / AUTO_SHARE);
  pool->budget = (guint) CLAMP (budget / n, 1, most);
  if (!fill_rope (pool, error))
    return NULL;
  g_atomic_pointer_set (&pool->taken, (gsize) rope_bytes (weights));
  return g_steal_pointer (&pool);
}

void
owl2_kvpool_free (Owl2KvPool *pool)
{
  if (!pool)
    return;
  g_clear_pointer (&pool->arena, ovk_arena_free);
  g_clear_pointer (&pool->rope_arena, ovk_arena_free);
  g_free (pool->tensors.k);
  g_free (pool->tensors.v);
  g_array_unref (pool->free);
  g_ptr_array_unref (pool->nodes);
  for (guint i = 0; i < N_TREES; i++)
    node_free (pool->roots[i]);
  g_free (pool);
}

Owl2Type
owl2_kvpool_type (const Owl2KvPool *pool)
{
  return pool->tensors.type;
}

const Owl2KvTensors *
owl2_kvpool_tensors (const Owl2KvPool *pool)
{
  return &pool->tensors;
}

guint64
owl2_kvpool_taken (Owl2KvPool *pool)
{
  return (gsize) g_atomic_pointer_get (&pool->taken);
}

void
owl2_kvpool_count (const Owl2KvPool *pool, guint *n_kept, guint *n_alone)
{
  *n_kept = pool->nodes->len;
  *n_alone = pool->n_alone;
}

/* ---- room --------------------------------------------------------------- */

static gboolean
check_size (const Owl2KvPool *pool, guint n_positions, GError **error)
{
  guint64 layer =
      pages_for (n_positions) * page_bytes (pool->weights, pool->tensors.type);

  if (pages_for (n_positions) <= pool->max_pages)
    return TRUE;
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST,
      "the keys of %u positions of a layer take %" G_GUINT64_FORMAT
      " MiB in %s, a binding of the device holds %" G_GSIZE_FORMAT " MiB",
      n_positions, layer >> 20, owl2_type_name (pool->tensors.type),
      (ovk_device_caps (pool->weights->dev)->max_storage_range - ALIGN_BYTES)
          >> 20);
  return FALSE;
}

/* Rows of the pages there are, of one tensor, to another. */
static OvkSlice
pages_slice (
    const Owl2KvPool *pool, const Owl2Tensor *t, guint32 first, guint n)
{
  guint64 bytes = page_bytes (pool->weights, pool->tensors.type);

  return (
      OvkSlice){ t->slice.buffer, t->slice.offset + first * bytes, n * bytes };
}

/* Moves all to larger tensors; what is in flight has its results copied, too,
 * since the queue keeps order. */
static gboolean
grow (Owl2KvPool *pool, guint n_pages, GError **error)
{
  const Owl2Config *config = &pool->weights->config;
  OvkDevice *dev = pool->weights->dev;
  guint n_layers = config->decoder.n_layers, d = config->decoder.head_dim;
  guint rows = n_pages * config->decoder.n_kv_heads * OWL2_PAGE;
  guint old = pool->tensors.n_pages;
  guint64 bytes = pages_bytes (pool->weights, pool->tensors.type, n_pages);
  guint64 n_free = ovk_device_free_bytes (dev);
  g_autofree Owl2Tensor *kv = g_new (Owl2Tensor, 2 * n_layers);
  g_autoptr (OvkArena) arena = NULL;
  g_autoptr (OvkCmd) cmd = NULL;

  if (bytes > n_free) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_NO_MEMORY,
        "the KV cache of %u positions needs %" G_GUINT64_FORMAT
        " MiB in %s, the device has %" G_GUINT64_FORMAT " MiB free",
        n_pages * OWL2_PAGE, bytes >> 20, owl2_type_name (pool->tensors.type),
        n_free >> 20);
    return FALSE;
  }
  arena = ovk_arena_new (dev, "kv cache", MIN (BLOCK_BYTES, bytes));
  for (guint i = 0; i < 2 * n_layers; i++)
    if (!owl2_tensor_alloc_typed (
            &kv[i], arena, pool->tensors.type, rows, d, error))
      return FALSE;
  if (old) {
    cmd = ovk_cmd_new (dev, "kv cache", error);
    if (!cmd)
      return FALSE;
    for (guint i = 0; i < 2 * n_layers; i++) {
      const Owl2Tensor *from =
          i < n_layers ? &pool->tensors.k[i] : &pool->tensors.v[i - n_layers];

      ovk_cmd_copy (cmd, pages_slice (pool, &kv[i], 0, old),
          pages_slice (pool, from, 0, old));
    }
    if (!ovk_cmd_run (cmd, error))
      return FALSE;
  }
  memcpy (pool->tensors.k, kv, n_layers * sizeof *kv);
  memcpy (pool->tensors.v, kv + n_layers, n_layers * sizeof *kv);
  g_clear_pointer (&pool->arena, ovk_arena_free);
  pool->arena = g_steal_pointer (&arena);
  pool->tensors.n_pages = n_pages;
  pool->tensors.serial++;
  for (guint32 page = n_pages; page-- > old;)
    g_array_append_val (pool->free, page);
  g_atomic_pointer_set (
      &pool->taken, (gsize) (bytes + rope_bytes (pool->weights)));
  return TRUE;
}

/* Frees the page that was used least recently of those that no sequence uses
 * and that nothing hangs on; FALSE if there is none. */
static gboolean
evict (Owl2KvPool *pool)
{
  Owl2KvNode *oldest = NULL;

  for (guint i = 0; i < pool->nodes->len; i++) {
    Owl2KvNode *node = g_ptr_array_index (pool->nodes, i);

    if (!node->n_users && !node->children->len
        && (!oldest || node->last_use < oldest->last_use))
      oldest = node;
  }
  if (!oldest)
    return FALSE;
  g_array_append_val (pool->free, oldest->page);
  g_ptr_array_remove_fast (oldest->parent->children, oldest);
  g_ptr_array_remove_fast (pool->nodes, oldest);
  return TRUE;
}

/* Nobody has pages, and nothing is kept. */
static void
drop_tensors (Owl2KvPool *pool)
{
  guint n_layers = pool->weights->config.decoder.n_layers;

  g_clear_pointer (&pool->arena, ovk_arena_free);
  memset (pool->tensors.k, 0, n_layers * sizeof *pool->tensors.k);
  memset (pool->tensors.v, 0, n_layers * sizeof *pool->tensors.v);
  pool->tensors.n_pages = 0;
  g_array_set_size (pool->free, 0);
  g_atomic_pointer_set (&pool->taken, (gsize) rope_bytes (pool->weights));
}

/* Half as many again, so that it does not happen often; as many as are wanted
 * where that is all there is memory for. */
static gboolean
grow_within (Owl2KvPool *pool, guint want, guint most, GError **error)
{
  guint have = pool->tensors.n_pages, ample = MIN (most, have + have / 2);

  return (ample > want && grow (pool, ample, NULL)) || grow (pool, want, error);
}

static void
release_nodes (Owl2KvPool *pool, Owl2KvSequence *seq)
{
  for (guint i = 0; i < seq->nodes->len; i++) {
    Owl2KvNode *node = g_ptr_array_index (seq->nodes, i);

    node->n_users--;
    node->last_use = ++pool->clock;
  }
  g_ptr_array_set_size (seq->nodes, 0);
  if (seq->from)
    seq->from->n_users--;
  seq->from = NULL;
}

/* What is to be copied takes a page beside those of the request. */
static void
leave_part (Owl2KvSequence *seq)
{
  seq->from->n_users--;
  seq->from = NULL;
  seq->n_reused = seq->nodes->len * OWL2_PAGE;
}

/* Makes pages free for the rest of @n_pages. A request that is alone gives up
 * what it has taken over before it is refused. */
static Owl2KvState
make_room (Owl2KvPool *pool, Owl2KvSequence *seq, guint n_pages, GError **error)
{
  guint n;

  while (pool->free->len < (n = n_pages - seq->nodes->len)) {
    guint want = pool->tensors.n_pages + (n - pool->free->len);
    g_autoptr (GError) failure = NULL;

    if (want <= pool->budget
        && grow_within (pool, want, pool->budget, &failure))
      continue;
    if (failure && failure->code != OWL2_ERROR_NO_MEMORY) {
      g_propagate_error (error, g_steal_pointer (&failure));
      return OWL2_KV_FAILED;
    }
    if (evict (pool))
      continue;
    if (pool->n_sequences > 0)
      return OWL2_KV_BUSY;
    if (seq->from) {
      leave_part (seq);
      continue;
    }
    /* One request may have more than the budget. */
    if (!failure && want <= pool->max_pages && grow (pool, want, &failure))
      continue;
    if (seq->nodes->len) {
      release_nodes (pool, seq);
      seq->n_reused = 0;
      continue;
    }
    /* The old pages need not be there beside the new ones. */
    if (pool->tensors.n_pages) {
      drop_tensors (pool);
      continue;
    }
    g_propagate_error (error, g_steal_pointer (&failure));
    return OWL2_KV_FAILED;
  }
  return OWL2_KV_READY;
}

/* ---- sequences ---------------------------------------------------------- */

static guint
count_equal (const Owl2KvNode *node, const Owl2KvKey *keys, guint n)
{
  guint i;

  for (i = 0; i < MIN (n, node->n); i++)
    if (node->keys[i].frame != keys[i].frame
        || node->keys[i].index != keys[i].index)
      break;
  return i;
}

/* (nullable): the child with the longest beginning of @keys. */
static Owl2KvNode *
best_child (
    const Owl2KvNode *parent, const Owl2KvKey *keys, guint n, guint *n_equal)
{
  Owl2KvNode *best = NULL;

  *n_equal = 0;
  for (guint i = 0; i < parent->children->len; i++) {
    Owl2KvNode *child = g_ptr_array_index (parent->children, i);
    guint equal = count_equal (child, keys, n);

    if (equal > *n_equal) {
      best = child;
      *n_equal = equal;
    }
  }
  return best;
}

static void
use (Owl2KvPool *pool, Owl2KvNode *node)
{
  node->n_users++;
  node->last_use = ++pool->clock;
}

/* Takes over what there is of @n positions. */
static void
match (Owl2KvPool *pool, Owl2KvSequence *seq, const Owl2KvKey *keys, guint n)
{
  Owl2KvNode *at = seq->root;
  guint equal;

  while (n > 0) {
    Owl2KvNode *child = best_child (at, keys, MIN (n, OWL2_PAGE), &equal);

    if (!child)
      return;
    use (pool, child);
    seq->n_reused += equal;
    if (equal < OWL2_PAGE) {
      seq->from = child;
      return;
    }
    g_ptr_array_add (seq->nodes, child);
    at = child;
    keys += equal;
    n -= equal;
  }
}

static void
seq_clear (Owl2KvSequence *seq)
{
  g_clear_pointer (&seq->pages, g_array_unref);
  g_clear_pointer (&seq->nodes, g_ptr_array_unref);
  memset (seq, 0, sizeof *seq);
}

Owl2KvState
owl2_kvpool_begin (Owl2KvPool *pool, Owl2KvSequence *seq, guint tree,
    const Owl2KvKey *prompt, guint n_prompt, guint n_positions, gboolean cold,
    gboolean patient, GError **error)
{
  guint n_pages = pages_for (n_positions);
  Owl2KvState state;

  g_return_val_if_fail (
      !seq->pages && tree < N_TREES && n_prompt > 0 && n_prompt <= n_positions,
      OWL2_KV_FAILED);
  if (!check_size (pool, n_positions, error))
    return OWL2_KV_FAILED;
  seq->pages = g_array_sized_new (FALSE, FALSE, sizeof (guint32), n_pages);
  seq->nodes = g_ptr_array_new ();
  seq->root = pool->roots[tree];
  if (!cold)
    match (pool, seq, prompt, n_prompt - 1);
  state = patient && pool->free->len < n_pages - seq->nodes->len
              ? OWL2_KV_BUSY
              : make_room (pool, seq, n_pages, error);
  if (state != OWL2_KV_READY) {
    release_nodes (pool, seq);
    seq_clear (seq);
    return state;
  }
  for (guint i = 0; i < n_pages; i++) {
    guint last = pool->free->len - 1;
    guint32 page;

    if (i < seq->nodes->len) {
      page = ((Owl2KvNode *) g_ptr_array_index (seq->nodes, i))->page;
    } else {
      page = g_array_index (pool->free, guint32, last);
      g_array_set_size (pool->free, last);
      pool->n_alone++;
    }
    g_array_append_val (seq->pages, page);
  }
  pool->n_sequences++;
  return OWL2_KV_READY;
}

static void
record_page (Owl2KvPool *pool, guint32 to, guint32 from, OvkCmd *cmd)
{
  for (guint i = 0; i < pool->weights->config.decoder.n_layers; i++) {
    const Owl2Tensor *k = &pool->tensors.k[i], *v = &pool->tensors.v[i];

    ovk_cmd_copy (
        cmd, pages_slice (pool, k, to, 1), pages_slice (pool, k, from, 1));
    ovk_cmd_copy (
        cmd, pages_slice (pool, v, to, 1), pages_slice (pool, v, from, 1));
  }
}

void
owl2_kvpool_record_copy (
    Owl2KvPool *pool, const Owl2KvSequence *seq, OvkCmd *cmd)
{
  if (seq->from)
    record_page (pool, g_array_index (seq->pages, guint32, seq->nodes->len),
        seq->from->page, cmd);
}

void
owl2_kvpool_record_page (Owl2KvPool *pool, const Owl2KvSequence *seq, guint to,
    guint from, OvkCmd *cmd)
{
  g_return_if_fail (to >= seq->nodes->len && to < seq->pages->len);
  record_page (pool, g_array_index (seq->pages, guint32, to),
      g_array_index (seq->pages, guint32, from), cmd);
}

/* Keeps the next page, with @n positions; FALSE if another sequence has left
 * the same already. */
static gboolean
keep_page (
    Owl2KvPool *pool, Owl2KvSequence *seq, const Owl2KvKey *keys, guint n)
{
  guint i = seq->nodes->len, equal;
  Owl2KvNode *parent = i ? g_ptr_array_index (seq->nodes, i - 1) : seq->root;
  Owl2KvNode *node;

  best_child (parent, keys, n, &equal);
  if (equal == n)
    return FALSE;
  node = node_new (parent);
  node->page = g_array_index (seq->pages, guint32, i);
  node->n = n;
  memcpy (node->keys, keys, n * sizeof *keys);
  use (pool, node);
  g_ptr_array_add (parent->children, node);
  g_ptr_array_add (pool->nodes, node);
  g_ptr_array_add (seq->nodes, node);
  pool->n_alone--;
  return TRUE;
}

void
owl2_kvpool_keep (Owl2KvPool *pool, Owl2KvSequence *seq,
    const Owl2KvKey *prompt, guint n, gboolean whole)
{
  if (seq->from)
    seq->from->n_users--;
  seq->from = NULL;
  while (!seq->apart) {
    guint first = seq->nodes->len * OWL2_PAGE;
    guint count = n > first ? MIN (n - first, OWL2_PAGE) : 0;

    if (!count || (count < OWL2_PAGE && !whole))
      return;
    seq->apart =
        !keep_page (pool, seq, prompt + first, count) || count < OWL2_PAGE;
  }
}

void
owl2_kvpool_end (Owl2KvPool *pool, Owl2KvSequence *seq)
{
  if (!seq->pages)
    return;
  for (guint i = seq->nodes->len; i < seq->pages->len; i++) {
    g_array_append_val (pool->free, g_array_index (seq->pages, guint32, i));
    pool->n_alone--;
  }
  release_nodes (pool, seq);
  seq_clear (seq);
  pool->n_sequences--;
}
