/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stages.h"

#include <errno.h>
#include <string.h>
#include <glib/gstdio.h>

#include "npy.h"

typedef struct {
  gsize shape[NPY_MAX_DIMS];
  guint8 *data;
} Part;

typedef struct {
  char type;
  guint n_dims, axis;
  gsize shape[NPY_MAX_DIMS]; /* of all parts, joined */
  char *path;
  Owl2Output *out; /* NULL once it has its name */
  GArray *parts;   /* of Part; unused along axis 0 */
} Stage;

struct _Stages {
  char *folder;
  GHashTable *table; /* name -> Stage */
  GError *error;     /* the first */
};

static void
part_clear (gpointer data)
{
  g_free (((Part *) data)->data);
}

static void
stage_free (gpointer data)
{
  Stage *stage = data;

  g_array_unref (stage->parts);
  owl2_output_free (stage->out);
  g_free (stage->path);
  g_free (stage);
}

Stages *
stages_new (const char *folder, GError **error)
{
  Stages *stages;

  if (g_mkdir_with_parents (folder, 0777) != 0) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_FAILED, "%s: %s", folder,
        g_strerror (errno));
    return NULL;
  }
  stages = g_new0 (Stages, 1);
  stages->folder = g_strdup (folder);
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
  g_clear_error (&stages->error);
  g_free (stages->folder);
  g_free (stages);
}

/* NULL with the error left in @stages. */
static Stage *
stage_new (
    Stages *stages, const char *name, char type, guint n_dims, guint axis)
{
  g_autofree char *file = g_strconcat (name, ".npy", NULL);
  Stage *stage = g_new0 (Stage, 1);

  stage->type = type;
  stage->n_dims = n_dims;
  stage->axis = axis;
  stage->path = g_build_filename (stages->folder, file, NULL);
  stage->parts = g_array_new (FALSE, FALSE, sizeof (Part));
  g_array_set_clear_func (stage->parts, part_clear);
  for (guint i = 0; i < NPY_MAX_DIMS; i++)
    stage->shape[i] = i != axis;
  g_hash_table_insert (stages->table, g_strdup (name), stage);
  stage->out = owl2_output_new (stage->path, &stages->error);
  return stage->out ? stage : NULL;
}

static gboolean
keep_part (Stage *stage, const gsize *shape, const void *data, GError **error)
{
  gsize bytes = npy_element_bytes (stage->type);
  Part part = { { 1, 1, 1, 1 }, NULL };

  for (guint i = 0; i < stage->n_dims; i++) {
    part.shape[i] = shape[i];
    bytes *= shape[i];
  }
  part.data = g_try_malloc (bytes);
  if (!part.data) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_NO_MEMORY,
        "%s: no memory for %" G_GSIZE_FORMAT " bytes", stage->path, bytes);
    return FALSE;
  }
  memcpy (part.data, data, bytes);
  g_array_append_val (stage->parts, part);
  return TRUE;
}

void
stages_tap (const char *name, char type, const gsize *shape, guint n_dims,
    guint axis, const void *data, gpointer user_data)
{
  Stages *stages = user_data;
  Stage *stage = g_hash_table_lookup (stages->table, name);

  g_return_if_fail (n_dims >= 1 && n_dims <= NPY_MAX_DIMS && axis < n_dims);
  if (stages->error)
    return;
  if (!stage && !(stage = stage_new (stages, name, type, n_dims, axis)))
    return;
  for (guint i = 0; i < n_dims; i++)
    stage->shape[i] = i == axis ? stage->shape[i] + shape[i]
                                : MAX (stage->shape[i], shape[i]);
  if (axis == 0)
    npy_append (stage->out, stage->path, type, stage->shape, n_dims, shape[0],
        data, &stages->error);
  else
    keep_part (stage, shape, data, &stages->error);
}

/* (transfer full) (nullable): all parts along the stage's axis. Later
 * dimensions may differ between parts, as the keys that a chunk's queries see
 * do; short ones end in zeros. */
static guint8 *
join (const Stage *stage)
{
  gsize es = npy_element_bytes (stage->type), total = es, first = 0;
  const gsize *shape = stage->shape;
  guint8 *out;

  for (guint d = 0; d < NPY_MAX_DIMS; d++)
    total *= shape[d];
  out = g_try_malloc0 (total);
  for (guint p = 0; out && p < stage->parts->len; p++) {
    const Part *part = &g_array_index (stage->parts, Part, p);
    const gsize *n = part->shape;
    gsize start[NPY_MAX_DIMS] = { 0 };

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
              part->data + es * (((i * n[1] + j) * n[2] + k) * n[3]),
              es * n[3]);
    first += n[stage->axis];
  }
  return out;
}

/* Writes what was kept of a stage. */
static gboolean
write_parts (Stage *stage, GError **error)
{
  g_autofree guint8 *data = NULL;
  guint n_parts = stage->parts->len;

  if (stage->axis == 0)
    return TRUE;
  data = join (stage);
  g_array_set_size (stage->parts, 0);
  if (data)
    return npy_append (stage->out, stage->path, stage->type, stage->shape,
        stage->n_dims, stage->shape[0], data, error);
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_NO_MEMORY,
      "%s: no memory to join %u parts", stage->path, n_parts);
  return FALSE;
}

gboolean
stages_finish (Stages *stages, GError **error)
{
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, stages->table);
  while (!stages->error && g_hash_table_iter_next (&iter, NULL, &value))
    write_parts (value, &stages->error);
  /* All or, but for a name that can't be had, nothing. */
  g_hash_table_iter_init (&iter, stages->table);
  while (!stages->error && g_hash_table_iter_next (&iter, NULL, &value)) {
    Stage *stage = value;

    if (owl2_output_finish (stage->out, FALSE, &stages->error))
      g_clear_pointer (&stage->out, owl2_output_free);
  }
  if (!stages->error)
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&stages->error));
  return FALSE;
}
