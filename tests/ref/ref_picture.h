/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef OWL2_REF_PICTURE_H
#define OWL2_REF_PICTURE_H

#include <stdint.h>
#include "picture.h"

/* A frame of any format as packed RGB8, by the formula in picture.h, upright:
 * rows of @image's height pixels if it is turned across, else of its width. */
void ref_picture_rgb (uint8_t *rgb, const Owl2Image *image);

#endif
