/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "offer.h"

#include <string.h>

#include "base.h"

#define MAX_LINES 2000
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
#define HEX "0123456789abcdefABCDEF"

/* What identifies the browser, which has to be there: the characters of RFC
 * 8839, RFC 8122 and RFC 5888, as many as there may be. */
static const struct {
  const char *name, *letters;
  guint min, max;
} ids[] = {
  { "ice-ufrag", LETTERS "+/", 4, 256 },
  { "ice-pwd", LETTERS "+/", 22, 256 },
  { "fingerprint", LETTERS "-: ", 16, 256 },
  { "mid", LETTERS "-_", 1, 32 },
};
enum { UFRAG, PWD, FINGERPRINT, MID, N_IDS };

/* (nullable): what is behind @name in the first line that has it */
static const char *
find (char **lines, const char *name)
{
  for (; *lines; lines++)
    if (g_str_has_prefix (*lines, name))
      return *lines + strlen (name);
  return NULL;
}

static gboolean
find_ids (char **lines, const char **values, GError **error)
{
  for (guint i = 0; i < N_IDS; i++) {
    g_autofree char *name = g_strdup_printf ("a=%s:", ids[i].name);
    const char *value = find (lines, name);
    const gsize n = value ? strlen (value) : 0;

    if (n < ids[i].min || n > ids[i].max || strspn (value, ids[i].letters) != n)
      return owl2_refuse (
          error, "the offer has no %s, or a wrong one", ids[i].name);
    values[i] = value;
  }
  return TRUE;
}

/* ---- H.264 -------------------------------------------------------------- */

/* (transfer full) (nullable): six digits, if packets are as they are made here
 * and the profile is one that takes them: a baseline. */
static char *
take_profile (const char *parameters)
{
  g_auto (GStrv) all = g_strsplit (parameters, ";", 32);
  const char *profile = NULL;
  gboolean parts = FALSE;

  for (char **one = all; *one; one++) {
    const char *p = g_strstrip (*one);

    if (g_str_equal (p, "packetization-mode=1"))
      parts = TRUE;
    else if (g_str_has_prefix (p, "profile-level-id=42"))
      profile = p + strlen ("profile-level-id=");
  }
  return parts && profile && strlen (profile) == 6 && strspn (profile, HEX) == 6
             ? g_strdup (profile)
             : NULL;
}

/* Of `a=rtpmap:`; those between are of RTCP, those below have fixed meanings.
 */
static gboolean
take_payload (const char *map, guint *payload)
{
  g_auto (GStrv) words = g_strsplit (map, " ", 3);
  guint64 number;

  if (g_strv_length (words) != 2
      || g_ascii_strcasecmp (words[1], "H264/90000") != 0
      || !g_ascii_string_to_unsigned (words[0], 10, 35, 127, &number, NULL)
      || (number >= 64 && number < 96))
    return FALSE;
  *payload = (guint) number;
  return TRUE;
}

/* (transfer full) (nullable): the profile of the first that fits */
static char *
find_h264 (char **lines, guint *payload)
{
  for (char **line = lines; *line; line++) {
    g_autofree char *name = NULL;
    const char *parameters;
    char *profile;

    if (!g_str_has_prefix (*line, "a=rtpmap:")
        || !take_payload (*line + strlen ("a=rtpmap:"), payload))
      continue;
    name = g_strdup_printf ("a=fmtp:%u ", *payload);
    parameters = find (lines, name);
    profile = parameters ? take_profile (parameters) : NULL;
    if (profile)
      return profile;
  }
  return NULL;
}

/* ---- offers ------------------------------------------------------------- */

static gboolean
is_one_video (char **lines)
{
  guint n = 0;

  for (char **line = lines; *line; line++)
    n += g_str_has_prefix (*line, "m=");
  return n == 1 && find (lines, "m=video ");
}

static char *
write_offer (const char **id, guint payload, const char *profile)
{
  return g_strdup_printf ("v=0\r\n"
                          "o=- 1 1 IN IP4 127.0.0.1\r\n"
                          "s=-\r\n"
                          "t=0 0\r\n"
                          "a=group:BUNDLE %s\r\n"
                          "m=video 9 UDP/TLS/RTP/SAVPF %u\r\n"
                          "c=IN IP4 0.0.0.0\r\n"
                          "a=mid:%s\r\n"
                          "a=recvonly\r\n"
                          "a=rtcp-mux\r\n"
                          "a=ice-ufrag:%s\r\n"
                          "a=ice-pwd:%s\r\n"
                          "a=fingerprint:%s\r\n"
                          "a=setup:actpass\r\n"
                          "a=rtpmap:%u H264/90000\r\n"
                          "a=rtcp-fb:%u nack pli\r\n"
                          "a=rtcp-fb:%u ccm fir\r\n"
                          "a=fmtp:%u "
                          "packetization-mode=1;profile-level-id=%s\r\n",
      id[MID], payload, id[MID], id[UFRAG], id[PWD], id[FINGERPRINT], payload,
      payload, payload, payload, profile);
}

gboolean
offer_read (const char *sdp, Offer *offer, GError **error)
{
  g_auto (GStrv) lines = g_strsplit (sdp, "\n", MAX_LINES);
  g_autofree char *profile = NULL;
  const char *id[N_IDS];

  for (char **line = lines; *line; line++)
    g_strchomp (*line);
  if (!lines[0] || !g_str_equal (lines[0], "v=0"))
    return owl2_refuse (error, "the offer is no SDP");
  if (!is_one_video (lines))
    return owl2_refuse (error, "the offer is not of one video");
  if (!find_ids (lines, id, error))
    return FALSE;
  profile = find_h264 (lines, &offer->payload);
  if (!profile)
    return owl2_refuse (error,
        "the offer has no H.264 of a baseline profile in packets of mode 1");
  offer->sdp = write_offer (id, offer->payload, profile);
  return TRUE;
}

void
offer_clear (Offer *offer)
{
  g_clear_pointer (&offer->sdp, g_free);
}
