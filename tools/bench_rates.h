/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a device can do, measured by kernels that do one thing only. */
#ifndef OWL2_BENCH_RATES_H
#define OWL2_BENCH_RATES_H

#include "bench_kernels.h"

G_BEGIN_DECLS

/* Per nanosecond. */
typedef struct {
  double bytes; /* read and written by a copy, too large for any cache */
  double flops; /* of chains of multiply-adds in F32 */
} BenchRates;

/* Measures each and prints it: {"rate": "copy", "gbytes_per_s": ..}. Errors:
 * NO_MEMORY, DEVICE_LOST. */
gboolean bench_rates (
    OvkDevice *dev, BenchRates *rates, BenchPrint print, GError **error);

/* Nanoseconds on a clock for what is compared by turns: of a device in software
 * that which stands while others have the processors, so that a kernel that has
 * not all of them to itself is no slower; of others the time. */
double bench_now_ns (OvkDevice *dev);

/**
 * BenchSide: what is compared by turns with others, on the clock of
 * bench_now_ns().
 * @record: records one run of it into the command that is given then
 * @n: runs of a sample
 * @best_ns: of one run, the least of all samples so far
 */
typedef struct {
  void (*record) (gpointer user_data);
  gpointer user_data;
  guint n;
  double best_ns;
} BenchSide;

/* Compiles it, and finds how many runs make a sample of @sample_ns; or there
 * are many. */
gboolean bench_side_prepare (
    BenchSide *side, OvkCmd *cmd, double sample_ns, GError **error);
/* Nanoseconds of one sample; negative after an error. */
double bench_side_sample (BenchSide *side, OvkCmd *cmd, GError **error);

/**
 * bench_time: wall time of one run of what @record puts into @cmd, the best of
 * a few: several are recorded into one submission, so that its fixed cost does
 * not count.
 */
gboolean bench_time (OvkCmd *cmd, void (*record) (gpointer user_data),
    gpointer user_data, double *ns, GError **error);

G_END_DECLS

#endif
