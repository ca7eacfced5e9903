/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Counts what lives in this process, so that a test can tell that something is
 * lost in each round of what it repeats: resident memory can't tell, it follows
 * the allocator and the compilers of drivers, up and down by tens of MiB.
 *
 * live.c counts blocks of malloc() and their bytes (by the program, GLib,
 * GStreamer and the plugin; not those of drivers, which don't use GLib),
 * threads, open files and mappings of model files. live_vk.c adds Vulkan's
 * objects and the bytes of its memory. Both put functions of theirs before
 * those of the C library and the loader, in programs that are made of them.
 * The environment needs G_SLICE=always-malloc from the start, since GLib would
 * keep blocks that are given back. */
#ifndef OWL2_TESTS_LIVE_H
#define OWL2_TESTS_LIVE_H

#include <glib.h>

#define LIVE_BLOCKS "blocks on the host"
#define LIVE_BYTES "bytes on the host"
#define LIVE_THREADS "threads"
#define LIVE_FILES "open files"
#define LIVE_MAPPINGS "mappings of models"
#define LIVE_VK_OBJECTS "Vulkan objects"
#define LIVE_VK_BYTES "bytes of Vulkan memory"

/* Forgets all samples. */
void live_reset (void);

/* Samples all counts, at the same point of each round, where nothing is under
 * way. What still ends by itself, such as a thread, is waited for up to a
 * second. */
void live_sample (void);

/* Whether the count @name is there: blocks and bytes on the host are not under
 * sanitizers, which have a malloc() of their own. */
gboolean live_has (const char *name);

/* Returns when no thread's name begins with @name, or after a minute. */
void live_wait_threads (const char *name);
/* live_vk.c: returns when there is no instance but the one of the first look at
 * the devices, which stays, or after a minute. */
void live_wait_vk_instances (void);

/* How much the count @name grows by in a round: the median of the slopes of all
 * pairs of samples, which steps and single samples don't move. */
double live_slope (const char *name);

/* Whether one or more of it is lost in each round. For the bytes on the host,
 * which strings and tables of varying length move, one is @block_bytes. Says
 * the slope and the first and last samples. */
gboolean live_grows (const char *name, gsize block_bytes);

/* Fails the test if any count grows. */
void live_assert_steady (gsize block_bytes);

/* The next free() of a block of @least to @most bytes does nothing. */
void live_lose_block (gsize least, gsize most);
/* How many were lost so. */
guint live_n_lost (void);

/* Blocks that were asked for since the first call, in a program that takes no
 * samples; 0 where blocks are not counted. */
guint64 live_n_asked (void);

/* The next vkFreeMemory() is not counted. */
void live_lose_vk_memory (void);

/* live.c's side of live_vk.c. @count is called at any time from then on. */
void live_add (const char *name, gint64 (*count) (void));

#endif
