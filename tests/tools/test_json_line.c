/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* JSON lines, byte for byte: what is taken, what is refused, and random damage,
 * which must end in one or the other. */
#include <string.h>

#include "json_line.h"
#include "printable.h"

typedef struct {
  const char *line;
  const char *text; /* NULL: refused */
  gsize n;          /* 0: strlen (text) */
} Case;

static const Case cases[] = {
  { "{\"text\": \"a b\"}", "a b" },
  { " { \"text\" : \"\" } \r", "" },
  { "{\"text\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}", "\"\\/\b\f\n\r\t" },
  { "{\"text\":\"\\u0041\\u00e9\\u20AC\"}", "A\303\251\342\202\254" },
  { "{\"text\":\"\\ud83d\\ude00\"}", "\360\237\230\200" },
  { "{\"text\":\"a\\u0000b\"}", "a\0b", 3 },
  /* Half a pair is one U+FFFD, and what follows it stays. */
  { "{\"text\":\"\\ud83dx\"}", "\357\277\275x" },
  { "{\"text\":\"\\ude00x\"}", "\357\277\275x" },
  { "{\"text\":\"\\ud83d\\u0041\"}", "\357\277\275A" },
  { "{\"text\":\"\\ud83d\\ud83d\\ude00\"}", "\357\277\275\360\237\230\200" },
  { "{\"text\":\"\\ud83d\"}", "\357\277\275" },
  { "{\"text\":\"1\",\"text\":\"2\"}", "2" },
  { "{\"a\":[1,{\"text\":\"}]\"}],\"text\":\"x\",\"b\":null}", "x" },
  { "{\"t\\u0065xt\":\"x\"}", "x" },
  { "{\"text\\u0000\":\"y\",\"text\":\"x\"}", NULL },
  { "", NULL },
  { " ", NULL },
  { "null", NULL },
  { "[]", NULL },
  { "{}", NULL },
  { "{\"text\":5}", NULL },
  { "{\"text\":null}", NULL },
  { "{\"text\":{\"text\":\"x\"}}", NULL },
  { "{\"Text\":\"x\"}", NULL },
  { "{\"text\":\"x\"", NULL },
  { "{\"text\":\"x", NULL },
  { "{\"text\":\"x\\", NULL },
  { "{\"text\":\"x\\u12", NULL },
  { "{\"text\":\"\\u12g4\"}", NULL },
  { "{\"text\":\"\\ud83d\\u12g4\"}", NULL },
  { "{\"text\":\"\\x\"}", NULL },
  { "{\"text\":\"a\tb\"}", NULL },
  { "{\"text\":\"x\"},", NULL },
  { "{\"text\":\"x\"}{\"text\":\"y\"}", NULL },
  { "{\"text\":\"x\",}", NULL },
  { "{'text':'x'}", NULL },
  { "{text:\"x\"}", NULL },
  { "{\"a\":],\"text\":\"x\"}", NULL },
  { "{\"a\":nul,\"text\":\"x\"}", NULL },
  { "{\"text\":\"x\",\"text\":5}", NULL },
  /* Halves are looked for behind whole escapes alone, in every string. */
  { "{\"text\":\"\\\\ud83dx\"}", "\\ud83dx" },
  { "{\"a\":\"\\ud83d\",\"text\":\"x\"}", "x" },
  { "{\"text\":\"\\ud83d\\\"\"}", "\357\277\275\"" },
  { "{\"text\":\"\377\"}", NULL },
  { "{\"text\":\"\355\240\275\"}", NULL },
};

static void
test_cases (void)
{
  g_autoptr (GString) text = g_string_new ("left from before");

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    const Case *c = &cases[i];
    gsize n = c->n || !c->text ? c->n : strlen (c->text);
    g_autofree char *shown = g_strescape (c->line, NULL);
    g_autoptr (GError) error = NULL;
    gboolean ok = json_line_get_text (c->line, strlen (c->line), text, &error);

    g_test_message ("%s: %s", shown, ok ? "taken" : error->message);
    g_assert_true (ok == (c->text != NULL));
    g_assert_true (ok == (error == NULL));
    if (ok)
      g_assert_cmpmem (text->str, text->len, c->text, n);
    else
      g_assert_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST);
  }
}

/* {"a": [[..]], "text": "x"}, nested as deep as that. */
static gboolean
take_nested (guint depth, gboolean closed, GError **error)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GString) deep = g_string_new ("{\"a\":");
  gboolean ok;

  for (guint i = 0; i < depth; i++)
    g_string_append_c (deep, '[');
  for (guint i = 0; closed && i < depth; i++)
    g_string_append_c (deep, ']');
  g_string_append (deep, ",\"text\":\"x\"}");
  ok = json_line_get_text (deep->str, deep->len, text, error);
  g_assert_cmpstr (text->str, ==, ok ? "x" : "");
  return ok;
}

/* A NUL in the line itself, and nesting deeper than any stack. */
static void
test_hostile (void)
{
  static const char nul[] = "{\"text\":\"a\0b\"}";
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GError) error = NULL;

  g_assert_false (json_line_get_text (nul, sizeof nul - 1, text, &error));
  g_assert_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST);
  g_clear_error (&error);
  g_assert_true (take_nested (1000, TRUE, &error));
  g_assert_no_error (error);
  for (guint closed = 0; closed < 2; closed++) {
    g_assert_false (take_nested (100000, closed, &error));
    g_assert_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST);
    g_assert_nonnull (strstr (error->message, "depth"));
    g_clear_error (&error);
    /* Of so many no parser begins. */
    g_assert_false (take_nested (1000000, closed, &error));
    g_assert_nonnull (strstr (error->message, "more than 131072 values"));
    g_clear_error (&error);
  }
}

static void
test_damage (void)
{
  static const char good[] =
      "{\"a\": [1, \"\\n\"], \"text\": \"\\ud83d\\ude00 \\u0000 \\\\ x\"}";
  static const char bytes[] = "\"\\u{}[],: 0dD8\x01\xff";
  g_autoptr (GString) text = g_string_new (NULL);
  guint n_taken = 0;

  for (guint round = 0; round < 20000; round++) {
    gsize n = round % 4 ? sizeof good - 1
                        : (gsize) g_test_rand_int_range (1, sizeof good);
    /* On the heap and without a NUL, so that a sanitizer sees its end. */
    g_autofree char *line = g_memdup2 (good, n);

    for (guint i = g_test_rand_int_range (0, 3); i > 0; i--)
      line[g_test_rand_int_range (0, n)] =
          bytes[g_test_rand_int_range (0, sizeof bytes)];
    n_taken += json_line_get_text (line, n, text, NULL);
    g_assert_true (g_utf8_validate_len (text->str, text->len, NULL)
                   || memchr (text->str, 0, text->len));
  }
  g_test_message ("%u of 20000 taken", n_taken);
  g_assert_cmpuint (n_taken, >, 1000);
  g_assert_cmpuint (n_taken, <, 19000);
}

static void
test_write (void)
{
  json_auto_t *object = json_object ();
  json_auto_t *bad = NULL, *pair = NULL;
  g_autofree char *line = NULL, *bad_line = NULL, *pair_line = NULL;
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GError) error = NULL;
  char all[256];
  gsize n = 0;

  for (guint c = 1; c < 128; c++)
    all[n++] = c;
  /* Letters; then C1, U+2028, an override, a tag: not as they are. */
  strcpy (all + n, "\303\251\360\237\230\200\302\233\342\200\250"
                   "\342\200\256\363\240\201\201");
  json_object_set_new (object, "text", json_line_string (all));
  line = json_line_write (object);
  g_assert_true (json_line_get_text (line, strlen (line), text, &error));
  g_assert_no_error (error);
  g_assert_cmpstr (text->str, ==, all);
  /* One line, whatever the text. */
  for (const char *p = line; *p; p++)
    g_assert_cmpint ((guchar) *p, >=, ' ');
  for (const char *p = line; *p; p = g_utf8_next_char (p))
    g_assert_true (owl2_is_printable (g_utf8_get_char (p)));
  g_assert_nonnull (strstr (line, "\\u009b\\u2028\\u202e\\udb40\\udc41\"}"));
  g_assert_nonnull (strstr (line, "\303\251\360\237\230\200"));

  /* What is no UTF-8 can't be said. */
  bad = json_line_string ("a\377\355\240\200\"");
  bad_line = json_line_write (bad);
  g_assert_cmpstr (bad_line, ==,
      "\"a\357\277\275\357\277\275\357\277\275\357\277\275\\\"\"");

  /* Members as they were set, integers as such, reals as reals. */
  pair = json_pack (
      "{s:i, s:f, s:[i, s]}", "z", 1, "m", 2.0, "a", -3, "\n\342\200\250");
  pair_line = json_line_write (pair);
  g_assert_cmpstr (
      pair_line, ==, "{\"z\": 1, \"m\": 2.0, \"a\": [-3, \"\\n\\u2028\"]}");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/json-line/cases", test_cases);
  g_test_add_func ("/json-line/hostile", test_hostile);
  g_test_add_func ("/json-line/damage", test_damage);
  g_test_add_func ("/json-line/write", test_write);
  return g_test_run ();
}
