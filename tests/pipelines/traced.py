# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a program does to the machine, by its system calls: strace's log, and
what in it was not asked for."""

import os
import re
import subprocess
import tempfile

from checks import check

CALLS = ("execve,execveat,connect,bind,listen,open,openat,openat2,creat,rename,"
         "renameat,renameat2,link,linkat,unlink,unlinkat,rmdir,mkdir,mkdirat,"
         "symlink,symlinkat,truncate,mknod,mknodat,chmod,fchmodat,chown,lchown,"
         "fchownat,setxattr,lsetxattr")
CALL = re.compile(rb"^\d+ +(\w+)\((.*)$")
# A string, or the path behind a descriptor.
STRING = re.compile(rb'"((?:\\x[0-9a-f]{2})*)"')
BASE = re.compile(rb"^(?:AT_FDCWD|\d+)<((?:\\x[0-9a-f]{2})*)>")
WRITING = re.compile(rb"\bO_(WRONLY|RDWR|CREAT|TRUNC|TMPFILE|APPEND)\b")
PART = re.compile(rb"\.owl2-[0-9a-f]{8}\.part")
# Devices, names that drivers give to their threads, and what GStreamer's
# compiler of loops makes, maps and removes at once.
HARMLESS = re.compile(rb"/dev/(null|tty|dri/\w+|nvidia[-\w]*|kfd|udmabuf)"
                      rb"|/proc/(self|\d+)/task/\d+/comm|/proc/self/fd/\d+"
                      rb"|/.*/orcexec\.\w{6}")


def why_not():
    """Why nothing can be traced here; None if it can be."""
    try:
        r = subprocess.run(["strace", "-f", "-qq", "-o", os.devnull, "true"],
                           capture_output=True, text=True)
    except FileNotFoundError:
        return "there is no strace"
    return r.stderr.strip() or None if r.returncode else None


def text(hexed):
    return bytes.fromhex(hexed.replace(b"\\x", b"").decode())


def within(path, folder):
    return path == folder or path.startswith(folder.rstrip(b"/") + b"/")


class Tracer:
    """Runs programs that may write in FOLDERS, whatever they are asked."""

    def __init__(self, folders):
        self.folders = [os.path.realpath(os.fsencode(f)) for f in folders]
        self.seen = {}  # names of programs: how often they were executed
        self.n_calls = 0

    def run(self, command, executes, cwd, writes=(), **options):
        """(process, what it did beyond EXECUTES, names of programs, and
        WRITES, files or folders)."""
        writes = [os.path.join(os.path.realpath(os.fsencode(cwd)),
                               os.fsencode(w)) for w in writes]
        with tempfile.NamedTemporaryFile() as log:
            r = subprocess.run(
                ["strace", "-f", "--seccomp-bpf", "-qq", "-y", "-xx", "-s",
                 "4096", "-o", log.name, "-e", "trace=" + CALLS, "-e",
                 "signal=none", "--", *command], cwd=cwd,
                capture_output=True, timeout=300, **options)
            lines = log.read().split(b"\n")
        found = []
        for line in lines:
            m = CALL.match(line)
            if m:
                self.n_calls += 1
                found += self.judge(m[1].decode(), m[2], executes,
                                    os.fsencode(cwd), writes)
        return r, found

    def judge(self, call, args, executes, cwd, writes):
        paths = [text(s) for s in STRING.findall(args)]
        if call in ("execve", "execveat"):
            name = os.path.basename(paths[0]).decode(errors="replace")
            self.seen[name] = self.seen.get(name, 0) + 1
            return [] if name in executes else [f"executes {paths[0]!r}"]
        if call in ("connect", "bind", "listen"):
            return [f"{call} ({args[:200]!r})"]
        if call.startswith("open") and not WRITING.search(args):
            return []
        if call in ("setxattr", "lsetxattr"):
            paths = paths[:1]
        if call in ("symlink", "symlinkat"):
            paths = paths[1:]  # what the link says touches nothing
        base = BASE.match(args)
        base = text(base[1]) if base else os.path.realpath(cwd)
        return [f"{call} of {p!r}" for p in paths
                if not self.may(os.path.normpath(os.path.join(base, p)),
                                writes)]

    def may(self, path, writes):
        folder, name = os.path.split(path)
        if HARMLESS.fullmatch(path):
            return True
        path = os.path.join(os.path.realpath(folder), name)
        if any(within(path, f) for f in self.folders + writes):
            return True
        # An output's file before it has its name.
        folders = [os.path.realpath(os.path.dirname(w)) for w in writes]
        return (path in folders
                or PART.fullmatch(name) and os.path.dirname(path) in folders)

    def check(self, command, executes, cwd, writes=(), status=None, **options):
        r, found = self.run(command, executes, cwd, writes, **options)
        what = " ".join(os.fsdecode(c) for c in command)[:160]
        what = ascii(what)
        check(not found, f"{what}: {found[:5]}")
        if status is not None:
            check(r.returncode == status,
                  f"{what}: exit {r.returncode} {r.stderr[-400:]!r}")
        return r
