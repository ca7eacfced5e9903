# SPDX-License-Identifier: LGPL-2.1-or-later
"""owl2-live as a test runs it: the program, requests, and what it tells."""
import http.client
import json
import os
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.parse

LONG = bool(os.environ.get('OWL2_LONG'))
# How long anything may take on a machine with all cores busy, in seconds.
PATIENCE = 240


def check(condition, *what):
    if not condition:
        raise AssertionError(' '.join(str(w) for w in what))


def wait_for(get, what, limit=PATIENCE):
    """What get() gives once that is not None, False or empty."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        got = get()
        if got:
            return got
        time.sleep(0.05)
    raise AssertionError(f'{what}: not within {limit} s')


class Events(threading.Thread):
    """Server-sent events, kept as (kind, data, time of arrival)."""

    def __init__(self, live):
        super().__init__(daemon=True)
        self.live = live
        self.all = []
        self.connection = live.connect()
        self.connection.request('GET', '/events', headers=live.headers)
        self.response = self.connection.getresponse()
        check(self.response.status == 200, 'events:', self.response.status)
        check(self.response.getheader('Content-Type') == 'text/event-stream')
        self.start()

    def run(self):
        kind = ''
        try:
            for line in self.response:
                line = line.decode().rstrip('\n')
                if line.startswith('event: '):
                    kind = line[7:]
                elif line.startswith('data: '):
                    self.all.append((kind, json.loads(line[6:]),
                                     time.monotonic()))
        except (OSError, ValueError, http.client.HTTPException,
                AttributeError):
            pass

    def of(self, kind, test=lambda data: True):
        return [d for k, d, _ in list(self.all) if k == kind and test(d)]

    def wait(self, kind, test=lambda data: True, limit=PATIENCE):
        return wait_for(lambda: self.of(kind, test), f'event {kind}', limit)[0]


class Live:
    """The program, until the end of a `with`."""

    def __init__(self, program, *args, env=None):
        self.err = tempfile.TemporaryFile('w+')
        self.process = subprocess.Popen(
            [program, '--port', '0', *args], stdout=subprocess.PIPE,
            stderr=self.err, text=True, env=dict(os.environ, **(env or {})))
        self.link = self.process.stdout.readline().strip()
        url = urllib.parse.urlsplit(self.link)
        check(url.scheme == 'http', 'link:', self.link, self.errors())
        self.host, self.port, self.query = url.hostname, url.port, url.query
        self.headers = {}

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        if kind:
            print(self.errors())
        self.err.close()

    def connect(self):
        return http.client.HTTPConnection(self.host, self.port,
                                          timeout=PATIENCE)

    def socket(self):
        return socket.create_connection((self.host, self.port),
                                        timeout=PATIENCE)

    def request(self, method, path, body=None, **headers):
        """Status, headers and body."""
        connection = self.connect()
        try:
            if body is not None and not isinstance(body, str):
                body = json.dumps(body)
                headers.setdefault('Content_Type', 'application/json')
            headers = {k.replace('_', '-'): v for k, v in headers.items()}
            connection.request(method, path, body,
                               {**self.headers, **headers})
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()

    def get(self, path, **headers):
        status, _, body = self.request('GET', path, **headers)
        check(status == 200, path, status, body[:300])
        return body

    def get_json(self, path):
        return json.loads(self.get(path))

    def post(self, path, body, status=200):
        got, _, answer = self.request('POST', path, body)
        check(got == status, path, body, got, answer)
        return json.loads(answer)

    def errors(self):
        self.err.flush()
        with open(f'/proc/self/fd/{self.err.fileno()}') as f:
            return f.read()

    def log(self):
        """Lines on standard error but for that of the driver."""
        return [line for line in self.errors().splitlines()
                if 'computes on the CPU' not in line]

    def stop(self, number=signal.SIGTERM):
        """Seconds that it took to end; the status must be 0."""
        begin = time.monotonic()
        self.process.send_signal(number)
        status = self.process.wait(PATIENCE)
        check(status == 0, 'status', status, self.errors())
        return time.monotonic() - begin
