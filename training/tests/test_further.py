# SPDX-License-Identifier: LGPL-2.1-or-later
"""A model file that is read for further training is written again as it was.

    python3 test_further.py OWL2_CONVERT MODEL.gguf
"""
import os
import subprocess
import sys
import tempfile

import numpy as np

TRAINING = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..')
sys.path.insert(0, os.path.join(TRAINING, '../tests/file'))
from read_gguf import read_gguf  # noqa: E402


def run(*command):
    subprocess.run(command, check=True)


def main(convert, path):
    def script(name, *args):
        run(sys.executable, '-W', 'ignore', os.path.join(TRAINING, name), *args)

    with tempfile.TemporaryDirectory() as d:
        script('tokenizer.py', d + '/template.model')
        script('gguf.py', path, d, d + '/template.model')
        script('export.py', d + '/start.pt', d + '/owl2-nano', d + '/tokenizer.model')
        run(convert, d + '/owl2-nano', d + '/again.gguf', '--type', 'q8_0')
        (keys, tensors), (keys_again, again) = (read_gguf(p)[:2] for p in (path, d + '/again.gguf'))
        wrong = [k for k in keys if not np.array_equal(keys[k], keys_again.get(k))]
        wrong += [n for n in tensors if n not in again or tensors[n][0] != again[n][0] or
                  not np.array_equal(tensors[n][1], again[n][1])]
        print('%d keys and %d tensors, not the same: %s' % (len(keys), len(tensors), wrong or 'none'))
        return 1 if wrong or len(tensors) < 100 or len(again) != len(tensors) else 0


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
