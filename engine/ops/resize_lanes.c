/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Both passes to a square's shrink in width at once, for drivers that run on a
 * CPU: what is between them is in no memory. */
#include "kernels.h"
#include "operand.h"

#define STEP_PIXELS 4u
#define FIRST_AT (STEP_PIXELS * OWL2_RESIZE_OPEN)
#define DONE_AT (FIRST_AT + 1)
#define PLACE_AT (FIRST_AT + 2)
#define OUTSIDE_AT (FIRST_AT + 3)
/* Of windows, in subgroups. */
#define MOST_WINDOWS 2u

G_STATIC_ASSERT (OUTSIDE_AT < OWL2_RESIZE_STEP);

guint
owl2_filter_window (const Owl2Filter *filter, guint rows)
{
  guint window = 0;

  for (guint i = 0; i < filter->out; i += rows) {
    guint last = MIN (i + rows, filter->out) - 1;

    window = MAX (window,
        owl2_filter_end (filter, last) - owl2_filter_row (filter, i)[0]);
  }
  return window;
}

/* Weights of pixels x .. for outputs @out ..; FALSE if there is another output
 * that wants one. */
static gboolean
fill_step (guint32 *step, const Owl2Filter *filter, guint x, guint out)
{
  guint next = out + OWL2_RESIZE_OPEN;
  const guint32 *row;

  for (guint k = 0; k < OWL2_RESIZE_OPEN && out + k < filter->out; k++) {
    row = owl2_filter_row (filter, out + k);
    for (guint p = 0; p < STEP_PIXELS; p++)
      if (x + p >= row[0] && x + p < row[0] + row[1])
        step[k * STEP_PIXELS + p] = row[OWL2_FILTER_HEAD + x + p - row[0]];
  }
  if (next >= filter->out)
    return TRUE;
  row = owl2_filter_row (filter, next);
  return row[1] == 0 || row[0] >= x + STEP_PIXELS;
}

/* The next step, without weights. */
static guint32 *
add_step (Owl2Steps *steps, guint x, guint out)
{
  guint32 *step = steps->table + (gsize) steps->n++ * OWL2_RESIZE_STEP;

  step[FIRST_AT] = out;
  step[PLACE_AT] = x / STEP_PIXELS;
  return step;
}

static void
end_output (guint32 *step, const Owl2Filter *filter, guint out)
{
  step[DONE_AT] = TRUE;
  step[OUTSIDE_AT] = owl2_filter_row (filter, out)[2];
}

/* All steps; FALSE if there is no room in one. */
static gboolean
add_steps (Owl2Steps *steps, const Owl2Filter *filter)
{
  guint last = owl2_filter_end (filter, filter->out - 1);
  guint x = owl2_filter_row (filter, 0)[0] / STEP_PIXELS * STEP_PIXELS;
  guint out = 0;

  /* What lies over nothing that is there ends at once. */
  for (; out < filter->out && owl2_filter_row (filter, out)[1] == 0; out++)
    end_output (add_step (steps, x, out), filter, out);
  for (; x < last; x += STEP_PIXELS) {
    guint32 *step = add_step (steps, x, out);

    if (!fill_step (step, filter, x, out))
      return FALSE;
    while (
        out < filter->out && owl2_filter_end (filter, out) <= x + STEP_PIXELS) {
      end_output (step, filter, out++);
      if (out == filter->out || owl2_filter_end (filter, out) > x + STEP_PIXELS)
        break;
      /* Only to end the next one, too. */
      step = add_step (steps, x, out);
    }
  }
  return TRUE;
}

Owl2Steps *
owl2_steps_new (const Owl2Filter *filter, GError **error)
{
  /* Each step but the last of a place ends an output. */
  gsize most = (filter->in + STEP_PIXELS - 1) / STEP_PIXELS + filter->out;
  Owl2Steps *steps = g_new0 (Owl2Steps, 1);

  steps->table = g_try_new0 (guint32, most * OWL2_RESIZE_STEP);
  if (!steps->table) {
    g_set_error (error, OWL2_ERROR, OWL2_ERROR_NO_MEMORY,
        "no memory for the steps that resize %u pixels to %u", filter->in,
        filter->out);
    owl2_steps_free (steps);
    return NULL;
  }
  if (!add_steps (steps, filter)) {
    owl2_steps_free (steps);
    return NULL;
  }
  steps->n_words = (gsize) steps->n * OWL2_RESIZE_STEP;
  return steps;
}

void
owl2_steps_free (Owl2Steps *steps)
{
  if (!steps)
    return;
  g_free (steps->table);
  g_free (steps);
}

gboolean
owl2_can_resize_lanes (OvkCmd *cmd, guint window)
{
  guint lanes = ovk_device_caps (ovk_cmd_device (cmd))->subgroup_size;

  return owl2_caps_have (ovk_device_caps (ovk_cmd_device (cmd)),
             OWL2_CAP_LANES | OWL2_CAP_FAST_SHUFFLE)
         && OWL2_RESIZE_STEP % lanes == 0 && window <= MOST_WINDOWS * lanes;
}

void
owl2_op_resize_lanes (OvkCmd *cmd, const Owl2ResizeLanes *p)
{
  guint lanes = ovk_device_caps (ovk_cmd_device (cmd))->subgroup_size;
  gsize src_bytes = p->src_rows * p->src_stride;
  gsize dst_bytes = (gsize) p->rows * p->cols * 4;
  gsize step_bytes = (gsize) p->n_steps * OWL2_RESIZE_STEP * 4;
  gboolean stretch = p->filter.buffer != NULL;
  gsize filter_bytes =
      stretch ? (gsize) p->rows * (OWL2_FILTER_HEAD + p->taps) * 4 : 0;
  guint32 spec[] = { lanes, FALSE, 0, p->down };

  g_return_if_fail (owl2_can_resize_lanes (cmd, p->window));
  g_return_if_fail (p->src_stride % 4 == 0 && p->n_steps > 0);
  g_return_if_fail (p->src.size >= src_bytes && p->dst.size >= dst_bytes);
  g_return_if_fail (p->steps.size >= step_bytes);
  g_return_if_fail (stretch ? p->filter.size >= filter_bytes && p->window > 0
                            : p->down || p->src_rows == p->rows);
  g_return_if_fail (!p->down || p->rows * (gsize) 4 <= p->src_stride);
  spec[OWL2_SC_RESIZE_WINDOW] = stretch ? (p->window + lanes - 1) / lanes : 0;

  owl2_explain (cmd, OWL2_OP_RESIZE_LANES, .flag = p->down, .other = stretch);
  if (!owl2_piece_fits (cmd, "resize", "the source", src_bytes)
      || !owl2_piece_fits (cmd, "resize", "the filter", filter_bytes)
      || !owl2_piece_fits (cmd, "resize", "the steps", step_bytes)
      || !owl2_piece_fits (cmd, "resize", "the result", dst_bytes))
    return;

  Owl2Operand operands[] = {
    owl2_operand_bytes (cmd, p->src, 0, src_bytes, OVK_READ),
    owl2_operand_bytes (cmd, stretch ? p->filter : p->steps, 0,
        stretch ? filter_bytes : step_bytes, OVK_READ),
    owl2_operand_bytes (cmd, p->steps, 0, step_bytes, OVK_READ),
    owl2_operand_bytes (cmd, p->dst, 0, dst_bytes, OVK_WRITE),
  };
  struct owl2_pc_resize_lanes pc = {
    .cols = p->cols,
    .rows = p->rows,
    .src_rows = p->src_rows,
    .n_steps = p->n_steps,
    .taps = p->taps,
    .s_offset = operands[0].offset / 4,
    .s_stride = (guint32) (p->src_stride / 4),
    .f_offset = operands[1].offset / 4,
    .t_offset = operands[2].offset / 4,
    .d_offset = operands[3].offset / 4,
  };

  owl2_record (cmd, &owl2_shader_resize_lanes, spec, G_N_ELEMENTS (spec),
      operands, &pc, (p->rows + lanes - 1) / lanes);
}
