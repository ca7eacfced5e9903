#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Installs what training needs: Debian's PyTorch, GStreamer with its codecs, fonts, photographs.
set -e
export DEBIAN_FRONTEND=noninteractive
SUDO=
[ "$(id -u)" = 0 ] || SUDO=sudo
$SUDO apt-get update
$SUDO apt-get install -y --no-install-recommends \
  python3-torch libopenblas0-pthread python3-numpy python3-cairo python3-matplotlib python3-sentencepiece python3-pil \
  python3-gi gir1.2-gstreamer-1.0 gir1.2-gst-plugins-base-1.0 gstreamer1.0-plugins-base \
  gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly gstreamer1.0-libav \
  fonts-dejavu-core fonts-liberation fonts-freefont-ttf \
  mate-backgrounds ukui-wallpapers lomiri-wallpapers-16.04 lomiri-wallpapers-20.04 \
  plasma-workspace-wallpapers opencv-doc
