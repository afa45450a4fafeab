//! Reading `commands.toml`: one test for each rule. One file: its tests share the checks of an error and its position.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use topside_shared::command::{ArgType, Effect, Output};
use topside_shared::role::Role;

use super::*;

fn read(text: &str) -> Result<Menu, FileErrors> {
    load(
        &[Source { name: "commands.toml", text }],
        &["menu", "m", "ks"],
        Missing::Refuse,
        Trust::of_this_process(),
    )
}

fn one(text: &str) -> DeclaredProgram {
    let menu = read(text).unwrap_or_else(|errors| panic!("{errors}"));
    match menu.commands.into_iter().next().unwrap() {
        Item::Program(declared) => declared,
        other => panic!("{other:?}"),
    }
}

/// What is said of a text with mistakes, one a line.
fn said(text: &str) -> String {
    read(text).expect_err("this must be refused").to_string()
}

/// A text with one command, to which lines are added, gives exactly one mistake that says all of
/// `parts`, at `at`.
#[track_caller]
fn refused(lines: &str, at: (usize, usize), parts: &[&str]) {
    let text = format!("[commands.x]\nexec = [\"/bin/echo\"]\n{lines}");
    let errors = read(&text).expect_err("this must be refused").0;
    assert_eq!(errors.len(), 1, "{errors:?}");
    let position = errors[0].at.unwrap();
    assert_eq!((position.line, position.column), at, "{}", errors[0]);
    for part in parts {
        assert!(errors[0].message.contains(part), "{:?} is not in {}", part, errors[0]);
    }
}

#[test]
fn every_field_is_read() {
    let declared = one(r#"
[commands.zone-run]
title = "Run a zone"
description = "Opens one valve for some minutes."
category = "Set"
aliases = ["zr", "z"]
exec = ["/bin/echo", "run", "{zone}", "--minutes", "{minutes}"]
cwd = "/var"
env = { TZ = "UTC" }
inherit_env = ["SSH_AUTH_SOCK"]
effect = "write"
role = "admin"
confirm = "Water zone {zone} for {minutes} minutes?"
timeout = "20m"
stop_signal = "SIGINT"
stop_timeout = "250ms"
success_exit_codes = [0, 3]
max_concurrent = 2
queue = 3
lock = ["relays", "pump"]
output = "json"
max_output = "2MiB"
safe_state = ["/bin/echo", "close-all"]
on_disconnect = "cancel"
on_shutdown = "wait"

[[commands.zone-run.args]]
name = "zone"
type = "int"
description = "Valve number"
required = true
minimum = 1
maximum = 8

[[commands.zone-run.args]]
name = "minutes"
type = "int"
default = 5
choices = [2, 5, 10]
"#);
    let DeclaredProgram { info, program, exclusion, .. } = declared;
    assert_eq!(info.name, "zone-run");
    assert_eq!(info.title, "Run a zone");
    assert_eq!(info.category, "Set");
    assert_eq!(info.aliases, ["zr", "z"]);
    assert_eq!((info.effect, info.role), (Effect::Write, Role::Admin));
    assert_eq!(info.timeout_ms, Some(1_200_000));
    assert_eq!(info.output, Output::Json);
    assert_eq!(info.confirm.as_deref(), Some("Water zone {zone} for {minutes} minutes?"));
    assert_eq!(info.args[0].kind, ArgType::Int);
    assert_eq!((info.args[0].minimum, info.args[0].maximum), (Some(1.0), Some(8.0)));
    assert_eq!(info.args[1].default, Some(5.into()));
    assert_eq!(program.timeout, Some(Duration::from_secs(1200)));
    assert_eq!(program.success_exit_codes, [0, 3]);
    assert_eq!(program.max_output, 2 << 20);
    assert_eq!(program.stop.timeout, Duration::from_millis(250));
    assert_eq!(program.safe_state, Some(vec!["/bin/echo".to_owned(), "close-all".to_owned()]));
    assert_eq!(
        (exclusion.max_concurrent.map(std::num::NonZero::get), exclusion.queue),
        (Some(2), 3)
    );
    assert_eq!(exclusion.locks, ["relays", "pump"]);
    let policy = program.policy;
    assert!(policy.cancel_on_disconnect && policy.wait_on_shutdown);
    let args = serde_json::json!({"zone": 3, "minutes": 10});
    let argv = program.argv(args.as_object().unwrap());
    assert_eq!(argv, ["/bin/echo", "run", "3", "--minutes", "10"]);
}

#[test]
fn what_is_not_said_is_the_careful_choice() {
    let DeclaredProgram { info, program, exclusion, .. } =
        one("[commands.x]\nexec = [\"/bin/echo\"]\n");
    assert_eq!(exclusion, Exclusion::default());
    assert_eq!((info.effect, info.role), (Effect::Destructive, Role::Admin));
    assert_eq!(info.title, "x");
    assert_eq!(info.timeout_ms, Some(600_000));
    assert_eq!(program.max_output, 64 << 20);
    assert_eq!(program.success_exit_codes, [0]);
    let role =
        |effect| one(&format!("[commands.x]\nexec=[\"/bin/echo\"]\neffect=\"{effect}\"")).info.role;
    assert_eq!(role("read"), Role::Viewer);
    assert_eq!(role("write"), Role::Operator);
    assert_eq!(one("[commands.x]\nexec=[\"/bin/echo\"]\ntimeout=\"none\"").info.timeout_ms, None);
}

#[test]
fn commands_keep_the_order_of_the_file() {
    let text = ["zz", "aa", "mm"].map(|name| format!("[commands.{name}]\nexec=[\"/bin/echo\"]\n"));
    let names: Vec<_> =
        read(&text.concat()).unwrap().commands.into_iter().map(|c| c.info().name.clone()).collect();
    assert_eq!(names, ["zz", "aa", "mm"]);
}

#[test]
fn an_unknown_field_is_reported_with_its_position_and_the_nearest_name() {
    refused("  tmeout = \"5s\"", (3, 3), &["command `x` has no field `tmeout`", "timeout"]);
    refused("colour = 1", (3, 1), &["`colour`"]);
    refused(
        "[[commands.x.args]]\nname=\"a\"\ntype=\"int\"\nflag=\"-a\"\nminimun = 1",
        (7, 1),
        &["argument `a` of command `x`", "did you mean minimum"],
    );
    assert!(
        said("[command.x]\n")
            .contains("commands.toml:1:2: the menu has no field `command`: did you mean commands?")
    );
}

#[test]
fn fields_that_this_version_cannot_keep_are_not_ignored() {
    for field in ["secret = true", "rest = true"] {
        let lines =
            format!("[[commands.x.args]]\nname=\"a\"\ntype=\"string\"\nflag=\"-a\"\n{field}");
        refused(&lines, (7, 1), &["has no field"]);
    }
}

#[test]
fn broken_toml_is_reported_with_line_and_column() {
    assert!(said("[commands.x]\nexec = [\"a\n").starts_with("commands.toml:2:"));
    assert!(
        said("[commands.x]\nexec = [\"/bin/echo\"]\n[commands.x]\n")
            .starts_with("commands.toml:3:")
    );
    assert!(said("commands = 3").contains("must be a table"));
    assert!(said("[commands]\nx = 3").contains("begin it with [commands.x]"));
    assert!(said("é = ").starts_with("commands.toml:1:"));
}

#[test]
fn a_name_or_alias_is_taken_once() {
    let twice = "[commands.a]\nexec=[\"/bin/echo\"]\n[commands.b]\nexec=[\"/bin/echo\"]\naliases=[\"c\", \"a\"]\n";
    assert_eq!(said(twice), "commands.toml:5:15: `a` is taken by command `a`: use another name");
    let own = "[commands.a]\nexec=[\"/bin/echo\"]\naliases=[\"a\"]\n";
    assert!(said(own).contains("`a` is taken"));
    assert!(said("[commands.menu]\nexec=[\"/bin/echo\"]\n").contains("1:11: `menu` is a built-in"));
    assert!(
        said("[commands.z]\nexec=[\"/bin/echo\"]\naliases=[\"ks\"]\n")
            .contains("`ks` is a built-in")
    );
}

#[test]
fn a_name_is_one_word_that_means_nothing_else() {
    for name in
        ["\"a b\"", "\"a=b\"", "\"-a\"", "\"\"", "\"é\"", "\"a;b\"", "\"a\\u0000\"", "\"a\\nb\""]
    {
        assert!(
            said(&format!("[commands.{name}]\nexec=[\"/bin/echo\"]\n")).contains("cannot name"),
            "{name}"
        );
    }
    let long = "x".repeat(65);
    assert!(said(&format!("[commands.{long}]\nexec=[\"/bin/echo\"]\n")).contains("cannot name"));
}

#[test]
fn a_value_of_the_wrong_type_is_reported_with_what_would_pass() {
    refused("timeout = 20", (3, 11), &["`timeout` of command `x`", "\"none\"", "90s"]);
    refused("timeout = \"0s\"", (3, 11), &["`timeout`"]);
    refused("stop_timeout = \"none\"", (3, 16), &["whole number and a unit"]);
    refused("stop_signal = \"TERM\"", (3, 15), &["SIGTERM, SIGINT"]);
    refused("effect = \"reed\"", (3, 10), &["read, write, destructive", "not `reed`"]);
    refused("role = \"root\"", (3, 8), &["viewer, operator, admin"]);
    refused("output = \"xml\"", (3, 10), &["text, json"]);
    refused("max_output = \"64MB\"", (3, 14), &["64MiB"]);
    refused("cwd = \"var\"", (3, 7), &["absolute"]);
    refused("safe_state = []", (3, 14), &["`safe_state` needs a program"]);
    refused("safe_state = [\"/no/such\"]", (3, 15), &["/no/such does not exist"]);
    refused("safe_state_on = \"success\"", (3, 17), &["failure, always"]);
    refused("safe_state_on = \"always\"", (3, 17), &["command `x`", "but no `safe_state`"]);
    refused("on_disconnect = \"stop\"", (3, 17), &["keep, cancel"]);
    refused("on_shutdown = \"keep\"", (3, 15), &["cancel, wait"]);
    for none in ["0", "-1", "1.5", "\"2\""] {
        refused(&format!("max_concurrent = {none}"), (3, 18), &["a whole number from 1"]);
        refused(&format!("queue = {none}"), (3, 9), &["`queue` of command `x`", "from 1"]);
    }
    refused("max_concurent = 1", (3, 1), &["did you mean max_concurrent?"]);
    refused("lock = \"relays\"", (3, 8), &["an array of at least one name", "[\"relays\"]"]);
    for wrong in ["[]", "[\"\"]", "[1]", "[\"a\", \"a\"]", "[\"a\\u001b\"]", "[\" a\"]"] {
        refused(&format!("lock = {wrong}"), (3, 8), &["`lock` of command `x`", "twice"]);
    }
    refused("locks = [\"a\"]", (3, 1), &["did you mean lock?"]);
    refused("env = { A = 1 }", (3, 13), &["`A` of `env`"]);
    refused("env = { TOPSIDE_RUN = \"1\" }", (3, 9), &["Topside's own"]);
    refused("inherit_env = [\"A=B\"]", (3, 16), &["variable"]);
    refused("success_exit_codes = []", (3, 22), &["at least one"]);
    refused("success_exit_codes = [256]", (3, 22), &["0 to 255"]);
    refused("title = \"a\\u001b[2Jb\"", (3, 9), &["control characters"]);
    refused("confirm = \" \"", (3, 11), &["question"]);
    refused("confirm = \"Really {zone}?\"", (3, 11), &["`zone`, which is no argument"]);
}

#[test]
fn a_placeholder_names_an_argument() {
    let args = "[[commands.x.args]]\nname=\"zone\"\ntype=\"int\"\n";
    let text = |exec: &str| format!("[commands.x]\nexec = {exec}\n{args}");
    assert!(read(&text(r#"["/bin/echo", "{zone}", "{zone}"]"#)).is_ok());
    // A typing error in there was passed on to the program in silence.
    let typed = said(&text(r#"["/bin/echo", "{zone}", "--zone={zoen}"]"#));
    assert_eq!(typed, "commands.toml:2:32: command `x` has no argument `zoen`: did you mean zone?");
    assert!(said(&text(r#"["/bin/echo", "{zone}", "{zoen}"]"#)).contains("did you mean zone?"));
    assert!(said(&text(r#"["/bin/echo", "{zone}", "{print}"]"#)).contains("`{ print }`"));
    assert!(said(&text(r#"["/bin/echo", "zone"]"#)).contains("argument `zone` goes nowhere"));
    assert!(said(&text(r#"["{zone}", "{zone}"]"#)).contains("the program {zone} is not on"));
    // Braces that cannot be meant for an argument are the program's own.
    let other = text(
        r#"["/bin/echo", "{zone}", "{ print $1 }", "{}", "{{.Names}}", "@{u}", "${HOME}", "%{http_code}"]"#,
    );
    let argv = one(&other).program.argv(serde_json::json!({"zone": 1}).as_object().unwrap());
    assert_eq!(argv[2..], ["{ print $1 }", "{}", "{{.Names}}", "@{u}", "${HOME}", "%{http_code}"]);
}

#[test]
fn a_value_stands_inside_an_element_only_if_its_type_cannot_carry_more() {
    let text = |lines: &str| {
        format!(
            "[commands.x]\nexec = [\"/bin/echo\", \"/dev/{{a}}\"]\n[[commands.x.args]]\nname = \"a\"\n{lines}\n"
        )
    };
    let argv = |lines: &str, args: serde_json::Value| {
        one(&text(lines)).program.argv(args.as_object().unwrap())
    };
    assert_eq!(argv("type = \"int\"", serde_json::json!({"a": 5}))[1..], ["/dev/5"]);
    assert_eq!(argv("type = \"int\"", serde_json::json!({}))[1..], [""; 0]);
    assert_eq!(argv("type = \"bool\"", serde_json::json!({"a": true}))[1..], ["/dev/true"]);
    assert_eq!(argv("type = \"duration\"", serde_json::json!({"a": "5m"}))[1..], ["/dev/5m"]);
    let choices = "type = \"enum\"\nchoices = [\"sda\", \"mapper/x\"]";
    assert_eq!(argv(choices, serde_json::json!({"a": "mapper/x"}))[1..], ["/dev/mapper/x"]);
    let pattern = "type = \"string\"\npattern = '[a-z][a-z0-9.-]*'";
    assert_eq!(argv(pattern, serde_json::json!({"a": "sda1"}))[1..], ["/dev/sda1"]);
    let refused = |lines: &str, part: &str| {
        let said = said(&text(lines));
        let begin = "commands.toml:2:22: `{a}` cannot stand inside another element: ";
        assert!(said.starts_with(begin) && said.contains(part), "{said}");
    };
    refused("type = \"string\"", "a string can hold more");
    refused("type = \"string\"\npattern = '[^ ]+'", "such as `/`");
    refused("type = \"string\"\npattern = '[a-z.]+'", "matches `.`");
    refused("type = \"string\"\npattern = '[a-z]*'", "empty text");
    refused("type = \"path\"", "a path can hold more");
    refused(
        "type = \"enum\"\nchoices_from = [\"/bin/echo\", \"a\"]",
        "a program lists its choices",
    );
    refused("type = \"int\"\nmultiple = true", "several values");
    refused("type = \"int\"\nflag = \"-a\"", "`flag`");
    refused("type = \"int\"\nenv = \"A\"", "does not go into the argument list");
    let shell = text("type = \"int\"").replace("/dev/{a}", "echo ${a}");
    assert!(said(&shell).contains("`${a}` is a variable of a shell"), "{}", said(&shell));
    let dash = text("type = \"string\"\npattern = '[a-z-]+'\nallow_dash = true");
    assert!(read(&dash).is_ok());
    assert!(said(&dash.replace("/dev/{a}", "{a}.env")).contains("take `allow_dash` out"));
}

#[test]
fn an_argument_that_cannot_be_meant_is_refused_where_it_stands() {
    let arg = |lines: &str| format!("[[commands.x.args]]\nname = \"a\"\nflag = \"-a\"\n{lines}");
    refused(
        &arg(""),
        (4, 8),
        &["needs a `type`, one of string, int, float, bool, enum, duration, path, secret"],
    );
    refused(&arg("type = \"integer\""), (6, 8), &["string, int, float, bool, enum, duration"]);
    refused(&arg("type = \"enum\""), (6, 8), &["choices"]);
    refused(&arg("type = \"enum\"\nchoices = []"), (7, 11), &["at least one"]);
    refused(&arg("type = \"enum\"\nchoices = [\"a\", \"a\"]"), (7, 11), &["twice"]);
    refused(&arg("type = \"int\"\ndefault = \"5\""), (7, 11), &["default"]);
    refused(&arg("type = \"int\"\ndefault = 9\nmaximum = 8"), (7, 11), &["default"]);
    refused(&arg("type = \"int\"\nminimum = 9\nmaximum = 8"), (7, 11), &["minimum"]);
    refused(&arg("type = \"int\"\nmin_length = 9"), (7, 14), &["min_length"]);
    refused(&arg("type = \"bool\"\nchoices = [true]"), (7, 11), &["choices"]);
    refused(&arg("type = \"string\"\nrequired = true\ndefault = \"a\""), (8, 11), &["required"]);
    refused(&arg("type = \"string\"\ndefault = \"-a\""), (7, 11), &["`-`"]);
    refused(&arg("type = \"float\"\nminimum = nan"), (7, 11), &["finite"]);
    refused(&arg("type = \"int\"\npattern = \"a\""), (7, 11), &["means nothing for type int"]);
    refused(
        &arg("type = \"string\"\n  pattern = \"a)(b\""),
        (7, 13),
        &["`pattern` of argument `a` of command `x`: it is no regular expression: "],
    );
    refused(&arg("type = \"string\"\npattern = \"((a{999}){999}){999}\""), (7, 11), &["size"]);
    refused(
        &arg("type = \"string\"\npattern = \"[0-9]+\"\ndefault = \"a1\""),
        (8, 11),
        &["the default does not pass: a must be text that matches [0-9]+, not a1"],
    );
    refused(&arg("type = \"duration\"\nmaximum = 3"), (7, 11), &["whole number and a unit"]);
    refused(
        &arg("type = \"duration\"\nminimum = \"2m\"\nmaximum = \"90s\""),
        (7, 11),
        &["nothing lies between minimum 2m and maximum 90s"],
    );
    refused(&arg("type = \"duration\"\ndefault = \"soon\""), (7, 11), &["default does not pass"]);
    refused(&arg("type = \"duration\"\nallow_dash = true"), (7, 14), &["type duration"]);
    refused(&arg("type = \"path\"\ndefault = \"a/../b\""), (7, 11), &["without `..`"]);
    refused(&arg("type = \"path\"\nroot = \"var\""), (7, 8), &["an absolute path"]);
    refused(&arg("type = \"path\"\nroot = \"/no/such\""), (7, 8), &["/no/such is not there"]);
    refused(&arg("type = \"path\"\nroot = \"/etc/passwd\""), (7, 8), &["is not there"]);
    refused(&arg("type = \"string\"\nroot = \"/etc\""), (7, 8), &["`root`", "type string"]);
    for default in ["/usr/bin", ".", "/etc"] {
        let lines = format!("type = \"path\"\nroot = \"/etc\"\ndefault = {default:?}");
        refused(&arg(&lines), (8, 11), &["`default`", "leads out of its `root`"]);
    }
    refused(
        &arg("type = \"path\"\nroot = \"/etc\"\nchoices = [\"hosts\", \"/var\"]"),
        (8, 11),
        &["/var in `choices`"],
    );
    refused(&arg("type = \"bool\"\nmultiple = true"), (7, 12), &["means nothing for type bool"]);
    refused(&arg("type = \"int\"\ndefault = [1, 2]"), (7, 11), &["not a list"]);
    refused(&arg("type = \"int\"\nmultiple = true\ndefault = 1"), (8, 11), &["a list of at"]);
    refused(
        "[[commands.x.args]]\nname = \"A b\"\ntype = \"int\"\nflag = \"-a\"",
        (4, 8),
        &["name"],
    );
    refused("[[commands.x.args]]\ntype = \"int\"", (3, 1), &["needs a `name`"]);
    refused(
        &arg("type = \"int\"\n[[commands.x.args]]\nname = \"a\"\ntype = \"int\"\nflag=\"-b\""),
        (8, 8),
        &["twice"],
    );
    refused("args = [3]", (3, 9), &["array of tables"]);
}

#[test]
fn a_variable_is_passed_one_value_of_one_argument_and_nothing_that_steers_the_program() {
    let arg = |lines: &str| format!("[[commands.x.args]]\nname = \"a\"\ntype = \"int\"\n{lines}");
    refused(&arg("env = \"A=B\""), (6, 7), &["variable"]);
    refused(&arg("env = \"TOPSIDE_USER\""), (6, 7), &["Topside's own"]);
    for name in ["PATH", "ENV", "BASH_ENV", "LD_PRELOAD", "DYLD_INSERT_LIBRARIES"] {
        refused(&arg(&format!("env = \"{name}\"")), (6, 7), &[name, "no caller may set it"]);
    }
    refused(&arg("env = \"A\"\nflag = \"-a\""), (6, 7), &["take `flag` out"]);
    refused(&arg("env = \"A\"\nmultiple = true"), (6, 7), &["take `multiple` out"]);
    refused(
        &(arg("env = \"A\"\n") + &arg("env = \"A\"").replace("\"a\"", "\"b\"")),
        (8, 8),
        &["the variable A of argument `b` of command `x` is set by argument `a` too"],
    );
    for field in ["env = { A = \"1\" }", "inherit_env = [\"A\"]"] {
        refused(&format!("{field}\n{}", arg("env = \"A\"")), (5, 8), &["set by `env` or"]);
    }
    let twice = "[commands.x]\nexec = [\"/bin/echo\", \"{a}\"]\n".to_owned() + &arg("env = \"A\"");
    assert!(said(&twice).contains("2:22: argument `a` does not go into the argument list"));
}

#[test]
fn a_secret_goes_in_by_the_environment_or_the_input_and_is_nowhere_else() {
    let arg = |name: &str, lines: &str| {
        format!("[[commands.x.args]]\nname = \"{name}\"\ntype = \"secret\"\n{lines}\n")
    };
    refused(&arg("a", ""), (4, 8), &["is a secret", "`env = \"NAME\"` or `stdin = true`"]);
    refused(&arg("a", "flag = \"-p\""), (4, 8), &["is a secret"]);
    let listed = "[commands.x]\nexec = [\"/bin/echo\", \"{a}\"]\n".to_owned() + &arg("a", "");
    assert!(said(&listed).contains("4:8: argument `a` of command `x` is a secret"));
    refused(&arg("a", "stdin = true\nflag = \"-p\""), (6, 9), &["take `flag` out"]);
    refused(&arg("a", "env = \"A\"\nstdin = true"), (7, 9), &["take one out"]);
    refused(&arg("a", "env = \"A\"\ndefault = \"x\""), (7, 11), &["`default` means nothing"]);
    refused(&arg("a", "env = \"A\"\nchoices = [\"x\"]"), (7, 11), &["`choices` means nothing"]);
    refused(&arg("a", "env = \"A\"\nallow_dash = true"), (7, 14), &["`allow_dash`"]);
    let two = arg("a", "stdin = true") + &arg("b", "stdin = true");
    refused(&two, (8, 8), &["`b` cannot have `stdin`: argument `a` has it"]);
    let asked = "confirm = \"Set {a}?\"\n".to_owned() + &arg("a", "env = \"A\"");
    refused(&asked, (3, 11), &["`a`, which is a secret"]);
    let string = "[[commands.x.args]]\nname = \"a\"\ntype = \"string\"\nstdin = true\n";
    refused(string, (6, 9), &["`stdin` of argument `a`", "type secret alone"]);
    let exec =
        "[commands.x]\nexec = [\"/bin/echo\", \"{a}\"]\n".to_owned() + &arg("a", "stdin = true");
    assert!(said(&exec).contains("2:22: argument `a` does not go into the argument list"));
    let sound = "[commands.x]\nexec = [\"/bin/echo\"]\n".to_owned()
        + &arg("a", "env = \"A\"\nmin_length = 8\npattern = \"[!-~]+\"")
        + &arg("b", "stdin = true");
    let program = one(&sound).program;
    let args = serde_json::json!({"a": "hunter2hunter2", "b": "hunter3"});
    assert_eq!(program.argv(args.as_object().unwrap()), ["/bin/echo"]);
}

#[test]
fn all_errors_are_reported_in_the_order_of_the_file() {
    let text = "[commands.a]\ncolour = 1\nexec = [\"/no/such\"]\n[commands.b]\ntimeout = 3\n";
    let said = said(text);
    let lines: Vec<&str> = said.lines().collect();
    let begins = [
        "commands.toml:2:1: ",
        "commands.toml:3:9: ",
        "commands.toml:4:11: ",
        "commands.toml:5:11: ",
    ];
    assert_eq!(lines.len(), 4, "{said}");
    for (line, begin) in lines.iter().zip(begins) {
        assert!(line.starts_with(begin), "{line}");
    }
}

#[test]
fn a_program_is_found_on_the_fixed_path_or_named_in_full() {
    let argv = one("[commands.x]\nexec = [\"sh\"]\n").program.argv(&serde_json::Map::new());
    assert!(argv[0].starts_with('/') && argv[0].ends_with("/sh"), "{argv:?}");
    let exec = |name: &str| said(&format!("[commands.x]\nexec = [\"{name}\"]\n"));
    assert!(
        exec("no-such-program")
            .contains("2:9: the program no-such-program is not on /usr/local/sbin:")
    );
    assert!(exec("/no/such").contains("the program /no/such does not exist"));
    assert!(exec("./x").contains("neither an absolute path nor a bare name"));
    assert!(exec("../bin/sh").contains("neither"));
    assert!(exec("/etc").contains("is a directory"));
    assert!(exec("/etc/passwd").contains("chmod +x"));
    assert!(exec("").contains("neither"));
    assert!(said("[commands.x]\nexec = []\n").contains("2:8: command `x` needs `exec`"));
    assert!(said("[commands.x]\nexec = \"/bin/echo\"\n").contains("an array of strings"));
    assert!(said("[commands.x]\ntitle=\"a\"\n").contains("1:11: command `x` needs `exec`"));
}

#[test]
fn a_menu_that_leaves_out_what_is_missing_says_so() {
    let text = "[commands.a]\nexec=[\"no-such-program\"]\n[commands.b]\nexec=[\"/bin/echo\"]\n";
    let menu =
        load(&[Source { name: "m", text }], &[], Missing::Leave, Trust::of_this_process()).unwrap();
    assert_eq!(menu.commands.len(), 1);
    assert_eq!(menu.left_out[0].name, "a");
    assert!(menu.left_out[0].reason.contains("no-such-program is not on"));
}

fn set(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_program_that_others_may_write_is_refused_with_the_command_that_mends_it() {
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().canonicalize().unwrap().join("tool");
    std::fs::write(&program, "#!/bin/sh\n").unwrap();
    let link = dir.path().join("link");
    std::os::unix::fs::symlink(&program, &link).unwrap();
    let text = format!("[commands.x]\nexec = [{link:?}]\n");

    set(&program, 0o757);
    let mend = format!("run `chmod o-w {}`", program.display());
    assert!(said(&text).contains(&mend), "{}", said(&text));
    set(&program, 0o755);
    assert!(read(&text).is_ok());
    // A group of one's own does not count; root's group has others in it on some systems.
    set(&program, 0o775);
    let trust = Trust::of_this_process();
    let shared = !trust.file(&program, &program.metadata().unwrap()).is_empty();
    assert_eq!(read(&text).is_err(), shared);
    set(&program, 0o755);
    set(dir.path(), 0o777);
    let mend = format!("run `chmod o-w {}`", dir.path().display());
    assert!(said(&text).contains(&mend), "{}", said(&text));
}

#[test]
fn a_menu_file_or_directory_that_others_may_write_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("commands.toml");
    assert!(
        load_file(&path, &[], Trust::of_this_process()).unwrap().is_none(),
        "no file is no mistake"
    );
    std::fs::write(&path, "[commands.x]\nexec = [\"/bin/echo\"]\n").unwrap();
    set(&path, 0o640);
    assert_eq!(load_file(&path, &[], Trust::of_this_process()).unwrap().unwrap().commands.len(), 1);

    set(&path, 0o646);
    let said = load_file(&path, &[], Trust::of_this_process()).unwrap_err().to_string();
    assert!(said.contains("the menu is refused") && said.contains("chmod o-w"), "{said}");
    set(&path, 0o640);
    set(dir.path(), 0o777);
    let said = load_file(&path, &[], Trust::of_this_process()).unwrap_err().to_string();
    assert!(said.contains("its directory") && said.contains("chmod "), "{said}");
    set(dir.path(), 0o700);
    assert!(
        load_file(dir.path(), &[], Trust::of_this_process())
            .unwrap_err()
            .to_string()
            .contains("plain file")
    );
}

#[test]
fn a_menu_file_that_cannot_be_read_is_never_taken_for_none() {
    let dir = tempfile::tempdir().unwrap();
    let link = dir.path().join("commands.toml");
    std::os::unix::fs::symlink("/no/such/menu", &link).unwrap();
    assert!(load_file(&link, &[], Trust::of_this_process()).is_err(), "a link to nowhere");
    let path = dir.path().join("latin1.toml");
    std::fs::write(&path, b"# fine\n# caf\xE9\n").unwrap();
    let said = load_file(&path, &[], Trust::of_this_process()).unwrap_err().to_string();
    assert!(
        said.ends_with("latin1.toml:2:6: the menu must be UTF-8, and this byte is not"),
        "{said}"
    );
}

#[test]
fn the_starter_menu_is_sound_and_keeps_clear_of_the_built_ins() {
    let reserved = [
        "menu", "m", "help", "version", "gv", "time", "gt", "clients", "status", "gat", "log",
        "rlf", "runs", "echo", "close", "shutdown", "ks",
    ];
    let menu =
        starter(&reserved, Trust::of_this_process()).unwrap_or_else(|errors| panic!("{errors}"));
    let all = menu.commands.len() + menu.left_out.len();
    assert!(all >= 10, "{all}");
    for declared in &menu.commands {
        assert_eq!(declared.info().effect, Effect::Read, "{}", declared.info().name);
        assert!(!declared.info().description.is_empty(), "{}", declared.info().name);
    }
    // `df` is on every machine that this runs on.
    assert!(menu.commands.iter().any(|declared| declared.info().answers_to("disks")));
}

#[test]
fn a_starter_menu_cut_anywhere_is_refused_or_read_but_never_a_panic() {
    for end in (0..STARTER.len()).step_by(7).filter(|end| STARTER.is_char_boundary(*end)) {
        let cut = load(
            &[Source { name: "m", text: &STARTER[..end] }],
            &[],
            Missing::Leave,
            Trust::of_this_process(),
        );
        if let Err(errors) = cut {
            assert!(errors.0.iter().all(|error| error.at.is_some()), "{errors}");
        }
    }
}

#[test]
fn what_follows_a_success_is_checked_once_all_files_are_read() {
    let refused = |lines: &str, part: &str| {
        let text = format!("[commands.x]\nexec = [\"/bin/echo\"]\nrole = \"operator\"\n{lines}");
        let said = said(&text);
        assert!(said.starts_with("commands.toml:4:9: ") && said.contains(part), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    };
    let other =
        |lines: &str| format!("then = [\"y\"]\n[commands.y]\nexec = [\"/bin/echo\"]\n{lines}");
    refused("then = [\"z\"]", "there is no command `z` in the menu files");
    refused("then = [\"menu\"]", "`menu` is a built-in command, which is no run");
    refused(&other(""), "`y` needs role admin and `x` only operator");
    let needs = "role = \"viewer\"\n[[commands.y.args]]\nname = \"a\"\ntype = \"int\"\nrequired = true\nflag = \"-a\"";
    refused(&other(needs), "`then` gives no arguments, and `y` needs `a`");
    refused("then = [\"x\"]", "`then` goes round in a circle");
    let circle = other("role = \"operator\"\nthen = [\"x\"]");
    let text = format!("[commands.x]\nexec = [\"/bin/echo\"]\nrole = \"operator\"\n{circle}");
    assert_eq!(
        said(&text),
        "commands.toml:8:9: `then` goes round in a circle: a success of `y` would start it again. Take out \
         one of these"
    );
    // A command of a later file.
    let first =
        Source { name: "a.toml", text: "[commands.x]\nexec = [\"/bin/echo\"]\nthen = [\"y\"]\n" };
    let second =
        Source { name: "b.toml", text: "[commands.y]\nexec = [\"/bin/echo\"]\nreason = true\n" };
    let menu = load(&[first, second], &[], Missing::Refuse, Trust::of_this_process()).unwrap();
    let Item::Program(declared) = &menu.commands[0] else { panic!("{menu:?}") };
    assert_eq!(declared.rules.then, ["y"]);
    let alone = load(&[first], &[], Missing::Refuse, Trust::of_this_process()).unwrap_err();
    assert_eq!(alone.to_string(), "a.toml:3:9: there is no command `y` in the menu files");
}

#[test]
fn groups_rates_locks_and_reasons_are_checked() {
    let rate = |rate: &str| format!("rate = {rate}");
    for wrong in [
        "\"10\"",
        "10",
        "\"0/1h\"",
        "\"10/0s\"",
        "\"10/1\"",
        "\"-1/1h\"",
        "\"10001/1h\"",
        "\"1/900d\"",
    ] {
        refused(&rate(wrong), (3, 8), &["`rate` of command `x`", "such as \"10/1h\""]);
    }
    refused("menu = \"no\"", (3, 8), &["true or false"]);
    refused("reason = 1", (3, 10), &["true or false"]);
    let own =
        "reason = true\n[[commands.x.args]]\nname = \"reason\"\ntype = \"string\"\nflag = \"-r\"";
    refused(own, (3, 10), &["adds an argument `reason` to command `x`, which has one already"]);
    refused("group = \"a\"", (3, 9), &["there is no [groups.a]"]);
    refused(
        "group = \"dowloads\"\n[groups.downloads]\nmax_concurrent = 1",
        (3, 9),
        &["did you mean downloads?"],
    );
    refused("[groups.a]", (3, 9), &["group `a` needs `max_concurrent`"]);
    refused("[groups.a]\nmax_concurrent = 0", (4, 18), &["a whole number from 1"]);
    refused(
        "[groups.a]\nmax_concurrent = 1\nqueue = 1",
        (5, 1),
        &["group `a` has no field `queue`"],
    );
    refused("[groups.\"a b\"]\nmax_concurrent = 1", (3, 9), &["cannot name a group"]);
    let lock = |name: &str, arg: &str| {
        format!(
            "lock = [\"all\", \"{name}\"]\n[[commands.x.args]]\nname = \"a\"\nflag = \"-a\"\n{arg}\n"
        )
    };
    refused(
        &lock("z-{b}", "type = \"int\"\ndefault = 1"),
        (3, 16),
        &["names `b`, which is no argument of the command"],
    );
    refused(&lock("z-{a}", "type = \"int\""), (3, 16), &["which may be absent"]);
    refused(&lock("z-{a}", "type = \"path\"\nrequired = true"), (3, 16), &["which is a path"]);
    let secret = lock("z-{a}", "type = \"secret\"\nrequired = true\nenv = \"A\"")
        .replace("flag = \"-a\"\n", "");
    refused(&secret, (3, 16), &["which is a secret"]);
    let text = format!(
        "[commands.x]\nexec = [\"/bin/echo\"]\n{}",
        lock("z-{a}", "type = \"int\"\nrequired = true")
    );
    assert_eq!(one(&text).exclusion.locks, ["all", "z-{a}"]);
}

#[test]
fn choices_conditions_and_counts_are_checked_where_they_stand() {
    let arg = |lines: &str| format!("[[commands.x.args]]\nname = \"a\"\nflag = \"-a\"\n{lines}");
    for wrong in [
        "[{ value = 1 }]",
        "[{ label = \"a\" }]",
        "[{ value = 1, label = \"a\", x = 1 }]",
        "[{ value = 1, label = \"\" }]",
    ] {
        refused(
            &arg(&format!("type = \"int\"\nchoices = {wrong}")),
            (7, 11),
            &["tables such as { value = 1"],
        );
    }
    refused(
        &arg("type = \"bool\"\nchoices_from = [\"/bin/echo\"]"),
        (7, 16),
        &["means nothing for type bool"],
    );
    refused(
        &arg("type = \"enum\"\nchoices_from = []"),
        (7, 16),
        &["`choices_from` needs a program"],
    );
    refused(&arg("type = \"int\"\nat_least = 2"), (7, 12), &["counts the values of `multiple`"]);
    refused(
        &arg("type = \"int\"\nexists = true"),
        (7, 10),
        &["`exists` of argument `a` of command `x` is for type path alone"],
    );
    refused(
        &arg("type = \"int\"\nwhen = { b = 1 }"),
        (4, 8),
        &["`when` names b, which is no argument before it"],
    );
    refused(&arg("type = \"int\"\nwhen = {}"), (7, 8), &["a table of arguments and their values"]);
    let text = "[commands.x]\nexec = [\"/bin/echo\"]\n".to_owned()
        + &arg("type = \"duration\"\n")
        + &arg("type = \"int\"\nwhen = { a = [\"60\", \"1m30s\"] }").replace("\"a\"", "\"b\"");
    let declared = one(&text);
    assert_eq!(declared.info.args[1].when["a"], serde_json::json!(["60s", "90s"]));
}

#[test]
fn places_in_paths_of_a_run_are_checked() {
    let text = |field: &str, arg: &str| {
        format!(
            "[commands.x]\nexec = [\"/bin/echo\"]\n{field}\n[[commands.x.args]]\nname = \"a\"\n{arg}\n"
        )
    };
    let refused = |field: &str, arg: &str, part: &str| {
        let said = said(&text(field, arg));
        assert!(said.starts_with("commands.toml:3:") && said.contains(part), "{said}");
    };
    let cwd = "cwd = \"/srv/{a}\"";
    assert!(read(&text(cwd, "type = \"int\"\nrequired = true")).is_ok());
    refused(cwd, "type = \"int\"", "it may be absent");
    refused(cwd, "type = \"string\"\nrequired = true", "a string can hold more");
    refused(
        "cwd = \"srv/{a}\"",
        "type = \"int\"\nrequired = true\nflag = \"-a\"",
        "must be an absolute path",
    );
    refused(
        "cwd = \"/srv/{b}\"",
        "type = \"int\"\nrequired = true\nflag = \"-a\"",
        "has no argument `b`",
    );
    let whole = "cwd = \"{a}\"";
    refused(
        whole,
        "type = \"path\"\nrequired = true",
        "a path with a `root`, or an enum of absolute paths",
    );
    refused(
        whole,
        "type = \"enum\"\nchoices = [\"/srv\", \"etc\"]\nrequired = true",
        "a path with a `root`",
    );
    assert!(read(&text(whole, "type = \"path\"\nroot = \"/usr\"\nrequired = true")).is_ok());
    assert!(
        read(&text(whole, "type = \"enum\"\nchoices = [\"/srv\", \"/etc\"]\nrequired = true"))
            .is_ok()
    );
    refused(
        "env_file = \"/no/such\"",
        "type = \"int\"\nflag = \"-a\"",
        "`env_file` /no/such cannot be read",
    );
}
