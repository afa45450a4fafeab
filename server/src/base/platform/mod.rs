//! All code that differs between systems; no other module of the server has a `cfg` for a system.

mod network;
mod processes;

use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use crate::base::descriptors;

pub(crate) use network::*;
pub(crate) use processes::*;

/// Milliseconds since this boot, with the time that the box was suspended.
pub(crate) fn uptime_ms() -> u64 {
    #[cfg(target_os = "linux")]
    let clock = rustix::time::ClockId::Boottime;
    #[cfg(not(target_os = "linux"))]
    let clock = rustix::time::ClockId::Monotonic;
    let now = rustix::time::clock_gettime(clock);
    u64::try_from(now.tv_sec * 1_000 + now.tv_nsec / 1_000_000).unwrap_or_default()
}

/// How long after a boot a box without a real-time clock waits for its time service.
const TIME_SYNC_WAIT_MS: u64 = 10 * 60_000;

/// Whether the clock of the box was not set since the boot, and its time service may set it soon: the box has no real-time
/// clock, and systemd-timesyncd has not synchronized yet.
pub(crate) fn awaits_time_sync() -> bool {
    let is_there = |path: &str| Path::new(path).exists();
    let runs_service = is_there("/run/systemd/timesync");
    runs_service
        && uptime_ms() < TIME_SYNC_WAIT_MS
        && !is_there("/sys/class/rtc/rtc0")
        && !is_there("/run/systemd/timesync/synchronized")
}

/// Microseconds by the monotonic clock.
pub(crate) fn monotonic_us() -> i64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec * 1_000_000 + now.tv_nsec / 1_000
}

/// Options for a file that is made with mode 0600.
pub(crate) fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

pub(crate) fn file_id(file: &std::fs::Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}

/// The result of a file operation; none if there is no such file.
pub(crate) fn if_there<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        result => result.map(Some),
    }
}

/// Makes a directory, and those above it, with mode 0700; an existing one stays as it is.
pub(crate) fn private_directory(path: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

pub(crate) fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
}

pub(crate) fn give_owner_and_mode(
    file: &std::fs::File,
    like: &std::fs::Metadata,
) -> io::Result<()> {
    let ours = file.metadata()?;
    if (ours.uid(), ours.gid()) != (like.uid(), like.gid()) {
        // Only root can; for other users it stays their own.
        match std::os::unix::fs::fchown(file, Some(like.uid()), Some(like.gid())) {
            Err(error) if error.kind() != io::ErrorKind::PermissionDenied => return Err(error),
            _ => {}
        }
    }
    file.set_permissions(like.permissions())
}

/// Whether standard error is the journal's stream, as `JOURNAL_STREAM` says: then lines may begin with a priority.
pub(crate) fn stderr_is_journal() -> bool {
    let Ok(found) = rustix::fs::fstat(std::io::stderr()) else { return false };
    let named = std::env::var("JOURNAL_STREAM").unwrap_or_default();
    named == format!("{}:{}", found.st_dev, found.st_ino)
}

pub(crate) fn owner_and_mode(path: &Path) -> io::Result<(u32, u32)> {
    let metadata = std::fs::metadata(path)?;
    Ok((metadata.uid(), metadata.mode() & 0o7777))
}

pub(crate) fn own_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Whether files of this owner may be root's: in a user namespace without the root of its parent, the files of all unknown
/// users show one number. In a sandbox or a container of an ordinary user, the programs of the box are among them.
pub(crate) fn stands_for_root(uid: u32) -> bool {
    static UNKNOWN: OnceLock<Option<u32>> = OnceLock::new();
    let unknown = UNKNOWN.get_or_init(|| {
        let map = std::fs::read_to_string("/proc/self/uid_map").ok()?;
        let has_root = map.lines().any(|line| line.split_whitespace().nth(1) == Some("0"));
        let number = || std::fs::read_to_string("/proc/sys/kernel/overflowuid").ok();
        if has_root { None } else { number()?.trim().parse().ok() }
    });
    *unknown == Some(uid)
}

/// Whether the relative `path` leads below the directory `root` without links. Only Linux can check that in one step, from
/// 5.6 on and if a sandbox allows it; elsewhere the caller's own check has to do.
#[cfg_attr(not(target_os = "linux"), allow(unused_variables))]
pub(crate) fn is_beneath(root: &Path, path: &Path) -> bool {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{Mode, OFlags, ResolveFlags, open, openat2};
        use rustix::io::Errno;

        const TRIES: usize = 8;
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        let Ok(root) = open(root, flags | OFlags::DIRECTORY, Mode::empty()) else { return false };
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let resolve =
            ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        for _ in 0..TRIES {
            match openat2(&root, path, flags, Mode::empty(), resolve) {
                Ok(_) | Err(Errno::NOSYS | Errno::PERM | Errno::INVAL | Errno::TOOBIG) => {
                    return true;
                }
                // Something was renamed meanwhile.
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(_) => return false,
            }
        }
        false
    }
    #[cfg(not(target_os = "linux"))]
    true
}

/// The rules of binfmt_misc: further forms of programs that this system executes.
#[derive(Debug)]
pub(crate) struct ProgramForms(Vec<String>);

impl ProgramForms {
    pub(crate) fn read() -> Self {
        let entries = std::fs::read_dir("/proc/sys/fs/binfmt_misc").into_iter().flatten().flatten();
        Self(entries.filter_map(|entry| std::fs::read_to_string(entry.path()).ok()).collect())
    }

    /// Whether a rule is for files that begin with these bytes, or have such a name.
    pub(crate) fn include(&self, path: &Path, head: &[u8]) -> bool {
        self.0.iter().any(|rule| handles(rule, path, head))
    }
}

fn handles(rule: &str, path: &Path, head: &[u8]) -> bool {
    let field =
        |name: &str| rule.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    let bytes = |hex: &str| data_encoding::HEXLOWER.decode(hex.as_bytes()).ok();
    if rule.lines().next() != Some("enabled") {
        return false;
    }
    if let Some(extension) = field("extension") {
        return path.extension().is_some_and(|own| own == extension.trim_start_matches('.'));
    }
    let Some(magic) = field("magic").and_then(bytes) else { return false };
    let offset = field("offset").and_then(|offset| offset.parse().ok()).unwrap_or(0);
    let mask = field("mask").and_then(bytes).unwrap_or_else(|| vec![0xff; magic.len()]);
    let Some(own) = head.get(offset..).and_then(|rest| rest.get(..magic.len())) else {
        return false;
    };
    own.iter().zip(&magic).zip(&mask).all(|((own, magic), mask)| own & mask == magic & mask)
}

pub(crate) fn user_name(uid: u32) -> String {
    nix::unistd::User::from_uid(uid.into())
        .ok()
        .flatten()
        .map_or_else(|| uid.to_string(), |user| user.name)
}

/// A user of this machine.
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) home: String,
    pub(crate) shell: String,
}

/// The user with this name. May block for a directory service.
pub(crate) fn account(name: &str) -> Option<Account> {
    let user = nix::unistd::User::from_name(name).ok().flatten()?;
    Some(Account {
        name: user.name,
        uid: user.uid.as_raw(),
        gid: user.gid.as_raw(),
        home: user.dir.to_string_lossy().into_owned(),
        shell: user.shell.to_string_lossy().into_owned(),
    })
}

/// The groups of a user with this primary group. May block for a directory service.
pub(crate) fn groups_of(name: &str, gid: u32) -> Vec<u32> {
    #[cfg(target_os = "linux")]
    if let Ok(name) = std::ffi::CString::new(name)
        && let Ok(groups) = nix::unistd::getgrouplist(&name, gid.into())
    {
        return groups.into_iter().map(nix::unistd::Gid::as_raw).collect();
    }
    let _ = name;
    vec![gid]
}

/// Whether a user of this machine has this name. May block for a directory service.
pub(crate) fn is_user(name: &str) -> bool {
    nix::unistd::User::from_name(name).is_ok_and(|user| user.is_some())
}

pub(crate) fn hostname() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Resident memory of this process in bytes. Only Linux has such a file.
pub(crate) fn memory_bytes() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split(' ').nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

/// Processor time of this process in seconds, without its children. Only Linux has such a file.
pub(crate) fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // After the name, in brackets: user and system time are the 12th and 13th field.
    let mut fields = stat.rsplit(')').next()?.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u32>().ok();
    let ticks = f64::from(ticks()?) + f64::from(ticks()?);
    Some(ticks / f64::from(u32::try_from(rustix::param::clock_ticks_per_second()).ok()?))
}

/// How many descriptors this process has open. Only Linux has such a directory.
pub(crate) fn open_descriptors() -> Option<usize> {
    let directory = Path::new("/proc/self/fd");
    match directory.metadata().ok()?.len() {
        // Before Linux 6.2 the directory had no size. One of the names is that of the directory while it is read.
        0 => Some(directory.read_dir().ok()?.count().saturating_sub(1)),
        open => usize::try_from(open).ok(),
    }
}

/// Closes inherited descriptors beside the standard streams, which child processes would inherit too. For the beginning of
/// `main`, before this program has opened any.
pub(crate) fn close_inherited() {
    let Ok(open) = std::fs::read_dir("/dev/fd") else { return };
    let numbers: Vec<i32> = open
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|number| *number > 2)
        .collect();
    for number in numbers {
        // One of them was the directory itself, closed by now.
        let _ = nix::unistd::close(number);
    }
}

/// Prepares this process to hold a server: umask 027, the highest limit of descriptors, and default signals for children.
/// These are properties of the whole process, so a program that embeds a server calls this once, at its start.
pub fn prepare_process() {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o027));
    descriptors::raise();
    reset_signals();
}

/// Lets child processes start with an empty signal mask and with the default action of each signal,
/// independent of how this process was started.
///
/// A child inherits the signals that its parent ignores, but not those that its parent handles: for each ignored
/// signal this installs a handler that does nothing, so this process still ignores it. With a terminal, SIGTTIN and
/// SIGTTOU stay ignored: with a handler, a write to the terminal from the background would be retried forever, and the
/// children have another session anyway. The standard library resets SIGPIPE in children itself. Only Linux lists the
/// ignored signals in a file.
fn reset_signals() {
    // The mask of this thread, and of the threads that it starts.
    if let Err(error) = nix::sys::signal::SigSet::empty().thread_set_mask() {
        tracing::warn!(target: "topside", %error, "the signal mask cannot be cleared");
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    let terminal_signals = [signal_hook::consts::SIGTTIN, signal_hook::consts::SIGTTOU];
    let has_terminal = has_terminal();
    for signal in (1..=64).filter(|signal| ignored & (1 << (signal - 1)) != 0) {
        let is_left = signal == signal_hook::consts::SIGPIPE
            || signal_hook::consts::FORBIDDEN.contains(&signal)
            || (has_terminal && terminal_signals.contains(&signal));
        if !is_left {
            // The C library reserves two real-time signals and refuses to change them.
            let _ = signal_hook::flag::register(signal, Arc::default());
        }
    }
}

/// Whether this process has a controlling terminal that has not hung up.
pub(crate) fn has_terminal() -> bool {
    match std::fs::File::open("/dev/tty") {
        Ok(_) => true,
        // These errors say that there is none; EIO comes while a terminal hangs up. Any other, such as too few
        // descriptors or no `/dev/tty` in a container, says nothing about it.
        Err(error) => ![rustix::io::Errno::NXIO, rustix::io::Errno::IO]
            .iter()
            .any(|none| error.raw_os_error() == Some(none.raw_os_error())),
    }
}

/// The file of this program, to be executed again. If an upgrade has replaced it, the system adds "(deleted)" to its path.
///
/// # Errors
/// The path that was tried last, if no file can be executed.
pub(crate) fn own_program() -> Result<PathBuf, PathBuf> {
    let is_program = |path: &PathBuf| {
        std::fs::metadata(path).is_ok_and(|found| found.is_file() && found.mode() & 0o111 != 0)
    };
    let running = std::env::current_exe().ok();
    let replaced = running.as_ref().and_then(|path| {
        let name = path.as_os_str().as_bytes().strip_suffix(b" (deleted)")?;
        Some(PathBuf::from(OsStr::from_bytes(name)))
    });
    let called = std::env::args_os().next().map(PathBuf::from);
    let called = called.filter(|path| path.as_os_str().as_bytes().contains(&b'/'));
    let names: Vec<PathBuf> = [running, replaced, called].into_iter().flatten().collect();
    match names.iter().find(|path| is_program(path)) {
        Some(path) => Ok(path.clone()),
        None => Err(names.get(1).or(names.first()).cloned().unwrap_or_default()),
    }
}

/// Executes `program` in place of this one, with the arguments, environment, directory and limits that this one was
/// given; returns only if that fails.
pub(crate) fn execute(program: &Path) -> io::Error {
    use std::os::unix::process::CommandExt;
    descriptors::restore_given();
    let mut args = std::env::args_os();
    let name = args.next().unwrap_or_else(|| program.into());
    std::process::Command::new(program).arg0(name).args(args).exec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handler_takes_files_by_their_first_bytes_or_by_their_extension() {
        let rule = "enabled\ninterpreter /usr/bin/qemu\nflags: F\noffset 1\nmagic 454c46ff\nmask ffffff00\n";
        let takes = |rule: &str, head: &[u8]| handles(rule, Path::new("/x/a.jar"), head);
        assert!(
            takes(rule, b"\x7fELF\x01..")
                && !takes(rule, b"\x7fELX\x01")
                && !takes(rule, b"\x7fEL")
        );
        assert!(!takes(&rule.replace("enabled", "disabled"), b"\x7fELF\x01"));
        assert!(takes("enabled\ninterpreter /usr/bin/java\nflags: \nextension .jar\n", b"PK"));
        assert!(!takes("enabled\n", b"PK"));
    }
}
