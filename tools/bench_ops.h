/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What each operation of a stage took and did, beside what the device can. */
#ifndef OWL2_BENCH_OPS_H
#define OWL2_BENCH_OPS_H

#include "bench_rates.h"

G_BEGIN_DECLS

/* What a stage's commands took in all, as far as the device has timestamps. */
double bench_ops_ns (const GArray *timings);

/**
 * bench_ops_print: prints a line for each kind of command, that which took most
 * first, and one for all of them:
 *
 * {"op": shader or transfer, "of": @stage, "label": .., "n": .., "k": shape of
 * the weights, "commands": .., "ms": .., "share": of the stage's time, "bytes":
 * .., "weight_bytes": .., "flops": .., "bound_ms": what the device would take
 * that did one thing at its best, "distance": bound over time}
 *
 * without "ms", "share" and "distance" where there are no timestamps.
 * @timings: of OvkTiming, of which those of @stage are printed, as their labels
 *   say: "prefill ..", "decode ..", and others of the encode
 * @stage: "encode", "prefill" or "decode"
 * @repeats: times that the stage was run; all is given for one
 */
void bench_ops_print (const GArray *timings, const char *stage,
    guint repeats, const BenchRates *rates, BenchPrint print);

/* Prints such a line as a row of a table, which begins with a head where
 * another stage does. */
void bench_ops_print_row (json_t *op);

G_END_DECLS

#endif
