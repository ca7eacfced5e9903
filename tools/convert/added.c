/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "added.h"
#include "files.h"
#include "js.h"

#include <string.h>

#define MAX_JSON_BYTES (8u << 20) /* chat templates may be long */

typedef struct {
  Folder *folder;
  GHashTable *special; /* char *, owned: named as special by some file */
  GPtrArray *tokens;   /* AddedToken, owned */
  GHashTable *by_id;   /* gint64 * in the token -> AddedToken */
  GError **error;
} Reader;

static void
token_free (gpointer data)
{
  AddedToken *token = data;

  g_free (token->content);
  g_free (token->file);
  g_free (token);
}

/* (transfer full): the text of a token, plain or with its properties; NULL if
 * it is none. */
static char *
token_text (const json_t *node)
{
  if (json_is_object (node))
    node = json_object_get (node, "content");
  return g_strdup (json_string_value (node));
}

/* Members such as "pad_token", and the list of others. */
static void
collect_special (Reader *r, json_t *object)
{
  const char *key;
  json_t *node;
  char *text;

  json_object_foreach (object, key, node) {
    if (g_str_has_suffix (key, "_token") && (text = token_text (node)))
      g_hash_table_add (r->special, text);
    if (!g_str_equal (key, "additional_special_tokens"))
      continue;
    for (gsize i = 0; i < json_array_size (node); i++)
      if ((text = token_text (json_array_get (node, i))))
        g_hash_table_add (r->special, text);
  }
}

/* A name that no text has: "[PAD]", "<pad>". */
static gboolean
is_bracketed (const char *text)
{
  gsize n = strlen (text);

  return n > 2
         && ((text[0] == '[' && text[n - 1] == ']')
             || (text[0] == '<' && text[n - 1] == '>'));
}

/* Takes over @content. */
static gboolean
add (Reader *r, const char *file, char *content, gint64 id, gboolean special)
{
  g_autofree char *safe = convert_quote (content, strlen (content));
  AddedToken *token = g_new0 (AddedToken, 1);
  const AddedToken *other;

  token->content = content;
  token->file = g_strdup (file);
  token->id = id;
  token->special = special;
  other = g_hash_table_lookup (r->by_id, &token->id);
  if (other) {
    gboolean same = strcmp (other->content, content) == 0;
    g_autofree char *theirs =
        convert_quote (other->content, strlen (other->content));

    token_free (token);
    return same
           || convert_bad (file, r->error,
               "token %" G_GINT64_FORMAT " is '%s', but '%s' in %s", id, safe,
               theirs, other->file);
  }
  g_ptr_array_add (r->tokens, token);
  g_hash_table_insert (r->by_id, &token->id, token);
  return TRUE;
}

/* {"32000": {"content": "[PAD]", "special": true, ...}} */
static gboolean
read_decoder (Reader *r, Js *config)
{
  Js decoder = js_sub (config, "added_tokens_decoder", "added_tokens_decoder.");
  const char *number;
  json_t *node;

  json_object_foreach (decoder.object, number, node) {
    g_autofree char *key = convert_quote (number, strlen (number));
    g_autofree char *path = g_strconcat (decoder.path, key, ".", NULL);
    Js js = js_sub (&decoder, number, path);
    char *content = token_text (node);
    gboolean special = js_bool (&js, "special", FALSE);
    gint64 id = -1;

    if (!content || js.failed
        || !g_ascii_string_to_signed (number, 10, 0, G_MAXINT32, &id, NULL)) {
      js_fail (&js, "content", "is no text of a token with an id");
      g_free (content);
      return FALSE;
    }
    if (!add (r, config->file, content, id,
            special || g_hash_table_contains (r->special, content)))
      return FALSE;
  }
  return !decoder.failed;
}

/* {"[PAD]": 32000} */
static gboolean
read_list (Reader *r, const char *file, json_t *object)
{
  const char *content;
  json_t *node;

  json_object_foreach (object, content, node) {
    g_autofree char *safe = convert_quote (content, strlen (content));

    if (!json_is_integer (node))
      return convert_bad (file, r->error, "token '%s' has no id", safe);
    if (!add (r, file, g_strdup (content), json_integer_value (node),
            is_bracketed (content)
                || g_hash_table_contains (r->special, content)))
      return FALSE;
  }
  return TRUE;
}

/* (transfer full) (nullable): an empty object if there is no such file; NULL
 * with an error. */
static json_t *
load (Reader *r, const char *name)
{
  if (!folder_has (r->folder, name))
    return json_object ();
  return convert_json_load (r->folder, name, MAX_JSON_BYTES, r->error);
}

static gboolean
read_all (Reader *r)
{
  const char *dir = folder_path (r->folder);
  g_autofree char *config_path =
      g_build_filename (dir, "tokenizer_config.json", NULL);
  g_autofree char *list_path =
      g_build_filename (dir, "added_tokens.json", NULL);
  json_auto_t *map = load (r, "special_tokens_map.json");
  json_auto_t *config = map ? load (r, "tokenizer_config.json") : NULL;
  json_auto_t *list = config ? load (r, "added_tokens.json") : NULL;
  Js js = {
    .file = config_path, .path = "", .object = config, .error = r->error
  };

  if (!list)
    return FALSE;
  collect_special (r, map);
  collect_special (r, config);
  js_require_bool (&js, "add_bos_token", TRUE);
  js_require_bool (&js, "add_eos_token", FALSE);
  js_require_bool (&js, "add_prefix_space", TRUE);
  return !js.failed && read_decoder (r, &js) && read_list (r, list_path, list);
}

static int
compare_ids (gconstpointer a, gconstpointer b)
{
  const AddedToken *x = *(AddedToken *const *) a, *y = *(AddedToken *const *) b;

  return (x->id > y->id) - (x->id < y->id);
}

GPtrArray *
added_read (Folder *folder, GError **error)
{
  g_autoptr (GPtrArray) tokens = g_ptr_array_new_with_free_func (token_free);
  g_autoptr (GHashTable) special =
      g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr (GHashTable) by_id = g_hash_table_new (g_int64_hash, g_int64_equal);
  Reader r = { folder, special, tokens, by_id, error };

  if (!read_all (&r))
    return NULL;
  g_ptr_array_sort (tokens, compare_ids);
  return g_steal_pointer (&tokens);
}
