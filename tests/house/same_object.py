#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Sources that name themselves (in debug messages, assertions and what a
debugger reads) give the same object from folders of other names and depths:
compiled here as the build does it there, and compared with its object. The test
`same-bytes` does the same with all that is built, and takes minutes.

usage: same_object.py SOURCE_ROOT BUILD_ROOT FILE..."""

import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile


def main():
    source, build = map(pathlib.Path, sys.argv[1:3])
    commands = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        if "output" in entry and "/tests/" not in "/" + entry["output"]:
            path = (build / entry["file"]).resolve()
            commands[path] = entry["output"], shlex.split(entry["command"])
    passed = failed = 0
    with tempfile.TemporaryDirectory() as temp:
        # A source in depth, and a build that is not inside it.
        there = pathlib.Path(temp) / "some" / "where" / "else"
        new_build = pathlib.Path(temp) / "b"
        new_build.mkdir()
        shutil.copytree(source, there, ignore=shutil.ignore_patterns(
            "build*", ".git", "demo", "tests", "training"))
        # Whole paths alone, since /owl2 is part of others too. The build may be
        # inside the source.
        new = {str(build): str(new_build), str(source): str(there),
               os.path.relpath(source, build):
                   os.path.relpath(there, new_build)}
        old = re.compile("(^|-I|=)(" + "|".join(map(re.escape, new))
                         + ")(?=[/=]|$)")

        def moved(arg):
            return old.sub(lambda found: found[1] + new[found[2]], arg)

        for name in sys.argv[3:]:
            output, command = commands[(source / name).resolve()]
            (new_build / output).parent.mkdir(parents=True, exist_ok=True)
            subprocess.run([moved(a) for a in command], cwd=new_build,
                           check=True, env={**os.environ, "CCACHE_DISABLE": "1"})
            same = ((new_build / output).read_bytes()
                    == (build / output).read_bytes())
            passed += same
            failed += not same
            if not same:
                print(f"FAIL {name}: another object from another folder")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
