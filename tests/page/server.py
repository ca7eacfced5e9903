# SPDX-License-Identifier: LGPL-2.1-or-later
"""owl2-live as it is started by hand, on a port of its own."""

import os
import re
import signal
import subprocess
import tempfile


class Server:
    def __init__(self, program, plugins, *sources, port=0, debug=""):
        self.log = tempfile.NamedTemporaryFile()
        env = {**os.environ, "GST_PLUGIN_PATH": plugins}
        if debug:
            env.update(GST_DEBUG=debug, GST_DEBUG_FILE=self.log.name,
                       GST_DEBUG_NO_COLOR="1")
        self.process = subprocess.Popen(
            [program, "--port", str(port), *sources],
            stdout=subprocess.PIPE, text=True, env=env)
        line = self.process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)/?", line)
        if not found:
            self.stop()
            raise RuntimeError(f"owl2-live printed no address: {line!r}")
        self.address, self.port = found[0].rstrip("/") + "/", int(found[1])

    def debug(self):
        with open(self.log.name, errors="replace") as f:
            return f.read()

    def stop(self):
        """The exit status; None: it had to be killed."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return None
        finally:
            self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.stop()
