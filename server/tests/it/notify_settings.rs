//! What `topsided check` says of the targets of notifications.

use std::os::unix::fs::PermissionsExt as _;

use crate::common::notify::secret;
use crate::common::{Topsided, require_root};

#[test]
fn an_error_of_a_web_service_has_its_place() {
    let topsided = Topsided::new();
    let key = secret(&topsided.path(""), "key", "k");
    let key = key.display();
    for (line, said) in [
        (
            format!("webhook = {{ url = \"ftp://example.org\", secret_file = \"{key}\" }}"),
            "server.toml:2:19: `url` of `webhook` in [[notify]] must be a URL such as",
        ),
        (
            "webhook = { url = \"https://example.org\" }".to_owned(),
            "server.toml:2:11: `webhook` in [[notify]] needs `secret_file`: a file with the key",
        ),
        (
            format!(
                "webhook = {{ url = \"https://example.org\", secret_file = \"{key}\", retry = 1 }}"
            ),
            "`webhook` in [[notify]] has no field `retry`",
        ),
        (
            format!("ntfy = {{ url = \"https://ntfy.sh/garden\", topic_file = \"{key}\" }}"),
            "server.toml:2:16: `url` of `ntfy` in [[notify]] must be that of the server",
        ),
        (
            "heartbeat = { url = \"https://example.org\", every = \"100ms\" }".to_owned(),
            "server.toml:2:52: `every` of `heartbeat` in [[notify]] must be a whole number and a unit",
        ),
        (
            "heartbeat = { url = \"https://example.org\", every = \"1m\" }\non = [\"failed\"]"
                .to_owned(),
            "server.toml:3:6: a heartbeat reports no event: take out `on`",
        ),
        (
            format!(
                "exec = [\"true\"]\nwebhook = {{ url = \"https://example.org\", secret_file = \"{key}\" }}"
            ),
            "server.toml:3:11: a [[notify]] sends in one way: take out `exec` or `webhook`",
        ),
        (
            "webhok = { url = \"https://example.org\" }".to_owned(),
            "server.toml:2:1: [[notify]] has no field `webhok`: did you mean webhook?",
        ),
    ] {
        topsided.write("server.toml", &format!("[[notify]]\n{line}\n"));
        let checked = topsided.run(&["check"]);
        assert_eq!(checked.status, Some(78), "{line}: {checked:?}");
        assert!(checked.stderr.contains(said), "{line}: {}", checked.stderr);
        assert_eq!(checked.stderr.matches("server.toml:").count(), 1, "{}", checked.stderr);
    }
}

#[test]
fn a_secret_file_that_is_missing_or_that_others_may_read_is_refused() {
    let topsided = Topsided::new();
    let key = secret(&topsided.path(""), "key", "k\n");
    let shown = key.display().to_string();
    let settings = format!(
        "[[notify]]\nwebhook = {{ url = \"https://example.org\", secret_file = \"{shown}\" }}\n"
    );
    topsided.write("server.toml", &settings);
    assert_eq!(topsided.run(&["check"]).status, Some(0));
    let refused = |said: &str| {
        let checked = topsided.run(&["check"]);
        assert_eq!(checked.status, Some(78), "{said}: {checked:?}");
        let said = format!(
            "server.toml:2:56: `secret_file` of `webhook` in [[notify]]: the file {shown} {said}"
        );
        assert!(checked.stderr.contains(&said), "{said}\n{}", checked.stderr);
    };
    let mode = |mode| {
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    mode(0o644);
    refused(&format!("is refused: {shown} may be read by every user: run `chmod go-r {shown}`"));
    if require_root() {
        mode(0o640);
        std::os::unix::fs::chown(&key, None, Some(1)).unwrap();
        refused(&format!("is refused: {shown} may be read by its group: run `chmod g-r {shown}`"));
    }
    mode(0o602);
    refused(&format!("is refused: {shown} may be written by every user: run `chmod o-w {shown}`"));
    mode(0o600);
    std::fs::write(&key, "\n").unwrap();
    refused("is empty: write the secret into it");
    std::fs::write(&key, "a\nb\n").unwrap();
    refused("must hold one line, without control characters");
    std::fs::remove_file(&key).unwrap();
    refused("cannot be read: No such file or directory");
    std::fs::create_dir(&key).unwrap();
    refused("must be a plain file");
    topsided.write("server.toml", &settings.replace(&shown, "key"));
    let checked = topsided.run(&["check"]);
    assert!(checked.stderr.contains("the file key must have an absolute path"), "{checked:?}");
}
