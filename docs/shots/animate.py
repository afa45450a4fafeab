#!/usr/bin/env python3
"""Turns an asciinema file into an animated picture: animate.py FILE.cast > picture.svg

Each different row is drawn once, and shown while the screen has it. Needs the Python package pyte.
"""
import json
import sys

import pyte

import svg

# A frame is taken when nothing was printed for so long; a pause is never longer than this.
QUIET, LONGEST, LAST = 0.04, 2.5, 3.0
# pyte has names for the first sixteen colours, and values of its own where they are given by number.
NAMES = ["black", "red", "green", "brown", "blue", "magenta", "cyan", "white"]
BASIC = dict(zip(NAMES + ["bright" + name for name in NAMES], svg.BASIC))
BASIC.update(zip(pyte.graphics.FG_BG_256, svg.BASIC))


def colour(name, default):
    if name == "default":
        return default
    return BASIC.get(name) or ("#" + name if len(name) == 6 else default)


def row(screen, y):
    """The runs of a row: column, text, foreground, background and whether it is bold."""
    runs, cells = [], screen.buffer[y]
    for x in range(screen.columns):
        cell = cells[x]
        fg, bg = colour(cell.fg, svg.FOREGROUND), colour(cell.bg, None)
        if cell.reverse:
            fg, bg = bg or svg.BACKGROUND, fg
        if (x, y) == (screen.cursor.x, screen.cursor.y) and not screen.cursor.hidden:
            fg, bg = svg.BACKGROUND, svg.FOREGROUND
        look = (fg, bg, cell.bold)
        # A box character of its own run keeps its column in every font.
        if runs and runs[-1][2] == look:
            runs[-1][1] += cell.data
        else:
            runs.append([x, cell.data, look])
    kept = (run for run in runs if run[1].strip() or run[2][1])
    return tuple((x, text, *look) for x, text, look in kept)


def frames(lines):
    """The screens of the file, each with the time at which it begins."""
    head = json.loads(lines[0])
    events = [json.loads(line) for line in lines[1:]]
    screen = pyte.Screen(head["width"], head["height"])
    stream = pyte.Stream(screen)
    shown, clock = [], 0.0
    for nth, (at, _, text) in enumerate(events):
        stream.feed(text)
        following = events[nth + 1][0] if nth + 1 < len(events) else at + LAST
        pause = following - at
        if pause >= QUIET or nth + 1 == len(events):
            rows = [row(screen, y) for y in range(screen.lines)]
            if not shown or shown[-1][1] != rows:
                shown.append((clock, rows))
        clock += min(pause, LONGEST)
    return head, shown, clock


def text(y, run):
    column, words, fg, bg, bold = run
    left, out = svg.PAD + column * svg.CELL_W, ""
    if bg:
        out += svg.ground(left, y, len(words), bg)
    if words.strip():
        left += (len(words) - len(words.lstrip())) * svg.CELL_W
        words = words.strip()
        out += svg.words(left, y, len(words), words, fg, ' font-weight="bold"' if bold else "")
    return out


def draw(head, shown, length):
    spans = {}
    for nth, (_, rows) in enumerate(shown):
        for y, runs in enumerate(rows):
            if runs:
                spans.setdefault((y, runs), []).append(nth)
    starts = [at / length for at, _ in shown] + [1.0]
    poster = len(shown) - 1
    out = []
    for (y, runs), where in spans.items():
        values, times = ["inline" if where[0] == 0 else "none"], ["0"]
        for nth in range(1, len(shown)):
            value = "inline" if nth in where else "none"
            if value != values[-1]:
                values.append(value)
                times.append(f"{starts[nth]:.4f}")
        top = svg.PAD + y * svg.CELL_H
        body = "".join(text(top, run) for run in runs)
        if len(values) == 1:
            out.append(f"<g>{body}</g>")
            continue
        hidden = "" if poster in where else ' display="none"'
        out.append(f'<g{hidden}><animate attributeName="display" calcMode="discrete" '
                   f'dur="{length:.2f}s" repeatCount="indefinite" values="{";".join(values)}" '
                   f'keyTimes="{";".join(times)}"/>{body}</g>')
    width, height = head["width"] * svg.CELL_W + 2 * svg.PAD, head["height"] * svg.CELL_H + 2 * svg.PAD
    return svg.sheet(width, height, out)


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        sys.stdout.write(draw(*frames(file.read().splitlines())))
