/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef OWL2_TUNED_H
#define OWL2_TUNED_H

#include "ovk.h"

G_BEGIN_DECLS

/* (transfer full): where the tuning of a device lies. */
char *owl2_tuned_path (const OvkCaps *caps, const char *cache_dir);
/* Settles, once in the process, how kernels are preferred on a device: as its
 * file in @cache_dir (nullable: there is none) says. One that can't be used is
 * a warning in @log, and all is as without it. */
void owl2_tuned_load (
    OvkDevice *dev, const char *cache_dir, const Owl2Log *log);

G_END_DECLS

#endif
