/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Recordings, as those that record into them see them. */
#ifndef OVK_CMD_H
#define OVK_CMD_H

#include "ovk_device.h"
#include "ovk_hazards.h"
#include "ovk_timer.h"

G_BEGIN_DECLS

struct _OvkCmd {
  OvkDevice *dev;
  gboolean holds_ref;
  char *name;
  GError *error;           /* first of recording */
  OvkPipelineSet *collect; /* (nullable) borrowed: nothing is recorded */
  guint64 what[OVK_MAX_WHAT / 8]; /* the first @what_bytes */
  gsize what_bytes;
  gboolean trusted; /* its pipelines are not verified */
  gboolean recording;
  gboolean keep;       /* wanted of recordings that begin */
  gboolean kept;       /* this one is to stay */
  gboolean repeatable; /* it was submitted, and stays */
  gboolean staged;     /* holds bytes of the staging buffer */
  gboolean host_reads; /* it writes what the host sees */
  guint64 pending;     /* timeline value in flight; 0: none */
  guint64 ticket;      /* of the newest submission */
  double work;         /* floating point operations of the recording */
  double most_work;    /* of one dispatch; 0: any */
  OvkPauseFunc pause;  /* (nullable) */
  gpointer pause_data;

  VkCommandPool pool;
  GArray *buffers;  /* VkCommandBuffer, all of @pool */
  guint n_buffers;  /* of them in use; the last is recorded */
  guint n_commands; /* in the last one */
  guint n_cut;      /* buffers that were submitted before the rest */

  OvkHazards hazards;
  OvkTouched touched; /* since the recording began */

  GArray *pools; /* VkDescriptorPool, filled one after another */
  guint n_sets;  /* descriptor sets of the recording */
  OvkPipeline *bound;
  const char *label;   /* (nullable) */
  gboolean label_open; /* a debug label region is */

  gboolean timed; /* this recording is */
  OvkTimer timer;
};

/* A cmd that the device owns itself holds no reference on it. */
OvkCmd *ovk_cmd_new_internal (
    OvkDevice *dev, const char *name, gboolean holds_ref, GError **error);
/* Records a dispatch of no workgroup, with @slice for all bindings. */
void ovk_cmd_start_pipeline (
    OvkCmd *cmd, OvkPipeline *pipeline, OvkSlice slice);
/* Counts @buffer among those that the recording uses. */
void ovk_cmd_touch (OvkCmd *cmd, OvkBuffer *buffer);
/* ovk_cmd_copy for any size and offset. */
void ovk_cmd_copy_bytes (OvkCmd *cmd, OvkSlice dst, OvkSlice src);
/* The command buffer for the next command, which timings are to name @what;
 * NULL: it is not timed. NULL after an error. */
VkCommandBuffer ovk_cmd_next (OvkCmd *cmd, const char *what);
/* The command timed so far ends, and one named @what (nullable: none) begins.
 */
void ovk_cmd_time (OvkCmd *cmd, VkCommandBuffer buffer, const char *what);
void ovk_cmd_fail_text (OvkCmd *cmd, const char *format, ...)
    G_GNUC_PRINTF (2, 3);
/* @what failed with @result. */
void ovk_cmd_fail_result (OvkCmd *cmd, VkResult result, const char *what);

G_END_DECLS

#endif
