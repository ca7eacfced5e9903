# SPDX-License-Identifier: LGPL-2.1-or-later
"""What sensors, screens and people do to pictures; numpy random generators."""

import io

import numpy as np
from PIL import Image


def grain(rng, im, sigma, cell=1):
    """Noise of SIGMA of 255, in cells of CELL pixels"""
    w, h = im.size
    small = rng.normal(0, sigma, (h // cell + 1, w // cell + 1, 3))
    noise = small.repeat(cell, 0).repeat(cell, 1)[:h, :w]
    return Image.fromarray((np.asarray(im, np.float32) + noise)
                           .clip(0, 255).astype(np.uint8))


def dim(rng, im, light):
    """Less light, and still less of it in the corners"""
    w, h = im.size
    y, x = np.mgrid[-1:1:h * 1j, -1:1:w * 1j]
    fall = light * (1 - rng.uniform(.2, .3) * (x * x + y * y) / 2)
    return Image.fromarray((np.asarray(im) * fall[..., None]).astype(np.uint8))


def bars(im, size):
    """Black bars around it"""
    out = Image.new("RGB", size)
    scale = min(size[0] / im.width, size[1] / im.height)
    im = im.resize((round(im.width * scale), round(im.height * scale)))
    out.paste(im, ((size[0] - im.width) // 2, (size[1] - im.height) // 2))
    return out


def jpeg(im, quality):
    out = io.BytesIO()
    im.save(out, "jpeg", quality=quality)
    return Image.open(out).convert("RGB")
