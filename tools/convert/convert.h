/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From a published checkpoint directory to one GGUF file. */
#ifndef OWL2_CONVERT_H
#define OWL2_CONVERT_H

#include "base.h"
#include "picture.h"
#include "types.h"

G_BEGIN_DECLS

/**
 * ConvertProgress:
 * @done, @total: bytes read, of all that are to be read (some twice)
 * @tensor: being worked on
 */
typedef void (*ConvertProgress) (
    guint64 done, guint64 total, const char *tensor, gpointer user_data);

/**
 * ConvertOptions:
 * @dir, @out: UTF-8 or not, as the file system has them
 * @type: of the matrices; see convert_type_supported()
 * @adapters: (nullable) (array zero-terminated=1): folders of LoRA adapters
 * that are merged, in this order
 * @image_mode: (nullable): AUTO leaves it open; NULL: as the checkpoint says
 * @recipe: (nullable): "": none; NULL: as the checkpoint says
 * @n_threads: that read and encode; 0: one a core. The file is the same.
 * @stop: (nullable): the conversion ends with CANCELLED soon after it is set,
 *   by a signal handler for example
 * @log: (nullable): warnings, and notes at OWL2_LOG_INFO
 * @progress: (nullable)
 */
typedef struct {
  const char *dir, *out;
  Owl2Type type;
  const char *const *adapters;
  const Owl2ImageMode *image_mode;
  const char *recipe;
  guint n_threads;
  const volatile int *stop;
  const Owl2Log *log;
  ConvertProgress progress;
  gpointer user_data;
} ConvertOptions;

typedef struct {
  guint n_tensors, n_f32; /* all; those that are F32 */
  guint64 n_parameters, n_bytes_read;
} ConvertSummary;

gboolean convert_type_supported (Owl2Type type);

/* Memory stays within a few megabytes a thread, whatever the checkpoint's size.
 * @out appears only when it is complete, and when no file of the checkpoint has
 * changed meanwhile. */
gboolean convert_run (
    const ConvertOptions *options, ConvertSummary *summary, GError **error);

G_END_DECLS

#endif
