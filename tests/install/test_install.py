#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""`meson install` puts programs, plugin, pages, completions and documentation
where they are looked for; they work from there, and links in the documentation
lead to what is installed; `ninja uninstall` takes all of it away again.

usage: test_install.py BUILD PREFIX PROGRAM..."""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.append(str(pathlib.Path(__file__).parents[1] / "pipelines"))
from checks import check, finish  # noqa: E402

BUILD, PREFIX = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
PROGRAMS = [pathlib.Path(p).name for p in sys.argv[3:]]
PICTURE = pathlib.Path(__file__).parent / "circle.png"


def run(*command, env=None, stdin=None):
    r = subprocess.run([str(c) for c in command], text=True, timeout=280,
                       capture_output=True, env={**os.environ, **(env or {})},
                       input=stdin)
    check(r.returncode == 0,
          f"{command}: exit {r.returncode}, {r.stdout[-500:]}{r.stderr[-500:]}")
    return r.stdout


def check_files(there):
    for name in PROGRAMS:
        for path in (f"bin/{name}", f"share/man/man1/{name}.1",
                     f"share/bash-completion/completions/{name}",
                     f"share/fish/vendor_completions.d/{name}.fish"):
            check((there / path).is_file(), f"{path} is not installed")
    check((there / "share/zsh/site-functions/_owl2").is_file(), "no _owl2 for zsh")
    programs = {path.name for path in (there / "bin").iterdir()}
    check(programs == set(PROGRAMS), f"bin has {sorted(programs)}")
    for path in there.rglob("*"):
        check(path.is_dir() or path.is_symlink() or os.access(path, os.R_OK),
              f"{path} can't be read")


def check_links(doc):
    n = 0
    for page in doc.rglob("*.md"):
        text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.M | re.S)
        for link in re.findall(r"\]\(([^)#\s]+)", text):
            if not re.match(r"[a-z]+:", link):
                n += 1
                check((page.parent / link).exists(),
                      f"{page.relative_to(doc)} leads to {link}, which is not "
                      "installed")
    check(n > 8, f"{n} links")


def check_plugin(there, plugin, env):
    said = run("gst-inspect-1.0", "owl2", env=env)
    check(str(plugin) in said, f"gst-inspect-1.0 finds {plugin}: {said[:900]}")
    uri = re.search(r"file://(\S+)", said)
    uri = pathlib.Path(uri[1]) if uri else None
    check(uri and (there / uri.relative_to(PREFIX)).is_file(),
          f"the documentation is at {uri}")
    messages = run("gst-launch-1.0", "-m", "filesrc", f"location={PICTURE}", "!",
                   "decodebin", "!", "videoconvert", "!", "owl2", "!", "fakesink",
                   env=env)
    check("owl2-answer, " in messages, "no answer by gst-launch-1.0")
    # A script of the documentation, which is no checkout.
    script = there / "share/doc/owl2/pipelines/show-answers.sh"
    lines = run("sh", script, env=env, stdin=messages)
    check("A " in lines, f"{script} prints {lines}")


def check_works(there):
    plugins = list(there.rglob("libgstowl2.so"))
    check(len(plugins) == 1 and plugins[0].parent.name == "gstreamer-1.0",
          f"the plugin is in {plugins}")
    with tempfile.TemporaryDirectory() as temp:
        env = {"GST_PLUGIN_PATH": str(plugins[0].parent),
               "GST_REGISTRY": f"{temp}/registry",
               "PATH": f"{there / 'bin'}:{os.environ['PATH']}"}
        for name in PROGRAMS:
            check(run(name, "--version", env=env).startswith(name + " "),
                  f"{name} --version")
        check_plugin(there, plugins[0], env)
        check(run("owl2-ask", PICTURE, env=env).strip(), "owl2-ask says something")


def main():
    log = BUILD / "meson-logs" / "install-log.txt"
    kept = log.read_bytes() if log.exists() else None
    with tempfile.TemporaryDirectory() as temp:
        root = pathlib.Path(temp) / "root of it"
        root.mkdir()
        run("meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", root)
        there = root / PREFIX.relative_to("/")
        check_files(there)
        check_links(there / "share/doc/owl2")
        check_works(there)
        other = there / "share/other.txt"
        other.write_text("somebody else's")
        run("ninja", "-C", BUILD, "uninstall")
        left = [str(path) for path in root.rglob("*") if not path.is_dir()]
        check(left == [str(other)], f"left behind: {left}")
        folders = [path for path in root.rglob("*owl2*")]
        check(not folders, f"folders left behind: {folders}")
    # What somebody has installed from this build can still be uninstalled.
    if kept is not None:
        log.write_bytes(kept)
    elif log.exists():
        log.unlink()
    return finish()


if __name__ == "__main__":
    sys.exit(main())
