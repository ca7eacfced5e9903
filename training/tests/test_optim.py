# SPDX-License-Identifier: LGPL-2.1-or-later
"""The optimizer: what it makes orthogonal, that it learns, and that two processes do what one does.

    python3 test_optim.py
"""
import os
import subprocess
import sys
import tempfile
import unittest

import torch
import torch.distributed as dist

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
import optim  # noqa: E402


class Net(torch.nn.Module):
    """y = w_out w_1 w_0 x, with two matrices in layers"""

    def __init__(self):
        super().__init__()
        torch.manual_seed(3)
        self.layers = torch.nn.ModuleList([torch.nn.Linear(24, 32), torch.nn.Linear(32, 40)])
        self.out = torch.nn.Linear(40, 8)

    def forward(self, x):
        return self.out(self.layers[1](self.layers[0](x)))


def trained(steps, shared=None, frozen=''):
    """All weights after some steps towards a random linear map; each of two processes sees half of a batch."""
    net = Net()
    flat = optim.Flat([net])
    flat.select(lambda name: 0.0 if frozen and frozen in name else 1.0)
    g = torch.Generator().manual_seed(4)
    target, losses = torch.randn(24, 8, generator=g), []
    for step in range(steps):
        x = torch.randn(16, 24, generator=g)
        if shared:
            x = x[8 * shared.rank:8 * shared.rank + 8]
        flat.g.zero_()
        loss = (net(x) - x @ target).pow(2).mean()
        loss.backward()
        if shared:
            shared.reduce(flat.g, flat.runs)
        flat.step(0.02, step + 1, shared)
        losses.append(loss.item())
    return net, flat, losses


class Optimizer(unittest.TestCase):
    def test_orthogonal(self):
        for shape in ((32, 32), (96, 32), (32, 80)):
            x = torch.randn(shape, generator=torch.Generator().manual_seed(5))
            u, _, v = torch.linalg.svd(x, full_matrices=False)
            got = optim.orthogonal(7 * u @ torch.diag(torch.linspace(1, 0.05, len(v))) @ v)
            values = torch.diag(u.t() @ got @ v.t())
            self.assertGreater(values.min().item(), 0.5, shape)
            self.assertLess(values.max().item(), 1.3, shape)
            self.assertLess((got - u @ torch.diag(values) @ v).abs().max().item(), 0.03, shape)

    def test_learns(self):
        _, _, losses = trained(300)
        self.assertLess(sum(losses[-10:]), 0.05 * sum(losses[:10]))

    def test_frozen(self):
        before = Net()
        after, _, _ = trained(5, frozen='layers.0')
        for (name, a), (_, b) in zip(before.named_parameters(), after.named_parameters()):
            self.assertEqual(torch.equal(a, b), 'layers.0' in name, name)

    def test_zero_gradient(self):
        self.assertEqual(optim.orthogonal(torch.zeros(8, 16)).abs().max().item(), 0)

    def test_two_processes(self):
        with tempfile.TemporaryDirectory() as d:
            both = [subprocess.Popen([sys.executable, '-W', 'ignore', __file__, d, str(r)]) for r in (0, 1)]
            self.assertEqual([p.wait(100) for p in both], [0, 0])
            first, second = (torch.load('%s/%d.pt' % (d, r)) for r in (0, 1))
        self.assertTrue(torch.equal(first, second))
        _, flat, _ = trained(8)
        self.assertLess((first - flat.p).abs().max().item(), 0.02)
        self.assertGreater((flat.p - optim.Flat([Net()]).p).abs().max().item(), 0.1)


if __name__ == '__main__':
    torch.set_num_threads(1)
    if len(sys.argv) == 3:
        directory, rank = sys.argv[1], int(sys.argv[2])
        dist.init_process_group('gloo', init_method='file://%s/meet' % directory, rank=rank, world_size=2)
        size = optim.Flat([Net()]).p.numel()
        _, flat, _ = trained(8, optim.Shared(directory + '/shared', rank, size))
        torch.save(flat.p, '%s/%d.pt' % (directory, rank))
    else:
        unittest.main()
