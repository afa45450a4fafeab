//! Starting `topsided`, and what it says when it will not.

use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use crate::common::program::{Said, run};
use crate::common::{MENU, Spawned, Topsided};

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
    assert!(said.stdout.contains("Configuration OK: 3 commands"));
    assert!(!topsided.socket().exists());
}

#[test]
fn check_hints_at_what_is_accepted_and_may_be_an_oversight() {
    let topsided = Topsided::new();
    let menu = "[commands.water]\neffect = \"write\"\nexec = [\"true\", \"~/garden\"]\n\
                [commands.safe]\neffect = \"write\"\nexec = [\"true\"]\nsafe_state = [\"true\"]\n\
                [commands.look]\neffect = \"read\"\nexec = [\"true\"]\n";
    topsided.write("commands.toml", menu);
    let said = run(topsided.command().arg("check").env("HOME", "/home/ann"));
    let hints = "Configuration OK: 3 commands, in place of the starter menu\n\
                 hint: water passes `~/garden` as it is, because no shell expands `~`: write /home/ann/garden\n\
                 hint: without `safe_state`, nothing is put right after a cancel, a time limit or a crash of water; \
                 fine where that leaves nothing open\n";
    assert_eq!((said.status, said.stdout.as_str()), (Some(0), hints), "{said:?}");
    std::fs::remove_file(topsided.path("config/commands.toml")).unwrap();
    let said = topsided.run(&["check"]).stdout;
    assert!(!said.contains("in place of") && !said.contains("hint"), "{said}");
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
        ("commands.toml", "[commands.shutdown]\nexec = [\"true\"]\n", ":1:11: ", "built-in"),
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
fn all_errors_of_a_menu_are_reported_at_once() {
    let topsided = Topsided::new();
    topsided
        .write("commands.toml", "[commands.a]\nexek = 1\n[commands.b]\nexec = [\"no-such-one\"]\n");
    let said = topsided.run(&["check"]);
    refused(&said, 78, &["commands.toml:2:1: ", "did you mean exec?", "commands.toml:4:9: "]);
}

#[test]
fn named_files_must_exist() {
    let topsided = Topsided::new();
    let menu = topsided.write("other.toml", "[commands.other]\nexec = [\"true\"]\n");
    let settings = topsided.write("settings.toml", "[limits]\nmax_runs = 0\n");
    let (menu, settings) = (menu.to_str().unwrap(), settings.to_str().unwrap());
    let said = topsided.run(&["check", "--config", settings, "--commands", menu]);
    assert!(said.stdout.contains("1 command"), "{said:?}");
    let said = topsided.run(&["--config", settings, "--commands", menu, "check"]);
    assert_eq!(said.status, Some(0));
    for flag in ["--config", "--commands"] {
        refused(&topsided.run(&[flag, "/no/such/file.toml"]), 78, &["/no/such/file.toml"]);
    }
}

#[test]
fn files_of_commands_d_are_one_menu_with_commands_toml() {
    let topsided = Topsided::new();
    let one = |name: &str| format!("[commands.{name}]\nexec = [\"true\"]\n");
    topsided.write("commands.d/20-late.toml", &one("late"));
    topsided.write("commands.d/10-early.toml", &(one("early") + &one("second")));
    // What is no menu file: another extension, an editor's own, a directory.
    for name in ["README", "x.toml~", ".#20-late.toml", "old/x.toml"] {
        topsided.write(&format!("commands.d/{name}"), "this is no menu");
    }
    let said = topsided.run(&["check"]);
    assert_eq!((said.status, said.stderr.as_str()), (Some(0), ""));
    assert!(said.stdout.contains("Configuration OK: 6 commands"), "{said:?}");

    let names = |server: &Spawned| {
        let menu = server.connect().ok("commands/list", json!({}));
        let names = menu["commands"].as_array().unwrap().iter();
        let names = names.map(|command| command["name"].as_str().unwrap().to_owned());
        names.skip_while(|name| name != "sh" && name != "early").collect::<Vec<_>>()
    };
    let server = topsided.start();
    assert_eq!(names(&server), ["sh", "look", "work", "early", "second", "late"]);
    drop(server);
    // Without commands.toml they are the whole menu, and the starter menu does not serve.
    std::fs::remove_file(topsided.path("config/commands.toml")).unwrap();
    assert_eq!(names(&topsided.start()), ["early", "second", "late"]);
    // A menu that is named is all there is.
    let named = topsided.write("other.toml", &one("other"));
    let said = topsided.run(&["check", "--commands", named.to_str().unwrap()]);
    assert!(said.stdout.contains("1 command"), "{said:?}");
}

#[test]
fn a_name_in_two_files_is_reported_with_both_positions() {
    let topsided = Topsided::new();
    let first = topsided.path("config/commands.toml");
    let text = "# more\n[commands.mine]\nexec = [\"true\"]\naliases = [\"m2\", \"look\"]\n";
    let second = topsided.write("commands.d/a.toml", text);
    let third = topsided.write("commands.d/b.toml", "[commands.mine]\nexec = [\"true\"]\nx = 1\n");
    let said = topsided.run(&["check"]);
    let look = "`look` is taken by command `look` of";
    let place = MENU.lines().position(|line| line == "[commands.look]").unwrap() + 1;
    let mine = "`mine` is taken by command `mine` of";
    let (first, second, third) = (first.display(), second.display(), third.display());
    let words = [
        format!("{second}:4:18: {look} {first}:{place}:11: use another name"),
        format!("{third}:1:11: {mine} {second}:2:11: use another name"),
        // The mistakes of all files at once.
        format!("{third}:3:1: command `mine` has no field `x`"),
    ];
    refused(&said, 78, &words.each_ref().map(String::as_str));
    assert_eq!(said.stderr.lines().count(), 3, "{}", said.stderr);
}

#[test]
fn a_file_or_directory_of_commands_d_that_others_may_write_is_refused() {
    let topsided = Topsided::new();
    let file = topsided.write("commands.d/a.toml", "[commands.a]\nexec = [\"true\"]\n");
    let set = |path: &std::path::Path, mode: u32| {
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    };
    set(&file, 0o646);
    let mend = format!("chmod o-w {}", file.display());
    refused(&topsided.run(&["check"]), 78, &["a.toml: the menu is refused", &mend]);
    set(&file, 0o600);
    let directory = topsided.path("config/commands.d");
    let mend = format!("chmod o-w {}", directory.display());
    set(&directory, 0o757);
    refused(&topsided.run(&["check"]), 78, &["the menu is refused", &mend]);
    // There is nothing in it yet, and others could put it there.
    std::fs::remove_file(&file).unwrap();
    refused(&topsided.run(&[]), 78, &["commands.d: the menu is refused", &mend]);
    // So they could where the directory above it is theirs, with no commands.toml to notice it by.
    set(&directory, 0o755);
    std::fs::remove_file(topsided.path("config/commands.toml")).unwrap();
    let config = topsided.path("config");
    set(&config, 0o757);
    let mend = format!("chmod o-w {}", config.display());
    refused(&topsided.run(&["check"]), 78, &["the menu is refused", &mend]);
    set(&config, 0o755);
    // What cannot be read is never taken for none.
    std::fs::remove_dir(&directory).unwrap();
    std::os::unix::fs::symlink("/no/such/directory", &directory).unwrap();
    refused(&topsided.run(&["check"]), 78, &["commands.d: the menu cannot be read"]);
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

#[test]
fn config_shows_every_key_in_force_and_where_it_comes_from() {
    let topsided = Topsided::new();
    topsided.write(
        "server.toml",
        "# first\n[limits]\nmax_runs = 3\n\nwrite_timeout = \"90s\"\n[local]\nallow = { ann = \"viewer\" }\n",
    );
    let said = topsided.run(&["config", "show"]);
    assert_eq!((said.status, said.stderr.as_str()), (Some(0), ""));
    let rows: Vec<Vec<&str>> =
        said.stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    for row in [
        &["limits.max_runs", "3", "server.toml:3"][..],
        &["limits.write_timeout", "\"90s\"", "server.toml:5"],
        &["limits.connects", "50", "default"],
        &["listen.port", "8677", "default"],
        &["metrics.listen", "unset", "default"],
    ] {
        assert!(rows.iter().any(|found| found == row), "{row:?}: {}", said.stdout);
    }
    let config_dir = format!("{:?}", topsided.path("config").display().to_string());
    assert!(rows.iter().any(|row| row[..] == ["config_dir", &config_dir, "TOPSIDE_CONFIG_DIR"]));

    let file = topsided.write("other.toml", "[router]\nmap = true\n");
    let file = file.display().to_string();
    let said = topsided.run(&["config", "show", "--json", "--config", &file]);
    let rows: Vec<serde_json::Value> = serde_json::from_str(&said.stdout).unwrap();
    let value = |key: &str| rows.iter().find(|row| row["key"] == key).unwrap();
    let map = json!({"key": "router.map", "value": true, "from": format!("{file}:2")});
    assert_eq!(*value("router.map"), map);
    assert_eq!(value("local.allow")["value"], json!({}));
    assert_eq!(value("listen.addresses")["value"], json!(["0.0.0.0", "::"]));
    assert_eq!(value("config")["from"], "--config");
    // No key of the sample is left out.
    let sample: toml::Table = include_str!("../../../config/server.toml").parse().unwrap();
    for (table, keys) in &sample {
        for key in keys.as_table().unwrap().keys() {
            value(&format!("{table}.{key}"));
        }
    }
    // What is shown could be written: the file of all that is shown is what was in force.
    let mut whole = String::new();
    for row in &rows {
        if let Some((table, key)) = row["key"].as_str().unwrap().split_once('.')
            && !row["value"].is_null()
        {
            whole.push_str(&format!("{table}.{key} = {}\n", row["value"]));
        }
    }
    let file = topsided.write("whole.toml", &whole);
    let again = topsided.run(&["config", "show", "--json", "--config", file.to_str().unwrap()]);
    let again: Vec<serde_json::Value> = serde_json::from_str(&again.stdout).unwrap();
    for (one, other) in rows.iter().zip(&again).filter(|(row, _)| row["key"] != "config") {
        assert_eq!(one["value"], other["value"], "{one}");
    }

    topsided.write("server.toml", "[limits]\nmax_rums = 3\n");
    refused(&topsided.run(&["config", "show"]), 78, &["server.toml:2:1: ", "max_runs"]);
    let said = topsided.run(&["config", "path"]);
    assert_eq!(said.status, Some(0));
    for path in ["config/server.toml", "config/commands.toml", "config/commands.d", "state", "run"]
    {
        let path = topsided.path(path).display().to_string();
        assert!(said.stdout.contains(&path), "{path}: {}", said.stdout);
    }
}
