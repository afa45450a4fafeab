#!/usr/bin/env python3
"""A worker in plain Python that does several calls at once and is told when one is cancelled.

    [workers.kiln]
    exec = ["/opt/kiln/worker.py"]
    max_concurrent = 8

Each function has a thread of its own, and gets the call beside its arguments: `call.say(text)` for output,
`call.cancelled` for the word that it is no longer wanted.
"""
import json
import sys
import threading

lock = threading.Lock()
calls = {}


class Call:
    def __init__(self, message):
        self.id, self.user = message["id"], message["user"]
        self.function, self.args = message["method"], message["params"]
        self.cancelled = threading.Event()

    def say(self, text):
        send(method="output", params={"id": self.id, "text": text + "\n"})

    def run(self):
        try:
            result = FUNCTIONS[self.function](self, **self.args)
            answer = json.dumps({"id": self.id, "result": result}, allow_nan=False)
        except Exception as error:
            answer = json.dumps({"id": self.id, "error": {"message": f"{type(error).__name__}: {error}"}})
        del calls[self.id]
        write(answer)


def send(**message):
    write(json.dumps(message, allow_nan=False))


def write(line):
    with lock:
        print(line, flush=True)


def fire(call, degrees):
    """Heats until it is cancelled, then lets the kiln cool."""
    call.say(f"{degrees} degrees for {call.user}")
    call.cancelled.wait()
    call.say("cooling")


FUNCTIONS = {"fire": fire}

for message in map(json.loads, sys.stdin):
    if "id" in message:
        calls[message["id"]] = call = Call(message)
        call.thread = threading.Thread(target=call.run, daemon=True)
        call.thread.start()
    elif message["method"] == "cancel" and (call := calls.get(message["params"]["id"])):
        call.cancelled.set()

# The server ends: each call makes safe what it holds.
left = list(calls.values())
for call in left:
    call.cancelled.set()
for call in left:
    call.thread.join()
