#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Installs what training needs: Debian's PyTorch, GStreamer with its codecs, fonts, photographs and clip art, and, beside
# this file, sets of icons from npm.
set -e
export DEBIAN_FRONTEND=noninteractive
SUDO=
[ "$(id -u)" = 0 ] || SUDO=sudo
npm=npm       # unless another package has it
! command -v npm >/dev/null || npm=
$SUDO apt-get update
$SUDO apt-get install -y --no-install-recommends \
  python3-torch libopenblas0-pthread python3-numpy python3-cairo python3-matplotlib python3-sentencepiece python3-pil \
  python3-gi gir1.2-gstreamer-1.0 gir1.2-gst-plugins-base-1.0 gstreamer1.0-plugins-base \
  gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly gstreamer1.0-libav \
  gir1.2-rsvg-2.0 python3-gi-cairo openclipart-svg \
  fonts-dejavu-core fonts-dejavu-extra fonts-liberation fonts-freefont-ttf \
  fonts-open-sans fonts-roboto-unhinted fonts-lato fonts-cabin fonts-comic-neue fonts-b612 fonts-courier-prime \
  fonts-league-spartan fonts-quicksand fonts-play fonts-bebas-neue fonts-cantarell fonts-crosextra-carlito \
  fonts-crosextra-caladea fonts-dosis fonts-roboto-slab fonts-linuxlibertine fonts-karla fonts-sora \
  mate-backgrounds ukui-wallpapers lomiri-wallpapers-16.04 lomiri-wallpapers-20.04 \
  plasma-workspace-wallpapers opencv-doc $npm
# Licences and what each is for: README.md, "Pictures that are not drawn here".
here=$(cd "$(dirname "$0")" && pwd)
set --
for icons in noto@1.2.9 noto-v1@1.2.5 twemoji@1.2.5 fluent-emoji@1.2.7 fluent-emoji-flat@1.2.6 \
    fxemoji@1.2.2 streamline-emojis@1.2.4 openmoji@1.2.29; do
  set -- "$@" "@iconify-json/$icons"
done
npm install --prefix "$here" --no-save --no-audit --no-fund --ignore-scripts "$@"
