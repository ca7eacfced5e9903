/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A stretch and a shrink in width at once, for drivers that run on a CPU: what
 * is between them is in no memory. */
#include "kernels.h"
#include "operand.h"

#define TAPS 4u /* of a stretch, where no edge cuts them off */
#define WEIGHTS_AT TAPS
#define FIRST_AT (WEIGHTS_AT + OWL2_RESIZE_OPEN)
#define FLAGS_AT (FIRST_AT + 1)
/* Drivers end an invocation that goes through loops for longer. */
#define MOST_LOOPS 60000u

G_STATIC_ASSERT (FLAGS_AT < OWL2_ALONG_STEP);

/* A table that is being filled. */
typedef struct {
  Owl2Steps *steps;
  const Owl2Filter *stretch, *shrink;
  guint square; /* its next pixel */
  guint out;    /* the first output that is open */
} Along;

/* The last pixel of a row of the stretch, and one more. Of five taps one is a
 * zero at an end, since the filter is four wide. */
static guint
stretch_end (const Along *a, guint out)
{
  const guint32 *row = owl2_filter_row (a->stretch, out);

  return owl2_filter_end (a->stretch, out)
         - (row[1] == TAPS + 1 && row[OWL2_FILTER_HEAD + TAPS] == 0 ? 1 : 0);
}

static guint32
weight_of (const Owl2Filter *filter, guint out, guint at)
{
  const guint32 *row = owl2_filter_row (filter, out);

  return at >= row[0] && at < row[0] + row[1]
             ? row[OWL2_FILTER_HEAD + at - row[0]]
             : 0;
}

static guint32 *
add_step (Along *a)
{
  guint32 *step = a->steps->table + (gsize) a->steps->n++ * OWL2_ALONG_STEP;

  step[FIRST_AT] = a->out;
  return step;
}

/* The first open output may be done with the pixels before the next. */
static void
end_output (Along *a, guint32 *step)
{
  if (a->out < a->shrink->out
      && owl2_filter_end (a->shrink, a->out) <= a->square) {
    step[FLAGS_AT] |= OWL2_ALONG_DONE;
    a->out++;
  }
}

/* The next pixel of the square, from pixels up to @x of the picture. FALSE if
 * there is no room for all that it belongs to. */
static gboolean
add_square_pixel (Along *a, guint x)
{
  const guint32 *row = owl2_filter_row (a->stretch, a->square);
  guint next = a->out + OWL2_RESIZE_OPEN;
  guint32 *step = add_step (a);

  guint end = stretch_end (a, a->square) - row[0], first = 0;

  if (end == TAPS + 1 && row[OWL2_FILTER_HEAD] == 0)
    first = 1;
  if (end - first > TAPS
      || (next < a->shrink->out
          && owl2_filter_row (a->shrink, next)[0] <= a->square))
    return FALSE;
  for (guint t = first; t < end; t++)
    step[TAPS - end + t] = row[OWL2_FILTER_HEAD + t];
  for (guint k = 0; k < OWL2_RESIZE_OPEN && a->out + k < a->shrink->out; k++)
    step[WEIGHTS_AT + k] = weight_of (a->shrink, a->out + k, a->square);
  a->square++;
  end_output (a, step);
  return TRUE;
}

/* All that needs pixel @x of the picture and none further right. */
static gboolean
add_pixel (Along *a, guint x)
{
  guint32 *step;

  if (a->square == a->stretch->out || stretch_end (a, a->square) > x + 1)
    add_step (a);
  while (a->square < a->stretch->out && stretch_end (a, a->square) <= x + 1)
    if (!add_square_pixel (a, x))
      return FALSE;
  /* The square's edge ends several outputs. */
  while (a->out < a->shrink->out && a->square == a->stretch->out)
    end_output (a, add_step (a));
  step = a->steps->table + (gsize) (a->steps->n - 1) * OWL2_ALONG_STEP;
  step[FLAGS_AT] |= OWL2_ALONG_LAST;
  return TRUE;
}

Owl2Steps *
owl2_along_new (
    const Owl2Filter *stretch, const Owl2Filter *shrink, GError **error)
{
  guint groups = (stretch->in + 3) / 4;
  /* Each pixel of the square, of the picture, and each output. */
  gsize most = (gsize) stretch->out + 4 * groups + shrink->out;
  Along a = { NULL, stretch, shrink, 0, 0 };

  if (stretch->in > stretch->out
      || most + 5 * groups + shrink->out > MOST_LOOPS)
    return NULL;
  a.steps = g_new0 (Owl2Steps, 1);
  a.steps->table = g_try_new0 (guint32, most * OWL2_ALONG_STEP);
  if (!a.steps->table) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_NO_MEMORY,
        "no memory for the steps that resize %u pixels to %u and %u",
        stretch->in, stretch->out, shrink->out);
    owl2_steps_free (a.steps);
    return NULL;
  }
  for (guint x = 0; x < 4 * groups; x++)
    if (!add_pixel (&a, x)) {
      owl2_steps_free (a.steps);
      return NULL;
    }
  a.steps->n_words = (gsize) a.steps->n * OWL2_ALONG_STEP;
  return a.steps;
}

gboolean
owl2_can_resize_along (OvkCmd *cmd)
{
  const OvkCaps *caps = ovk_device_caps (ovk_cmd_device (cmd));

  return owl2_caps_have (caps, OWL2_CAP_LANES | OWL2_CAP_FAST_SHUFFLE)
         && OWL2_ALONG_STEP % caps->subgroup_size == 0;
}

void
owl2_op_resize_along (OvkCmd *cmd, const Owl2ResizeAlong *p)
{
  guint lanes = ovk_device_caps (ovk_cmd_device (cmd))->subgroup_size;
  guint tile = lanes * OWL2_ALONG_ROWS;
  gsize src_bytes = p->rows * p->src_stride;
  gsize dst_bytes = (gsize) p->rows * p->cols * 4;
  gsize step_bytes = (gsize) p->n_steps * OWL2_ALONG_STEP * 4;
  guint32 spec[] = { lanes, FALSE };

  g_return_if_fail (owl2_can_resize_along (cmd));
  g_return_if_fail (p->src_stride % 4 == 0 && p->n_steps > 0);
  g_return_if_fail (p->src_stride >= (gsize) p->src_cols * 3);
  g_return_if_fail (p->src.size >= src_bytes && p->dst.size >= dst_bytes);
  g_return_if_fail (p->steps.size >= step_bytes);

  if (!owl2_piece_fits (cmd, "resize", "the source", src_bytes)
      || !owl2_piece_fits (cmd, "resize", "the steps", step_bytes)
      || !owl2_piece_fits (cmd, "resize", "the result", dst_bytes))
    return;

  owl2_explain (cmd, OWL2_OP_RESIZE_ALONG);

  Owl2Operand operands[] = {
    owl2_operand_bytes (cmd, p->src, 0, src_bytes, OVK_READ),
    owl2_operand_bytes (cmd, p->steps, 0, step_bytes, OVK_READ),
    owl2_operand_bytes (cmd, p->dst, 0, dst_bytes, OVK_WRITE),
  };
  struct owl2_pc_resize_along pc = {
    .cols = p->cols,
    .rows = p->rows,
    .groups = (p->src_cols + 3) / 4,
    .s_offset = operands[0].offset / 4,
    .s_stride = (guint32) (p->src_stride / 4),
    .t_offset = operands[1].offset / 4,
    .d_offset = operands[2].offset / 4,
  };

  owl2_record (cmd, &owl2_shader_resize_along, spec, G_N_ELEMENTS (spec),
      operands, &pc, (p->rows + tile - 1) / tile);
}
