#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""owl2-trace and owl2-bench as a user meets them: wrong arguments, odd
pictures, files that can't be written, models with short contexts and wide
heads. Every failure is one line on standard error that names the culprit.

usage: test_programs.py OWL2_CONVERT OWL2_TRACE OWL2_BENCH DATA EMBEDDED(0|1)"""

import json
import os
import pathlib
import re
import socket
import struct
import subprocess
import sys
import tempfile
import zlib

import numpy as np
from PIL import Image

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "file"), str(HERE.parent / "model")]
import make_checkpoint  # noqa: E402
from test_goldens import Report, own, run  # noqa: E402

report = Report()
# What a program may say before all else, on a machine without a GPU.
CPU_WARNING = r"\S+: warning: using .* computes on the CPU, not on a GPU\n"


def call(*command, **options):
    r = subprocess.run([str(c) for c in command], capture_output=True,
                       text=True, errors="replace", timeout=120, **options)
    r.stdout = own(r.stdout)
    return r


def refused(what, pattern, *command, **options):
    """Exit status 1, one line that begins with the program's name, and
    PATTERN in it; and the line about a CPU where it came to that."""
    r = call(*command, **options)
    name = pathlib.Path(command[0]).name
    report.check(what, r.returncode == 1 and r.stdout == ""
                 and re.fullmatch(f"({CPU_WARNING})?{name}: .*\n", r.stderr)
                 and re.search(pattern, r.stderr),
                 f"exit {r.returncode}, {r.stdout[:200]!r}, "
                 f"{r.stderr[:500]!r} for {pattern!r}")


def convert(args, folder, name, **config_options):
    config = make_checkpoint.make_config(**config_options)
    tensors = make_checkpoint.make_tensors(config, np.random.default_rng(1))
    make_checkpoint.write_checkpoint(folder / name, config, tensors,
                                     dtype="f32")
    gguf = folder / f"{name}.gguf"
    run(args.convert, folder / name, gguf, "--type", "f32")
    return gguf


# ---- arguments -------------------------------------------------------------


def check_arguments(args, gguf, frame, folder):
    t = [args.trace, "--model", gguf]
    image = "<|image|>x"
    refused("no prompt", "--prompt", args.trace)
    refused("max-tokens", "--max-tokens is 0", *t, "--prompt", "x",
            "--max-tokens", "0")
    refused("argument", "'y' is not understood", *t, "--prompt", "x", "y")
    refused("option", "--nope", *t, "--nope")
    refused("missing model", "nofile", args.trace, "--model", "nofile",
            "--prompt", "x")
    refused("no such device", "'none-such'", *t, "--prompt", "x", "--device",
            "none-such")
    refused("no frames", "1 image places for 0 frames", *t, "--prompt", image)
    refused("no place", "0 image places for 1 frames", *t, "--prompt", "x",
            "--frames", frame)
    refused("two places", "2 image places for 1 frames", *t, "--prompt",
            image + image, "--frames", frame)
    refused("missing frame", "nofile.png", *t, "--prompt", image, "--frames",
            f"{frame},nofile.png")
    refused("empty prompt", "0 positions", *t, "--prompt", "")
    refused("long prompt", "100000 bytes.*2048 positions", *t, "--prompt",
            "a" * 100000)
    refused("KV cache", "'q4_0'; auto, f16, q8_0 and f32", *t, "--prompt", "x",
            "--kv-type", "q4_0")
    refused("500 frames", "500 frames of 9 rows are 4500 positions.* 2048", *t,
            "--prompt", image, "--frames", ",".join([str(frame)] * 500))
    refused("folder", "/proc/nope", *t, "--prompt", "x", "--out", "/proc/nope")
    refused("folder is a file", str(frame), *t, "--prompt", "x", "--out",
            frame)
    if not args.embedded:
        refused("no model", "no embedded model", args.trace, "--prompt", "x")
    with open("/dev/full", "w") as full:
        for what, command, text in (
                ("text", t + ["--prompt", "x", "--max-tokens", "1"], None),
                ("ids", t + ["--tokenize"], '{"text": "x"}\n'),
                ("bench", [args.bench, "--kernel", "argmax"], None)):
            r = subprocess.run([str(c) for c in command], stdout=full,
                               stderr=subprocess.PIPE, text=True, input=text)
            report.check(f"full disk, {what}", r.returncode == 1
                         and "standard output" in r.stderr, r.stderr)

    check_folder(args, gguf, frame, folder)


def check_folder(args, gguf, frame, folder):
    """--out into a folder where others have files: names are taken, files are
    not written to; all stages or none."""
    t = [args.trace, "--model", gguf, "--prompt", "<|image|>x", "--frames",
         frame, "--max-tokens", "1", "--out"]
    out, theirs = folder / "out", folder / "theirs.npy"
    out.mkdir()
    for make in (out.joinpath("logits.npy").hardlink_to,
                 out.joinpath("logits.npy").symlink_to):
        theirs.write_bytes(b"theirs")
        make(theirs)
        r = call(*t, out)
        report.check("links in the folder", r.returncode == 0
                     and theirs.read_bytes() == b"theirs"
                     and np.load(out / "logits.npy").ndim == 2, r.stderr)
        for path in out.iterdir():
            path.unlink()
    for name, make in (("a FIFO", os.mkfifo), ("a directory", os.mkdir),
                       ("a device", lambda path: path.symlink_to("/dev/full"))):
        stage = out / "vision_hidden_1.npy"
        make(stage)
        refused(f"{name} in the folder", r"out/vision_hidden_1\.npy: exists "
                f"and is not a regular file, but {name}", *t, out)
        report.check(f"{name}, no other stage", list(out.iterdir()) == [stage])
        stage.rmdir() if name == "a directory" else stage.unlink()
    check_full(t, out)


def check_full(t, out):
    """A folder that is full before all stages are written. A limit of the size
    of files would do, but for drivers that keep code or buffers in such."""
    mount = ["unshare", "--mount"]
    if os.geteuid():
        mount += ["--user", "--map-root-user"]
    mount += ["sh", "-c", 'mount -t tmpfs -o size=16k tmpfs "$0" || exit 77; '
              '"$@"; status=$?; ls "$0"; exit $status']
    r = call(*mount, out, *t, out)
    if r.returncode == 77 or r.stderr.startswith("unshare: "):
        print(f"full folder is not tested: {r.stderr.strip()}")
        return
    report.check("full folder", r.returncode == 1 and re.search(
        r"out/[a-z_0-9]+\.npy: No space left on device\n", r.stderr), r.stderr)
    report.check("no half file", not r.stdout, r.stdout)


# ---- devices ---------------------------------------------------------------


def check_devices(args, gguf):
    lists = set()
    for program in args.trace, args.bench:
        name = program.name
        r = call(program, "--list-devices")
        lists.add(r.stdout)
        report.check(f"{name} --list-devices", r.returncode == 0
                     and r.stderr == "" and all(re.fullmatch(
                         rf"{i}: .+ \(.+, \d+ MiB, UUID [0-9a-f]{{8}}-"
                         r"([0-9a-f]{4}-){3}[0-9a-f]{12}.*\)", line)
                         for i, line in enumerate(r.stdout.splitlines())),
                     f"{r.stdout} {r.stderr}")
        nothing = {**os.environ, "VK_DRIVER_FILES": "/nowhere",
                   "VK_ICD_FILENAMES": "/nowhere"}
        refused(f"{name}, no driver", "Vulkan", program, "--list-devices",
                env=nothing)
        with open("/dev/full", "w") as full:
            r = subprocess.run([program, "--list-devices"], stdout=full,
                               stderr=subprocess.PIPE, text=True)
        report.check(f"{name} --list-devices, full disk", r.returncode == 1
                     and "standard output" in r.stderr, r.stderr)
    report.check("one list", len(lists) == 1, lists)

    # Each device by index, UUID, and name; what computes on the CPU says so.
    for line in lists.pop().splitlines():
        index, rest = line.split(": ", 1)
        uuid = re.search("UUID ([0-9a-f-]+)", rest)[1]
        name = rest.split(" (")[0]
        for device in index, uuid, uuid.replace("-", ""), name.upper():
            for command in ([args.trace, "--model", gguf, "--prompt", "x",
                             "--max-tokens", "1"],
                            [args.bench, "--kernel", "argmax", "--shape",
                             "1x1x32"]):
                r = call(*command, "--device", device)
                said = len(re.findall(CPU_WARNING, r.stderr))
                report.check(f"device {device}", r.returncode == 0
                             and (said == 1) == ("(CPU, " in rest)
                             and (not said or f"using {name}" in r.stderr),
                             r.stderr)


# ---- pictures --------------------------------------------------------------


def chunk(kind, data):
    return (struct.pack(">I", len(data)) + kind + data
            + struct.pack(">I", zlib.crc32(kind + data)))


def png(path, width, height, depth, color, raw, extra=b"", interlaced=0):
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0,
                         interlaced)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra
                     + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b""))


def rows(pixels):
    return b"".join(b"\0" + row.tobytes() for row in pixels)


def adam7(pixels):
    return b"".join(
        rows(pixels[y::dy, x::dx]) for x, y, dx, dy in (
            (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4),
            (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)))


def make_pictures(folder):
    """name -> RGB pixels that it has to be read as, from files in FOLDER."""
    rng = np.random.default_rng(7)
    rgb = rng.integers(0, 256, (37, 23, 3), np.uint8)
    alpha = Image.fromarray(rng.integers(0, 256, (37, 23), np.uint8))
    image = Image.fromarray(rgb)
    wants = {}

    def save(name, picture, **options):
        picture.save(folder / f"{name}.png", **options)
        wants[name] = np.array(picture.convert("RGB"))

    save("rgb", image)
    save("grey", image.convert("L"))
    save("bit", image.convert("1"))
    save("palette", image.convert("P"))
    save("palette-transparent", image.convert("P"), transparency=3)
    save("rgb-transparent", image, transparency=tuple(map(int, rgb[0, 0])))
    save("one", image.crop((0, 0, 1, 1)))
    for name, mode in ("rgb-alpha", "RGB"), ("grey-alpha", "L"):
        picture = image.convert(mode)
        picture.putalpha(alpha)
        save(name, picture)

    deep = rng.integers(0, 65536, (37, 23, 3)).astype(">u2")
    png(folder / "deep.png", 23, 37, 16, 2, rows(deep))
    wants["deep"] = (deep >> 8).astype(np.uint8)
    png(folder / "deep-grey.png", 23, 37, 16, 0, rows(deep[..., 0]))
    wants["deep-grey"] = np.repeat(wants["deep"][..., :1], 3, 2)
    for name, gamma in ("linear", 100000), ("gamma", 45455):
        png(folder / f"{name}.png", 23, 37, 8, 2, rows(rgb),
            chunk(b"gAMA", struct.pack(">I", gamma)))
        wants[name] = rgb
    png(folder / "interlaced.png", 23, 37, 8, 2, adam7(rgb), interlaced=1)
    wants["interlaced"] = rgb
    return wants


def check_pictures(args, gguf, folder):
    wants = make_pictures(folder)
    out = folder / "pictures"
    run(args.trace, "--model", gguf, "--prompt", "<|image|>", "--max-tokens",
        1, "--out", out, "--frames",
        ",".join(str(folder / f"{name}.png") for name in wants))
    got = np.load(out / "resized_rgb.npy")
    size = got.shape[1]
    for i, (name, pixels) in enumerate(wants.items()):
        edge = max(pixels.shape[:2])
        want = Image.fromarray(pixels).resize((edge, edge), Image.BICUBIC)
        want = np.array(want.resize((size, size), Image.BICUBIC))
        report.check(f"picture {name}", np.array_equal(got[i], want),
                     f"off by {np.abs(got[i].astype(int) - want).max()}")


def check_bad_pictures(args, gguf, folder):
    good = (folder / "rgb.png").read_bytes()
    flipped = bytearray(good)
    flipped[60] ^= 0x55
    bad = {"empty": b"", "text": b"not a picture\n", "cut": good[:200],
           "header": good[:20], "flipped": bytes(flipped)}
    for name, data in bad.items():
        (folder / f"bad-{name}.png").write_bytes(data)
    png(folder / "bad-huge.png", 1000000, 1000000, 8, 2, b"")
    png(folder / "bad-large.png", 60000, 60000, 8, 2, b"")
    png(folder / "bad-zero.png", 0, 5, 8, 2, b"")
    os.mkfifo(folder / "bad-fifo.png")
    (folder / "bad-device.png").symlink_to("/dev/zero")
    (folder / "bad-lfs.png").write_bytes(make_checkpoint.LFS_POINTER)
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(folder / "bad-socket.png"))
    for path in sorted(folder.glob("bad-*.png")) + [folder]:
        refused(f"picture {path.name}", re.escape(str(path)), args.trace,
                "--model", gguf, "--prompt", "<|image|>", "--frames", path)


    for name, text in (("fifo", "but a FIFO"), ("device", "but a device"),
                       ("socket", "but a socket"), ("lfs", "Git LFS pointer")):
        refused(f"picture that is {name}", text, args.trace, "--model", gguf,
                "--prompt", "<|image|>", "--frames",
                folder / f"bad-{name}.png")


# ---- added tokens ----------------------------------------------------------


def check_padded(args, folder):
    """One more row for "[PAD]": the same tokens as without; no text becomes
    the row, and it becomes none."""
    source, padded = args.data / "gqa" / "model", folder / "padded"
    make_checkpoint.pad_checkpoint(source, padded, "[PAD]")
    prompt = json.loads((args.data / "gqa" / "golden" / "prompts.json"
                         ).read_text())["text"]["prompt"]
    ids = []
    for name, path in (("plain", source), ("padded", padded)):
        gguf, out = folder / f"gqa-{name}.gguf", folder / f"gqa-{name}"
        run(args.convert, path, gguf, "--type", "f32")
        run(args.trace, "--model", gguf, "--prompt", prompt, "--max-tokens",
            24, "--ignore-eos", "--out", out)
        ids.append(np.load(out / "generated_ids.npy").tolist())
        text = call(args.trace, "--model", gguf, "--tokenize",
                    input='{"text": "a [PAD] b"}\n').stdout
        ids[-1].append(text)
    report.check("padded, same tokens", ids[0] == ids[1] and len(ids[0]) == 25,
                 ids)
    report.check("padded, logits", np.load(
        folder / "gqa-padded" / "logits.npy").shape[1] == 513)


# ---- text ------------------------------------------------------------------


def check_lines(args, gguf, data):
    t = [args.trace, "--model", gguf, "--tokenize"]
    lines = [json.loads(line) for line in (
        data / "mini" / "golden" / "tokenizer.jsonl").open()]
    r = call(*t, input="\n".join(json.dumps({"text": x["text"]})
                                 for x in lines))
    got = [json.loads(line) for line in r.stdout.splitlines()]
    report.check("tokenize", got == [
        {"ids": x["ids"], "text": x["decoded"]} for x in lines], r.stderr)
    # NUL is the byte piece 0, half a surrogate pair one U+FFFD.
    r = call(*t, input='{"text": "a\\u0000b"}\n\n{"text": "\\ud800x"}\n'
             '{"text": "\\ufffdx"}\n')
    got = [json.loads(line) for line in r.stdout.splitlines()]
    report.check("NUL and half pairs", r.returncode == 0 and len(got) == 3
                 and 3 in got[0]["ids"] and got[0]["text"] == "a\ufffdb"
                 and got[1] == got[2], f"{r.stdout} {r.stderr}")
    text = "hello world " * 100000
    r = call(*t, input=json.dumps({"text": text}))
    report.check("a long line", r.returncode == 0
                 and json.loads(r.stdout)["text"] == text, r.stderr)
    r = call(*t, input='{"text": "a"}\n{"text": 5}\n')
    report.check("a bad line", r.returncode == 1 and "line 2: " in r.stderr
                 and len(r.stdout.splitlines()) == 1, r.stderr)
    report.check("no lines", call(*t, input="").returncode == 0)
    with subprocess.Popen([str(c) for c in t], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as p:
        for text in "one", "two":
            p.stdin.write(json.dumps({"text": text}) + "\n")
            p.stdin.flush()
            line = own(p.stdout.readline()) or p.stdout.readline()
            report.check("line by line", json.loads(line)["text"] == text)


# ---- models ----------------------------------------------------------------


def check_models(args, frame, folder):
    image = ["--prompt", "<|image|>", "--frames", frame]
    gguf = convert(args, folder, "context-1", context=1)
    refused("context 1", "2 positions.* 1 to 1", args.trace, "--model", gguf,
            "--prompt", "<s>")
    refused("context 1, frame", "6 positions.* 1$", args.trace, "--model",
            gguf, *image)
    gguf = convert(args, folder, "context-32", context=32)
    out = folder / "context"
    run(args.trace, "--model", gguf, *image, "--max-tokens", 1000,
        "--ignore-eos", "--out", out)
    # The last token of an answer needs no position.
    n = len(np.load(out / "generated_ids.npy"))
    report.check("context 32", n == 32 - 6 + 1, f"{n} tokens")
    refused("context 32, frames", "6 frames of 6 rows are 36 positions",
            args.trace, "--model", gguf, "--prompt", "<|image|>", "--frames",
            ",".join([str(frame)] * 6))
    r = call(args.bench, "--model", gguf, "--json")
    stages = [json.loads(line)["stage"] for line in r.stdout.splitlines()]
    report.check("bench, context 32", r.returncode == 0 and "encode" in stages
                 and "left out" in r.stderr, f"{stages} {r.stderr}")
    for part, options in (
            ("decoder", {"width": 600, "heads": 2}),
            ("vision encoder", {"vision_width": 300, "vision_heads": 1,
                                "abstractor_heads": 2}),
            ("abstractor", {"vision_width": 300, "vision_heads": 2,
                            "abstractor_heads": 1})):
        gguf = convert(args, folder, "heads-" + part[:6], layers=1,
                       vision_layers=1, abstractor_layers=1, **options)
        refused(f"wide heads, {part}", f"heads-.*{part}'s heads are 300 wide",
                args.trace, "--model", gguf, "--prompt", "x")


# ---- owl2-bench ------------------------------------------------------------


def check_bench(args):
    b = args.bench
    refused("kernel", "'nope'", b, "--kernel", "nope", "--json")
    refused("type", "'q9'", b, "--type", "q9")
    refused("KV cache", "'q9'", b, "--kv-type", "q9")
    refused("image mode", "'fit'; auto, stretch, pad and crop", b,
            "--image-mode", "fit")
    refused("synthetic", "'8b'", b, "--synthetic", "8b")
    refused("bench argument", "'x'", b, "x")
    for size in "0x1", "1x", "1x1x", "99999x1", "axb":
        refused(f"frame {size}", re.escape(f"'{size}'"), b, "--frame", size)
    for shape in "0x1x1", "1x1", "1x1x1x", "1x1x70000", "axbxc":
        refused(f"shape {shape}", re.escape(f"'{shape}'"), b, "--kernel",
                "matmul", "--json", "--shape", shape)
    refused("blocks", "q8_0 takes a K that is a multiple of 32, not 100", b,
            "--json", "--kernel", "matmul", "--type", "q8_0", "--shape",
            "4x4x100")
    r = call(b, "--json", "--kernel", "matmul", "--shape", "4x4x32")
    report.check("types", [json.loads(x)["type"] for x in r.stdout.split("\n")
                           if x] == ["f32", "f16", "q8_0"], r.stdout)
    r = call(b, "--json", "--kernel", "matmul_*", "--shape", "4x4x32", "--type",
             "f32")
    ways = [json.loads(x)["kernel"] for x in r.stdout.split("\n") if x]
    report.check("ways of a kernel", {"matmul_mv", "matmul_tile"} <= set(ways)
                 and len(ways) == len(set(ways)), r.stdout)
    refused("a way", "matmul_mv.*not made for 9x4x32", b, "--json", "--kernel",
            "matmul_mv", "--shape", "9x4x32", "--type", "f32")
    refused("head width", "attention.*256, not 300", b, "--json", "--kernel",
            "attention", "--shape", "4x4x300")
    r = call(b, "--json", "--shape", "2x3x300", "--type", "f16")
    results = [json.loads(line) for line in r.stdout.splitlines()]
    report.check("bench kernels", r.returncode == 0 and {
        x["kernel"] for x in results} == {
            "matmul", "embed", "rmsnorm", "layernorm", "swiglu", "argmax"},
                 f"{r.stdout} {r.stderr}")
    matmul = results[0] if results else {}
    report.check("bench matmul", set(matmul) == {
        "kernel", "type", "m", "n", "k", "ms", "gflops", "gbytes_per_s",
        "device", "driver"} and matmul["type"] == "f16"
        and [matmul[x] for x in "mnk"] == [2, 3, 300] and matmul["ms"] > 0,
        str(matmul))


def check_bench_frames(args, gguf):
    r = call(args.bench, "--json", "--model", gguf, "--frame", "300x200",
             "--frame", "1x9")
    results = [json.loads(line) for line in r.stdout.splitlines()]
    report.check("bench frames", [
        (x["width"], x["height"], x["ms"] > 0) for x in results
        if x["stage"] == "encode"] == [(300, 200, True), (1, 9, True)],
                 f"{r.stdout} {r.stderr}")


def check_bench_stages(args, gguf):
    r = call(args.bench, "--json", "--model", gguf)
    results = [json.loads(line) for line in r.stdout.splitlines()]
    keys = {"load": {"ms", "device_bytes", "weights_bytes", "vision_layers",
                     "abstractor_layers", "decoder_layers", "image_tokens"},
            "encode": {"frames", "ms"},
            "prefill": {"frames", "tokens", "ms", "tokens_per_s"},
            "decode": {"frames", "ms", "tokens_per_s", "gbytes_per_s"},
            "memory": {"peak_bytes", "device_bytes"}}
    for stage, wanted in keys.items():
        found = [x for x in results if x["stage"] == stage]
        report.check(f"bench {stage}", found and all(
            wanted <= set(x) and all(x[k] > 0 for k in wanted)
            for x in found), f"{found} {r.stderr}")
        if "frames" in wanted:
            # A second question about the same frames takes over its prefix.
            twice = 2 if stage == "prefill" else 1
            report.check(f"bench {stage} frames", [x["frames"] for x in found]
                         == [1] * twice + [8] * twice, found)
    reused = [x["reused"] for x in results if x["stage"] == "prefill"]
    report.check("bench prefill reused", reused[0] == reused[2] == 0
                 and 8 < reused[1] and 64 < reused[3], f"{reused}")


def main():
    class args:
        convert, trace, bench, data = map(pathlib.Path, sys.argv[1:5])
        embedded = sys.argv[5] == "1"

    frame = args.data / "mini" / "golden" / "frames" / "frame_0.png"
    with tempfile.TemporaryDirectory() as temp:
        temp = pathlib.Path(temp)
        gguf = temp / "mini.gguf"
        run(args.convert, args.data / "mini" / "model", gguf, "--type", "f32")
        check_arguments(args, gguf, frame, temp)
        check_devices(args, gguf)
        check_pictures(args, gguf, temp)
        check_bad_pictures(args, gguf, temp)
        check_padded(args, temp)
        check_lines(args, gguf, args.data)
        check_models(args, frame, temp)
        check_bench(args)
        check_bench_stages(args, gguf)
        check_bench_frames(args, gguf)
    print(f"{report.passed} passed, {report.failed} failed")
    return 1 if report.failed or not report.passed else 0


if __name__ == "__main__":
    sys.exit(main())
