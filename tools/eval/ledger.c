/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "input.h"
#include "json_line.h"
#include "output.h"
#include "table.h"

#define SETTINGS "run.json"

static gboolean
fail_errno (const char *path, GError **error)
{
  g_set_error (
      error, OWL2_ERROR, OWL2_ERROR_FAILED, "%s: %s", path, g_strerror (errno));
  return FALSE;
}

static gboolean
write_all (int fd, const char *text, gsize n)
{
  while (n) {
    const gssize done = write (fd, text, n);

    if (done < 0 && errno == EINTR)
      continue;
    if (done <= 0)
      return FALSE;
    text += done;
    n -= (gsize) done;
  }
  return TRUE;
}

/* So that a name in it is on the disk, too. */
static gboolean
sync_folder (const char *folder, GError **error)
{
  const int fd = open (folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const gboolean ok = fd >= 0 && (fsync (fd) == 0 || errno == EINVAL);

  if (!ok)
    fail_errno (folder, error);
  if (fd >= 0)
    close (fd);
  return ok;
}

/* ---- settings --------------------------------------------------------- */

/* (transfer full) */
static char *
show (const json_t *value)
{
  return value ? json_line_write (value) : g_strdup ("nothing");
}

static void
append_difference (
    GString *out, const char *key, const json_t *there, const json_t *here)
{
  g_autofree char *was = show (there);
  g_autofree char *is = show (here);

  g_string_append_printf (
      out, "%s%s is %s there and %s here", out->len ? ", " : "", key, was, is);
}

/* (transfer full): empty where they are the same */
static char *
differences (json_t *there, json_t *here)
{
  GString *out = g_string_new (NULL);
  const char *key;
  json_t *value;

  json_object_foreach (here, key, value)
    if (!json_equal (json_object_get (there, key), value))
      append_difference (out, key, json_object_get (there, key), value);
  json_object_foreach (there, key, value)
    if (!json_object_get (here, key))
      append_difference (out, key, value, NULL);
  return g_string_free (out, FALSE);
}

/* (transfer full) */
static json_t *
read_settings (const char *path, GError **error)
{
  g_autoptr (GBytes) bytes = table_read (path, error);
  json_auto_t *records =
      bytes ? table_records (bytes, path, NULL, error) : NULL;

  return json_incref (json_array_get (records, 0));
}

/* Under its name it is whole at once, and the first to give the name wins. */
static gboolean
make_settings (const char *path, const json_t *settings, GError **error)
{
  g_autofree char *text = json_line_write (settings);
  g_autofree char *line = g_strconcat (text, "\n", NULL);
  g_autoptr (Owl2Output) out = owl2_output_new (path, error);

  if (!out)
    return FALSE;
  fputs (line, owl2_output_file (out));
  return owl2_output_finish_first (out, error);
}

gboolean
ledger_make_folder (const char *folder, GError **error)
{
  return g_mkdir_with_parents (folder, 0777) == 0 || fail_errno (folder, error);
}

gboolean
ledger_settle (const char *folder, const json_t *settings, GError **error)
{
  g_autofree char *path = g_build_filename (folder, SETTINGS, NULL);
  g_autofree char *differing = NULL;
  json_auto_t *there = NULL;

  if (!ledger_make_folder (folder, error))
    return FALSE;
  if (!g_file_test (path, G_FILE_TEST_EXISTS)
      && !make_settings (path, settings, error))
    return FALSE;
  there = read_settings (path, error);
  if (!there)
    return FALSE;
  differing = differences (there, (json_t *) settings);
  if (!*differing)
    return TRUE;
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST,
      "%s is of another run: %s", path, differing);
  return FALSE;
}

/* ---- one shard -------------------------------------------------------- */

struct _Ledger {
  const EvalSet *set; /* borrowed */
  char *path;
  int fd;
  guint shard, n;
  guint64 done, total;
};

static char *
shard_path (const char *folder, guint shard, guint n)
{
  g_autofree char *name = g_strdup_printf ("answers-%u-of-%u.jsonl", shard, n);

  return g_build_filename (folder, name, NULL);
}

/* How many of the questions are its own. */
static guint64
shard_size (const EvalSet *set, guint shard, guint n)
{
  return shard < set->items->len ? (set->items->len - shard + n - 1) / n : 0;
}

/* (transfer full): the answers of a shard's file; @whole, @torn: (out): bytes
 * of their lines, and of one that was cut short */
static json_t *
read_answers (const char *path, gsize *whole, gsize *torn, GError **error)
{
  g_autoptr (GBytes) bytes = table_read (path, error);
  g_autoptr (GBytes) lines = NULL;
  const char *text, *end;
  gsize n;

  if (!bytes)
    return NULL;
  text = g_bytes_get_data (bytes, &n);
  end = n ? memrchr (text, '\n', n) : NULL;
  *whole = end ? (gsize) (end - text) + 1 : 0;
  *torn = n - *whole;
  if (!*whole)
    return json_array ();
  lines = g_bytes_new_from_bytes (bytes, 0, *whole);
  return table_records (lines, path, NULL, error);
}

/* That they are those of the first of the shard's questions. */
static gboolean
check_answers (const json_t *answers, const EvalSet *set, const char *path,
    guint shard, guint n, GError **error)
{
  const guint64 total = shard_size (set, shard, n);

  for (gsize k = 0; k < json_array_size (answers); k++) {
    const json_t *answer = json_array_get (answers, k);
    const json_t *index = json_object_get (answer, "index");
    const guint64 i = shard + (guint64) k * n;

    if (k < total && json_is_integer (index)
        && (guint64) json_integer_value (index) == i
        && json_equal (
            json_object_get (answer, "id"), eval_set_item (set, i)->id))
      continue;
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE,
        "%s:%" G_GSIZE_FORMAT ": it is no answer to question %" G_GUINT64_FORMAT
        " of %u",
        path, k + 1, i, set->items->len);
    return FALSE;
  }
  return TRUE;
}

/* What is appended to must have no other name, which could be a file of
 * somebody's that has nothing to do with answers. */
static gboolean
check_own (const Ledger *ledger, GError **error)
{
  struct stat st;

  if (fstat (ledger->fd, &st) != 0)
    return fail_errno (ledger->path, error);
  if (S_ISREG (st.st_mode) && st.st_nlink == 1)
    return TRUE;
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE,
      "%s: %s, and answers are only written to a file of their own",
      ledger->path,
      S_ISREG (st.st_mode) ? "the file has another name, too (a hard link)"
                           : owl2_input_kind (st.st_mode));
  return FALSE;
}

static gboolean
lock (Ledger *ledger, GError **error)
{
  struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

  if (fcntl (ledger->fd, F_OFD_SETLK, &whole) == 0)
    return TRUE;
  if (errno != EAGAIN && errno != EACCES)
    return fail_errno (ledger->path, error);
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST,
      "%s: another process is writing it", ledger->path);
  return FALSE;
}

static gboolean
resume (Ledger *ledger, GError **error)
{
  json_auto_t *answers = NULL;
  gsize whole, torn;

  answers = read_answers (ledger->path, &whole, &torn, error);
  if (!answers
      || !check_answers (
          answers, ledger->set, ledger->path, ledger->shard, ledger->n, error))
    return FALSE;
  if (torn
      && (ftruncate (ledger->fd, (off_t) whole) < 0 || fsync (ledger->fd) < 0))
    return fail_errno (ledger->path, error);
  ledger->done = json_array_size (answers);
  return TRUE;
}

Ledger *
ledger_open (const char *folder, const EvalSet *set, guint shard, guint n,
    GError **error)
{
  g_autoptr (Ledger) ledger = g_new0 (Ledger, 1);
  guint there;

  ledger->fd = -1;
  ledger->set = set;
  ledger->path = shard_path (folder, shard, n);
  ledger->shard = shard;
  ledger->n = n;
  ledger->total = shard_size (set, shard, n);
  if (!ledger_shards (folder, &there, error))
    return NULL;
  if (there && there != n) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST,
        "%s has a run in %u shards, this one is in %u", folder, there, n);
    return NULL;
  }
  ledger->fd = open (ledger->path,
      O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0666);
  if (ledger->fd < 0) {
    if (errno == ELOOP)
      g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE,
          "%s: it is a link, and answers are only written to a file of their "
          "own",
          ledger->path);
    else
      fail_errno (ledger->path, error);
    return NULL;
  }
  if (!check_own (ledger, error) || !lock (ledger, error)
      || !resume (ledger, error) || !sync_folder (folder, error))
    return NULL;
  return g_steal_pointer (&ledger);
}

void
ledger_free (Ledger *ledger)
{
  if (!ledger)
    return;
  if (ledger->fd >= 0)
    close (ledger->fd);
  g_free (ledger->path);
  g_free (ledger);
}

guint64
ledger_done (const Ledger *ledger)
{
  return ledger->done;
}

guint64
ledger_total (const Ledger *ledger)
{
  return ledger->total;
}

guint64
ledger_next (const Ledger *ledger)
{
  return ledger->shard + ledger->done * ledger->n;
}

gboolean
ledger_append (Ledger *ledger, json_t *answer, GError **error)
{
  const guint64 i = ledger_next (ledger);
  json_auto_t *line = json_pack ("{s:I, s:O}", "index", (json_int_t) i, "id",
      eval_set_item (ledger->set, i)->id);
  g_autofree char *text = NULL;
  g_autofree char *bytes = NULL;

  json_object_update (line, answer);
  text = json_line_write (line);
  bytes = g_strconcat (text, "\n", NULL);
  if (!write_all (ledger->fd, bytes, strlen (bytes))
      || fdatasync (ledger->fd) < 0)
    return fail_errno (ledger->path, error);
  ledger->done++;
  return TRUE;
}

/* ---- all shards ------------------------------------------------------- */

/* Whether @name is that of a shard's file, of which. */
static gboolean
parse_name (const char *name, guint *shard, guint *n)
{
  g_autofree char *again = NULL;

  if (sscanf (name, "answers-%9u-of-%9u.jsonl", shard, n) != 2)
    return FALSE;
  again = shard_path ("", *shard, *n);
  return *shard < *n && strcmp (again, name) == 0;
}

gboolean
ledger_shards (const char *folder, guint *n, GError **error)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, error);
  const char *name;
  guint shard, of;

  *n = 0;
  if (!dir)
    return FALSE;
  while ((name = g_dir_read_name (dir))) {
    if (!parse_name (name, &shard, &of))
      continue;
    if (*n && *n != of) {
      g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST,
          "%s has runs in %u and in %u shards", folder, MIN (*n, of),
          MAX (*n, of));
      return FALSE;
    }
    *n = of;
  }
  return TRUE;
}

/* What is collected. */
typedef struct {
  const EvalSet *set;
  json_t **answers; /* of each question; NULL: none yet */
  guint n;          /* shards; 0: not known yet */
} Collection;

static gboolean
collect_shard (Collection *c, const char *folder, guint shard, GError **error)
{
  g_autofree char *path = shard_path (folder, shard, c->n);
  json_auto_t *answers = NULL;
  gsize whole, torn;

  if (!g_file_test (path, G_FILE_TEST_EXISTS))
    return TRUE;
  answers = read_answers (path, &whole, &torn, error);
  if (!answers || !check_answers (answers, c->set, path, shard, c->n, error))
    return FALSE;
  for (gsize k = 0; k < json_array_size (answers); k++) {
    json_t **place = &c->answers[shard + k * c->n];

    if (*place) {
      g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST,
          "%s: this shard is in another folder, too", path);
      return FALSE;
    }
    *place = json_incref (json_array_get (answers, k));
  }
  return TRUE;
}

static gboolean
collect_folder (Collection *c, const char *folder, GError **error)
{
  guint n;

  if (!ledger_shards (folder, &n, error))
    return FALSE;
  if (!n || (c->n && n != c->n)) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST,
        "%s has answers in %u shards, not in %u", folder, n, MAX (c->n, 1));
    return FALSE;
  }
  c->n = n;
  /* A file's name may say any number of shards; those behind the last question
   * have none. */
  for (guint shard = 0; shard < MIN (n, c->set->items->len); shard++)
    if (!collect_shard (c, folder, shard, error))
      return FALSE;
  return TRUE;
}

/* (transfer full): of all questions, or which shards lack some. */
static json_t *
join (const Collection *c, GError **error)
{
  json_auto_t *all = json_array ();
  g_autoptr (GString) lacking = g_string_new (NULL);

  for (guint shard = 0; shard < MIN (c->n, c->set->items->len); shard++) {
    guint64 missing = 0;

    for (guint64 i = shard; i < c->set->items->len; i += c->n)
      missing += !c->answers[i];
    if (missing && lacking->len < 500)
      g_string_append_printf (lacking,
          "%s%u lacks %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT,
          lacking->len ? ", " : "", shard, missing,
          shard_size (c->set, shard, c->n));
  }
  if (lacking->len) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST,
        "not all answers are there: of %u shards %s", c->n, lacking->str);
    return NULL;
  }
  for (guint i = 0; i < c->set->items->len; i++)
    json_array_append (all, c->answers[i]);
  return json_incref (all);
}

/* That all folders are of one run, with this data set. */
static gboolean
check_folders (const char *const *folders, const EvalSet *set,
    json_t **settings, GError **error)
{
  for (guint i = 0; folders[i]; i++) {
    g_autofree char *path = g_build_filename (folders[i], SETTINGS, NULL);
    json_auto_t *these = read_settings (path, error);
    g_autofree char *differing = NULL;

    if (!these)
      return FALSE;
    if (!*settings)
      *settings = json_incref (these);
    differing = differences (*settings, these);
    if (*differing) {
      g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST,
          "%s and %s are of different runs: %s", folders[0], folders[i],
          differing);
      return FALSE;
    }
  }
  return TRUE;
}

static gboolean
check_set (const json_t *settings, const EvalSet *set, const char *folder,
    GError **error)
{
  json_auto_t *wanted = eval_set_settings (set);
  const char *key;
  json_t *value;

  json_object_foreach (wanted, key, value) {
    g_autofree char *was = NULL;
    g_autofree char *is = NULL;

    if (json_equal (json_object_get (settings, key), value))
      continue;
    was = show (json_object_get (settings, key));
    is = show (value);
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST,
        "%s is of another data set: %s is %s there and %s here", folder, key,
        was, is);
    return FALSE;
  }
  return TRUE;
}

json_t *
ledger_collect (const char *const *folders, const EvalSet *set,
    json_t **settings, GError **error)
{
  Collection c = { .set = set };
  json_auto_t *common = NULL;
  json_t *all = NULL;
  gboolean ok;

  if (!check_folders (folders, set, &common, error)
      || !check_set (common, set, folders[0], error))
    return NULL;
  c.answers = g_new0 (json_t *, set->items->len);
  ok = TRUE;
  for (guint i = 0; folders[i] && ok; i++)
    ok = collect_folder (&c, folders[i], error);
  if (ok)
    all = join (&c, error);
  for (guint i = 0; i < set->items->len; i++)
    json_decref (c.answers[i]);
  g_free (c.answers);
  if (all && settings)
    *settings = json_incref (common);
  return all;
}
