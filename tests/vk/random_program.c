/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "random_program.h"

#include <string.h>

#define N_MEMORIES 3
#define N_CMDS 2

/* Some device memory, and what has to be in it. */
typedef struct {
  OvkSlice slice;
  guint32 *words;
  guint n_words;
} Memory;

typedef struct {
  OvkDevice *dev;
  GRand *rand;
  OvkArena *arena;
  OvkCmd *cmds[N_CMDS];
  guint current;
  Memory memories[N_MEMORIES];
  guint32 seed;
  OvkCmd *kept;      /* what it holds is submitted again and again */
  guint32 kept_seed; /* decides that; 0: nothing */
} Program;

/* A piece of a memory. */
typedef struct {
  Memory *memory;
  guint first, n; /* words */
} Piece;

static guint
below (Program *p, guint n)
{
  return (guint) g_rand_int_range (p->rand, 0, (gint32) n);
}

static OvkSlice
device_side (const Piece *piece)
{
  return vk_slice (piece->memory->slice, piece->first * 4u, piece->n * 4u);
}

static guint32 *
host_side (const Piece *piece)
{
  return piece->memory->words + piece->first;
}

static gboolean
overlap (const Piece *a, const Piece *b)
{
  return a->memory == b->memory && a->first < b->first + b->n
         && b->first < a->first + a->n;
}

/* @n words that begin at a multiple of @align words. Small distances between
 * them are likely, so that they often overlap. */
static Piece
random_piece (Program *p, guint n, guint align)
{
  Piece piece = { &p->memories[below (p, N_MEMORIES)], 0, n };
  guint room = piece.memory->n_words - n;

  if (below (p, 2))
    room = MIN (room, 4 * align);
  piece.first = below (p, room + 1) / align * align;
  return piece;
}

static void
step_dispatch (Program *p, OvkCmd *cmd)
{
  guint align = (guint) ovk_device_caps (p->dev)->storage_align / 4;
  guint n = 1 + below (p, below (p, 2) ? 20 : 600);
  VkMixSpec spec = { 32u << below (p, 3), 1 + below (p, 3), 1 + below (p, 2) };
  guint32 add = g_rand_int (p->rand);
  Piece a = random_piece (p, n, align), b = random_piece (p, n, align);
  Piece out, io;
  guint tries = 0;

  /* Invocations of one dispatch must not depend on each other. */
  do {
    out = random_piece (p, n, align);
    io = random_piece (p, n, align);
    if (++tries > 100)
      return;
  } while (overlap (&out, &io) || overlap (&out, &a) || overlap (&out, &b)
           || overlap (&io, &a) || overlap (&io, &b));

  if (cmd)
    vk_mix (cmd, &spec, device_side (&a), device_side (&b), device_side (&out),
        device_side (&io), n, add);
  vk_mix_host (&spec, host_side (&a), host_side (&b), host_side (&out),
      host_side (&io), n, add);
}

static void
step_copy (Program *p, OvkCmd *cmd)
{
  guint n = 1 + below (p, 500);
  Piece from = random_piece (p, n, 1), to = random_piece (p, n, 1);

  if (overlap (&from, &to))
    return;
  if (cmd)
    ovk_cmd_copy (cmd, device_side (&to), device_side (&from));
  memcpy (host_side (&to), host_side (&from), n * 4u);
}

static void
step_update (Program *p, OvkCmd *cmd)
{
  guint32 data[100];
  guint n = 1 + below (p, G_N_ELEMENTS (data));
  Piece to = random_piece (p, n, 1);

  for (guint i = 0; i < n; i++)
    data[i] = g_rand_int (p->rand);
  if (cmd)
    ovk_cmd_update (cmd, device_side (&to), data, n * 4u);
  memcpy (host_side (&to), data, n * 4u);
}

static void
step_fill (Program *p, OvkCmd *cmd)
{
  guint n = 1 + below (p, 500);
  Piece to = random_piece (p, n, 1);
  guint32 word = g_rand_int (p->rand);

  if (cmd)
    ovk_cmd_fill (cmd, device_side (&to), word);
  for (guint i = 0; i < n; i++)
    host_side (&to)[i] = word;
}

static void
submit (Program *p)
{
  GError *error = NULL;

  vk_assert_ok (ovk_cmd_submit (p->cmds[p->current], &error), error);
  p->current = (p->current + 1) % N_CMDS;
}

static void
check (Program *p, const Piece *piece, const char *when)
{
  g_autofree guint32 *got = g_new0 (guint32, piece->n);
  GError *error = NULL;

  vk_assert_ok (
      ovk_slice_read (p->dev, device_side (piece), got, piece->n * 4u, &error),
      error);
  for (guint i = 0; i < piece->n; i++) {
    if (got[i] != host_side (piece)[i])
      g_error ("program of seed %u, %s: memory %d, word %u of %u is %08x, "
               "should be %08x",
          p->seed, when, (int) (piece->memory - p->memories), piece->first + i,
          piece->memory->n_words, got[i], host_side (piece)[i]);
  }
}

static void
step_host (Program *p)
{
  Piece piece = random_piece (p, 1 + below (p, 300), 1);
  GError *error = NULL;

  submit (p);
  if (below (p, 2)) {
    check (p, &piece, "in between");
    return;
  }
  for (guint i = 0; i < piece.n; i++)
    host_side (&piece)[i] = g_rand_int (p->rand);
  vk_assert_ok (ovk_slice_write (p->dev, device_side (&piece),
                    host_side (&piece), piece.n * 4u, &error),
      error);
}

/* One command of those that there are; without @cmd on the host only. */
static void
step_command (Program *p, OvkCmd *cmd)
{
  guint which = below (p, 92);

  if (which < 50)
    step_dispatch (p, cmd);
  else if (which < 68)
    step_copy (p, cmd);
  else if (which < 80)
    step_update (p, cmd);
  else
    step_fill (p, cmd);
}

/* Submits what was kept once more, or records and keeps something else. There
 * is a command in each case: after none, submitting means the kept ones. */
static void
step_kept (Program *p)
{
  gboolean again = p->kept_seed && below (p, 4);
  GError *error = NULL;
  GRand *rand = p->rand;
  guint n;

  submit (p);
  if (!again)
    p->kept_seed = g_rand_int (p->rand) | 1;
  p->rand = g_rand_new_with_seed (p->kept_seed);
  n = below (p, 40);
  step_fill (p, again ? NULL : p->kept);
  for (guint i = 0; i < n; i++)
    step_command (p, again ? NULL : p->kept);
  g_rand_free (p->rand);
  p->rand = rand;
  vk_assert_ok (ovk_cmd_submit (p->kept, &error), error);
  if (below (p, 2))
    vk_assert_ok (ovk_cmd_wait (p->kept, &error), error);
}

static void
step (Program *p)
{
  guint which = below (p, 100);

  if (which < 90)
    step_command (p, p->cmds[p->current]);
  else if (which < 94)
    submit (p);
  else if (which < 97)
    step_host (p);
  else
    step_kept (p);
}

void
vk_random_program (OvkDevice *dev, guint32 seed, guint n_steps)
{
  Program p = { .dev = dev, .seed = seed };
  GError *error = NULL;

  p.rand = g_rand_new_with_seed (seed);
  p.arena = vk_arena (dev, 16 << 10);
  for (guint i = 0; i < N_CMDS; i++)
    p.cmds[i] = vk_cmd (dev);
  p.kept = vk_cmd (dev);
  ovk_cmd_set_kept (p.kept, TRUE);
  for (guint i = 0; i < N_MEMORIES; i++) {
    Memory *m = &p.memories[i];

    m->n_words = 800 + below (&p, 4000);
    m->slice = vk_alloc (p.arena, m->n_words * 4u);
    m->words = g_new0 (guint32, m->n_words);
  }
  for (guint i = 0; i < n_steps; i++)
    step (&p);
  submit (&p);
  for (guint i = 0; i < N_MEMORIES; i++) {
    Piece all = { &p.memories[i], 0, p.memories[i].n_words };

    check (&p, &all, "at the end");
  }
  for (guint i = 0; i < N_CMDS; i++) {
    vk_assert_ok (ovk_cmd_wait (p.cmds[i], &error), error);
    ovk_cmd_free (p.cmds[i]);
  }
  ovk_cmd_free (p.kept);
  for (guint i = 0; i < N_MEMORIES; i++)
    g_free (p.memories[i].words);
  ovk_arena_free (p.arena);
  g_rand_free (p.rand);
}
