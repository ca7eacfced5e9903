/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Vulkan compute, and nothing about models: devices, buffers, pipelines,
 * commands. Everything above this folder includes only this header.
 *
 * Threads: a device, its pipelines and its arenas may be used from any thread.
 * An OvkCmd belongs to one thread at a time. Nothing here blocks, except where
 * it says so; every wait has a time limit. */
#ifndef OVK_H
#define OVK_H

#include <glib.h>
#include <vulkan/vulkan_core.h>
#include "base.h"
#include "foreign.h"

G_BEGIN_DECLS

typedef struct _OvkDevice OvkDevice;
typedef struct _OvkArena OvkArena;
typedef struct _OvkBuffer OvkBuffer;
typedef struct _OvkPipeline OvkPipeline;
typedef struct _OvkCmd OvkCmd;

/* ---- device.c --------------------------------------------------------- */

/**
 * OvkMatrix: the matrices that a subgroup of @subgroup invocations multiplies
 * as one operation, VK_KHR_cooperative_matrix: [m][k] halves by [k][n] halves,
 * added to [m][n] F32. Powers of two; zeros: it can't.
 */
typedef struct {
  guint m, n, k, subgroup;
} OvkMatrix;
/* Subgroups that a workgroup which uses them may count on. */
#define OVK_MATRIX_SUBGROUPS 4

/**
 * OvkCaps: what the device has, read once when it is opened. A test may open a
 * device with some of it switched off (see OvkDeviceParams).
 * @subgroup_size: invocations per subgroup in compute, 4 to 128
 * @subgroup_ballot: subgroupBroadcast() works in compute shaders
 * @subgroup_arithmetic: subgroupAdd() and subgroupMax() work there
 * @subgroup_shuffle: subgroupShuffle() works there
 * @fast_shuffle: and costs no more than arithmetic does
 * @texels: a CPU, where shaders can read as texels what a binding covers, see
 *   OvkShader
 * @fast_texels: and that costs less than reading the binding
 * @compiles_late: machine code is made at a pipeline's first dispatch, on the
 *   one thread that the device works on
 * @flushes_halves: halves below the normal range are 0 to it; FALSE until that
 *   was seen
 * @no_matrix: what it says of matrices is of no use
 * @matrix: what it can do with them
 * @unified_memory: device-local memory is mapped by the host too; uploads and
 *   readbacks then skip the staging buffer
 * @max_storage_range: bytes that one binding may cover
 * @storage_align: alignment of a binding's offset, bytes, a power of two
 * @max_shared_bytes: shared memory of one workgroup
 * @max_workgroup: invocations in one workgroup, at least 128
 * @max_groups_x: workgroups in x of one dispatch, at least 65535
 * @timestamp_ns: nanoseconds per timestamp tick; 0: no timestamps
 * @uuid: the driver's name for this device, the same at each start
 * @heap_bytes: size of the largest device-local heap
 * @host_import_align: 0, or the device works on the host's memory and may take
 *   pages of it as they are, see ovk_import_new(): a multiple of how many bytes
 */
typedef struct {
  char name[VK_MAX_PHYSICAL_DEVICE_NAME_SIZE];
  char driver[VK_MAX_DRIVER_NAME_SIZE + VK_MAX_DRIVER_INFO_SIZE + 1];
  VkPhysicalDeviceType type;
  VkDriverId driver_id;
  guint8 uuid[VK_UUID_SIZE];
  guint32 vendor_id, device_id, driver_version, api_version;
  guint8 cache_uuid[VK_UUID_SIZE];
  guint subgroup_size;
  gboolean subgroup_ballot;
  gboolean subgroup_arithmetic;
  gboolean subgroup_shuffle;
  gboolean fast_shuffle;
  gboolean texels;
  gboolean fast_texels;
  gboolean compiles_late;
  gboolean flushes_halves;
  gboolean no_matrix;
  OvkMatrix matrix;
  gboolean unified_memory;
  gsize max_storage_range;
  gsize storage_align;
  gsize max_shared_bytes;
  guint max_workgroup;
  guint max_groups_x;
  guint max_groups_yz;
  gsize max_allocation_bytes;
  double timestamp_ns;
  guint64 heap_bytes;
  gsize host_import_align;
} OvkCaps;

/**
 * OvkDeviceParams:
 * @device: (nullable): UUID as 32 hexadecimal digits, with dashes or without,
 *   else index in decimal in the loader's order, else part of the name in any
 *   case. NULL takes the best, as does what fits several: discrete before
 *   integrated, virtual and CPU; of one kind the one with the larger heap, of
 *   drivers for the CPU, whose memory is the host's, the faster; then in the
 *   loader's order
 * @cache_dir: (nullable): folder of the pipeline cache, made if missing; NULL
 *   keeps the cache in memory only
 * @shaders_hash: of the code of all shaders that there are: a cache on disk of
 *   others is not gone on with
 * @log: (nullable): copied; its function may be called as long as the device
 *   lives, which is longer than the last reference outside, see
 *   ovk_compiler_free()
 * @no_host_import: report that cap as missing
 * @no_subgroups, @no_unified_memory: likewise, for tests; without subgroups
 *   there are no matrices, without unified memory there is no import of the
 *   host's
 * @max_storage_range: if not 0, a lower limit than the device's, for tests
 */
typedef struct {
  const char *device;
  const char *cache_dir;
  guint64 shaders_hash;
  const Owl2Log *log;
  gboolean no_subgroups;
  gboolean no_unified_memory;
  gboolean no_host_import;
  gsize max_storage_range;
} OvkDeviceParams;

/**
 * ovk_device_new:
 *
 * Needs Vulkan 1.2 with timeline semaphores and a compute queue, no other
 * feature. Errors: NO_DEVICE (the text lists the devices there are),
 * UNSUPPORTED, NO_MEMORY, FAILED. A driver for the CPU is a warning in the log,
 * and so is, once a device, a cache folder that can't be written.
 *
 * Returns: (transfer full): the device; drop it with ovk_device_unref()
 */
OvkDevice *ovk_device_new (const OvkDeviceParams *params, GError **error);
OvkDevice *ovk_device_ref (OvkDevice *dev);
void ovk_device_unref (OvkDevice *dev); /* accepts NULL; the last one waits */
/* FALSE with DEVICE_LOST once the device is gone. Any thread. */
gboolean ovk_device_alive (OvkDevice *dev, GError **error);
const OvkCaps *ovk_device_caps (const OvkDevice *dev);
/* Sets caps.flushes_halves. Before others use @dev. */
void ovk_device_set_flushes_halves (OvkDevice *dev);
const Owl2Log *ovk_device_log (const OvkDevice *dev);
/* Bytes of device memory allocated through @dev at this moment. */
guint64 ovk_device_allocated_bytes (OvkDevice *dev);
/* Bytes still free on the heap that buffers come from: VK_EXT_memory_budget
 * where present, else the heap's size less what @dev has allocated. Devices in
 * software take the host's memory, so there it is what the host has left. */
guint64 ovk_device_free_bytes (OvkDevice *dev);
/* One line a device: "0: name (type, driver, 8192 MiB, UUID ..)", in the
 * loader's order. (transfer full) */
GPtrArray *ovk_device_list (GError **error);
/* (transfer full): the UUID of the device that @device means, as in
 * OvkDeviceParams. Errors: NO_DEVICE, UNSUPPORTED. */
char *ovk_device_find (const char *device, GError **error);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OvkDevice, ovk_device_unref)

/* ---- arena.c, transfer.c ---------------------------------------------- */

/**
 * OvkSlice: bytes of a buffer. @offset is a multiple of caps.storage_align
 * when it comes from an arena; a slice of a slice may start anywhere.
 */
typedef struct {
  OvkBuffer *buffer;  /* borrowed from its arena */
  gsize offset, size; /* bytes */
} OvkSlice;

/**
 * ovk_arena_new: memory whose pieces all die together. It takes blocks of
 * @block_bytes from the device as needed (a piece that is larger gets a block
 * of its own). Contents start as zeros.
 */
OvkArena *ovk_arena_new (OvkDevice *dev, const char *name, gsize block_bytes);
/**
 * ovk_arena_new_results: likewise of memory that the host sees, for what the
 * host reads while the device is at work on something else: storage buffers and
 * destinations of transfers as any other, but slow for the device to read. It
 * is the host's own memory on devices that have theirs apart, and counts there
 * for no device memory. See ovk_slice_peek().
 */
OvkArena *ovk_arena_new_results (
    OvkDevice *dev, const char *name, gsize block_bytes);
/* Takes no memory and only counts what its pieces would: their slices have no
 * buffer. */
OvkArena *ovk_arena_new_counting (OvkDevice *dev);
/* Waits until the device has finished with the memory. Accepts NULL. */
void ovk_arena_free (OvkArena *arena);
/* Errors: NO_MEMORY, with the bytes asked for and those free. */
gboolean ovk_arena_alloc (
    OvkArena *arena, gsize size_bytes, OvkSlice *slice, GError **error);
guint64 ovk_arena_bytes (const OvkArena *arena);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OvkArena, ovk_arena_free)

/* Host to device, and back. Both block until the bytes are there. For uploads
 * of many pieces use an OvkUploader, which overlaps copying and transfer.
 * Errors: NO_MEMORY, DEVICE_LOST. */
gboolean ovk_slice_write (OvkDevice *dev, OvkSlice dst, const void *data,
    gsize size_bytes, GError **error);
gboolean ovk_slice_read (
    OvkDevice *dev, OvkSlice src, void *data, gsize size_bytes, GError **error);

/**
 * ovk_slice_peek: the bytes of a slice of an arena for results, as the device
 * left them with the last command that the caller has waited for; commands
 * under way may be writing other bytes of the same arena. It blocks for
 * nothing. The pointer stays good as long as the arena, but what the device has
 * written since may be seen through it only after another call.
 *
 * Returns: (transfer none): @slice.size bytes; NULL with FAILED if the host
 * does not see this memory, NO_MEMORY
 */
const void *ovk_slice_peek (OvkSlice slice, GError **error);

typedef struct _OvkUploader OvkUploader;
OvkUploader *ovk_uploader_new (OvkDevice *dev, GError **error);
/**
 * ovk_uploader_rows: copies @rows rows of @row_bytes each from @src, which lie
 * @src_stride bytes apart, to @dst, where they lie @dst_stride bytes apart
 * (a multiple of 4). Padding up to @dst_stride is set to zero.
 */
gboolean ovk_uploader_rows (OvkUploader *up, OvkSlice dst, gsize dst_stride,
    const void *src, gsize src_stride, gsize row_bytes, gsize rows,
    GError **error);
/* Bytes [@offset, @offset + @n) of a source, into @dst: memory of the device or
 * on the way there, which is only written, each byte once. */
typedef gboolean (*OvkReadFunc) (
    gsize offset, void *dst, gsize n, gpointer user_data, GError **error);
/* The same of rows that @read brings, during the call; @src_stride counts in
 * its offsets. Errors: those of @read, too. */
gboolean ovk_uploader_read (OvkUploader *up, OvkSlice dst, gsize dst_stride,
    OvkReadFunc read, gpointer user_data, gsize src_stride, gsize row_bytes,
    gsize rows, GError **error);
/* Blocks until all is on the device. */
gboolean ovk_uploader_finish (OvkUploader *up, GError **error);
void ovk_uploader_free (OvkUploader *up);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OvkUploader, ovk_uploader_free)

/* ---- import.c --------------------------------------------------------- */

/**
 * ovk_import_new: lets the device read @size_bytes at @data, which lie in
 * @memory, where they are: for mapped files. Whole pages are taken, @data may
 * start anywhere in one. @memory is held until the device has finished with it,
 * and it is never written: commands that would fail.
 *
 * Drivers may refuse any memory. Errors: UNSUPPORTED, NO_MEMORY (more than
 * caps.max_allocation_bytes, or too many allocations), FAILED, DEVICE_LOST.
 */
typedef struct _OvkImport OvkImport;
OvkImport *ovk_import_new (OvkDevice *dev, const char *name, GBytes *memory,
    const void *data, gsize size_bytes, GError **error);
/* Bytes of the import. They start wherever @data does, so that the offset may
 * be no multiple of caps.storage_align. */
OvkSlice ovk_import_slice (
    const OvkImport *import, const void *data, gsize size_bytes);
/**
 * ovk_import_foreign: lets the device read memory of another one, in foreign.c;
 * nothing is copied. What the other wrote there is seen by commands that are
 * submitted after it is done and follow an ovk_cmd_acquire() in the same
 * recording; it has given the buffer to VK_QUEUE_FAMILY_EXTERNAL.
 * ovk_import_all: its @size_bytes.
 *
 * Errors: UNSUPPORTED (other hardware or driver, or the driver can't), FAILED,
 * NO_MEMORY, DEVICE_LOST.
 */
OvkImport *ovk_import_foreign (OvkDevice *dev, const char *name,
    const Owl2Foreign *foreign, GError **error);
OvkSlice ovk_import_all (const OvkImport *import);
/* Waits until the device has finished with the memory. Accepts NULL. */
void ovk_import_free (OvkImport *import);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OvkImport, ovk_import_free)

/* ---- pipeline.c ------------------------------------------------------- */

/**
 * OvkShader: one compiled shader, a constant of the program. Its resources are
 * storage buffers at set 0, bindings 0 .. n_bindings - 1, and push constants
 * of push_bytes (at most 128); entry point "main". The n_texels bindings that
 * follow, for devices that have them (OvkCaps), are uniform texel buffers of
 * R32G32B32A32_UINT: they show once more what bindings 0, 1, .. start with, and
 * more behind it. @matrix: it multiplies matrices, which the device must be
 * able to do; its subgroups are then whole and of caps.matrix.subgroup
 * invocations.
 */
typedef struct {
  const char *name;
  const guint32 *code; /* SPIR-V words */
  gsize code_bytes;
  guint n_bindings;
  guint n_texels;
  guint push_bytes;
  gboolean matrix;
} OvkShader;

#define OVK_MAX_BINDINGS 8
#define OVK_MAX_TEXELS 2
#define OVK_MAX_SPEC 16

/**
 * ovk_pipeline_get: the pipeline of @shader with specialization constants
 * constant_id 0 .. n_spec - 1 set to @spec; made at first use, kept by the
 * device, found by (shader, spec) afterwards. Any thread; may take
 * milliseconds to seconds at first use.
 */
OvkPipeline *ovk_pipeline_get (OvkDevice *dev, const OvkShader *shader,
    const guint32 *spec, guint n_spec, GError **error);
/* Writes the pipeline cache to disk if it has grown. Never fails loudly. */
void ovk_device_save_cache (OvkDevice *dev);
/**
 * ovk_device_save_beside: writes a file beside the pipeline cache, of its name
 * with @suffix in place of its own: whole or not at all, for this user alone.
 * TRUE without one, too. Errors: FAILED.
 * ovk_device_load_beside: (transfer full) (nullable): what is there, at most
 * 16 MiB; no error if there is nothing. Errors: those of owl2_cache_read().
 */
gboolean ovk_device_save_beside (OvkDevice *dev, const char *suffix,
    const void *data, gsize size, GError **error);
GBytes *ovk_device_load_beside (
    OvkDevice *dev, const char *suffix, GError **error);

/**
 * OvkVerifyFunc: whether @dev computes with a pipeline as it should; asked once
 * for each, before it is first recorded, until it said so. It may record, with
 * a cmd that is trusted, and wait.
 * @what: (nullable): as given to ovk_cmd_explain() for the dispatch
 */
typedef gboolean (*OvkVerifyFunc) (OvkDevice *dev, const OvkShader *shader,
    const guint32 *spec, guint n_spec, const void *what, GError **error);
/* Before others use @dev. Without one, every pipeline is right. */
void ovk_device_set_verifier (OvkDevice *dev, OvkVerifyFunc func);

/* ---- compile.c -------------------------------------------------------- */

/* Pipelines that commands will need, see ovk_cmd_collect(). */
typedef struct _OvkPipelineSet OvkPipelineSet;
OvkPipelineSet *ovk_pipeline_set_new (void);
void ovk_pipeline_set_free (OvkPipelineSet *set); /* accepts NULL */
guint ovk_pipeline_set_size (const OvkPipelineSet *set);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OvkPipelineSet, ovk_pipeline_set_free)

/* TRUE if it has the pipeline. */
gboolean ovk_pipeline_set_has (const OvkPipelineSet *set,
    const OvkShader *shader, const guint32 *spec, guint n_spec);
typedef void (*OvkPipelineFunc) (const OvkShader *shader, const guint32 *spec,
    guint n_spec, const void *what, gpointer user_data);
/* In no order; @what as in OvkVerifyFunc, of the first that wanted it. */
void ovk_pipeline_set_foreach (
    const OvkPipelineSet *set, OvkPipelineFunc func, gpointer user_data);

typedef enum {
  OVK_COMPILER_BUSY,
  OVK_COMPILER_DONE,
  OVK_COMPILER_FAILED,
} OvkCompilerState;

/**
 * ovk_compiler_new: starts to make all of @set on threads of its own, so that
 * ovk_pipeline_get() has them at once and their first dispatch takes no longer
 * than later ones. Where the system gives no thread, those that wait for it
 * make them.
 */
typedef struct _OvkCompiler OvkCompiler;
OvkCompiler *ovk_compiler_new (OvkDevice *dev, const OvkPipelineSet *set);
/* Blocks until they are made, one failed, or @timeout_ms have passed; without a
 * thread it makes one of them. One thread at a time, as is the next.
 * @fraction: (out) (optional): the part made, 0 to 1, never falling */
OvkCompilerState ovk_compiler_wait (
    OvkCompiler *compiler, guint timeout_ms, double *fraction);
/* Blocks until they are made. Errors: those of ovk_pipeline_get(). */
gboolean ovk_compiler_finish (OvkCompiler *compiler, GError **error);
/* Begins no more, and returns at once: a pipeline that is being made is left to
 * its thread, which holds the device until it is done. Only the first pipeline
 * of the process is waited for. Accepts NULL. */
void ovk_compiler_free (OvkCompiler *compiler);
/* Blocks until nothing of the kind is left. The end of the process does that,
 * as far as a library can; a program that may end in the middle of a load
 * should call it before it leaves main(), as drivers may fail at work that goes
 * on while the system takes them down. */
void ovk_compiler_drain (void);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OvkCompiler, ovk_compiler_free)

/* ---- cmd.c ------------------------------------------------------------ */

/**
 * OvkCmd: a list of commands that is recorded, submitted and waited for, then
 * recorded anew. Barriers are placed by the recorder: it knows what each
 * command reads and writes and separates those that depend on each other.
 * Commands of one OvkCmd submitted after another's see its results.
 *
 * Recording functions return nothing: the first error is kept, later calls do
 * nothing, and ovk_cmd_run() or ovk_cmd_submit() returns it.
 */
OvkCmd *ovk_cmd_new (OvkDevice *dev, const char *name, GError **error);
void ovk_cmd_free (OvkCmd *cmd); /* waits; accepts NULL */
OvkDevice *ovk_cmd_device (OvkCmd *cmd);

typedef enum {
  OVK_READ = 1,
  OVK_WRITE = 2,
  OVK_READ_WRITE = 3,
} OvkAccess;

typedef struct {
  OvkSlice slice; /* offset a multiple of caps.storage_align */
  OvkAccess access;
} OvkBinding;

void ovk_cmd_dispatch (OvkCmd *cmd, const OvkShader *shader,
    const guint32 *spec, guint n_spec, const OvkBinding *bindings,
    const void *push, guint groups_x, guint groups_y, guint groups_z);
/* Sizes and offsets are multiples of 4. */
void ovk_cmd_copy (OvkCmd *cmd, OvkSlice dst, OvkSlice src);
/**
 * ovk_cmd_stage: memory for @size_bytes, 1 to 64 MiB, on their way to the
 * device: the host writes them before it submits @cmd, and the commands of @cmd
 * that follow read them at @slice. Nothing is allocated. Shaders may read them
 * where they are, which is right on devices with unified memory and, for what
 * is read once, on others; what is read more often should be copied first.
 * Waits for submissions that hold the memory, once it is used up.
 *
 * Returns: (transfer none): where to write, until the submission; NULL with the
 * error kept: NO_MEMORY (one recording can't have more than there is in all,
 * either), FAILED if recordings of @cmd are kept, DEVICE_LOST
 */
void *ovk_cmd_stage (OvkCmd *cmd, gsize size_bytes, OvkSlice *slice);
/**
 * ovk_cmd_scratch: OVK_SCRATCH_BYTES of the device's memory for what a command
 * leaves to the next one of @cmd. Whatever is in them is lost with the next
 * ovk_cmd_pause(), and with the next command that writes there, whoever's.
 * FALSE with the error kept: NO_MEMORY.
 */
#define OVK_SCRATCH_BYTES ((gsize) 16 << 20)
gboolean ovk_cmd_scratch (OvkCmd *cmd, OvkSlice *slice);
/* Copies @data into the command itself, so it may go away at once; at most
 * 65536 bytes, a multiple of 4. For token ids and the like. */
void ovk_cmd_update (
    OvkCmd *cmd, OvkSlice dst, const void *data, gsize size_bytes);
void ovk_cmd_fill (OvkCmd *cmd, OvkSlice dst, guint32 word);
/* Takes over memory that another device has written, see
 * ovk_import_foreign(). */
void ovk_cmd_acquire (OvkCmd *cmd, OvkSlice slice);
/* Keeps the first error: for the layers above, which record into @cmd. */
void ovk_cmd_fail (OvkCmd *cmd, GError *error /* transfer full */);
gboolean ovk_cmd_failed (const OvkCmd *cmd);
/* FALSE with a copy of the error kept so far, if there is one. */
gboolean ovk_cmd_check (OvkCmd *cmd, GError **error);
/* Drops what was recorded, or kept, and the error; not while in flight, but
 * see ovk_cmd_cut(). */
void ovk_cmd_reset (OvkCmd *cmd);

/**
 * ovk_cmd_set_kept: whether the recordings that begin from now on stay after
 * they were submitted and waited for. Then ovk_cmd_submit() and ovk_cmd_run()
 * without anything recorded since do the same again, after a wait for the time
 * before if that is under way. Recording anew, ovk_cmd_reset() and any error
 * drop what was kept; so does FALSE.
 *
 * The memory that it refers to is not held: once some of it was freed, the next
 * submission fails with FAILED and does nothing. Timings add up, and
 * ovk_cmd_work() is that of one submission.
 */
void ovk_cmd_set_kept (OvkCmd *cmd, gboolean kept);

/* From now on nothing is recorded: each dispatch only enters its pipeline into
 * @set, which must live as long; what is wrong with a command fails as always.
 * NULL ends that. */
void ovk_cmd_collect (OvkCmd *cmd, OvkPipelineSet *set);

/* What the dispatches that follow are for, as the layer above has it: for the
 * verifier. @what: (nullable): copied, at most OVK_MAX_WHAT bytes, whose
 * pointers are to constants. */
#define OVK_MAX_WHAT 96
void ovk_cmd_explain (OvkCmd *cmd, const void *what, gsize size_bytes);
/* No pipeline of @cmd is verified: for the verifier itself. */
void ovk_cmd_trust (OvkCmd *cmd);

/* Names what follows, for debug labels and timings; a constant string. */
void ovk_cmd_label (OvkCmd *cmd, const char *label);
/* Counts the floating point operations of what has just been recorded; and
 * those since the last submission was done. */
void ovk_cmd_add_work (OvkCmd *cmd, double flops);
double ovk_cmd_work (const OvkCmd *cmd);
/* For timings: counts the bytes that what has just been recorded must read and
 * write, each once; and how many of them are a matrix, @n rows of @k, or a part
 * of it. Neither changes what is recorded. */
void ovk_cmd_add_bytes (OvkCmd *cmd, double bytes);
void ovk_cmd_add_matrix (OvkCmd *cmd, guint n, guint k, double bytes);

/* Called between pieces of what is recorded into @cmd. */
typedef void (*OvkPauseFunc) (OvkCmd *cmd, gpointer user_data);
/**
 * ovk_cmd_set_pieces: asks those that record into @cmd for dispatches of at
 * most @most_work floating point operations, as far as that leaves results as
 * they are, and to call ovk_cmd_pause() between the pieces of one operation,
 * which calls @pause.
 * ovk_cmd_most_work: that; infinite at first.
 */
void ovk_cmd_set_pieces (
    OvkCmd *cmd, double most_work, OvkPauseFunc pause, gpointer user_data);
double ovk_cmd_most_work (const OvkCmd *cmd);
void ovk_cmd_pause (OvkCmd *cmd);
/* Hands over what was recorded so far, as a submission by itself, and goes on
 * recording: ovk_cmd_work() counts anew. To be waited for by ovk_cmd_ticket(),
 * or with the rest; ovk_cmd_reset() waits for it. An error, FAILED if
 * recordings are kept or as of ovk_cmd_submit(), is kept, too. */
gboolean ovk_cmd_cut (OvkCmd *cmd, GError **error);

/**
 * ovk_cmd_submit: hands what was recorded to the device and returns at once.
 * ovk_cmd_wait: blocks until that is done. ovk_cmd_run: both. After any of
 * them returned (wait or run, or an error) @cmd is empty, see
 * ovk_cmd_set_kept(), and can be recorded.
 * Errors: the first of recording; NO_MEMORY; DEVICE_LOST, also when the device
 * gets on with nothing for a minute (ten on a CPU device).
 */
gboolean ovk_cmd_submit (OvkCmd *cmd, GError **error);
gboolean ovk_cmd_wait (OvkCmd *cmd, GError **error);
gboolean ovk_cmd_run (OvkCmd *cmd, GError **error);
/* What the newest submission of @cmd is called, 0 if there was none: later
 * submissions to the device have greater ones. */
guint64 ovk_cmd_ticket (const OvkCmd *cmd);
/* Whether that submission and all before it are done, and what they wrote can
 * be read; blocks up to @within_ns for it. TRUE of a lost device, too: a wait
 * says so. */
gboolean ovk_device_reached (OvkDevice *dev, guint64 ticket, guint64 within_ns);
/* Blocks until it is reached; 0 always is. @what names the work in the error.
 * Any thread. Errors: DEVICE_LOST, as ovk_cmd_wait(). */
gboolean ovk_device_wait (
    OvkDevice *dev, guint64 ticket, const char *what, GError **error);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OvkCmd, ovk_cmd_free)

/**
 * OvkTiming: what commands of one kind took and did, in all.
 * @label: of ovk_cmd_label(), or "other"
 * @what: the shader's name, or "copy", "update", "fill", "acquire"
 * @n, @k: of ovk_cmd_add_matrix(); 0: no matrix
 * @n_commands: dispatches or transfers
 * @ns: device time, from the end of the command before to the end of this; 0
 *   without timestamps
 * @flops, @bytes, @matrix_bytes: as counted
 */
typedef struct {
  const char *label, *what;
  guint n, k;
  guint64 n_commands;
  double ns, flops, bytes, matrix_bytes;
} OvkTiming;
/* Whether recordings that begin from now on are measured, whoever's they are.
 * Each command then waits for the one before.
 * ovk_device_is_timing: that. */
void ovk_device_set_timing (OvkDevice *dev, gboolean on);
gboolean ovk_device_is_timing (OvkDevice *dev);
/* (transfer full): GArray of OvkTiming, in the order in which they came first:
 * the sums over the submissions waited for since the last call. */
GArray *ovk_device_timings (OvkDevice *dev);

G_END_DECLS

#endif
