#!/usr/bin/env python3
"""Records a terminal program as an asciinema file: record.py OUT.cast COLUMNS ROWS PROGRAM < script

Each line of the script is one step:
    keys TEXT     types it, character by character; \\r, \\e and \\t are Enter, Escape and Tab
    see TEXT      waits until the screen shows it; after twenty seconds something is wrong
    wait SECONDS  leaves the screen for the reader
    run COMMAND   runs a command of the shell beside it, and waits for its end
Needs the Python package pyte.
"""
import codecs
import fcntl
import json
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time

import pyte

PATIENCE = 20
TYPING = 0.07


class Recorder:
    def __init__(self, columns, rows, program):
        self.screen = pyte.Screen(columns, rows)
        self.stream = pyte.ByteStream(self.screen)
        self.events, self.start = [], time.monotonic()
        pid, self.terminal = pty.fork()
        if pid == 0:
            os.execvp(program[0], program)
        self.pid = pid
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self, seconds):
        """Takes what the program prints within this time."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if not select.select([self.terminal], [], [], left)[0]:
                return
            try:
                data = os.read(self.terminal, 65536)
            except OSError:
                return
            self.events.append((time.monotonic() - self.start, data))
            self.stream.feed(data)

    def keys(self, text):
        for key in text.replace(r"\r", "\r").replace(r"\e", "\x1b").replace(r"\t", "\t"):
            os.write(self.terminal, key.encode())
            self.read(TYPING)

    def see(self, text):
        until = time.monotonic() + PATIENCE
        while text not in "\n".join(self.screen.display):
            if time.monotonic() > until:
                sys.exit(f"never shown: {text}\n" + "\n".join(self.screen.display))
            self.read(0.05)

    def write(self, path):
        # The bytes of a character may come in two pieces.
        decode = codecs.getincrementaldecoder("utf-8")(errors="ignore").decode
        out = [json.dumps([round(at, 3), "o", decode(data)], ensure_ascii=False) for at, data in self.events]
        head = {"version": 2, "width": self.screen.columns, "height": self.screen.lines,
                "title": "Topside", "env": {"TERM": "xterm-256color"}}
        with open(path, "w", encoding="utf-8") as file:
            file.write("\n".join([json.dumps(head), *out]) + "\n")


def main():
    path, columns, rows, program = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]
    recorder = Recorder(columns, rows, program)
    for line in sys.stdin:
        step, _, text = line.strip().partition(" ")
        if step == "keys":
            recorder.keys(text)
        elif step == "see":
            recorder.see(text)
        elif step == "wait":
            recorder.read(float(text))
        elif step == "run":
            subprocess.run(text, shell=True, check=True, stdout=subprocess.DEVNULL)
    recorder.write(path)
    os.kill(recorder.pid, 15)
    os.waitpid(recorder.pid, 0)


if __name__ == "__main__":
    main()
