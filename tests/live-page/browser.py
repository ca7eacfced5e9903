# SPDX-License-Identifier: LGPL-2.1-or-later
"""Chromium without a window, told what to do by its DevTools protocol
(https://chromedevtools.github.io/devtools-protocol/) over two pipes."""

import base64
import json
import os
import shutil
import subprocess
import tempfile
import threading
import time


PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser")


class BrowserError(Exception):
    pass


class Browser:
    """One browser with one page, and a home of its own. Blocking calls, from one
    thread; a call that has no answer after 30 s is an error."""

    def __init__(self, size=(1280, 900)):
        self.home = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        to_read, self.write_fd = os.pipe()
        self.read_fd, to_write = os.pipe()
        self.says = tempfile.TemporaryFile()
        # The browser reads its file 3 and writes its file 4.
        self.process = subprocess.Popen(
            ["sh", "-c", f"exec 3</dev/fd/{to_read} 4>/dev/fd/{to_write}; exec \"$@\"", "sh",
             PROGRAM, "--headless=new", "--remote-debugging-pipe",
             "--no-sandbox", "--no-first-run", "--disable-gpu", "--mute-audio",
             "--disable-background-networking", "--disable-component-update",
             "--disable-dev-shm-usage", "--force-renderer-accessibility",
             "--hide-scrollbars",
             f"--user-data-dir={self.home.name}",
             f"--window-size={size[0]},{size[1]}", "about:blank"],
            pass_fds=(to_read, to_write), stdout=subprocess.DEVNULL,
            stderr=self.says,
            env={**os.environ, "HOME": self.home.name})
        os.close(to_read)
        os.close(to_write)
        self.n = 0
        self.session = None
        self.answers = {}
        self.arrived = threading.Condition()
        self.events = []  # all that the page told of: (method, params)
        threading.Thread(target=self._read, daemon=True).start()
        target = self.call("Target.getTargets")["targetInfos"]
        page = next(t for t in target if t["type"] == "page")
        self.session = self.call("Target.attachToTarget", flatten=True,
                                 targetId=page["targetId"])["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "DOM",
                       "Accessibility"):
            self.call(f"{domain}.enable")

    def _read(self):
        rest = b""
        while data := os.read(self.read_fd, 1 << 16):
            *messages, rest = (rest + data).split(b"\0")
            for m in map(json.loads, messages):
                with self.arrived:
                    if "id" in m:
                        self.answers[m["id"]] = m
                    else:
                        self.events.append((m["method"], m["params"]))
                    self.arrived.notify_all()
        os.close(self.read_fd)
        with self.arrived:
            self.answers = None
            self.arrived.notify_all()

    def call(self, method, **params):
        """The result of a method of the protocol."""
        self.n += 1
        n = self.n
        message = {"id": n, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        data = json.dumps(message).encode() + b"\0"
        try:
            while data:
                data = data[os.write(self.write_fd, data):]
        except BrokenPipeError:
            raise self._end(method) from None
        with self.arrived:
            if not self.arrived.wait_for(
                    lambda: self.answers is None or n in self.answers, 30):
                raise BrowserError(f"{method}: no answer after 30 s")
            if self.answers is None:
                raise self._end(method)
            answer = self.answers.pop(n)
        if "error" in answer:
            raise BrowserError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def _end(self, method):
        self.says.seek(0)
        return BrowserError(f"{method}: the browser has ended: "
                            + self.says.read().decode(errors="replace")[-2000:])

    def open(self, address):
        self.call("Page.navigate", url=address)

    def before(self, script):
        """Runs a script in each page that is opened, before the page's own."""
        self.call("Page.addScriptToEvaluateOnNewDocument", source=script)

    def run(self, script):
        """The value of a script in the page, awaited if it is a promise."""
        r = self.call("Runtime.evaluate", expression=script, awaitPromise=True,
                      returnByValue=True, userGesture=True)
        if "exceptionDetails" in r:
            raise BrowserError(f"{script}: {r['exceptionDetails']}")
        return r["result"].get("value")

    def wait(self, script, limit):
        """The seconds until a script has a true value; None: not in limit."""
        start = time.monotonic()
        while time.monotonic() - start < limit:
            if self.run(script):
                return time.monotonic() - start
            time.sleep(0.02)
        return None

    def press(self, key, text="", shift=False):
        """A key, such as Tab, or Enter with the text \\r."""
        code = {"Tab": 9, "Enter": 13, " ": 32, "Delete": 46}.get(key, 0)
        event = {"key": key, "code": "Space" if key == " " else key,
                 "windowsVirtualKeyCode": code, "modifiers": 8 if shift else 0}
        self.call("Input.dispatchKeyEvent", type="keyDown" if text else
                  "rawKeyDown", **event, **({"text": text} if text else {}))
        self.call("Input.dispatchKeyEvent", type="keyUp", **event)

    def type(self, text):
        self.call("Input.insertText", text=text)

    def look(self, width, height, dark=False, still=False):
        """The size of the page, and what its user prefers."""
        self.call("Emulation.setDeviceMetricsOverride", width=width,
                  height=height, deviceScaleFactor=1, mobile=width < 600)
        self.call("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion",
             "value": "reduce" if still else "no-preference"}])

    def picture(self, path, whole=False):
        """Writes what the page looks like as a PNG file."""
        r = self.call("Page.captureScreenshot", captureBeyondViewport=whole)
        with open(path, "wb") as f:
            f.write(base64.b64decode(r["data"]))

    def spoken(self):
        """What the accessibility tree has, as (role, name, properties)."""
        nodes = self.call("Accessibility.getFullAXTree")["nodes"]
        return [(n.get("role", {}).get("value"), n.get("name", {}).get("value"),
                 {p["name"]: p["value"].get("value")
                  for p in n.get("properties", [])})
                for n in nodes if not n.get("ignored")]

    def wrong(self):
        """What the console has that is an error or a warning."""
        with self.arrived:
            events = list(self.events)
        bad = [p["entry"]["text"] + " " + p["entry"].get("url", "")
               for m, p in events if m == "Log.entryAdded"
               and p["entry"]["level"] in ("error", "warning")]
        bad += [str(p["args"]) for m, p in events
                if m == "Runtime.consoleAPICalled"
                and p["type"] in ("error", "warning", "assert")]
        return bad + [str(p["exceptionDetails"]) for m, p in events
                      if m == "Runtime.exceptionThrown"]

    def close(self):
        try:
            self.session = None
            self.call("Browser.close")
        except (BrowserError, OSError):
            pass
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.write_fd)
        self.says.close()
        self.home.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
