//! Arguments of a command, and the places where their values go.

use super::*;

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
