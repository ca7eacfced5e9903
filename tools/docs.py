#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes the parts of docs/ that follow from the code: properties.md, of the
element as it is registered, the comments at its properties, and an answer that
is made for it; programs.md, of the programs' --help; and threads.svg, of
threads.dot. What is there is replaced, or with --check compared, where a
difference is printed and the exit status is 1 (77: there is no dot).

usage: docs.py [--check] BUILD [properties | programs | drawing]..."""

import difflib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET

ROOT = pathlib.Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
ELEMENT = ROOT / "gst-owl2"
HEAD = """<!-- SPDX-License-Identifier: LGPL-2.1-or-later -->
<!-- Made by tools/docs.py: change the code, not this. -->
"""
# Bits of GParamFlags that GStreamer adds.
MUTABLE = {1 << 10: "READY", 1 << 11: "PAUSED", 1 << 12: "PLAYING"}
TYPES = {"gchararray": "string", "gboolean": "boolean", "guint64": "uint64",
         "gint64": "int64", "guint": "uint", "gint": "int", "gdouble": "double"}
# A stream whose only answer has every field: choices, an alert, and more
# seconds than the context of a model has room for.
EVERY_FIELD = (
    "videotestsrc num-buffers=70 ! video/x-raw,width=64,height=64,framerate=1/1 !"
    " owl2 trigger=eos frames=0 choices=<Yes,No> choice-weights=<1.0,0.0>"
    " alert-threshold=0.000001 alert-hysteresis=0 nice=0 ! fakesink")
SKIPPED = 77


# ---- the element -------------------------------------------------------------

def source():
    return "".join(p.read_text() for p in sorted(ELEMENT.glob("*.[ch]")))


def comments(text):
    """{"GstOwl2:NAME" or "GstOwl2::NAME": the text of its comment}"""
    out = {}
    for name, body in re.findall(
            r"/\*\*\n *\* (GstOwl2::?[a-z-]+):\n(.*?)\*/", text, re.S):
        out[name] = re.sub(r"^ *\*? ?", "", body, flags=re.M).strip()
    return out


def fields(text, name):
    """{field: what it is}, of the comment that lists those of a structure."""
    body = next(c for c in re.findall(r"/\*.*?\*/", text, re.S)
                if "Its fields, of" in c and f"`{name}`:" in c)
    body = re.sub(r"^ *\*/? ?| ?\*/", "", body, flags=re.M)
    return {n: " ".join(what.split()) for n, what in re.findall(
        r"^`([a-z-]+)`: (.*?)(?=^`|^$|\Z)", body, re.S | re.M)}


def as_markdown(text):
    """GTK-Doc's references as links."""
    text = re.sub(r"#GstOwl2::?([a-z-]+)", r"[`\1`](#\1)", text)
    text = re.sub(r"#(G[A-Za-z_]+)", r"`\1`", text)
    text = re.sub(r"^@(\w+): ", r"`\1`: ", text, flags=re.M)
    return re.sub(r"^Since: ([\d.]+)$", r"Since \1.", text, flags=re.M)


def number(x):
    for bits in 63, 31, 64, 32:
        if x == 2**bits - 1:
            return f"2^{bits} - 1"
    return f"{x:g}" if isinstance(x, float) else str(x)


def cell(text):
    return " ".join(str(text).split()).replace("|", "\\|")


def type_of(pspec):
    """(type, default) in words."""
    name = pspec.value_type.name
    if hasattr(pspec, "enum_class"):
        values = pspec.enum_class.__enum_values__
        return ("one of " + ", ".join(f"`{v.value_nick}`"
                                      for v in values.values()),
                f"`{values[int(pspec.default_value)].value_nick}`")
    if hasattr(pspec, "minimum"):
        return (f"{TYPES[name]}, {number(pspec.minimum)} to "
                f"{number(pspec.maximum)}", number(pspec.default_value))
    default = getattr(pspec, "default_value", None)
    if name == "gboolean":
        default = "true" if default else "false"
    elif name == "gchararray":
        default = "NULL" if default is None else f"`{default}`"
    return TYPES.get(name, name), default if default is not None else "none"


def change_of(pspec):
    flags = int(pspec.flags)
    if not flags & 2:
        return "read only"
    return next((s for bit, s in MUTABLE.items() if flags & bit), "NULL")


def describe_values(pspec):
    if not hasattr(pspec, "enum_class"):
        return ""
    return "".join(f"- `{v.value_nick}`: {v.value_name}\n"
                   for v in pspec.enum_class.__enum_values__.values()) + "\n"


def describe_property(pspec, told):
    kind, default = type_of(pspec)
    return (f"### {pspec.name}\n\n*{cell(kind)}; default {default}; "
            f"{change_of(pspec)}*\n\n{describe_values(pspec)}"
            f"{as_markdown(told)}\n\n")


def describe_properties(element, told):
    own = sorted((p for p in element.list_properties()
                  if p.owner_type == element.__gtype__), key=lambda p: p.name)
    out = ("## Properties\n\nREADY: changed in NULL and READY; PLAYING: at any "
           "time, from the next\nclip on. Times are in nanoseconds.\n\n"
           "| property | default | | |\n| --- | --- | --- | --- |\n")
    for p in own:
        out += (f"| [`{p.name}`](#{p.name}) | {cell(type_of(p)[1])} | "
                f"{change_of(p)} | {cell(p.blurb)} |\n")
    return out + "\n" + "".join(
        describe_property(p, told[f"GstOwl2:{p.name}"]) for p in own)


def describe_signals(GObject, element, told):
    out = "## Signals\n\n"
    for i in GObject.signal_list_ids(element.__gtype__):
        q = GObject.signal_query(i)
        takes = ", ".join(TYPES.get(t.name, t.name) for t in q.param_types)
        gives = TYPES.get(q.return_type.name, q.return_type.name)
        action = int(q.signal_flags) & int(GObject.SignalFlags.ACTION)
        out += (f"### {q.signal_name}\n\n*{'action, ' * bool(action)}"
                f"({takes}) -> {gives}*\n\n"
                f"{as_markdown(told['GstOwl2::' + q.signal_name])}\n\n")
    return out


def describe_pads(Gst, factory):
    out = ("## Pads\n\n| pad | | there | |\n| --- | --- | --- | --- |\n")
    for t in sorted(factory.get_static_pad_templates(),
                    key=lambda t: t.name_template):
        caps = t.get_caps()
        names = sorted({caps.get_structure(i).get_name()
                        for i in range(caps.get_size())})
        out += (f"| `{t.name_template}` | {t.direction.value_nick} | "
                f"{t.presence.value_nick} | {', '.join(f'`{n}`' for n in names)}"
                " |\n")
    return out + """
Of `video/x-raw` it is every format that GStreamer's converter knows, in the system's
memory, and, where it was built so, in Vulkan images (`memory:VulkanImage`). Text is
`format=utf8`. `gst-inspect-1.0 owl2` has the caps in full.

"""


def structures(Gst):
    """{name: [(field, type)]} of the messages of that stream, and the meta."""
    pipeline = Gst.parse_launch(EVERY_FIELD)
    pipeline.set_state(Gst.State.PLAYING)
    out, failure = {}, None
    while message := pipeline.get_bus().timed_pop_filtered(
            240 * Gst.SECOND, Gst.MessageType.ELEMENT | Gst.MessageType.EOS
            | Gst.MessageType.ERROR):
        if message.type == Gst.MessageType.ERROR:
            failure = message.parse_error()[0].message
        if message.type != Gst.MessageType.ELEMENT:
            break
        s = message.get_structure()
        names = [s.nth_field_name(i) for i in range(s.n_fields())]
        out[s.get_name()] = {n: s.get_field_type(n).name for n in names}
    pipeline.set_state(Gst.State.NULL)
    if failure:
        sys.exit(failure)
    return out


def describe_structure(name, types, told):
    if set(types) != set(told):
        sys.exit(f"{name} has the fields {sorted(types)}, its comment tells of "
                 f"{sorted(told)}")
    out = f"### {name}\n\n| field | type | |\n| --- | --- | --- |\n"
    for field, what in told.items():
        kind = types[field]
        out += f"| `{field}` | {TYPES.get(kind, kind)} | {cell(what)} |\n"
    return out + "\n"


def describe_messages(Gst, text):
    there = structures(Gst)
    out = """## Messages

Element messages on the bus, and PROGRESS with the code `owl2-load` while a model loads.

"""
    for name, known in ("owl2-answer", "frame-times"), ("owl2-alert", "active"):
        out += describe_structure(name, there[name], fields(text, known))
    return out + """## Metas

`GstOwl2Meta`, a `GstCustomMeta` without tags, has the fields of `owl2-answer`: on every
buffer from the moment the answer is there, one of each element.
`GstOwl2LookMeta` is told of at [`look`](#look).
"""


def properties(build):
    os.environ["GST_PLUGIN_PATH"] = str(build / "gst-owl2")
    import gi
    gi.require_version("Gst", "1.0")
    from gi.repository import GObject, Gst
    Gst.init(None)
    factory = Gst.ElementFactory.find("owl2")
    element = factory.create(None)
    text = source()
    told = comments(text)
    return (f"{HEAD}# Properties, signals, pads, messages and metas of `owl2`\n\n"
            "[Properties](#properties), [signals](#signals), [pads](#pads), "
            "[messages](#messages),\n[metas](#metas).\n\n"
            + describe_properties(element, told)
            + describe_signals(GObject, element, told)
            + describe_pads(Gst, factory) + describe_messages(Gst, text))


# ---- the programs --------------------------------------------------------------

def options(section):
    """[(option, text)]: of "  -m, --model=FILE   text"."""
    return re.findall(r"^  ((?:-\w, )?--[^\s]+) +(\S.*)$", section, re.M)


def describe_program(path):
    env = {**os.environ, "LC_ALL": "C.UTF-8"}
    r = subprocess.run([path, "--help"], capture_output=True, text=True, env=env)
    if r.returncode:
        sys.exit(f"{path} --help: {r.stderr}")
    usage, _, rest = r.stdout.partition("Help Options:")
    usage = re.sub(r"^Usage:\n *", "", usage).strip()
    _, _, rest = rest.partition("Application Options:\n")
    table, _, more = rest.partition("\n\n")
    out = f"## {path.name}\n\n```\n{usage}\n```\n\n| | |\n| --- | --- |\n"
    for option, text in options(table):
        out += f"| `{option}` | {cell(text)} |\n"
    if len(options(table)) != len(table.strip("\n").splitlines()):
        sys.exit(f"{path} --help: not all is an option:\n{table}")
    return out + (f"\n```\n{more.strip()}\n```\n" if more.strip() else "") + "\n"


def programs(build):
    found = sorted((p for p in build.glob("tools/**/owl2-*") if p.is_file()
                    and os.access(p, os.X_OK)), key=lambda p: p.name)
    return (f"{HEAD}# Options of the programs\n\nAs `--help` tells them, and "
            "`--help` itself.\n\n"
            + "".join(describe_program(p) for p in found).rstrip("\n") + "\n")


# ---- the drawing ------------------------------------------------------------------

def drawn():
    r = subprocess.run(["dot", "-Tsvg", DOCS / "threads.dot"],
                       capture_output=True, text=True)
    if r.returncode or r.stderr:
        sys.exit(f"dot: {r.stderr}")
    svg = re.sub(r"<!-- Generated by.*?-->\n?", "", r.stdout, flags=re.S)
    return svg.replace(
        "<svg", "<!-- SPDX-License-Identifier: LGPL-2.1-or-later -->\n"
        "<!-- Made of threads.dot by tools/docs.py. -->\n<svg", 1)


def shape_of(svg):
    """What is in a drawing, wherever it lies: versions of dot place and round
    otherwise."""
    out = []
    for e in ET.fromstring(svg).iter():
        if e.tag.endswith("}g") and e.get("class") in ("node", "edge", "cluster"):
            words = ["".join(t.itertext()) for t in e
                     if t.tag.endswith(("}title", "}text"))]
            out.append(" ".join([e.get("class"), *words]) + "\n")
    return "".join(sorted(out))


# ---- all ------------------------------------------------------------------------

def write_or_check(path, text, check, look=lambda text: text):
    if not check:
        path.write_text(text)
        return 0
    there = look(path.read_text()) if path.exists() else ""
    diff = list(difflib.unified_diff(
        there.splitlines(True), look(text).splitlines(True), f"docs/{path.name}",
        "what tools/docs.py makes"))
    sys.stdout.writelines(diff)
    return bool(diff)


def main():
    args = [a for a in sys.argv[1:] if a != "--check"]
    check = len(args) < len(sys.argv) - 1
    if not args:
        sys.exit(__doc__)
    build = pathlib.Path(args[0]).resolve()
    failed = 0
    for part in args[1:] or ["properties", "programs", "drawing"]:
        if part == "drawing" and not shutil.which("dot"):
            print("no dot (Debian: graphviz)")
            return SKIPPED
        if part == "drawing":
            failed |= write_or_check(DOCS / "threads.svg", drawn(), check, shape_of)
        else:
            make = {"properties": properties, "programs": programs}[part]
            failed |= write_or_check(DOCS / f"{part}.md", make(build), check)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
