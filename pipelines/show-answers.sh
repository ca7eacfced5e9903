#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Reads what `gst-launch-1.0 -m` prints and shows owl2's answers, one a line, as
# they come:
#
#     0.0 -   2.0 s   A red ball moves to the left.
#
# With a file name it also writes them there as SubRip subtitles. Everything
# that is no answer is left out, but errors and warnings.
#
# usage: gst-launch-1.0 -m ... | sh pipelines/show-answers.sh [FILE.srt]
srt=${1-}
[ -z "$srt" ] || : >"$srt"
number=0

# ns -> HH:MM:SS,mmm
stamp () {
  ms=$(($1 / 1000000))
  printf '%02d:%02d:%02d,%03d' $((ms / 3600000)) $((ms / 60000 % 60)) \
    $((ms / 1000 % 60)) $((ms % 1000))
}

# ns -> seconds with one digit
seconds () {
  printf '%5d.%d' $(($1 / 1000000000)) $(($1 / 100000000 % 10))
}

while IFS= read -r line; do
  case $line in
    *'(element): owl2-answer, '*) ;;
    ERROR:*|WARNING:*) echo "$line" >&2; continue ;;
    *) continue ;;
  esac
  # The text as GstStructure writes it: in quotes, with \ before what is not
  # a letter or digit and bytes above 127 in octal.
  text=$(printf '%s\n' "$line" | sed -n \
    -e 's/.* text=(string)"\(\([^"\\]\|\\.\)*\)".*/\1/p' \
    -e 's/.* text=(string)\([^",]*\),.*/\1/p' | head -n 1 |
    sed -e 's/\\\([0-3][0-7][0-7]\)/\\0\1/g' -e 's/\\\([^0]\)/\1/g')
  start=$(printf '%s\n' "$line" | sed 's/.* start=(guint64)\([0-9]*\).*/\1/')
  end=$(printf '%s\n' "$line" | sed 's/.* end=(guint64)\([0-9]*\).*/\1/')
  printf '%s - %s s   %b\n' "$(seconds "$start")" "$(seconds "$end")" "$text"
  if [ -n "$srt" ]; then
    number=$((number + 1))
    printf '%d\n%s --> %s\n%b\n\n' $number "$(stamp "$start")" \
      "$(stamp "$end")" "$text" >>"$srt"
  fi
done
