use crate::process::exit_status::ProgramExit;
use crate::process::resolve_program::PATH;
use crate::process::running_program::Until;
use crate::process::start_program::Caller;
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
use crate::base::path_trust::Trust;
use crate::menu_file::{DeclaredProgram, Item, Missing, Source, load};
use crate::output::Output;
use crate::output::output_reader::{Piece, Reader};
use crate::output::tail::Text;
use crate::process::exit_status::EndCause;

#[path = "program_end_tests.rs"]
mod program_end_tests;

fn declared(text: &str) -> DeclaredProgram {
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

/// Each has an instance of its own: all processes with the marks of a run are ended with it.
fn caller() -> Caller {
    static SERVERS: AtomicU64 = AtomicU64::new(0);
    let instance = format!("{}-{}", std::process::id(), SERVERS.fetch_add(1, Ordering::Relaxed));
    Caller { run: RunId(7), instance, user: "ann".to_owned(), role: Role::Operator, files: None }
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

struct Running {
    output: Arc<Output>,
    reader: Reader,
    cancel: CancellationToken,
    task: tokio::task::JoinHandle<ProgramExit>,
    read: String,
}

impl Running {
    fn start(program: &Program) -> Self {
        let output = Arc::new(Output::kept_in(std::path::PathBuf::new(), 0));
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
            read: String::new(),
        }
    }

    /// Reads until `count` whole lines have come; they are this test's process numbers.
    async fn pids(&mut self, count: usize) -> Vec<Pid> {
        while self.read.matches('\n').count() < count {
            let Some(Piece::Output { data, .. }) = self.reader.next().await else {
                panic!("the output ended early: {:?}", self.read)
            };
            self.read.push_str(std::str::from_utf8(&data).unwrap());
        }
        let pid = |line: &str| Pid::from_raw(line.trim().parse().unwrap()).unwrap();
        self.read.lines().map(pid).collect()
    }

    async fn ended(self) -> (ProgramExit, Arc<Output>) {
        (self.task.await.unwrap(), self.output)
    }
}

async fn run(program: &Program, args: Value) -> (ProgramExit, String) {
    let output = Output::kept_in(std::path::PathBuf::new(), 0);
    let process = program.spawn(&object(args), &caller(), program.pipes().unwrap()).unwrap();
    let ended = process.run(&output, until(CancellationToken::new(), program.timeout)).await;
    output.end();
    (ended, plain(&output))
}

/// Whether a process is alive; a zombie is not.
fn lives(pid: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
    test_kill_process(pid).is_ok() && !stat.is_ok_and(|stat| stat.contains(") Z "))
}

#[track_caller]
fn gone(pids: &[Pid]) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while pids.iter().any(|pid| lives(*pid)) {
        assert!(Instant::now() < deadline, "of {pids:?} some still run");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[tokio::test]
async fn each_value_is_one_element() {
    let DeclaredProgram { info, program, .. } = declared(
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
fn an_absent_argument_leaves_no_element_and_a_flag_precedes_its_value() {
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
