#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The plugin and the programs are built so that mistakes in them are harder to
use: read from the files themselves. Every check is tried on a program built
without any of it, where it has to fail.

usage: binary.py SOURCE_ROOT BUILD_ROOT OPTIMISED(0|1) CC[,ARG...] PLUGIN
       [PROGRAM...]"""

import datetime
import os
import pathlib
import platform
import re
import struct
import subprocess
import sys
import tempfile

PT_LOAD, PT_DYNAMIC, PT_INTERP = 1, 2, 3
PT_GNU_STACK, PT_GNU_RELRO = 0x6474E551, 0x6474E552
PF_X, PF_W = 1, 2
DT_TEXTREL, DT_RPATH, DT_BIND_NOW, DT_RUNPATH = 22, 15, 24, 29
DT_FLAGS, DT_FLAGS_1 = 30, 0x6FFFFFFB
ET_DYN, SHT_SYMTAB, SHT_DYNSYM = 3, 2, 11
# What a function that may be called from anywhere begins with.
LANDINGS = {
    "x86_64": [bytes.fromhex("f30f1efa")],  # endbr64
    "aarch64": [struct.pack("<I", word) for word in (
        0xD503245F, 0xD503233F)],  # bti c, paciasp
}
# Functions that are not static and in each of them.
FUNCTIONS = {"main", "owl2_log", "owl2_error_quark", "ovk_device_new",
             "gst_owl2_worker_new"}


class Elf:
    """A 64-bit little-endian file."""

    def __init__(self, path):
        self.data = d = pathlib.Path(path).read_bytes()
        # As __DATE__ has it, and as most programs print it.
        built = datetime.date.fromtimestamp(os.stat(path).st_mtime)
        self.days = [text.encode() for text in (
            f"{built:%b} {built.day:2} {built.year}", built.isoformat())]
        if d[:6] != b"\x7fELF\x02\x01":
            raise SystemExit(f"{path} is no 64-bit little-endian ELF file")
        self.type, = struct.unpack_from("<H", d, 16)
        phoff, shoff = struct.unpack_from("<QQ", d, 32)
        n_segments, = struct.unpack_from("<H", d, 56)
        n_sections, = struct.unpack_from("<H", d, 60)
        # type, flags, offset, address, physical, bytes in the file, in memory
        self.segments = [struct.unpack_from("<IIQQQQQ", d, phoff + 56 * i)
                         for i in range(n_segments)]
        self.sections = [struct.unpack_from("<IIQQQQIIQQ", d, shoff + 64 * i)
                         for i in range(n_sections)]
        self.dynamic = {}
        for kind, _, offset, _, _, size, _ in self.segments:
            if kind == PT_DYNAMIC:
                self.dynamic.update(struct.unpack_from("<QQ", d, at)
                                    for at in range(offset, offset + size, 16))

    def symbols(self, kind):
        """(name, section, address)"""
        for _, type_, _, _, offset, size, link, *_ in self.sections:
            if type_ != kind:
                continue
            strings = self.sections[link][4]
            for at in range(offset, offset + size, 24):
                name, _, _, section, address = struct.unpack_from(
                    "<IBBHQ", self.data, at)
                end = self.data.index(b"\0", strings + name)
                yield (self.data[strings + name:end].decode(), section,
                       address)

    def imports(self):
        return {name for name, section, _ in self.symbols(SHT_DYNSYM)
                if section == 0}

    def code_at(self, address, size):
        for kind, _, offset, start, _, n, _ in self.segments:
            if kind == PT_LOAD and start <= address < start + n:
                return self.data[offset + address - start:][:size]
        return b""

    def landings(self):
        """Of the functions found, how many begin as they should."""
        wanted = LANDINGS.get(platform.machine())
        starts = [self.code_at(address, 4)
                  for name, section, address in self.symbols(SHT_SYMTAB)
                  if name in FUNCTIONS and section]
        return bool(starts) and (not wanted or all(
            s in wanted for s in starts))


def checks(elf, roots, optimised):
    """(text, whether it is so)"""
    flags = elf.dynamic.get(DT_FLAGS, 0), elf.dynamic.get(DT_FLAGS_1, 0)
    kinds = {kind: flags for kind, flags, *_ in elf.segments}
    imports = elf.imports()
    yield "position-independent", elf.type == ET_DYN and (
        PT_INTERP not in kinds or flags[1] & 0x08000000)
    yield "all symbols bound at the start", (
        DT_BIND_NOW in elf.dynamic or flags[0] & 8) and flags[1] & 1
    yield "relocations read-only afterwards", PT_GNU_RELRO in kinds
    yield "stack not executable", not kinds.get(PT_GNU_STACK, PF_X) & PF_X
    yield "stack protector", "__stack_chk_fail" in imports
    if optimised:
        yield "fortified calls", {
            name for name in imports if re.fullmatch(r"__\w+_chk", name)
            } - {"__stack_chk_fail"}
    yield "control-flow protection", elf.landings()
    # Not what is only part of another path, as that of a tree in /owl2.
    yield "no path of the build", not any(
        re.search(rb"(?<![\w.-])" + re.escape(root.encode()) + rb"(?![\w.-])",
                  elf.data) for root in roots)
    yield "no date of the build", not any(day in elf.data for day in elf.days)
    # No flag of ours asks for these; they must not come about either.
    yield "no memory both written and run", all(
        kind != PT_LOAD or flags & (PF_W | PF_X) != PF_W | PF_X
        for kind, flags, *_ in elf.segments)
    yield "no code relocated", DT_TEXTREL not in elf.dynamic
    yield "no library path", not {DT_RPATH, DT_RUNPATH} & set(elf.dynamic)


WEAK = """
#include <stdio.h>
#include <string.h>
int main (int argc, char **argv)
{
  char text[32];
  strcpy (text, argv[argc - 1]);
  return printf ("%s %s %s\\n", text, __FILE__, __DATE__) < 0;
}
"""
SURE = {"no memory both written and run", "no code relocated",
        "no library path"}


def weak_program(cc, folder):
    source, program = folder / "weak.c", folder / "weak"
    source.write_text(WEAK)
    command = cc + ["-O2", "-w", "-g", "-fno-stack-protector",
                    "-U_FORTIFY_SOURCE", "-fno-pie", "-no-pie",
                    "-Wl,-z,lazy", "-Wl,-z,norelro", "-Wl,-z,execstack"]
    off = {"x86_64": ["-fcf-protection=none"],
           "aarch64": ["-mbranch-protection=none"]}
    # With SOURCE_DATE_EPOCH compilers take that for the day.
    env = {k: v for k, v in os.environ.items() if k != "SOURCE_DATE_EPOCH"}
    subprocess.run(command + off.get(platform.machine(), [])
                   + [source, "-o", program], check=True, env=env)
    return program


def main():
    roots, optimised, cc, files = (sys.argv[1:3], sys.argv[3] == "1",
                                   sys.argv[4].split(","), sys.argv[5:])
    passed = failed = 0
    for path in files:
        for text, ok in checks(Elf(path), roots, optimised):
            passed += bool(ok)
            failed += not ok
            if not ok:
                print(f"FAIL {path}: {text}")
    with tempfile.TemporaryDirectory() as temp:
        weak = Elf(weak_program(cc, pathlib.Path(temp)))
        for text, ok in checks(weak, [temp], optimised):
            missed = ok and text not in SURE and not (
                text == "control-flow protection"
                and platform.machine() not in LANDINGS)
            passed += not missed
            failed += bool(missed)
            if missed:
                print(f"FAIL a weak program passes as: {text}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not files else 0


if __name__ == "__main__":
    sys.exit(main())
