#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Installs what is missing, builds, and shows what the embedded model sees: makes
# clips of the small world that it knows and of test patterns, captions all of
# them as one video, asks questions about some, and leaves in demo/ the video with
# the captions burned in and a picture of all of it.
#
# usage: sh pipelines/demo.sh [PROPERTY=VALUE ...]   (properties of owl2)
set -eu
root=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
build=${OWL2_BUILD:-$root/build}
out=${OWL2_DEMO:-$root/demo}
sh "$root/tools/build.sh" "$build"
sh "$root/tools/setup.sh" demo
. "$root/pipelines/env.sh"
mkdir -p -- "$out"
out=$(CDPATH= cd -- "$out" && pwd)

printf 'owl2: making clips of two seconds in %s\n' "$out"
encode='vp8enc deadline=1 target-bitrate=800000 ! webmmux'
/usr/bin/python3 "$root/pipelines/draw-clips.py" "$out"
# Whatever the folder's name, it is no part of a pipeline's text.
launch () {
  (cd "$out" && exec gst-launch-1.0 -q "$@")
}
for pattern in smpte ball circular pinwheel checkers-8; do
  launch videotestsrc num-buffers=30 pattern=$pattern ! \
    video/x-raw,format=I420,width=320,height=240,framerate=15/1 ! \
    $encode ! filesink location=$pattern.webm
done
clips='circle smpte star ball heart pinwheel two circular word checkers-8'
sources=
for clip in $clips; do
  sources="$sources filesrc location=$clip.webm ! matroskademux ! vp8dec ! c."
done
launch concat name=c ! $encode ! filesink location=clip.webm $sources

echo 'owl2: captions, one for every two seconds'
owl2-run --srt="$out/clip.srt" -- 'filesrc name=file ! decodebin !
  videoconvert ! owl2 name=owl2 interval=2000000000 frames=4 when-busy=wait !
  fakesink' file.location="$out/clip.webm" "$@"
[ -s "$out/clip.srt" ] || { echo 'owl2: no answer came' >&2; exit 1; }

# CLIP QUESTION...: each question with its answer
ask () {
  echo "    $1.webm"
  clip=$out/$1.webm
  shift
  owl2-ask "$clip" "$@" | for question in "$@"; do
    read -r answer
    printf '      %s\n        %s\n' "$question" "$answer"
  done
}
echo 'owl2: questions'
ask circle 'What color is the circle?' 'In which direction does the circle move?'
ask two 'What shape is the yellow object?' 'What does the blue circle do?' \
  'Is there a yellow star?' 'What are the seven colors of the rainbow?'
ask pinwheel 'Which test pattern is this?'

echo 'owl2: the captions burned in'
launch \
  textoverlay name=o wait-text=false shaded-background=true font-desc='Sans 11' ! \
    videoconvert ! $encode ! filesink location=captioned.webm \
  filesrc location=clip.webm ! decodebin ! videoconvert ! o.video_sink \
  filesrc location=clip.srt ! subparse ! o.text_sink
/usr/bin/python3 "$root/pipelines/contact-sheet.py" "$out/clip.webm" \
  "$out/clip.srt" "$out/captioned.png"

printf 'owl2: done: %s, %s\n' "$out/captioned.webm" "$out/captioned.png"

# Where there is a screen, a page with the clips in a loop, until Ctrl-C.
if [ -n "${DISPLAY-}${WAYLAND_DISPLAY-}" ] && command -v owl2-live >/dev/null; then
  echo 'owl2: the same live, in a browser, until Ctrl-C:'
  exec owl2-live --port 0 "$out/clip.webm"
fi
