#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Installs what is missing, builds, and captions a short video with the embedded
# model: it makes the video, shows each caption with the time that it speaks of,
# asks questions, and leaves a video with the captions burned in and a captioned
# frame in demo/.
#
# usage: sh pipelines/demo.sh [PROPERTY=VALUE ...]   (properties of owl2)
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
out=${OWL2_DEMO:-$root/demo}
sh "$root/tools/build.sh" "${OWL2_BUILD:-$root/build}"
. "$root/pipelines/env.sh"
mkdir -p "$out"

# Two seconds each of what the embedded model knows.
size='video/x-raw,format=I420,width=320,height=240,framerate=15/1'
echo "owl2: making $out/clip.webm"
gst-launch-1.0 -q \
  concat name=c ! vp8enc deadline=1 target-bitrate=800000 ! webmmux ! \
    filesink location="$out/clip.webm" \
  videotestsrc num-buffers=30 ! $size ! c. \
  videotestsrc num-buffers=30 pattern=ball ! $size ! c. \
  videotestsrc num-buffers=30 pattern=circular ! $size ! c. \
  videotestsrc num-buffers=30 pattern=checkers-8 ! $size ! c. \
  videotestsrc num-buffers=30 pattern=pinwheel ! $size ! c.

echo 'owl2: captions, one for every two seconds'
gst-launch-1.0 -m filesrc location="$out/clip.webm" ! decodebin ! videoconvert ! \
  owl2 interval=2000000000 frames=4 when-busy=wait "$@" ! fakesink |
  sh "$root/pipelines/show-answers.sh" "$out/clip.srt"
[ -s "$out/clip.srt" ] || { echo 'owl2: no answer came' >&2; exit 1; }

echo 'owl2: questions about all of it'
for question in 'What is in the video?' \
    'What are the seven colors of the rainbow?'; do
  echo "    $question"
  "${OWL2_BUILD:-$root/build}/tools/owl2-ask" "$out/clip.webm" "$question" |
    sed 's/^/      /'
done

echo 'owl2: the captions burned in'
gst-launch-1.0 -q \
  textoverlay name=o wait-text=false shaded-background=true font-desc='Sans 11' ! \
    tee name=t \
  filesrc location="$out/clip.webm" ! decodebin ! videoconvert ! o.video_sink \
  filesrc location="$out/clip.srt" ! subparse ! o.text_sink \
  t. ! queue ! videoconvert ! vp8enc deadline=1 target-bitrate=800000 ! webmmux ! \
    filesink location="$out/captioned.webm" \
  t. ! queue ! videoconvert ! pngenc ! multifilesink location="$out/captioned-%03d.png"
# One frame in the middle of the first caption stays.
mv "$out/captioned-014.png" "$out/captioned.png"
rm -f "$out"/captioned-[0-9]*.png

echo "owl2: done: $out/captioned.webm, $out/captioned.png"
