//! What tests of notifications share: settings with secrets, and the state of a notifier.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use topside_server::Config;

use super::server::write;
use super::{Raw, wait_for};

/// Pauses that a test does not have to wait for.
pub(crate) fn fast(config: Config) -> Config {
    config.with_notify_pace(Duration::from_millis(50), Duration::ZERO)
}

/// A file with a secret that only its owner may read.
pub(crate) fn secret(directory: &Path, name: &str, text: &str) -> PathBuf {
    let path = directory.join(name);
    write(&path, text);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path
}

/// A `[[notify]]` that posts to this URL, signed with the secret `shared key`.
pub(crate) fn webhook(directory: &Path, url: &str, fields: &str) -> String {
    let file = secret(directory, "hook.key", "shared key\n");
    let file = file.display();
    format!("[[notify]]\n{fields}\nwebhook = {{ url = \"{url}\", secret_file = \"{file}\" }}\n")
}

/// The row of the first notifier.
pub(crate) fn status(client: &mut Raw) -> Value {
    client.ok("server/status", json!({}))["notifiers"][0].clone()
}

#[track_caller]
pub(crate) fn wait_until_sent(client: &mut Raw) -> Value {
    wait_for("it is sent", || status(client), |row| row["waiting"] == 0)
}

#[track_caller]
pub(crate) fn wait_for_failure(client: &mut Raw) -> String {
    let row = wait_for("a failure", || status(client), |row| row["failure"].is_string());
    row["failure"].as_str().unwrap().to_owned()
}
