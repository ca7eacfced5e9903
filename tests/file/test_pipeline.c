/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pieces through threads come back in order, each with what it is: compared
 * with reading and encoding at once, for every type and number of threads. */
#include <string.h>
#include <zlib.h>

#include "half.h"
#include "pipeline.h"

#define COLS 256u
#define ROWS 2500u /* three pieces, the last one short */
#define N (COLS * ROWS)

/* A weight file in memory: "a" in f16 and "b" in f32. */
static Owl2Input *
make_input (void)
{
  g_autoptr (GByteArray) file = g_byte_array_new ();
  g_autoptr (GBytes) bytes = NULL;
  g_autofree char *header = g_strdup_printf (
      "{\"a\":{\"dtype\":\"F16\",\"shape\":[%u,%u],\"data_offsets\":[0,%u]},"
      "\"b\":{\"dtype\":\"F32\",\"shape\":[%u,%u],\"data_offsets\":[%u,%u]}}",
      ROWS, COLS, 2 * N, ROWS, COLS, 2 * N, 6 * N);
  guint64 size = GUINT64_TO_LE (strlen (header));

  g_byte_array_append (file, (const guint8 *) &size, 8);
  g_byte_array_append (file, (const guint8 *) header, strlen (header));
  for (guint i = 0; i < 2 * N; i++) {
    float value = (float) g_test_rand_double_range (-1, 1);
    guint16 half = half_to_f16 (value);

    g_byte_array_append (file,
        i < N ? (const guint8 *) &half : (const guint8 *) &value,
        i < N ? 2 : 4);
  }
  bytes = g_byte_array_free_to_bytes (g_steal_pointer (&file));
  return owl2_input_new (bytes, "made up");
}

static Shard *
make_shard (const Owl2Input *in)
{
  g_autoptr (GError) error = NULL;
  Shard *shard = shard_new (in, &error);

  g_assert_no_error (error);
  return shard;
}

/* (transfer full): all of @t as it lies in the file. */
static guint8 *
read_all (const ShardTensor *t)
{
  g_autoptr (GError) error = NULL;
  guint8 *bytes = g_malloc (N * sizeof (float));

  shard_tensor_read (t, 0, N, bytes, &error);
  g_assert_no_error (error);
  return bytes;
}

/* All of @t, encoded in one piece. */
static GByteArray *
encode_at_once (const ShardTensor *t, const Owl2TypeInfo *to)
{
  g_autofree float *values = g_new (float, N);
  g_autofree guint8 *bytes = read_all (t);
  GByteArray *out = g_byte_array_new ();

  g_byte_array_set_size (out, N / to->block * to->block_bytes);
  shard_type_decode (t->type, bytes, N, values);
  to->encode (values, N, out->data);
  return out;
}

static void
take (Pipeline *pipeline, GByteArray *got, guint64 *next, guint32 *crc)
{
  Piece *piece = pipeline_take (pipeline);

  g_assert_nonnull (piece);
  g_assert_cmpuint (piece->first, ==, *next);
  g_assert_true (piece->user_data == got);
  g_assert_cmpuint (piece->n_not_finite, ==, 0);
  *next += piece->n;
  *crc = (guint32) crc32_combine (*crc, piece->crc,
      (z_off_t) (piece->n * shard_type_bytes (piece->source->type)));
  g_byte_array_append (got, piece->data, (guint) piece->size);
  pipeline_put_back (pipeline, piece);
}

static void
check (const ShardTensor *t, Owl2Type type, guint n_threads)
{
  const Owl2TypeInfo *to = owl2_type_info (type);
  g_autoptr (GByteArray) want = encode_at_once (t, to);
  g_autoptr (GByteArray) got = g_byte_array_new ();
  g_autoptr (GError) error = NULL;
  Pipeline *pipeline = pipeline_new (n_threads, &error);
  guint64 next = 0;
  guint32 crc = 0;
  g_autofree guint8 *bytes = read_all (t);

  g_assert_no_error (error);
  g_assert_null (pipeline_take (pipeline));
  for (guint64 at = 0, n; at < N; at += n) {
    Piece *piece;

    while (!(piece = pipeline_get (pipeline)))
      take (pipeline, got, &next, &crc);
    /* Of any size: the ring is used several times. */
    n = COLS * (guint64) g_test_rand_int_range (1, 200);
    n = MIN (n, N - at);
    piece->source = t;
    piece->first = at;
    piece->n = (gsize) n;
    piece->to = to;
    piece->checksum = TRUE;
    piece->user_data = got;
    pipeline_submit (pipeline, piece);
  }
  while (pipeline_busy (pipeline))
    take (pipeline, got, &next, &crc);
  g_assert_cmpuint (next, ==, N);
  g_assert_cmpmem (got->data, got->len, want->data, want->len);
  g_assert_cmphex (crc, ==, crc32 (0, bytes, N * shard_type_bytes (t->type)));
  pipeline_free (pipeline);
}

static void
test_all (void)
{
  static const guint threads[] = { 0, 1, 3, 1000 };
  g_autoptr (Owl2Input) in = make_input ();
  g_autoptr (Shard) shard = make_shard (in);

  for (guint i = 0; i < shard_n_tensors (shard); i++)
    for (guint k = 0; k < owl2_n_types (); k++)
      for (guint n = 0; n < G_N_ELEMENTS (threads); n++)
        check (shard_tensor_at (shard, i), owl2_type_at (k)->type, threads[n]);
}

/* Ends with pieces in every state: waiting, in work, done. */
static void
test_left_alone (void)
{
  g_autoptr (Owl2Input) in = make_input ();
  g_autoptr (Shard) shard = make_shard (in);

  for (guint round = 0; round < 30; round++) {
    Pipeline *pipeline = pipeline_new (2, NULL);
    Piece *piece;

    while ((piece = pipeline_get (pipeline))) {
      piece->source = shard_tensor_at (shard, round % 2);
      piece->n = COLS * (1 + round * 30);
      piece->to = round % 3 ? owl2_type_info (OWL2_TYPE_Q4_K) : NULL;
      pipeline_submit (pipeline, piece);
    }
    if (round % 4 == 0)
      pipeline_put_back (pipeline, pipeline_take (pipeline));
    pipeline_free (pipeline);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/file/pipeline/all", test_all);
  g_test_add_func ("/file/pipeline/left-alone", test_left_alone);
  return g_test_run ();
}
