/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Run by the build: makes a C file and its header of compiled shaders. How many
 * bindings a shader has, how many of them are texels, and the size of its push
 * constants, is read from the SPIR-V itself (The Khronos Group: SPIR-V
 * specification, sections 2.3, 3.49).
 *
 * usage: embed OUT.c OUT.h TYPE,... KV_TYPE,... MATRIX_TYPE,... NAME.spv...
 * (the shader is called as its file) */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC 0x07230203u
#define HEADER_WORDS 5

enum {
  OP_CAPABILITY = 17,
  OP_TYPE_INT = 21,
  OP_TYPE_FLOAT = 22,
  OP_TYPE_STRUCT = 30,
  OP_TYPE_POINTER = 32,
  OP_VARIABLE = 59,
  OP_DECORATE = 71,
  OP_MEMBER_DECORATE = 72,
  DECORATION_BINDING = 33,
  DECORATION_OFFSET = 35,
  STORAGE_UNIFORM_CONSTANT = 0,
  STORAGE_PUSH_CONSTANT = 9,
  CAPABILITY_MATRIX = 6022, /* CooperativeMatrixKHR */
};

typedef struct {
  const char *path;
  char *name;
  uint32_t *words;
  size_t n_words;
} Shader;

static void
fail (const Shader *s, const char *why)
{
  fprintf (stderr, "embed: %s: %s\n", s->path, why);
  exit (1);
}

static void
load (Shader *s, const char *path)
{
  const char *slash = strrchr (path, '/');
  FILE *file = fopen (path, "rb");
  long size = 0;

  s->path = path;
  s->name = strdup (slash ? slash + 1 : path);
  if (!file || !s->name || fseek (file, 0, SEEK_END) != 0
      || (size = ftell (file)) < 4 * HEADER_WORDS || size % 4 != 0)
    fail (s, "can't be read, or is no SPIR-V");
  s->name[strcspn (s->name, ".")] = 0;
  rewind (file);
  s->n_words = (size_t) size / 4;
  s->words = malloc ((size_t) size);
  if (!s->words || fread (s->words, 4, s->n_words, file) != s->n_words)
    fail (s, "can't be read");
  fclose (file);
  if (s->words[0] != MAGIC)
    fail (s, "is no SPIR-V");
}

/* The next instruction of @op from *@at on, which is set behind it; NULL: there
 * is none. */
static const uint32_t *
next (const Shader *s, size_t *at, uint32_t op)
{
  while (*at < s->n_words) {
    const uint32_t *w = s->words + *at;
    uint32_t length = w[0] >> 16;

    if (!length || length > s->n_words - *at)
      fail (s, "has an instruction of a wrong length");
    *at += length;
    if ((w[0] & 0xffff) == op)
      return w;
  }
  return NULL;
}

/* The instruction of @op whose result is @id. */
static const uint32_t *
find (const Shader *s, uint32_t op, uint32_t id)
{
  size_t at = HEADER_WORDS;
  const uint32_t *w;

  while ((w = next (s, &at, op)) && w[1] != id)
    ;
  return w;
}

static uint32_t
member_offset (const Shader *s, uint32_t type, uint32_t member)
{
  size_t at = HEADER_WORDS;
  const uint32_t *w;

  while ((w = next (s, &at, OP_MEMBER_DECORATE)))
    if (w[1] == type && w[2] == member && w[3] == DECORATION_OFFSET)
      return w[4];
  fail (s, "has a push constant without an offset");
  return 0;
}

/* Bytes of a scalar, or of a struct of such and of structs. */
static uint32_t
type_bytes (const Shader *s, uint32_t type)
{
  const uint32_t *w = find (s, OP_TYPE_INT, type);
  uint32_t n = 0;

  if (!w)
    w = find (s, OP_TYPE_FLOAT, type);
  if (w)
    return w[2] / 8;
  w = find (s, OP_TYPE_STRUCT, type);
  if (!w || (n = (w[0] >> 16) - 2) == 0)
    fail (s, "has push constants that are neither scalars nor structs");
  return member_offset (s, type, n - 1) + type_bytes (s, w[2 + n - 1]);
}

static uint32_t
push_bytes (const Shader *s)
{
  size_t at = HEADER_WORDS;
  const uint32_t *w;

  while ((w = next (s, &at, OP_VARIABLE)))
    if (w[3] == STORAGE_PUSH_CONSTANT) {
      const uint32_t *pointer = find (s, OP_TYPE_POINTER, w[1]);

      if (!pointer)
        fail (s, "has push constants without a type");
      return type_bytes (s, pointer[3]);
    }
  return 0;
}

static uint32_t
n_bindings (const Shader *s)
{
  size_t at = HEADER_WORDS;
  const uint32_t *w;
  uint32_t n = 0;

  while ((w = next (s, &at, OP_DECORATE)))
    if (w[2] == DECORATION_BINDING && w[3] + 1 > n)
      n = w[3] + 1;
  return n;
}

static int
has_matrix (const Shader *s)
{
  size_t at = HEADER_WORDS;
  const uint32_t *w;

  while ((w = next (s, &at, OP_CAPABILITY)))
    if (w[1] == CAPABILITY_MATRIX)
      return 1;
  return 0;
}

/* Variables of this class are what is sampled, here always texel buffers. */
static uint32_t
n_texels (const Shader *s)
{
  size_t at = HEADER_WORDS;
  const uint32_t *w;
  uint32_t n = 0;

  while ((w = next (s, &at, OP_VARIABLE)))
    n += w[3] == STORAGE_UNIFORM_CONSTANT;
  return n;
}

/* FNV-1a (Fowler, Noll, Vo). */
static uint64_t
hash (uint64_t h, const Shader *s)
{
  const unsigned char *bytes = (const unsigned char *) s->words;

  for (size_t i = 0; i < 4 * s->n_words; i++)
    h = (h ^ bytes[i]) * UINT64_C (0x100000001b3);
  return h;
}

static void
write_shader (FILE *c, const Shader *s)
{
  fprintf (c, "\nstatic const guint32 %s_code[] = {", s->name);
  for (size_t i = 0; i < s->n_words; i++)
    fprintf (c, "%s0x%x,", i % 8 ? " " : "\n  ", s->words[i]);
  fprintf (c,
      "\n};\n"
      "const OvkShader owl2_shader_%s = { .name = \"%s\",\n"
      "  .code = %s_code,\n"
      "  .code_bytes = sizeof (%s_code),\n"
      "  .n_bindings = %u,\n"
      "  .n_texels = %u,\n"
      "  .push_bytes = %u,\n"
      "  .matrix = %d };\n",
      s->name, s->name, s->name, s->name, n_bindings (s) - n_texels (s),
      n_texels (s), push_bytes (s), has_matrix (s));
}

/* A macro that lists a shader of each type of @types, as an array by
 * owl2_type_index(); those that @have misses are NULL. Both: names between
 * commas. */
static void
write_typed (FILE *h, const char *macro, const char *types, const char *have)
{
  const char *separator = "";

  fprintf (h, "#define %s(NAME) {", macro);
  while (*types) {
    size_t n = strcspn (types, ",");
    int found = 0;

    for (const char *p = have; *p; p += strcspn (p, ","), p += *p == ',')
      found |= strcspn (p, ",") == n && strncmp (p, types, n) == 0;
    if (found)
      fprintf (h, "%s &owl2_shader_##NAME##_%.*s", separator, (int) n, types);
    else
      fprintf (h, "%s NULL", separator);
    separator = ",";
    types += n;
    types += *types == ',';
  }
  fprintf (h, " }\n");
}

int
main (int argc, char **argv)
{
  static const char made[] =
      "/* Made by shaders/embed.c from the list in shaders/meson.build. */\n";
  uint64_t all = UINT64_C (0xcbf29ce484222325);
  FILE *c, *h;

  if (argc < 7 || !(c = fopen (argv[1], "w")) || !(h = fopen (argv[2], "w"))) {
    fprintf (stderr, "usage: embed OUT.c OUT.h TYPE,... KV_TYPE,... "
                     "MATRIX_TYPE,... NAME.spv...\n");
    return 1;
  }
  fprintf (c, "%s#include \"owl2_shaders.h\"\n", made);
  fprintf (h,
      "%s#ifndef OWL2_SHADERS_H\n#define OWL2_SHADERS_H\n\n"
      "#include \"ovk.h\"\n\n",
      made);
  for (int i = 6; i < argc; i++) {
    Shader s = { .path = NULL };

    load (&s, argv[i]);
    write_shader (c, &s);
    fprintf (h, "extern const OvkShader owl2_shader_%s;\n", s.name);
    all = hash (all, &s);
    free (s.words);
    free (s.name);
  }
  fprintf (c,
      "\nconst guint64 owl2_shaders_hash = G_GUINT64_CONSTANT (0x%016llx);\n",
      (unsigned long long) all);
  fprintf (h,
      "\n/* A shader for each type of weights, or of keys and values, as a\n"
      " * static array for owl2_type_index(). */\n");
  write_typed (h, "OWL2_TYPED", argv[3], argv[3]);
  write_typed (h, "OWL2_TYPED_KV", argv[3], argv[4]);
  write_typed (h, "OWL2_TYPED_MATRIX", argv[3], argv[5]);
  fprintf (h, "#define OWL2_SHADER_TYPES \"%s\"\n", argv[3]);
  fprintf (h, "\n/* Of the code of all. */\n"
              "extern const guint64 owl2_shaders_hash;\n\n#endif\n");
  if (fclose (c) != 0 || fclose (h) != 0) {
    fprintf (stderr, "embed: %s can't be written\n", argv[1]);
    return 1;
  }
  return 0;
}
