/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Many 16-bit floats at once: loops without a branch, which compilers turn
 * into vector code. Value for value what half.h gives. Bytes may lie at any
 * address. */
#ifndef OWL2_HALVES_H
#define OWL2_HALVES_H

#include <glib.h>

G_BEGIN_DECLS

void halves_from_f16 (const guint8 *in, gsize n, float *out);
void halves_from_bf16 (const guint8 *in, gsize n, float *out);
void halves_to_f16 (const float *in, gsize n, guint8 *out);

/* How many of @in are infinite or no numbers. */
gsize halves_count_not_finite (const guint8 *in_f16, gsize n);
gsize floats_count_not_finite (const float *in, gsize n);
/* How many become infinite as f16, or are; sets @largest (absolute, no NaN) if
 * there are any. */
gsize floats_count_beyond_f16 (const float *in, gsize n, float *largest);

G_END_DECLS

#endif
