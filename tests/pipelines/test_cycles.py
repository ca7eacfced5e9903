#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The real element from READY to PLAYING and back 20 times, with an answer each
time: memory, threads and open files must not grow.

usage: test_cycles.py PLUGINS OWL2_CONVERT CHECKPOINT [CYCLES]"""

import ctypes
import gc
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

# Device, driver and allocator have settled by then.
WARM_UP = 5
# In 12 cycles or more. The weights of the model are 3 MiB on the device, so that
# what each cycle loses is seen if it is 0.7 MiB.
GROWTH_MIB = 8


def measure():
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    return (pages * resource.getpagesize() / 2 ** 20,
            len(os.listdir("/proc/self/task")), len(os.listdir("/proc/self/fd")))


def main():
    plugins, convert, checkpoint = sys.argv[1:4]
    cycles = int(sys.argv[4]) if len(sys.argv) > 4 else 20
    os.environ["GST_PLUGIN_PATH"] = plugins
    import gi
    gi.require_version("Gst", "1.0")
    from gi.repository import Gst
    Gst.init(None)

    with tempfile.TemporaryDirectory() as temp:
        model = pathlib.Path(temp) / "model.gguf"
        subprocess.run([convert, checkpoint, model], check=True,
                       stderr=subprocess.DEVNULL)
        pipeline = Gst.parse_launch(
            "videotestsrc num-buffers=8 ! video/x-raw,width=72,height=56,"
            f"framerate=8/1 ! owl2 model={model} nice=0 interval=500000000 "
            "frames=2 max-tokens=4 when-busy=wait ! fakesink sync=false")
        bus = pipeline.get_bus()
        seen = []
        for cycle in range(cycles):
            pipeline.set_state(Gst.State.PLAYING)
            answers, ended = 0, False
            while not ended:
                m = bus.timed_pop(60 * Gst.SECOND)
                if m is None or m.type == Gst.MessageType.ERROR:
                    print("FAIL", m.parse_error() if m else "nothing came")
                    return 1
                answers += (m.type == Gst.MessageType.ELEMENT
                            and m.get_structure().get_name() == "owl2-answer")
                ended = m.type == Gst.MessageType.EOS
            m = None
            pipeline.set_state(Gst.State.READY)
            # And now and then once more, stopped before the end.
            if cycle % 3 == 2:
                pipeline.set_state(Gst.State.PLAYING)
                time.sleep(0.05 * (cycle % 4))
                pipeline.set_state(Gst.State.READY)
                bus.set_flushing(True)
                bus.set_flushing(False)
            seen.append(measure())
            print("%2d: %d answers, %.1f MiB, %d threads, %d files"
                  % (cycle, answers, *seen[-1]), flush=True)
            if answers != 2:
                print("FAIL: not 2 answers")
                return 1
        pipeline.set_state(Gst.State.NULL)

    # The least of a few, as what the allocator keeps varies by a few MiB.
    start, end = ([min(column) for column in zip(*part)]
                  for part in (seen[WARM_UP:WARM_UP + 3], seen[-3:]))
    grown = [end[0] - start[0] > GROWTH_MIB, end[1] > start[1], end[2] > start[2]]
    for what, bad in zip(("memory", "threads", "open files"), grown):
        if bad:
            print(f"FAIL: {what} grew")
    print(f"{3 - sum(grown)} passed, {sum(grown)} failed")
    return 1 if any(grown) else 0


if __name__ == "__main__":
    sys.exit(main())
