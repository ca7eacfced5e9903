# SPDX-License-Identifier: LGPL-2.1-or-later
"""An RTSP camera: live, turned off, and on again."""
import subprocess
import sys

from live import Live, Events, check, wait_for

PROGRAM = sys.argv[1]
SKIP = 77
CAMERA = '''
import sys
import gi
gi.require_version('GstRtspServer', '1.0')
from gi.repository import GLib, Gst, GstRtspServer
Gst.init(None)
server = GstRtspServer.RTSPServer(address='127.0.0.1', service=sys.argv[1])
factory = GstRtspServer.RTSPMediaFactory(shared=True)
factory.set_launch('( videotestsrc is-live=true pattern=ball ! '
                   'video/x-raw,format=I420,width=320,height=240,framerate=15/1 ! '
                   'jpegenc ! rtpjpegpay name=pay0 )')
server.get_mount_points().add_factory('/camera', factory)
server.attach(None)
print(server.get_bound_port(), flush=True)
GLib.MainLoop().run()
'''


class Camera:
    def __init__(self, port='0'):
        self.process = subprocess.Popen(
            [sys.executable, '-c', CAMERA, port], stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True)
        self.port = self.process.stdout.readline().strip()

    def off(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def playing(events, n):
    return [d for k, d, _ in list(events.all)[n:]
            if k == 'stream' and d['state'] == 'playing' and not d['error']]


def main():
    camera = Camera()
    if not camera.port:
        print('no GstRtspServer (gir1.2-gst-rtsp-server-1.0): skipped')
        camera.off()
        sys.exit(SKIP)
    try:
        with Live(PROGRAM,
                  f'rtsp://127.0.0.1:{camera.port}/camera') as live:
            events = Events(live)
            wait_for(lambda: playing(events, 0), 'the camera')
            events.wait('answer')
            n = len(events.all)
            cost = events.wait('cost', lambda c: c['frames-came'] > 30)
            print(f"delay {cost['delay'] * 1000:.0f} ms")
            camera.off()
            failed = events.wait('stream', lambda s: s['state'] == 'failed')
            print('turned off:', failed['error'])
            n = len(events.all)
            camera = Camera(camera.port)
            wait_for(lambda: playing(events, n), 'the camera again')
            check(live.process.poll() is None)
            live.stop()
    finally:
        camera.off()


main()
