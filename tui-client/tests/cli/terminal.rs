//! Programs at a terminal of their own.

use std::io::{Read, Write};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize};

use rustix::process::{Pid, Signal, kill_process};
use rustix::termios::LocalModes;

use crate::common::Place;

/// `topside` at a terminal.
pub(crate) struct Terminal {
    child: std::boxed::Box<dyn Child + Send + Sync>,
    master: std::boxed::Box<dyn MasterPty + Send>,
    reader: std::boxed::Box<dyn Read + Send>,
    writer: std::boxed::Box<dyn Write + Send>,
    shown: String,
}

impl Terminal {
    pub(crate) fn open(place: &Place, args: &[&str]) -> Self {
        Self::open_with(place, "xterm-256color", args)
    }

    /// A terminal that draws no screen, so that `topside` is a line client.
    pub(crate) fn dumb(place: &Place, args: &[&str]) -> Self {
        Self::open_with(place, "dumb", args)
    }

    /// A line client that is connected to the server of this machine, after its first prompt; and the prompt.
    pub(crate) fn line_client(place: &Place) -> (Self, String) {
        let (mut terminal, prompt) = (Self::dumb(place, &[]), prompt());
        terminal.sees(&prompt);
        (terminal, prompt)
    }

    /// A shell script at a terminal that draws no screen; in it, `$0` is `topside`.
    pub(crate) fn script(place: &Place, script: &str) -> Self {
        let mut command = CommandBuilder::new("/bin/sh");
        command.args(["-c", script, env!("CARGO_BIN_EXE_topside")]);
        Self::start(place, "dumb", command)
    }

    fn open_with(place: &Place, term: &str, args: &[&str]) -> Self {
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_topside"));
        command.args(args);
        Self::start(place, term, command)
    }

    fn start(place: &Place, term: &str, mut command: CommandBuilder) -> Self {
        let size = PtySize { cols: 200, ..PtySize::default() };
        let pair = portable_pty::native_pty_system().openpty(size).unwrap();
        command.cwd(place.path("."));
        command.env("TERM", term);
        for (name, dir) in place.environment() {
            command.env(name, dir);
        }
        let child = pair.slave.spawn_command(command).unwrap();
        let reader = pair.master.try_clone_reader().unwrap();
        let writer = pair.master.take_writer().unwrap();
        Self { child, master: pair.master, reader, writer, shown: String::new() }
    }

    /// How many sockets the program has open.
    pub(crate) fn sockets(&self) -> usize {
        let pid = self.child.process_id().expect("the program runs");
        let files = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
        let is_socket = |path: std::path::PathBuf| {
            std::fs::read_link(path).is_ok_and(|to| to.to_string_lossy().starts_with("socket:"))
        };
        files.filter(|file| file.as_ref().is_ok_and(|file| is_socket(file.path()))).count()
    }

    pub(crate) fn type_text(&mut self, text: &str) {
        self.writer.write_all(text.as_bytes()).unwrap();
    }

    /// Types a line and Enter.
    pub(crate) fn enter(&mut self, line: &str) {
        self.type_text(&format!("{line}\r"));
    }

    /// Answers each of these questions with a line.
    pub(crate) fn answer(&mut self, answers: &[(&str, &str)]) {
        for (question, line) in answers {
            self.sees(question);
            self.enter(line);
        }
    }

    /// Reads until `text` is there; what was shown since the last time up to its end.
    pub(crate) fn sees(&mut self, text: &str) -> String {
        let shown = self.peek(text);
        self.shown.drain(..shown.len());
        shown
    }

    /// The same, and it is there the next time again.
    pub(crate) fn peek(&mut self, text: &str) -> String {
        loop {
            if let Some(at) = self.shown.find(text) {
                return self.shown[..at + text.len()].to_owned();
            }
            let mut buffer = [0; 4096];
            let count = self.reader.read(&mut buffer).unwrap_or(0);
            assert!(count > 0, "{text:?} was never shown: {:?}", self.shown);
            self.shown.push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
    }

    /// Whether the terminal gives whole lines, as a shell expects it.
    pub(crate) fn gives_lines(&self) -> bool {
        let modes = self.master.get_termios().expect("it is a terminal").local_flags.bits();
        LocalModes::from_bits_retain(modes).contains(LocalModes::ICANON)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = self.child.process_id().and_then(|pid| Pid::from_raw(pid.cast_signed()));
        kill_process(pid.expect("the program runs"), signal).unwrap();
    }

    /// The exit status, once it has ended.
    pub(crate) fn wait(&mut self) -> u32 {
        self.child.wait().unwrap().exit_code()
    }

    /// Ends a line client.
    pub(crate) fn quit(mut self) -> (String, u32) {
        self.enter("quit");
        self.end()
    }

    /// Reads to the end; what was shown since the last time, and the exit status.
    pub(crate) fn end(mut self) -> (String, u32) {
        let mut buffer = [0; 4096];
        // Once all its programs have ended, reading a terminal gives an error in place of its end.
        while let Ok(count @ 1..) = self.reader.read(&mut buffer) {
            self.shown.push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
        (self.shown, self.child.wait().unwrap().exit_code())
    }
}

/// The prompt of the line client for the server of this machine.
pub(crate) fn prompt() -> String {
    let name = rustix::system::uname();
    format!("{}> ", name.nodename().to_str().unwrap())
}
