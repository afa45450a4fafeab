#!/usr/bin/env python3
"""The sprinkler: holds the relays, and opens and closes valves.

safe_state = { function = "close_all" }
"""

# The protocol has descriptors of its own from the beginning: what is printed before a call goes to the log.
if __name__ == "__main__":
    import os
    _pipes = os.dup(0), os.dup(1)
    os.dup2(2, 1)
import os

from relays import Relays

WORKER = "sprinkler"
CALLS = "many"  # `valves` and `close_all` are answered while a zone is open
relays = Relays(os.environ.get("RELAYS", "relays.json"))
watering = set()


def zone(relay: int, minutes: int = 60):
    """Water a zone.

    Opens a valve, and closes it after some minutes, at a cancel, or at the end of a window.

    effect = "write"
    relay: number of the valve
    """
    call = current_call()
    relays.open(relay)
    watering.add(call)
    try:
        print(f"valve {relay} is open")
        call.cancelled.wait(minutes * 60)
    finally:
        relays.close(relay)
        watering.discard(call)
        print(f"valve {relay} is closed")


def valves():
    """Open valves.

    effect = "read"
    """
    return "open: " + (" ".join(map(str, relays.opened())) or "none")


def close_all():
    """Close all valves.

    Ends each zone that is watered.

    effect = "write"
    """
    for call in list(watering):
        call.cancelled.set()
    relays.close_all()
    return "all valves are closed"


def clean_up():
    relays.shut()


FUNCTIONS = {"zone": zone, "valves": valves, "close_all": close_all}


# From here on it is the same for any table of functions.
# Each worker has its own copy, so that it is one file and needs no package. A test compares the copies of the sources.
import atexit
import inspect
import io
import json
import os
import queue
import re
import signal
import sys
import threading
import time
import traceback
import types
import typing

_PIECE = 16_000  # characters of output in one message; a message has at most 256 KiB
_GRACE = 2  # seconds that functions have to end at the end of the worker
_calls, _todo, _lock, _here = {}, queue.SimpleQueue(), threading.Lock(), threading.local()
_ending = threading.Lock()


class _Call:
    """One call of a function. `cancelled` is set once it should end."""

    def __init__(self, message):
        self.id, self.user, self.role = message["id"], message["user"], message["role"]
        self.function, self.args = message["method"], message["params"]
        self.cancelled, self.line = threading.Event(), ""

    def write(self, text):
        self.line += text
        if "\n" in text:
            self.flush()

    def flush(self):
        self.say(self.line)
        self.line = ""

    def say(self, text):
        for start in range(0, len(text), _PIECE):
            _send(method="output", params={"id": self.id, "text": text[start:start + _PIECE]})

    def answer(self):
        result = FUNCTIONS[self.function](**self.args)
        text = result
        if not isinstance(result, str):
            text = json.dumps(result, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        if len(text) > _PIECE:
            self.write(text if text.endswith("\n") else text + "\n")
            result = None
        return {"result": result}

    def run(self):
        _here.call = self
        try:
            answer = self.answer()
        except BaseException as error:  # SystemExit too: the worker lives on
            traceback.print_exc()
            answer = {"error": {"message": f"{type(error).__name__}: {error}"[:_PIECE]}}
        self.flush()
        _here.call = None
        _calls.pop(self.id, None)
        _send(id=self.id, **answer)


def current_call():
    """The call that this thread carries out."""
    return getattr(_here, "call", None)


def cancelled():
    """Whether the call that this thread carries out should end."""
    return current_call() is not None and current_call().cancelled.is_set()


def _send(**message):
    line = json.dumps(message, ensure_ascii=False, allow_nan=False) + "\n"
    with _lock:
        try:
            _answers.write(line.encode("utf-8", "replace"))
            _answers.flush()
        except OSError:
            pass  # the server is gone, and the end of the input follows


class _Stdout(io.TextIOBase):
    """What a function prints is the output of its call; all else goes to the log."""

    encoding, errors = "utf-8", "replace"

    def write(self, text):
        (current_call() or sys.stderr).write(text)
        return len(text)

    def flush(self):
        (current_call() or sys.stderr).flush()

    def writable(self):
        return True

    def fileno(self):
        return 1  # by then standard error


class _StdoutBytes(io.RawIOBase):
    def write(self, data):
        sys.stdout.write(bytes(data).decode("utf-8", "replace"))
        return len(data)

    def writable(self):
        return True


def _read_calls(lines):
    for message in map(json.loads, lines):
        if "id" in message:
            call = _calls[message["id"]] = _Call(message)
            if globals().get("CALLS") == "many":
                threading.Thread(target=call.run, daemon=True).start()
            else:
                _todo.put(call)
        elif message["method"] == "cancel" and (call := _calls.get(message["params"]["id"])):
            call.cancelled.set()
    _finish()


def _finish(*signal_and_frame):
    """No more calls come: functions are asked to end, and have some time for it."""
    for call in list(_calls.values()):
        call.cancelled.set()
    _todo.put(None)
    threading.Thread(target=lambda: (time.sleep(_GRACE), _end()), daemon=True).start()
    if signal_and_frame and current_call():
        raise SystemExit("the worker ends")


def _end():
    """Ends the process, after `clean_up` if there is one, with all threads."""
    if not _ending.acquire(blocking=False):
        threading.Event().wait()  # another thread does it
    status = 0
    try:
        globals().get("clean_up", lambda: None)()
        atexit._run_exitfuncs()
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stderr.flush()
    os._exit(status)


def _serve():
    # A program that a function starts reads nothing from standard input, and what it writes to standard output goes to
    # the log.
    global _answers
    lines, _answers = os.fdopen(_pipes[0], "rb"), os.fdopen(_pipes[1], "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.stdout.flush()
    sys.stdout = _Stdout()
    _Stdout.buffer = _StdoutBytes()
    signal.signal(signal.SIGTERM, _finish)
    signal.signal(signal.SIGINT, _finish)
    threading.Thread(target=_read_calls, args=(lines,), daemon=True).start()
    while call := _todo.get():
        try:
            call.run()
        except BaseException:
            traceback.print_exc()
    while _calls and globals().get("CALLS") == "many":
        time.sleep(0.01)
    _end()


def _declaration():
    """The commands.toml of the functions. A docstring has a title, then a description, and lines `field = value`,
    `ARGUMENT: description` and `ARGUMENT.field = value`."""
    quoted = lambda value: json.dumps(value, ensure_ascii=False)
    kinds = {int: "int", float: "float", bool: "bool", str: "string"}

    def described(doc, names):
        title, *lines = inspect.cleandoc(doc or "").splitlines() or [""]
        text, fields, of = [], [], {name: [] for name in names}
        for line in lines:
            if (found := re.fullmatch(r"([a-z_]+) = (.+)", line)):
                fields.append(line)
            elif (found := re.fullmatch(r"(\w+)\.([a-z_]+ = .+)", line)) and found[1] in of:
                of[found[1]].append(found[2])
            elif (found := re.fullmatch(r"(\w+): (.+)", line)) and found[1] in of:
                of[found[1]].append(f"description = {quoted(found[2])}")
            elif line:
                text.append(line)
        return title.rstrip("."), " ".join(text), fields, of

    def argument(parameter, kind):
        default, more = parameter.default, []
        if typing.get_origin(kind) in (typing.Union, getattr(types, "UnionType", typing.Union)):  # Optional
            kind = next(one for one in typing.get_args(kind) if one is not type(None))
        if (typing.get_origin(kind) or kind) is list:
            kind, more = (typing.get_args(kind) or (str,))[0], ["multiple = true"]
        if typing.get_origin(kind) is typing.Literal:
            choices = typing.get_args(kind)
            more.append(f"choices = {quoted(choices)}")
            kind = int if type(choices[0]) is int else "enum"
        elif kind is parameter.empty:
            kind = type(default)
        yield f"name = {quoted(parameter.name)}"
        yield f"type = {quoted(kind if kind == 'enum' else kinds.get(kind, 'string'))}"
        if default is parameter.empty:
            yield "required = true"
        elif default not in (None, [], ()):
            yield f"default = {quoted(default)}"
        yield from more

    path = os.path.abspath(__file__)
    program = [path] if os.access(path, os.X_OK) else [sys.executable, path]
    _, _, fields, _ = described(__doc__, [])
    fields += [f"calls = {quoted(CALLS)}"] if "CALLS" in globals() else []
    yield "\n".join([f"[workers.{WORKER}]", f"exec = {quoted(program)}", *fields])
    for name, function in FUNCTIONS.items():
        parameters = inspect.signature(function).parameters
        hints = typing.get_type_hints(function) if hasattr(function, "__annotations__") else {}
        title, text, fields, of = described(function.__doc__, parameters)
        words = [f"title = {quoted(title)}"] if title else []
        words += [f"description = {quoted(text)}"] if text else []
        own = [f"worker = {quoted(WORKER)}", f"function = {quoted(name)}"]
        yield "\n".join([f"\n[commands.{name}]", *words, *own, *fields])
        for parameter in parameters.values():
            declared = argument(parameter, hints.get(parameter.name, parameter.annotation))
            lines = {line.split(" = ")[0]: line for line in [*declared, *of[parameter.name]]}
            yield "\n".join([f"\n[[commands.{name}.args]]", *lines.values()])


if __name__ == "__main__":
    if sys.argv[1:] == ["--declare"]:
        print(*_declaration(), sep="\n", file=os.fdopen(_pipes[1], "w"))
    else:
        _serve()
