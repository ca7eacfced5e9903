# SPDX-License-Identifier: LGPL-2.1-or-later
"""Held-out items as videos: drawn at a frame rate, encoded, and decoded again.

What an item's video is like (frame rate, length, codec, bit rate, when its
objects set out) follows from a seed and the item's place in its row.
"""

import math
import zlib

import numpy as np
import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
from gi.repository import Gst, GstApp  # noqa: E402,F401 (methods of appsrc)

import items  # noqa: E402
import patterns  # noqa: E402
import world  # noqa: E402

FPS = [10, 12, 15, 20, 24, 25, 30, 50, 60]
# One thread and a fixed speed, so that the same frames come out everywhere.
CODECS = {
    "h264": "x264enc speed-preset=veryfast threads=1 key-int-max=60 "
            "bitrate=%(kbits)d ! h264parse ! avdec_h264 max-threads=1",
    "vp8": "vp8enc deadline=1 cpu-used=-6 threads=1 end-usage=vbr "
           "target-bitrate=%(kbits)d000 ! vp8dec threads=1",
    "mjpeg": "jpegenc quality=%(quality)d ! jpegdec",
    "raw": "identity",
}
RAW_FORMATS = ["I420", "NV12", "YUY2", "RGB", "BGRx"]
# Bits for each pixel: from poor web video to fair web video.
BITS = (0.03, 0.12)
MIN_KBITS = 60
N_FRAMES = world.FRAMES


def pick(rng, seq):
    return seq[int(rng.integers(len(seq)))]


def plan(it, index, seed):
    """How item `index` of its row becomes a video, as a plain dict."""
    scene = it["scene"]
    rng = np.random.default_rng(
        [70, seed, zlib.crc32(f"{it['group']}/{it['kind']}".encode()), index])
    codec = list(CODECS)[(index + int(rng.integers(2))) % len(CODECS)]
    if scene and scene.get("style", {}).get("noise"):
        codec = "raw"  # an encoder would take away what makes a ground noisy
    width, height = scene["size"] if scene else (320, 240)
    is_clip = it["n_frames"] > 1
    p = {
        "codec": codec, "size": [width // 2 * 2, height // 2 * 2],
        "fps": int(pick(rng, FPS)), "quality": int(rng.integers(15, 50)),
        "format": pick(rng, RAW_FORMATS) if codec == "raw" else "I420",
        "frames": it["n_frames"], "trigger": "eos", "pace": None,
    }
    seconds = float(rng.uniform(1.0, 1.6)) if is_clip else 0.35
    if is_clip:
        p["trigger"] = pick(rng, ["eos", "interval"])
    # The frame rate and the moment are part of what a test pattern shows.
    if is_clip and scene and "pattern" in scene:
        p["fps"] = scene["fps"]
        p["length"] = N_FRAMES * scene["every"]
        # It changes with every frame, and of a longer clip trigger=eos keeps
        # each second one, or fourth: they show one of its states only.
        if scene["pattern"] == "blink":
            p["trigger"] = "interval"
    else:
        p["length"] = max(4, round(seconds * p["fps"]))
    if is_clip and scene and scene["type"] == "shapes" and "pattern" not in scene:
        p["pace"] = pick(rng, ["steady", "rests"])
        if p["pace"] == "steady" and not clear(scene, p):
            p["pace"] = "rests"
    bits = math.exp(rng.uniform(*np.log(BITS)))
    p["kbits"] = max(MIN_KBITS, round(bits * width * height * p["fps"] / 1000))
    return p


# ---- drawing -------------------------------------------------------------------

def moments(p):
    """Where in the video the element looks, in fractions of its length."""
    first = 0.5 / N_FRAMES if p["trigger"] == "eos" else 0
    return [first + i / N_FRAMES for i in range(N_FRAMES)]


def progress(p, at):
    """How far along their paths objects are: on the way all the time, or only
    from the first to the last moment looked at."""
    if p["pace"] == "steady":
        return at
    first, *_, last = moments(p)
    return min(1.0, max(0.0, (at - first) / (last - first)))


def along(path, u):
    """[x, y, r] at 0 <= u <= 1 of a path of N_FRAMES points"""
    t = np.linspace(0, 1, len(path))
    return [float(np.interp(u, t, c)) for c in zip(*path)]


def clear(scene, p):
    """Whether the frames looked at show the objects apart and in the order that
    the caption names them in."""
    width, height = scene["size"]
    seen = [dict(o, path=[along(o["path"], progress(p, t)) for t in moments(p)])
            for o in scene["objects"]]
    for a, b in zip(seen, seen[1:]):
        if b["path"][0][1] - a["path"][0][1] < 0.12:
            return False
        if not world.apart(a, b, width, height):
            return False
    return True


def draw_pattern(scene, p):
    begin = scene["start"]
    if p["trigger"] == "eos":
        begin = max(0, begin - scene["every"] // 2)
    frames = patterns.pull(
        patterns.line(scene) + " ! appsink name=out sync=false max-buffers=4",
        range(begin, begin + p["length"]))
    if scene.get("small"):
        frames = [patterns.write(scene, f, i) for i, f in enumerate(frames)]
    return frames


def draw(it, p, photos):
    """The frames [H, W, 3] of the item's video."""
    scene, n = it["scene"], p["length"]
    if it["n_frames"] == 1 or scene is None:
        return [still(it)] * n
    if "pattern" in scene:
        return draw_pattern(scene, p)
    if scene.get("unclear"):
        import unknown  # the icons are not everywhere
        return unknown.sample("test", scene["seed"][1], n, photos)[1]
    if scene["type"] == "photo":
        return photos.sample("test", scene["seed"][1], n)[1]
    at = [progress(p, (i + 0.5) / n) for i in range(n)]
    objects = [dict(o, **{k: [along(o[k], u) for u in at]
                          for k in ("path", "inner") if k in o})
               for o in scene["objects"]]
    return items.render(dict(scene, frames=n, objects=objects))


def still(it):
    """The picture of an image, without the wear that a codec is to give it."""
    scene = it["scene"]
    drawn_here = scene and scene["type"] != "photo" and "seed" in scene \
        and "pattern" not in scene
    return items.render(scene)[0] if drawn_here else it["draw"][0]


# ---- encoding and decoding -----------------------------------------------------

def buffers(frames, fps):
    for i, f in enumerate(frames):
        h, w, _ = f.shape
        pad = np.zeros((h, (w * 3 + 3) // 4 * 4), np.uint8)
        pad[:, :w * 3] = f.reshape(h, w * 3)
        buf = Gst.Buffer.new_wrapped(pad.tobytes())
        buf.pts = i * Gst.SECOND // fps
        buf.duration = (i + 1) * Gst.SECOND // fps - buf.pts
        yield buf


def rgb_caps(frames, fps):
    h, w, _ = frames[0].shape
    return f"video/x-raw,format=RGB,width={w},height={h},framerate={fps}/1"


def through_codec(frames, p):
    """[GstSample] as a decoder gives them, in the decoder's own format."""
    h, w = (n // 2 * 2 for n in frames[0].shape[:2])
    frames = [np.ascontiguousarray(f[:h, :w]) for f in frames]
    pipe = Gst.parse_launch(
        f"appsrc name=in format=time caps={rgb_caps(frames, p['fps'])} ! "
        f"videoconvert ! video/x-raw,format={p['format']} ! "
        f"{CODECS[p['codec']] % p} ! appsink name=out sync=false")
    src, sink = pipe.get_by_name("in"), pipe.get_by_name("out")
    pipe.set_state(Gst.State.PLAYING)
    out = []
    try:
        for buf in buffers(frames, p["fps"]):
            src.emit("push-buffer", buf)
        src.emit("end-of-stream")
        while (s := sink.emit("pull-sample")) is not None:
            out.append(s)
        error = pipe.get_bus().pop_filtered(Gst.MessageType.ERROR)
    finally:
        pipe.set_state(Gst.State.NULL)
    if error or len(out) != len(frames):
        raise RuntimeError(f"{p}: {len(out)} of {len(frames)} frames came: "
                           f"{error.parse_error() if error else 'no error'}")
    return out
