# SPDX-License-Identifier: LGPL-2.1-or-later
"""owl2-bench --tune: each shape of the model gets an order of kernels, the best
first, and all of that is in a file of the user's cache folder. That such a file
is obeyed is for test_tuning.c.

usage: test_tune.py BENCH MODEL"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile


def main():
    bench, model = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        r = subprocess.run(
            [bench, "--tune", "--json", "--model", model], text=True,
            capture_output=True, env={**os.environ, "XDG_CACHE_HOME": folder})
        files = list(pathlib.Path(folder).glob("owl2/owl2-*.tuning"))
        text = files[0].read_text() if files else ""
    print(r.stdout, r.stderr, text)
    tuned = [x for x in map(json.loads, r.stdout.splitlines()) if "tuned" in x]
    ok = r.returncode == 0 and len(files) == 1 and len(tuned) > 8
    ok &= {x["family"] for x in tuned} == {"prefill", "decode"}
    for x in tuned:
        line = (f"{x['family']}.{x['type']}.{x['n']}x{x['k']}="
                + ";".join(x["order"]))
        # One that is hardly faster is not put before what the table prefers.
        fine = (len(set(x["order"])) == len(x["times"]) == len(x["order"])
                and x["times"][0] == 1 and min(x["times"]) > 0.9
                and x["before"] in x["order"] and line in text)
        print("ok" if fine else "FAIL", line)
        ok &= fine
    ok &= sum("=" in line for line in text.splitlines()) == len(tuned) + 3
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
