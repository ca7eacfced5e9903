/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the compiler for a GPU says of the engine's pipelines, on a device that
 * is none: nothing runs there. */
#ifndef GPU_REPORT_H
#define GPU_REPORT_H

#include "kernels.h"
#include "ovk_pipelines.h"

G_BEGIN_DECLS

/* ---- null_device.c: a device that compiles ---------------------------- */

/* What RADV tells of a pipeline. */
typedef struct {
  guint64 instructions, code_bytes;
  guint64 vgprs, sgprs;
  guint64 spilled; /* registers of either kind, and bytes of scratch */
  guint64 lds_bytes;
  guint64 waves;      /* that fit a SIMD at once */
  guint64 latency;    /* cycles of a wave, loops taken 8 times, inner 4 */
  guint64 throughput; /* cycles for each wave of many that overlap */
} Stats;

typedef struct _NullDevice NullDevice;

/* NULL with NO_DEVICE where there is no such driver. One that doesn't know
 * @family ends the process. */
NullDevice *null_device_new (const char *family, GError **error);
void null_device_free (NullDevice *dev);
const OvkCaps *null_device_caps (const NullDevice *dev);
gboolean null_device_compile (
    NullDevice *dev, const OvkPipeline *key, Stats *stats, GError **error);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (NullDevice, null_device_free)

/* ---- production.c: the pipelines that the engine would make ----------- */

/* A pipeline, and the first work that wants it. */
typedef struct {
  const Owl2Kernel *kernel;
  OvkPipeline key;
  Owl2Family family;
  Owl2Type type;
  guint rows, n, k; /* of attention: queries, 0, width of a head */
  gboolean preferred;
  Owl2Tile tile;
} Production;

/* (transfer full): GArray of Production, in the order of the tables: all that
 * the kernels which a device with @caps can do need for the full model.
 * @recorder: any device; it takes on those caps, and makes nothing. */
GArray *production_list (
    OvkDevice *recorder, const OvkCaps *caps, GError **error);

G_END_DECLS

#endif
