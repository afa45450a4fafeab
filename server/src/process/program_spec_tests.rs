use crate::process::exit_status::ProgramExit;
use crate::process::launch::Caller;
use crate::process::resolve_program::PATH;
use crate::process::running_program::Until;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;
use topside_shared::ids::RunId;
use topside_shared::notifications::Stream;
use topside_shared::records::RunState;
use topside_shared::role::Role;
use topside_shared::values;

use super::*;
use crate::base::toml_file::permissions::Trust;
use crate::menu_file::{Declared, Item, Missing, Source, load};
use crate::output::Output;
use crate::output::output_reader::{Piece, Reader};
use crate::output::tail::Text;
use crate::process::exit_status::EndCause;

fn declared(text: &str) -> Declared {
    let source = Source { name: "test", text };
    let menu = load(&[source], &[], Missing::Refuse, Trust::of_this_process())
        .unwrap_or_else(|errors| panic!("{errors}"));
    match menu.commands.into_iter().next().unwrap() {
        Item::Program(declared) => declared,
        other => panic!("{other:?}"),
    }
}

/// A command that is a script of the shell, with more lines of declaration.
fn script(script: &str, lines: &str) -> Program {
    let script = toml::Value::from(script);
    declared(&format!("[commands.x]\nexec = [\"/bin/sh\", \"-c\", {script}]\n{lines}")).program
}

/// Each of a server of its own: whatever carries the marks of a run is ended with it.
fn caller() -> Caller {
    static SERVERS: AtomicU64 = AtomicU64::new(0);
    let instance = format!("{}-{}", std::process::id(), SERVERS.fetch_add(1, Ordering::Relaxed));
    Caller { run: RunId(7), instance, user: "ann".to_owned(), role: Role::Operator }
}

fn until(cancel: CancellationToken, timeout: Option<Duration>) -> Until {
    Until { cancel, timeout, server_ends: CancellationToken::new() }
}

fn none() -> Map<String, Value> {
    Map::new()
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("{other} is no object"),
    }
}

fn plain(output: &Output) -> String {
    match output.tail().text {
        Text::Plain(text) => text,
        Text::Base64(text) => panic!("not UTF-8: {text}"),
    }
}

/// A run that goes on, as the server has it.
struct Running {
    output: Arc<Output>,
    reader: Reader,
    cancel: CancellationToken,
    task: tokio::task::JoinHandle<ProgramExit>,
    heard: String,
}

impl Running {
    fn start(program: &Program) -> Self {
        let output = Arc::new(Output::in_memory());
        let cancel = CancellationToken::new();
        let process = program.spawn(&none(), &caller(), program.pipes().unwrap()).unwrap();
        let (timeout, token, sink) = (program.timeout, cancel.clone(), Arc::clone(&output));
        let task = tokio::spawn(async move {
            let ended = process.run(&sink, until(token, timeout)).await;
            sink.end();
            ended
        });
        Self {
            reader: output.reader(0, Arc::new(tokio::sync::Semaphore::new(1))),
            output,
            cancel,
            task,
            heard: String::new(),
        }
    }

    /// Reads until `count` whole lines have come; they are this test's process numbers.
    async fn pids(&mut self, count: usize) -> Vec<Pid> {
        while self.heard.matches('\n').count() < count {
            let Some(Piece::Output { data, .. }) = self.reader.next().await else {
                panic!("the output ended early: {:?}", self.heard)
            };
            self.heard.push_str(std::str::from_utf8(&data).unwrap());
        }
        let pid = |line: &str| Pid::from_raw(line.trim().parse().unwrap()).unwrap();
        self.heard.lines().map(pid).collect()
    }

    async fn ended(self) -> (ProgramExit, Arc<Output>) {
        (self.task.await.unwrap(), self.output)
    }
}

async fn run(program: &Program, args: Value) -> (ProgramExit, String) {
    let output = Output::in_memory();
    let process = program.spawn(&object(args), &caller(), program.pipes().unwrap()).unwrap();
    let ended = process.run(&output, until(CancellationToken::new(), program.timeout)).await;
    output.end();
    (ended, plain(&output))
}

/// Whether a process is there and has not ended; one that nobody has asked for its end yet counts as ended.
fn lives(pid: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
    test_kill_process(pid).is_ok() && !stat.is_ok_and(|stat| stat.contains(") Z "))
}

#[track_caller]
fn gone(pids: &[Pid]) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while pids.iter().any(|pid| lives(*pid)) {
        assert!(Instant::now() < deadline, "of {pids:?} some still run");
        std::thread::yield_now();
    }
}

#[tokio::test]
async fn a_value_is_one_element_whatever_is_in_it() {
    let Declared { info, program, .. } = declared(
        r#"
[commands.x]
exec = ["/bin/sh", "-c", "printf '%s|' \"$#\" \"$@\"", "sh", "{text}", "end"]
[[commands.x.args]]
name = "text"
type = "string"
required = true
"#,
    );
    let exact = "x".repeat(32 * 1024);
    let values = [
        "; $(id)",
        "`id`",
        "| cat /etc/passwd",
        "a b\u{a0}c",
        "*",
        "../..",
        "$HOME",
        "'",
        "\"",
        "\\0",
        "%s%n",
        "{text}",
        "",
        " ",
        "é🙂",
        "~",
        "&& reboot",
        "> /tmp/x",
        "a -oX",
        "\u{202e}",
        &exact,
    ];
    for value in values {
        let args =
            values::check(&info.args, &object(json!({"text": value})), values::Limits::default());
        let (ended, said) = run(&program, Value::Object(args.unwrap())).await;
        assert_eq!(said, format!("2|{value}|end|"));
        assert_eq!(ended.exit_code, Some(0));
    }
    let over = "x".repeat(32 * 1024 + 1);
    for value in ["-oX", "--", "-", "a\nb", "a\0b", "\u{1b}[2J", "\u{7f}", "\u{85}", &over] {
        let args =
            values::check(&info.args, &object(json!({"text": value})), values::Limits::default());
        assert!(args.is_err(), "{value:?}");
    }
}

#[test]
fn what_is_absent_leaves_no_element_and_a_flag_goes_before_its_value() {
    let program = declared(
        r#"
[commands.x]
exec = ["/bin/echo", "{count}", "{loud}", "{dry}", "last"]
[[commands.x.args]]
name = "count"
type = "int"
flag = "-c"
[[commands.x.args]]
name = "loud"
type = "bool"
flag = "--loud"
[[commands.x.args]]
name = "dry"
type = "bool"
[[commands.x.args]]
name = "rate"
type = "float"
flag = "--rate"
"#,
    )
    .program;
    let argv = |args: Value| program.argv(&object(args))[1..].join(" ");
    assert_eq!(argv(json!({})), "last");
    assert_eq!(argv(json!({"count": -3})), "-c -3 last");
    assert_eq!(argv(json!({"loud": true, "dry": true})), "--loud true last");
    assert_eq!(argv(json!({"loud": false, "dry": false})), "false last");
    assert_eq!(argv(json!({"rate": 0.5})), "last --rate 0.5");
    assert_eq!(
        argv(json!({"rate": 1.0, "count": 9_007_199_254_740_993_i64})),
        "-c 9007199254740993 last --rate 1"
    );
}

#[tokio::test]
async fn a_program_sees_a_clean_environment() {
    let program = declared(
        "[commands.x]\nexec=[\"env\"]\ncwd=\"/usr\"\nenv={TZ=\"UTC\", LANG=\"C\"}\ninherit_env=[\"CARGO_PKG_NAME\", \"NO_SUCH\"]",
    )
    .program;
    let (_, said) = run(&program, json!({})).await;
    let is_instance = |line: &&str| line.starts_with("TOPSIDE_INSTANCE=");
    assert_eq!(said.lines().filter(is_instance).count(), 1);
    let mut names: Vec<&str> = said.lines().filter(|line| !is_instance(line)).collect();
    names.sort_unstable();
    let home = format!("HOME={}", std::env::var("HOME").unwrap_or_else(|_| "/".to_owned()));
    let path = format!("PATH={PATH}");
    let mut want = vec![
        &*home,
        &*path,
        "LANG=C",
        "TERM=dumb",
        "TOPSIDE_ROLE=operator",
        "TOPSIDE_RUN=7",
        "TOPSIDE_USER=ann",
        "TZ=UTC",
    ];
    let inherited = std::env::var("CARGO_PKG_NAME").map(|name| format!("CARGO_PKG_NAME={name}"));
    want.extend(inherited.as_deref());
    want.sort_unstable();
    assert_eq!(names, want);
}

#[tokio::test]
async fn a_program_has_no_input_its_own_group_and_its_directory() {
    let (ended, said) = run(&script("cat; pwd", "cwd = \"/usr\""), json!({})).await;
    assert_eq!((ended.exit_code, &*said), (Some(0), "/usr\n"));
    let (_, said) = run(&script("pwd", ""), json!({})).await;
    assert_eq!(said, "/\n");
    let program = script("echo $$; ps -o pgid= -p $$ 2>/dev/null || echo $$", "");
    let (_, said) = run(&program, json!({})).await;
    let numbers: Vec<&str> = said.split_whitespace().collect();
    assert_eq!(numbers[0], numbers[1], "the program leads its group");
}

#[tokio::test]
async fn exit_status_and_signal_become_the_state() {
    let program = script("exit 3", "");
    let (ended, _) = run(&program, json!({})).await;
    assert_eq!((ended.end, ended.exit_code, ended.signal), (EndCause::Exited, Some(3), None));
    assert_eq!(ended.state(&program.success_exit_codes), RunState::Failed);
    assert_eq!(ended.state(&[0, 3]), RunState::Succeeded);
    let (ended, _) = run(&script("kill -9 $$", ""), json!({})).await;
    assert_eq!((ended.exit_code, ended.signal), (None, Some(9)));
    assert_eq!(ended.state(&[0, 9, 137]), RunState::Failed);
}

#[tokio::test]
async fn output_comes_while_the_program_runs_and_in_its_order() {
    let dir = tempfile::tempdir().unwrap();
    let program = script(
        "for i in 1 2 3 4; do
           if [ $i = 2 ]; then echo $i >&2; else echo $i; fi
           until [ -e go$i ]; do sleep 0.01; done
         done",
        &format!("cwd = {:?}", dir.path()),
    );
    let mut running = Running::start(&program);
    let mut got = Vec::new();
    for step in 1..=4 {
        got.push(running.reader.next().await.unwrap());
        std::fs::write(dir.path().join(format!("go{step}")), "").unwrap();
    }
    assert_eq!(running.reader.next().await, None);
    let piece =
        |offset, stream, data: &'static str| Piece::Output { offset, stream, data: data.into() };
    let want = [
        piece(0, Stream::Stdout, "1\n"),
        piece(2, Stream::Stderr, "2\n"),
        piece(4, Stream::Stdout, "3\n"),
        piece(6, Stream::Stdout, "4\n"),
    ];
    assert_eq!(got, want);
    assert_eq!(running.ended().await.0.exit_code, Some(0));
}

#[tokio::test]
async fn a_cancel_reaches_every_descendant_and_leaves_no_zombie() {
    let program = script("echo $$; sleep 1000 & echo $!; (sleep 1000 & echo $!; wait) & wait", "");
    let mut running = Running::start(&program);
    let pids = running.pids(3).await;
    assert!(pids.iter().all(|pid| lives(*pid)));
    running.cancel.cancel();
    let (ended, _) = running.ended().await;
    assert_eq!((ended.end, ended.signal), (EndCause::Cancelled, Some(Signal::TERM.as_raw())));
    assert_eq!(ended.state(&[0]), RunState::Cancelled);
    assert!(test_kill_process(pids[0]).is_err(), "the program was not waited for");
    gone(&pids);
}

#[tokio::test]
async fn a_time_out_kills_what_ignores_the_stop_signal() {
    let program = script(
        "trap '' TERM; sleep 1000 & echo $$; echo $!; while :; do sleep 1000; done",
        "timeout = \"300ms\"\nstop_timeout = \"200ms\"",
    );
    let mut running = Running::start(&program);
    let pids = running.pids(2).await;
    let (ended, _) = running.ended().await;
    assert_eq!((ended.end, ended.signal), (EndCause::TimedOut, Some(Signal::KILL.as_raw())));
    assert_eq!(ended.state(&[0]), RunState::TimedOut);
    assert!(ended.duration >= Duration::from_millis(500), "{ended:?}");
    gone(&pids);
}

#[tokio::test]
async fn a_cancelled_group_has_its_time_to_tidy_up() {
    // The leader dies of the signal at once; its child takes a moment and says so.
    let program = script(
        "(trap 'sleep 0.2; echo tidy; exit' TERM; echo $$; while :; do sleep 0.01; done) & wait",
        "stop_timeout = \"30s\"",
    );
    let mut running = Running::start(&program);
    running.pids(1).await;
    running.cancel.cancel();
    let (ended, output) = running.ended().await;
    assert_eq!(ended.signal, Some(Signal::TERM.as_raw()));
    assert!(plain(&output).ends_with("tidy\n"), "{:?}", plain(&output));
    assert!(ended.duration < Duration::from_secs(20), "nobody waited for what had ended");
}

#[tokio::test]
async fn a_program_that_ends_in_order_when_cancelled_keeps_its_status() {
    let program = script(
        "trap 'exit 7' HUP; echo $$; while :; do sleep 0.01; done",
        "stop_signal = \"SIGHUP\"",
    );
    let mut running = Running::start(&program);
    running.pids(1).await;
    running.cancel.cancel();
    let (ended, _) = running.ended().await;
    assert_eq!((ended.end, ended.exit_code, ended.signal), (EndCause::Cancelled, Some(7), None));
}

#[tokio::test]
async fn a_run_that_nobody_waits_for_any_more_takes_its_group_along() {
    let program = script("echo $$; sleep 1000 & echo $!; wait", "");
    let mut running = Running::start(&program);
    let pids = running.pids(2).await;
    running.task.abort();
    assert!(running.task.await.unwrap_err().is_cancelled());
    tokio::task::spawn_blocking(move || gone(&pids)).await.unwrap();

    let process = program.spawn(&none(), &caller(), program.pipes().unwrap()).unwrap();
    let pid = Pid::from_raw(process.leader().unwrap().pid.cast_signed()).unwrap();
    drop(process);
    tokio::task::spawn_blocking(move || gone(&[pid])).await.unwrap();
}

#[tokio::test]
async fn a_process_left_behind_does_not_hold_the_run_and_is_left_alone() {
    let program = script("sleep 1000 & echo $!", "");
    let mut running = Running::start(&program);
    let pids = running.pids(1).await;
    let (ended, output) = running.ended().await;
    assert_eq!((ended.end, ended.exit_code), (EndCause::Exited, Some(0)));
    assert!(lives(pids[0]), "it was meant to stay");
    assert_eq!(plain(&output).trim(), pids[0].as_raw_nonzero().to_string());
    kill_process(pids[0], Signal::KILL).unwrap();
}

#[tokio::test]
async fn a_flood_from_a_process_left_behind_does_not_hold_the_run() {
    let (ended, _) = run(&script("yes & exit 4", ""), json!({})).await;
    assert_eq!(ended.exit_code, Some(4));
}

#[tokio::test]
async fn all_output_of_a_quick_program_is_there() {
    let program = script("head -c 3000000 /dev/zero | tr '\\0' x; echo end >&2", "");
    let output = Output::in_memory();
    let process = program.spawn(&none(), &caller(), program.pipes().unwrap()).unwrap();
    process.run(&output, until(CancellationToken::new(), None)).await;
    assert_eq!(output.bytes(), 3_000_004);
}

#[tokio::test]
async fn why_a_program_did_not_start_is_told_in_words() {
    let dir = tempfile::tempdir().unwrap();
    let here = dir.path();
    // The file is written by another process, so that no test's child can hold it open.
    let tool = here.join("tool");
    let copy = |from: &str| {
        let copied = std::process::Command::new("cp").arg(here.join(from)).arg(&tool).status();
        assert!(copied.unwrap().success());
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&tool, mode).unwrap();
    };
    std::fs::write(here.join("text"), "no program\n").unwrap();
    std::fs::write(here.join("script"), "#!/no/such/interpreter\n").unwrap();
    let said = |program: &Program, args: Value| {
        program
            .spawn(&object(args), &caller(), program.pipes().unwrap())
            .expect_err("it must not start")
            .to_string()
    };
    std::fs::write(here.join("sound"), "#!/bin/sh\n").unwrap();
    copy("sound");
    let text = format!(
        "[commands.x]\nexec = [{tool:?}, \"{{a}}\"]\ncwd = {here:?}\n[[commands.x.args]]\nname=\"a\"\ntype=\"string\""
    );
    // What is wrong with it comes after the menu was loaded.
    let program = declared(&text).program;
    copy("text");
    assert!(said(&program, json!({})).contains("not in a form that the system can run"));
    copy("script");
    assert!(said(&program, json!({})).contains("interpreter"));
    assert!(
        said(&program, json!({"a": "x".repeat(200 * 1024)}))
            .contains("longer than the system takes")
    );
    std::fs::remove_file(&tool).unwrap();
    assert_eq!(said(&program, json!({})), format!("the program {} is gone", tool.display()));
    drop(dir);
    assert!(said(&program, json!({})).contains("the directory"), "{}", said(&program, json!({})));
}
