#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pictures that lie on GStreamer's Vulkan device: the same answers to the bit
as from the host's memory, without a trip through that, or with one where the
device has no external memory, and the debug log says which.

usage: test_vulkan.py PLUGIN_FOLDER"""

import json
import os
import re
import subprocess
import sys

import checks
from checks import check

# What vulkanupload of GStreamer 1.22 uploads as it is: it takes padded rows for
# pixels, and gives the memory that it uploads from back before the device has
# read it, so that the next picture may be in it. Several pictures, so that
# memory is used again; those that move leave it the time.
SOURCE = ("videotestsrc num-buffers=32 pattern=smpte75 ! "
          "video/x-raw,format={},width=320,height=182,framerate=10/1")
MOVING = ("videotestsrc num-buffers=8 pattern=ball ! "
          "video/x-raw,format=NV12,width=320,height=182,framerate=2/1")
SLOW_UPLOAD = "vulkanupload ! identity sleep-time=100000"
OWL2 = "owl2 name=o max-tokens=8 when-busy=wait {}"
FORMATS = ("NV12", "I420", "BGRx", "ARGB", "GRAY8")
ALWAYS = ("NV12", "BGRx")
ON_DEVICE = "pictures stay on the Vulkan device"
ON_HOST = "pictures go through memory of the host"


def child(line, foreign):
    """Runs @line, with a device that the application made if @foreign, and
    prints the answers."""
    import gi
    gi.require_version("Gst", "1.0")
    gi.require_version("GstVulkan", "1.0")
    from gi.repository import Gst, GstVulkan
    Gst.init(None)
    pipeline = Gst.parse_launch(line)
    if foreign:
        instance = GstVulkan.VulkanInstance.new()
        instance.open()
        device = GstVulkan.VulkanDevice.new_with_index(instance, 0)
        device.open()
        context = Gst.Context.new("gst.vulkan.instance", True)
        GstVulkan.context_set_vulkan_instance(context, instance)
        pipeline.set_context(context)
        context = Gst.Context.new("gst.vulkan.device", True)
        GstVulkan.context_set_vulkan_device(context, device)
        pipeline.set_context(context)
    answers = []
    pipeline.set_state(Gst.State.PLAYING)
    while True:
        m = pipeline.get_bus().timed_pop_filtered(
            60 * Gst.SECOND, Gst.MessageType.ELEMENT | Gst.MessageType.EOS
            | Gst.MessageType.ERROR | Gst.MessageType.WARNING)
        if m is None or m.type == Gst.MessageType.EOS:
            break
        if m.type == Gst.MessageType.ERROR:
            raise SystemExit(m.parse_error())
        if m.type == Gst.MessageType.WARNING:
            raise SystemExit(m.parse_warning())
        s = m.get_structure()
        if s.get_name() == "owl2-answer":
            answers.append([s.get_string("text"),
                            s.get_double("confidence")[1].hex()])
    pipeline.set_state(Gst.State.NULL)
    print(json.dumps(answers))


def run(line, foreign=False):
    """The answers, and the log."""
    env = {**os.environ, "GST_DEBUG": "owl2:4", "GST_DEBUG_NO_COLOR": "1"}
    r = subprocess.run(
        [sys.executable, __file__, "child", line, "foreign" if foreign else ""],
        env=env, capture_output=True, text=True, errors="replace", timeout=120)
    check(r.returncode == 0, f"{line}: {r.returncode} {r.stderr}")
    return (json.loads(r.stdout) if r.returncode == 0 else None), r.stderr


def same(answers, want, what):
    check(answers == want and want and len(want) >= 3,
          f"{what}: {answers} is not {want}")


def uploads(source):
    """Whether vulkanupload can: from GStreamer 1.24 on it can't upload each
    format to each device, and now and then gst-launch-1.0 then waits for
    ever."""
    line = f"{source} ! vulkanupload ! fakesink"
    try:
        return subprocess.run(["gst-launch-1.0", *line.split()], timeout=60,
                              capture_output=True).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def check_formats():
    for name in FORMATS:
        source = SOURCE.format(name)
        if name not in ALWAYS and not uploads(source):
            print(f"{name} is not tested: vulkanupload can't upload it here")
            continue
        want, _ = run(f"{source} ! {OWL2.format('')} ! fakesink")
        got, log = run(
            f"{source} ! vulkanupload ! {OWL2.format('')} ! fakesink")
        same(got, want, name)
        check(ON_DEVICE in log and ON_HOST not in log, f"{name}: {log}")


def check_ways():
    """Turned, of high dynamic range, shrunk, on to other elements, and on a
    device that has no external memory."""
    source = SOURCE.format("NV12")
    tag = "taginject tags=image-orientation=rotate-90"
    want, _ = run(f"{source} ! {tag} ! {OWL2.format('')} ! fakesink")
    got, log = run(
        f"{source} ! {tag} ! vulkanupload ! {OWL2.format('')} ! fakesink")
    same(got, want, "turned")
    check(ON_DEVICE in log, f"turned: {log}")

    # Colours that the engine does not convert.
    pq = f"{source},colorimetry=bt2100-pq"
    want, _ = run(f"{pq} ! {OWL2.format('')} ! fakesink")
    got, log = run(f"{pq} ! vulkanupload ! {OWL2.format('')} ! fakesink")
    same(got, want, "PQ")
    check(ON_HOST in log and ON_DEVICE not in log, f"PQ: {log}")

    for way, n in (("trigger=eos frames=3", 1), ("", 4)):
        way = OWL2.format(way) + " ! fakesink"
        want, _ = run(f"{MOVING} ! {way}")
        got, log = run(f"{MOVING} ! {SLOW_UPLOAD} ! {way}")
        check(got == want and len(want) == n and len(set(map(str, want))) == n,
              f"{way}: {got} is not {want}")
        check(ON_DEVICE in log, f"{way}: {log}")

    after = OWL2.format("") + " ! vulkandownload ! video/x-raw ! " \
        + OWL2.format("").replace("name=o", "name=p") + " ! fakesink"
    got, log = run(f"{source} ! vulkanupload ! {after}")
    want, _ = run(f"{source} ! {OWL2.format('')} ! fakesink")
    same(sorted(got), sorted(2 * want), "before and after a download")

    # Two threads that use the same images.
    way = OWL2.format("") + " ! fakesink"
    got, log = run(f"{source} ! vulkanupload ! tee name=t ! queue ! {way} t. ! "
                   f"queue ! {way.replace('name=o', 'name=p')}")
    same(sorted(got), sorted(2 * want), "behind both ends of a tee")

    got, log = run(f"{source} ! vulkanupload ! {OWL2.format('')} ! fakesink",
                   foreign=True)
    same(got, want, "the application's device")
    check(ON_HOST in log and ON_DEVICE not in log
          and "a Vulkan device for the stream" not in log, log)


def check_changes():
    """Size and colorimetry change in mid-stream, and with them the way. (After a
    change of format vulkanupload of GStreamer 1.22 goes on with images of the
    one before.)"""
    parts = " ".join(
        f"videotestsrc num-buffers=10 pattern={pattern} ! "
        f"video/x-raw,format=NV12,framerate=10/1,{caps} ! c."
        for pattern, caps in (
            ("smpte75", "width=320,height=182,colorimetry=bt709"),
            ("smpte75", "width=160,height=90,colorimetry=bt601"),
            ("smpte75", "width=160,height=90,colorimetry=bt2100-pq"),
            ("smpte75", "width=320,height=182,colorimetry=1:4:0:1")))
    owl2 = OWL2.format("")
    want, _ = run(f"concat name=c ! {owl2} ! fakesink {parts}")
    got, log = run(f"concat name=c ! vulkanupload ! {owl2} ! fakesink {parts}")
    same(got, want, "changes")
    check(len(set(map(str, want))) == 4, f"changes: {want}")
    check(ON_DEVICE in log and ON_HOST in log, f"changes: {log}")


def check_crop():
    """videocrop leaves it to those that take its meta, as fakevideosink does:
    of what is shown alone the copy is made, if the engine takes it by itself,
    which of an odd place of NV12 it does not."""
    if subprocess.run(["gst-inspect-1.0", "--exists",
                       "fakevideosink"]).returncode:
        print("no fakevideosink (gst-plugins-bad): cropping is not tested")
        return
    for name, crop, where in (("NV12", "left=40 top=20 right=60 bottom=2",
                               ON_DEVICE),
                              ("I420", "top=2 right=60", ON_DEVICE),
                              ("BGRx", "left=33 top=1 right=1", ON_DEVICE),
                              ("NV12", "left=41 top=21 right=60", ON_HOST)):
        source = SOURCE.format(name)
        end = f"videocrop {crop} ! {OWL2.format('')} ! fakevideosink sync=false"
        what = f"{name} {crop}"
        want, _ = run(f"{source} ! {end}")
        got, log = run(f"{source} ! vulkanupload ! {end}")
        same(got, want, what)
        check((where in log) + (ON_DEVICE in log) + (ON_HOST in log) == 2,
              f"{what}: {log}")
        if where == ON_DEVICE:
            cut, _ = run(f"{source} ! videocrop {crop} ! {OWL2.format('')} ! "
                         "fakesink")
            same(got, cut, f"{what}, cut by videocrop")
        whole, _ = run(f"{source} ! {OWL2.format('')} ! fakesink")
        check(whole != want, f"{what}: the answer is that of the whole picture")


def vuids(line):
    env = {**os.environ, "VK_INSTANCE_LAYERS": "VK_LAYER_KHRONOS_validation",
           "GST_DEBUG": "vulkandebug:2", "G_DEBUG": ""}
    r = subprocess.run(["gst-launch-1.0", *line.split()], env=env,
                       capture_output=True, text=True, errors="replace",
                       timeout=120)
    return r.returncode, set(re.findall(
        r"(?:VUID|UNASSIGNED|SYNC-HAZARD)[-\w]+", r.stdout + r.stderr))


def check_validation():
    """What vulkanupload uploads from and to, and from GStreamer 1.24 on waits
    with, is destroyed, now and then, before the layers know that the device is
    done with the upload, also without owl2; such is a critical of GStreamer's,
    too."""
    if not os.path.exists("/usr/share/vulkan/explicit_layer.d/"
                          "VkLayer_khronos_validation.json"):
        print("no validation layers: skipped")
        return
    code, messages = vuids(f"{SOURCE.format('NV12')} ! vulkanupload ! "
                           f"{OWL2.format('')} ! fakesink")
    messages -= {"VUID-vkDestroyBuffer-buffer-00922",
                 "VUID-vkDestroyImage-image-01000",
                 "VUID-vkDestroySemaphore-semaphore-05149"}
    check(code == 0 and not messages, f"{code}, {messages}")


def main():
    if sys.argv[1] == "child":
        child(sys.argv[2], sys.argv[3] == "foreign")
        return 0
    # The first of the path has precedence.
    os.environ["GST_PLUGIN_PATH"] = sys.argv[1]
    inspect = subprocess.run(["gst-inspect-1.0", "owl2"], capture_output=True,
                             text=True)
    upload = subprocess.run(["gst-inspect-1.0", "--exists", "vulkanupload"])
    if "memory:VulkanImage" not in inspect.stdout or upload.returncode:
        print("no Vulkan images in this build, or no vulkanupload: skipped")
        return 77
    decoders = subprocess.run(["gst-inspect-1.0", "--exists", "vulkanh264dec"])
    if decoders.returncode:
        print("no vulkanh264dec: decoding on the device is not tested")
    check_formats()
    check_ways()
    check_changes()
    check_crop()
    check_validation()
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
