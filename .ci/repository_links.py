"""Preprocessor of mdbook.

Links to files of the repository become links to the pages of the book that show these files. A page links to
`../config/server.toml` so that the link is good in the repository too; in the book it leads to the page that includes that file,
and on that page itself it is plain text. A file of the repository that is a whole page of the book is read as if it stood in its
own folder.

`<!-- help of PROGRAM -->` becomes the help of the program and of each of its verbs, as the program of this version prints it.
"""

import json
import os.path
import pathlib
import re
import subprocess
import sys

INCLUDE = re.compile(r"\{\{#include \.\./\.\./([^:}]+)")
# The page of each file of the repository: the one that includes it.
SHOWN = {
    file: page.relative_to("docs").as_posix()
    for page in sorted(pathlib.Path("docs").rglob("*.md"))
    for file in INCLUDE.findall(page.read_text())
}
# Two pages show these.
SHOWN |= {file: "examples/README.md" for file in SHOWN if file.startswith("examples/commands.d/")}
PAGES = {page: file for file, page in SHOWN.items() if file.endswith(".md")}
LINK = re.compile(r"\]\((?![a-z]+:|#)([^)#\s]+)(#[^)\s]*)?\)")
# The name of a file of the repository, as its own page in the book has it above the file.
OWN = re.compile(r"\[([^]\[]+)\]\(\.\./\.\./([^)#\s]+)\)")


def page_of(file):
    """The page that shows a file of the repository."""
    return SHOWN.get(file) or (file[5:] if file.startswith("docs/") else None)


def rewritten(chapter):
    path = chapter["path"]

    def own(match):
        # mdbook has renamed the page README of a folder.
        return match[1] if page_of(match[2]) in (path, path.replace("index.md", "README.md")) else match[0]

    content = OWN.sub(own, chapter["content"])
    written_in = os.path.dirname(PAGES.get(path, "docs/" + path))

    def link(match):
        target = os.path.normpath(os.path.join(written_in, match[1]))
        page = page_of(target)
        if page is None:
            return match[0]
        # mdbook renames the page README of a folder.
        page = re.sub(r"(^|/)README\.md$", r"\1index.md", page)
        return f"]({os.path.relpath(page, os.path.dirname(path) or '.')}{match[2] or ''})"

    return LINK.sub(link, content)


def help_of(program, *verb):
    words = [os.path.join(os.environ["TOPSIDE_PROGRAMS"], program), *verb, "--help"]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout.rstrip()


def verbs(text):
    listed = text.partition("\nCommands:\n")[2].partition("\n\n")[0]
    return [verb for verb in re.findall(r"^  (\S+)", listed, re.MULTILINE) if verb != "help"]


def helps(match):
    program = match[1]
    overview = help_of(program)
    sections = [f"## {program}\n\n```text\n{overview}\n```"]
    for verb in verbs(overview):
        text = help_of(program, verb)
        sections.append(f"### {program} {verb}\n\n```text\n{text}\n```")
        for inner in verbs(text):
            sections.append(f"#### {program} {verb} {inner}\n\n```text\n{help_of(program, verb, inner)}\n```")
    return "\n\n".join(sections)


def walk(items):
    for item in items:
        chapter = item.get("Chapter") if isinstance(item, dict) else None
        if chapter:
            if chapter["path"]:
                text = rewritten(chapter)
                chapter["content"] = re.sub(r"<!-- help of (\w+) -->", helps, text)
            walk(chapter["sub_items"])


if sys.argv[1:2] != ["supports"]:
    _, book = json.load(sys.stdin)
    walk(book["items"])
    json.dump(book, sys.stdout)
