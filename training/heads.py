# SPDX-License-Identifier: LGPL-2.1-or-later
"""Throw-away heads: they teach the vision encoder and the abstractor, and are not exported.

The patch heads say what each patch of the ViT's output holds.  The table reads
from all rows of the abstractor together what the whole picture is.  The slot
head is one for all rows: each row tells of the object in its own cell of the
picture, all in the same code, so that the decoder can find a row by what it
holds.  In the last stages the word head makes each row that can have a letter tell
which of the known words it belongs to.  The motion head reads the rows of a
clip's last frame after the second layer of the decoder, where they have seen the
frames before.
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

from net import linear
from tasks import SLOT, THINGS, UNCLEAR, WHOLE
from vocab import MAX_WORD, WORDS

WEIGHT = {'type': 0.3, 'background': 0.3, 'background colour': 0.5, 'pattern': 0.5, 'small': 0.5, 'text colour': 0.3,
          'colour': 1.5, 'shape': 1.5, 'size': 0.5, 'place': 1.0, 'r': 0.3, 'x': 0.7, 'y': 0.7, 'letter': 2.0, 'thing': 1.5}
# Where most entries are empty: the sum is over what there is, not over them.
SPARSE = ('colour', 'shape', 'letter', 'thing')
MOTION = [n for n, _ in SLOT].index('motion')


def entries(logits, targets, kinds, right):
    """The weighted losses of a table's entries; logits [..., sum of classes], targets [..., len(kinds)]"""
    loss, at = 0.0, 0
    for k, (name, size) in enumerate(kinds):
        part, want = logits[..., at:at + size].reshape(-1, size), targets[..., k].reshape(-1)
        at += size
        use = want != UNCLEAR
        if name not in WEIGHT or not use.any():
            continue
        part, want = part[use], want[use]
        n = (want > 0).sum() + 0.1 * len(want) if name in SPARSE else len(want)
        loss = loss + WEIGHT[name] * F.cross_entropy(part, want, reduction='sum') / n
        hit = want > 0 if name in SPARSE else want >= 0
        if hit.any():
            right[name] = (part.argmax(-1) == want)[hit].float().mean().item()
    return loss


class Heads(nn.Module):
    def __init__(self, vision_width, width, queries):
        super().__init__()
        self.patch = nn.Linear(vision_width, 9 + 13 + 26 + 1 + len(THINGS))
        self.narrow = nn.Linear(width, 32)
        self.table = nn.Linear(32 * queries, sum(n for _, n in WHOLE))
        self.slot = nn.Linear(width, sum(n for _, n in SLOT))
        self.motion = nn.Linear(width, dict(SLOT)['motion'])
        self.word = nn.Linear(width, 1 + len(WORDS))

    def forward(self, vision, rows, targets):
        """Loss, and {name: share right}; targets: shape, colour, letters, thing [B, 64], table [B, n],
        slots [B, queries, m]."""
        shape, colour, letters, thing, table, slots = targets
        p = linear(vision[:, 1:], self.patch.weight, self.patch.bias).float()
        weight = torch.ones(13)
        weight[0] = 0.15
        loss = 5 * F.cross_entropy(p[..., :9].reshape(-1, 9), shape.view(-1), weight[:9], ignore_index=UNCLEAR)
        loss = loss + 1.5 * F.cross_entropy(p[..., 9:22].reshape(-1, 13), colour.view(-1), weight, ignore_index=UNCLEAR)
        # Letters: which patches have any, and then which one, among those that a patch shows parts of.
        bits = ((letters[..., None] >> torch.arange(26)) & 1).float()
        some = bits.sum(-1) > 0
        loss = loss + 2 * F.binary_cross_entropy_with_logits(torch.logsumexp(p[..., 22:48], -1), some.float())
        right = {}
        if some.any():
            logits, want = p[..., 22:48][some], bits[some]
            loss = loss - 5 * (logits.log_softmax(-1) * want).sum(-1).div(want.sum(-1)).mean()
            right['patch letter'] = want.gather(1, logits.argmax(-1, keepdim=True)).mean().item()
        weight = torch.ones(1 + len(THINGS))
        weight[0] = 0.15
        loss = loss + 2 * F.cross_entropy(p[..., 48:].reshape(-1, len(weight)), thing.view(-1), weight)
        there = thing > 0
        if there.any():
            right['patch thing'] = (p[..., 48:].argmax(-1) == thing)[there].float().mean().item()
        full = (shape > 0) & (shape != UNCLEAR)
        if full.any():
            right['patch shape'] = (p[..., :9].argmax(-1) == shape)[full].float().mean().item()
        x = F.layer_norm(rows[:, :-1], rows.shape[-1:])
        whole = linear(linear(x, self.narrow.weight, self.narrow.bias).flatten(1), self.table.weight, self.table.bias)
        loss = loss + entries(whole.float(), table, WHOLE, right)
        loss = loss + entries(linear(x, self.slot.weight, self.slot.bias).float(), slots, SLOT, right)
        return loss, right

    def words(self, rows, want):
        """Loss, and the share right; rows [B, queries, W], want [B] as of batch.words_of"""
        use = want != UNCLEAR
        if not use.any():
            return 0.0, {}
        x = rows[use, :MAX_WORD]
        logits = linear(F.layer_norm(x, x.shape[-1:]), self.word.weight, self.word.bias).float()
        want = want[use, None].expand(-1, x.shape[1])
        return 2 * F.cross_entropy(logits.transpose(1, 2), want), {'word': (logits.argmax(-1) == want).float().mean().item()}

    def motions(self, hidden, slots):
        """Loss, and the share right; hidden [B, queries, W], slots [B, queries, m] of the last frame."""
        want = slots[..., MOTION]
        use = want != UNCLEAR
        if not use.any():
            return 0.0, {}
        x = F.layer_norm(hidden[use], hidden.shape[-1:])
        logits = linear(x, self.motion.weight, self.motion.bias).float()
        return F.cross_entropy(logits, want[use]), {'motion': (logits.argmax(-1) == want[use]).float().mean().item()}
