/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* UTF-8 as SentencePiece reads it (src/util.cc, DecodeUTF8): no overlong
 * forms, no surrogates, nothing above U+10FFFF; a byte that starts no valid
 * character stands alone. */
#ifndef OWL2_TEXT_UTF8_H
#define OWL2_TEXT_UTF8_H

#include <glib.h>

#define OWL2_UTF8_REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */
#define OWL2_UTF8_SPACE "\xe2\x96\x81"       /* U+2581, the word boundary */
#define OWL2_UTF8_SPACE_LEN 3

/* Looks at the character that starts at @s, with @n >= 1 bytes to go. Returns
 * its length, 1 to 4, and its code point; 0 if the first byte starts no valid
 * character; -1 if all @n bytes are the beginning of one that goes on. */
static inline int
owl2_utf8_next (const char *s, gsize n, guint32 *code)
{
  const guint8 *b = (const guint8 *) s;
  guint8 low = 0x80, high = 0xbf; /* range of the second byte */
  guint32 c;
  guint len;

  if (b[0] < 0x80) {
    *code = b[0];
    return 1;
  }
  if (b[0] < 0xc2 || b[0] > 0xf4)
    return 0;
  if (b[0] < 0xe0) {
    len = 2;
    c = b[0] & 0x1f;
  } else if (b[0] < 0xf0) {
    len = 3;
    c = b[0] & 0x0f;
    if (b[0] == 0xe0)
      low = 0xa0;
    else if (b[0] == 0xed)
      high = 0x9f;
  } else {
    len = 4;
    c = b[0] & 0x07;
    if (b[0] == 0xf0)
      low = 0x90;
    else if (b[0] == 0xf4)
      high = 0x8f;
  }
  for (guint i = 1; i < len; i++) {
    if (i >= n)
      return -1;
    if (b[i] < low || b[i] > high)
      return 0;
    c = c << 6 | (b[i] & 0x3f);
    low = 0x80;
    high = 0xbf;
  }
  *code = c;
  return (int) len;
}

#endif
