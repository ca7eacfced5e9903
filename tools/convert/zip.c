/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "zip.h"
#include "files.h"

#include <string.h>

#define LOCAL_SIG 0x04034b50u
#define CENTRAL_SIG 0x02014b50u
#define END_SIG 0x06054b50u
#define END64_SIG 0x06064b50u
#define LOCATOR64_SIG 0x07064b50u

#define LOCAL_BYTES 30u
#define CENTRAL_BYTES 46u
#define END_BYTES 22u
#define END64_BYTES 56u
#define LOCATOR64_BYTES 20u
#define EXTRA_ZIP64 1u
#define FLAG_ENCRYPTED 1u

#define MAX_COMMENT 65535u
#define MAX_ENTRIES 65536u /* the full-size model has 862 tensors */
#define MAX_DIRECTORY (32u << 20)

/* The archive being read. */
typedef struct {
  const Owl2Input *in;
  const char *file; /* its path */
  guint64 size;     /* of it */
} Zip;

/* Where the central directory lies: checked to be inside the file. */
typedef struct {
  guint64 offset, size, n_entries;
} Directory;

static guint16
le16 (const guint8 *p)
{
  return (guint16) (p[0] | p[1] << 8);
}

static guint32
le32 (const guint8 *p)
{
  return le16 (p) | (guint32) le16 (p + 2) << 16;
}

static guint64
le64 (const guint8 *p)
{
  return le32 (p) | (guint64) le32 (p + 4) << 32;
}

static void
entry_free (gpointer data)
{
  ZipEntry *entry = data;

  g_free (entry->name);
  g_free (entry);
}

/* The end record is the last thing in the file, before a comment of at most
 * 65535 bytes: where it begins in the @n bytes of @tail. */
static const guint8 *
find_end (const guint8 *tail, gsize n)
{
  for (gsize comment = 0; comment <= MAX_COMMENT; comment++) {
    const guint8 *p;

    if (n < END_BYTES + comment)
      return NULL;
    p = tail + n - END_BYTES - comment;
    if (le32 (p) == END_SIG && le16 (p + 20) == comment)
      return p;
  }
  return NULL;
}

/* What the zip64 end record says, if there is one before byte @end_at, where
 * the other one begins; @end_at becomes where it begins itself. */
static gboolean
read_end64 (const Zip *zip, Directory *dir, guint64 *end_at, GError **error)
{
  guint8 locator[LOCATOR64_BYTES], end[END64_BYTES];
  guint64 at;

  if (*end_at < LOCATOR64_BYTES)
    return TRUE;
  if (!owl2_input_read (
          zip->in, *end_at - LOCATOR64_BYTES, locator, LOCATOR64_BYTES, error))
    return FALSE;
  if (le32 (locator) != LOCATOR64_SIG)
    return TRUE;
  at = le64 (locator + 8);
  if (at <= *end_at && *end_at - at >= END64_BYTES) {
    if (!owl2_input_read (zip->in, at, end, END64_BYTES, error))
      return FALSE;
  } else {
    memset (end, 0, END64_BYTES);
  }
  if (le32 (end) != END64_SIG)
    return convert_bad (zip->file, error,
        "zip64 end record at byte %" G_GUINT64_FORMAT " is damaged", at);
  dir->n_entries = le64 (end + 32);
  dir->size = le64 (end + 40);
  dir->offset = le64 (end + 48);
  *end_at = at;
  return TRUE;
}

static gboolean
find_directory (const Zip *zip, Directory *dir, GError **error)
{
  gsize n = (gsize) MIN (zip->size, END_BYTES + MAX_COMMENT);
  g_autofree guint8 *tail = g_malloc (END_BYTES + MAX_COMMENT);
  const guint8 *end;
  guint64 end_at;

  if (!owl2_input_read (zip->in, zip->size - n, tail, n, error))
    return FALSE;
  end = find_end (tail, n);
  if (!end)
    return convert_bad (zip->file, error,
        "no end of a zip archive in its %" G_GUINT64_FORMAT
        " bytes: the file is cut off or damaged",
        zip->size);
  end_at = zip->size - n + (gsize) (end - tail);
  dir->n_entries = le16 (end + 10);
  dir->size = le32 (end + 12);
  dir->offset = le32 (end + 16);
  if (le16 (end + 4) != le16 (end + 6))
    return convert_bad (zip->file, error, "zip archive in several volumes");
  if (!read_end64 (zip, dir, &end_at, error))
    return FALSE;
  if (dir->offset > end_at || dir->size > end_at - dir->offset)
    return convert_bad (zip->file, error,
        "zip directory of %" G_GUINT64_FORMAT " bytes at %" G_GUINT64_FORMAT
        " does not end before byte %" G_GUINT64_FORMAT,
        dir->size, dir->offset, end_at);
  if (dir->n_entries > MAX_ENTRIES
      || dir->n_entries > dir->size / CENTRAL_BYTES)
    return convert_bad (zip->file, error,
        "%" G_GUINT64_FORMAT " zip entries do not fit a directory of "
        "%" G_GUINT64_FORMAT " bytes and the limit %u",
        dir->n_entries, dir->size, MAX_ENTRIES);
  return TRUE;
}

/* Replaces the numbers that are 0xffffffff by those of the zip64 field. */
static gboolean
read_zip64 (const guint8 *extra, gsize n, guint64 *size, guint64 *stored,
    guint64 *offset)
{
  guint64 *wanted[] = { size, stored, offset };

  while (n >= 4) {
    guint id = le16 (extra), left = le16 (extra + 2);
    const guint8 *p = extra + 4;

    if (left > n - 4)
      return FALSE;
    extra += 4 + left;
    n -= 4 + left;
    if (id != EXTRA_ZIP64)
      continue;
    for (guint i = 0; i < G_N_ELEMENTS (wanted); i++)
      if (*wanted[i] == G_MAXUINT32) {
        if (left < 8)
          return FALSE;
        *wanted[i] = le64 (p);
        p += 8;
        left -= 8;
      }
  }
  return TRUE;
}

/* Where the data of an entry begins: behind its local header, whose own sizes
 * may be zero (data-descriptor flag) and are not used. */
static gboolean
locate (const Zip *zip, const Directory *dir, ZipEntry *entry, guint64 offset,
    GError **error)
{
  gsize name_bytes = strlen (entry->name);
  guint8 local[LOCAL_BYTES] = { 0 };
  g_autofree char *name = g_malloc (name_bytes);
  guint64 start;

  if (offset <= dir->offset && dir->offset - offset >= LOCAL_BYTES + name_bytes
      && (!owl2_input_read (zip->in, offset, local, LOCAL_BYTES, error)
          || !owl2_input_read (
              zip->in, offset + LOCAL_BYTES, name, name_bytes, error)))
    return FALSE;
  if (le32 (local) != LOCAL_SIG || le16 (local + 26) != name_bytes
      || memcmp (name, entry->name, name_bytes) != 0)
    return convert_bad (zip->file, error,
        "zip entry '%s': no local header at byte %" G_GUINT64_FORMAT,
        entry->name, offset);
  start = offset + LOCAL_BYTES + name_bytes + le16 (local + 28);
  if (start > dir->offset || entry->size > dir->offset - start)
    return convert_bad (zip->file, error,
        "zip entry '%s' needs %" G_GUINT64_FORMAT " bytes at %" G_GUINT64_FORMAT
        ", the directory begins at %" G_GUINT64_FORMAT,
        entry->name, entry->size, start, dir->offset);
  entry->at = start;
  return TRUE;
}

/* One entry of the directory, of which @left bytes are left at @p; @used of
 * them are its. */
static ZipEntry *
read_entry (const Zip *zip, const Directory *dir, const guint8 *p, guint64 left,
    gsize *used, GError **error)
{
  g_autofree char *name = NULL;
  guint64 size, stored, offset;
  gsize name_bytes, extra_bytes;
  ZipEntry *entry;

  if (left < CENTRAL_BYTES || le32 (p) != CENTRAL_SIG)
    goto damaged;
  name_bytes = le16 (p + 28);
  extra_bytes = le16 (p + 30);
  *used = CENTRAL_BYTES + name_bytes + extra_bytes + le16 (p + 32);
  if (left < *used)
    goto damaged;
  if (!convert_is_name ((const char *) p + CENTRAL_BYTES, name_bytes)) {
    convert_bad (zip->file, error, "a zip entry has no printable name");
    return NULL;
  }
  name = g_strndup ((const char *) p + CENTRAL_BYTES, name_bytes);
  stored = le32 (p + 20);
  size = le32 (p + 24);
  offset = le32 (p + 42);
  if (!read_zip64 (p + CENTRAL_BYTES + name_bytes, extra_bytes, &size, &stored,
          &offset)) {
    convert_bad (zip->file, error, "zip entry '%s': damaged zip64 field", name);
    return NULL;
  }
  if ((le16 (p + 8) & FLAG_ENCRYPTED) || le16 (p + 10) != 0 || size != stored) {
    convert_bad (zip->file, error,
        "zip entry '%s' is compressed or encrypted (method %u), which "
        "checkpoints are not",
        name, le16 (p + 10));
    return NULL;
  }
  entry = g_new0 (ZipEntry, 1);
  entry->name = g_steal_pointer (&name);
  entry->size = size;
  entry->crc = le32 (p + 16);
  if (locate (zip, dir, entry, offset, error))
    return entry;
  entry_free (entry);
  return NULL;

damaged:
  convert_bad (zip->file, error,
      "zip directory is damaged at byte %" G_GUINT64_FORMAT,
      dir->offset + dir->size - left);
  return NULL;
}

static int
compare_entries (gconstpointer a, gconstpointer b)
{
  const ZipEntry *x = *(ZipEntry *const *) a, *y = *(ZipEntry *const *) b;

  /* Empty ones first, so that they overlap nothing. */
  if (x->at != y->at)
    return (x->at > y->at) - (x->at < y->at);
  return (x->size > y->size) - (x->size < y->size);
}

static gboolean
check_overlap (const Zip *zip, GHashTable *entries, GError **error)
{
  g_autofree ZipEntry **sorted = NULL;
  guint n = 0;

  sorted = (ZipEntry **) g_hash_table_get_keys_as_array (entries, &n);
  for (guint i = 0; i < n; i++)
    sorted[i] = g_hash_table_lookup (entries, sorted[i]);
  qsort (sorted, n, sizeof (sorted[0]), compare_entries);
  for (guint i = 1; i < n; i++)
    if (sorted[i - 1]->at + sorted[i - 1]->size > sorted[i]->at)
      return convert_bad (zip->file, error, "zip entries '%s' and '%s' overlap",
          sorted[i - 1]->name, sorted[i]->name);
  return TRUE;
}

GHashTable *
zip_read (const Owl2Input *in, GError **error)
{
  g_autoptr (GHashTable) entries = NULL;
  g_autoptr (GBytes) bytes = NULL;
  Zip zip = {
    .in = in, .file = owl2_input_path (in), .size = owl2_input_size (in)
  };
  Directory dir = { 0 };
  const guint8 *data;
  guint64 at = 0;

  if (!find_directory (&zip, &dir, error)
      || !(bytes = owl2_input_copy (in, dir.offset, dir.size, MAX_DIRECTORY,
               "the zip directory", error)))
    return NULL;
  data = g_bytes_get_data (bytes, NULL);
  entries = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, entry_free);
  for (guint64 i = 0; i < dir.n_entries; i++) {
    gsize used;
    ZipEntry *entry =
        read_entry (&zip, &dir, data + at, dir.size - at, &used, error);

    if (!entry)
      return NULL;
    at += used;
    if (g_hash_table_contains (entries, entry->name)) {
      convert_bad (
          zip.file, error, "zip entry '%s' is there twice", entry->name);
      entry_free (entry);
      return NULL;
    }
    g_hash_table_insert (entries, entry->name, entry);
  }
  if (!check_overlap (&zip, entries, error))
    return NULL;
  return g_steal_pointer (&entries);
}
