//! The rules of arguments through the whole server, each with values that try to get round it.

use serde_json::{Value, json};

use crate::common::{Raw, TestServer};

/// A menu with one command, `show`, which prints the argument list that it got.
fn show(args: &str) -> String {
    let names: Vec<&str> =
        args.split("name = \"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    let places: String = names.iter().map(|name| format!(", \"{{{name}}}\"")).collect();
    format!(
        "[commands.show]\nexec = [\"sh\", \"-c\", \"printf '<%s>' \\\"$@\\\"\", \"sh\"{places}]\n\
         effect = \"read\"\n{args}"
    )
}

/// Starts a server whose command takes one argument `a`, declared by these lines.
fn taking(lines: &str) -> (TestServer, Raw) {
    let menu = show(&format!("[[commands.show.args]]\nname = \"a\"\n{lines}\n"));
    let server = TestServer::with(&menu, "");
    let client = server.connect();
    (server, client)
}

/// What the program got for this value of `a`.
#[track_caller]
fn got(client: &mut Raw, value: Value) -> String {
    let row = client.run("show", json!({"a": value}));
    assert_eq!(row["state"], "succeeded", "{row}");
    row["output"].as_str().unwrap().to_owned()
}

/// The rule that this value of `a` breaks.
#[track_caller]
fn breaks(client: &mut Raw, value: Value) -> String {
    let error = client.refused("command/run", json!({"command": "show", "args": {"a": value}}));
    assert_eq!((&error["code"], &error["data"]["argument"]), (&json!(-32602), &json!("a")));
    error["data"]["rule"].as_str().unwrap().to_owned()
}

#[test]
fn a_text_matches_its_pattern_as_a_whole_or_is_refused() {
    let (_server, mut client) = taking("type = \"string\"\npattern = '[a-z]+|[0-9]{2}'");
    assert_eq!(got(&mut client, json!("abc")), "<abc>");
    assert_eq!(got(&mut client, json!("12")), "<12>");
    for text in ["", "abc1", "a b", "123", "abc; id", "$(id)", "a|b", "../a"] {
        assert_eq!(breaks(&mut client, json!(text)), "pattern", "{text}");
    }
    let menu = client.ok("commands/list", json!({}));
    let commands = menu["commands"].as_array().unwrap();
    let shown = commands.iter().find(|command| command["name"] == "show").unwrap();
    assert_eq!(shown["args"][0]["pattern"], "[a-z]+|[0-9]{2}");
}

#[test]
fn a_duration_reaches_the_program_in_the_unit_that_was_given() {
    let (_server, mut client) = taking("type = \"duration\"\nminimum = \"1s\"\nmaximum = \"20m\"");
    for (given, element) in [("20m", "<20m>"), ("90s", "<90s>"), ("01m", "<1m>")] {
        assert_eq!(got(&mut client, json!(given)), element);
    }
    assert_eq!(client.run("show", json!({"a": "01m"}))["args"], json!({"a": "1m"}));
    for (given, rule) in [
        (json!("999ms"), "minimum"),
        (json!("1h"), "maximum"),
        (json!(90), "type"),
        (json!("90"), "type"),
        (json!("-90s"), "type"),
        (json!("90s; id"), "type"),
        (json!("１m"), "type"),
    ] {
        assert_eq!(breaks(&mut client, given.clone()), rule, "{given}");
    }
    let menu = client.ok("commands/list", json!({}));
    let commands = menu["commands"].as_array().unwrap();
    let shown = commands.iter().find(|command| command["name"] == "show").unwrap();
    // On the wire durations are milliseconds.
    assert_eq!(
        (&shown["args"][0]["minimum"], &shown["args"][0]["maximum"]),
        (&json!(1000.0), &json!(1_200_000.0))
    );
}

#[test]
fn a_path_with_a_root_reaches_the_program_only_where_it_leads_below_it() {
    let place = crate::common::server::directory();
    let place = place.path().canonicalize().unwrap();
    let root = place.join("files");
    std::fs::create_dir_all(root.join("sub")).unwrap();
    std::fs::write(root.join("sub/file"), "inside").unwrap();
    std::fs::write(place.join("secret"), "outside").unwrap();
    std::os::unix::fs::symlink("sub", root.join("link")).unwrap();
    std::os::unix::fs::symlink("/etc", root.join("away")).unwrap();
    std::os::unix::fs::symlink("../secret", root.join("sub/up")).unwrap();
    std::os::unix::fs::symlink("../new", root.join("nowhere")).unwrap();
    let (server, mut client) = taking(&format!("type = \"path\"\nroot = {root:?}"));
    let inside = format!("<{}>", root.join("sub/file").display());
    let absolute = root.join("sub/file");
    for path in ["sub/file", "./sub//file", "link/file", absolute.to_str().unwrap()] {
        assert_eq!(got(&mut client, json!(path)), inside, "{path}");
    }
    let new = format!("<{}>", root.join("sub/new file").display());
    assert_eq!(got(&mut client, json!("link/new file")), new);
    // The row says what was asked for.
    assert_eq!(client.run("show", json!({"a": "link/file"}))["args"], json!({"a": "link/file"}));

    let beside = place.join("secret");
    for path in [
        "away/passwd",
        "away",
        "sub/up",
        "nowhere",
        "nowhere/x",
        "/etc/passwd",
        ".",
        "/",
        "sub/file/x",
        beside.to_str().unwrap(),
        root.to_str().unwrap(),
    ] {
        assert_eq!(breaks(&mut client, json!(path)), "root", "{path}");
    }
    for path in ["..", "../secret", "sub/../../secret", "sub/..", "/..", ""] {
        assert_eq!(breaks(&mut client, json!(path)), "path", "{path}");
    }
    // Links that are changed while the server runs are followed as they are now.
    std::fs::remove_file(root.join("link")).unwrap();
    std::os::unix::fs::symlink("/etc", root.join("link")).unwrap();
    assert_eq!(breaks(&mut client, json!("link/passwd")), "root");

    // Where the root is stays on the server.
    let error = client.refused("command/run", json!({"command": "show", "args": {"a": "away"}}));
    let menu = client.ok("commands/list", json!({}));
    for said in [&error, &menu] {
        assert!(!said.to_string().contains("files"), "{said}");
    }
    assert_eq!(
        error["message"],
        "a must be a path that stays below the directory of this command, not away"
    );
    drop(server);
}

#[test]
fn a_path_without_a_root_is_passed_on_as_it_is() {
    let (_server, mut client) = taking("type = \"path\"");
    for path in ["sub/file", "/etc/passwd", "./a b", "; $(id)", "*"] {
        assert_eq!(got(&mut client, json!(path)), format!("<{path}>"));
    }
    assert_eq!(breaks(&mut client, json!("a/../b")), "path");
    assert_eq!(breaks(&mut client, json!("-rf")), "allowDash");
}

#[test]
fn many_values_become_one_element_each() {
    let (_server, mut client) = taking("type = \"string\"\nmultiple = true\nmax_length = 20");
    assert_eq!(got(&mut client, json!(["a b", "", "$(id); *", "a b"])), "<a b><><$(id); *><a b>");
    assert_eq!(client.run("show", json!({}))["output"], "<>", "printf without arguments");
    for (value, rule) in [
        (json!([]), "type"),
        (json!("a"), "type"),
        (json!(["a", 1]), "type"),
        (json!([["a"]]), "type"),
        (json!(["a", "-oX"]), "allowDash"),
        (json!(["a", "b\0c"]), "control"),
        (json!(["a", "x".repeat(21)]), "maxLength"),
    ] {
        assert_eq!(breaks(&mut client, value.clone()), rule, "{value}");
    }
    let (_server, mut client) =
        taking("type = \"int\"\nmultiple = true\nflag = \"--zone\"\ndefault = [1, 2]");
    assert_eq!(got(&mut client, json!([3, 4])), "<--zone><3><--zone><4>");
    let row = client.run("show", json!({}));
    assert_eq!(
        (&row["output"], &row["args"]),
        (&json!("<--zone><1><--zone><2>"), &json!({"a": [1, 2]}))
    );
}

#[test]
fn a_value_for_the_environment_is_there_and_not_in_the_argument_list() {
    let menu = r#"
[commands.show]
exec = ["sh", "-c", 'printf "%s|%s|%s" "$#" "${WORD-unset}" "${DEEP-unset}"', "sh"]
effect = "read"
[[commands.show.args]]
name = "word"
type = "string"
env = "WORD"
[[commands.show.args]]
name = "deep"
type = "bool"
env = "DEEP"
"#;
    let server = TestServer::with(menu, "");
    let mut client = server.connect();
    let mut shown = |args: Value| client.run("show", args)["output"].take();
    assert_eq!(shown(json!({})), "0|unset|unset");
    assert_eq!(shown(json!({"word": "$(id); a=b", "deep": false})), "0|$(id); a=b|false");
    assert_eq!(shown(json!({"word": "", "deep": true})), "0||true");
    let exact = "x".repeat(32 * 1024);
    assert_eq!(shown(json!({"word": exact})), format!("0|{exact}|unset"));
    let menu = client.ok("commands/list", json!({})).to_string();
    assert!(!menu.contains("WORD") && !menu.contains("\"env\""), "{menu}");
}
