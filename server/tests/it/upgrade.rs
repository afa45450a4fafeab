//! What earlier versions left behind, taken over by this one. How it was made stands beside it.

use std::path::Path;

use serde_json::{Value, json};

use crate::common::server::write;
use crate::common::{Raw, Topsided};

fn fixture(version: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(version)
}

/// Copies a directory, each file for its owner alone, as a server leaves them.
fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            write(&to, "");
            std::fs::write(&to, std::fs::read(entry.path()).unwrap()).unwrap();
        }
    }
}

/// A server with the configuration and the state of this version, and what that told of itself.
fn taken_over(version: &str) -> (Topsided, Value) {
    let topsided = Topsided::new();
    for directory in ["config", "state"] {
        copy(&fixture(version).join(directory), &topsided.path(directory));
    }
    let told = std::fs::read_to_string(fixture(version).join("expected.json")).unwrap();
    (topsided, serde_json::from_str(&told).unwrap())
}

/// Each row has all that the earlier version told of it; what that did not know may be there too.
fn are_told(rows: &Value, expected: &Value, changed: &[&str]) {
    let (rows, expected) = (rows.as_array().unwrap(), expected.as_array().unwrap());
    assert_eq!(rows.len(), expected.len(), "{rows:?}");
    for (row, expected) in rows.iter().zip(expected) {
        for (field, value) in expected.as_object().unwrap() {
            if !changed.contains(&field.as_str()) {
                assert_eq!(&row[field], value, "{field} of {row}");
            }
        }
    }
}

fn output(client: &mut Raw, run: u64) -> String {
    let id = client.ask("run/attach", json!({"runId": run}));
    client.answer(id);
    client.heard()
}

#[test]
fn the_first_version_is_taken_over_with_its_keys_runs_and_settings() {
    let (topsided, told) = taken_over("v1");
    assert!(topsided.run(&["check"]).stdout.contains("Configuration OK"));
    assert_eq!(topsided.run(&["id"]).stdout.trim(), told["pin"]);
    let server = topsided.start();
    let mut client = server.connect();

    let keys = client.ok("keys/list", json!({}))["keys"].take();
    are_told(&keys, &told["keys"], &["state"]);
    for (key, told) in keys.as_array().unwrap().iter().zip(told["keys"].as_array().unwrap()) {
        // An invite and a token end by the clock.
        let ends = told.get("expiresAt").is_some() && key["state"] == "expired";
        assert!(key["state"] == told["state"] || ends, "{key}");
    }

    let runs = client.ok("runs/list", json!({}))["runs"].take();
    are_told(&runs, &told["runs"], &[]);
    for (run, said) in [
        (1, "hello\n"),
        (2, "grüße aus dem garten\n"),
        (3, "on its way\nwrong\n"),
        (4, ""),
        (7, "7\n"),
        (8, "begun\n"),
    ] {
        assert_eq!(output(&mut client, run), said, "run {run}");
    }

    // It goes on where that ended.
    let row = client.run("say", json!({}));
    assert_eq!(row["output"], "hello\n");
    assert!(row["runId"].as_u64().unwrap() > 8, "{row}");
    let listeners = client.ok("server/status", json!({}))["listeners"].take();
    let over = |transport: &str| {
        listeners.as_array().unwrap().iter().any(|one| one["transport"] == transport)
    };
    assert!(over("tls") && over("http"), "{listeners}");
}
