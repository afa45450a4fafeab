//! A terminal for the real program: a pseudo-terminal, a thread that drains it, and an emulator. Tests wait for what is
//! on its screen; a wait that is not met shows the screen.

use std::io::{Read, Write};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use portable_pty::{
    ChildKiller, CommandBuilder, ExitStatus, MasterPty, PtySize, native_pty_system,
};

use super::{Home, PATIENCE, TOPSIDE, eventually, occurrences};

struct Shown {
    parser: vt100::Parser,
    /// The beginning of a synchronized update that has not ended: a terminal shows it as a whole.
    unfinished: Vec<u8>,
    /// The program, and all that it started, has let go of the terminal.
    closed: bool,
    /// Everything that was printed.
    printed: Vec<u8>,
    /// The terminal is to be taken away.
    leaving: bool,
    /// The terminal reads nothing.
    stopped: bool,
}

impl Shown {
    /// Takes what was read; nothing is the end. A frame is shown once all of it was read.
    fn take(&mut self, read: &[u8]) {
        self.closed = read.is_empty();
        self.unfinished.extend_from_slice(read);
        let all = self.unfinished.len();
        let begin = rfind(&self.unfinished, BEGIN_UPDATE);
        let complete = match begin {
            _ if self.closed => all,
            Some(begin) if rfind(&self.unfinished[begin..], END_UPDATE).is_none() => begin,
            // The last bytes may be the first ones of a beginning.
            _ => {
                let is_end = |count: &usize| self.unfinished.ends_with(&BEGIN_UPDATE[..*count]);
                all - (1..BEGIN_UPDATE.len()).rev().find(is_end).unwrap_or(0)
            }
        };
        let bytes: Vec<u8> = self.unfinished.drain(..complete).collect();
        self.parser.process(&bytes);
        self.printed.extend(bytes);
    }
}

fn rfind(text: &[u8], bytes: &[u8]) -> Option<usize> {
    text.windows(bytes.len()).rposition(|at| at == bytes)
}

type Writer = Arc<Mutex<Option<Box<dyn Write + Send>>>>;

/// The beginning and the end of a synchronized update.
const BEGIN_UPDATE: &[u8] = b"\x1b[?2026h";
const END_UPDATE: &[u8] = b"\x1b[?2026l";

/// Asks whether the terminal has taken all bytes before.
const ASK_TAKEN: &[u8] = b"\x1b[5n";

/// The program in its terminal.
pub(crate) struct Screen {
    shown: Arc<(Mutex<Shown>, Condvar)>,
    writer: Writer,
    master: Option<Box<dyn MasterPty + Send>>,
    ended: Receiver<ExitStatus>,
    killer: Box<dyn ChildKiller + Send + Sync>,
    drain: Option<JoinHandle<()>>,
    pub(crate) pid: i32,
}

impl Screen {
    /// Starts `topside` with these arguments.
    pub(crate) fn topside(home: &Home, size: (u16, u16), args: &[&str]) -> Self {
        let mut command = CommandBuilder::new(TOPSIDE);
        command.args(args);
        Self::start(home, size, command, false)
    }

    /// The same in a terminal that says when it has taken what was printed, as most do.
    pub(crate) fn answering(home: &Home, size: (u16, u16), args: &[&str]) -> Self {
        let mut command = CommandBuilder::new(TOPSIDE);
        command.args(args);
        Self::start(home, size, command, true)
    }

    /// The same with one variable more in its environment.
    pub(crate) fn topside_with(home: &Home, size: (u16, u16), var: (&str, &str)) -> Self {
        let mut command = CommandBuilder::new("/usr/bin/env");
        command.args([&format!("{}={}", var.0, var.1), TOPSIDE]);
        Self::start(home, size, command, false)
    }

    /// Starts a line of the shell, in which `$TOPSIDE` is the program.
    pub(crate) fn shell(home: &Home, size: (u16, u16), line: &str) -> Self {
        let mut command = CommandBuilder::new("/bin/sh");
        command.args(["-c", line]);
        command.env("TOPSIDE", TOPSIDE);
        Self::start(home, size, command, false)
    }

    fn start(home: &Home, size: (u16, u16), mut command: CommandBuilder, answers: bool) -> Self {
        command.cwd(home.0.path());
        for (name, dir) in home.env() {
            command.env(name, dir);
        }
        Self::spawn_in(size, command, answers)
    }

    /// Starts any program.
    pub(crate) fn spawn(size: (u16, u16), command: CommandBuilder) -> Self {
        Self::spawn_in(size, command, false)
    }

    fn spawn_in((columns, rows): (u16, u16), mut command: CommandBuilder, answers: bool) -> Self {
        let size = PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        command.env("TERM", "xterm-256color");
        command.env("TZ", "UTC");
        for name in ["NO_COLOR", "TMUX", "RUST_BACKTRACE", "LC_ALL", "LC_CTYPE", "LANG"] {
            command.env_remove(name);
        }
        let mut child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let pid = i32::try_from(child.process_id().unwrap()).unwrap();

        let parser = vt100::Parser::new(rows, columns, 0);
        let shown = Arc::new((
            Mutex::new(Shown {
                parser,
                unfinished: Vec::new(),
                closed: false,
                printed: Vec::new(),
                leaving: false,
                stopped: false,
            }),
            Condvar::new(),
        ));
        let writer: Writer = Arc::new(Mutex::new(Some(pair.master.take_writer().unwrap())));
        let answer = answers.then(|| Arc::clone(&writer));
        let mut reader = pair.master.try_clone_reader().unwrap();
        let drained = Arc::clone(&shown);
        let drain = std::thread::spawn(move || {
            let (mut buffer, mut asked) = ([0; 8192], 0);
            loop {
                let mut shown = drained.0.lock().unwrap();
                while shown.stopped {
                    shown = drained.1.wait(shown).unwrap();
                }
                drop(shown);
                let read = reader.read(&mut buffer).unwrap_or(0);
                let mut shown = drained.0.lock().unwrap();
                shown.take(&buffer[..read]);
                drained.1.notify_all();
                if read == 0 || shown.leaving {
                    return;
                }
                if let Some(writer) = &answer {
                    let count = occurrences(&shown.printed[asked..], ASK_TAKEN);
                    asked = shown.printed.len().saturating_sub(ASK_TAKEN.len() - 1).max(asked);
                    drop(shown);
                    if let Some(writer) = writer.lock().unwrap().as_mut() {
                        writer.write_all("\x1b[0n".repeat(count).as_bytes()).unwrap();
                    }
                }
            }
        });
        let killer = child.clone_killer();
        let (tell, ended) = channel();
        std::thread::spawn(move || tell.send(child.wait().unwrap()));
        Self { shown, writer, master: Some(pair.master), ended, killer, drain: Some(drain), pid }
    }

    /// Types.
    pub(crate) fn write(&mut self, text: &str) {
        let mut writer = self.writer.lock().unwrap();
        let writer = writer.as_mut().unwrap();
        writer.write_all(text.as_bytes()).unwrap();
        writer.flush().unwrap();
    }

    /// Presses and releases the left button where a text is, or so many columns right of it.
    pub(crate) fn click_beside(&mut self, text: &str, columns: isize) {
        let shown = self.see(text);
        let found = shown.lines().enumerate().find_map(|(row, line)| {
            let byte = line.find(text)?;
            Some((line[..byte].chars().count(), row))
        });
        let (column, row) = found.unwrap();
        self.click_at(column.saturating_add_signed(columns), row);
    }

    /// Presses and releases the left button in this column of this row, from 0.
    pub(crate) fn click_at(&mut self, column: usize, row: usize) {
        let (x, y) = (column + 1, row + 1);
        self.write(&format!("\x1b[<0;{x};{y}M\x1b[<0;{x};{y}m"));
    }

    /// The same on the first letter of a text.
    pub(crate) fn click(&mut self, text: &str) {
        self.click_beside(text, 0);
    }

    /// Waits for a text of the picker, and connects to the selected server.
    pub(crate) fn connect(&mut self, text: &str) {
        self.see(text);
        self.write("\r");
        self.see(" · connected · ");
    }

    /// Waits until a text is not on the screen.
    pub(crate) fn gone(&self, text: &str) -> String {
        self.until(&format!("no `{text}`"), |screen| !screen.contents().contains(text))
    }

    /// Waits until the program has read what was typed.
    pub(crate) fn taken(&self) {
        use rustix::fs::{Mode, OFlags, open};
        let path = format!("/proc/{}/fd/0", self.pid);
        let terminal = open(path, OFlags::RDONLY | OFlags::NOCTTY, Mode::empty()).unwrap();
        eventually("the program reads", || {
            rustix::io::ioctl_fionread(&terminal).is_ok_and(|waiting| waiting == 0)
        });
    }

    pub(crate) fn resize(&mut self, columns: u16, rows: u16) {
        self.shown.0.lock().unwrap().parser.screen_mut().set_size(rows, columns);
        let size = PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 };
        self.master.as_ref().unwrap().resize(size).unwrap();
    }

    /// Waits until the screen is as wanted, woken by what the program prints; returns its text.
    pub(crate) fn until(&self, what: &str, wanted: impl Fn(&vt100::Screen) -> bool) -> String {
        self.until_within(PATIENCE, what, wanted)
    }

    /// The same for what takes longer by its nature.
    pub(crate) fn until_within(
        &self,
        patience: Duration,
        what: &str,
        wanted: impl Fn(&vt100::Screen) -> bool,
    ) -> String {
        let found = self.look(patience, |screen, _| wanted(screen).then(|| screen.contents()));
        found.unwrap_or_else(|why| panic!("waited for {what}, {why}"))
    }

    /// Waits until something is found on the screen or in all that was printed; else what is there instead.
    pub(crate) fn look<T>(
        &self,
        patience: Duration,
        find: impl Fn(&vt100::Screen, &[u8]) -> Option<T>,
    ) -> Result<T, String> {
        let deadline = Instant::now() + patience;
        let mut shown = self.shown.0.lock().unwrap();
        loop {
            let screen = shown.parser.screen();
            if let Some(found) = find(screen, &shown.printed) {
                return Ok(found);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || shown.closed {
                let why = if shown.closed { "the program has ended" } else { "in vain" };
                return Err(format!("{why}; on the screen:\n{}", screen.contents()));
            }
            shown = self.shown.1.wait_timeout(shown, left).unwrap().0;
        }
    }

    /// Whether the program prints anything within this time.
    pub(crate) fn prints_within(&self, time: Duration) -> bool {
        let before = self.count();
        self.look(time, |_, printed| (printed.len() > before).then_some(())).is_ok()
    }

    /// Waits for all of these on the screen at once: a frame may arrive in pieces.
    pub(crate) fn see_all(&self, texts: &[&str]) -> String {
        self.until(&format!("{texts:?}"), |screen| {
            let shown = screen.contents();
            texts.iter().all(|text| shown.contains(text))
        })
    }

    /// Waits for a text on the screen.
    pub(crate) fn see(&self, text: &str) -> String {
        self.until(&format!("`{text}`"), |screen| screen.contents().contains(text))
    }

    /// Whether these bytes were printed, on the screen or past it.
    pub(crate) fn printed(&self, bytes: &[u8]) -> bool {
        occurrences(&self.shown.0.lock().unwrap().printed, bytes) > 0
    }

    /// How many bytes were printed so far.
    pub(crate) fn count(&self) -> usize {
        self.shown.0.lock().unwrap().printed.len()
    }

    /// From now on the terminal reads nothing, or everything again.
    pub(crate) fn stop_reading(&self, stopped: bool) {
        self.shown.0.lock().unwrap().stopped = stopped;
        self.shown.1.notify_all();
    }

    /// Waits for the program's end and everything that it printed; its status and the screen.
    pub(crate) fn ended(&self) -> (u32, String) {
        let status = self.ended.recv_timeout(PATIENCE);
        let mut shown = self.shown.0.lock().unwrap();
        let Ok(status) = status else {
            panic!("it has not ended; on the screen:\n{}", shown.parser.screen().contents());
        };
        while !shown.closed {
            let (next, timeout) = self.shown.1.wait_timeout(shown, PATIENCE).unwrap();
            assert!(!timeout.timed_out(), "something still holds the terminal");
            shown = next;
        }
        (status.exit_code(), shown.parser.screen().contents())
    }

    /// Whether every mode that the program set is undone.
    pub(crate) fn assert_modes_are_undone(&self) {
        let shown = self.shown.0.lock().unwrap();
        let screen = shown.parser.screen();
        assert!(!screen.alternate_screen(), "the alternate screen is still up");
        assert!(!screen.bracketed_paste(), "bracketed paste is still on");
        assert!(!screen.hide_cursor(), "the cursor is still hidden");
        assert_eq!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::None);
        let last = |bytes: &[u8]| shown.printed.windows(bytes.len()).rposition(|at| at == bytes);
        assert!(last(b"\x1b[?1004l") >= last(b"\x1b[?1004h"), "reports of the focus are still on");
    }

    /// Takes the terminal away, as closing its window does.
    pub(crate) fn hang_up(&mut self) {
        self.shown.0.lock().unwrap().leaving = true;
        // The thread that drains holds the terminal too; the echo of a blank wakes it, or else a frame of
        // another size.
        self.write(" ");
        self.resize(101, 31);
        self.drain.take().unwrap().join().unwrap();
        *self.writer.lock().unwrap() = None;
        self.master = None;
    }

    /// Waits for the program's end after its terminal was taken away.
    pub(crate) fn ended_without_terminal(&self) {
        self.ended.recv_timeout(PATIENCE).expect("it goes on without its terminal");
    }
}

/// A test that fails leaves no program behind.
impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.killer.kill();
    }
}
