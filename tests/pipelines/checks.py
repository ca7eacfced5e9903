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
