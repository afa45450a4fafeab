#!/usr/bin/env python3
"""A worker in plain Python: a table of functions, and what makes them commands.

    [workers.garden]
    exec = ["/opt/garden/worker.py"]

    [commands.water]
    worker = "garden"
    effect = "write"
    args = [{ name = "zone", type = "int", required = true }, { name = "minutes", type = "int" }]

The functions know nothing of Topside. Arguments come by name, what is printed is shown as it comes, what
is returned comes last, and an exception is the run's failure. State lives on from call to call.
"""
import json
import sys
import types

watered = {}


def water(zone, minutes=5):
    watered[zone] = watered.get(zone, 0) + minutes
    return f"zone {zone}: {watered[zone]} minutes since the start"


def report():
    return watered


def count(to):
    if to > 1000:
        raise ValueError("no caller waits for so long")
    for number in range(1, to + 1):
        print(number)


FUNCTIONS = {"water": water, "report": report, "count": count}


# From here on it is the same for any table of functions.
def send(**message):
    print(json.dumps(message, allow_nan=False), file=sys.__stdout__, flush=True)
def output(text):
    send(method="output", params={"id": call["id"], "text": text})
sys.stdout = types.SimpleNamespace(write=output, flush=lambda: None)
for call in (line for line in map(json.loads, sys.stdin) if "id" in line):
    try:
        send(id=call["id"], result=FUNCTIONS[call["method"]](**call["params"]))
    except Exception as error:
        send(id=call["id"], error={"message": f"{type(error).__name__}: {error}"})
