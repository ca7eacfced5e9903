/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The models of the process, and the loads under way. It knows of a model only
 * what is declared here, so the tests of it have models without a device. */
#ifndef OWL2_REGISTRY_H
#define OWL2_REGISTRY_H

#include "owl2.h"

G_BEGIN_DECLS

/* ---- made by the engine ------------------------------------------------ */

/* (transfer full): what a model is known by: those who open the same file, on
 * the same device, in the same way have equal keys. Errors: there is no such
 * file or device. Any thread. */
char *owl2_model_key (const Owl2ModelParams *params, GError **error);
/* FALSE with what a load would fail with, as far as can be told without the
 * device and the weights. Any thread. */
gboolean owl2_model_check (const Owl2ModelParams *params, GError **error);
/* FALSE if the last reference is gone, and the model about to be, or if its
 * device is gone: then somebody new needs another one. */
gboolean owl2_model_try_ref (Owl2Model *model);

/* ---- made by the registry ---------------------------------------------- */

/* Called where the last reference is gone, before the model is freed. */
void owl2_registry_forget (Owl2Model *model);
/* Returns when no load is under way. Those that nobody waits for are cancelled
 * anyway. */
void owl2_registry_drain (void);

G_END_DECLS

#endif
