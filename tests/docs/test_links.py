#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Links between the pages lead somewhere: each file is there, and each heading;
and docs/README.md leads to every page of docs/.

usage: test_links.py ROOT"""

import pathlib
import re
import sys

ROOT = pathlib.Path(sys.argv[1]).resolve()
failed = []


def prose(path):
    """Without code, in which brackets are no links."""
    text = re.sub(r"^```.*?^```$", "", path.read_text(), flags=re.M | re.S)
    return re.sub(r"`[^`\n]*`", lambda m: "x" * len(m[0]), text)


def anchors(path):
    """Of the headings, as the usual viewers make them."""
    text = re.sub(r"^```.*?^```$", "", path.read_text(), flags=re.M | re.S)
    found = set()
    for heading in re.findall(r"^#+ (.*)$", text, re.M):
        words = re.sub(r"[^\w\- ]", "", heading.lower())
        found.add(words.strip().replace(" ", "-"))
    return found


def targets(path):
    """[(link, file, anchor or "")] of the links that stay in the tree."""
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(path)):
        if not re.match(r"[a-z]+:", link):
            name, _, anchor = link.partition("#")
            yield link, (path.parent / name).resolve() if name else path, anchor


def main():
    pages = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
    n = 0
    for page in pages:
        for link, path, anchor in targets(page):
            n += 1
            where = f"{page.relative_to(ROOT)}: {link}"
            if not path.exists() or ROOT not in path.parents:
                failed.append(f"{where}: there is no such file")
            elif anchor and anchor not in anchors(path):
                failed.append(f"{where}: no heading of this name")
    index = ROOT / "docs" / "README.md"
    listed = {path for _, path, _ in targets(index)}
    for page in (ROOT / "docs").glob("*.md"):
        if page not in listed | {index}:
            failed.append(f"docs/README.md does not lead to {page.name}")
    print(*failed, sep="\n")
    print(f"{n} links in {len(pages)} pages, {len(failed)} wrong")
    return 1 if failed or n < 20 else 0


if __name__ == "__main__":
    sys.exit(main())
