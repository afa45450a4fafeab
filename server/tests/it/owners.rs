//! Owners of what the server obeys: files, programs and directories of another user are refused with the name and the
//! remedy. These tests run as root, which can give files away.

use std::os::unix::fs::{PermissionsExt, chown, lchown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use crate::common::program::run;
use crate::common::server::write;
use crate::common::{Topsided, require_root};

/// A user that owns files and has no account.
const OTHER: u32 = 54_321;
const NAME: &str = "the user with the number 54321";

fn give(path: &Path) {
    lchown(path, Some(OTHER), Some(OTHER)).unwrap();
}

fn take(path: &Path) {
    lchown(path, Some(0), Some(0)).unwrap();
}

fn set(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// A program of one line in a directory beside the configuration.
fn program(topsided: &Topsided, name: &str) -> PathBuf {
    let path = topsided.path(name);
    write(&path, "#!/bin/sh\necho it runs\n");
    set(&path, 0o755);
    path
}

/// `check` and a start name what another user owns, with the command that corrects it.
#[track_caller]
fn refused(topsided: &Topsided, owned: &Path, chown: &str) {
    let sentence = format!(
        "{0} belongs to {NAME}, who may change it: run `{chown} root {0}`",
        owned.display()
    );
    for args in [&["check"][..], &[]] {
        let said = topsided.run(args);
        assert_eq!((said.status, said.stdout.as_str()), (Some(78), ""), "{args:?}: {said:?}");
        assert!(said.stderr.contains(&sentence), "{args:?}, {sentence}: {}", said.stderr);
        assert_eq!(said.stderr.matches(&sentence).count(), 1, "{}", said.stderr);
    }
}

#[track_caller]
fn accepted(topsided: &Topsided) {
    let said = topsided.run(&["check"]);
    assert_eq!(said.status, Some(0), "{said:?}");
}

#[test]
fn what_belongs_to_another_user_is_refused_with_its_owner_and_the_remedy() {
    if !require_root() {
        return;
    }
    let topsided = Topsided::new();
    let tool = program(&topsided, "bin/inner/tool");
    let hook = program(&topsided, "hooks/close");
    let worker = program(&topsided, "workers/garden");
    let script = program(&topsided, "scripts/x");
    topsided.write(
        "commands.d/mine.toml",
        &format!(
            "[workers.w]\nexec = [{worker:?}]\n[commands.a]\nexec = [{tool:?}]\neffect = \"read\"\n\
             safe_state = [{hook:?}]\n[commands.b]\nexec = [{tool:?}]\n\
             [commands.c]\nexec = [\"sh\", \"-e\", {script:?}]\n"
        ),
    );
    topsided.write("server.toml", "[limits]\nmax_runs = 3\n");
    accepted(&topsided);
    // What a server leaves in its state directory.
    let server = topsided.start();
    assert_eq!(server.connect().run("work", json!({}))["state"], "succeeded");
    drop(server);
    for name in [
        "config",
        "config/commands.toml",
        "config/server.toml",
        "config/commands.d",
        "config/commands.d/mine.toml",
        "state",
        "state/runs.db",
        "state/audit.jsonl",
        "bin",
        "bin/inner",
        "bin/inner/tool",
        "hooks",
        "hooks/close",
        "workers/garden",
        "scripts/x",
    ] {
        let path = topsided.path(name);
        give(&path);
        refused(&topsided, &path, "chown");
        take(&path);
    }
    write(&topsided.path("state/keys.json"), "{\"version\":1,\"keys\":[]}");
    give(&topsided.path("state/keys.json"));
    refused(&topsided, &topsided.path("state/keys.json"), "chown");
    take(&topsided.path("state/keys.json"));
    accepted(&topsided);
}

#[test]
fn every_one_is_named_at_once() {
    if !require_root() {
        return;
    }
    let topsided = Topsided::new();
    let tool = program(&topsided, "home/x.sh");
    topsided.write("commands.toml", &format!("[commands.x]\nexec = [{tool:?}]\n"));
    let names = ["config", "config/commands.toml", "home", "home/x.sh"];
    for name in names {
        give(&topsided.path(name));
    }
    let said = topsided.run(&["check"]);
    let doctor = topsided.run(&["doctor"]);
    assert_eq!((said.status, doctor.status), (Some(78), Some(1)));
    for name in names {
        let sentence = format!("{} belongs to {NAME}", topsided.path(name).display());
        assert_eq!(said.stderr.matches(&sentence).count(), 1, "{name}: {}", said.stderr);
        assert_eq!(doctor.stdout.matches(&sentence).count(), 1, "{name}: {}", doctor.stdout);
    }
    assert!(said.stderr.contains("commands.toml:2:9: the program"), "{}", said.stderr);
}

#[test]
fn a_link_counts_with_the_way_to_it_and_the_way_that_it_leads() {
    if !require_root() {
        return;
    }
    let topsided = Topsided::new();
    let tool = program(&topsided, "real/deep/tool");
    std::fs::create_dir(topsided.path("links")).unwrap();
    let link = topsided.path("links/tool");
    symlink("../middle", &link).unwrap();
    symlink(&tool, topsided.path("middle")).unwrap();
    topsided.write("commands.toml", &format!("[commands.x]\nexec = [{link:?}]\n"));
    accepted(&topsided);
    for name in ["links", "real", "real/deep", "real/deep/tool"] {
        let path = topsided.path(name);
        give(&path);
        refused(&topsided, &path, "chown");
        take(&path);
    }
    // In a directory where all users may create links, the link's own owner counts.
    set(&topsided.path("links"), 0o1777);
    accepted(&topsided);
    give(&link);
    refused(&topsided, &link, "chown -h");
    take(&link);
    set(&topsided.path("links"), 0o777);
    let said = topsided.run(&["check"]);
    let mend = format!("chmod o-w {}", topsided.path("links").display());
    assert!(said.status == Some(78) && said.stderr.contains(&mend), "{said:?}");
}

#[test]
fn a_sticky_directory_is_above_what_is_obeyed_and_not_read_itself() {
    if !require_root() {
        return;
    }
    let topsided = Topsided::new();
    let tool = program(&topsided, "open/dir/tool");
    topsided.write("commands.toml", &format!("[commands.x]\nexec = [{tool:?}]\n"));
    topsided.write("commands.d/a.toml", "[commands.a]\nexec = [\"true\"]\n");
    set(&topsided.path("open"), 0o1777);
    accepted(&topsided);
    set(&topsided.path("open"), 0o777);
    let said = topsided.run(&["check"]);
    let mend = format!("chmod o-w {}", topsided.path("open").display());
    assert!(said.status == Some(78) && said.stderr.contains(&mend), "{said:?}");
    set(&topsided.path("open"), 0o755);
    for name in ["config/commands.d", "state"] {
        set(&topsided.path(name), 0o1777);
        let mend = format!("chmod o-w {}", topsided.path(name).display());
        for args in [&["check"][..], &[]] {
            let said = topsided.run(args);
            assert!(said.status == Some(78) && said.stderr.contains(&mend), "{name}: {said:?}");
        }
        set(&topsided.path(name), 0o755);
    }
    accepted(&topsided);
}

#[test]
fn a_reload_keeps_the_old_menu_where_a_program_went_to_another_user() {
    if !require_root() {
        return;
    }
    let topsided = Topsided::new();
    let tool = program(&topsided, "bin/tool");
    topsided
        .write("commands.toml", &format!("[commands.x]\nexec = [{tool:?}]\neffect = \"read\"\n"));
    let server = topsided.start();
    let mut client = server.connect();
    give(&topsided.path("bin"));
    topsided.write("commands.d/more.toml", "[commands.y]\nexec = [\"true\"]\n");
    let error = client.refused("server/reload", json!({}));
    let message = error["message"].as_str().unwrap();
    assert!(
        message.contains(&format!("{} belongs to {NAME}", topsided.path("bin").display())),
        "{message}"
    );
    assert!(message.contains("commands.toml:2:9: "), "{message}");
    assert_eq!(client.run("x", json!({}))["output"], "it runs\n");
    take(&topsided.path("bin"));
    assert_eq!(client.ok("server/reload", json!({}))["changed"]["added"], json!(["y"]));
}

#[test]
fn a_server_of_an_ordinary_user_obeys_what_is_its_own_and_what_is_roots() {
    if !require_root() || !crate::common::require("setpriv") {
        return;
    }
    let topsided = Topsided::new();
    let tool = program(&topsided, "bin/tool");
    topsided.write("commands.toml", &format!("[commands.x]\nexec = [{tool:?}]\n"));
    let root = topsided.path("");
    set(&root, 0o755);
    for name in ["config/commands.toml", "config"] {
        set(&topsided.path(name), 0o755);
    }
    std::fs::create_dir(topsided.path("state")).unwrap();
    set(&topsided.path("state"), 0o700);
    give(&topsided.path("state"));
    // The program may lie where only root comes. Another process copies it, so that no child of a test can hold the copy
    // open for writing.
    let own = topsided.path("topsided");
    let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_topsided")).arg(&own).status();
    assert!(copied.unwrap().success());
    let check = || {
        let mut command = topsided.command_by("setpriv");
        let number = OTHER.to_string();
        command.args(["--reuid", &number, "--regid", &number, "--clear-groups"]);
        run(command.arg(&own).arg("check"))
    };
    let said = check();
    assert_eq!(said.status, Some(0), "files of root: {said:?}");
    for name in ["bin/tool", "bin", "config/commands.toml", "config"] {
        give(&topsided.path(name));
    }
    let said = check();
    assert_eq!(said.status, Some(0), "files of its own: {said:?}");
    chown(topsided.path("bin"), Some(54_322), None).unwrap();
    let said = check();
    let sentence =
        format!("{} belongs to the user with the number 54322", topsided.path("bin").display());
    assert!(said.status == Some(78) && said.stderr.contains(&sentence), "{said:?}");
    assert!(said.stderr.contains("run `sudo chown 54321 "), "{said:?}");
}
