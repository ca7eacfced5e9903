/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Targets that read a file by its name: what is fuzzed is a file in memory, or
 * one beside good ones in a folder of its own. */
#include "targets.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "added.h"
#include "checkpoint.h"
#include "forms.h"
#include "hfconfig.h"
#include "json_line.h"
#include "ledger.h"
#include "offer.h"
#include "png_read.h"
#include "program.h"
#include "table.h"
#include "text.h"
#include "spmodel.h"

/* Results go here, so that no read is optimised away. */
static volatile guint sink;

/* ---- files in memory -------------------------------------------------- */

typedef struct {
  int fd;
  char path[32];
} Memory;

static void
memory_clear (Memory *m)
{
  close (m->fd);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Memory, memory_clear)

static Memory
memory_new (const guint8 *data, gsize size)
{
  Memory m = { .fd = memfd_create ("fuzz", MFD_CLOEXEC) };

  g_assert_cmpint (m.fd, >=, 0);
  for (gsize done = 0; done < size;) {
    const gssize n = write (m.fd, data + done, size - done);

    g_assert_cmpint (n, >, 0);
    done += (gsize) n;
  }
  g_snprintf (m.path, sizeof m.path, "/proc/self/fd/%d", m.fd);
  return m;
}

/* At once: nobody waits for the disk. */
static void
write_file (const char *path, const guint8 *data, gsize size)
{
  g_assert_true (g_file_set_contents_full (path, (const char *) data,
      (gssize) size, G_FILE_SET_CONTENTS_NONE, 0600, NULL));
}

/* ---- pictures --------------------------------------------------------- */

static guint32
crc_of (const guint8 *p, gsize n)
{
  guint32 crc = G_MAXUINT32;

  for (gsize i = 0; i < n; i++) {
    crc ^= p[i];
    for (guint bit = 0; bit < 8; bit++)
      crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
  }
  return ~crc;
}

/* (transfer full): @data with checksums that are right, as far as its pieces
 * have lengths that are. */
static guint8 *
mend_png (const guint8 *data, gsize size)
{
  guint8 *png = g_memdup2 (data, size);
  gsize at = 8;

  while (size > at && size - at >= 12) {
    guint32 n, crc;

    memcpy (&n, png + at, 4);
    n = GUINT32_FROM_BE (n);
    if (n > size - at - 12)
      break;
    crc = GUINT32_TO_BE (crc_of (png + at + 4, 4 + (gsize) n));
    memcpy (png + at + 8 + n, &crc, 4);
    at += 12 + (gsize) n;
  }
  return png;
}

/* The width or height that a file says. */
static guint64
take_size (const guint8 *p)
{
  return (guint64) p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
}

void
fuzz_png (const guint8 *data, gsize size)
{
  const guint64 n_pixels =
      size < 24 ? 0 : take_size (data + 16) * take_size (data + 20);
  g_autofree guint8 *png = mend_png (data, size);
  g_auto (Memory) file = memory_new (png, size);
  g_autoptr (GError) error = NULL;
  Owl2Image image;
  gboolean ok;

  /* What is allowed takes what it says, and long. */
  if (n_pixels > 1 << 22 && n_pixels <= OWL2_MAX_PIXELS)
    return;
  ok = png_read_rgb (file.path, &image, &error);
  fuzz_check (ok, error, file.path);
  if (!ok)
    return;
  sink += image.data[image.height * image.stride - 1];
  g_free ((guint8 *) image.data);
}

/* ---- owl2-eval -------------------------------------------------------- */

/* The first byte says which form, so that files of all of them are one
 * target. */
void
fuzz_dataset (const guint8 *data, gsize size)
{
  static const char *const names[] = { "msrvtt-qa", "msvd-qa", "tgif-qa",
    "video-chatgpt", "vqa", "pope", "mmbench", "choices", "quality" };
  g_autoptr (GError) error = NULL;
  g_autoptr (EvalSet) set = NULL;
  const EvalForm *form;

  if (size == 0)
    return;
  form = eval_form_find (
      names[(data[0] - (data[0] >= '0' ? '0' : 0)) % G_N_ELEMENTS (names)]);
  {
    g_auto (Memory) file = memory_new (data + 1, size - 1);

    /* Questions and answers are one file here, where a form has two. */
    set = eval_set_load (form, file.path, file.path, NULL, 0, &error);
    fuzz_check (set != NULL, error, file.path);
  }
  for (guint i = 0; set && i < set->items->len; i++) {
    const EvalItem *item = eval_set_item (set, i);
    json_auto_t *answer = json_pack ("{s:s}", "text", " A, or so.\n");
    json_auto_t *predicted =
        form->predict ? form->predict (set, item, answer) : NULL;

    g_assert_true (item->id && (item->question || set->kind == EVAL_VALUE));
    g_assert_true (item->media || item->picture || set->kind == EVAL_LIKELIEST);
    g_assert_true (predicted || !form->predict);
  }
}

/* What a run left: an answers file, and settings. */
void
fuzz_ledger (const guint8 *data, gsize size)
{
  static const char questions[] =
      "{\"question_id\":1,\"image\":\"a\",\"text\":\"b\",\"label\":\"yes\"}\n"
      "{\"question_id\":\"2\",\"image\":\"c\",\"text\":\"d\",\"label\":\"no\"}";
  static char *folder, *answers, *settings;
  static EvalSet *set;
  const char *const folders[] = { folder, NULL };
  g_autoptr (GError) error = NULL, error2 = NULL;
  json_auto_t *all = NULL, *common = NULL;

  if (!folder) {
    g_auto (Memory) file =
        memory_new ((const guint8 *) questions, strlen (questions));
    json_auto_t *is = NULL;

    folder = g_dir_make_tmp ("owl2-fuzz-XXXXXX", NULL);
    answers = g_build_filename (folder, "answers-0-of-1.jsonl", NULL);
    settings = g_build_filename (folder, "run.json", NULL);
    set = eval_set_load (
        eval_form_find ("pope"), file.path, NULL, NULL, 0, &error);
    g_assert_no_error (error);
    is = eval_set_settings (set);
    g_assert_true (ledger_settle (folder, is, &error));
    fuzz_at_end (answers);
    fuzz_at_end (settings);
    fuzz_at_end (folder);
    fuzz_ledger (data, size);
    return;
  }
  write_file (answers, data, size);
  all = ledger_collect (folders, set, &common, &error);
  g_assert_true ((all != NULL) == (error == NULL));
  {
    g_autoptr (Ledger) ledger = ledger_open (folder, set, 0, 1, &error2);

    g_assert_true ((ledger != NULL) == (error2 == NULL));
    if (ledger)
      g_assert_cmpuint (ledger_done (ledger), <=, ledger_total (ledger));
    else
      fuzz_check (FALSE, error2, answers);
  }
}

/* ---- folders of checkpoints ------------------------------------------- */

/* The first byte says which file of the folder it is. */
void
fuzz_folder (const guint8 *data, gsize size)
{
  static const char config[] =
      "{\"model_type\": \"mplug_owl2\", \"visual_config\": {}}";
  static const char *const names[] = { "preprocessor_config.json",
    "generation_config.json", "tokenizer_config.json", "added_tokens.json",
    "special_tokens_map.json", "model.safetensors.index.json" };
  static char *dir;
  g_autoptr (GError) error = NULL, error2 = NULL, error3 = NULL;
  g_autoptr (Folder) folder = NULL;
  g_autoptr (GPtrArray) tokens = NULL;
  g_autoptr (Checkpoint) checkpoint = NULL;
  g_autofree char *path = NULL;
  HfConfig hf;
  gboolean ok;

  if (size == 0)
    return;
  if (!dir) {
    g_autofree char *first = NULL;

    dir = g_dir_make_tmp ("owl2-fuzz-XXXXXX", NULL);
    first = g_build_filename (dir, "config.json", NULL);
    g_assert_true (g_file_set_contents (first, config, -1, NULL));
    fuzz_at_end (first);
    fuzz_at_end (dir);
  }
  path = g_build_filename (dir,
      names[(data[0] - (data[0] >= '0' ? '0' : 0)) % G_N_ELEMENTS (names)],
      NULL);
  write_file (path, data + 1, size - 1);
  folder = folder_new (dir, &error);
  g_assert_no_error (error);
  ok = hfconfig_load (&hf, folder, NULL, &error);
  fuzz_check (ok, error, dir);
  if (ok)
    hfconfig_clear (&hf);
  tokens = added_read (folder, &error2);
  fuzz_check (tokens != NULL, error2, dir);
  checkpoint = checkpoint_open (folder, NULL, &error3);
  fuzz_check (checkpoint != NULL, error3, dir);
  g_unlink (path);
}

/* ---- text ------------------------------------------------------------- */

void
fuzz_line (const guint8 *data, gsize size)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GError) error = NULL;

  if (json_line_get_text ((const char *) data, size, text, &error)) {
    g_assert_no_error (error);
    g_assert_true (g_utf8_validate_len (text->str, text->len, NULL)
                   || memchr (text->str, 0, text->len));
  } else {
    g_assert_error (error, OWL2_ERROR, OWL2_ERROR_BAD_REQUEST);
  }
}

/* The vocabulary of the checkpoint in the tests' data. */
static const Owl2Tokenizer *
tokenizer (void)
{
  static Owl2Tokenizer *tok;
  g_autofree char *path = g_build_filename (
      g_getenv ("OWL2_TEST_DATA"), "mini/model/tokenizer.model", NULL);
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;
  g_autoptr (SpModel) model = NULL;
  Owl2Vocab vocab;
  gsize n;

  if (tok)
    return tok;
  g_file_get_contents (path, &text, &n, &error);
  g_assert_no_error (error);
  model = spmodel_parse ((const guint8 *) text, n, path, &error);
  g_assert_no_error (error);
  vocab = (Owl2Vocab){ .pieces = (const char *const *) model->pieces->pdata,
    .scores = (const float *) (gpointer) model->scores->data,
    .types = (const gint32 *) (gpointer) model->types->data,
    .n = model->pieces->len,
    .bos_id = (guint32) model->bos_id,
    .eos_id = (guint32) model->eos_id,
    .unk_id = (guint32) model->unk_id };
  tok = owl2_tokenizer_new (&vocab, path, &error);
  g_assert_no_error (error);
  return tok;
}

/* A prompt as somebody writes it, and as the text of somebody else in one. */
void
fuzz_prompt (const guint8 *data, gsize size)
{
  const Owl2Tokenizer *tok = tokenizer ();
  g_autofree char *text = g_strndup ((const char *) data, size);
  g_autofree char *plain = owl2_prompt_mark_plain (text);
  g_autofree char *whole = owl2_prompt_put ("USER: {} ASSISTANT:", plain);
  g_autoptr (GArray) literal = owl2_prompt_encode (tok, text);
  g_autoptr (GArray) put = owl2_prompt_encode (tok, whole);
  g_autoptr (GString) streamed = g_string_new (NULL);
  g_autoptr (Owl2Detokenizer) d = owl2_detokenizer_new (tok);
  g_autofree char *decoded = NULL;

  for (guint i = 0; i < literal->len; i++) {
    const gint32 id = g_array_index (literal, gint32, i);

    g_assert_true (id == OWL2_IMAGE_ID
                   || (id >= 0 && (guint) id < owl2_tokenizer_n_vocab (tok)));
    owl2_detokenizer_feed (d, id, streamed);
  }
  owl2_detokenizer_end (d, streamed);
  decoded = owl2_tokenizer_decode (
      tok, (const gint32 *) (gpointer) literal->data, literal->len);
  g_assert_cmpstr (decoded, ==, streamed->str);
  g_assert_true (g_utf8_validate (decoded, -1, NULL));
  /* What others write has no control piece and no image's place. */
  for (guint i = 0; i < put->len; i++) {
    const gint32 id = g_array_index (put, gint32, i);

    g_assert_true (id != OWL2_IMAGE_ID && id != owl2_tokenizer_eos (tok));
    g_assert_true (i == 0 || id != owl2_tokenizer_bos (tok));
  }
}

/* ---- offers ----------------------------------------------------------- */

/* Whatever a browser says, no line of its own gets into what is made of it. */
void
fuzz_offer (const guint8 *data, gsize size)
{
  g_autofree char *sdp = g_strndup ((const char *) data, size);
  g_autoptr (GError) error = NULL;
  Offer offer = { 0 };
  const gboolean ok = offer_read (sdp, &offer, &error);

  fuzz_check (ok, error, "the offer");
  if (ok) {
    g_auto (GStrv) lines = g_strsplit (offer.sdp, "\r\n", -1);

    g_assert_cmpuint (g_strv_length (lines), ==, 19);
    for (guint i = 0; lines[i]; i++)
      for (const char *c = lines[i]; *c; c++)
        g_assert_true (g_ascii_isprint (*c));
  }
  offer_clear (&offer);
}
