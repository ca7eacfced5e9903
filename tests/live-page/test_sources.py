# SPDX-License-Identifier: LGPL-2.1-or-later
"""Files in a loop, several sources, and sources that fail and come back."""
import os
import subprocess
import sys
import tempfile
import time

from live import Live, Events, check, wait_for

PROGRAM = sys.argv[1]


def make(path, pattern, seconds, size=(320, 240)):
    subprocess.run(
        ['gst-launch-1.0', '-q', 'videotestsrc', f'pattern={pattern}',
         f'num-buffers={25 * seconds}', 'foreground-color=0xffff0000',
         'background-color=0xffffffff', '!',
         f'video/x-raw,width={size[0]},height={size[1]},framerate=25/1', '!',
         'vp8enc', 'deadline=1', '!', 'webmmux', '!', 'filesink',
         f'location={path}'], check=True)


def two_costs(events, n):
    """Time and frames of stream 0: at first, and n later."""
    costs = [(t, d['frames-came']) for k, d, t in list(events.all)
             if k == 'cost' and d['stream'] == 0 and d['frames-came'] > 0]
    later = [c for c in costs if c[1] >= costs[0][1] + n]
    return (costs[0], later[0]) if later else None


def test_loop(folder):
    """A file is played at its pace, again and again; numbers of answers go on;
    two streams have one model."""
    make(f'{folder}/ball.webm', 'ball', 2)
    make(f'{folder}/bars <i>.webm', 'smpte', 3, (640, 480))
    with Live(PROGRAM, f'{folder}/ball.webm', f'{folder}/bars <i>.webm',
              '--every', '0.5') as live:
        events = Events(live)
        for stream, size in ((0, (320, 240)), (1, (640, 480))):
            told = events.wait('stream', lambda s: s['id'] == stream
                               and s['state'] == 'playing')
            check((told['width'], told['height']) == size, told)
        check('bars <i>.webm' in told['name'], told)
        # Two rounds and more: more frames than the file has.
        first, last = wait_for(lambda: two_costs(events, 125), 'two rounds')
        rate = (last[1] - first[1]) / (last[0] - first[0])
        print(f'{rate:.1f} frames a second of a file with 25')
        check(rate < 28, 'faster than its pace')
        n = len(events.of('answer'))
        events.wait('answer', lambda a: events.of('answer').index(a) > n + 3)
        for stream in (0, 1):
            ids = [a['id'] for a in events.of('answer', lambda a: a['stream']
                                              == stream)]
            check(ids and len(ids) == len(set(ids)), ids)
        costs = events.of('cost', lambda c: c['stream'] == 0)
        check(all(c['frames-seen'] == c['frames-came'] or
                  abs(c['frames-seen'] - c['frames-came']) < 3
                  for c in costs), costs[-1])
        check(not live.log(), live.log())
        live.stop()


def test_failing(folder):
    """One of two sources goes and comes back; the other one goes on."""
    path = f'{folder}/comes.webm'
    make(path, 'ball', 1)
    with Live(PROGRAM, path, f'{folder}/ball.webm') as live:
        events = Events(live)
        events.wait('stream', lambda s: s['id'] == 0
                    and s['state'] == 'playing')
        os.rename(path, path + '.away')
        failed = events.wait('stream', lambda s: s['id'] == 0
                             and s['state'] == 'failed')
        check(failed['error'], failed)
        print('failed:', failed['error'])
        n = len(events.all)
        os.rename(path + '.away', path)
        wait_for(lambda: [d for k, d, _ in events.all[n:] if k == 'stream'
                          and d['id'] == 0 and d['state'] == 'playing'
                          and not d['error']], 'it plays again')
        check(not [s for s in events.of('stream') if s['id'] == 1
                   and s['state'] == 'failed'])
        check(len(live.log()) == 1, live.log())
        live.stop()


def test_no_video(folder):
    """The only source has none: the program ends, and says why."""
    path = f'{folder}/sound.ogg'
    subprocess.run(
        ['gst-launch-1.0', '-q', 'audiotestsrc', 'num-buffers=50', '!',
         'vorbisenc', '!', 'oggmux', '!', 'filesink', f'location={path}'],
        check=True)
    text = f'{folder}/text.mp4'
    with open(text, 'w') as f:
        f.write('This is no video.\n' * 100)
    for source, words in ((path, 'no video'), (text, 'video')):
        done = subprocess.run([PROGRAM, '--port', '0', source], timeout=240,
                              capture_output=True, text=True)
        check(done.returncode == 1 and words in done.stderr, done)
        check(f'{source}: ' in done.stderr, done)
        check(len([line for line in done.stderr.splitlines()
                   if 'computes on the CPU' not in line]) == 1, done)
        print('refused:', done.stderr.strip().splitlines()[-1])
    done = subprocess.run([PROGRAM, '--port', '0', '--max-pixels', '1000',
                           f'{folder}/ball.webm'], timeout=240,
                          capture_output=True, text=True)
    check(done.returncode == 1 and '--max-pixels' in done.stderr, done)
    done = subprocess.run([PROGRAM, '--port', '0', '--model', text],
                          timeout=240, capture_output=True, text=True)
    check(done.returncode == 1 and text in done.stderr, done)


def main():
    with tempfile.TemporaryDirectory() as folder:
        test_loop(folder)
        test_failing(folder)
        test_no_video(folder)


main()
