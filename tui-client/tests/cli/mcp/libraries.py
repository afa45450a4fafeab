"""Lists and calls tools of `topside mcp` with the library `mcp`, in each revision, and checks every schema."""

import asyncio
import os
import re
import sys
import tempfile

from jsonschema import Draft202012Validator, ValidationError, validate
from mcp import Client, StdioServerParameters


def walk(schema):
    """Every object in a schema."""
    if isinstance(schema, dict):
        yield schema
        for value in schema.values():
            yield from walk(value)
    if isinstance(schema, list):
        for value in schema:
            yield from walk(value)


def check(schema):
    Draft202012Validator.check_schema(schema)
    assert schema["type"] == "object", schema
    assert schema["additionalProperties"] is False, schema
    for part in walk(schema):
        if isinstance(part.get("pattern"), str):
            re.compile(part["pattern"])


def refused(arguments, schema):
    try:
        validate(arguments, schema, cls=Draft202012Validator)
    except ValidationError:
        return True
    return False


async def use(program, arguments, mode):
    server = StdioServerParameters(command=program, args=arguments, env=dict(os.environ))
    async with Client(server, mode=mode) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        for tool in tools.values():
            check(tool.input_schema)
            check(tool.output_schema)
        types = tools["types"].input_schema
        for wrong in [{"zone": 0}, {"zone": "1"}, {"mode": "x"}, {"names": []}, {"pin": "1"}, {"time": ""}]:
            assert refused(wrong, types), wrong
        assert not refused({"zone": 8, "names": ["a"], "time": "1h30m", "level": 1}, types)
        assert refused({"name": "Bob"}, tools["hello"].input_schema)
        assert refused({}, tools["hello"].input_schema)

        # The library checks the structured content against the schema of the output.
        result = await client.call_tool("hello", {"name": "world"})
        assert not result.is_error, result
        assert result.structured_content["output"] == "hello world\n", result
        failed = await client.call_tool("fail", {})
        assert failed.is_error and failed.structured_content["exitCode"] == 3, failed
        validate(failed.structured_content, tools["fail"].output_schema)
        run = {"runId": result.structured_content["runId"]}
        again = await client.call_tool("run_status", run)
        assert again.structured_content["state"] == "succeeded", again
        pipe = tempfile.mktemp()
        os.mkfifo(pipe)
        waiting = await client.call_tool("wait", {"pipe": pipe})
        results = {
            "run_status": again,
            "run_output": await client.call_tool("run_output", run),
            "wait": waiting,
            "run_cancel": await client.call_tool("run_cancel", {"runId": waiting.structured_content["runId"]}),
        }
        for name in set(tools) - set(results):
            results[name] = await client.call_tool(name, {"name": "world"} if name == "hello" else {})
        for name, result in results.items():
            validate(result.structured_content, tools[name].output_schema, cls=Draft202012Validator)
        resources = (await client.list_resources()).resources
        assert [str(resource.uri) for resource in resources] == ["topside://menu", "topside://status"]
        print(mode, len(tools))


async def main():
    for mode in ["legacy", "2026-07-28", "auto"]:
        await asyncio.wait_for(use(sys.argv[1], sys.argv[2:], mode), 100)


asyncio.run(main())
