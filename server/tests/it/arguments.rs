//! The rules of arguments through the whole server, each with values that try to get round it.

use serde_json::{Value, json};

use crate::common::{Raw, TestServer, Topsided};

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
fn a_duration_reaches_the_program_as_one_number_and_one_unit() {
    let (_server, mut client) = taking("type = \"duration\"\nminimum = \"1s\"\nmaximum = \"20m\"");
    for (given, element) in [
        (json!("20m"), "<20m>"),
        (json!("90s"), "<90s>"),
        (json!("01m"), "<1m>"),
        (json!("1m30s"), "<90s>"),
        (json!("90"), "<90s>"),
        (json!(90), "<90s>"),
    ] {
        assert_eq!(got(&mut client, given), element);
    }
    assert_eq!(client.run("show", json!({"a": "01m"}))["args"], json!({"a": "1m"}));
    for (given, rule) in [
        (json!("999ms"), "minimum"),
        (json!("1h"), "maximum"),
        (json!(1201), "maximum"),
        (json!(1.5), "type"),
        (json!("30s1m"), "type"),
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
        assert!(!said.to_string().contains("/files"), "{said}");
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

/// Values that would do harm where something read them.
const HOSTILE: [&str; 14] = [
    "; id",
    "$(id)",
    "`id`",
    "| cat /etc/passwd",
    "-oX",
    "--",
    "../..",
    "\0",
    "a\nb",
    "*",
    "' \" \\",
    "{a}",
    "%s%n",
    "\u{1b}[2J",
];

/// What each type does with them: the rule that one breaks, or none where it is passed on as it is.
fn outcome(kind: &str, value: &str) -> Option<&'static str> {
    let control = value.chars().any(char::is_control);
    match kind {
        "int" | "float" | "bool" | "duration" => Some("type"),
        _ if control => Some("control"),
        // It is in no argument list.
        "secret" => None,
        "enum" => Some("choices"),
        _ if value.starts_with('-') => Some("allowDash"),
        "path" if value == "../.." => Some("path"),
        _ => None,
    }
}

#[test]
fn no_hostile_value_gets_through_any_type_as_anything_but_one_value() {
    for (kind, more) in [
        ("string", ""),
        ("int", ""),
        ("float", ""),
        ("bool", ""),
        ("enum", "choices = [\"a\"]"),
        ("duration", ""),
        ("path", ""),
        ("secret", "stdin = true"),
    ] {
        // A secret is read from where it is put, to see that it is the same.
        let menu = match kind {
            "secret" => format!(
                "[commands.show]\nexec = [\"sh\", \"-c\", \"printf '<%s>' \\\"$(cat)\\\"\"]\n\
                 [[commands.show.args]]\nname = \"a\"\ntype = \"secret\"\n{more}\n"
            ),
            _ => {
                show(&format!("[[commands.show.args]]\nname = \"a\"\ntype = \"{kind}\"\n{more}\n"))
            }
        };
        let server = TestServer::with(&menu, "");
        let mut client = server.connect();
        for value in HOSTILE {
            match outcome(kind, value) {
                Some(rule) => {
                    assert_eq!(breaks(&mut client, json!(value)), rule, "{kind} {value:?}");
                }
                None => {
                    assert_eq!(got(&mut client, json!(value)), format!("<{value}>"), "{kind}");
                }
            }
        }
        // 32 KiB and one byte more; what is no text is refused for its type before.
        let exact = "x".repeat(32 * 1024);
        let over = exact.clone() + "x";
        match kind {
            "string" | "path" | "secret" => {
                assert_eq!(got(&mut client, json!(exact)), format!("<{exact}>"), "{kind}");
                assert_eq!(breaks(&mut client, json!(over)), "size", "{kind}");
            }
            "enum" => {
                assert_eq!(breaks(&mut client, json!(exact)), "choices");
                assert_eq!(breaks(&mut client, json!(over)), "size");
            }
            _ => assert_eq!(breaks(&mut client, json!(over)), "type", "{kind}"),
        }
        // What is no value of any type.
        for value in [json!(null), json!({}), json!([]), json!([[]]), json!({"a": "b"})] {
            assert_eq!(breaks(&mut client, value.clone()), "type", "{kind} {value}");
        }
    }
}

#[test]
fn a_list_of_values_obeys_the_rules_in_each_of_them() {
    let (_server, mut client) = taking("type = \"path\"\nmultiple = true\nflag = \"-f\"");
    for value in HOSTILE {
        match outcome("path", value) {
            Some(rule) => assert_eq!(breaks(&mut client, json!(["a", value])), rule, "{value:?}"),
            None => assert_eq!(
                got(&mut client, json!(["a", value, "b"])),
                format!("<-f><a><-f><{value}><-f><b>")
            ),
        }
    }
    let exact = "x".repeat(32 * 1024);
    let over = exact.clone() + "x";
    assert_eq!(got(&mut client, json!(["a", exact])), format!("<-f><a><-f><{exact}>"));
    assert_eq!(breaks(&mut client, json!(["a", over])), "size");
}

/// Variables that change what a program does.
const STEERING: &str = "\
    LD_PRELOAD DYLD_INSERT_LIBRARIES PATH IFS ENV BASH_ENV BASH_FUNC_x%% SHELLOPTS PS4 \
    PROMPT_COMMAND PYTHONPATH PYTHONSTARTUP PERL5OPT PERLLIB RUBYOPT NODE_OPTIONS \
    GCONV_PATH GLIBC_TUNABLES MALLOC_CHECK_ JAVA_TOOL_OPTIONS _JAVA_OPTIONS CLASSPATH \
    GIT_SSH_COMMAND SSH_ASKPASS EDITOR PAGER LESSOPEN TERMINFO HOSTALIASES LUA_INIT \
    PHPRC R_PROFILE DOTNET_STARTUP_HOOKS COMPlus_X OPENSSL_CONF SSL_CERT_FILE http_proxy \
    HTTPS_PROXY XDG_CONFIG_HOME HOME TMPDIR RESTIC_PASSWORD_COMMAND AWKPATH VIMINIT \
    EXINIT PSQLRC COR_PROFILER RUSTUP_TOOLCHAIN UV_INDEX_URL TS_NODE_PROJECT MIX_ENV \
    NIX_PATH TF_CLI_ARGS HELM_PLUGINS DEBUGINFOD_URLS GNUPGHOME CC C_INCLUDE_PATH";

#[test]
fn no_argument_may_be_passed_in_a_variable_that_steers_a_program() {
    let declared = |name: &str| {
        let topsided = Topsided::new();
        let menu = format!(
            "[commands.show]\nexec = [\"env\"]\n[[commands.show.args]]\nname = \"a\"\n\
             type = \"string\"\nenv = {name:?}\n"
        );
        topsided.write("commands.toml", &menu);
        topsided.run(&["check"])
    };
    for name in STEERING.split(' ') {
        let said = declared(name);
        assert_eq!(said.status, Some(78), "{name}: {said:?}");
        assert!(said.stderr.contains("commands.toml:6:7: "), "{name}: {said:?}");
    }
    for name in ["1A", "a-b", "a b", "A.B", "é", "", &"A".repeat(65)] {
        let said = declared(name);
        assert_eq!(said.status, Some(78), "{name}: {said:?}");
        assert!(said.stderr.contains("letters, digits and `_`"), "{name}: {said:?}");
    }
    for name in ["ZONE", "zone", "_x1", "PGPASSWORD", "TZ", "BACKUP_PATH", &"A".repeat(64)] {
        let said = declared(name);
        assert_eq!(said.status, Some(0), "{name}: {said:?}");
    }
    // The declaration itself may set them: its author chooses the program as well.
    let topsided = Topsided::new();
    let menu = "[commands.show]\nexec = [\"env\"]\nenv = { PYTHONPATH = \"/opt/x\", LD_BIND_NOW = \"1\" }\n";
    topsided.write("commands.toml", menu);
    assert_eq!(topsided.run(&["check"]).status, Some(0));
}
