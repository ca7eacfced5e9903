#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The layers: who may include what. Public headers compile alone, in C and C++.
#
# usage: layers.sh SOURCE_ROOT CC CFLAGS...
set -u
cd "$1" || exit 1
cc=$2
shift 2
failed=0 passed=0

# check TEXT COMMAND...: the command must print nothing
check () {
  text=$1
  shift
  found=$("$@" 2>&1)
  if [ -n "$found" ]; then
    echo "FAIL $text:"
    echo "$found" | head -n 5
    failed=$((failed + 1))
  else
    passed=$((passed + 1))
  fi
}

check 'GStreamer in the engine' \
  grep -rnE '#\s*include\s*[<"]gst/' engine shaders
check 'anything but GLib in clips' sh -c \
  "grep -rnE '#\s*include' clips | grep -vE '<(glib|string)\.h>|\"(clip(_private)?|pace)\.h\"'"
check 'GStreamer in json' grep -rnE '\b(Gst[A-Z]|GST_|gst_)' json
check 'GStreamer in clips' grep -rnE '\b(Gst[A-Z]|GST_|gst_)' clips
# GStreamer's device is not the engine's: its pictures are copied there.
check 'Vulkan outside engine/vk' \
  sh -c "grep -rnE '\bvk[A-Z][A-Za-z]+ \(' engine clips gst-owl2 tools | grep -v '^engine/vk/\|^gst-owl2/gstowl2snapshot.c'"
check 'GObject in the engine' grep -rnE 'glib-object|G_TYPE_|GObject' engine
check 'models in the Vulkan layer' \
  grep -rniE 'owl2_(op|vit|dec|model)|weights' engine/vk
check 'the element looking below owl2.h' \
  grep -rnE '#\s*include\s*"(ovk|ops|weights|gguf|text|exec)\.h"' gst-owl2
check 'printf or getenv in the library' \
  grep -rnE '\b(printf|fprintf|puts|g_print|getenv|g_getenv) \(' engine clips \
  gst-owl2
check 'the time of the build in what is built' \
  grep -rnE '__(DATE|TIME|TIMESTAMP)__' engine clips json gst-owl2 tools
# REUSE-IgnoreStart
check 'files without a licence line' sh -c \
  "grep -rL 'SPDX-License-Identifier: LGPL-2.1-or-later' --include=*.[ch] \
   --include=*.comp --include=*.glsl --include=*.sh --include=*.py --include=*.js \
   engine clips examples json gst-owl2 shaders tools tests pipelines training .ci"
# REUSE-IgnoreEnd
for header in engine/owl2.h engine/base/*.h engine/vk/*.h engine/ops/ops.h \
    engine/file/*.h engine/text/text.h engine/model/*.h clips/*.h; do
  for language in c c++; do
    check "$header alone in $language" "$cc" -x "$language" -fsyntax-only -Wall \
      -Iengine -Iengine/base -Iengine/vk -Iengine/ops -Iengine/file \
      -Iengine/model -Iengine/text -Ishaders/include -Iclips "$@" "$header"
  done
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
