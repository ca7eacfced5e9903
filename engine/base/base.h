/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What every layer of the engine shares: the error domain and the log. */
#ifndef OWL2_BASE_H
#define OWL2_BASE_H

#include <glib.h>

G_BEGIN_DECLS

/**
 * OWL2_ERROR:
 *
 * The error domain of the engine. Messages name the file, tensor or limit and
 * the numbers, and can be shown to a user by owl2_printable_message(): names
 * and text of files are in them as they are.
 */
#define OWL2_ERROR (owl2_error_quark ())
GQuark owl2_error_quark (void);

/**
 * Owl2Error:
 * @OWL2_ERROR_NO_DEVICE: no Vulkan device, or none of the name asked for
 * @OWL2_ERROR_UNSUPPORTED: the device, or this program, lacks what is needed
 * @OWL2_ERROR_BAD_FILE: a file is damaged, or not what it should be
 * @OWL2_ERROR_BAD_REQUEST: the request can't be met: prompt longer than the
 *   context, image places that do not fit the frames, numbers out of range
 * @OWL2_ERROR_NO_MEMORY: host or device memory ran out
 * @OWL2_ERROR_DEVICE_LOST: the device is gone; only freeing is allowed
 * @OWL2_ERROR_CANCELLED: cancelled by the caller
 * @OWL2_ERROR_FAILED: anything else
 */
typedef enum {
  OWL2_ERROR_NO_DEVICE,
  OWL2_ERROR_UNSUPPORTED,
  OWL2_ERROR_BAD_FILE,
  OWL2_ERROR_BAD_REQUEST,
  OWL2_ERROR_NO_MEMORY,
  OWL2_ERROR_DEVICE_LOST,
  OWL2_ERROR_CANCELLED,
  OWL2_ERROR_FAILED,
} Owl2Error;

/* Sets BAD_REQUEST with a message, and returns FALSE. @error: (nullable) */
gboolean owl2_refuse (GError **error, const char *format, ...)
    G_GNUC_PRINTF (2, 3);

/**
 * Owl2LogLevel:
 * @OWL2_LOG_ERROR: something asked for is lost
 * @OWL2_LOG_WARNING: works, but worse than expected
 * @OWL2_LOG_INFO: once per change of state
 * @OWL2_LOG_DEBUG: once per clip
 * @OWL2_LOG_LOG: once per frame or token
 * @OWL2_LOG_TRACE: once per dispatch
 */
typedef enum {
  OWL2_LOG_ERROR = 1,
  OWL2_LOG_WARNING,
  OWL2_LOG_INFO,
  OWL2_LOG_DEBUG,
  OWL2_LOG_LOG,
  OWL2_LOG_TRACE,
} Owl2LogLevel;

/**
 * Owl2LogFunc:
 * @area: a short constant word: "vk", "file", "model", "text", "engine"
 * @message: one message, without newline at its end, valid during the call; to
 *   be shown by owl2_printable_message()
 *
 * May be called from any thread that is inside an engine call.
 */
typedef void (*Owl2LogFunc) (Owl2LogLevel level, const char *area,
    const char *message, gpointer user_data);

/**
 * Owl2Log:
 * @func: (nullable): receives the messages; NULL is silent
 * @user_data: handed to @func
 * @level: messages above this level are not even formatted
 */
typedef struct {
  Owl2LogFunc func;
  gpointer user_data;
  Owl2LogLevel level;
} Owl2Log;

/* Formats and hands on one message; @log may be NULL. Any thread. */
void owl2_log (const Owl2Log *log, Owl2LogLevel level, const char *area,
    const char *format, ...) G_GNUC_PRINTF (4, 5);

G_END_DECLS

#endif
