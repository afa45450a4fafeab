#!/usr/bin/env python3
"""Stands in for a board of eight relays: which valves are open is kept in a file.

    relays.py FILE             shows the open valves
    relays.py FILE close-all   closes all valves

For real relays, replace the body of `Relays.write`.
"""
import json
import os
import sys
import threading

VALVES = range(1, 9)


class Relays:
    def __init__(self, path):
        self.path, self.lock, self.is_shut = path, threading.Lock(), False

    def opened(self):
        try:
            with open(self.path) as file:
                return json.load(file)["open"]
        except FileNotFoundError:
            return []

    def open(self, valve):
        if valve not in VALVES:
            raise ValueError(f"there is no valve {valve}")
        with self.lock:
            if self.is_shut:
                raise RuntimeError("the valves are closed for good")
            self.write(sorted({*self.opened(), valve}))

    def close(self, valve):
        with self.lock:
            self.write([other for other in self.opened() if other != valve])

    def close_all(self):
        with self.lock:
            self.write([])

    def shut(self):
        """Closes all valves; none is opened any more."""
        with self.lock:
            self.is_shut = True
            self.write([])

    def write(self, valves):
        # The file is replaced in one step, so that no reader sees half of it.
        new = f"{self.path}.{os.getpid()}"
        with open(new, "w") as file:
            json.dump({"open": valves}, file)
        os.replace(new, self.path)


if __name__ == "__main__":
    relays = Relays(sys.argv[1])
    if sys.argv[2:] == ["close-all"]:
        relays.close_all()
    elif sys.argv[2:]:
        sys.exit(__doc__)
    print("open:", *(relays.opened() or ["none"]))
