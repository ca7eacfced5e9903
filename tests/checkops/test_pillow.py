#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The device's resize against Pillow itself, and against the recorded frames.

usage: test_pillow.py RESIZE_RAW [SEED]

Pictures go through RESIZE_RAW and through PIL's bicubic filter; every byte must
be the same. OWL2_TEST_DATA names the folder with the recorded frames.
"""
import ast
import os
import random
import struct
import subprocess
import sys
import time
from pathlib import Path

from PIL import Image

BICUBIC = getattr(Image, 'Resampling', Image).BICUBIC
# 1x1, lines, one up and one down, a pass left out, large, and large to small.
SIZES = [(1, 1, 56, 56), (1, 1, 1, 1), (1, 37, 5, 5), (37, 1, 5, 5),
         (2, 3, 3, 2), (30, 30, 29, 31), (640, 360, 640, 640),
         (640, 640, 448, 448), (640, 360, 1, 1), (1, 1, 300, 2),
         (1280, 720, 1280, 1280), (1280, 1280, 56, 56), (1919, 7, 448, 448),
         (3, 2001, 448, 448), (448, 448, 448, 448), (17, 17, 1024, 1024)]
RANDOM_SIZES = 60


class Device:
    """RESIZE_RAW, running."""

    def __init__(self, program):
        self.process = subprocess.Popen(
            [program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def resize(self, image, width, height):
        pipe = self.process
        try:
            pipe.stdin.write(struct.pack('=4I', *image.size, width, height))
            pipe.stdin.write(image.tobytes())
            pipe.stdin.flush()
        except BrokenPipeError:
            sys.exit(pipe.wait() or 1)
        data = pipe.stdout.read(width * height * 3)
        if len(data) != width * height * 3:
            sys.exit(pipe.wait() or 1)
        return Image.frombytes('RGB', (width, height), data)


def picture(rng, width, height):
    """Noise, or black and white edges, or a ramp with few colours."""
    kind = rng.randrange(3)
    n = width * height * 3
    if kind == 0:
        data = rng.randbytes(n)
    elif kind == 1:
        data = bytes(255 if b & 1 else 0 for b in rng.randbytes(n))
    else:
        data = bytes((i // 3 // width + i) & 255 for i in range(n))
    return Image.frombytes('RGB', (width, height), data)


def check(name, got, want):
    """1 if they differ, having said where."""
    if got == want:
        return 0
    at = next(i for i, (a, b) in enumerate(zip(got, want)) if a != b)
    print(f'FAIL {name}: byte {at} is {got[at]}, not {want[at]}')
    return 1


def check_sizes(device, rng):
    failed = 0
    sizes = SIZES + [tuple(int(1.5 ** rng.uniform(0, 15)) for _ in range(4))
                     for _ in range(RANDOM_SIZES)]
    for sw, sh, dw, dh in sizes:
        image = picture(rng, sw, sh)
        want = image.resize((dw, dh), BICUBIC)
        failed += check(f'{sw}x{sh} to {dw}x{dh}',
                        device.resize(image, dw, dh).tobytes(), want.tobytes())
    return len(sizes), failed


def read_npy(path):
    """Shape and bytes of a C-order uint8 array."""
    data = path.read_bytes()
    length, = struct.unpack('<H', data[8:10])
    header = ast.literal_eval(data[10:10 + length].decode())
    assert header['descr'] == '|u1' and not header['fortran_order'], path
    return header['shape'], data[10 + length:]


def check_recorded(device, folder):
    """Both resizes of the preprocessing, as recorded for the model's tests."""
    n = failed = 0
    for golden in sorted(folder.glob('*/golden')):
        shape, resized = read_npy(golden / 'resized_rgb.npy')
        frames, edge, area = shape[0], shape[1], shape[1] * shape[2] * 3
        for k in range(frames):
            frame = Image.open(golden / f'frames/frame_{k}.png').convert('RGB')
            want = Image.open(golden / f'frames/frame_{k}_square.png')
            square = device.resize(frame, max(frame.size), max(frame.size))
            small = device.resize(square, edge, edge)
            name = f'{golden.parent.name} frame {k}'
            failed += check(name + ', square', square.tobytes(),
                            want.convert('RGB').tobytes())
            failed += check(name + ', resized', small.tobytes(),
                            resized[k * area:(k + 1) * area])
            n += 2
    return n, failed


def main():
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else int(time.time())
    print(f'seed: {seed}; Pillow {Image.__version__}', flush=True)
    device = Device(sys.argv[1])
    n_sizes, failed_sizes = check_sizes(device, random.Random(seed))
    n_recorded, failed_recorded = check_recorded(
        device, Path(os.environ['OWL2_TEST_DATA']))
    failed = failed_sizes + failed_recorded
    print(f'resize: {n_sizes} sizes against Pillow, {n_recorded} recorded '
          f'pictures, {failed} failed')
    return 1 if failed or not n_recorded else 0


if __name__ == '__main__':
    sys.exit(main())
