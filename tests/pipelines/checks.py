# SPDX-License-Identifier: LGPL-2.1-or-later
"""Counts checks that hold and those that do not."""
passed = failed = 0


def check(ok, text):
    global passed, failed
    passed += bool(ok)
    failed += not ok
    if not ok:
        print("FAIL", text[:1500], flush=True)


def finish():
    """Prints the counts; the exit status."""
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


def play(Gst, pipeline, timeout=60):
    """To its end."""
    pipeline.set_state(Gst.State.PLAYING)
    m = pipeline.get_bus().timed_pop_filtered(
        timeout * Gst.SECOND, Gst.MessageType.EOS | Gst.MessageType.ERROR)
    pipeline.set_state(Gst.State.NULL)
    if not m or m.type == Gst.MessageType.ERROR:
        raise SystemExit(f"{pipeline.name}: {m and m.parse_error()}")


def keep_model(Gst):
    """A pipeline that has the embedded model: a live one that shares it has
    answers from its first frame on, on a machine however busy."""
    pipeline = Gst.parse_launch(
        "videotestsrc num-buffers=1 ! owl2 max-tokens=1 ! fakesink")
    pipeline.set_state(Gst.State.PLAYING)
    m = pipeline.get_bus().timed_pop_filtered(
        240 * Gst.SECOND, Gst.MessageType.EOS | Gst.MessageType.ERROR)
    check(m and m.type == Gst.MessageType.EOS, f"the model loads: {m}")
    return pipeline
