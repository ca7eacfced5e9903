/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tuning.h"

#include <stdio.h>
#include <string.h>

#define HEADER "owl2 tuning 1"
/* More than tables have; a list that is longer repeats itself. */
#define MAX_ORDER 16

/* Work of one kind. */
typedef struct {
  const Owl2KernelTable *table;
  Owl2Family family;
  Owl2Type type;
  guint n, k;
  const Owl2Kernel *order[MAX_ORDER];
  guint n_order;
} Entry;

struct _Owl2Tuning {
  GArray *entries; /* Entry */
};

Owl2Tuning *
owl2_tuning_new (void)
{
  Owl2Tuning *tuning = g_new0 (Owl2Tuning, 1);

  tuning->entries = g_array_new (FALSE, TRUE, sizeof (Entry));
  return tuning;
}

void
owl2_tuning_free (Owl2Tuning *tuning)
{
  if (!tuning)
    return;
  g_array_unref (tuning->entries);
  g_free (tuning);
}

static const Entry *
find (const Owl2Tuning *tuning, const Owl2KernelTable *table,
    const Owl2Work *work)
{
  for (guint i = 0; i < tuning->entries->len; i++) {
    const Entry *e = &g_array_index (tuning->entries, Entry, i);

    if (e->table == table && e->family == work->family && e->type == work->type
        && e->n == work->n && e->k == work->k)
      return e;
  }
  return NULL;
}

void
owl2_tuning_add (Owl2Tuning *tuning, const Owl2KernelTable *table,
    const Owl2Work *work, const Owl2Kernel *const *order, guint n)
{
  Entry e = { table, work->family, work->type, work->n, work->k };

  g_return_if_fail (n <= MAX_ORDER && !find (tuning, table, work));
  memcpy (e.order, order, n * sizeof *order);
  e.n_order = n;
  g_array_append_val (tuning->entries, e);
}

const Owl2Kernel *
owl2_tuning_pick (const Owl2Tuning *tuning, const Owl2KernelTable *table,
    const OvkCaps *caps, const Owl2Work *work)
{
  const Entry *e = find (tuning, table, work);

  for (guint i = 0; e && i < e->n_order; i++)
    if (owl2_kernel_fits (e->order[i], caps, work))
      return e->order[i];
  return NULL;
}

/* ---- text --------------------------------------------------------------- */

static char *
hex (const guint8 *bytes, guint n)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < n; i++)
    g_string_append_printf (text, "%02x", bytes[i]);
  return g_string_free (text, FALSE);
}

char *
owl2_tuning_file_name (const OvkCaps *caps)
{
  g_autofree char *uuid = hex (caps->uuid, VK_UUID_SIZE);

  return g_strdup_printf ("owl2-%s.tuning", uuid);
}

/* What has to be the same for a text to be of use. */
static void
identity (const OvkCaps *caps, char *values[3])
{
  g_autofree char *cache = hex (caps->cache_uuid, VK_UUID_SIZE);

  values[0] = hex (caps->uuid, VK_UUID_SIZE);
  values[1] = g_strdup_printf ("%08x-%08x-%08x-%s", caps->vendor_id,
      caps->device_id, caps->driver_version, cache);
  values[2] =
      g_strdup_printf ("%016" G_GINT64_MODIFIER "x", owl2_ops_shaders_hash ());
}

static const char *const identity_keys[] = { "device", "driver", "shaders" };

char *
owl2_tuning_write (const Owl2Tuning *tuning, const OvkCaps *caps)
{
  g_autoptr (GKeyFile) file = g_key_file_new ();
  char *values[3];

  identity (caps, values);
  for (guint i = 0; i < G_N_ELEMENTS (values); i++) {
    g_key_file_set_string (file, HEADER, identity_keys[i], values[i]);
    g_free (values[i]);
  }
  for (guint i = 0; i < tuning->entries->len; i++) {
    const Entry *e = &g_array_index (tuning->entries, Entry, i);
    g_autofree char *key = g_strdup_printf ("%s.%s.%ux%u", owl2_family_name (e->family),
        owl2_type_name (e->type), e->n, e->k);
    const char *names[MAX_ORDER];

    for (guint j = 0; j < e->n_order; j++)
      names[j] = e->order[j]->name;
    g_key_file_set_string_list (file, e->table->op, key, names, e->n_order);
  }
  return g_key_file_to_data (file, NULL, NULL);
}

static gboolean
bad (GError **error, const char *group, const char *key)
{
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE,
      "'%s' in [%s] means nothing", key, group);
  return FALSE;
}

/* "decode.q4_k.4096x11008" */
static gboolean
parse_work (const char *key, Owl2Work *work)
{
  g_auto (GStrv) parts = g_strsplit (key, ".", 4);
  char rest;

  if (g_strv_length (parts) != 3 || !owl2_type_parse (parts[1], &work->type)
      || sscanf (parts[2], "%9ux%9u%c", &work->n, &work->k, &rest) != 2)
    return FALSE;
  for (Owl2Family f = OWL2_PREFILL; f <= OWL2_DECODE; f++)
    if (strcmp (owl2_family_name (f), parts[0]) == 0) {
      work->family = f;
      return TRUE;
    }
  return FALSE;
}

static gboolean
read_entry (Owl2Tuning *tuning, GKeyFile *file, const Owl2KernelTable *table,
    const char *key, GError **error)
{
  g_auto (GStrv) names =
      g_key_file_get_string_list (file, table->op, key, NULL, NULL);
  guint n = names ? g_strv_length (names) : 0;
  const Owl2Kernel *order[MAX_ORDER];
  Owl2Work work = { 0 };

  if (n == 0 || n > MAX_ORDER || !parse_work (key, &work)
      || find (tuning, table, &work))
    return bad (error, table->op, key);
  for (guint i = 0; i < n; i++) {
    const Owl2KernelTable *of = NULL;

    order[i] = owl2_kernel_find (names[i], &of);
    if (!order[i] || of != table)
      return bad (error, table->op, key);
  }
  owl2_tuning_add (tuning, table, &work, order, n);
  return TRUE;
}

static gboolean
read_group (
    Owl2Tuning *tuning, GKeyFile *file, const char *group, GError **error)
{
  const Owl2KernelTable *table = owl2_kernel_table_of (group);
  g_auto (GStrv) keys = g_key_file_get_keys (file, group, NULL, NULL);

  if (strcmp (group, HEADER) == 0)
    return TRUE;
  if (!table)
    return bad (error, group, "all of it");
  for (guint i = 0; keys && keys[i]; i++)
    if (!read_entry (tuning, file, table, keys[i], error))
      return FALSE;
  return TRUE;
}

/* What is of others is no damage. */
static gboolean
check_identity (GKeyFile *file, const OvkCaps *caps, GError **error)
{
  char *values[3];
  gboolean ok = TRUE;

  identity (caps, values);
  for (guint i = 0; i < G_N_ELEMENTS (values); i++) {
    g_autofree char *got =
        g_key_file_get_string (file, HEADER, identity_keys[i], NULL);

    if (ok && !got)
      ok = bad (error, HEADER, identity_keys[i]);
    else if (ok && strcmp (got, values[i]) != 0) {
      g_set_error (error, OWL2_ERROR, OWL2_ERROR_UNSUPPORTED,
          "it was measured with another %s",
          i == 2 ? "version's shaders" : identity_keys[i]);
      ok = FALSE;
    }
    g_free (values[i]);
  }
  return ok;
}

Owl2Tuning *
owl2_tuning_read (
    const char *text, gsize n, const OvkCaps *caps, GError **error)
{
  g_autoptr (GKeyFile) file = g_key_file_new ();
  g_autoptr (Owl2Tuning) tuning = owl2_tuning_new ();
  g_autoptr (GError) why = NULL;
  g_auto (GStrv) groups = NULL;

  if (n == 0 || !g_utf8_validate (text, (gssize) n, NULL)
      || !g_key_file_load_from_data (file, text, n, G_KEY_FILE_NONE, &why)
      || !g_key_file_has_group (file, HEADER)) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE, "it is no tuning: %s",
        why ? why->message : "its head is missing");
    return NULL;
  }
  if (!check_identity (file, caps, error))
    return NULL;
  groups = g_key_file_get_groups (file, NULL);
  for (guint i = 0; groups[i]; i++)
    if (!read_group (tuning, file, groups[i], error))
      return NULL;
  return g_steal_pointer (&tuning);
}

/* ---- what is gone by ---------------------------------------------------- */

typedef struct {
  guint8 uuid[VK_UUID_SIZE];
  Owl2Tuning *tuning; /* (nullable) */
} Settled;

static GMutex lock;     /* of the next */
static GArray *settled; /* Settled; tunings are not freed */
static gint n_tuned;    /* atomic: of them with a tuning */

/* Under the lock. (nullable) */
static Settled *
settled_of (const OvkCaps *caps)
{
  for (guint i = 0; settled && i < settled->len; i++) {
    Settled *s = &g_array_index (settled, Settled, i);

    if (memcmp (s->uuid, caps->uuid, VK_UUID_SIZE) == 0)
      return s;
  }
  return NULL;
}

gboolean
owl2_tuning_use (const OvkCaps *caps, Owl2Tuning *tuning)
{
  Settled s = { .tuning = tuning };
  gboolean fresh;

  memcpy (s.uuid, caps->uuid, VK_UUID_SIZE);
  g_mutex_lock (&lock);
  fresh = !settled_of (caps);
  if (fresh) {
    if (!settled)
      settled = g_array_new (FALSE, FALSE, sizeof (Settled));
    g_array_append_val (settled, s);
    if (tuning)
      g_atomic_int_inc (&n_tuned);
  }
  g_mutex_unlock (&lock);
  if (!fresh)
    owl2_tuning_free (tuning);
  return fresh;
}

const Owl2Tuning *
owl2_tuning_in_use (const OvkCaps *caps)
{
  const Settled *s;
  const Owl2Tuning *tuning;

  if (!g_atomic_int_get (&n_tuned))
    return NULL;
  g_mutex_lock (&lock);
  s = settled_of (caps);
  tuning = s ? s->tuning : NULL;
  g_mutex_unlock (&lock);
  return tuning;
}

gboolean
owl2_tuning_is_settled (const OvkCaps *caps)
{
  gboolean is;

  g_mutex_lock (&lock);
  is = settled_of (caps) != NULL;
  g_mutex_unlock (&lock);
  return is;
}

void
owl2_tuning_forget (void)
{
  g_mutex_lock (&lock);
  for (guint i = 0; settled && i < settled->len; i++)
    owl2_tuning_free (g_array_index (settled, Settled, i).tuning);
  g_clear_pointer (&settled, g_array_unref);
  g_atomic_int_set (&n_tuned, 0);
  g_mutex_unlock (&lock);
}
