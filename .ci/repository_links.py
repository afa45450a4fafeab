"""Preprocessor of mdbook: links to files of the repository become links to the pages of the book that show these files.

A page links to `../config/server.toml` so that the link is good in the repository too; in the book it leads to the page that
includes that file. A file of the repository that is a whole page of the book is read as if it stood in its own folder.
"""

import json
import os.path
import re
import sys

SHOWN = {
    "ARCHITECTURE.md": "develop/architecture.md",
    "CHANGELOG.md": "develop/changelog.md",
    "CONTRIBUTING.md": "develop/contributing.md",
    "config/client.toml": "reference/client-toml.md",
    "config/commands.toml": "reference/starter-menu.md",
    "config/keymap.toml": "reference/keymap-toml.md",
    "config/server.toml": "reference/server-toml.md",
    "config/theme.toml": "reference/theme-toml.md",
    "server/examples/garden.rs": "develop/embedding.md",
    "server/examples/worker.py": "tasks/python.md",
    "server/examples/worker_threads.py": "tasks/python.md",
}
PAGES = {page: file for file, page in SHOWN.items() if file.endswith(".md")}
LINK = re.compile(r"\]\((?![a-z]+:|#)([^)#\s]+)(#[^)\s]*)?\)")


def rewritten(chapter):
    path = chapter["path"]
    written_in = os.path.dirname(PAGES.get(path, "docs/" + path))

    def link(match):
        target = os.path.normpath(os.path.join(written_in, match[1]))
        page = SHOWN.get(target) or (target[5:] if target.startswith("docs/") else None)
        if page is None:
            return match[0]
        # mdbook renames the page README of a folder.
        page = re.sub(r"(^|/)README\.md$", r"\1index.md", page)
        return f"]({os.path.relpath(page, os.path.dirname(path) or '.')}{match[2] or ''})"

    return LINK.sub(link, chapter["content"])


def walk(items):
    for item in items:
        chapter = item.get("Chapter") if isinstance(item, dict) else None
        if chapter:
            if chapter["path"]:
                chapter["content"] = rewritten(chapter)
            walk(chapter["sub_items"])


if sys.argv[1:2] != ["supports"]:
    _, book = json.load(sys.stdin)
    walk(book["items"])
    json.dump(book, sys.stdout)
