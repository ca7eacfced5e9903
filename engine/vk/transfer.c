/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The ways into device memory and back: through the host's mapping where there
 * is one, else through what is staged, and through a pair of buffers back. */
#include "ovk_cmd.h"

#include <string.h>

/* A block large enough that a transfer hides the cost of its submission, small
 * enough to stay in the host's caches for the most. */
#define BLOCK_BYTES ((gsize) 8 << 20)
/* Uploads of many small pieces share one of this size. */
#define SMALL_BLOCK_BYTES ((gsize) 1 << 20)
#define N_BLOCKS 2

/* ---- uploaders -------------------------------------------------------- */

/* What one submission brings. */
typedef struct {
  OvkCmd *cmd;
  OvkSlice slice; /* of the staging buffer */
  guint8 *map;    /* (nullable) */
  gsize used;     /* bytes of it in what @cmd records */
} Block;

struct _OvkUploader {
  OvkDevice *dev; /* borrowed; a public one's cmds hold it */
  Block blocks[N_BLOCKS];
  guint current;
  gboolean internal; /* owned by the device itself */
};

static OvkUploader *
uploader_new (OvkDevice *dev, gboolean internal)
{
  OvkUploader *up = g_new0 (OvkUploader, 1);

  up->dev = internal ? dev : ovk_device_ref (dev);
  up->internal = internal;
  return up;
}

OvkUploader *
ovk_uploader_new (OvkDevice *dev, GError **error)
{
  if (!ovk_gpu_alive (&dev->gpu, error))
    return NULL;
  return uploader_new (dev, FALSE);
}

void
ovk_uploader_free (OvkUploader *up)
{
  if (!up)
    return;
  for (guint i = 0; i < N_BLOCKS; i++)
    ovk_cmd_free (up->blocks[i].cmd);
  if (!up->internal)
    ovk_device_unref (up->dev);
  g_free (up);
}

/* Reserves for @n more bytes. Nothing else is recorded, so that a wait for room
 * keeps nobody waiting. */
static gboolean
block_begin (OvkUploader *up, Block *block, gsize n, GError **error)
{
  if (!block->cmd)
    block->cmd = ovk_cmd_new_internal (up->dev, "upload", FALSE, error);
  if (!block->cmd || !ovk_cmd_wait (block->cmd, error))
    return FALSE;
  n = MIN (n, BLOCK_BYTES);
  if (!up->internal)
    n = MAX (n, SMALL_BLOCK_BYTES);
  block->map = ovk_cmd_stage (block->cmd, n, &block->slice);
  return block->map || ovk_cmd_check (block->cmd, error);
}

static gboolean
uploader_submit (OvkUploader *up, GError **error)
{
  Block *block = &up->blocks[up->current];

  if (!block->map)
    return TRUE;
  block->map = NULL;
  block->used = 0;
  up->current = (up->current + 1) % N_BLOCKS;
  return ovk_cmd_submit (block->cmd, error);
}

/* Rows of a matrix as the destination has them: a run of bytes in which each
 * row is followed by its padding. */
typedef struct {
  const guint8 *src; /* NULL: they come by @read */
  OvkReadFunc read;
  gpointer user_data;
  gsize src_stride, dst_stride, row_bytes;
} Rows;

static gboolean
rows_take (const Rows *r, guint8 *dst, gsize at, gsize n, GError **error)
{
  if (!r->src)
    return r->read (at, dst, n, r->user_data, error);
  memcpy (dst, r->src + at, n);
  return TRUE;
}

/* Writes @n bytes of the run, from byte @start on. */
static gboolean
rows_copy (const Rows *r, guint8 *dst, gsize start, gsize n, GError **error)
{
  if (r->row_bytes == r->dst_stride && r->row_bytes == r->src_stride)
    return rows_take (r, dst, start, n, error);
  while (n > 0) {
    gsize row = start / r->dst_stride, column = start % r->dst_stride;
    gsize part;

    if (column < r->row_bytes) {
      part = MIN (n, r->row_bytes - column);
      if (!rows_take (r, dst, row * r->src_stride + column, part, error))
        return FALSE;
    } else {
      part = MIN (n, r->dst_stride - column);
      memset (dst, 0, part);
    }
    dst += part;
    start += part;
    n -= part;
  }
  return TRUE;
}

static gboolean
uploader_stage (OvkUploader *up, OvkSlice dst, const Rows *rows, gsize total,
    GError **error)
{
  gsize done = 0;

  while (done < total) {
    Block *block = &up->blocks[up->current];
    gsize part;

    if (!block->map && !block_begin (up, block, total - done, error))
      return FALSE;
    part = MIN (total - done, block->slice.size - block->used);
    if (!rows_copy (rows, block->map + block->used, done, part, error))
      return FALSE;
    ovk_cmd_copy_bytes (block->cmd,
        (OvkSlice){ dst.buffer, dst.offset + done, part },
        (OvkSlice){
            block->slice.buffer, block->slice.offset + block->used, part });
    done += part;
    /* Each piece starts on a word, which copies fastest. */
    block->used =
        MIN ((block->used + part + 15) & ~(gsize) 15, block->slice.size);
    if (block->used == block->slice.size && !uploader_submit (up, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
check_slice (OvkSlice slice, gsize size_bytes, GError **error)
{
  if (slice.buffer && size_bytes <= slice.size
      && slice.offset <= slice.buffer->size
      && slice.size <= slice.buffer->size - slice.offset)
    return TRUE;
  g_set_error (error, OWL2_ERROR, OWL2_ERROR_FAILED,
      "transfer of %" G_GSIZE_FORMAT
      " bytes does not fit a slice of %" G_GSIZE_FORMAT,
      size_bytes, slice.size);
  return FALSE;
}

/* Drops what was recorded and not submitted: the caller of a failed upload may
 * free the destination. */
static gboolean
uploader_drop (OvkUploader *up)
{
  for (guint i = 0; i < N_BLOCKS; i++) {
    up->blocks[i].map = NULL;
    up->blocks[i].used = 0;
    if (up->blocks[i].cmd)
      ovk_cmd_reset (up->blocks[i].cmd);
  }
  return FALSE;
}

/* For mapped memory. */
static gboolean
write_rows (
    OvkDevice *dev, OvkSlice dst, const Rows *rows, gsize total, GError **error)
{
  if (dst.buffer->host) {
    g_set_error_literal (error, OWL2_ERROR, OWL2_ERROR_FAILED,
        "the host's memory is only read, but was to be written");
    return FALSE;
  }
  if (!ovk_queue_wait (
          &dev->queue, ovk_buffer_last_use (dst.buffer), "upload", error))
    return FALSE;
  return rows_copy (rows, dst.buffer->map + dst.offset, 0, total, error)
         && ovk_buffer_sync (dst.buffer, dst.offset, total, FALSE, error);
}

static gboolean
upload (
    OvkUploader *up, OvkSlice dst, const Rows *r, gsize rows, GError **error)
{
  gsize total;

  if (!rows || !r->row_bytes)
    return TRUE;
  if (r->row_bytes > r->dst_stride || rows > G_MAXSIZE / r->dst_stride) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_FAILED,
        "upload of %" G_GSIZE_FORMAT " rows of %" G_GSIZE_FORMAT
        " bytes, %" G_GSIZE_FORMAT " apart, is not possible",
        rows, r->row_bytes, r->dst_stride);
    return FALSE;
  }
  total = rows * r->dst_stride;
  if (!check_slice (dst, total, error) || !ovk_gpu_alive (&up->dev->gpu, error))
    return FALSE;
  if (dst.buffer->map)
    return write_rows (up->dev, dst, r, total, error);
  return uploader_stage (up, dst, r, total, error) || uploader_drop (up);
}

gboolean
ovk_uploader_rows (OvkUploader *up, OvkSlice dst, gsize dst_stride,
    const void *src, gsize src_stride, gsize row_bytes, gsize rows,
    GError **error)
{
  const Rows r = { src, NULL, NULL, src_stride, dst_stride, row_bytes };

  return upload (up, dst, &r, rows, error);
}

gboolean
ovk_uploader_read (OvkUploader *up, OvkSlice dst, gsize dst_stride,
    OvkReadFunc read, gpointer user_data, gsize src_stride, gsize row_bytes,
    gsize rows, GError **error)
{
  const Rows r = { NULL, read, user_data, src_stride, dst_stride, row_bytes };

  return upload (up, dst, &r, rows, error);
}

gboolean
ovk_uploader_finish (OvkUploader *up, GError **error)
{
  if (!uploader_submit (up, error))
    return uploader_drop (up);
  for (guint i = 0; i < N_BLOCKS; i++) {
    OvkCmd *cmd = up->blocks[i].cmd;

    if (cmd && !ovk_cmd_wait (cmd, error))
      return uploader_drop (up);
  }
  return TRUE;
}

gboolean
ovk_slice_write (OvkDevice *dev, OvkSlice dst, const void *data,
    gsize size_bytes, GError **error)
{
  const Rows r = { data, NULL, NULL, size_bytes, size_bytes, size_bytes };
  OvkUploader *up;
  gboolean ok;

  if (!size_bytes)
    return TRUE;
  if (!check_slice (dst, size_bytes, error)
      || !ovk_gpu_alive (&dev->gpu, error))
    return FALSE;
  if (dst.buffer->map)
    return write_rows (dev, dst, &r, size_bytes, error);
  /* There are as many as threads that write at the same time. */
  up = ovk_shelf_take (&dev->writers);
  if (!up)
    up = uploader_new (dev, TRUE);
  ok = ovk_uploader_rows (
           up, dst, size_bytes, data, size_bytes, size_bytes, 1, error)
       && ovk_uploader_finish (up, error);
  ovk_shelf_put (&dev->writers, up, (GDestroyNotify) ovk_uploader_free);
  return ok;
}

/* ---- readback --------------------------------------------------------- */

#define N_STAGES 2

/* One buffer of a pair: in memory that the host reads fast, as the staging
 * buffer need not be. */
typedef struct {
  OvkCmd *cmd;
  OvkBuffer *buffer; /* BLOCK_BYTES */
  gsize used;        /* bytes that @cmd brings */
} Stage;

typedef struct {
  OvkDevice *dev; /* borrowed */
  Stage stages[N_STAGES];
} Reader;

static Reader *
reader_new (OvkDevice *dev)
{
  Reader *reader = g_new0 (Reader, 1);

  reader->dev = dev;
  return reader;
}

static void
reader_free (Reader *reader)
{
  for (guint i = 0; i < N_STAGES; i++) {
    ovk_cmd_free (reader->stages[i].cmd);
    ovk_buffer_free (reader->stages[i].buffer);
  }
  g_free (reader);
}

static gboolean
stage_prepare (OvkDevice *dev, Stage *stage, GError **error)
{
  if (!stage->cmd)
    stage->cmd = ovk_cmd_new_internal (dev, "readback", FALSE, error);
  if (stage->cmd && !stage->buffer)
    stage->buffer = ovk_buffer_new (&dev->heap, "readback", BLOCK_BYTES,
        dev->heap.type_readback, TRUE, error);
  return stage->buffer != NULL;
}

/* Takes what the stage's copy has brought to @data. */
static gboolean
stage_take (Stage *stage, guint8 *data, GError **error)
{
  gsize n = stage->used;

  stage->used = 0;
  if (!n)
    return TRUE;
  if (!ovk_cmd_wait (stage->cmd, error)
      || !ovk_buffer_sync (stage->buffer, 0, n, TRUE, error))
    return FALSE;
  memcpy (data, stage->buffer->map, n);
  return TRUE;
}

static gboolean
read_staged (Reader *reader, OvkSlice src, guint8 *data, gsize size_bytes,
    GError **error)
{
  gsize asked = 0, taken = 0;

  for (guint i = 0; i < N_STAGES; i++)
    reader->stages[i].used = 0;
  /* One stage is filled by the device while the other one is emptied. */
  for (guint i = 0; taken < size_bytes; i = (i + 1) % N_STAGES) {
    Stage *stage = &reader->stages[i];
    gsize n = stage->used;

    if (!stage_prepare (reader->dev, stage, error)
        || !stage_take (stage, data + taken, error))
      return FALSE;
    taken += n;
    if (asked == size_bytes)
      continue;
    n = MIN (size_bytes - asked, BLOCK_BYTES);
    ovk_cmd_copy_bytes (stage->cmd, (OvkSlice){ stage->buffer, 0, n },
        (OvkSlice){ src.buffer, src.offset + asked, n });
    if (!ovk_cmd_submit (stage->cmd, error))
      return FALSE;
    stage->used = n;
    asked += n;
  }
  return TRUE;
}

const void *
ovk_slice_peek (OvkSlice slice, GError **error)
{
  OvkBuffer *buffer = slice.buffer;

  if (!check_slice (slice, slice.size, error))
    return NULL;
  if (!buffer->map) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_FAILED,
        "%" G_GSIZE_FORMAT " bytes at %" G_GSIZE_FORMAT
        " lie in memory that the host does not see",
        slice.size, slice.offset);
    return NULL;
  }
  if (!ovk_buffer_sync (buffer, slice.offset, slice.size, TRUE, error))
    return NULL;
  return buffer->map + slice.offset;
}

gboolean
ovk_slice_read (
    OvkDevice *dev, OvkSlice src, void *data, gsize size_bytes, GError **error)
{
  /* Below this, reading memory without a cache costs less than a submission. */
  const gsize small = 16 << 10;
  OvkBuffer *buffer = src.buffer;
  Reader *reader;
  gboolean ok;

  if (!size_bytes)
    return TRUE;
  if (!check_slice (src, size_bytes, error)
      || !ovk_gpu_alive (&dev->gpu, error))
    return FALSE;
  if (buffer->map && (size_bytes <= small || ovk_buffer_is_cached (buffer))) {
    if (!ovk_queue_wait (
            &dev->queue, ovk_buffer_last_use (buffer), "readback", error)
        || !ovk_buffer_sync (buffer, src.offset, size_bytes, TRUE, error))
      return FALSE;
    memcpy (data, buffer->map + src.offset, size_bytes);
    return TRUE;
  }
  reader = ovk_shelf_take (&dev->readers);
  if (!reader)
    reader = reader_new (dev);
  ok = read_staged (reader, src, data, size_bytes, error);
  ovk_shelf_put (&dev->readers, reader, (GDestroyNotify) reader_free);
  return ok;
}
