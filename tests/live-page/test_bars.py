# SPDX-License-Identifier: LGPL-2.1-or-later
"""Bars in time: the first words, a picture's way to the page, and the end."""
import signal
import statistics
import sys
import time

from live import Live, Events, check, wait_for

PROGRAM = sys.argv[1]
# From opening the page to the first words, and from a picture to the page, and
# from a signal to the end, in seconds.
FIRST = 3
DELAY = 0.3
END = 1


def first_words(events):
    return [t for k, _, t in list(events.all) if k in ('partial', 'answer')]


def delays(live, n):
    """How long after their time pictures come."""
    connection = live.connect()
    connection.request('GET', '/streams/0/picture')
    response = connection.getresponse()
    response.readline()
    found = []
    while len(found) < n:
        headers = {}
        while line := response.readline().decode().strip():
            name, value = line.split(': ')
            headers[name] = value
        response.read(int(headers['Content-Length']))
        found.append(time.time() - float(headers['X-Taken']))
        response.readline()
        response.readline()
    connection.close()
    return found


def main():
    for number in (signal.SIGINT, signal.SIGTERM):
        with Live(PROGRAM) as live:
            begin = time.monotonic()
            events = Events(live)
            live.get('/')
            first = wait_for(lambda: first_words(events), 'words')[0] - begin
            way = delays(live, 30)
            end = live.stop(number)
        print(f'first words after {first:.2f} s; pictures after '
              f'{statistics.median(way) * 1000:.0f} ms, at most '
              f'{max(way) * 1000:.0f} ms; the end {end:.2f} s after the signal')
        check(first < FIRST, 'the first words are late')
        check(statistics.median(way) < DELAY, 'pictures are late')
        check(end < END, 'the end is late')
    with Live(PROGRAM) as live:
        end = live.stop()
        print(f'the end {end:.2f} s after a signal while it loads')
        check(end < END, 'the end is late')


main()
