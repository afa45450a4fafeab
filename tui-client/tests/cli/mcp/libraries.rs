//! Clients of others: the library `mcp` of Python, and the Inspector.

use std::process::{Command, Stdio};

use serde_json::Value;

use super::place;
use crate::common::{Ended, text};
use crate::require::{require, skipped};

/// The Python that has the library and a validator of JSON Schemas.
fn python() -> Option<String> {
    let python = std::env::var("TOPSIDE_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let has_both = Command::new(&python)
        .args(["-c", "from mcp import Client; import jsonschema"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    (has_both || skipped("a Python with mcp 2 and jsonschema (TOPSIDE_TEST_PYTHON)"))
        .then_some(python)
}

#[test]
fn the_python_library_lists_and_calls_tools_and_every_schema_is_valid() {
    let Some(python) = python() else { return };
    let place = place();
    let _server = place.serve();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/mcp/libraries.py");
    let ended: Ended = Command::new(python)
        .args([script, env!("CARGO_BIN_EXE_topside"), "mcp", "--wait", "1s"])
        .envs(place.environment())
        .output()
        .unwrap()
        .into();
    let ended = ended.with(0);
    assert_eq!(ended.out.lines().count(), 3, "{ended:?}");
}

/// The Inspector is installed by .ci/run into a directory of its own, which TOPSIDE_TEST_INSPECTOR names.
#[test]
fn the_inspector_lists_and_calls_tools() {
    if !require("node") {
        return;
    }
    let Ok(inspector) = std::env::var("TOPSIDE_TEST_INSPECTOR") else {
        skipped("the MCP Inspector (TOPSIDE_TEST_INSPECTOR)");
        return;
    };
    let place = place();
    let _server = place.serve();
    // The Inspector passes on only a few variables.
    let variables = place.environment();
    let variables: Vec<String> =
        variables.iter().map(|(name, path)| format!("{name}={}", text(path))).collect();
    let inspect = |args: &[&str]| -> Value {
        let mut command = Command::new(format!("{inspector}/node_modules/.bin/mcp-inspector"));
        command.arg("--cli");
        for variable in &variables {
            command.args(["-e", variable]);
        }
        command.args([env!("CARGO_BIN_EXE_topside"), "mcp"]).args(args).stdin(Stdio::null());
        let ended: Ended = command.env("HOME", text(&place.path("state"))).output().unwrap().into();
        let ended = ended.with(0);
        serde_json::from_str(&ended.out).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
    };
    let listed = inspect(&["--method", "tools/list"]);
    let tools = listed["tools"].as_array().unwrap();
    assert!(tools.iter().any(|tool| tool["name"] == "hello"), "{listed}");
    let called =
        inspect(&["--method", "tools/call", "--tool-name", "hello", "--tool-arg", "name=world"]);
    assert_eq!(called["structuredContent"]["output"], "hello world\n", "{called}");
    let resources = inspect(&["--method", "resources/list"]);
    assert_eq!(resources["resources"][0]["uri"], "topside://menu", "{resources}");
}
