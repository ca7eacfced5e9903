/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the tests of the Vulkan layer share. */
#ifndef VK_TEST_COMMON_H
#define VK_TEST_COMMON_H

#include "ovk_cmd.h"
#include "ovk_physical.h"

/**
 * VkMode: a device, and one of the two ways into its memory.
 * @device: index, as OvkDeviceParams has it
 * @staging: as if the host could not map the device's memory
 */
typedef struct {
  char device[12];
  gboolean staging;
} VkMode;

/* Registers @func as a test of each mode of each usable device. */
void vk_test_add (const char *path, void (*func) (const VkMode *mode));
/* The same, for tests to which the way into memory makes no difference. */
void vk_test_add_once (const char *path, void (*func) (const VkMode *mode));
/* Initializes GLib's tests, calls @add, and runs; 77 without a device. */
int vk_test_main (int argc, char **argv, void (*add) (void));

/* Opens the device of @mode; it has to work. */
OvkDevice *vk_test_open (const VkMode *mode);
/* The log of all devices that vk_test_open() opens. */
const Owl2Log *vk_test_log (void);
/* Warnings and errors logged since the last call, other than the next ones. */
guint vk_test_take_warnings (void);
/* Warnings that the device computes on the CPU, likewise. */
guint vk_test_take_cpu_warnings (void);
#define VK_TEST_CPU_WARNING "computes on the CPU, not on a GPU"
char *vk_test_last_warning (void);

/* The seed printed by GLib decides all random numbers. */
guint vk_random (guint below);
OvkSlice vk_slice (OvkSlice slice, gsize offset, gsize size);
OvkSlice vk_alloc (OvkArena *arena, gsize size_bytes);
OvkArena *vk_arena (OvkDevice *dev, gsize block_bytes);
OvkCmd *vk_cmd (OvkDevice *dev);

/* mix.comp; see there. */
extern const OvkShader vk_shader_mix;
typedef struct {
  guint32 workgroup, mul, rounds;
} VkMixSpec;
/* One dispatch over @n words; the slices are cut to that. */
void vk_mix (OvkCmd *cmd, const VkMixSpec *spec, OvkSlice a, OvkSlice b,
    OvkSlice out, OvkSlice io, guint n, guint32 add);
/* What it computes, on the host. */
void vk_mix_host (const VkMixSpec *spec, const guint32 *a, const guint32 *b,
    guint32 *out, guint32 *io, guint n, guint32 add);

#define vk_assert_ok(ok, error)                                                \
  G_STMT_START                                                                 \
  {                                                                            \
    gboolean ok_ = (ok);                                                       \
    g_assert_no_error (error);                                                 \
    g_assert_true (ok_);                                                       \
  }                                                                            \
  G_STMT_END

/* The call failed with @code and a text that has @part. */
#define vk_assert_error(ok, error, code, part)                                 \
  G_STMT_START                                                                 \
  {                                                                            \
    gboolean ok_ = (ok);                                                       \
    g_assert_error (error, OWL2_ERROR, code);                                  \
    g_assert_false (ok_);                                                      \
    g_test_message ("%s", (error)->message);                                   \
    g_assert_nonnull (strstr ((error)->message, part));                        \
    g_clear_error (&(error));                                                  \
  }                                                                            \
  G_STMT_END

#endif
