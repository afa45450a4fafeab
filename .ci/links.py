"""Reports each link of a folder of HTML or Markdown pages that leads to no file, or to no place of an HTML page:
python3 .ci/links.py DIRECTORY
"""

import html.parser
import pathlib
import re
import sys
import urllib.parse


class Page(html.parser.HTMLParser):
    """The places of a page, and what it links to."""

    def __init__(self, path):
        super().__init__()
        self.ids, self.links = set(), []
        self.feed(path.read_text())

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name == "id":
                self.ids.add(value)
            elif value and (name == "src" or (name == "href" and tag != "base")):
                self.links.append(value)


class Text:
    """The links of a page in Markdown, outside of its code."""

    def __init__(self, path):
        text = re.sub(r"(?ms)^ *```.*?^ *```$|`[^`\n]*`", "", path.read_text())
        self.links = re.findall(r"\]\(([^)\s]+)\)", text)


root = pathlib.Path(sys.argv[1])
pages = {path.resolve(): Page(path) for path in root.rglob("*.html")}
texts = {path.resolve(): Text(path) for path in root.rglob("*.md")}
if not pages and not texts:
    sys.exit(f"{root} has no pages")
dead = []
for path, page in {**pages, **texts}.items():
    for link in page.links:
        url = urllib.parse.urlsplit(link)
        # The page for a wrong address takes its paths from the root.
        if url.scheme or url.netloc or path.name == "404.html":
            continue
        target = (path.parent / urllib.parse.unquote(url.path)).resolve() if url.path else path
        if target.is_dir():
            target /= "index.html"
        place = urllib.parse.unquote(url.fragment)
        if not target.exists() or (place and target in pages and place not in pages[target].ids):
            dead.append(f"{path.relative_to(root.resolve())}: {link}")
print(*dead, sep="\n", end="\n" if dead else "")
sys.exit(f"{len(dead)} dead links" if dead else 0)
