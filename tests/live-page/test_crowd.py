# SPDX-License-Identifier: LGPL-2.1-or-later
"""A hundred browsers share one encoder, and those that stop reading or vanish
hold up nothing: no frame is lost upstream, and memory stays as it is."""
import select
import socket
import struct
import sys
import time

from live import LONG, Live, Events, check

PROGRAM = sys.argv[1]
N = 100
N_STOPPED = 10
SECONDS = 60 if LONG else 6
# What the rings of pictures and answers may still take, and what malloc keeps.
GROWTH = 16 << 20


class Client:
    """Reads what comes, or stops after some of it."""

    def __init__(self, live, path, stopped):
        self.stopped = stopped
        self.n = 0
        self.ended = False
        self.socket = socket.socket()
        if stopped:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.connect((live.host, live.port))
        self.socket.sendall(f'GET {path} HTTP/1.1\r\nHost: {live.host}:'
                            f'{live.port}\r\n\r\n'.encode())

    def read(self):
        got = self.socket.recv(1 << 18)
        self.n += len(got)
        self.ended = not got

    def vanish(self):
        """Without a word: the connection is reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                               struct.pack('ii', 1, 0))
        self.socket.close()
        self.ended = True


def is_established(s):
    return s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == 1


def pump(clients, seconds):
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        reading = [c for c in clients if not c.ended
                   and not (c.stopped and c.n > 3000)]
        ready, _, _ = select.select([c.socket for c in reading], [], [],
                                    min(left, 0.5))
        for c in reading:
            if c.socket in ready:
                c.read()


def rate(events, begin, end):
    """Frames a second that the model was shown, all that came, and memory."""
    costs = [(t, d) for k, d, t in list(events.all)
             if k == 'cost' and begin <= t <= end]
    (t0, first), (t1, last) = costs[0], costs[-1]
    check(t1 > t0, 'no two costs')
    lost = (last['frames-came'] - first['frames-came']
            - last['frames-seen'] + first['frames-seen'])
    return ((last['frames-came'] - first['frames-came']) / (t1 - t0), lost,
            first['memory'], last['memory'], last['clients'])


def main():
    with Live(PROGRAM) as live:
        events = Events(live)
        events.wait('answer')
        begin = time.monotonic()
        pump([], 4)
        alone, *_ = rate(events, begin, time.monotonic())
        clients = [Client(live, '/events' if i % 2 else '/streams/0/picture',
                          i < N_STOPPED) for i in range(N)]
        pump(clients, 3)
        begin = time.monotonic()
        pump(clients, SECONDS)
        together, lost, before, after, n = rate(events, begin,
                                                time.monotonic())
        pictures = [c.n for c in clients[N_STOPPED::2]]
        print(f'{alone:.1f} frames a second alone, {together:.1f} with {N} '
              f'clients; {lost} lost; {(after - before) / 1024:.0f} KiB more '
              f'in {SECONDS} s; a client got {min(pictures) / 1e6:.2f} to '
              f'{max(pictures) / 1e6:.2f} MB')
        check(n > N // 3, n, 'clients')
        check(abs(lost) <= 2, lost, 'frames lost')
        check(together > 0.85 * alone, 'the stream was held up')
        check(after - before < GROWTH, 'memory grows')
        check(all(c.n > 20000 and not c.ended for c in clients[N_STOPPED:]
                  if c not in clients[1::2]), 'somebody got nothing')
        for c in clients[::3]:
            c.vanish()
        pump(clients, 3)
        check(live.get_json('/streams')['streams'][0]['state'] == 'playing')
        if LONG:
            # Who takes nothing for half a minute is cut off, by now.
            check(not [c for c in clients[:N_STOPPED:2] if not c.ended
                       and is_established(c.socket)], 'not cut off')
        for c in clients:
            if not c.ended:
                c.socket.close()
        check(not live.log(), live.log())
        live.stop()


main()
