# SPDX-License-Identifier: LGPL-2.1-or-later
"""The network against recorded outputs of the authors' code.

    python3 test_net.py DIR...      each DIR holds model/ and golden/
"""
import os
import sys

import numpy as np
import torch

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
import net as network  # noqa: E402


def check(name, got, want, limit):
    err = float(np.abs(np.asarray(got) - want).max())
    print('%-28s %.2e %s' % (name, err, 'ok' if err <= limit else 'WRONG'))
    return err <= limit


def test(directory):
    def gold(name):
        return np.load(os.path.join(directory, 'golden', name + '.npy'))

    net = network.load(os.path.join(directory, 'model'))
    good = True
    with torch.no_grad():
        vision = net.model.vision_model(torch.from_numpy(gold('pixel_values')))
        rows = net.model.visual_abstractor(vision)
        good &= check('vision_last_hidden', vision, gold('vision_last_hidden'), 1e-3)
        good &= check('abstractor_output', rows, gold('abstractor_output'), 1e-3)
        for kind, frames in (('image', 1), ('video', 4), ('text', 0)):
            ids = torch.from_numpy(gold(kind + '_input_ids')).long()
            span = None
            if frames:
                at = ids.tolist().index(-200)
                image = rows[:frames].flatten(0, 1)
                span = (at, at + len(image))
                x = torch.cat([net.model.embed_tokens(ids[:at]), image, net.model.embed_tokens(ids[at + 1:])])
            else:
                x = net.model.embed_tokens(ids)
            t = len(x)
            mask = torch.full((t, t), float('-inf')).triu(1)
            logits = net.lm_head(net.decode(x[None], torch.arange(t), mask, span))[0]
            good &= check(kind + ' logits', logits, gold(kind + '_logits'), 1e-3)
            want = gold(kind + '_generated_ids').tolist()
            got = net.generate(x[None], span, len(want), stop=False)[0]
            good &= got == want
            print(kind, 'tokens', 'ok' if got == want else 'WRONG')
    return good


if __name__ == '__main__':
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(0 if all([test(d) for d in sys.argv[1:]]) else 1)
