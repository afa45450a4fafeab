//! Starting `topsided`, and what it says when it will not.

use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use crate::common::Topsided;
use crate::common::program::{Said, run};

/// Expects one refusal in words, with this exit status.
fn refused(said: &Said, status: i32, words: &[&str]) {
    assert_eq!((said.status, said.stdout.as_str()), (Some(status), ""), "{said:?}");
    for word in words {
        assert!(said.stderr.contains(word), "{word}: {}", said.stderr);
    }
    assert!(said.stderr.lines().all(|line| line.starts_with("topsided: ")), "{}", said.stderr);
    assert!(!said.stderr.contains("panicked"));
}

#[test]
fn check_says_that_both_files_are_sound_and_serves_nothing() {
    let topsided = Topsided::new();
    topsided.write("server.toml", "[limits]\nmax_runs = 3\n");
    let said = topsided.run(&["check"]);
    assert_eq!((said.status, said.stderr.as_str()), (Some(0), ""));
    assert!(said.stdout.contains("the configuration is sound: 3 commands declared"));
    assert!(!topsided.socket().exists());
}

#[test]
fn a_broken_file_is_refused_with_file_line_and_column_by_the_server_and_by_check() {
    for (name, text, place, words) in [
        ("server.toml", "[limits]\nmax_rums = 3\n", ":2:1: ", "max_rums"),
        ("server.toml", "[limits]\nmax_runs = \n", ":2:", ""),
        (
            "commands.toml",
            "[commands.a]\nexec = [\"true\"]\ntimout = \"1s\"\n",
            ":3:1: ",
            "timeout",
        ),
        ("commands.toml", "[commands.a]\nexec = [\"true\"\n", ":", "TOML"),
        ("commands.toml", "[commands.a]\nexec = [\"/no/such\"]\n", ":2:9: ", "/no/such"),
        ("commands.toml", "[commands.ks]\nexec = [\"true\"]\n", ":1:11: ", "built-in"),
        (
            "commands.toml",
            "[commands.a]\nexec=[\"true\"]\n[commands.a]\nexec=[\"true\"]\n",
            ":3:",
            "",
        ),
    ] {
        let topsided = Topsided::new();
        let path = topsided.write(name, text);
        let at = format!("{}{place}", path.display());
        for args in [&["check"][..], &[]] {
            refused(&topsided.run(args), 78, &[&at, words]);
        }
        assert!(!topsided.socket().exists());
    }
}

#[test]
fn every_mistake_of_a_menu_is_told_at_once() {
    let topsided = Topsided::new();
    topsided
        .write("commands.toml", "[commands.a]\nexek = 1\n[commands.b]\nexec = [\"no-such-one\"]\n");
    let said = topsided.run(&["check"]);
    refused(&said, 78, &["commands.toml:2:1: ", "did you mean exec?", "commands.toml:4:9: "]);
}

#[test]
fn files_may_be_named_and_must_then_be_there() {
    let topsided = Topsided::new();
    let menu = topsided.write("other.toml", "[commands.other]\nexec = [\"true\"]\n");
    let settings = topsided.write("settings.toml", "[limits]\nmax_runs = 0\n");
    let (menu, settings) = (menu.to_str().unwrap(), settings.to_str().unwrap());
    let said = topsided.run(&["check", "--config", settings, "--commands", menu]);
    assert!(said.stdout.contains("1 commands declared"), "{said:?}");
    let said = topsided.run(&["--config", settings, "--commands", menu, "check"]);
    assert_eq!(said.status, Some(0));
    for flag in ["--config", "--commands"] {
        refused(&topsided.run(&[flag, "/no/such/file.toml"]), 78, &["/no/such/file.toml"]);
    }
}

#[test]
fn without_files_the_starter_menu_serves() {
    let topsided = Topsided::new();
    std::fs::remove_file(topsided.path("config/commands.toml")).unwrap();
    let server = topsided.start();
    let menu = server.connect().ok("commands/list", json!({}));
    let commands = menu["commands"].as_array().unwrap();
    assert!(commands.iter().any(|command| command["category"] == "Box"), "{menu}");
}

#[test]
fn a_menu_that_others_may_write_is_refused_with_the_command_that_mends_it() {
    let topsided = Topsided::new();
    let menu = topsided.path("config/commands.toml");
    std::fs::set_permissions(&menu, std::fs::Permissions::from_mode(0o602)).unwrap();
    refused(&topsided.run(&[]), 78, &[&format!("chmod o-w {}", menu.display())]);
}

#[test]
fn a_socket_path_over_the_systems_limit_is_refused_with_what_to_do() {
    let topsided = Topsided::new();
    let long = topsided.path(&"d".repeat(120));
    let said = run(topsided.command().env("TOPSIDE_RUNTIME_DIR", &long));
    refused(&said, 1, &["bytes", "TOPSIDE_RUNTIME_DIR", long.to_str().unwrap()]);
    assert!(!long.exists());
}

#[test]
fn a_runtime_directory_that_others_may_write_is_refused_with_the_command_that_mends_it() {
    let topsided = Topsided::new();
    let run = topsided.path("run");
    std::fs::create_dir(&run).unwrap();
    std::fs::set_permissions(&run, std::fs::Permissions::from_mode(0o777)).unwrap();
    refused(&topsided.run(&[]), 1, &[&format!("chmod 700 {}", run.display())]);
    assert!(!topsided.socket().exists());
}

#[test]
fn a_file_in_the_place_of_the_socket_is_left_alone() {
    let topsided = Topsided::new();
    let run = topsided.path("run");
    std::fs::create_dir(&run).unwrap();
    std::fs::set_permissions(&run, std::fs::Permissions::from_mode(0o700)).unwrap();
    std::fs::write(topsided.socket(), "precious").unwrap();
    refused(&topsided.run(&[]), 1, &["is not a socket"]);
    assert_eq!(std::fs::read_to_string(topsided.socket()).unwrap(), "precious");
}

#[test]
fn help_and_version_are_there() {
    let topsided = Topsided::new();
    let said = topsided.run(&["--version"]);
    assert_eq!(said.stdout, format!("topsided {}\n", env!("CARGO_PKG_VERSION")));
    let said = topsided.run(&["--help"]);
    for word in ["check", "--config", "--commands"] {
        assert!(said.stdout.contains(word), "{}", said.stdout);
    }
    let said = topsided.run(&["--no-such-flag"]);
    assert_eq!(said.status, Some(2));
}
