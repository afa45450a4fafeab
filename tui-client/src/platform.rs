//! The system: the local socket, the owner of a directory, private files, signals, job control.

mod tty;

use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, fchown};
use std::path::Path;
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::signal::unix::{Signal as SignalStream, SignalKind, signal};
use tokio::sync::oneshot;

pub(crate) use tty::{
    Echo, KeyInput, SignalKey, count_of_discards, discard_typed, drain_terminal, read_input,
    read_typed, write_all,
};

/// Limit of every wait after the terminal of the program was closed.
const HANG_UP_PATIENCE: Duration = Duration::from_millis(400);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// `kill`.
    Terminate,
    /// Ctrl-\ where the terminal makes a signal of it.
    Quit,
    /// The terminal was closed.
    HangUp,
}

impl Signal {
    /// The exit status of a program that this signal ended.
    pub(crate) fn status(self) -> u8 {
        128 + match self {
            Self::HangUp => 1,
            Self::Interrupt => 2,
            Self::Quit => 3,
            Self::Terminate => 15,
        }
    }
}

/// A request of the shell's job control, or a change of the terminal's size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Job {
    Resized,
    /// To stop, as Ctrl-Z does.
    Stop,
    /// The program continues after a stop.
    Continue,
}

pub(crate) async fn dial(path: &Path) -> io::Result<(OwnedReadHalf, OwnedWriteHalf)> {
    Ok(UnixStream::connect(path).await?.into_split())
}

/// Why the directory of a socket must not be trusted: another user could have put the socket there.
pub(crate) fn check_socket_directory(dir: &Path) -> io::Result<Option<String>> {
    let found = std::fs::metadata(dir)?;
    if found.mode() & 0o002 != 0 {
        return Ok(Some("any user may write there".to_owned()));
    }
    // Many systems give each user a private group of the same number.
    if found.mode() & 0o020 != 0 && found.gid() != found.uid() {
        return Ok(Some(format!("its group ({}) may write there", found.gid())));
    }
    let me = rustix::process::geteuid().as_raw();
    if found.uid() == me || found.uid() == 0 {
        return Ok(None);
    }
    // A packaged server has its own user; only root can have made its directory in a place that only root may write.
    let by_root = |parent: Metadata| parent.uid() == 0 && parent.mode() & 0o022 == 0;
    let parent = dir.canonicalize()?.parent().map(std::fs::metadata).transpose()?;
    Ok((!parent.is_some_and(by_root)).then(|| format!("it belongs to user {}", found.uid())))
}

/// Whether a running process holds this lock file.
pub(crate) fn is_locked(file: &Path) -> bool {
    let Ok(file) = File::open(file) else { return false };
    let free = rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockShared);
    free.is_err_and(|error| error == rustix::io::Errno::WOULDBLOCK)
}

/// Makes a directory, and those above it, for this user only.
pub(crate) fn create_private_dir(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

pub(crate) fn give_owner(file: &File, like: &Metadata) -> io::Result<()> {
    let ours = file.metadata()?;
    if (ours.uid(), ours.gid()) == (like.uid(), like.gid()) {
        return Ok(());
    }
    // Only root can; for other users the file stays their own.
    match fchown(file, Some(like.uid()), Some(like.gid())) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        result => result,
    }
}

/// Files made with these options are for this user only.
pub(crate) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options.mode(0o600)
}

/// The signals that ask this program to end. The end of its terminal is watched too, because the signal for it does not
/// always arrive: a shell may ignore it, or a parent may keep it.
pub(crate) struct Signals {
    interrupt: SignalStream,
    terminate: SignalStream,
    quit: SignalStream,
    hang_up: SignalStream,
    /// Sent once by the thread that watches the terminal.
    closed: Option<oneshot::Receiver<()>>,
    hung_up: bool,
}

impl Signals {
    /// From now on the signals no longer end the program by themselves. Watches the terminals of standard output and
    /// standard error, and with `stdin` that of standard input.
    pub(crate) fn listen(stdin: bool) -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            quit: signal(SignalKind::quit())?,
            hang_up: signal(SignalKind::hangup())?,
            closed: tty::watch_terminals(stdin)?,
            hung_up: false,
        })
    }

    /// The next signal. Dropping the future loses none.
    pub(crate) async fn next(&mut self) -> Signal {
        let signal = tokio::select! {
            _ = self.interrupt.recv() => Signal::Interrupt,
            _ = self.terminate.recv() => Signal::Terminate,
            _ = self.quit.recv() => Signal::Quit,
            _ = self.hang_up.recv() => Signal::HangUp,
            () = wait_until_closed(&mut self.closed) => Signal::HangUp,
        };
        if signal == Signal::HangUp {
            self.hung_up = true;
            // The watcher reports the same end.
            self.closed = None;
        }
        signal
    }

    /// The usual limit of a wait, or a short one after a hang-up.
    pub(crate) fn patience(&self, usual: Duration) -> Duration {
        if self.hung_up { usual.min(HANG_UP_PATIENCE) } else { usual }
    }
}

async fn wait_until_closed(watcher: &mut Option<oneshot::Receiver<()>>) {
    if let Some(closed) = watcher
        && closed.await.is_ok()
    {
        return;
    }
    *watcher = None;
    std::future::pending::<()>().await;
}

/// Requests of the shell's job control, and changes of the terminal's size.
pub(crate) struct Jobs {
    stop: SignalStream,
    resume: SignalStream,
    resized: SignalStream,
}

impl Jobs {
    /// From now on the program stops only by [`Jobs::stop`].
    pub(crate) fn listen() -> io::Result<Self> {
        use rustix::process::Signal;
        let listen = |kind: Signal| signal(SignalKind::from_raw(kind.as_raw()));
        Ok(Self {
            stop: listen(Signal::TSTP)?,
            resume: listen(Signal::CONT)?,
            resized: listen(Signal::WINCH)?,
        })
    }

    /// The next request. Dropping the future loses none.
    pub(crate) async fn next(&mut self) -> Job {
        tokio::select! {
            _ = self.stop.recv() => Job::Stop,
            _ = self.resume.recv() => Job::Continue,
            _ = self.resized.recv() => Job::Resized,
        }
    }

    /// Stops this program, or with `group` its process group (as `cargo run` starts one). Returns when it continues.
    pub(crate) fn stop(group: bool) -> io::Result<()> {
        use rustix::process::{Signal, getpid, kill_current_process_group, kill_process};
        if group {
            kill_current_process_group(Signal::STOP)?;
        } else {
            kill_process(getpid(), Signal::STOP)?;
        }
        Ok(())
    }
}
