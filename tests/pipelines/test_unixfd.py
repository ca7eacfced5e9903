#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Answers on buffers reach another process through unixfdsink and unixfdsrc,
which have metas from GStreamer 1.24 on.

usage: test_unixfd.py PLUGIN_DIR"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

os.environ["GST_PLUGIN_PATH"] = sys.argv[1]

import gi

gi.require_version("Gst", "1.0")
from gi.repository import GLib, Gst

# That of a busy machine.
LIMIT = 240


def receive(path):
    """The structure of the first answer that comes, as a dict."""
    got = {}
    loop = GLib.MainLoop()

    def handoff(_sink, buffer, _pad):
        meta = buffer.get_custom_meta("GstOwl2Meta")
        if meta and not got:
            s = meta.get_structure()
            got.update(name=s.get_name(), text=s.get_string("text"),
                       element=s.get_string("element"),
                       json=json.loads(s.get_string("json")))
            loop.quit()

    pipeline = Gst.parse_launch(
        f"unixfdsrc socket-path={path} ! fakesink name=sink signal-handoffs=true")
    pipeline.get_by_name("sink").connect("handoff", handoff)
    bus = pipeline.get_bus()
    bus.add_signal_watch()
    bus.connect("message::error", lambda _bus, m: (
        print(m.parse_error()), loop.quit()))
    GLib.timeout_add_seconds(LIMIT, loop.quit)
    pipeline.set_state(Gst.State.PLAYING)
    loop.run()
    pipeline.set_state(Gst.State.NULL)
    return got


def main():
    Gst.init(None)
    if not Gst.ElementFactory.find("unixfdsink"):
        print("no unixfdsink, which comes with GStreamer 1.24")
        return 77
    # The meta is known to who has the plugin, used or not.
    assert Gst.Plugin.load_by_name("owl2")
    with tempfile.TemporaryDirectory() as temp:
        path = pathlib.Path(temp) / "video"
        sender = subprocess.Popen([
            "gst-launch-1.0", "-q", "videotestsrc", "is-live=true", "!",
            "video/x-raw,width=64,height=48,framerate=10/1", "!",
            "owl2", "name=eye", "max-tokens=8", "!",
            "unixfdsink", f"socket-path={path}"])
        try:
            end = time.monotonic() + LIMIT
            while not path.exists() and time.monotonic() < end:
                time.sleep(0.05)
            got = receive(path)
        finally:
            sender.kill()
            sender.wait()
    print(got)
    assert got and got["name"] == "GstOwl2Meta" and got["element"] == "eye"
    assert got["text"] and got["json"]["text"] == got["text"]
    assert isinstance(got["json"]["frame-times"], list)
    return 0


if __name__ == "__main__":
    sys.exit(main())
