# SPDX-License-Identifier: LGPL-2.1-or-later
"""The video of owl2-live over WebRTC: it is the stream's picture, encoded once
for all who watch, sent from no other address than the one that is listened on,
and neither who vanishes nor who talks nonsense is noticed by the others."""
import glob
import json
import os
import random
import re
import subprocess
import sys
import tempfile

from live import LONG, PATIENCE, Live, check, wait_for
from watcher import Watcher

PROGRAM = sys.argv[1]
SEED = int(os.environ.get('OWL2_SEED', '20250301'))
N_NONSENSE = 1500 if LONG else 150
VIDEO = '/streams/0/webrtc'
# What takes part, but for libnice.
PLUGINS = ('coreelements', 'app', 'videotestsrc', 'videoconvert', 'videoscale',
           'videoconvertscale', 'videofilter', 'jpeg', 'webrtc', 'dtls', 'srtp',
           'rtp', 'rtpmanager', 'videoparsersbad', 'x264', 'openh264')


class Log:
    """What GStreamer tells of its elements."""

    def __init__(self, path):
        self.path = path
        self.env = {'GST_DEBUG': 'GST_ELEMENT_FACTORY:4,GST_STATES:4',
                    'GST_DEBUG_FILE': path, 'GST_DEBUG_NO_COLOR': '1'}

    def encoders(self):
        """How many were made, and how many are left."""
        with open(self.path) as f:
            text = f.read()
        made = len(re.findall(r'creating element "\w*h264enc"|"x264enc"', text))
        return made, made - len(re.findall(
            r'<\w*(?:h264|x264)enc\d+> completed state change to NULL', text))


def udp_addresses(live):
    """Of the program's sockets, as the kernel writes them."""
    inodes = set()
    for path in glob.glob(f'/proc/{live.process.pid}/fd/*'):
        try:
            inodes |= set(re.findall(r'^socket:\[(\d+)\]', os.readlink(path)))
        except OSError:
            pass
    found = []
    for path in ('udp', 'udp6'):
        with open(f'/proc/{live.process.pid}/net/{path}') as f:
            rows = [line.split() for line in f.readlines()[1:]]
        found += [row[1].split(':')[0] for row in rows if row[9] in inodes]
    return found


def comes(w, n=5):
    """Waits for so many more pictures."""
    before = w.frames
    wait_for(lambda: w.frames >= before + n, f'video ({w.state()})')


def check_picture(w):
    """A red ball on white."""
    width, height, data = w.picture
    check((width, height) == (640, 360), width, height)
    pixels = [data[i:i + 3] for i in range(0, len(data), 3 * 61)]
    red = sum(r > 150 and g < 110 and b < 110 for r, g, b in pixels)
    white = sum(min(p) > 225 for p in pixels)
    check(0.001 < red / len(pixels) < 0.1, red, len(pixels), 'are red')
    check(white / len(pixels) > 0.85, white, len(pixels), 'are white')


def check_answer(sdp):
    found = re.findall(r'^a=candidate:\S+ 1 (\S+) \d+ (\S+) \d+ typ (\S+)', sdp, re.M)
    check(found == [('UDP', '127.0.0.1', 'host')], sdp)
    check('a=sendonly' in sdp and sdp.count('m=') == 1, sdp)


def test_watching(live, log):
    check(log.encoders() == (0, 0), 'encoded for nobody')
    check(not udp_addresses(live), udp_addresses(live))
    first = Watcher()
    check_answer(first.watch(live))
    comes(first)
    check_picture(first)
    more = [Watcher(payload=96 + i) for i in range(2)]
    for w in more:
        w.watch(live)
    for w in more:
        comes(w)
        check_picture(w)
    check(log.encoders() == (1, 1), log.encoders(), 'encoders')
    udp = udp_addresses(live)
    check(len(udp) == 3 and set(udp) == {'0100007F'}, udp)
    for w in more:  # Without a word.
        w.close()
    comes(first, 50)
    return first


def test_end(live, log, w):
    """Who has gone is forgotten, and then nothing is encoded."""
    wait_for(lambda: len(udp_addresses(live)) == 1, 'forgetting')
    comes(w)
    check(log.encoders() == (1, 1), log.encoders(), 'encoders')
    w.close()
    wait_for(lambda: log.encoders() == (1, 0), 'the end of encoding')
    wait_for(lambda: not udp_addresses(live), 'forgetting the last')
    again = Watcher()
    again.watch(live)
    comes(again)
    live.stop()
    again.close()


# ---- Offers

def refused(live, body, status, word=''):
    got, _, answer = live.request('POST', VIDEO, body)
    error = json.loads(answer)['error']
    check(got == status and word in error, str(body)[:200], got, error)


def test_offers(live, offer):
    for body in ({}, {'sdp': None}, {'sdp': 1}, {'sdp': ['v=0']}, {'sdp': ''},
                 {'sdp': 'v=0'}, {'sdp': 'x' * 16000}, {'sdp': 'm=\r\n' * 1500}):
        refused(live, body, 400)
    refused(live, {'sdp': offer + 'x' * 16384}, 413)
    refused(live, [], 400)
    for old, new, word in (
            ('H264', 'VP8', 'H.264'), ('=42e0', '=6400', 'H.264'),
            ('packetization-mode=1', 'packetization-mode=0', 'H.264'),
            ('a=rtpmap:102', 'a=rtpmap:72', 'H.264'),
            ('m=video', 'm=audio', 'video'), ('v=0', 'v=1', 'SDP'),
            ('a=ice-ufrag:', 'a=ice-ufrag:"', 'ice-ufrag'),
            ('a=ice-pwd:', 'a=', 'ice-pwd'), ('a=mid:', 'a=mid:{', 'mid'),
            ('a=fingerprint:', 'a=fingerprint:;', 'fingerprint'),
            ('a=mid', 'm=video 9 UDP/TLS/RTP/SAVPF 102\r\na=mid', 'one video')):
        check(old in offer, old)
        refused(live, {'sdp': offer.replace(old, new)}, 400, word)
    status, _, _ = live.request('POST', VIDEO, {'sdp': offer},
                                Origin='http://evil.example')
    check(status == 403, status)
    check(live.request('GET', VIDEO)[0] == 405)


def mutate(rng, text):
    for _ in range(rng.randint(1, 8)):
        at = rng.randrange(len(text) + 1)
        text = rng.choice((
            text[:at] + chr(rng.choice((rng.randrange(1, 128), 0x1F600)))
            + text[at + 1:],
            text[:at] + text[at + rng.randint(1, 30):],
            text[:at] + text[max(0, at - rng.randint(1, 100)):at] + text[at:],
            text[:at] + rng.choice(('\r\n', 'a=', 'm=', '%n', '9' * 40, '; '))
            + text[at:]))
    return text


def test_nonsense(live, offer):
    """Answered or refused."""
    rng = random.Random(SEED)
    short = ''.join(line + '\r\n' for line in offer.splitlines()
                    if not line.startswith(('a=candidate', 'a=rtcp', 'a=ice-o')))
    kinds = {}
    for _ in range(N_NONSENSE):
        status, _, _ = live.request('POST', VIDEO, {'sdp': mutate(rng, short)})
        kinds[status] = kinds.get(status, 0) + 1
    print(f'seed {SEED}: {N_NONSENSE} offers:', kinds)
    check(kinds.get(400) and not set(kinds) - {200, 400, 500, 503}, kinds)


# ---- Others

def draw(path, *sizes):
    """Two seconds of each size, in one file."""
    even = path.endswith('.ts')
    coded = ('x264enc speed-preset=ultrafast key-int-max=25 ! h264parse '
             'config-interval=-1 ! video/x-h264,stream-format=byte-stream,'
             'alignment=au' if even else 'vp8enc deadline=1')
    words = ['gst-launch-1.0', '-q', 'concat', 'name=c', '!',
             'mpegtsmux' if even else 'webmmux', '!', 'filesink',
             f'location={path}']
    for width, height in sizes:
        words += ('videotestsrc pattern=ball num-buffers=50 ! video/x-raw,'
                  f'format=I420,width={width},height={height} ! {coded} ! c.'
                  ).split()
    subprocess.run(words, check=True, timeout=PATIENCE)


def test_sizes(folder):
    """An odd one, and those of a source that changes, larger than what is sent,
    too."""
    draw(f'{folder}/odd.webm', (321, 241))
    draw(f'{folder}/sizes.ts', (240, 180), (802, 250))
    with Live(PROGRAM, f'{folder}/odd.webm', f'{folder}/sizes.ts') as live:
        odd, w = Watcher(), Watcher()
        odd.watch(live)
        w.watch(live, 1)
        sizes = set()

        def both():
            if w.picture:
                sizes.add(w.picture[:2])
            return len(sizes) == 2

        wait_for(both, 'both sizes')
        comes(odd)
        width, height, _ = odd.picture
        check(abs(width - 321) == 1 and abs(height - 241) == 1, width, height)
        # 199.5 is what the height of the larger one would be.
        check(sizes in ({(240, 180), (640, n)} for n in (198, 200)), sizes)
        live.stop()
        odd.close()
        w.close()


def test_without(folder, offer):
    """Where an element is missing the page has pictures."""
    os.mkdir(f'{folder}/plugins')
    system = subprocess.run(
        ['pkg-config', '--variable=pluginsdir', 'gstreamer-1.0'],
        capture_output=True, text=True, check=True).stdout.strip()
    for name in PLUGINS:
        for path in glob.glob(f'{system}/libgst{name}.so'):
            os.symlink(path, f'{folder}/plugins/{os.path.basename(path)}')
    env = {'GST_REGISTRY': f'{folder}/registry',
           'GST_PLUGIN_SYSTEM_PATH': f'{folder}/plugins'}
    with Live(PROGRAM, env=env) as live:
        check(live.get_json('/streams')['webrtc'] is False)
        refused(live, {'sdp': offer}, 501, 'nice')
        live.stop()
    os.symlink(f'{system}/libgstnice.so', f'{folder}/plugins/libgstnice.so')
    with Live(PROGRAM, env=env) as live:
        check(live.get_json('/streams')['webrtc'] is True)
        live.stop()


def main():
    offering = Watcher()
    offer = offering.offer()
    offering.close()
    with tempfile.TemporaryDirectory() as folder:
        log = Log(f'{folder}/log')
        with Live(PROGRAM, env=log.env) as live:
            check(live.get_json('/streams')['webrtc'] is True, 'no WebRTC here')
            w = test_watching(live, log)
            test_offers(live, offer)
            test_nonsense(live, offer)
            test_end(live, log, w)
        test_sizes(folder)
        test_without(folder, offer)


main()
