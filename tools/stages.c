/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stages.h"

#include <errno.h>
#include <string.h>
#include <glib/gstdio.h>

#include "npy.h"

#define MAX_DIMS 4

typedef struct {
  gsize shape[MAX_DIMS];
  GBytes *data;
} Part;

typedef struct {
  char type;
  guint n_dims, axis;
  GArray *parts; /* of Part */
} Stage;

struct _Stages {
  GHashTable *table; /* name -> Stage */
};

static void
part_clear (gpointer data)
{
  g_bytes_unref (((Part *) data)->data);
}

static void
stage_free (gpointer data)
{
  Stage *stage = data;

  g_array_unref (stage->parts);
  g_free (stage);
}

Stages *
stages_new (void)
{
  Stages *stages = g_new0 (Stages, 1);

  stages->table =
      g_hash_table_new_full (g_str_hash, g_str_equal, g_free, stage_free);
  return stages;
}

void
stages_free (Stages *stages)
{
  if (!stages)
    return;
  g_hash_table_unref (stages->table);
  g_free (stages);
}

static gsize
element_bytes (char type)
{
  return type == 'b' ? 1 : 4;
}

void
stages_tap (const char *name, char type, const gsize *shape, guint n_dims,
    guint axis, const void *data, gpointer user_data)
{
  Stages *stages = user_data;
  Stage *stage = g_hash_table_lookup (stages->table, name);
  gsize bytes = element_bytes (type);
  Part part = { { 1, 1, 1, 1 }, NULL };

  g_return_if_fail (n_dims >= 1 && n_dims <= MAX_DIMS && axis < n_dims);
  if (!stage) {
    stage = g_new0 (Stage, 1);
    stage->type = type;
    stage->n_dims = n_dims;
    stage->axis = axis;
    stage->parts = g_array_new (FALSE, FALSE, sizeof (Part));
    g_array_set_clear_func (stage->parts, part_clear);
    g_hash_table_insert (stages->table, g_strdup (name), stage);
  }
  for (guint i = 0; i < n_dims; i++) {
    part.shape[i] = shape[i];
    bytes *= shape[i];
  }
  part.data = g_bytes_new (data, bytes);
  g_array_append_val (stage->parts, part);
}

/* Joins along the stage's axis. Later dimensions may differ between parts, as
 * the keys that a chunk's queries see do; short ones end in zeros. */
static guint8 *
join (const Stage *stage, gsize shape[MAX_DIMS])
{
  gsize es = element_bytes (stage->type), total = es, first = 0;
  guint8 *out;

  for (guint d = 0; d < MAX_DIMS; d++)
    shape[d] = 1;
  for (guint p = 0; p < stage->parts->len; p++) {
    const Part *part = &g_array_index (stage->parts, Part, p);

    for (guint d = 0; d < stage->n_dims; d++)
      shape[d] = MAX (shape[d], part->shape[d]);
    first += part->shape[stage->axis];
  }
  shape[stage->axis] = first;
  for (guint d = 0; d < MAX_DIMS; d++)
    total *= shape[d];
  out = g_malloc0 (total);
  first = 0;
  for (guint p = 0; p < stage->parts->len; p++) {
    const Part *part = &g_array_index (stage->parts, Part, p);
    const guint8 *in = g_bytes_get_data (part->data, NULL);
    const gsize *n = part->shape;
    gsize start[MAX_DIMS] = { 0 };

    start[stage->axis] = first;
    for (gsize i = 0; i < n[0]; i++)
      for (gsize j = 0; j < n[1]; j++)
        for (gsize k = 0; k < n[2]; k++)
          memcpy (out
                      + es
                            * ((((i + start[0]) * shape[1] + j + start[1])
                                       * shape[2]
                                   + k + start[2])
                                    * shape[3]
                                + start[3]),
              in + es * (((i * n[1] + j) * n[2] + k) * n[3]), es * n[3]);
    first += n[stage->axis];
  }
  return out;
}

gboolean
stages_write (Stages *stages, const char *folder, GError **error)
{
  GHashTableIter iter;
  gpointer key, value;

  if (g_mkdir_with_parents (folder, 0777) != 0) {
    g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (errno), "%s: %s",
        folder, g_strerror (errno));
    return FALSE;
  }
  g_hash_table_iter_init (&iter, stages->table);
  while (g_hash_table_iter_next (&iter, &key, &value)) {
    Stage *stage = value;
    gsize shape[MAX_DIMS];
    g_autofree guint8 *data = join (stage, shape);
    g_autofree char *name = g_strconcat ((const char *) key, ".npy", NULL);
    g_autofree char *path = g_build_filename (folder, name, NULL);

    if (!npy_write (path, stage->type, shape, stage->n_dims, data, error))
      return FALSE;
  }
  return TRUE;
}
