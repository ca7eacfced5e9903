/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of this folder share; nobody else includes it, except the
 * tests of this folder. */
#ifndef OVK_PRIVATE_H
#define OVK_PRIVATE_H

#include "ovk.h"

G_BEGIN_DECLS

#define OVK_SECOND_NS G_GUINT64_CONSTANT (1000000000)
/* A wait fails when the device finishes nothing for as long as this. */
#define OVK_TIMEOUT_NS (60 * OVK_SECOND_NS)
/* A CPU device may be short of a CPU, and compiles at the first dispatch. */
#define OVK_TIMEOUT_CPU_NS (600 * OVK_SECOND_NS)

#define OVK_MAX_PUSH_BYTES 128u

/* ---- physical.c ------------------------------------------------------- */

/* A physical device, and why it can't be used. */
typedef struct {
  VkPhysicalDevice handle;
  OvkCaps caps;
  VkPhysicalDeviceLimits limits;
  guint queue_family;
  guint timestamp_bits;
  const char *lacks; /* (nullable) constant; NULL: usable */
} OvkCandidate;

gboolean ovk_has_extension (
    const VkExtensionProperties *props, guint n, const char *name);
const char *ovk_type_name (VkPhysicalDeviceType type);
/* @debug_utils: (out): names and labels can be given. */
gboolean ovk_instance_new (
    VkInstance *instance, gboolean *debug_utils, GError **error);
/* (transfer full): GArray of OvkCandidate, in the loader's order. */
GArray *ovk_candidates_find (VkInstance instance, GError **error);
/* (transfer container): those of @found that fit @wanted, the best first.
 * Never empty on success. */
GPtrArray *ovk_candidates_choose (
    const GArray *found, const char *wanted, GError **error);

/* ---- staging.c -------------------------------------------------------- */

/**
 * OvkStaging: one buffer that the host sees, and which pieces of it are in use:
 * by recordings, and by submissions until they are reached. Pieces are handed
 * out one behind the other, and again from the start.
 */
typedef struct {
  GMutex lock; /* of all below */
  GCond changed;
  OvkBuffer *buffer; /* (nullable) made when first needed */
  GArray *pieces;    /* in their order */
  gsize next;        /* where to look first, bytes */
  gsize size;        /* bytes; less in tests, before the first use */
} OvkStaging;

void ovk_staging_init (OvkDevice *dev);
void ovk_staging_drop (OvkDevice *dev); /* frees the buffer */
void ovk_staging_clear (OvkDevice *dev);
/* Bytes that the recording of @owner reads, where the host may write until it
 * is submitted. Waits for submissions while there is no room, and for the
 * recordings of others if this one holds nothing. Errors: NO_MEMORY, also if
 * nothing gets free; DEVICE_LOST. */
guint8 *ovk_staging_reserve (OvkDevice *dev, const OvkCmd *owner,
    gsize size_bytes, OvkSlice *slice, GError **error);
/* What the host wrote for the recording of @owner goes to the device. */
gboolean ovk_staging_flush (
    OvkDevice *dev, const OvkCmd *owner, GError **error);
/* That recording was submitted as @ticket; 0: it was dropped. */
void ovk_staging_release (OvkDevice *dev, const OvkCmd *owner, guint64 ticket);

/* ---- device.c --------------------------------------------------------- */

/**
 * OvkDevice: one queue and one timeline semaphore. Each submission waits for
 * the one before it and signals the next value, so the queue is a straight
 * line, and "value V is reached" means that all up to V is done and visible.
 */
struct _OvkDevice {
  gatomicrefcount refs;
  OvkDevice *parent; /* (nullable) reference: of a twin, owns the instance */
  Owl2Log log;
  OvkCaps caps;

  VkInstance instance;
  VkPhysicalDevice physical;
  VkDevice handle;
  guint queue_family;
  guint timestamp_bits;
  gsize copy_atom;    /* nonCoherentAtomSize */
  guint max_bindings; /* storage buffers a shader stage may have */
  guint max_allocations;
  gboolean has_budget;
  gboolean debug_utils; /* the instance has them */
  PFN_vkGetMemoryHostPointerPropertiesEXT host_pointer_properties;

  VkPhysicalDeviceMemoryProperties memory;
  guint type_device; /* memory types, see ovk_memory_choose_types */
  guint type_upload;
  guint type_readback;

  GMutex queue_lock; /* of the queue and the next three */
  VkQueue queue;
  VkSemaphore timeline;
  guint64 submitted; /* newest value handed to the queue */
  guint64 timeout_ns;

  gint lost; /* atomic; the device is gone or hangs */
  gint hung; /* atomic; it may still touch its memory */

  PFN_vkSetDebugUtilsObjectNameEXT set_name; /* (nullable), as the next two */
  PFN_vkCmdBeginDebugUtilsLabelEXT begin_label;
  PFN_vkCmdEndDebugUtilsLabelEXT end_label;

  GMutex memory_lock; /* of the next four, taken last */
  guint64 allocated;
  guint n_allocations;
  GPtrArray *parked_buffers; /* could not be freed, as the device hangs */
  GPtrArray *parked_cmds;    /* likewise */

  GMutex kept_lock; /* of the next one, and of what is in it */
  GPtrArray *kept;  /* OvkTouched, borrowed, that outlive their submission */

  OvkStaging staging;

  GMutex transfer_lock; /* of the next two; never held over a wait */
  GPtrArray *writers;   /* OvkUploader that rest, for ovk_slice_write */
  GPtrArray *readers;   /* of transfer.c, likewise, for ovk_slice_read */

  GMutex pipeline_lock; /* of all below, except the cache itself */
  GCond pipeline_made;
  GHashTable *pipelines; /* set of OvkPipeline */
  VkDescriptorSetLayout set_layouts[OVK_MAX_BINDINGS + 1];
  VkPipelineLayout layouts[OVK_MAX_BINDINGS + 1][OVK_MAX_PUSH_BYTES / 4 + 1];
  VkPipelineCache cache;
  char *cache_path; /* (nullable) */
  guint64 shaders_hash;
  gsize cache_saved_bytes; /* size of what the file holds */
  gboolean cache_grown;    /* pipelines were made since it was written */
  gboolean cache_failed;   /* it could not be written, which was said */
};

/* Another device of the same hardware and with the same caps, without a cache
 * on disk: what goes wrong on it does no harm to @dev. */
OvkDevice *ovk_device_twin (OvkDevice *dev, GError **error);

/* A name for debuggers; does nothing where nobody listens. */
void ovk_device_name (OvkDevice *dev, VkObjectType type, guint64 object,
    const char *format, ...) G_GNUC_PRINTF (4, 5);

/* Handles as debug utils want them. Those of queues and command buffers are
 * pointers everywhere, all others are so on 64-bit systems only. */
#define OVK_HANDLE(handle) ((guint64) (handle))
#define OVK_POINTER(handle) ((guint64) (guintptr) (handle))

/* The buffers that a recording uses. */
typedef struct {
  GHashTable *buffers; /* set of OvkBuffer */
  OvkBuffer *last;     /* (nullable) newest */
  gboolean kept;       /* among the device's */
  gboolean stale;      /* one of them was freed while it was kept */
} OvkTouched;

/* ---- queue.c ---------------------------------------------------------- */

/* The only place where a VkResult becomes a GError. The text is @format, then
 * the name of @result. Marks the device as lost where @result says so; @dev
 * may be NULL. */
void ovk_set_error (OvkDevice *dev, GError **error, VkResult result,
    const char *format, ...) G_GNUC_PRINTF (4, 5);
/* FALSE with DEVICE_LOST once the device is gone. */
gboolean ovk_device_alive (OvkDevice *dev, GError **error);
/* Submits @buffers in order, as one link of the chain each. @value: the
 * timeline value that says that all is done; it is the last use of the buffers
 * @touched before anyone else can look. */
gboolean ovk_device_submit (OvkDevice *dev, const VkCommandBuffer *buffers,
    guint n_buffers, const OvkTouched *touched, guint64 *value, GError **error);
/* Waits for @value before something is destroyed. FALSE: the device hangs and
 * may still use it, so that it has to be parked. */
gboolean ovk_device_settle (OvkDevice *dev, guint64 value);

/* ---- memory.c --------------------------------------------------------- */

struct _OvkBuffer {
  OvkDevice *dev; /* borrowed */
  VkBuffer handle;
  VkDeviceMemory memory;
  gsize size;       /* bytes */
  gsize used;       /* bytes, by the arena */
  gsize charged;    /* bytes in the device's books */
  gboolean counted; /* among the device's allocations */
  guint type;       /* memory type */
  gboolean mappable;
  GBytes *host;     /* (nullable) reference: memory of the host, read only */
  guint8 *map;      /* (nullable) all of it, while it lives */
  guint64 last_use; /* timeline value; under queue_lock */
};

/* The memory type among @bits on @heap (-1: any) with all of @needed, most of
 * @liked and least of @disliked; -1 if there is none. */
int ovk_memory_pick_type (const OvkDevice *dev, guint32 bits, int heap,
    VkMemoryPropertyFlags needed, VkMemoryPropertyFlags liked,
    VkMemoryPropertyFlags disliked);
/* Picks the memory types for buffers, and sets caps.unified_memory. */
gboolean ovk_memory_choose_types (
    OvkDevice *dev, gboolean no_unified, GError **error);
/* @mappable: the type is visible to the host, and the buffer is to be mapped.
 * Its contents are undefined. */
OvkBuffer *ovk_buffer_new (OvkDevice *dev, const char *name, gsize size_bytes,
    guint type, gboolean mappable, GError **error);
/* Enters an allocation of @bytes into the device's books; NO_MEMORY if there
 * are not as many, or too many allocations. */
gboolean ovk_buffer_charge (
    OvkBuffer *buffer, const char *name, gsize bytes, GError **error);
void ovk_buffer_free (OvkBuffer *buffer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OvkBuffer, ovk_buffer_free)
guint64 ovk_buffer_last_use (OvkBuffer *buffer);
/* Notices from now on which of its buffers are freed, or no more. */
void ovk_touched_keep (OvkDevice *dev, OvkTouched *touched, gboolean keep);
/* The host reads it at the speed of its own memory. */
gboolean ovk_buffer_is_cached (const OvkBuffer *buffer);
/* Brings what the host wrote to the device, or (@read) the reverse; there is
 * nothing to do for memory that is coherent. */
gboolean ovk_buffer_sync (
    OvkBuffer *buffer, gsize offset, gsize size, gboolean read, GError **error);

/* ---- available.c ------------------------------------------------------ */

/**
 * ovk_host_available_bytes: what the process can get of the host's memory
 * without swapping and without passing the limit of a control group that it is
 * in (cgroups, version 2 and 1): the least of them.
 * @root: put before the names of the system's files; "" but in tests
 *
 * Returns: 0 if unknown
 */
guint64 ovk_host_available_bytes (const char *root);

/* ---- import.c --------------------------------------------------------- */

/* Whether the driver's buffers may lie in the host's memory; some that have the
 * extension offer it for nothing. */
gboolean ovk_import_is_possible (OvkDevice *dev);

/* ---- transfer.c ------------------------------------------------------- */

void ovk_transfer_init (OvkDevice *dev);
/* Frees what rests; at the end of the device. */
void ovk_transfer_drop (OvkDevice *dev);
void ovk_transfer_clear (OvkDevice *dev);

/* ---- pipeline.c ------------------------------------------------------- */

struct _OvkPipeline {
  const OvkShader *shader; /* key, with the two below */
  guint n_spec;
  guint32 spec[OVK_MAX_SPEC];

  VkPipeline handle;       /* NULL while some thread makes it */
  VkPipelineLayout layout; /* borrowed from the device, as the next */
  VkDescriptorSetLayout set_layout;
};

gboolean ovk_pipeline_open (OvkDevice *dev, const char *cache_dir,
    guint64 shaders_hash, GError **error);
void ovk_pipeline_clear (OvkDevice *dev);

guint ovk_pipeline_hash (gconstpointer pipeline); /* of the key */
gboolean ovk_pipeline_equal (gconstpointer a, gconstpointer b);

/* ---- compile.c -------------------------------------------------------- */

void ovk_pipeline_set_add (OvkPipelineSet *set, const OvkShader *shader,
    const guint32 *spec, guint n_spec);

/* ---- hazards.c -------------------------------------------------------- */

/* What a command does to memory. */
typedef enum {
  OVK_USE_SHADER_READ = 1,
  OVK_USE_SHADER_WRITE = 2,
  OVK_USE_TRANSFER_READ = 4,
  OVK_USE_TRANSFER_WRITE = 8,
  OVK_USE_WRITES = OVK_USE_SHADER_WRITE | OVK_USE_TRANSFER_WRITE,
} OvkHow;

typedef struct {
  OvkBuffer *buffer;
  gsize begin, end; /* bytes */
  guint how;        /* OvkHow, or-ed */
} OvkUse;

/* A barrier in every so many commands costs nothing, and it bounds the
 * search. */
#define OVK_MAX_USES 128

/**
 * OvkHazards: the accesses since the last barrier of a command buffer. A
 * barrier separates all before from all after, so the list starts anew.
 */
typedef struct {
  OvkUse uses[OVK_MAX_USES];
  guint n_uses;
  guint how; /* of all */
} OvkHazards;

/* Nothing has been done yet: also after the semaphore between submissions. */
void ovk_hazards_reset (OvkHazards *hazards);
gboolean ovk_use_conflicts (const OvkUse *a, const OvkUse *b);
/* To be called before the command that does @uses: records a barrier into
 * @buffer if that depends on what was done since the last one. */
void ovk_hazards_order (OvkHazards *hazards, VkCommandBuffer buffer,
    const OvkUse *uses, guint n_uses);

/* ---- timer.c ---------------------------------------------------------- */

/**
 * OvkTimer: timestamps between stretches of commands with one label each, and
 * the sums per label.
 */
typedef struct {
  OvkDevice *dev;   /* borrowed */
  GArray *pools;    /* VkQueryPool, filled one after another */
  GArray *segments; /* of the recording */
  guint n_stamps;   /* written in the recording */
  GArray *timings;  /* OvkTiming, sums */
} OvkTimer;

void ovk_timer_init (OvkTimer *timer, OvkDevice *dev);
void ovk_timer_clear (OvkTimer *timer); /* the device is done with it */
void ovk_timer_reset (OvkTimer *timer); /* forgets the recording */
/* Ends the stretch before, if any, and begins one of @label; a NULL label only
 * ends. Errors: NO_MEMORY. */
gboolean ovk_timer_mark (
    OvkTimer *timer, VkCommandBuffer buffer, const char *label, GError **error);
void ovk_timer_count_dispatch (OvkTimer *timer);
/* Adds what the finished recording measured to the sums. */
void ovk_timer_collect (OvkTimer *timer);
GArray *ovk_timer_take (OvkTimer *timer);

/* ---- cmd.c ------------------------------------------------------------ */

struct _OvkCmd {
  OvkDevice *dev;
  gboolean holds_ref;
  char *name;
  GError *error;           /* first of recording */
  OvkPipelineSet *collect; /* (nullable) borrowed: nothing is recorded */
  gboolean recording;
  gboolean keep;       /* wanted of recordings that begin */
  gboolean kept;       /* this one is to stay */
  gboolean repeatable; /* it was submitted, and stays */
  gboolean staged;     /* holds bytes of the staging buffer */
  gboolean host_reads; /* it writes what the host sees */
  guint64 pending;     /* timeline value in flight; 0: none */
  guint64 ticket;      /* of the newest submission */
  double work;         /* floating point operations of the recording */

  VkCommandPool pool;
  GArray *buffers;  /* VkCommandBuffer, all of @pool */
  guint n_buffers;  /* of them in use; the last is recorded */
  guint n_commands; /* in the last one */

  OvkHazards hazards;
  OvkTouched touched; /* since the recording began */

  GArray *pools; /* VkDescriptorPool, filled one after another */
  guint n_sets;  /* descriptor sets of the recording */
  OvkPipeline *bound;
  const char *label;   /* (nullable) */
  gboolean label_open; /* a debug label region is */

  gboolean timing; /* wanted */
  gboolean timed;  /* this recording is */
  OvkTimer timer;
};

/* A cmd that the device owns itself holds no reference on it. */
OvkCmd *ovk_cmd_new_internal (
    OvkDevice *dev, const char *name, gboolean holds_ref, GError **error);
/* Records a dispatch of no workgroup, with @slice for all bindings. */
void ovk_cmd_start_pipeline (
    OvkCmd *cmd, OvkPipeline *pipeline, OvkSlice slice);
/* ovk_cmd_copy for any size and offset. */
void ovk_cmd_copy_bytes (OvkCmd *cmd, OvkSlice dst, OvkSlice src);
/* The command buffer for the next command; NULL after an error. */
VkCommandBuffer ovk_cmd_next (OvkCmd *cmd);
void ovk_cmd_fail_text (OvkCmd *cmd, const char *format, ...)
    G_GNUC_PRINTF (2, 3);
/* @what failed with @result. */
void ovk_cmd_fail_result (OvkCmd *cmd, VkResult result, const char *what);

G_END_DECLS

#endif
