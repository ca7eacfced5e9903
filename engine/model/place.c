/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "place.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define AREA "model"

/* Copies lie in blocks of this, or in one that just holds a small model; in
 * blocks of their own where they are large, so that little of a block stays
 * free. */
#define BLOCK_BYTES (64u << 20)
#define LARGE_BYTES (BLOCK_BYTES / 8)
/* Host memory for rows that are packed before they are uploaded, and for what
 * they are made of. */
#define PACK_BYTES (1u << 20)
/* At most this is lost between two tensors. */
#define ALIGN_BYTES 256
/* Where weights may begin: the kernels load them by as much. */
#define IN_PLACE_ALIGN 16
/* An import reaches over tensors that are copied, up to so many bytes of them
 * in a row; less than MIN_IMPORT_BYTES are not worth one. */
#define GAP_BYTES (1u << 20)
#define MIN_IMPORT_BYTES (64u << 10)
/* The file stays mapped for as long as a part of it is used, and takes address
 * space and resident pages; it is let go unless one byte in so many is. */
#define MIN_SHARE 4
/* Weights are copied or brought into memory by so many bytes, then a cancel is
 * noticed. */
#define PART_BYTES (16u << 20)

static gsize
stride_bytes (Owl2Type type, guint cols)
{
  return owl2_tensor_bytes (type, 1, cols);
}

static const Owl2TensorSpec *
spec_at (const Owl2Places *places, guint i)
{
  return &g_array_index (places->specs, Owl2TensorSpec, i);
}

static Owl2Place *
place_at (const Owl2Places *places, guint i)
{
  return g_hash_table_lookup (places->table, spec_at (places, i)->name);
}

static gsize
place_bytes (const Owl2Place *place)
{
  const Owl2Tensor *t = &place->tensor;

  return owl2_tensor_bytes (t->type, t->rows, t->cols);
}

/* ---- in place --------------------------------------------------------- */

/* A tensor of the file that kernels could read as it is. */
typedef struct {
  Owl2Place *place;
  const guint8 *data;
  gsize size;
} Piece;

static gboolean
can_be_in_place (const Owl2TensorSpec *spec, const Owl2WeightsData *data)
{
  return !owl2_weight_is_packed (data->type)
         && data->row_stride == stride_bytes (data->type, spec->cols)
         && (guintptr) data->data % IN_PLACE_ALIGN == 0;
}

static int
compare_pieces (gconstpointer a, gconstpointer b)
{
  const Piece *x = a, *y = b;

  return (x->data > y->data) - (x->data < y->data);
}

/* One import for @n pieces, from @p on. */
static gboolean
import_run (Owl2Places *places, const Owl2WeightsSource *source, const Piece *p,
    guint n, GError **error)
{
  const guint8 *start = p->data, *end = p[n - 1].data + p[n - 1].size;
  OvkImport *import;

  if ((gsize) (end - start) < MIN_IMPORT_BYTES)
    return TRUE;
  import = ovk_import_new (
      places->dev, source->name, source->memory, start, end - start, error);
  if (!import)
    return FALSE;
  g_ptr_array_add (places->imports, import);
  for (guint i = 0; i < n; i++) {
    p[i].place->tensor.slice = ovk_import_slice (import, p[i].data, p[i].size);
    p[i].place->in_place = p[i].data;
    places->mapped_bytes += p[i].size;
  }
  return TRUE;
}

/* How many of @n pieces one import can serve. */
static guint
run_length (const OvkCaps *caps, const Piece *p, guint n)
{
  gsize align = caps->host_import_align;
  guintptr start = (guintptr) p->data / align * align;
  guint i;

  for (i = 1; i < n; i++) {
    guintptr end = (guintptr) p[i].data + p[i].size;

    if (p[i].data - (p[i - 1].data + p[i - 1].size) > GAP_BYTES
        || end - start > caps->max_allocation_bytes - align)
      break;
  }
  return i;
}

/* A driver may refuse what it likes; then the rest is copied. */
static void
import_pieces (
    Owl2Places *places, const Owl2WeightsSource *source, GArray *pieces)
{
  const OvkCaps *caps = ovk_device_caps (places->dev);
  g_autoptr (GError) error = NULL;
  guint n;

  g_array_sort (pieces, compare_pieces);
  for (guint i = 0; i < pieces->len; i += n) {
    const Piece *p = &g_array_index (pieces, Piece, i);

    n = run_length (caps, p, pieces->len - i);
    if (!import_run (places, source, p, n, &error)) {
      owl2_log (ovk_device_log (places->dev), OWL2_LOG_INFO, AREA,
          "copying the weights: %s", error->message);
      return;
    }
  }
}

/* ---- layout ----------------------------------------------------------- */

/* Makes the table, in which only the slices are missing, and imports what can
 * be read in place. */
static gboolean
find_places (
    Owl2Places *places, const Owl2WeightsSource *source, GError **error)
{
  g_autoptr (GArray) pieces = g_array_new (FALSE, FALSE, sizeof (Piece));
  gboolean import =
      source->memory && ovk_device_caps (places->dev)->host_import_align;
  guint64 total = 0, in_place = 0;

  for (guint i = 0; i < places->specs->len; i++) {
    const Owl2TensorSpec *spec = spec_at (places, i);
    Owl2Place *place = g_new0 (Owl2Place, 1);
    Owl2WeightsData data;

    g_hash_table_insert (places->table, (gpointer) spec->name, place);
    if (!source->tensor (spec, &data, source->user_data, error))
      return FALSE;
    place->tensor = (Owl2Tensor){
      .type = data.type,
      .rows = spec->rows,
      .cols = spec->cols,
      .stride = owl2_tensor_stride (data.type, spec->cols),
    };
    total += place_bytes (place);
    if (import && can_be_in_place (spec, &data)) {
      Piece piece = { place, data.data, place_bytes (place) };

      g_array_append_val (pieces, piece);
      in_place += piece.size;
    }
  }
  if (in_place >= total / MIN_SHARE)
    import_pieces (places, source, pieces);
  return TRUE;
}

static gboolean
check_memory (
    Owl2Places *places, const Owl2WeightsSource *source, GError **error)
{
  guint64 bytes = 0, n_free = ovk_device_free_bytes (places->dev);
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, places->table);
  while (g_hash_table_iter_next (&iter, NULL, &value)) {
    const Owl2Place *place = value;

    if (!place->in_place)
      bytes += place_bytes (place) + ALIGN_BYTES;
  }
  if (bytes > n_free) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_NO_MEMORY,
        "%s: the weights need %" G_GUINT64_FORMAT
        " MiB, the device '%s' has %" G_GUINT64_FORMAT " MiB free",
        source->name, bytes >> 20, ovk_device_caps (places->dev)->name,
        n_free >> 20);
    return FALSE;
  }
  places->copied_bytes = bytes;
  return TRUE;
}

/* How many copied tensors from @first on lie end to end: a product with several
 * of them is then one. Together they take @bytes. */
static guint
joint_length (const Owl2Places *places, guint first, gsize *bytes)
{
  gsize most = ovk_device_caps (places->dev)->max_allocation_bytes;
  const Owl2Tensor *t = &place_at (places, first)->tensor;
  guint i;

  *bytes = place_bytes (place_at (places, first));
  for (i = first + 1; i < places->specs->len; i++) {
    const Owl2Place *place = place_at (places, i);

    if (place->in_place || place->tensor.type != t->type || t->rows == 1
        || place->tensor.rows == 1 || place->tensor.cols != t->cols
        || place_bytes (place) > most - MIN (most, *bytes))
      break;
    *bytes += place_bytes (place);
  }
  return i - first;
}

/* Memory for @n tensors from @first on, which take @bytes. */
static gboolean
allocate_joint (
    Owl2Places *places, guint first, guint n, gsize bytes, GError **error)
{
  OvkSlice slice;

  if (!ovk_arena_alloc (bytes >= LARGE_BYTES ? places->large : places->arena,
          bytes, &slice, error))
    return FALSE;
  for (guint i = first; i < first + n; i++) {
    Owl2Place *place = place_at (places, i);

    slice.size = place_bytes (place);
    place->tensor.slice = slice;
    slice.offset += slice.size;
  }
  return TRUE;
}

static gboolean
allocate (Owl2Places *places, const Owl2WeightsSource *source, GError **error)
{
  guint n;

  places->arena = ovk_arena_new (
      places->dev, "weights", MIN (BLOCK_BYTES, places->copied_bytes));
  places->large = ovk_arena_new (places->dev, "large weights", 0);
  for (guint i = 0; i < places->specs->len; i += n) {
    gsize bytes;

    n = 1;
    if (place_at (places, i)->in_place)
      continue;
    n = joint_length (places, i, &bytes);
    if (!allocate_joint (places, i, n, bytes, error)) {
      g_prefix_error (
          error, "%s: tensor '%s': ", source->name, spec_at (places, i)->name);
      return FALSE;
    }
  }
  places->copied_bytes =
      ovk_arena_bytes (places->arena) + ovk_arena_bytes (places->large);
  return TRUE;
}

Owl2Places *
owl2_places_new (OvkDevice *dev, const Owl2Config *config,
    const Owl2WeightsSource *source, GError **error)
{
  g_autoptr (Owl2Places) places = g_new0 (Owl2Places, 1);

  places->dev = ovk_device_ref (dev);
  places->specs = owl2_config_tensors (config);
  places->table = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, g_free);
  places->imports =
      g_ptr_array_new_with_free_func ((GDestroyNotify) ovk_import_free);
  if (!find_places (places, source, error)
      || !check_memory (places, source, error)
      || !allocate (places, source, error))
    return NULL;
  return g_steal_pointer (&places);
}

void
owl2_places_free (Owl2Places *places)
{
  if (!places)
    return;
  g_clear_pointer (&places->table, g_hash_table_unref);
  g_clear_pointer (&places->specs, g_array_unref);
  g_clear_pointer (&places->imports, g_ptr_array_unref);
  g_clear_pointer (&places->arena, ovk_arena_free);
  g_clear_pointer (&places->large, ovk_arena_free);
  g_clear_pointer (&places->dev, ovk_device_unref);
  g_free (places);
}

/* ---- filling ---------------------------------------------------------- */

/* What has been done, as it is reported. */
typedef struct {
  Owl2WeightsProgress func; /* (nullable) */
  gpointer data;
  guint64 done, total;
} Progress;

static gboolean
advance (Progress *p, guint64 bytes, GError **error)
{
  p->done += bytes;
  if (!p->func || p->func ((double) p->done / MAX (p->total, 1), p->data))
    return TRUE;
  g_set_error_literal (
      error, OWL2_ERROR, OWL2_ERROR_CANCELLED, "loading was cancelled");
  return FALSE;
}

/* Brings pages into memory, so that no kernel waits for the disk. */
static gboolean
touch_pages (const char *name, const guint8 *data, gsize size, GError **error)
{
  gsize page = (gsize) sysconf (_SC_PAGESIZE);
  gsize before = (guintptr) data % page;

  data -= before;
  size += before;
  (void) madvise ((void *) data, size, MADV_WILLNEED);
#ifdef MADV_POPULATE_READ
  /* Unlike an access, this survives a file that has become shorter. */
  if (madvise ((void *) data, size, MADV_POPULATE_READ) == 0)
    return TRUE;
  if (errno == EFAULT || errno == EHWPOISON) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_BAD_FILE,
        "%s: can't be read any more; it was changed while it was loaded", name);
    return FALSE;
  }
#endif
  for (gsize i = 0; i < size; i += page)
    (void) *(volatile const guint8 *) (data + i);
  return TRUE;
}

static gboolean
fill_in_place (const Owl2Places *places, const Owl2WeightsSource *source,
    const Owl2Place *place, Progress *progress, GError **error)
{
  gsize size = place->tensor.slice.size, n;

  for (gsize at = 0; at < size; at += n) {
    n = MIN (PART_BYTES, size - at);
    if (!touch_pages (source->name, place->in_place + at, n, error)
        || !advance (progress, n, error))
      return FALSE;
  }
  return TRUE;
}

/* A tensor on its way. */
typedef struct {
  const Owl2WeightsSource *source;
  const Owl2TensorSpec *spec;
  Owl2WeightsData data;
  gsize first; /* byte at which the part under way begins */
} Reading;

static gboolean
read_part (gsize offset, void *dst, gsize n, gpointer user_data, GError **error)
{
  const Reading *r = user_data;

  return r->source->read (
      r->spec, r->first + offset, dst, n, r->source->user_data, error);
}

/* Rows whose layout on the device is another than in the file: @n of them from
 * row @first on, by way of @packed. @raw is there if they are to be read. */
static gboolean
pack_rows (Reading *r, guint first, guint n, guint8 *raw, guint8 *packed,
    gsize stride, GError **error)
{
  gsize row_stride = r->data.row_stride;
  const guint8 *rows = raw;

  if (raw) {
    r->first = first * row_stride;
    if (!read_part (0, raw, n * row_stride, r, error))
      return FALSE;
  } else {
    rows = r->data.data + first * row_stride;
  }
  for (guint i = 0; i < n; i++)
    owl2_weight_pack_row (r->data.type, rows + i * row_stride, r->spec->cols,
        packed + i * stride);
  return TRUE;
}

static gboolean
upload_packed (OvkUploader *up, Reading *r, const Owl2Tensor *dst, gsize stride,
    Progress *progress, GError **error)
{
  guint rows = CLAMP (PACK_BYTES / stride, 1, dst->rows), n;
  g_autofree guint8 *packed = g_try_malloc (rows * stride);
  g_autofree guint8 *raw =
      r->source->read ? g_try_malloc (rows * r->data.row_stride) : NULL;

  if (!packed || (r->source->read && !raw)) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_NO_MEMORY,
        "no memory for %u rows of %" G_GSIZE_FORMAT " bytes", rows, stride);
    return FALSE;
  }
  for (guint first = 0; first < dst->rows; first += n) {
    OvkSlice slice = dst->slice;

    n = MIN (rows, dst->rows - first);
    slice.offset += first * stride;
    slice.size = n * stride;
    if (!pack_rows (r, first, n, raw, packed, stride, error)
        || !ovk_uploader_rows (
            up, slice, stride, packed, stride, stride, n, error)
        || !advance (progress, slice.size, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
upload_plain (OvkUploader *up, Reading *r, const Owl2Tensor *dst, gsize stride,
    Progress *progress, GError **error)
{
  Owl2Type type = r->data.type;
  gsize row_bytes =
      dst->cols / owl2_type_block (type) * owl2_type_block_bytes (type);
  gsize row_stride = r->data.row_stride;
  guint rows = CLAMP (PART_BYTES / stride, 1, dst->rows), n;
  gboolean ok;

  for (guint first = 0; first < dst->rows; first += n) {
    OvkSlice slice = dst->slice;

    n = MIN (rows, dst->rows - first);
    slice.offset += first * stride;
    slice.size = n * stride;
    r->first = first * row_stride;
    ok = r->source->read
             ? ovk_uploader_read (up, slice, stride, read_part, r, row_stride,
                 row_bytes, n, error)
             : ovk_uploader_rows (up, slice, stride, r->data.data + r->first,
                 row_stride, row_bytes, n, error);
    if (!ok || !advance (progress, slice.size, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
upload_tensor (OvkUploader *up, Reading *r, const Owl2Tensor *dst,
    Progress *progress, GError **error)
{
  gsize stride = stride_bytes (r->data.type, dst->cols);
  GError *failure = NULL;
  gboolean ok = owl2_weight_is_packed (r->data.type)
                    ? upload_packed (up, r, dst, stride, progress, &failure)
                    : upload_plain (up, r, dst, stride, progress, &failure);

  if (ok)
    return TRUE;
  /* The source names file and tensor, and nothing is wrong with these when a
   * load is cancelled. */
  if (failure->code != OWL2_ERROR_BAD_FILE
      && failure->code != OWL2_ERROR_CANCELLED)
    g_prefix_error (
        &failure, "%s: tensor '%s': ", r->source->name, r->spec->name);
  g_propagate_error (error, failure);
  return FALSE;
}

gboolean
owl2_places_fill (Owl2Places *places, const Owl2WeightsSource *source,
    Owl2WeightsProgress func, gpointer func_data, GError **error)
{
  g_autoptr (OvkUploader) up = ovk_uploader_new (places->dev, error);
  Progress progress = { func, func_data, 0,
    places->mapped_bytes + places->copied_bytes };

  if (!up)
    return FALSE;
  for (guint i = 0; i < places->specs->len; i++) {
    const Owl2TensorSpec *spec = spec_at (places, i);
    const Owl2Place *place = place_at (places, i);
    Reading r = { .source = source, .spec = spec };

    if (place->in_place) {
      if (!fill_in_place (places, source, place, &progress, error))
        return FALSE;
      continue;
    }
    if (!source->tensor (spec, &r.data, source->user_data, error)
        || !upload_tensor (up, &r, &place->tensor, &progress, error))
      return FALSE;
  }
  return ovk_uploader_finish (up, error)
         && (!source->check || source->check (source->user_data, error));
}
