//! Terminals other than the one of the harness: each says what every cell holds after it was given bytes.

use std::path::Path;
use std::process::{Command, Stdio};

use super::harness::eventually;

/// Columns and rows.
type Size = (u16, u16);
/// One text for each row: its cells, in some emulators with their colours.
pub(crate) type Picture = Vec<String>;
/// What a terminal of this size shows; the directory is for files.
type Show = fn(&Path, Size, &[u8]) -> Picture;

/// The emulators of this machine. Where the variable of strict tests is set, none may be missing.
pub(crate) fn emulators() -> Vec<(&'static str, Show)> {
    let mut found: Vec<(_, Show)> = vec![("vt100", in_vt100)];
    let there = |command: &mut Command| {
        let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    };
    for (name, show, is_there) in [
        ("pyte", in_pyte as Show, there(Command::new(python()).args(["-c", "import pyte"]))),
        ("tmux", in_tmux as Show, there(Command::new("tmux").arg("-V"))),
    ] {
        if is_there {
            found.push((name, show));
        } else {
            let strict = std::env::var_os("TOPSIDE_TEST_STRICT").is_some_and(|value| value == "1");
            assert!(!strict, "needs {name}, and TOPSIDE_TEST_STRICT=1 allows no skip");
            println!("skipped: needs {name}");
        }
    }
    found
}

fn python() -> String {
    std::env::var("TOPSIDE_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned())
}

fn in_vt100(_: &Path, (columns, rows): Size, bytes: &[u8]) -> Picture {
    let mut terminal = vt100::Parser::new(rows, columns, 0);
    terminal.process(bytes);
    let cell = |row, column| {
        let cell = terminal.screen().cell(row, column).unwrap();
        let text = Some(cell.contents()).filter(|text| !text.is_empty()).unwrap_or(" ");
        // The colour of a blank is not seen.
        let seen = text != " " || cell.inverse();
        let colour = if seen { cell.fgcolor() } else { vt100::Color::Default };
        format!("{text}|{colour:?} {:?} {} ", cell.bgcolor(), cell.inverse())
    };
    (0..rows).map(|row| (0..columns).map(|column| cell(row, column)).collect()).collect()
}

const PYTE: &str = "
import sys, pyte
columns, rows, file = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
screen = pyte.Screen(columns, rows)
pyte.ByteStream(screen).feed(open(file, 'rb').read())
for y in range(rows):
    cells = [screen.buffer[y][x] for x in range(columns)]
    seen = lambda c: c.data != ' ' or c.reverse
    print(''.join(f'{c.data}|{c.fg if seen(c) else None} {c.bg} {c.reverse} ' for c in cells))
";

fn in_pyte(dir: &Path, (columns, rows): Size, bytes: &[u8]) -> Picture {
    let file = dir.join("screen.bytes");
    std::fs::write(&file, bytes).unwrap();
    let mut command = Command::new(python());
    command.args(["-c", PYTE, &columns.to_string(), &rows.to_string()]).arg(&file);
    let output = command.env("PYTHONIOENCODING", "utf-8").output().unwrap();
    let (text, errors) = (lossy(&output.stdout), lossy(&output.stderr));
    assert!(output.status.success(), "{errors}");
    text.split_terminator('\n').map(str::to_owned).collect()
}

/// A server of tmux that ends with the test.
struct Tmux(tempfile::TempDir);

impl Tmux {
    fn command(&self, args: &[&str]) -> Command {
        let dir = self.0.path();
        let mut command = Command::new("tmux");
        command.env_remove("TMUX").env("LC_ALL", "C.UTF-8").arg("-u");
        command.arg("-S").arg(dir.join("tmux")).arg("-f").arg(dir.join("tmux.conf")).args(args);
        command
    }

    fn run(&self, args: &[&str]) -> String {
        let output = self.command(args).output().unwrap();
        assert!(output.status.success(), "tmux {args:?}: {}", lossy(&output.stderr));
        lossy(&output.stdout)
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        let _ = self.command(&["kill-server"]).output();
    }
}

fn in_tmux(dir: &Path, (columns, rows): Size, bytes: &[u8]) -> Picture {
    // Each has a directory of its own: a socket may outlive its server for a moment.
    let tmux = Tmux(tempfile::tempdir_in(dir).unwrap());
    let file = tmux.0.path().join("screen.bytes");
    std::fs::write(&file, bytes).unwrap();
    std::fs::write(tmux.0.path().join("tmux.conf"), "set -g status off\n").unwrap();
    // The title is set after all that was before it.
    let file = file.display();
    let script = format!("stty raw -echo; cat {file}; printf '\\033]2;shown\\033\\\\'; read -r _");
    let (columns, rows) = (columns.to_string(), rows.to_string());
    tmux.run(&["new-session", "-d", "-x", &columns, "-y", &rows, &script]);
    eventually("tmux has shown everything", || {
        tmux.run(&["display-message", "-p", "#{pane_title}"]).trim_end() == "shown"
    });
    let text = tmux.run(&["capture-pane", "-p"]);
    text.split('\n').map(str::to_owned).collect()
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
