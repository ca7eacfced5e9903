#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Installs the pictures and fonts that held.py uses: photographs, cut-outs, flags and
# fonts from Debian's packages, and in FOLDER (held.py --pictures FOLDER) the icons
# of Emoji One 2 (CC-BY-4.0) from npm. None of these may be used for training.
#
# usage: tests/nano/held/setup.sh FOLDER
set -e
SUDO=
[ "$(id -u)" = 0 ] || SUDO=sudo
npm=npm # unless another package has it
! command -v npm >/dev/null || npm=
$SUDO env DEBIAN_FRONTEND=noninteractive apt-get install -y \
  --no-install-recommends python3-numpy python3-pil gstreamer1.0-tools \
  gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad \
  gstreamer1.0-plugins-ugly gstreamer1.0-libav \
  fonts-dejavu-core fonts-liberation fonts-freefont-ttf fonts-tuffy \
  fonts-sil-charis fonts-comfortaa fonts-adf-accanthis fonts-yanone-kaffeesatz \
  fonts-jura fonts-prociono \
  python3-skimage python3-sklearn forensics-samples-files opencv-doc \
  tuxpaint-stamps-default famfamfam-flag-png $npm
npm install --prefix "${1:?folder}" --ignore-scripts @iconify-json/emojione@1.2.3
