//! Differences between systems: the local socket, the owner of a directory, private files, signals. Nothing else in
//! this crate has a `cfg` for a system.

use std::time::Duration;

pub(crate) use imp::{
    Echo, Jobs, Signals, check_socket_directory, create_private_dir, dial, give_owner, is_locked,
    private, read_events,
};

/// Both halves of a connection to the local socket.
pub(crate) type Halves =
    (Box<dyn tokio::io::AsyncRead + Send + Unpin>, Box<dyn tokio::io::AsyncWrite + Send + Unpin>);

/// How long a program whose terminal has gone waits for anything.
const HANG_UP_PATIENCE: Duration = Duration::from_millis(400);

/// A request from outside to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// `kill`.
    Terminate,
    /// Ctrl-\ where the terminal makes a signal of it.
    Quit,
    /// The terminal went away.
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

/// What the shell's job control asks of a program, and what its terminal tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Job {
    /// The terminal has another size.
    Resized,
    /// To stop, as Ctrl-Z does.
    Stop,
    /// It goes on after a stop.
    Continue,
}

#[cfg(unix)]
mod unix_terminal;

#[cfg(unix)]
mod imp {
    use std::fs::{DirBuilder, Metadata, OpenOptions};
    use std::io;
    use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
    use std::path::Path;
    use std::time::Duration;

    use tokio::net::UnixStream;
    use tokio::signal::unix::{SignalKind, signal};
    use tokio::sync::oneshot;

    use super::unix_terminal::watch_terminals;
    pub(crate) use super::unix_terminal::{Echo, read_events};
    use super::{HANG_UP_PATIENCE, Halves, Job, Signal};

    /// Connects to the local socket at `path`.
    pub(crate) async fn dial(path: &Path) -> io::Result<Halves> {
        let (read, write) = UnixStream::connect(path).await?.into_split();
        Ok((Box::new(read), Box::new(write)))
    }

    /// Says why the directory of a socket must not be trusted: others could have put the socket there.
    pub(crate) fn check_socket_directory(dir: &Path) -> io::Result<Option<String>> {
        let found = std::fs::metadata(dir)?;
        if found.mode() & 0o002 != 0 {
            return Ok(Some("anybody may write there".to_owned()));
        }
        // Many systems give each user a private group of the same number.
        if found.mode() & 0o020 != 0 && found.gid() != found.uid() {
            return Ok(Some(format!("its group ({}) may write there", found.gid())));
        }
        let me = rustix::process::geteuid().as_raw();
        if found.uid() == me || found.uid() == 0 {
            return Ok(None);
        }
        // A packaged server has its own user; only root can have made its directory in a place
        // that only root may write.
        let by_root = |parent: Metadata| parent.uid() == 0 && parent.mode() & 0o022 == 0;
        let parent = dir.canonicalize()?.parent().map(std::fs::metadata).transpose()?;
        Ok((!parent.is_some_and(by_root)).then(|| format!("it belongs to user {}", found.uid())))
    }

    /// Whether a running process holds this lock file.
    pub(crate) fn is_locked(file: &Path) -> bool {
        let Ok(file) = std::fs::File::open(file) else { return false };
        let free = rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockShared);
        free.is_err_and(|error| error == rustix::io::Errno::WOULDBLOCK)
    }

    /// Makes a directory, and those above it, for this user only.
    pub(crate) fn create_private_dir(dir: &Path) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)
    }

    /// Gives a file the owner and the group of another one.
    pub(crate) fn give_owner(file: &std::fs::File, like: &Metadata) -> io::Result<()> {
        let ours = file.metadata()?;
        if (ours.uid(), ours.gid()) == (like.uid(), like.gid()) {
            return Ok(());
        }
        // Only root can; for others the file is their own, as before.
        match std::os::unix::fs::fchown(file, Some(like.uid()), Some(like.gid())) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
            given => given,
        }
    }

    /// Files made with these options are for this user only.
    pub(crate) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
        options.mode(0o600)
    }

    /// The signals that ask this program to end, and the end of its terminal, of which not every
    /// program is told by a signal: a shell that ignores it, or a parent that swallows it.
    pub(crate) struct Signals {
        interrupt: tokio::signal::unix::Signal,
        terminate: tokio::signal::unix::Signal,
        quit: tokio::signal::unix::Signal,
        hang_up: tokio::signal::unix::Signal,
        /// Told once by the thread that watches the terminal.
        gone: Option<oneshot::Receiver<()>>,
        hung_up: bool,
    }

    impl Signals {
        /// From now on the signals no longer end the program by themselves. The terminals of standard
        /// output and standard error are watched, and that of standard input where it is `read`.
        pub(crate) fn listen(read: bool) -> io::Result<Self> {
            Ok(Self {
                interrupt: signal(SignalKind::interrupt())?,
                terminate: signal(SignalKind::terminate())?,
                quit: signal(SignalKind::quit())?,
                hang_up: signal(SignalKind::hangup())?,
                gone: watch_terminals(read)?,
                hung_up: false,
            })
        }

        /// The next one. Dropping the future loses none.
        pub(crate) async fn next(&mut self) -> Signal {
            let signal = tokio::select! {
                _ = self.interrupt.recv() => Signal::Interrupt,
                _ = self.terminate.recv() => Signal::Terminate,
                _ = self.quit.recv() => Signal::Quit,
                _ = self.hang_up.recv() => Signal::HangUp,
                () = gone(&mut self.gone) => Signal::HangUp,
            };
            if signal == Signal::HangUp {
                self.hung_up = true;
                // The same end, told in another way.
                self.gone = None;
            }
            signal
        }

        /// How long to wait for what usually is waited for so long: hardly, after a hang-up.
        pub(crate) fn patience(&self, usual: Duration) -> Duration {
            if self.hung_up { usual.min(HANG_UP_PATIENCE) } else { usual }
        }
    }

    async fn gone(watch: &mut Option<oneshot::Receiver<()>>) {
        if let Some(told) = watch
            && told.await.is_ok()
        {
            return;
        }
        *watch = None;
        std::future::pending::<()>().await;
    }

    /// What the shell asks, to stop or to go on, and what the terminal tells.
    pub(crate) struct Jobs {
        stop: tokio::signal::unix::Signal,
        resume: tokio::signal::unix::Signal,
        resized: tokio::signal::unix::Signal,
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

        /// The next wish. Dropping the future loses none.
        pub(crate) async fn next(&mut self) -> Job {
            tokio::select! {
                _ = self.stop.recv() => Job::Stop,
                _ = self.resume.recv() => Job::Continue,
                _ = self.resized.recv() => Job::Resized,
            }
        }

        /// Stops this program, and with `group` whatever was started together with it (as `cargo
        /// run` is); returns once it goes on.
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
}

#[cfg(not(unix))]
mod imp {
    use std::fs::OpenOptions;
    use std::io;
    use std::path::Path;
    use std::time::Duration;

    use crossterm::event::{Event, read};

    use super::{Halves, Job, Signal};

    /// There is no local socket on this system.
    pub(crate) async fn dial(_path: &Path) -> io::Result<Halves> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// There is no local socket on this system.
    pub(crate) fn check_socket_directory(_dir: &Path) -> io::Result<Option<String>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Files have the owner of their directory.
    pub(crate) fn give_owner(_file: &std::fs::File, _like: &std::fs::Metadata) -> io::Result<()> {
        Ok(())
    }

    /// No server of this system serves a local socket.
    pub(crate) fn is_locked(_file: &Path) -> bool {
        false
    }

    /// Makes a directory, and those above it; it inherits who may read it.
    pub(crate) fn create_private_dir(dir: &Path) -> io::Result<()> {
        std::fs::create_dir_all(dir)
    }

    /// Files inherit who may read them from their directory, which is the user's own.
    pub(crate) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
        options
    }

    /// The terminal of this system shows what is typed.
    #[derive(Default)]
    pub(crate) struct Echo;

    impl Echo {
        /// Does nothing here.
        pub(crate) fn off(&mut self) {}

        /// Does nothing here.
        pub(crate) fn on(&mut self) -> bool {
            false
        }
    }

    /// Reads the terminal and tells its events, until the terminal is gone or `tell` wants no more.
    pub(crate) fn read_events(mut tell: impl FnMut(Event) -> bool) {
        while read().is_ok_and(&mut tell) {}
    }

    /// Ctrl-C, the one signal there is.
    pub(crate) struct Signals;

    impl Signals {
        /// From now on Ctrl-C no longer ends the program by itself.
        pub(crate) fn listen(_read: bool) -> io::Result<Self> {
            Ok(Self)
        }

        /// How long to wait for what usually is waited for so long.
        pub(crate) fn patience(&self, usual: Duration) -> Duration {
            usual
        }

        /// The next one.
        pub(crate) async fn next(&mut self) -> Signal {
            match tokio::signal::ctrl_c().await {
                Ok(()) => Signal::Interrupt,
                Err(_) => std::future::pending().await,
            }
        }
    }

    /// There is no job control on this system.
    pub(crate) struct Jobs;

    impl Jobs {
        /// Nothing will come.
        pub(crate) fn listen() -> io::Result<Self> {
            Ok(Self)
        }

        /// Never.
        pub(crate) async fn next(&mut self) -> Job {
            std::future::pending().await
        }

        /// There is no job control on this system.
        pub(crate) fn stop(_group: bool) -> io::Result<()> {
            Err(io::ErrorKind::Unsupported.into())
        }
    }
}
