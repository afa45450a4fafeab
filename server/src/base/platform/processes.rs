//! Processes, their groups, and the boot that they belong to.

use std::io::{self, Read as _};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::OnceLock;

use rustix::process::Pid;

use crate::base::box_boot;

pub(crate) fn is_subreaper() -> bool {
    #[cfg(target_os = "linux")]
    return nix::sys::prctl::get_child_subreaper().unwrap_or(false);
    #[cfg(not(target_os = "linux"))]
    false
}

/// Whether this process has a child.
pub(crate) fn has_children() -> bool {
    use rustix::process::{WaitId, WaitIdOptions, waitid};
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    !matches!(waitid(WaitId::All, options), Err(rustix::io::Errno::CHILD))
}

pub(crate) fn children() -> Vec<ProcessInfo> {
    let own = Some(rustix::process::getpid());
    let mut processes = processes();
    processes.retain(|process| process.parent == own);
    processes
}

/// Whether any process of a group still runs. Zombies do not count if the system lists processes: the first process of a
/// container may never reap them.
pub(crate) fn group_lives(group: Pid) -> bool {
    if rustix::process::test_kill_process_group(group).is_err() {
        return false;
    }
    let processes = processes();
    processes.is_empty()
        || processes.iter().any(|process| process.group == group && !process.has_ended)
}

#[derive(Debug, Clone)]
pub(crate) struct ProcessInfo {
    pub(crate) pid: Pid,
    pub(crate) parent: Option<Pid>,
    pub(crate) group: Pid,
    pub(crate) session: Option<Pid>,
    /// The start time in clock ticks since boot: with the pid it identifies a process.
    pub(crate) start: u64,
    /// A zombie.
    pub(crate) has_ended: bool,
}

/// All processes. Only Linux has such a directory.
pub(crate) fn processes() -> Vec<ProcessInfo> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let number = |entry: std::fs::DirEntry| entry.file_name().to_str()?.parse().ok();
    entries.flatten().filter_map(number).filter_map(process).collect()
}

pub(crate) fn number(pid: Pid) -> u32 {
    pid.as_raw_nonzero().get().unsigned_abs()
}

/// Reads a file of the system that is at most a kilobyte long, in one read: the standard library takes six.
fn read_small<'b>(path: &str, buffer: &'b mut [u8; 1024]) -> Option<&'b [u8]> {
    let length = std::fs::File::open(path).ok()?.read(buffer).ok()?;
    Some(&buffer[..length])
}

pub(crate) fn process(pid: u32) -> Option<ProcessInfo> {
    let mut buffer = [0; 1024];
    let stat = read_small(&format!("/proc/{pid}/stat"), &mut buffer)?;
    // A process that is being removed has -1 as its group.
    let number = |text: Option<&str>| Pid::from_raw(text?.parse().ok().filter(|pid| *pid > 0)?);
    // The name, in brackets, may hold any character; after it: state, parent, group, session, and the start as the 20th.
    let fields = stat.rsplit(|byte| *byte == b')').next()?;
    let mut fields = str::from_utf8(fields).ok()?.split_whitespace();
    let has_ended = matches!(fields.next(), Some("Z" | "X"));
    let (parent, group) = (number(fields.next()), number(fields.next())?);
    let session = number(fields.next());
    let start = fields.nth(15)?.parse().ok()?;
    let pid = Pid::from_raw(i32::try_from(pid).ok()?)?;
    Some(ProcessInfo { pid, parent, group, session, start, has_ended })
}

/// The newest pid; only Linux has such a file.
pub(crate) fn newest_process() -> Option<u32> {
    let mut buffer = [0; 1024];
    let text = str::from_utf8(read_small("/proc/loadavg", &mut buffer)?).ok()?;
    text.trim_end().rsplit(' ').next()?.parse().ok()
}

/// The environment that a process was started with; none for the processes of other users.
pub(crate) fn environment(pid: Pid) -> Option<Vec<u8>> {
    std::fs::read(format!("/proc/{}/environ", pid.as_raw_nonzero())).ok()
}

/// Which of these pipes a process can write into, if any; none for the processes of other users, and for a copy of this
/// process that is about to become another program.
pub(crate) fn writes_into(process: &ProcessInfo, pipes: &[u64]) -> Option<u64> {
    const WRITES: u32 = 0o200;
    let directory = format!("/proc/{}", process.pid.as_raw_nonzero());
    let pipe = |entry: std::fs::DirEntry| {
        let link = std::fs::read_link(entry.path()).ok()?;
        let number = link.to_str()?.strip_prefix("pipe:[")?.strip_suffix(']')?.parse().ok()?;
        // The link's own mode says what it is open for.
        let is_one =
            pipes.contains(&number) && entry.path().symlink_metadata().ok()?.mode() & WRITES != 0;
        is_one.then_some(number)
    };
    let pipe = std::fs::read_dir(format!("{directory}/fd")).ok()?.flatten().find_map(pipe)?;
    let program = |directory: &str| std::fs::read_link(format!("{directory}/exe")).ok();
    let is_copy = process.parent == Some(rustix::process::getpid())
        && program(&directory) == program("/proc/self");
    (!is_copy).then_some(pipe)
}

/// The inode of a pipe, which identifies it.
pub(crate) fn pipe_number(pipe: &impl AsFd) -> io::Result<u64> {
    Ok(rustix::fs::fstat(pipe)?.st_ino)
}

/// The time now in the unit of [`ProcessInfo::start`].
pub(crate) fn moment() -> u64 {
    super::uptime_ms() * rustix::param::clock_ticks_per_second() / 1_000
}

/// The id of this boot. Only Linux has such a file.
pub(crate) fn boot() -> Option<&'static str> {
    static BOOT: OnceLock<Option<String>> = OnceLock::new();
    BOOT.get_or_init(|| box_boot::boot_id(Path::new("/"))).as_deref()
}

/// The process group of this process; none if it is that of a process outside of this container, which reads as 0.
pub(crate) fn own_group() -> Option<Pid> {
    Pid::from_raw(nix::unistd::getpgrp().as_raw())
}
