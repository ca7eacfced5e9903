# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the page asks for: pictures, captions, questions, settings, files."""
import io
import os
import re
import signal
import subprocess
import sys
import tempfile

import PIL.Image

from live import Live, Events, check, wait_for

PROGRAM = sys.argv[1]
HOSTILE = '<b>&amp;</b> "\\ --> \x1b[31m \u202e {x}'


def test_page(live):
    status, headers, body = live.request('GET', '/')
    check(status == 200 and b'<html' in body)
    policy = headers['Content-Security-Policy']
    check("default-src 'none'" in policy and 'unsafe' not in policy, policy)
    check(headers['X-Content-Type-Options'] == 'nosniff')
    check(headers['Referrer-Policy'] == 'no-referrer')
    check(headers['Cache-Control'] == 'no-store')
    for path, kind in (('/live.css', 'text/css'), ('/icon.svg', 'image/svg'),
                       ('/live.js', 'text/javascript')):
        status, headers, _ = live.request('GET', path)
        check(status == 200 and headers['Content-Type'].startswith(kind), path)


def test_answers(live, events):
    answer = events.wait('answer')
    check(answer['stream'] == 0 and answer['question'] == '', answer)
    check(answer['text'] and 0 <= answer['confidence'] <= 1, answer)
    check(answer['start'] <= answer['frame-times'][0] <= answer['end'], answer)
    check(re.fullmatch(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ', answer['wall']))
    parts = events.of('partial', lambda p: p['id'] == answer['id'])
    for a, b in zip(parts, parts[1:]):
        check(b['text'].startswith(a['text']), a, b)
    check(parts and answer['text'].startswith(parts[-1]['text']), parts)
    check(len(answer['frames']) == 1, answer)
    small = live.get(answer['frames'][0])
    check(small[:2] == b'\xff\xd8' and width_of(small) == 160, len(small))
    again = Events(live)
    replayed = again.wait('answer', lambda a: a['id'] == answer['id'])
    check(replayed.pop('replay') is True and replayed == answer, replayed)


def width_of(jpeg):
    at = jpeg.index(b'\xff\xc0')
    return int.from_bytes(jpeg[at + 7:at + 9], 'big')


def test_pictures(live):
    check(width_of(live.get('/streams/0/newest.jpg')) == 640)
    connection = live.connect()
    connection.request('GET', '/streams/0/picture')
    response = connection.getresponse()
    kind = response.getheader('Content-Type')
    check(kind.startswith('multipart/x-mixed-replace; boundary='), kind)
    boundary = kind.split('=')[1]
    check(response.readline().decode().strip() == '--' + boundary)
    for _ in range(5):
        headers = {}
        while line := response.readline().decode().strip():
            name, value = line.split(': ')
            headers[name] = value
        jpeg = response.read(int(headers['Content-Length']))
        check(jpeg[:2] == b'\xff\xd8' and jpeg[-2:] == b'\xff\xd9')
        check(float(headers['X-Taken']) > 0)
        check(response.readline() == b'\r\n')
        check(response.readline().decode().strip() == '--' + boundary)
    connection.close()


def test_questions(live, events):
    asked = live.post('/streams/0/ask', {'question': ' What is it? '})
    answer = events.wait('answer', lambda a: a['id'] == asked['id'])
    check(answer['question'] == 'What is it?', answer)
    parts = events.of('partial', lambda p: p['id'] == answer['id'])
    check(parts and all(p['question'] == 'What is it?' for p in parts), parts)
    asked = live.post('/streams/0/ask', {'question': HOSTILE})
    answer = events.wait('answer', lambda a: a['id'] == asked['id'])
    check(answer['question'] == HOSTILE.strip(), answer)
    for wrong in ({}, {'question': ''}, {'question': ' \n'}, {'question': 7},
                  {'question': 'x' * 1001}, []):
        check(live.post('/streams/0/ask', wrong, 400)['error'])


def set_prompt(live, events, test, **settings):
    """The stream, and the next answer that is as it should be; those of clips
    from before may come first."""
    stream = live.post('/streams/0/settings', settings)
    events.wait('stream', lambda s: s == stream)
    newest = max(a['id'] for a in events.of('answer'))
    return stream, events.wait('answer', lambda a: a['id'] > newest
                               and not a['question'] and test(a))


def is_white(live):
    """The test picture's ground, of which the ball hides a part at most."""
    picture = PIL.Image.open(io.BytesIO(live.get('/streams/0/newest.jpg')))
    return sum(min(picture.getpixel(at)) > 240 for at in
               ((5, 5), (634, 5), (5, 354), (634, 354))) >= 3


def test_settings(live, events):
    stream, answer = set_prompt(
        live, events, lambda a: a.get('choices') == ['Yes', 'No'],
        prompt='Is it <|image|> red?', choices=['Yes', 'No'])
    check(stream['prompt'] == 'Is it <|image|> red?', stream)
    check(stream['choices'] == ['Yes', 'No'] and not stream['choice-weights'])
    check(abs(sum(answer['probabilities']) - 1) < 1e-6, answer)
    check('score' not in answer and answer['text'] in ('Yes', 'No'), answer)
    _, answer = set_prompt(live, events, lambda a: 'score' in a,
                           **{'choice-weights': [1, 0]})
    check(abs(answer['score'] - answer['probabilities'][0]) < 1e-6, answer)
    stream, answer = set_prompt(live, events, lambda a: 'choices' not in a,
                                choices=[], prompt='', look=True)
    check(stream['look'] and not stream['choices'], stream)
    wait_for(lambda: not is_white(live), 'the map on the picture')
    check('score' not in answer and stream['prompt'], answer)
    stream, answer = set_prompt(live, events, lambda a: 'score' in a,
                                recipe='quality', look=False)
    check(len(stream['choices']) == len(answer['choices']) == 5, stream)
    wait_for(lambda: is_white(live), 'the picture without a map')
    stream, _ = set_prompt(live, events, lambda a: 'score' not in a,
                           recipe='')
    check(not stream['choices'], stream)


def test_wrong_settings(live):
    before = live.get_json('/streams')
    for wrong in ({'prompt': 7}, {'prompt': 'x' * 1001}, {'choices': ['one']},
                  {'choices': ['a', 'a']}, {'choices': ['a', 7]},
                  {'choices': ['a', '']}, {'choices': 'a'}, {'look': 1},
                  {'choices': [str(i) for i in range(65)]},
                  {'choices': ['a', 'b'], 'choice-weights': [1]},
                  {'choice-weights': ['x']}, {'recipe': 'none such'},
                  {'recipe': 7}, {'recipe': 'vqa'}, {'model': 'x'},
                  {'prompt': 'good', 'look': 'bad'}, [], 7):
        check(live.post('/streams/0/settings', wrong, 400)['error'], wrong)
    for wrong in ('', '{', '{"prompt": "a", "prompt": "b"}', '\0',
                  '{"prompt": "a\\u0000"}', '[' * 5000):
        status, _, body = live.request('POST', '/streams/0/settings', wrong,
                                       Content_Type='application/json')
        check(status == 400 and b'error' in body, wrong, status)
    check(live.get_json('/streams') == before, 'something was set')


def test_captions(live):
    status, headers, body = live.request('GET', '/streams/0/captions.vtt')
    check(status == 200 and headers['Content-Type'].startswith('text/vtt'))
    check('attachment' in headers['Content-Disposition'])
    head, *cues = body.decode().strip().split('\n\n')
    check(head == 'WEBVTT' and cues, body[:200])
    number = r'(\d\d):(\d\d):(\d\d\.\d{3})'
    for cue in cues:
        time_line, text = cue.split('\n')
        found = re.fullmatch(f'{number} --> {number}', time_line)
        a, b = [int(h) * 3600 + int(m) * 60 + float(s) for h, m, s in
                (found.groups()[:3], found.groups()[3:])]
        check(a < b and text and '<' not in text, cue)


def decode(mp4, folder):
    """Grey pixels of its frames, 640 x 360."""
    with open(f'{folder}/clip.mp4', 'wb') as f:
        f.write(mp4)
    subprocess.run(
        ['gst-launch-1.0', '-q', 'filesrc', f'location={folder}/clip.mp4', '!',
         'decodebin', '!', 'videoconvert', '!', 'video/x-raw,format=GRAY8',
         '!', 'filesink', f'location={folder}/grey'], check=True)
    with open(f'{folder}/grey', 'rb') as f:
        grey = f.read()
    check(grey and len(grey) % (640 * 360) == 0, len(grey))
    return [grey[i:i + 640 * 360] for i in range(0, len(grey), 640 * 360)]


def is_captioned(frame):
    """Under the text it is grey, where else there is white and a red ball."""
    return sum(140 < p < 190 for p in frame[640 * 290:]) > 2000


def test_film(live):
    status, headers, mp4 = live.request('GET', '/streams/0/clip.mp4')
    check(status == 200 and headers['Content-Type'] == 'video/mp4', status)
    check(mp4[4:8] == b'ftyp', mp4[:12])
    with tempfile.TemporaryDirectory() as folder:
        frames = decode(mp4, folder)
    captioned = sum(map(is_captioned, frames))
    print(f'a film of {len(frames)} frames, {captioned} with captions')
    check(captioned > 0)


def test_no_encoder():
    """Without one there is no film, which is said, and all else."""
    system = subprocess.run(
        ['pkg-config', '--variable=pluginsdir', 'gstreamer-1.0'],
        capture_output=True, text=True).stdout.strip()
    if not os.path.isdir(system):
        print('where plugins are is not known: skipped')
        return
    with tempfile.TemporaryDirectory() as folder:
        for name in os.listdir(system):
            if not re.search('x264|openh264|va|nvcodec|video4linux|vulkan|omx',
                             name) and name.endswith('.so'):
                os.symlink(f'{system}/{name}', f'{folder}/{name}')
        with Live(PROGRAM, env={'GST_PLUGIN_SYSTEM_PATH': folder,
                                'GST_PLUGIN_PATH': '',
                                'GST_REGISTRY': f'{folder}/registry'}) as live:
            wait_for(lambda: live.request('GET', '/streams/0/newest.jpg')[0]
                     == 200, 'a picture')
            status, _, body = live.request('GET', '/streams/0/clip.mp4')
            check(status == 501 and b'H.264' in body, status, body)
            live.stop()


def test_cost(events):
    cost = events.wait('cost')
    check(cost['frames-seen'] > 0 and cost['clients'] >= 1, cost)
    told = events.wait('stream', lambda s: s['model'])
    check(told['device'], told)
    check(cost['memory'] > 1e6 and cost['delay'] >= 0, cost)


def main():
    with Live(PROGRAM) as live:
        events = Events(live)
        test_page(live)
        test_answers(live, events)
        test_pictures(live)
        test_questions(live, events)
        test_captions(live)
        test_film(live)
        test_settings(live, events)
        test_wrong_settings(live)
        test_cost(events)
        live.stop(signal.SIGINT)
        check(not live.log(), live.log())
    test_no_encoder()


main()
