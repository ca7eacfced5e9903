# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who is refused: other hosts, other pages, no token, what is malformed; and
that nobody can fill the log."""
import json
import os
import random
import socket
import subprocess
import sys
import time
import urllib.parse

from live import LONG, Live, check

PROGRAM = sys.argv[1]
SEED = int(os.environ.get('OWL2_SEED', '0')) or random.randrange(1, 1 << 32)
N_MALFORMED = 10000 if LONG else 400
ASK = '/streams/0/ask'
QUESTION = json.dumps({'question': 'What is it?'})


def status_of(live, method, path, body=None, **headers):
    status, got, answer = live.request(method, path, body, **headers)
    if status >= 400:
        check('error' in json.loads(answer), method, path, answer)
        check("default-src 'none'" in got['Content-Security-Policy'])
    return status


def raw(live, text, limit=10):
    """What comes back for these bytes, up to the end or the limit."""
    with live.socket() as s:
        s.settimeout(limit)
        got = b''
        try:
            s.sendall(text)
            s.shutdown(socket.SHUT_WR)
            while chunk := s.recv(65536):
                got += chunk
                if len(got) > 1 << 20:
                    break
        except OSError:
            pass
        return got


def test_hosts(live):
    own = f'{live.host}:{live.port}'
    for host in (own, f'localhost:{live.port}', f'[::1]:{live.port}',
                 f'LocalHost:{live.port}'):
        check(status_of(live, 'GET', '/streams', Host=host) == 200, host)
    for host in ('evil.example', f'evil.example:{live.port}', live.host, '',
                 f'{live.host}:1', f'{own}.evil.example', f'evil@{own}',
                 f'127.0.0.2:{live.port}', f'0.0.0.0:{live.port}'):
        got = raw(live, f'GET /streams HTTP/1.1\r\nHost: {host}\r\n\r\n'
                  .encode())
        check(b' 421 ' in got[:16] or b' 400 ' in got[:16], host, got[:40])
    for text in (f'GET /streams HTTP/1.1\r\nHost: {own}\r\nHost: evil\r\n\r\n',
                 f'GET http://evil/streams HTTP/1.1\r\nHost: {own}\r\n\r\n',
                 'GET /streams HTTP/1.1\r\n\r\n',
                 'GET /streams HTTP/1.0\r\n\r\n'):
        got = raw(live, text.encode())
        check(b' 421 ' in got[:16] or b' 400 ' in got[:16], text, got[:40])


def test_origins(live):
    own = f'http://{live.host}:{live.port}'
    good = dict(Content_Type='application/json')
    for origin in ('http://evil.example', 'null', f'{own}1', 'https' + own[4:],
                   f'http://localhost:{live.port}', ''):
        check(status_of(live, 'POST', ASK, QUESTION, Origin=origin, **good)
              == 403, origin)
        check(status_of(live, 'GET', '/streams', Origin=origin) == 403)
    check(status_of(live, 'POST', ASK, QUESTION, Origin=own, **good)
          in (200, 409))
    for site in ('cross-site', 'same-site'):
        check(status_of(live, 'GET', '/streams/0/picture', Sec_Fetch_Mode=
                        'no-cors', Sec_Fetch_Site=site) == 403)
        check(status_of(live, 'GET', '/', Sec_Fetch_Mode='navigate',
                        Sec_Fetch_Site=site) == 200)
        check(status_of(live, 'POST', ASK, QUESTION, Sec_Fetch_Site=site,
                        **good) == 403)
    for kind in ('text/plain', 'application/x-www-form-urlencoded', '',
                 'multipart/form-data', 'application/jsonp'):
        check(status_of(live, 'POST', ASK, QUESTION, Content_Type=kind)
              == 415, kind)


def test_paths(live):
    for path in ('/x', '/streams/', '/streams/1/picture', '/streams/00/picture',
                 '/streams/-1/picture', '/streams/0', '/streams/0/',
                 '/streams/0/picture/', '/streams/0/frames/1', '/live.js/',
                 '/streams/0/frames/1/0.jpg.x', '/index.html', '//',
                 '/streams/18446744073709551616/picture', '/streams/0/video'):
        check(status_of(live, 'GET', path) in (400, 404), path)
    check(status_of(live, 'GET', '/streams/0/frames/999999/0.jpg') == 404)
    for method in ('POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE', 'X'):
        check(status_of(live, method, '/streams') == 405, method)
    check(live.request('HEAD', '/streams')[0] == 405)
    for method in ('GET', 'PUT'):
        check(status_of(live, method, ASK) == 405, method)


def test_bodies(live):
    good = dict(Content_Type='application/json')
    check(status_of(live, 'POST', ASK, 'x' * (16 * 1024), **good) == 400)
    check(status_of(live, 'POST', ASK, 'x' * (16 * 1024 + 1), **good) == 413)
    check(status_of(live, 'GET', '/streams', 'x', **good) == 413)
    head = f'POST {ASK} HTTP/1.1\r\nHost: {live.host}:{live.port}\r\n' \
        'Content-Type: application/json\r\n'
    for more, status in (
            ('Content-Length: 99999999999\r\n\r\nx', b' 413 '),
            ('Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n', b' 411 '),
            ('Content-Length: 99999\r\nExpect: 100-continue\r\n\r\n', b' 413 ')):
        begin = time.monotonic()
        with live.socket() as s:
            s.sendall((head + more).encode())
            got = s.recv(65536)
        check(status in got[:16], more, got[:60])
        check(time.monotonic() - begin < 20, more)


def mutate(rng, text):
    """Bytes are changed, left out, doubled, or put in."""
    text = bytearray(text)
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(text) + 1)
        kind = rng.randrange(4)
        if kind == 0:
            text[at:at + 1] = bytes([rng.randrange(256)])
        elif kind == 1:
            del text[at:at + rng.randint(1, 20)]
        elif kind == 2:
            text[at:at] = text[:at][-rng.randint(1, 200):]
        else:
            text[at:at] = rng.choice([b'\r\n', b'\0', b'\r\n\r\n', b': ', b' ',
                                      b'%00', b'../', b'9' * 30, b'\xff'])
    return bytes(text)


def test_malformed(live):
    rng = random.Random(SEED)
    own = f'{live.host}:{live.port}'
    seeds = [
        f'GET /streams HTTP/1.1\r\nHost: {own}\r\nAccept: */*\r\n\r\n',
        f'GET /?token=x HTTP/1.1\r\nHost: {own}\r\nCookie: a=b; c=d\r\n\r\n',
        f'POST {ASK} HTTP/1.1\r\nHost: {own}\r\nOrigin: http://{own}\r\n'
        f'Content-Type: application/json\r\nContent-Length: {len(QUESTION)}'
        f'\r\n\r\n{QUESTION}',
        f'GET /streams/0/newest.jpg HTTP/1.1\r\nHost: {own}\r\nRange: '
        'bytes=0-,1-,2-\r\nConnection: keep-alive\r\n\r\n',
        'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', '\x16\x03\x01\x02\x00\x01\x00',
        f'OPTIONS * HTTP/1.1\r\nHost: {own}\r\n\r\n',
        f'CONNECT {own} HTTP/1.1\r\nHost: {own}\r\n\r\n']
    kinds = {}
    for i in range(N_MALFORMED):
        got = raw(live, mutate(rng, rng.choice(seeds).encode('latin-1')), 2)
        status = got[9:12].decode('latin-1') if got[:5] == b'HTTP/' else 'none'
        kinds[status] = kinds.get(status, 0) + 1
    raw(live, b'GET / HTTP/1.1\r\nX: ' + b'x' * (1 << 21), 5)
    raw(live, b'x' * (1 << 21), 5)
    raw(live, b'GET / HTTP/1.1\r\n' + b'X: y\r\n' * 200000, 5)
    print(f'seed {SEED}: {N_MALFORMED} malformed requests:',
          dict(sorted(kinds.items())))
    check(live.process.poll() is None, 'it has ended')
    check(live.get_json('/streams')['streams'][0]['id'] == 0)


def check_log(live):
    """One line of each kind of refusal, whoever asks how often."""
    log = live.log()
    print('log:', *log, sep='\n  ')
    check(len(log) == len(set(log)) <= 10, len(log), 'lines')
    check(all('refused: ' in line for line in log), log)
    check(all(line.isascii() and line.isprintable() for line in log), log)


def test_token(live):
    token = urllib.parse.parse_qs(live.query)['token'][0]
    check(len(token) >= 32, token)
    for path in ('/', '/streams', '/events', '/streams/0/picture', '/x',
                 '/?token=', f'/?token={token[:-1]}', f'/?token={token}0',
                 '/?token=' + token[::-1], f'/?Token={token}'):
        check(status_of(live, 'GET', path) == 403, path)
    status, headers, body = live.request('GET', f'/?token={token}')
    check(status == 200 and b'url=/' in body, status, body)
    cookie = headers['Set-Cookie']
    check('HttpOnly' in cookie and 'SameSite=Strict' in cookie, cookie)
    cookie = cookie.split(';')[0]
    check(status_of(live, 'GET', '/streams', Cookie=cookie) == 200)
    check(status_of(live, 'GET', '/streams', Cookie=f'a=b; {cookie}; c=d')
          == 200)
    check(status_of(live, 'GET', f'/streams?token={token}') == 200)
    for wrong in (cookie[:-1], cookie + '0', 'x' + cookie, token,
                  cookie.replace('=', '=0', 1)):
        check(status_of(live, 'GET', '/streams', Cookie=wrong) == 403, wrong)
    check(status_of(live, 'POST', ASK, QUESTION, Cookie=cookie,
                    Content_Type='application/json',
                    Origin='http://evil.example') == 403)
    for header in ('X-Forwarded-Host: x', 'X-Original-URL: /streams'):
        got = raw(live, f'GET / HTTP/1.1\r\nHost: {live.host}:{live.port}\r\n'
                  f'{header}\r\n\r\n'.encode())
        check(b' 403 ' in got[:16], header)


def test_addresses():
    """Links that lead there, whatever the address is."""
    with Live(PROGRAM, '--listen', '0.0.0.0') as live:
        check(live.host != '0.0.0.0', live.link)
        check(status_of(live, 'GET', f'/streams?{live.query}') == 200)
        for host, status in ((f'10.1.2.3:{live.port}', 200),
                             (f'evil.example:{live.port}', 421),
                             ('10.1.2.3:1', 421), ('10.1.2.3', 421),
                             (f'10.1.2.3.example:{live.port}', 421),
                             (f'[::2]:{live.port}', 200)):
            check(status_of(live, 'GET', f'/streams?{live.query}', Host=host)
                  == status, host)
        live.stop()
    if os.path.exists('/proc/net/if_inet6') and '00000000000000000000000000000001' \
            in open('/proc/net/if_inet6').read():
        with Live(PROGRAM, '--listen', '::1') as live:
            check(f'http://[::1]:{live.port}/' in live.link, live.link)
            check(status_of(live, 'GET', f'/streams?{live.query}') == 200)
            live.stop()


def test_usage():
    for args, words in ((['--port', '70000'], '--port'),
                        (['--port', '-1'], '--port'),
                        (['--listen', 'localhost'], '--listen'),
                        (['--every', '0'], '--every'),
                        (['--frames', '65'], '--frames'),
                        (['--max-pixels', '0'], '--max-pixels'),
                        (['--recipe', 'none-such'], 'none-such'),
                        (['/no/such/file'], '/no/such/file'),
                        (['/dev/null'], '/dev/null'),
                        (['x'] * 17, '17 sources'),
                        (['--wrong'], '--wrong')):
        done = subprocess.run([PROGRAM, *args], capture_output=True, text=True)
        check(done.returncode == 2 and not done.stdout, args, done)
        check(words in done.stderr and done.stderr.count('\n') == 1, done)
    done = subprocess.run([PROGRAM, '--help'], capture_output=True, text=True)
    check(done.returncode == 0 and '--listen' in done.stdout, done)


def test_port_taken(live):
    done = subprocess.run([PROGRAM, '--port', str(live.port)],
                          capture_output=True, text=True)
    check(done.returncode == 1 and str(live.port) in done.stderr, done)


def main():
    test_usage()
    with Live(PROGRAM) as live:
        test_hosts(live)
        test_origins(live)
        test_paths(live)
        test_bodies(live)
        test_port_taken(live)
        test_malformed(live)
        check_log(live)
        live.stop()
    with Live(PROGRAM, '--listen', '127.0.0.1') as live:
        test_token(live)
        check_log(live)
        live.stop()
    test_addresses()


main()
