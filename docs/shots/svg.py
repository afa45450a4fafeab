#!/usr/bin/env python3
"""Turns what `tmux capture-pane -e -p` prints into a picture: svg.py COLUMNS < capture > picture.svg"""
import re
import sys
import unicodedata
from html import escape

# A row is as high as a line of the font, so that lines and bars join the row below.
CELL_W, CELL_H, SIZE, PAD = 8.4, 16, 14, 12
FOREGROUND, BACKGROUND = "#d4d7dc", "#16181d"
BASIC = ["#2b2f36", "#e06c75", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#d4d7dc",
         "#6b7280", "#f08a92", "#b4d88f", "#f2d492", "#82c2ff", "#d89ae8", "#78ccd6", "#ffffff"]


def indexed(n):
    """The colour of an index of 256, as xterm has them."""
    if n < 16:
        return BASIC[n]
    if n < 232:
        levels = [0, 95, 135, 175, 215, 255]
        n -= 16
        return "#%02x%02x%02x" % (levels[n // 36], levels[n // 6 % 6], levels[n % 6])
    return "#%02x%02x%02x" % ((8 + 10 * (n - 232),) * 3)


class Style:
    def __init__(self):
        self.reset()

    def reset(self):
        self.fg = self.bg = None
        self.bold = self.dim = self.italic = self.underline = self.reverse = False

    def apply(self, codes):
        codes = [int(code or 0) for code in codes.replace(":", ";").split(";")]
        while codes:
            code = codes.pop(0)
            if code == 0:
                self.reset()
            elif code in (38, 48) and codes:
                if codes.pop(0) == 5:
                    colour = indexed(codes.pop(0))
                else:
                    colour, codes = "#%02x%02x%02x" % tuple(codes[:3]), codes[3:]
                setattr(self, "fg" if code == 38 else "bg", colour)
            elif 30 <= code <= 37 or 90 <= code <= 97:
                self.fg = BASIC[code % 10 + (8 if code >= 90 else 0)]
            elif 40 <= code <= 47 or 100 <= code <= 107:
                self.bg = BASIC[code % 10 + (8 if code >= 100 else 0)]
            elif code == 39:
                self.fg = None
            elif code == 49:
                self.bg = None
            else:
                on = {1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "reverse"}
                off = {22: ("bold", "dim"), 23: ("italic",), 24: ("underline",), 27: ("reverse",)}
                if code in on:
                    setattr(self, on[code], True)
                for name in off.get(code, ()):
                    setattr(self, name, False)

    def colours(self):
        fg, bg = self.fg or FOREGROUND, self.bg
        if self.reverse:
            fg, bg = bg or BACKGROUND, fg
        return fg, bg


def width(char):
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def draw(lines, columns):
    out = []
    for row, line in enumerate(lines):
        style, column = Style(), 0
        for part in re.split(r"(\x1b\[[0-9;:]*m)", line):
            if part.startswith("\x1b"):
                style.apply(part[2:-1])
                continue
            part = re.sub(r"\x1b[^m]*|[\x00-\x1f]", "", part)
            if not part:
                continue
            cells = sum(map(width, part))
            x, y = PAD + column * CELL_W, PAD + row * CELL_H
            fg, bg = style.colours()
            if bg:
                out.append(ground(x, y, cells, bg))
            if part.strip():
                extra = ' font-weight="bold"' if style.bold else ""
                extra += ' font-style="italic"' if style.italic else ""
                extra += ' text-decoration="underline"' if style.underline else ""
                extra += ' opacity="0.6"' if style.dim else ""
                out.append(words(x, y, cells, part, fg, extra))
            column += cells
    return sheet(columns * CELL_W + 2 * PAD, len(lines) * CELL_H + 2 * PAD, out)


def ground(x, y, cells, colour):
    """The background of so many cells."""
    return f'<rect x="{x:.1f}" y="{y}" width="{cells * CELL_W:.1f}" height="{CELL_H}" fill="{colour}"/>'


def words(x, y, cells, text, colour, extra=""):
    """Text that takes so many cells; `extra` are further attributes. Each part between wider gaps has a place of its own, so that
    columns stay in line in every font."""
    parts, column = [], 0
    for piece in re.split(r"(\s{2,})", text):
        taken = sum(map(width, piece))
        if piece.strip():
            bare = piece.strip()
            at = x + (column + len(piece) - len(piece.lstrip())) * CELL_W
            parts.append(f'<text x="{at:.1f}" y="{y + 13}" textLength="{sum(map(width, bare)) * CELL_W:.1f}" '
                         f'fill="{colour}"{extra}>{escape(bare)}</text>')
        column += taken
    return "".join(parts)


def sheet(width, height, parts):
    """The file with these parts on the background."""
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" '
            f'width="{width:.0f}" height="{height}" '
            f'font-family="ui-monospace, Menlo, Consolas, \'DejaVu Sans Mono\', monospace" '
            f'font-size="{SIZE}" xml:space="preserve">\n'
            f'<rect width="100%" height="100%" rx="8" fill="{BACKGROUND}"/>\n'
            + "\n".join(parts) + "\n</svg>\n")


if __name__ == "__main__":
    text = sys.stdin.read().rstrip("\n").split("\n")
    sys.stdout.write(draw(text, int(sys.argv[1])))
