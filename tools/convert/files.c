/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gstdio.h>

/* json-glib parses recursively; published files nest 4 deep. */
#define MAX_JSON_DEPTH 64u

gboolean
convert_bad (const char *file, GError **error, const char *format, ...)
{
  g_autofree char *message = NULL;
  va_list args;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE, "%s: %s", file, message);
  return FALSE;
}

GBytes *
convert_map_file (const char *path, guint64 max_bytes, GError **error)
{
  g_autoptr (GMappedFile) map = NULL;
  g_autoptr (GError) why = NULL;
  struct stat st;
  int fd = g_open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);

  if (fd < 0 || fstat (fd, &st) < 0) {
    convert_bad (path, error, "can't be opened: %s", g_strerror (errno));
  } else if (!S_ISREG (st.st_mode)) {
    convert_bad (path, error, "not a regular file");
  } else if ((guint64) st.st_size > max_bytes) {
    convert_bad (path, error,
        "has %" G_GUINT64_FORMAT " bytes, the limit is %" G_GUINT64_FORMAT,
        (guint64) st.st_size, max_bytes);
  } else {
    map = g_mapped_file_new_from_fd (fd, FALSE, &why);
    if (!map)
      convert_bad (path, error, "can't be mapped: %s", why->message);
  }
  if (fd >= 0)
    close (fd);
  return map ? g_mapped_file_get_bytes (map) : NULL;
}

char *
convert_quote (const char *text, gsize n)
{
  g_autofree char *copy = g_strndup (text, MIN (n, 80));

  return g_strescape (copy, NULL);
}

char *
convert_dir_name (const char *path)
{
  g_autofree char *full = g_canonicalize_filename (path, NULL);
  g_autofree char *base = g_path_get_basename (full);

  return convert_is_name (base, strlen (base)) ? g_steal_pointer (&base)
                                               : g_filename_display_name (base);
}

gboolean
convert_is_name (const char *text, gsize n)
{
  if (n == 0 || !g_utf8_validate (text, (gssize) n, NULL))
    return FALSE;
  for (gsize i = 0; i < n; i++)
    if ((guchar) text[i] < 0x20 || text[i] == 0x7f)
      return FALSE;
  return TRUE;
}

/* ---- JSON ------------------------------------------------------------- */

/* Looks at the characters outside strings: only those of JSON, so that this
 * and json-glib (which knows comments and single quotes) see the same strings,
 * and brackets not nested too deep. */
static gboolean
check_text (const char *text, gsize n, const char *file, GError **error)
{
  guint depth = 0;

  if (!g_utf8_validate (text, (gssize) n, NULL))
    return convert_bad (file, error, "not UTF-8 text");
  for (gsize i = 0; i < n; i++) {
    char c = text[i];

    if (c == '"') {
      for (i++; i < n && text[i] != '"'; i++)
        if (text[i] == '\\')
          i++;
    } else if (c == '[' || c == '{') {
      if (++depth > MAX_JSON_DEPTH)
        return convert_bad (file, error,
            "JSON nested more than %u deep at byte %" G_GSIZE_FORMAT,
            MAX_JSON_DEPTH, i);
    } else if (c == ']' || c == '}') {
      depth -= depth > 0;
    } else if (!g_ascii_isalnum (c) && !strchr (" \t\r\n,:+-.", c)) {
      return convert_bad (file, error,
          "not JSON: byte 0x%02x at %" G_GSIZE_FORMAT, (guchar) c, i);
    }
  }
  return TRUE;
}

typedef struct {
  GHashTable *seen; /* "object member" */
  char *doubled;    /* first one that came twice */
} Members;

static void
on_member (
    JsonParser *parser, JsonObject *object, const char *name, gpointer data)
{
  Members *members = data;

  if (!g_hash_table_add (
          members->seen, g_strdup_printf ("%p %s", (gpointer) object, name))
      && !members->doubled)
    members->doubled = g_strdup (name);
}

JsonObject *
convert_json_parse (const char *text, gsize n, const char *file, GError **error)
{
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GError) why = NULL;
  Members members = { NULL };
  JsonNode *root;
  JsonObject *object = NULL;

  if (!check_text (text, n, file, error))
    return NULL;
  members.seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_signal_connect (parser, "object-member", G_CALLBACK (on_member), &members);
  if (!json_parser_load_from_data (parser, text, (gssize) n, &why)) {
    g_autofree char *safe = convert_quote (why->message, 200);

    convert_bad (file, error, "not JSON: %s", safe);
  } else if (!(root = json_parser_get_root (parser))
             || !JSON_NODE_HOLDS_OBJECT (root)) {
    convert_bad (file, error, "not a JSON object");
  } else if (members.doubled) {
    g_autofree char *safe = convert_quote (members.doubled, 80);

    convert_bad (file, error, "key '%s' is there twice", safe);
  } else {
    object = json_object_ref (json_node_get_object (root));
  }
  g_hash_table_unref (members.seen);
  g_free (members.doubled);
  return object;
}

JsonObject *
convert_json_load (const char *path, gsize max_bytes, GError **error)
{
  g_autoptr (GBytes) bytes = convert_map_file (path, max_bytes, error);
  const char *text;
  gsize n;

  if (!bytes)
    return NULL;
  text = g_bytes_get_data (bytes, &n);
  return convert_json_parse (text ? text : "", n, path, error);
}
