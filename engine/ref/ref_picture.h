/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef OWL2_REF_PICTURE_H
#define OWL2_REF_PICTURE_H

#include <stdint.h>
#include "picture.h"

/* A frame of any format as packed RGB8, by the formula in picture.h, upright:
 * rows of @image's height pixels if it is turned across, else of its width. */
void ref_picture_rgb (uint8_t *rgb, const Owl2Image *image);

/* Packed RGB8 of w x h as the square of n that a mode, not AUTO, makes of it.
 */
void ref_picture_square (uint8_t *dst, size_t n, Owl2ImageMode mode,
    const uint8_t *rgb, size_t w, size_t h);

#endif
