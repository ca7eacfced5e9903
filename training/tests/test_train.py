# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every stage of a training runs, from nothing and further, on a pool of a few pictures.

    python3 test_train.py MODEL.gguf
"""
import os
import subprocess
import sys
import tempfile

import torch

TRAINING = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..')
sys.path.insert(0, TRAINING)
import icons  # noqa: E402
import net  # noqa: E402
import pool  # noqa: E402
import train  # noqa: E402
import world  # noqa: E402

IMAGES = [('shapes', None, 0, 40), ('text', 'known', 0, 12), ('text', 'trained', 1000000, 6), ('pattern', None, 0, 4),
          ('plain', None, 0, 4), ('photo', None, 0, 4), ('styled shapes', None, 0, 8), ('styled text', 'known', 0, 4),
          ('styled text', 'trained', 1000000, 2), ('styled plain', None, 0, 2)]
CLIPS = [('shapes', None, 0, 20), ('text', 'known', 0, 2), ('pattern', None, 0, 3), ('plain', None, 0, 2),
         ('photo', None, 0, 2), ('styled shapes', None, 0, 4), ('styled plain', None, 0, 2)]
CROWDS = [('crowd', None, 0, 12)]
if icons.installed():
    IMAGES += [('thing', None, 0, 8), ('unknown', None, 0, 4)]
    CLIPS += [('thing', None, 0, 4), ('unknown', None, 0, 2)]


def run(folder, pools, stages):
    """Trains one step of each of these stages; the log's lines, and the state that is left."""
    trainer = train.Trainer(folder, pools, 0, 1, train.parse([folder, pools]))
    before = trainer.flat.p.clone()
    trainer.train([(name, 1, rate) for name, _, rate in stages])
    assert torch.isfinite(trainer.flat.p).all() and not torch.equal(before, trainer.flat.p)
    with open(os.path.join(folder, 'log.txt')) as f:
        return f.read().splitlines(), torch.load(os.path.join(folder, 'state.pt'))


def begun(log):
    return [line.split()[2] for line in log if ' stage ' in line]


def main(path):
    torch.set_num_threads(2)
    net.FAST = True
    with tempfile.TemporaryDirectory() as d:
        pools, nothing, further = (os.path.join(d, name) for name in ('pool', 'nothing', 'further'))
        for folder in (pools, nothing, further):
            os.mkdir(folder)
        pool.build(pools, 'images', IMAGES, 1, 0, 1)
        pool.build(pools, 'clips', CLIPS, world.FRAMES, 0, 1)
        pool.build(pools, 'crowds', CROWDS, 1, 0, 1)
        tokenizer = nothing + '/tokenizer.model'
        for script in (['tokenizer.py', tokenizer], ['gguf.py', path, further, tokenizer]):
            subprocess.run([sys.executable, '-W', 'ignore', os.path.join(TRAINING, script[0])] + script[1:], check=True)

        names = [name for name, *_ in train.STAGES]
        run(nothing, pools, train.STAGES[:2])
        log, state = run(nothing, pools, train.STAGES)
        assert begun(log) == names, 'a run that goes on does each stage once: %s' % begun(log)
        assert state['stage'] == len(names) and state['step'] == 0

        log, state = run(further, pools, train.FURTHER)
        assert begun(log) == [name for name, *_ in train.FURTHER]
        # What is trained further begins as the file, not as noise.
        start = torch.load(further + '/start.pt')['lm_head.weight']
        end = torch.load(further + '/after-widen.pt')['lm_head.weight']
        far = ((end - start).norm() / start.norm()).item()
        assert far < 0.1, 'lm_head has moved by %.3f of its length' % far
        print('%d and %d stages run' % (len(names), len(train.FURTHER)))
    return 0


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
