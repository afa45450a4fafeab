//! Programs are checked when the menu loads: those that the system cannot execute are refused, with their place.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use serde_json::json;

use crate::common::Topsided;
use crate::common::server::write;

fn write_bytes(path: &Path, bytes: &[u8], mode: u32) {
    write(path, "");
    std::fs::write(path, bytes).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// Declares this file as a program, a hook and a worker.
fn declare(topsided: &Topsided, more: &str) {
    let tool = topsided.path("tool");
    topsided.write(
        "commands.toml",
        &format!(
            "[commands.a]\nexec = [\"true\"]\nsafe_state = [{tool:?}]\n{more}\
             [commands.x]\nexec = [{tool:?}]\n{more}[workers.w]\nexec = [{tool:?}]\n{more}"
        ),
    );
}

fn executable(change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = std::fs::read("/bin/sh").unwrap();
    change(&mut bytes);
    bytes
}

#[test]
fn a_program_that_the_system_cannot_execute_is_refused_with_its_place_and_what_to_do() {
    let topsided = Topsided::new();
    let tool = topsided.path("tool");
    let is_little = |bytes: &[u8]| bytes[5] == 1;
    let machine = executable(|bytes| {
        // A machine that nothing here emulates: the M32 of AT&T.
        let number = if is_little(bytes) { [1, 0] } else { [0, 1] };
        bytes[18..20].copy_from_slice(&number);
    });
    let class = executable(|bytes| bytes[4] = 3 - bytes[4]);
    let object = executable(|bytes| {
        let kind = if is_little(bytes) { [1, 0] } else { [0, 1] };
        bytes[16..18].copy_from_slice(&kind);
    });
    let loader = executable(|bytes| {
        let at = bytes.windows(5).position(|part| part == b"/lib/" || part == b"/lib6").unwrap();
        bytes[at + 1..at + 4].copy_from_slice(b"xyz");
    });
    for (bytes, words) in [
        (&b"#!/bin/sh\r\necho\r\n"[..], "carriage return"),
        (b"#!/bin/sh -e\r\necho\r\n", "carriage return"),
        (b"#!/usr/bin/env python3\r\n", "carriage return"),
        (
            b"#!/no/such/interpreter -x\n",
            "needs the interpreter /no/such/interpreter, which does not exist",
        ),
        (b"#!/etc/passwd\n", "needs the interpreter /etc/passwd, which may not be executed"),
        (b"#!/etc\n", "needs the interpreter /etc, which is a directory"),
        (b"#!/usr/bin/env no-such-one\n", "`no-such-one`, which is not on the run's PATH"),
        (b"#! /usr/bin/env  -S  no-such-one -x\n", "`no-such-one`, which is not on the run's PATH"),
        (b"#!/usr/bin/env sh -e\n", "write `#!/usr/bin/env -S sh -e`"),
        (b"#!/usr/bin/env /no/such/one\n", "needs the interpreter /no/such/one"),
        (b"#!\n", "names no interpreter"),
        (b"#!sh\n", "not an absolute path"),
        (b"", "is empty"),
        (b"echo no first line\n", "begin it with one such as #!/bin/sh"),
        (b"\xef\xbb\xbf#!/bin/sh\n", "byte order mark"),
        (b"MZ\x90\0\x03\0", "Windows"),
        (b"\x7fELF", "cut short"),
        (b"\0\x01\x02\x03 no form", "no form that this system executes"),
        (&machine, "is built for a machine of type 1"),
        (&class, "is built for "),
        (&object, "link it first"),
        (&loader, "needs the loader /xyz"),
    ] {
        write_bytes(&tool, bytes, 0o755);
        declare(&topsided, "");
        for args in [&["check"][..], &[]] {
            let said = topsided.run(args);
            assert_eq!(said.status, Some(78), "{words}: {said:?}");
            for place in [":3:15: ", ":5:9: ", ":7:9: "] {
                let begins = format!("{place}the program {}", tool.display());
                let line = said.stderr.lines().find(|line| line.contains(&begins));
                assert!(line.is_some_and(|line| line.contains(words)), "{words}: {}", said.stderr);
            }
            assert_eq!(said.stderr.lines().count(), 3, "{}", said.stderr);
        }
    }
    // By what it is, without regard to what is in it.
    write_bytes(&tool, b"#!/bin/sh\n", 0o644);
    assert!(topsided.run(&["check"]).stderr.contains("chmod +x"));
    std::fs::remove_file(&tool).unwrap();
    assert!(topsided.run(&["check"]).stderr.contains("does not exist"));
    std::fs::create_dir(&tool).unwrap();
    assert!(topsided.run(&["check"]).stderr.contains("is a directory"));
}

#[test]
fn a_program_that_the_system_can_execute_is_taken() {
    let topsided = Topsided::new();
    let tool = topsided.path("tool");
    for bytes in [
        &b"#!/bin/sh\n"[..],
        b"#!/bin/sh",
        b"#! /bin/sh  -e \n",
        b"#!/usr/bin/env sh\n",
        b"#!/usr/bin/env -S sh -e\n",
        b"#!/usr/bin/env -S A=1 sh\n",
        b"#!/usr/bin/env -i sh\n",
        b"#!/bin/sh\necho \xff\0binary after the first line\n",
        &executable(|_| {}),
    ] {
        write_bytes(&tool, bytes, 0o755);
        declare(&topsided, "");
        let said = topsided.run(&["check"]);
        assert_eq!(said.status, Some(0), "{:?}: {said:?}", &bytes[..20.min(bytes.len())]);
    }
    // A script that is another's interpreter, and a link.
    write_bytes(&topsided.path("deeper"), b"#!/bin/sh\n", 0o755);
    let line = format!("#!{}\n", topsided.path("deeper").display());
    write_bytes(&topsided.path("script"), line.as_bytes(), 0o755);
    std::fs::remove_file(&tool).unwrap();
    symlink("script", &tool).unwrap();
    assert_eq!(topsided.run(&["check"]).status, Some(0));
    write_bytes(&topsided.path("deeper"), b"no first line\n", 0o755);
    let said = topsided.run(&["check"]);
    let words = format!(
        "needs the interpreter {}, which has no first line",
        topsided.path("deeper").display()
    );
    assert!(said.status == Some(78) && said.stderr.contains(&words), "{said:?}");
}

#[test]
fn env_finds_an_interpreter_on_the_path_that_the_run_has() {
    let topsided = Topsided::new();
    write_bytes(&topsided.path("tool"), b"#!/usr/bin/env of-the-test\n", 0o755);
    write_bytes(&topsided.path("own/of-the-test"), b"#!/bin/sh\n", 0o755);
    declare(&topsided, "");
    assert_eq!(topsided.run(&["check"]).status, Some(78));
    let path = format!("{}:/usr/bin:/bin", topsided.path("own").display());
    declare(&topsided, &format!("env = {{ PATH = {path:?} }}\n"));
    let said = topsided.run(&["check"]);
    assert_eq!(said.status, Some(0), "{said:?}");
    declare(&topsided, "inherit_env = [\"PATH\"]\n");
    let said = crate::common::program::run(topsided.command().arg("check").env("PATH", &path));
    assert_eq!(said.status, Some(0), "{said:?}");
}

#[test]
fn a_reload_refuses_such_a_program_and_keeps_the_old_menu() {
    let topsided = Topsided::new();
    let tool = topsided.path("tool");
    write_bytes(&tool, b"#!/bin/sh\necho old\n", 0o755);
    let menu = format!("[commands.x]\nexec = [{tool:?}]\neffect = \"read\"\n");
    topsided.write("commands.toml", &menu);
    let server = topsided.start();
    let mut client = server.connect();
    write_bytes(&topsided.path("new"), b"#!/bin/sh\r\necho new\r\n", 0o755);
    let new = format!("{menu}[commands.y]\nexec = [{:?}]\n", topsided.path("new"));
    topsided.write("commands.toml", &new);
    let error = client.refused("server/reload", json!({}));
    let mistake = &error["data"]["mistakes"][0];
    assert_eq!((&mistake["line"], &mistake["column"]), (&json!(5), &json!(9)), "{error}");
    assert!(mistake["message"].as_str().unwrap().contains("carriage return"), "{error}");
    assert_eq!(client.run("x", json!({}))["output"], "old\n");
    let error = client.refused("command/run", json!({"command": "y"}));
    assert_eq!(error["data"]["kind"], "notFound");
}

#[test]
fn check_reports_what_follows_from_a_mistake_with_the_mistake() {
    for (name, text, count) in [
        ("commands.toml", "[commands.x]\nexce = [\"true\"]\n", 1),
        (
            "commands.toml",
            "[commands.x]\nexec = [\"true\", \"{zoen}\"]\n[[commands.x.args]]\nname = \"zone\"\ntype = \"int\"\n",
            1,
        ),
        (
            "commands.toml",
            "[commands.x]\nexec = [\"true\", \"--z={zone}\"]\n[[commands.x.args]]\nname = \"zone\"\ntype = \"string\"\n",
            1,
        ),
        (
            "commands.toml",
            "[commands.x]\nexec = [\"true\", \"{z}\"]\n[[commands.x.args]]\nname = \"z\"\ntype = \"durations\"\n\
             minimum = \"1s\"\n",
            1,
        ),
        ("commands.d/a.toml", "[workers.w]\nexec = [\"true\"\n", 1),
    ] {
        let topsided = Topsided::new();
        topsided.write("commands.d/b.toml", "[commands.f]\nworker = \"w\"\n");
        if name == "commands.toml" {
            topsided.write("commands.d/a.toml", "[workers.w]\nexec = [\"true\"]\n");
        }
        topsided.write(name, text);
        let said = topsided.run(&["check"]);
        assert_eq!(said.stderr.lines().count(), count, "{text}: {}", said.stderr);
        assert_eq!(said.status, Some(78));
    }
}

#[test]
fn check_warns_about_a_menu_file_that_declares_nothing() {
    let topsided = Topsided::new();
    let path = topsided.write("commands.toml", "# nothing yet\n");
    let said = topsided.run(&["check"]);
    assert_eq!(said.status, Some(0), "{said:?}");
    let words = format!("{} declares no command", path.display());
    assert!(said.stdout.contains(&words), "{said:?}");
    assert!(topsided.run(&["doctor"]).stdout.contains(&words));
}
