#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Short pipelines with the real plugin under GStreamer's leaks tracer: no
object may be alive when GStreamer is closed.

usage: test_leaks.py PLUGINS OWL2_CONVERT CHECKPOINT"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

VIDEO = "video/x-raw,format={},width=72,height=56,framerate=8/1"
# The source, the properties of owl2, answers that must come at least, and
# whether gst-launch must end well.
LINES = {
    "waiting": (f"videotestsrc num-buffers=16 ! {VIDEO.format('I420')}",
                "interval=500000000 frames=2 when-busy=wait", 4, True),
    "live": (f"videotestsrc is-live=true num-buffers=16 ! "
             f"{VIDEO.format('RGBA')}", "interval=125000000", 1, True),
    "at the end": (f"videotestsrc num-buffers=16 ! {VIDEO.format('NV12')}",
                   "trigger=eos frames=4", 1, True),
    "scenes": (f"videotestsrc num-buffers=32 ! {VIDEO.format('I420')}",
               "trigger=scene frames=3 max-interval=1000000000", 2, True),
    "no model": (f"videotestsrc num-buffers=2 ! {VIDEO.format('RGB')}",
                 "model=/nonexistent.gguf", 0, False),
}


def main():
    plugins, convert, checkpoint = sys.argv[1:4]
    failed = passed = 0
    with tempfile.TemporaryDirectory() as temp:
        model = pathlib.Path(temp) / "model.gguf"
        subprocess.run([convert, checkpoint, model], check=True,
                       stderr=subprocess.DEVNULL)
        env = {**os.environ, "GST_PLUGIN_PATH": plugins, "LC_ALL": "C",
               "GST_TRACERS": "leaks", "GST_DEBUG": "GST_TRACER:7",
               "GST_DEBUG_NO_COLOR": "1"}
        for name, (source, properties, least, well) in LINES.items():
            line = (f"{source} ! owl2 model={model} nice=0 max-tokens=4 "
                    f"{properties} ! fakesink")
            r = subprocess.run(["gst-launch-1.0", "-m", *line.split()], env=env,
                               capture_output=True, text=True,
                               errors="replace", timeout=120)
            answers = len(re.findall(r"owl2-answer, id=", r.stdout))
            # The tracer describes its records first, in any case.
            alive = [l for l in r.stderr.splitlines()
                     if re.search(r"object-(alive|refings),", l)
                     and "build_format" not in l]
            ok = (not alive and answers >= least and "GST_TRACER" in r.stderr
                  and (r.returncode == 0) == well)
            passed += ok
            failed += not ok
            print(f"{name}: {answers} answers, exit {r.returncode}, "
                  f"{len(alive)} objects alive", flush=True)
            if not ok:
                print("\n".join(alive) or r.stdout[-1000:] + r.stderr[-3000:])
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
