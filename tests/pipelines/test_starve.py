#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A model that always works does not starve the stream: beside it a live source
delivers nearly as many frames as alone, from the load of the model on. And all
threads of the model, the driver's included, have the nice value asked for, those
of the stream and the application their own.

usage: test_starve.py PLUGINS [NICE]

Frames are counted in turns, a while of the source with the element, a while of
the source alone, each in a process of its own that is stopped while the other
plays. What else the machine does takes as much from the one as from the other,
on average; so a round that falls short is repeated, and one of a few has to
reach the bar. Without the lower priority two processors give 0.4 to 0.6: NICE
(default: the element's) shows it."""

import os
import pathlib
import signal
import subprocess
import sys
import time

BAR = 0.95
ROUNDS = 8
TURNS = 5
TURN_S = 2.
# Of the frames that the source delivers alone in a round, to say anything.
LEAST = 50
# Frames a second of the 60 without which the bar, which is about a machine that
# keeps up with the source, can't be measured: then nothing is said.
ENOUGH = 30
# The model answers, or its threads want the processor in so many looks at them.
BUSY = 0.5
LOAD_S = 240
SOURCE = ("videotestsrc is-live=true pattern=ball ! video/x-raw,format=I420,"
          "width=1920,height=1080,framerate=60/1")
OWL2 = "owl2 name=element interval=300000000 frames=4"
MODEL_THREADS = "owl2", "llvmpipe"


def threads():
    """Thread -> (name, nice value, whether it wants to run)."""
    found = {}
    for task in os.listdir("/proc/self/task"):
        try:
            stat = pathlib.Path(f"/proc/self/task/{task}/stat").read_text()
        except OSError:
            continue  # it has ended
        name, rest = stat[stat.index("(") + 1:].rsplit(") ", 1)
        rest = rest.split()
        found[int(task)] = name, int(rest[16]), rest[0] == "R"
    return found


class Stream:
    """A pipeline that counts frames while it plays."""

    def __init__(self, Gst, chain):
        self.Gst = Gst
        self.frames = self.answers = self.looks = self.busy = 0
        self.loaded = False
        self.streaming_thread = None
        self.pipeline = Gst.parse_launch(
            f"{SOURCE} ! {chain} ! fakesink name=sink sync=false")
        self.bus = self.pipeline.get_bus()
        self.pipeline.get_by_name("sink").get_static_pad("sink").add_probe(
            Gst.PadProbeType.BUFFER, self.on_buffer)

    def on_buffer(self, pad, info):
        self.frames += 1
        if not self.streaming_thread:
            self.streaming_thread = int(os.readlink(
                "/proc/thread-self").rsplit("/", 1)[1])
        return self.Gst.PadProbeReturn.OK

    def play(self, seconds, until=lambda found: True):
        """For so long, and then on until UNTIL says so of the threads, at most
        LOAD_S more. Returns how long it was, from the first frame of all on."""
        start = time.monotonic()
        self.pipeline.set_state(self.Gst.State.PLAYING)
        while True:
            if not self.frames:
                start = time.monotonic()
            found = threads()
            self.looks += 1
            self.busy += any(name.startswith(MODEL_THREADS) and runs
                             for name, _, runs in found.values())
            spent = time.monotonic() - start
            if until(found) and spent >= seconds or spent > seconds + LOAD_S:
                break
            m = self.bus.timed_pop(20 * self.Gst.MSECOND)
            if m and m.type == self.Gst.MessageType.ERROR:
                raise SystemExit(f"FAIL {m.parse_error()}")
            if m and m.type == self.Gst.MessageType.ELEMENT:
                self.answers += m.get_structure().get_name() == "owl2-answer"
            if m and m.type == self.Gst.MessageType.PROGRESS:
                self.loaded |= m.parse_progress()[0] == (
                    self.Gst.ProgressType.COMPLETE)
        self.pipeline.set_state(self.Gst.State.PAUSED)
        return time.monotonic() - start

    def close(self):
        self.pipeline.set_state(self.Gst.State.NULL)


# ---- nice values -----------------------------------------------------------


def check_threads(Gst, nice):
    """Whether any is wrong, of those seen while the model loads."""
    # What GStreamer starts for itself, and what was there before.
    alone = Stream(Gst, "identity")
    alone.play(0.5)
    before = threads()
    alone.close()
    names = {name for name, *_ in before.values()}
    own = os.getpriority(os.PRIO_PROCESS, 0)
    stream = Stream(Gst, OWL2 if nice is None else f"{OWL2} nice={nice}")
    wanted = max(own, 19 if nice is None else nice)
    seen = {}

    # The device is open when pipelines are compiled.
    def compiling(found):
        seen.update(found)
        return stream.loaded or any(name == "owl2-compile"
                                    for name, *_ in seen.values())

    stream.play(1, compiling)
    stream.close()
    wrong, model = 0, []
    for task, (name, value, _) in sorted(seen.items()):
        if task in before:
            should = before[task][1]
        elif name in names or task == stream.streaming_thread:
            should = own
        else:
            should = wanted
            model.append(name)
        # Mesa makes the thread that writes its cache as nice as can be.
        if value != should and not (":disk$" in name and value == 19):
            print(f"FAIL nice {nice}: thread '{name}' has {value}, not {should}")
            wrong += 1
    print(f"nice {nice}: the model's threads are {model}, {wrong} wrong",
          flush=True)
    # The worker, and of the engine or the driver at least one.
    return wrong or "owl2" not in model or len(model) < 2


# ---- frames ----------------------------------------------------------------


class Child:
    """A stream in a process of its own, stopped while it does not play."""

    def __init__(self, plugins, chain):
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", __file__, plugins, "child", chain],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def play(self, seconds):
        """The frames a second, of answers how many so far, and how often the
        model was seen to want the processor."""
        self.process.send_signal(signal.SIGCONT)
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        self.process.send_signal(signal.SIGSTOP)
        if not line or line.startswith("FAIL"):
            raise SystemExit(line or "FAIL: a stream ended")
        frames, spent, answers, busy = map(float, line.split())
        return frames, spent, answers, busy

    def close(self):
        self.process.send_signal(signal.SIGCONT)
        self.process.stdin.close()
        self.process.wait(LOAD_S)


def child(Gst, chain):
    stream = Stream(Gst, chain)
    for line in sys.stdin:
        before = stream.frames
        spent = stream.play(float(line))
        print(stream.frames - before, spent, stream.answers,
              stream.busy / stream.looks, flush=True)
    stream.close()
    return 0


def play_round(beside, alone):
    """The frames beside the model as a part of those alone."""
    frames, seconds = [0, 0], [0, 0]
    for _ in range(TURNS):
        for i, stream in enumerate((beside, alone)):
            n, spent, answers, busy = stream.play(TURN_S)
            frames[i] += n
            seconds[i] += spent
            if stream is beside:
                work = answers, busy
    rates = [n / s for n, s in zip(frames, seconds)]
    print("%.1f frames a second beside the model, %.1f alone: %.3f; %d answers "
          "so far, busy in %.2f" % (*rates, rates[0] / rates[1], *work),
          flush=True)
    if frames[1] < LEAST:
        raise SystemExit("FAIL: the source delivers nothing by itself")
    if not work[0] and work[1] < BUSY:
        raise SystemExit("FAIL: the model does nothing")
    return rates


def main():
    os.environ["GST_PLUGIN_PATH"] = sys.argv[1]
    import gi
    gi.require_version("Gst", "1.0")
    from gi.repository import Gst
    Gst.init(None)
    if sys.argv[2:3] == ["child"]:
        return child(Gst, sys.argv[3])
    if sys.argv[2:3] == ["threads"]:
        return bool(check_threads(Gst, int(sys.argv[3]) if sys.argv[3:] else None))
    # By itself, and in a process that is nicer than it is asked to be.
    failed = sum(subprocess.run(
        ["nice", "-n", own, sys.executable, "-W", "ignore", __file__,
         sys.argv[1], "threads", *nice]).returncode != 0 for own, nice in (
             ("0", []), ("0", ["0"]), ("0", ["7"]), ("5", ["3"])))
    chain = OWL2 + (f" nice={sys.argv[2]}" if len(sys.argv) > 2 else "")
    beside, alone = (Child(sys.argv[1], c) for c in (chain, "identity"))
    reached, alone_most = False, 0
    for _ in range(ROUNDS):
        rates = play_round(beside, alone)
        alone_most = max(alone_most, rates[1])
        reached = rates[0] / rates[1] >= BAR
        if reached:
            break
    beside.close()
    alone.close()
    if not reached and not failed and alone_most < ENOUGH:
        print(f"SKIP: other programs leave the source alone {alone_most:.0f} "
              "frames a second, too few to tell who starves it")
        return 77
    if not reached:
        print(f"FAIL: no round reached {BAR}")
    failed += not reached
    print(f"{5 - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
