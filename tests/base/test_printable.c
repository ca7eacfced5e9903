/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Text of others, shown: what is escaped and what is not, that nothing else
 * comes out whatever goes in, and that all of it can be undone. */
#include <string.h>

#include "printable.h"

#define N_RANDOM 20000

static const struct {
  const char *text, *shown;
} cases[] = {
  { "", "" },
  { "a red circle", "a red circle" },
  { "a\nb\rc\td", "a\\nb\\rc\\td" },
  { "\033]0;X\a", "\\x1b]0;X\\x07" },
  { "\001\037\177", "\\x01\\x1f\\x7f" },
  { "\\", "\\\\" },
  { "\\n", "\\\\n" },
  { "\\x1b", "\\\\x1b" },
  /* C1: the control sequence introducer, as one character and as a byte */
  { "\302\233"
    "2J",
      "\\u009b2J" },
  { "\2332J", "\\x9b2J" },
  { "\377\376", "\\xff\\xfe" },
  { "\303", "\\xc3" },
  { "\303(", "\\xc3(" },
  { "\300\200", "\\xc0\\x80" },
  { "\355\240\200", "\\xed\\xa0\\x80" },                /* half a pair */
  { "\364\220\200\200", "\\xf4\\x90\\x80\\x80" },       /* past U+10FFFF */
  { "a\342\200\256b\342\200\254", "a\\u202eb\\u202c" }, /* reordered */
  { "\342\201\246x\342\201\251", "\\u2066x\\u2069" },
  { "\342\200\216\342\200\217\330\234", "\\u200e\\u200f\\u061c" },
  { "\342\200\250\342\200\251", "\\u2028\\u2029" },
  { "pass\302\255word\342\200\213", "pass\\u00adword\\u200b" },
  { "\357\273\277x\342\201\240", "\\ufeffx\\u2060" },
  { "\363\240\201\201\363\240\201\277", "\\U000e0041\\U000e007f" },
  /* plain text: Chinese, Arabic, Persian with its joiner, Hindi, a family of
   * joined emoji, a heart with its variation, no-break and wide spaces */
  { "\346\270\251\345\272\246", "\346\270\251\345\272\246" },
  { "\331\205\330\261\330\255\330\250\330\247",
      "\331\205\330\261\330\255\330\250\330\247" },
  { "\331\205\333\214\342\200\214\330\256\331\210\330\247\331\207\331\205",
      "\331\205\333\214\342\200\214\330\256\331\210\330\247\331\207\331\205" },
  { "\340\244\225\340\245\215\342\200\215\340\244\267",
      "\340\244\225\340\245\215\342\200\215\340\244\267" },
  { "\360\237\221\250\342\200\215\360\237\221\251",
      "\360\237\221\250\342\200\215\360\237\221\251" },
  { "\342\235\244\357\270\217\302\240\343\200\200!",
      "\342\235\244\357\270\217\302\240\343\200\200!" },
};

static void
test_cases (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *got = owl2_printable (cases[i].text);
    g_autofree char *message = owl2_printable_message (cases[i].text);

    g_assert_cmpstr (got, ==, cases[i].shown);
    g_assert_cmpstr (message, ==, cases[i].shown);
  }
  g_assert_null (owl2_printable (NULL));
  g_assert_null (owl2_printable_message (NULL));
}

/* ---- there and back ----------------------------------------------------- */

static guint
hex (const char **p, guint n_digits)
{
  guint value = 0;

  for (guint i = 0; i < n_digits; i++, (*p)++) {
    g_assert_cmpint (g_ascii_xdigit_value (**p), >=, 0);
    value = value << 4 | (guint) g_ascii_xdigit_value (**p);
  }
  return value;
}

/* (transfer full): by the description in the header alone. */
static char *
undo (const char *p)
{
  GString *out = g_string_new (NULL);

  while (*p) {
    char kind;

    if (*p != '\\') {
      g_string_append_c (out, *p++);
      continue;
    }
    kind = p[1];
    p += 2;
    switch (kind) {
      case '\\':
        g_string_append_c (out, '\\');
        break;
      case 'n':
        g_string_append_c (out, '\n');
        break;
      case 'r':
        g_string_append_c (out, '\r');
        break;
      case 't':
        g_string_append_c (out, '\t');
        break;
      case 'x':
        g_string_append_c (out, (char) hex (&p, 2));
        break;
      case 'u':
        g_string_append_unichar (out, hex (&p, 4));
        break;
      case 'U':
        g_string_append_unichar (out, hex (&p, 8));
        break;
      default:
        g_error ("escape \\%c", kind);
    }
  }
  return g_string_free (out, FALSE);
}

/* Control characters of one byte and, where they are none of a sequence of
 * UTF-8, of the upper half, are what a terminal acts on. */
static void
assert_harmless (const char *shown)
{
  g_assert_true (g_utf8_validate (shown, -1, NULL));
  for (const char *p = shown; *p; p = g_utf8_next_char (p)) {
    gunichar c = g_utf8_get_char (p);
    GUnicodeType type = g_unichar_type (c);

    g_assert_true (owl2_is_printable (c));
    g_assert_cmpint (type, !=, G_UNICODE_CONTROL);
    g_assert_cmpint (type, !=, G_UNICODE_LINE_SEPARATOR);
    g_assert_cmpint (type, !=, G_UNICODE_PARAGRAPH_SEPARATOR);
  }
}

static void
append_random (GString *s)
{
  static const gunichar odd[] = { 0x1b, 0x9b, 0x85, 0xad, 0x200b, 0x200d,
    0x202a, 0x202e, 0x2028, 0x2067, 0xfeff, 0xfffd, 0xe0001, 0xe0100,
    0x10ffff };
  static const char *const bits[] = { "\\", "\\x1b", "\\u202e", "\\n", "\r\n",
    "\355\240\200", "-->", "%s", "'", "\"" };

  switch (g_test_rand_int_range (0, 6)) {
    case 0: /* any byte */
      g_string_append_c (s, (char) g_test_rand_int_range (1, 256));
      break;
    case 1: /* any character */
      g_string_append_unichar (s, (gunichar) g_test_rand_int_range (1, 0xd800));
      break;
    case 2:
      g_string_append_unichar (
          s, (gunichar) g_test_rand_int_range (0xe000, 0x110000));
      break;
    case 3:
      g_string_append_unichar (
          s, odd[g_test_rand_int_range (0, G_N_ELEMENTS (odd))]);
      break;
    case 4:
      g_string_append (s, bits[g_test_rand_int_range (0, G_N_ELEMENTS (bits))]);
      break;
    default: /* letters and the controls below them */
      g_string_append_c (s, (char) g_test_rand_int_range (1, 128));
      break;
  }
}

static void
test_round_trip (void)
{
  for (guint i = 0; i < N_RANDOM; i++) {
    g_autoptr (GString) text = g_string_new (NULL);
    g_autofree char *shown = NULL, *back = NULL;
    gint32 n = g_test_rand_int_range (0, 24);

    while (n-- > 0)
      append_random (text);
    shown = owl2_printable (text->str);
    assert_harmless (shown);
    g_assert_cmpuint (strlen (shown), <=, 4 * text->len);
    back = undo (shown);
    g_assert_cmpstr (back, ==, text->str);
  }
}

/* Each character by itself: what a terminal or a reader can be misled by is
 * escaped, letters of any script are not. */
static void
test_all_characters (void)
{
  guint n_letters = 0;

  for (gunichar c = 1; c <= 0x10ffff; c++) {
    gboolean shown = owl2_is_printable (c);

    if (c >= 0xd800 && c < 0xe000)
      continue;
    if (g_unichar_iscntrl (c))
      g_assert_false (shown);
    if (g_unichar_isalnum (c) || g_unichar_ismark (c)
        || g_unichar_ispunct (c)) {
      g_assert_true (shown);
      n_letters++;
    }
  }
  g_assert_cmpuint (n_letters, >, 100000);
}

static void
test_long_message (void)
{
  const gsize n = 48 << 20;
  g_autofree char *text = g_malloc (n + 1);
  g_autofree char *shown = NULL;

  /* Of two bytes each, so that a cut can hit the middle. */
  for (gsize i = 0; i < n; i += 2)
    memcpy (text + i, "\303\251", 2);
  text[n] = '\0';
  memcpy (text, "x: ", 3); /* and off the even places */
  text[3] = 'e';
  memcpy (text + n - 3, " 7.", 3);
  text[n - 4] = 'e';
  shown = owl2_printable_message (text);
  g_assert_cmpuint (strlen (shown), <, OWL2_MESSAGE_MAX + 64);
  g_assert_true (g_str_has_prefix (shown, "x: e\303\251"));
  g_assert_true (g_str_has_suffix (shown, "\303\251e 7."));
  g_assert_null (strchr (shown, '\\'));
  g_assert_nonnull (strstr (shown, ".. (50329648 bytes more) .."));
}

static void
test_excerpt (void)
{
  static const struct {
    const char *text;
    gsize n, max;
    const char *want;
  } excerpts[] = {
    { "abc", 3, 3, "abc" },
    { "abcd", 4, 3, "abc .." },
    { "a\0bcd", 5, 3, "a" },
    { "ab\303\251", 4, 3, "ab .." },
    { "ab\303\251", 4, 4, "ab\303\251" },
    { "\360\237\230\200x", 5, 3, " .." },
    { "\200\200\200\200\200", 5, 4, "\200\200\200\200 .." },
    { "", 0, 3, "" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (excerpts); i++) {
    g_autofree char *got =
        owl2_excerpt (excerpts[i].text, excerpts[i].n, excerpts[i].max);

    g_assert_cmpstr (got, ==, excerpts[i].want);
  }
}

/* Not within a character. */
static void
test_head (void)
{
  g_autofree char *all = owl2_printable_head ("\303\251\n", 3);
  g_autofree char *cut = owl2_printable_head ("a\303\251\n\303\251", 2);

  g_assert_cmpstr (all, ==, "\303\251\\n");
  g_assert_cmpstr (cut, ==, "a\303\251");
}

static void
test_cue (void)
{
  static const struct {
    const char *text, *want;
  } cues[] = {
    { "a --> b", "a -- > b" },
    { "---->-->", "---- >-- >" },
    { "--{>", "--(>" },
    { "<i>x</i> 1 < 2 <", "< i>x< /i> 1 < 2 <" },
    { "{\\an8}", "(\\\\an8)" },
    { "&lt;&#38;&#x26;&; AT&T & b", "& lt;& #38;& #x26;&; AT&T & b" },
    { "&lt&#60&#x3c&copy=1&#", "& lt& #60& #x3c& copy=1&#" },
    { "a\n\n2\n", "a\\n\\n2\\n" },
    { "\302\205\342\200\256", "\\u0085\\u202e" },
  };
  g_autofree char *much = g_strnfill (1 << 20, '>');
  g_autofree char *same = owl2_printable_cue (much); /* in no time */

  g_assert_cmpstr (same, ==, much);
  for (guint i = 0; i < G_N_ELEMENTS (cues); i++) {
    g_autofree char *got = owl2_printable_cue (cues[i].text);

    g_assert_cmpstr (got, ==, cues[i].want);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/printable/cases", test_cases);
  g_test_add_func ("/printable/round-trip", test_round_trip);
  g_test_add_func ("/printable/all-characters", test_all_characters);
  g_test_add_func ("/printable/head", test_head);
  g_test_add_func ("/printable/cue", test_cue);
  g_test_add_func ("/printable/long-message", test_long_message);
  g_test_add_func ("/printable/excerpt", test_excerpt);
  return g_test_run ();
}
