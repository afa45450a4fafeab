//! `user` of a command and of a worker: programs of a server of root that run as another user. The tests need root, and run
//! programs as the user `nobody`.

use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::common::server::write_program;
use crate::common::{
    Raw, SHELL_WORKER, TestServer, Topsided, eventually, lines, require, require_root,
};
use crate::files::{nothing_left, send, sha256};

/// Commands that run as `nobody`; `sh` runs what it is told.
const MENU: &str = r#"
[commands.sh]
exec = ["sh", "-c", "{script}"]
user = "nobody"
timeout = "none"
env = { COLOUR = "green" }
results = ["*.csv"]
[[commands.sh.args]]
name = "script"
type = "string"
required = true

[commands.take]
exec = ["sh", "-c", 'cat "$1"; echo more >> "$1"; echo done > "$TOPSIDE_FILES/a.csv"', "sh", "{file}"]
user = "nobody"
results = ["a.csv"]
[[commands.take.args]]
name = "file"
type = "file"
required = true
"#;

fn can_be_tried() -> bool {
    require_root() && require("setpriv")
}

fn nobody() -> nix::unistd::User {
    nix::unistd::User::from_name("nobody").unwrap().unwrap()
}

/// Lets other users enter a directory.
fn open(directory: &Path) {
    std::fs::set_permissions(directory, PermissionsExt::from_mode(0o711)).unwrap();
}

/// A directory that belongs to `nobody`.
fn own_directory(root: &Path) -> String {
    open(root);
    let directory = root.join("own");
    std::fs::create_dir(&directory).unwrap();
    chown(&directory, Some(nobody().uid.as_raw()), Some(nobody().gid.as_raw())).unwrap();
    directory.display().to_string()
}

/// What `id` of the system says of `nobody`.
fn id(option: &str) -> String {
    let said = Command::new("id").args([option, "nobody"]).output().unwrap();
    String::from_utf8(said.stdout).unwrap().trim().to_owned()
}

fn output(client: &mut Raw, script: &str) -> String {
    let row = client.run("sh", json!({"script": script}));
    assert_eq!(row["state"], "succeeded", "{row}");
    row["output"].as_str().unwrap().to_owned()
}

#[test]
fn a_program_has_the_user_the_groups_and_the_environment_of_its_user() {
    if !can_be_tried() {
        return;
    }
    let server = TestServer::with(MENU, "");
    open(server.root());
    let mut client = server.connect();
    let ids = output(&mut client, "id -u; id -ru; id -g; id -rg; id -G");
    let (uid, gid) = (id("-u"), id("-g"));
    assert_eq!(ids, format!("{uid}\n{uid}\n{gid}\n{gid}\n{}\n", id("-G")));
    let user = nobody();
    let said = output(
        &mut client,
        "echo $HOME $USER $LOGNAME $SHELL $COLOUR $TOPSIDE_RUN; echo $PATH; pwd",
    );
    let (home, shell) = (user.dir.display().to_string(), user.shell.display().to_string());
    let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    assert_eq!(said, format!("{home} nobody nobody {shell} green 2\n{path}\n/\n"));
    // Its pipes are its own.
    let said = output(&mut client, "echo out > /dev/stdout; echo err > /dev/stderr");
    assert!(said.contains("out\n") && said.contains("err\n"), "{said}");
    // No right of root is left, and none can be taken back.
    let said = output(&mut client, "cat /etc/shadow 2>&1; grep ^CapEff /proc/self/status; true");
    assert!(said.contains("Permission denied") && said.contains("0000000000000000"), "{said}");
}

#[test]
fn files_of_a_run_belong_to_its_user_and_only_files_of_that_user_are_results() {
    if !can_be_tried() {
        return;
    }
    let server = TestServer::with(MENU, "");
    open(server.root());
    let mut client = server.connect();
    let file = send(&mut client, "plan.txt", b"water\n");
    let row = client.run("take", json!({"file": file}));
    assert_eq!((&row["state"], &row["output"]), (&json!("succeeded"), &json!("water\n")), "{row}");
    let done = json!([{"name": "a.csv", "size": 5, "sha256": sha256(b"done\n")}]);
    assert_eq!(row["files"], done);
    let piece = client.ok("run/file", json!({"runId": row["runId"], "name": "a.csv"}));
    assert_eq!(piece["size"], 5);
    nothing_left(server.root());

    // The user has moved a file of root into the directory, which root would read.
    let mut gate = server.fifo("gate");
    let path = server.root().join("gate");
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o666)).unwrap();
    let script = format!("echo x > \"$TOPSIDE_FILES/own.csv\"; read x < {}", gate.path());
    let id = client.ask("command/run", json!({"command": "sh", "args": {"script": script}}));
    let runs = server.root().join("state/files/runs");
    let directory = |runs: &Path| {
        let mut entries = std::fs::read_dir(runs).into_iter().flatten().flatten();
        entries.find_map(|entry| Some(entry.path()).filter(|path| path.join("own.csv").exists()))
    };
    eventually("the run has written its file", || directory(&runs).is_some());
    std::fs::write(directory(&runs).unwrap().join("secret.csv"), "secret").unwrap();
    gate.open();
    let row = client.answer(id)["result"].take();
    assert_eq!(row["files"].as_array().map(Vec::len), Some(1), "{row}");
    assert_eq!(row["files"][0]["name"], "own.csv");
    let why = "the result secret.csv is not kept: it belongs to another user";
    assert!(row["output"].as_str().unwrap().contains(why), "{row}");
    // Other users enter the way to the files, and list nothing on it.
    let list = |path: &str| {
        let mut list = Command::new("ls");
        list.arg(server.root().join(path)).uid(nobody().uid.as_raw()).gid(nobody().gid.as_raw());
        list.output().unwrap().status.success()
    };
    assert!(!list("state") && !list("state/files") && !list("state/files/runs"));
}

#[test]
fn a_user_who_cannot_reach_the_state_directory_gets_no_run_with_files() {
    if !can_be_tried() {
        return;
    }
    let server = TestServer::with(MENU, "");
    std::fs::set_permissions(server.root(), PermissionsExt::from_mode(0o700)).unwrap();
    let error = server
        .connect()
        .refused("command/run", json!({"command": "sh", "args": {"script": "true"}}));
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("the user nobody may not enter "), "{message}");
    assert!(message.contains("TOPSIDE_STATE_DIR"), "{message}");
    nothing_left(server.root());
}

#[test]
fn a_hook_a_program_for_choices_and_a_worker_run_as_the_user() {
    if !can_be_tried() {
        return;
    }
    let topsided = Topsided::new();
    let own = own_directory(&topsided.path(""));
    let worker = format!(
        "{SHELL_WORKER}\nwhile read -r call; do answer \"\\\"result\\\":\\\"$(whoami) $HOME\\\"\"; done"
    );
    let worker = toml::Value::from(worker);
    topsided.write(
        "commands.toml",
        &format!(
            "[commands.fail]\nexec = [\"false\"]\nuser = \"nobody\"\n\
             safe_state = [\"sh\", \"-c\", \"id -un > {own}/safe\"]\n\
             [commands.pick]\nexec = [\"echo\", \"{{who}}\"]\nuser = \"nobody\"\n\
             [[commands.pick.args]]\nname = \"who\"\ntype = \"enum\"\nchoices_from = [\"id\", \"-un\"]\n\
             [workers.w]\nexec = [\"sh\", \"-c\", {worker}]\nuser = \"nobody\"\n\
             [commands.who]\nworker = \"w\"\n\
             [commands.lose]\nworker = \"w\"\neffect = \"read\"\nsafe_state_on = \"always\"\n\
             safe_state = [\"sh\", \"-c\", \"id -un > {own}/lost\"]\n"
        ),
    );
    let server = topsided.start();
    let mut client = server.connect();
    client.run("fail", json!({}));
    assert_eq!(lines(&Path::new(&own).join("safe")), ["nobody"]);
    let asked = client.ok("command/choices", json!({"command": "pick", "argument": "who"}));
    assert_eq!(asked["choices"], json!([{"value": "nobody"}]));
    let said = client.run("who", json!({}))["output"].take();
    assert_eq!(said, format!("nobody {}\n", nobody().dir.display()));
    client.run("lose", json!({}));
    assert_eq!(lines(&Path::new(&own).join("lost")), ["nobody"]);
}

#[test]
fn a_cancel_ends_processes_of_another_user_that_left_the_group() {
    if !can_be_tried() || !require("setsid") {
        return;
    }
    let topsided = Topsided::new();
    topsided.write("commands.toml", MENU);
    let own = own_directory(&topsided.path(""));
    let server = topsided.start();
    let mut client = server.connect();
    let script =
        format!("(setsid sh -c 'echo $$ > {own}/pid; exec sleep 1000' &); exec sleep 1000");
    let run = json!({"command": "sh", "args": {"script": script}, "wait": false});
    let run = client.ok("command/run", run)["runId"].take();
    let pid = pid(&own);
    assert_eq!(client.ok("run/cancel", json!({"runId": run}))["state"], "cancelled");
    eventually("the process has ended", || !lives(&pid));
}

#[test]
fn the_next_start_ends_the_processes_of_a_killed_server_and_runs_the_hook_as_the_user() {
    if !can_be_tried() {
        return;
    }
    let topsided = Topsided::new();
    let own = own_directory(&topsided.path(""));
    topsided.write(
        "commands.toml",
        &format!(
            "[commands.pump]\nexec = [\"sh\", \"-c\", \"echo $$ > {own}/pid; exec sleep 1000\"]\nuser = \"nobody\"\n\
             timeout = \"none\"\nsafe_state = [\"sh\", \"-c\", \"id -un > {own}/safe\"]\n"
        ),
    );
    let server = topsided.start();
    server.connect().ok("command/run", json!({"command": "pump", "wait": false}));
    let pid = pid(&own);
    drop(server);
    let _server = topsided.start();
    eventually("the hook has run", || lines(&Path::new(&own).join("safe")) == ["nobody"]);
    eventually("the program has ended", || !lives(&pid));
}

/// The process number in the file `pid`, once it is there.
fn pid(own: &str) -> String {
    let file = Path::new(own).join("pid");
    crate::common::wait_for("the process number", || lines(&file), |lines| lines.len() == 1)
        .remove(0)
}

fn lives(pid: &str) -> bool {
    // A zombie has ended.
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

fn check(topsided: &Topsided, text: &str) -> String {
    topsided.write("commands.toml", text);
    let said = topsided.run(&["check"]);
    said.stdout + &said.stderr
}

#[test]
fn check_refuses_an_unknown_user_and_variables_of_the_loader_with_their_places() {
    if !can_be_tried() {
        return;
    }
    let topsided = Topsided::new();
    let one = |lines: &str| format!("[commands.x]\nexec = [\"true\"]\n{lines}\n");
    let said = check(&topsided, &one("user = \"no-such-user\""));
    assert!(said.contains("commands.toml:3:8: `user` of command `x` is no-such-user"), "{said}");
    let said = check(&topsided, &one("user = \"nobody\"\nenv = { LD_PRELOAD = \"/tmp/x.so\" }"));
    assert!(said.contains("commands.toml:4:9: the variable LD_PRELOAD of command `x`"), "{said}");
    let said = check(&topsided, &one("user = \"nobody\"\ninherit_env = [\"LOCPATH\"]"));
    assert!(said.contains("commands.toml:4:16: the variable LOCPATH of command `x`"), "{said}");
    let env_file = topsided.path("x.env");
    crate::common::server::write(&env_file, "LD_LIBRARY_PATH=/tmp\n");
    let of_file = format!("user = \"nobody\"\nenv_file = \"{}\"", env_file.display());
    let said = check(&topsided, &one(&of_file));
    assert!(
        said.contains("sets LD_LIBRARY_PATH, which cannot be set together with `user`"),
        "{said}"
    );
    let of_function =
        "[workers.w]\nexec = [\"true\"]\n[commands.x]\nworker = \"w\"\nuser = \"nobody\"\n";
    let said = check(&topsided, of_function);
    assert!(said.contains("commands.toml:5:8: `user` is about a program"), "{said}");
    assert!(check(&topsided, MENU).contains("Configuration OK"));
}

/// The user may change what runs only as that user; root reads an `env_file` itself, and another user may change neither.
#[test]
fn a_program_may_belong_to_its_user_and_an_env_file_may_not() {
    if !can_be_tried() {
        return;
    }
    let topsided = Topsided::new();
    let own = own_directory(&topsided.path(""));
    let daemon = nix::unistd::User::from_name("daemon").unwrap().unwrap();
    let program = Path::new(&own).join("program");
    write_program(&program, "#!/bin/sh\n");
    let text = format!("[commands.x]\nexec = [\"{}\"]\n", program.display());
    let with_user = format!("{text}user = \"nobody\"\n");
    for (owner, passes) in [(0, true), (nobody().uid.as_raw(), true), (daemon.uid.as_raw(), false)]
    {
        chown(&program, Some(owner), None).unwrap();
        let said = check(&topsided, &with_user);
        assert_eq!(said.contains("Configuration OK"), passes, "{owner}: {said}");
    }
    // The same program for a command of root.
    chown(&program, Some(0), None).unwrap();
    let said = check(&topsided, &text);
    assert!(said.contains("belongs to the user nobody, who may change it"), "{said}");
    let file = Path::new(&own).join("x.env");
    std::fs::write(&file, "A=1\n").unwrap();
    chown(&file, Some(nobody().uid.as_raw()), None).unwrap();
    let said = check(
        &topsided,
        &format!(
            "[commands.x]\nexec = [\"true\"]\nuser = \"nobody\"\nenv_file = \"{}\"\n",
            file.display()
        ),
    );
    assert!(said.contains("`env_file` ") && said.contains("is refused"), "{said}");
}

#[test]
fn a_server_of_another_user_than_root_refuses_a_user() {
    if !can_be_tried() {
        return;
    }
    let topsided = Topsided::new();
    open(&topsided.path(""));
    let file =
        topsided.write("commands.toml", "[commands.x]\nexec = [\"true\"]\nuser = \"daemon\"\n");
    let state = topsided.path("state");
    std::fs::create_dir(&state).unwrap();
    for path in [file.parent().unwrap(), &file, &state] {
        chown(path, Some(nobody().uid.as_raw()), Some(nobody().gid.as_raw())).unwrap();
    }
    let mut command = topsided.command();
    command.arg("check").uid(nobody().uid.as_raw()).gid(nobody().gid.as_raw());
    let said = crate::common::program::run(&mut command);
    let text = said.stdout + &said.stderr;
    let why = "commands.toml:3:8: `user` of command `x` needs a server that runs as root, and this one runs as nobody";
    assert!(text.contains(why), "{text}");
    assert_ne!(said.status, Some(0));
}

#[test]
fn a_program_that_is_gone_is_reported_and_not_started() {
    if !can_be_tried() {
        return;
    }
    let topsided = Topsided::new();
    let program = topsided.path("program");
    write_program(&program, "#!/bin/sh\n");
    let text = format!("[commands.x]\nexec = [\"{}\"]\nuser = \"nobody\"\n", program.display());
    topsided.write("commands.toml", &text);
    let server = topsided.start();
    std::fs::remove_file(&program).unwrap();
    let error: Value = server.connect().refused("command/run", json!({"command": "x"}));
    assert_eq!(error["data"]["kind"], "spawnFailed", "{error}");
    assert!(error["message"].as_str().unwrap().contains(" is gone"), "{error}");
}
