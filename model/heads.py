# SPDX-License-Identifier: LGPL-2.1-or-later
"""Throw-away heads: they teach the vision encoder and the abstractor, and are not exported.

The patch heads say what each patch of the ViT's output holds.  The table heads
read from the abstractor's rows what is in the picture: for each colour and
each shape its x, its y and its size, and for each of nine places what is there.
"""
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

from net import linear
from tasks import AUX

WEIGHT = {'x': 1.0, 'y': 1.0, 'there': 1.0, 'shape': 1.0, 'colour': 1.0, 'r': 0.5, 'cell colour': 1.0,
          'cell shape': 1.0, 'letter': 1.0, 'type': 0.3, 'background': 0.3, 'background colour': 0.5,
          'pattern': 0.5, 'small': 0.3, 'text colour': 0.3}


class Heads(nn.Module):
    def __init__(self, vision_width, width, queries):
        super().__init__()
        self.patch = nn.Linear(vision_width, 9 + 13 + 26)
        self.narrow = nn.Linear(width, 64)
        self.table = nn.Linear(64 * queries, sum(n for _, n in AUX))
        self.table.weight.data.mul_(0.5)
        starts = np.cumsum([0] + [n for _, n in AUX])
        self.groups = []
        for name in dict.fromkeys(n for n, _ in AUX):
            for size in sorted({c for n, c in AUX if n == name}):
                which = [i for i, (n, c) in enumerate(AUX) if (n, c) == (name, size)]
                logits = [starts[i] + j for i in which for j in range(size)]
                self.groups.append((name, size, torch.tensor(which), torch.tensor(logits)))

    def forward(self, vision, rows, targets):
        """Loss, and {name: share right}; targets: shape, colour, letters [B, 64], table [B, n]."""
        shape, colour, letters, table = targets
        p = linear(vision[:, 1:], self.patch.weight, self.patch.bias).float()
        weight = torch.ones(13)
        weight[0] = 0.15
        loss = 5 * F.cross_entropy(p[..., :9].reshape(-1, 9), shape.view(-1), weight[:9])
        loss = loss + 1.5 * F.cross_entropy(p[..., 9:22].reshape(-1, 13), colour.view(-1), weight)
        # Letters: which patches have any, and then which one, among those that a patch shows parts of.
        bits = ((letters[..., None] >> torch.arange(26)) & 1).float()
        some = bits.sum(-1) > 0
        loss = loss + 2 * F.binary_cross_entropy_with_logits(torch.logsumexp(p[..., 22:], -1), some.float())
        right = {}
        if some.any():
            logits, want = p[..., 22:][some], bits[some]
            loss = loss - 5 * (logits.log_softmax(-1) * want).sum(-1).div(want.sum(-1)).mean()
            right['patch letter'] = want.gather(1, logits.argmax(-1, keepdim=True)).mean().item()
        full = shape > 0
        if full.any():
            right['patch shape'] = (p[..., :9].argmax(-1) == shape)[full].float().mean().item()
        x = F.layer_norm(rows[:, :-1], rows.shape[-1:])
        x = linear(x, self.narrow.weight, self.narrow.bias)
        t = linear(x.flatten(1), self.table.weight, self.table.bias).float()
        for name, size, which, index in self.groups:
            logits, want = t[:, index].view(-1, size), table[:, which].view(-1)
            use = want != 255
            n = use.sum()
            if n == 0:
                continue
            part = F.cross_entropy(logits, torch.where(use, want, torch.full_like(want, -100)), reduction='sum',
                                   ignore_index=-100)
            # Most places hold nothing; the sum is over what there is, not over the empty entries.
            some = (use & (want > 0)).sum() + 0.1 * n if name in ('letter', 'there', 'cell colour', 'cell shape') else n
            loss = loss + WEIGHT[name] * part / some
            hit = use & (want > 0) if name in ('letter', 'cell colour', 'cell shape') else use
            if hit.any():
                right[name] = (logits.argmax(-1) == want)[hit].float().mean().item()
        return loss, right
