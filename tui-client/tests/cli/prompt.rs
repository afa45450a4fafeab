//! Runs that ask, answered from standard input: by the line client and by `topside run`.

use std::process::Stdio;

use portable_pty::{CommandBuilder, PtySize};

use crate::common::{Place, Server};

const MENU: &str = r#"
[commands.ask]
effect = "read"
stdin = "prompt"
exec = ["/bin/sh", "-c", "printf 'Name: '; read n || exit 3; echo \"hello $n\""]

[commands.count]
effect = "read"
stdin = "prompt"
exec = ["/bin/sh", "-c", "wc -c"]

[commands.sum]
effect = "read"
stdin = "prompt"
exec = ["/bin/sh", "-c", "cksum"]

[commands.late]
effect = "read"
stdin = "prompt"
exec = ["/bin/sh", "-c", "read x < \"$1\"; cksum", "sh", "{gate}"]
[[commands.late.args]]
name = "gate"
type = "string"
required = true

[commands.shut]
effect = "read"
stdin = "prompt"
exec = ["/bin/sh", "-c", "exec 0<&-; echo shut; read x < \"$1\"", "sh", "{gate}"]
[[commands.shut.args]]
name = "gate"
type = "string"
required = true

[commands.deaf]
effect = "read"
exec = ["/bin/echo", "not asked"]
"#;

fn place() -> (Place, Server) {
    let place = Place::with_menu(MENU);
    let server = place.serve();
    (place, server)
}

/// `topside` with this on its standard input, then its end.
fn given(place: &Place, args: &[&str], input: &[u8]) -> crate::common::Ended {
    let file = place.path("given");
    std::fs::write(&file, input).unwrap();
    let mut command = place.topside(args);
    command.stdin(std::fs::File::open(file).unwrap());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.output().unwrap().into()
}

#[test]
fn input_goes_to_the_run_as_it_comes_and_ends_with_it() {
    let (place, _server) = place();
    let mut run = place.start(&["run", "--input", "ask"]);
    run.write("ann\n");
    assert_eq!(run.line(), "Name: hello ann\n");
    run.end_by_itself().with(0);
    let ended = given(&place, &["run", "--input", "count"], b"four");
    assert_eq!(ended.with(0).out.trim(), "4");
    let ended = given(&place, &["run", "--json", "--input", "count"], "é".as_bytes());
    assert!(ended.with(0).out.contains("\"output\":\"2\\n\""));
}

#[test]
fn without_input_a_run_that_asks_is_at_its_end_at_once() {
    let (place, _server) = place();
    // Standard input is open and says nothing: a script must not hang.
    let ended = place.start(&["run", "ask"]).end_by_itself().with(3);
    assert_eq!(ended.out, "Name: ");
    let ended = given(&place, &["run", "ask"], b"ann\n").with(3);
    assert_eq!(ended.out, "Name: ");
}

#[test]
fn a_program_that_reads_late_gets_all_of_it_once() {
    let (place, _server) = place();
    let gate = place.pipe("gate");
    let text: String = (0..80_000).map(|n| format!("line {n}, \"quoted\"\t\u{1}\n")).collect();
    let file = place.path("text");
    std::fs::write(&file, &text).unwrap();
    let mut command = place.topside(&["run", "--input", "late", gate.to_str().unwrap()]);
    command.stdin(std::fs::File::open(&file).unwrap()).stdout(Stdio::piped());
    let child = command.spawn().unwrap();
    // Not read before this, and the server takes 64 KiB.
    std::fs::write(&gate, "go\n").unwrap();
    let out = child.wait_with_output().unwrap();
    let sum = std::process::Command::new("cksum")
        .stdin(std::fs::File::open(&file).unwrap())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&sum.stdout));
}

/// What is not UTF-8 was refused.
#[test]
fn any_bytes_arrive_as_they_are() {
    let (place, _server) = place();
    let every: Vec<u8> = (0..40_000u32).map(|n| (n * 7 % 256) as u8).collect();
    for input in [&b"ab\xff"[..], b"\xc3", b"\0\xff\0", &every] {
        let file = place.path("bytes");
        std::fs::write(&file, input).unwrap();
        let sum = std::process::Command::new("cksum")
            .stdin(std::fs::File::open(&file).unwrap())
            .output()
            .unwrap();
        let ended = given(&place, &["run", "--input", "sum"], input).with(0);
        assert_eq!(ended.out, String::from_utf8_lossy(&sum.stdout));
    }
}

#[test]
fn input_for_a_command_that_takes_none_is_refused() {
    let (place, _server) = place();
    let ended = given(&place, &["run", "--input", "deaf"], b"x").with(126);
    assert_eq!(
        (ended.out.as_str(), ended.err.as_str()),
        ("", "topside: deaf takes no input: leave --input out\n",)
    );
    place.run(&["--input", "--detach", "ask"]).with(2);
}

#[test]
fn a_program_that_closes_its_input_ends_as_it_likes() {
    let (place, _server) = place();
    let gate = place.pipe("gate");
    let mut run = place.start(&["run", "--input", "shut", gate.to_str().unwrap()]);
    assert_eq!(run.line(), "shut\n");
    run.write("unread\n");
    std::fs::write(&gate, "go\n").unwrap();
    let ended = run.end().with(0);
    assert_eq!(ended.err, "");
}

#[test]
fn a_terminals_lines_are_passed_without_being_asked_for() {
    let (place, _server) = place();
    let pair = portable_pty::native_pty_system().openpty(PtySize::default()).unwrap();
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_topside"));
    command.cwd(place.path("."));
    command.args(["run", "ask"]);
    for (name, dir) in place.environment() {
        command.env(name, dir);
    }
    let mut child = pair.slave.spawn_command(command).unwrap();
    drop(pair.slave);
    let mut reader = pair.master.try_clone_reader().unwrap();
    std::io::Write::write_all(&mut pair.master.take_writer().unwrap(), b"ann\n").unwrap();
    let mut said = Vec::new();
    // Once all its programs have ended, reading a terminal gives an error in place of its end.
    let _ = std::io::Read::read_to_end(&mut reader, &mut said);
    assert!(child.wait().unwrap().success());
    assert!(String::from_utf8_lossy(&said).contains("hello ann"), "{said:?}");
}

#[test]
fn lines_of_the_line_client_answer_a_run_that_asks_and_then_are_commands_again() {
    let (place, _server) = place();
    let mut client = place.start(&[]);
    client.write("ask\nann\n");
    assert_eq!(client.line(), "Name: hello ann\n");
    let ended = client.end().with(0);
    assert_eq!(ended.err, "");

    // Two runs and their answers; a line that looks like a command is an answer while it is asked for.
    let mut client = place.start(&[]);
    client.write("ask\ndeaf\n");
    assert_eq!(client.line(), "Name: hello deaf\n");
    client.end().with(0);

    let ended = place.lines(&[], "count\none\n\n# two\n").with(0);
    assert_eq!(ended.out.trim(), "11");
    let ended = place.lines(&[], "\nask\n").with(3);
    assert!(ended.err.contains("line 2: ask ended with exit status 3"), "{}", ended.err);
}

#[test]
fn a_line_that_a_run_did_not_take_is_reported_and_not_run() {
    let (place, _server) = place();
    let gate = place.pipe("gate");
    let mut client = place.start(&[]);
    client.write(&format!("shut {}\n", gate.display()));
    assert_eq!(client.line(), "shut\n");
    client.write("deaf\n");
    client.said("line 2: shut took no more input: this line was not sent, and not run");
    std::fs::write(&gate, "go\n").unwrap();
    let ended = client.end().with(126);
    assert_eq!((ended.out.as_str(), ended.err.as_str()), ("", ""));
}
