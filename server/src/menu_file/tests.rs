//! Reading `commands.toml`: one test for each rule. `arguments` and `programs_and_files` have those of their topics.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use topside_shared::command::{ArgType, Effect, Output};
use topside_shared::role::Role;

use super::*;

mod approvals;
mod arguments;
mod programs_and_files;

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
