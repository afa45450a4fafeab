//! `topside run` at a terminal: the output looks as it does where the program runs.

use super::harness::{Home, Screen, Server};

const MENU: &str = r#"
[commands.progress]
exec = ["/bin/sh", "-c", "printf 'Building 1/10: a-long-crate-name\\r\\033[KFinished\\n'"]
effect = "read"

[commands.cursor-up]
exec = ["/bin/sh", "-c", "echo top; echo mid; for i in 1 2 3; do printf '\\033[1A\\033[2K\\033[Gstep %d\\n' $i; done; echo END"]
effect = "read"

[commands.spinner]
exec = ["/bin/sh", "-c", "printf 'work '; for c in / - '|' /; do printf '%s\\b' $c; done; printf 'ok\\n'"]
effect = "read"

[commands.both-streams]
exec = ["/bin/sh", "-c", "echo out; sleep 0.2; printf 'waits\\n' >&2; sleep 0.2; printf '\\033[1A\\033[2K' >&2; printf 'done\\n' >&2"]
effect = "read"

[commands.too-far]
exec = ["/bin/sh", "-c", "echo one; printf '\\033[99A\\033[2K\\033[H\\033[2J\\033[1;1Htwo\\n'; printf '\\033[5F\\033[2Kthree\\n'"]
effect = "read"

[commands.open-end]
exec = ["/bin/sh", "-c", "printf '\\033[31mno line end'"]
effect = "read"
"#;

fn run(home: &Home, command: &str) -> String {
    let line = format!("echo earlier; $TOPSIDE run {command}; echo later");
    let (status, text) = Screen::shell(home, (60, 12), &line).ended();
    assert_eq!(status, 0);
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

/// A shorter line of progress left the end of a longer one, and lines that were to be replaced stayed.
#[test]
fn progress_replaces_itself_and_nothing_else_at_a_terminal() {
    let home = Home::with_menu(MENU);
    let _server = Server::start(&home);
    for (command, shown) in [
        ("progress", "Finished"),
        ("cursor-up", "top\nstep 3\nEND"),
        ("spinner", "work ok"),
        ("both-streams", "out\ndone"),
        ("too-far", "three"),
        ("open-end", "no line end"),
    ] {
        assert_eq!(run(&home, command), format!("earlier\n{shown}\nlater"), "{command}");
    }
}
