//! One menu for all tests of the command line.

mod completion;
mod conditions;
mod hints;
mod parser;
mod properties;
mod quotes;

use serde_json::json;

use crate::command::Command;

fn menu() -> Vec<Command> {
    serde_json::from_value(json!([
        {"name": "uptime", "effect": "read", "title": "How long the box has been up"},
        {"name": "menu", "title": "This menu", "aliases": ["m"]},
        {"name": "help", "title": "Help", "args": [
            {"name": "command", "description": "Which one"}]},
        {"name": "zone-run", "title": "Run a zone", "aliases": ["zr"], "args": [
            {"name": "zone", "type": "int", "required": true, "minimum": 1, "maximum": 8,
             "description": "Valve number"},
            {"name": "minutes", "type": "int", "default": 5, "choices": [2, 5, 10]},
            {"name": "dry-run", "type": "bool", "default": false}]},
        {"name": "zone-stop", "title": "Stop a zone"},
        {"name": "fan", "title": "Set the fan", "args": [
            {"name": "speed", "type": "enum", "required": true,
             "choices": ["slow", "very fast", "off"]},
            {"name": "trim", "type": "float", "minimum": -2.5, "maximum": 2.5}]},
        {"name": "lamp", "title": "Switch the lamp", "args": [
            {"name": "on", "type": "bool", "required": true}]},
        {"name": "shutdown", "title": "Shut down", "aliases": ["ks"], "args": [
            {"name": "delay", "type": "duration", "default": "0s", "maximum": 86_400_000},
            {"name": "restart", "type": "bool"},
            {"name": "reason", "rest": true},
            {"name": "back"}]},
        {"name": "say", "title": "Say it", "args": [
            {"name": "loud", "type": "bool"},
            {"name": "text", "required": true, "rest": true, "allowDash": true}]},
        {"name": "note", "title": "Keep a note", "args": [
            {"name": "head", "required": true, "allowDash": true},
            {"name": "body", "allowDash": true},
            {"name": "level", "type": "float"},
            {"name": "pin", "type": "bool"},
            {"name": "tail", "rest": true, "allowDash": true}]},
        {"name": "soak", "title": "Soak", "args": [
            {"name": "bed", "pattern": "[a-z]+-[0-9]+", "required": true},
            {"name": "delay", "type": "duration", "minimum": 60000, "maximum": 3_600_000},
            {"name": "log", "type": "path"}]},
        {"name": "beds", "title": "Water beds", "args": [
            {"name": "minutes", "type": "int", "required": true, "minimum": 1},
            {"name": "dry", "type": "bool"},
            {"name": "bed", "type": "string", "required": true, "multiple": true,
             "allowDash": true}]},
        {"name": "levels", "title": "Levels", "args": [
            {"name": "level", "type": "float", "multiple": true, "choices": [0.5, 1, 2]}]}
    ]))
    .unwrap()
}

#[test]
fn the_menu_of_these_tests_is_one_that_a_server_would_load() {
    for command in menu() {
        crate::values::validate_args(&command.args).unwrap();
    }
}
