# SPDX-License-Identifier: LGPL-2.1-or-later
"""How old the test picture is when the page shows it. Its ball tells which frame
it is, and GStreamer's log when that was made."""

import math
import re
import statistics
import time

RATE = 25
WIDTH, HEIGHT, RADIUS = 640, 360, 20


def logged(path):
    """The environment in which videotestsrc and its base tell of each frame."""
    return {"GST_DEBUG": "videotestsrc:5,basesrc:6", "GST_DEBUG_FILE": str(path),
            "GST_DEBUG_NO_COLOR": "1"}


def ball(n):
    """Where videotestsrc draws the ball in frame n, as parts of the picture."""
    x, y = (0.5 + 0.5 * math.sin(2 * math.pi * k * n / 200)
            for k in (1, math.sqrt(2)))
    return ((RADIUS + x * (WIDTH - 2 * RADIUS)) / WIDTH,
            (RADIUS + y * (HEIGHT - 2 * RADIUS)) / HEIGHT)


def clock(text):
    h, m, s = text.split(":")
    return int(h) * 3600 + int(m) * 60 + float(s)


def frame_times(log):
    """When each frame left the source, as time.time() has it: by number."""
    wall = time.time() - time.monotonic()
    times = {}
    n = None
    for line in log.splitlines():
        if m := re.search(r"videotestsrc.* Timestamp: (\d+:\d+:[\d.]+)", line):
            n = round(clock(m[1]) * RATE)
        elif n is not None and (m := re.search(
                r"waiting for clock, base time ([\d:.]+), "
                r"stream_start ([\d:.]+)", line)):
            times[n] = wall + clock(m[1]) + clock(m[2])
            n = None
    return times


def delays(seen, log):
    """The age in seconds of each picture that was seen: (time, x, y)."""
    times = frame_times(log)
    ages = []
    for when, x, y in seen:
        # Of the last four seconds (the ball's way takes eight) the one whose ball
        # is the nearest, in pixels; where the way crosses itself, the later one.
        near = [(math.hypot((bx - x) * WIDTH, (by - y) * HEIGHT) + when - t, t)
                for n, t in times.items() if 0 <= when - t < 4
                for bx, by in [ball(n)]]
        if near and min(near)[0] < 6:
            ages.append(when - min(near)[1])
    return ages


def summary(ages):
    """The median and the 95th percentile."""
    return statistics.median(ages), sorted(ages)[int(len(ages) * 0.95)]
