#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Half, and nine tenths, of the memory that a full-size model needs, as a control group's limit: told with the numbers,
before anything is taken, and nobody is killed.

    test_limit.py OWL2_BENCH MODEL

Skipped where no control group with a limit can be made."""
import os
import re
import subprocess
import sys

MIB = 1 << 20
SKIP = 77


class Group:
    """A control group of version 1 or 2 with a limit of memory."""

    def __init__(self):
        self.path = None
        for root, limit, peak in (('/sys/fs/cgroup/memory', 'memory.limit_in_bytes', 'memory.max_usage_in_bytes'),
                                  ('/sys/fs/cgroup', 'memory.max', 'memory.peak')):
            path = os.path.join(root, 'owl2-limit-%d' % os.getpid())
            try:
                os.mkdir(path)
            except OSError:
                continue
            self.path, self.limit, self.peak = path, os.path.join(path, limit), os.path.join(path, peak)
            if os.path.exists(self.limit):
                return
            self.remove()

    def remove(self):
        if self.path:
            os.rmdir(self.path)
            self.path = None

    def run(self, limit, command):
        """(status, standard error, most bytes that were used or None)"""
        self.remove()
        self.__init__()
        with open(self.limit, 'w') as f:
            f.write(str(limit))
        member = os.path.join(self.path, 'cgroup.procs')

        def enter():
            with open(member, 'w') as f:
                f.write(str(os.getpid()))

        p = subprocess.run(command, preexec_fn=enter, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        most = int(open(self.peak).read()) if os.path.exists(self.peak) else None
        return p.returncode, p.stderr, most


def main(bench, model):
    group = Group()
    if not group.path:
        print('no control group can be made here')
        return SKIP
    try:
        try:
            with open(group.limit, 'w') as f:
                f.write(str(512 * MIB))
        except OSError as e:
            print('no limit can be set here: %s' % e)
            return SKIP
        status, said, most = group.run(1024 * MIB, [bench, '--model', model])
        assert status == 0, (status, said)
        print('a model that has room runs, with %s MiB at most' % (most and most // MIB))
        for kind, weights in (('q4_k', 4.9), ('q8_0', 8.1), ('f16', 15.3)):
            for part in (0.5, 0.9):
                limit = int(weights * 1024 * part) * MIB
                status, said, most = group.run(limit, [bench, '--synthetic', '7b', '--type', kind])
                found = re.search(r'the weights need (\d+) MiB, .* has (\d+) MiB free', said)
                assert status == 1 and found, (kind, part, status, said)
                need, free = int(found[1]), int(found[2])
                assert abs(need / 1024 - weights) < 0.1, (kind, need)
                assert free <= limit // MIB < need, (kind, part, free, need)
                assert most is None or most < 512 * MIB, (kind, part, most)
                print('%s: %d MiB needed, %d free of %d, %s MiB taken' % (kind, need, free, limit // MIB,
                                                                        most and most // MIB))
    finally:
        group.remove()
    return 0


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
