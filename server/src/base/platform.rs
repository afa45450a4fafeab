//! All code that differs between systems; no other module of the server has a `cfg` for a system.

use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::sockopt;
use rustix::process::Pid;

use crate::base::descriptors;
use crate::base::peer::Subnet;

/// Longest path of a Unix socket, in bytes: `sun_path` less its final NUL.
pub(crate) const MAX_SOCKET_PATH: usize = if cfg!(target_os = "macos") { 103 } else { 107 };

/// Whether a connection is closed in both directions (POLLHUP).
pub(crate) fn hung_up(stream: &impl AsFd) -> bool {
    let mut fds = [PollFd::new(stream, PollFlags::empty())];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut fds, Some(&now)).is_ok() && fds[0].revents().contains(PollFlags::HUP)
}

/// Whether the peer of a connection has closed its sending direction.
pub(crate) fn is_half_closed(stream: &impl AsFd) -> bool {
    #[cfg(target_os = "linux")]
    {
        let mut fds = [PollFd::new(stream, PollFlags::RDHUP)];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut fds, Some(&now)).is_ok() && fds[0].revents().contains(PollFlags::RDHUP)
    }
    #[cfg(not(target_os = "linux"))]
    {
        use rustix::net::{RecvFlags, recv};
        recv(stream, &mut [0_u8; 1], RecvFlags::PEEK | RecvFlags::DONTWAIT)
            .is_ok_and(|(count, _)| count == 0)
    }
}

/// A socket whose datagrams go to the one of this name: a path, or `@` and the rest of an abstract one, which only
/// Linux has.
pub(crate) fn datagrams_to(name: &OsStr) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    match name.as_bytes().strip_prefix(b"@") {
        #[cfg(target_os = "linux")]
        Some(name) => {
            use std::os::linux::net::SocketAddrExt;
            let address = std::os::unix::net::SocketAddr::from_abstract_name(name)?;
            socket.connect_addr(&address)?;
        }
        _ => socket.connect(name)?,
    }
    Ok(socket)
}

/// Whether the peer of a TCP connection that this process has shut down for writing has acknowledged all of it: the
/// system then waits for the peer's own end (FIN_WAIT2), or has forgotten the connection. Only Linux tells it in files.
pub(crate) fn is_acknowledged(own: SocketAddr, peer: SocketAddr) -> bool {
    let file = if own.is_ipv4() { "/proc/net/tcp" } else { "/proc/net/tcp6" };
    std::fs::read_to_string(file).is_ok_and(|table| is_acknowledged_in(&table, own, peer))
}

fn is_acknowledged_in(table: &str, own: SocketAddr, peer: SocketAddr) -> bool {
    const ESTABLISHED: &str = "01";
    // The file has addresses as words of the machine, in hexadecimal digits.
    let hex = |address: SocketAddr| {
        let octets = match address.ip() {
            IpAddr::V4(ip) => ip.octets().to_vec(),
            IpAddr::V6(ip) => ip.octets().to_vec(),
        };
        let words = octets.chunks_exact(4).map(|word| {
            format!("{:08X}", u32::from_ne_bytes([word[0], word[1], word[2], word[3]]))
        });
        format!("{}:{:04X}", words.collect::<String>(), address.port())
    };
    let (own, peer) = (hex(own), hex(peer));
    let mut rows = table.lines().map(|line| line.split_whitespace().skip(1));
    let row = rows.find_map(|mut fields| {
        (fields.next()? == own && fields.next()? == peer)
            .then_some((fields.next()?, fields.next()?))
    });
    row.is_none_or(|(state, queues)| state != ESTABLISHED && queues.starts_with("00000000:"))
}

/// Milliseconds since this boot of the box, in which it may have slept; no change of the wall clock moves them.
pub(crate) fn uptime_ms() -> u64 {
    #[cfg(target_os = "linux")]
    let clock = rustix::time::ClockId::Boottime;
    #[cfg(not(target_os = "linux"))]
    let clock = rustix::time::ClockId::Monotonic;
    let now = rustix::time::clock_gettime(clock);
    u64::try_from(now.tv_sec * 1_000 + now.tv_nsec / 1_000_000).unwrap_or_default()
}

/// Microseconds by the clock that is never set.
pub(crate) fn monotonic_us() -> i64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec * 1_000_000 + now.tv_nsec / 1_000
}

/// Bytes that the system keeps for a client that reads slowly: left to itself it takes 4 MB.
const SEND_BUFFER: usize = 256 * 1024;
/// The pause between keepalive probes, and how many of them stay unanswered before the connection is given up. On Linux
/// the user timeout, if it is shorter, ends it at the first probe after that.
pub(crate) const KEEPALIVE_APART: Duration = Duration::from_secs(5);
const KEEPALIVE_TIMES: u32 = 3;
/// The longest silence that Linux lets a connection be asked after.
const LONGEST_KEEPALIVE: Duration = Duration::from_secs(32_767);

/// Makes a TCP connection send small answers at once, notice that the other side is gone, and keep little
/// for one that does not read.
pub(crate) fn tune(
    stream: &tokio::net::TcpStream,
    keepalive: Option<Duration>,
    user_timeout: Option<Duration>,
) -> io::Result<()> {
    sockopt::set_tcp_nodelay(stream, true)?;
    sockopt::set_socket_send_buffer_size(stream, SEND_BUFFER)?;
    #[cfg(target_os = "linux")]
    if let Some(timeout) = user_timeout {
        let ms = u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX);
        sockopt::set_tcp_user_timeout(stream, ms)?;
    }
    #[cfg(not(target_os = "linux"))]
    let _ = user_timeout;
    if let Some(idle) = keepalive {
        // What the system takes; it counts in whole seconds.
        let idle = idle.clamp(Duration::from_secs(1), LONGEST_KEEPALIVE);
        sockopt::set_socket_keepalive(stream, true)?;
        sockopt::set_tcp_keepidle(stream, idle)?;
        sockopt::set_tcp_keepintvl(stream, KEEPALIVE_APART.min(idle))?;
        sockopt::set_tcp_keepcnt(stream, KEEPALIVE_TIMES)?;
    }
    Ok(())
}

/// Whether an error says that the system does without a whole family of addresses.
pub(crate) fn is_no_such_family(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error())
}

/// The networks that the box has an address in.
pub(crate) fn own_networks() -> Vec<Subnet> {
    let Ok(interfaces) = nix::ifaddrs::getifaddrs() else { return Vec::new() };
    let ip = |address: Option<nix::sys::socket::SockaddrStorage>| {
        let address = address?;
        let v4 = address.as_sockaddr_in().map(|v4| IpAddr::from(v4.ip()));
        v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::from(v6.ip())))
    };
    interfaces
        .filter_map(|interface| {
            let address = ip(interface.address)?;
            let prefix = match ip(interface.netmask)? {
                IpAddr::V4(mask) => u32::from(mask).count_ones(),
                IpAddr::V6(mask) => u128::from(mask).count_ones(),
            };
            Some(Subnet { address, prefix })
        })
        .collect()
}

/// Options for a file that only its owner may read.
pub(crate) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options.mode(0o600)
}

/// Makes a directory, and those above it, that only its owner may enter; an existing one stays as it is.
pub(crate) fn private_directory(path: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Sets who may do what with a file or directory.
pub(crate) fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
}

/// Gives a file the owner, the group and the mode of another one.
pub(crate) fn give_owner_and_mode(
    file: &std::fs::File,
    like: &std::fs::Metadata,
) -> io::Result<()> {
    let ours = file.metadata()?;
    if (ours.uid(), ours.gid()) != (like.uid(), like.gid()) {
        // Only root can; for others the file is their own, as before.
        match std::os::unix::fs::fchown(file, Some(like.uid()), Some(like.gid())) {
            Err(error) if error.kind() != io::ErrorKind::PermissionDenied => return Err(error),
            _ => {}
        }
    }
    file.set_permissions(like.permissions())
}

/// Whether standard error is the journal's stream, as `JOURNAL_STREAM` names it: then lines may begin with a priority.
pub(crate) fn stderr_is_journal() -> bool {
    let Ok(found) = rustix::fs::fstat(std::io::stderr()) else { return false };
    let named = std::env::var("JOURNAL_STREAM").unwrap_or_default();
    named == format!("{}:{}", found.st_dev, found.st_ino)
}

/// Who owns a file, and its mode.
pub(crate) fn owner_and_mode(path: &Path) -> io::Result<(u32, u32)> {
    let metadata = std::fs::metadata(path)?;
    Ok((metadata.uid(), metadata.mode() & 0o7777))
}

/// The user this process acts for.
pub(crate) fn own_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Whether files of this owner may be root's: in a namespace of users that has no root of its parent's, those of all users
/// that it does not know belong to one number. The programs of the box are among them, in a sandbox or a container of an
/// ordinary user; who set that up chose what is in it.
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

/// Whether `path`, which is relative, leads to something below the directory `root` by a way without links. Only Linux can tell
/// in one step, from 5.6 on and where a sandbox lets it; elsewhere the caller's own look has to do.
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
        let way = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        for _ in 0..TRIES {
            match openat2(&root, path, flags, Mode::empty(), way) {
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

/// Whether the system hands files that begin so, or have such a name, to a program that executes them (binfmt_misc).
pub(crate) fn has_handler(path: &Path, head: &[u8]) -> bool {
    let Ok(entries) = std::fs::read_dir("/proc/sys/fs/binfmt_misc") else { return false };
    let rules = entries.flatten().filter_map(|entry| std::fs::read_to_string(entry.path()).ok());
    rules.into_iter().any(|rule| handles(&rule, path, head))
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

/// A user's name; its number where it has none.
pub(crate) fn user_name(uid: u32) -> String {
    nix::unistd::User::from_uid(uid.into())
        .ok()
        .flatten()
        .map_or_else(|| uid.to_string(), |user| user.name)
}

/// Whether a user of this machine has this name. Blocks for the system's directory of users.
pub(crate) fn is_user(name: &str) -> bool {
    nix::unistd::User::from_name(name).is_ok_and(|user| user.is_some())
}

/// The box's name.
pub(crate) fn hostname() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Resident memory of this process in bytes; only Linux tells it in a file.
pub(crate) fn memory_bytes() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split(' ').nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

/// Processor time of this process in seconds, without that of its children; only Linux tells it in a file.
pub(crate) fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // After the name, in brackets: what it spent itself, and in the system, are the 12th and 13th.
    let mut fields = stat.rsplit(')').next()?.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u32>().ok();
    let ticks = f64::from(ticks()?) + f64::from(ticks()?);
    Some(ticks / f64::from(u32::try_from(rustix::param::clock_ticks_per_second()).ok()?))
}

/// How many descriptors this process has open; only Linux tells it in a directory.
pub(crate) fn open_descriptors() -> Option<usize> {
    open_descriptors_up_to(usize::MAX)
}

/// The same, but no more than this are counted.
pub(crate) fn open_descriptors_up_to(most: usize) -> Option<usize> {
    let names = std::fs::read_dir("/proc/self/fd").ok()?;
    // One of them is the directory's own.
    Some(names.take(most.saturating_add(1)).count().saturating_sub(1))
}

/// Load of the box over 1, 5 and 15 minutes; only Linux tells it in a file.
pub(crate) fn load() -> Option<[f64; 3]> {
    let text = std::fs::read_to_string("/proc/loadavg").ok()?;
    let mut parts = text.split(' ').map(str::parse);
    Some([parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?])
}

/// The router that IPv4 packets to anywhere go through; only Linux tells it in a file.
pub(crate) fn default_gateway() -> Option<Ipv4Addr> {
    default_gateway_in(&std::fs::read_to_string("/proc/net/route").ok()?)
}

/// Of the routes to anywhere that are up and lead through a router, the one with the smallest metric.
fn default_gateway_in(table: &str) -> Option<Ipv4Addr> {
    const UP_THROUGH_A_ROUTER: u32 = 0x3;
    let routes = table.lines().skip(1).filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [_, destination, gateway, flags, _, _, metric, mask, ..] = fields[..] else {
            return None;
        };
        let flags = u32::from_str_radix(flags, 16).ok()?;
        let anywhere = destination == "00000000" && mask == "00000000";
        (anywhere && flags & UP_THROUGH_A_ROUTER == UP_THROUGH_A_ROUTER)
            .then_some((metric.parse::<u32>().ok()?, u32::from_str_radix(gateway, 16).ok()?))
    });
    // The file has the number as the machine has it, whose bytes are in the order of the network.
    routes.min().map(|(_, gateway)| Ipv4Addr::from(gateway.to_ne_bytes()))
}

/// Closes what this program was started with beside the standard streams: programs it runs would
/// inherit it. For the beginning of `main`, before anything here is open.
pub(crate) fn close_inherited() {
    let Ok(open) = std::fs::read_dir("/dev/fd") else { return };
    let numbers: Vec<i32> = open
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|number| *number > 2)
        .collect();
    for number in numbers {
        // One of them was the directory's own, closed by now.
        let _ = nix::unistd::close(number);
    }
}

/// Makes this process fit to hold a server: files and programs are kept from others (umask 027), as many
/// connections as the system allows can be open, and programs start with clean signals. All of these are properties
/// of a whole process, so a program that embeds a server calls this once, at its start.
pub fn prepare_process() {
    restrict_umask();
    descriptors::raise();
    reset_signals();
}

/// Lets child processes start with an empty signal mask and with the default action of each signal, whatever this
/// process was started with.
///
/// A child inherits the signals that its parent ignores, but not those that its parent handles: for each ignored
/// signal this installs a handler that does nothing, so this process still ignores it. Where there is a terminal,
/// SIGTTIN and SIGTTOU stay ignored: with a handler, a write to the terminal from the background would be tried for
/// ever. The children have another session there, and do not get them. SIGPIPE is ignored by the standard library, which
/// resets it in children itself. Only Linux lists the ignored signals in a file.
fn reset_signals() {
    // The mask of this thread, and of those that it starts.
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
            // The C library keeps two real-time signals for itself and refuses to change them.
            let _ = signal_hook::flag::register(signal, Arc::default());
        }
    }
}

/// Whether orphans below this process become its children.
pub(crate) fn is_subreaper() -> bool {
    #[cfg(target_os = "linux")]
    return nix::sys::prctl::get_child_subreaper().unwrap_or(false);
    #[cfg(not(target_os = "linux"))]
    false
}

/// The children of this process, with those that have ended and were not waited for.
pub(crate) fn children() -> Vec<Listed> {
    let own = Some(rustix::process::getpid());
    let mut processes = processes();
    processes.retain(|process| process.parent == own);
    processes
}

/// Lets nobody but the owner, and the group to read, use what this process and its children create.
fn restrict_umask() {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o027));
}

/// Whether any process of a group still runs. One that has ended and waits for its parent to notice
/// does not count where the system tells: the first process of a container may never notice.
pub(crate) fn group_lives(group: Pid) -> bool {
    if rustix::process::test_kill_process_group(group).is_err() {
        return false;
    }
    let processes = processes();
    processes.is_empty()
        || processes.iter().any(|process| process.group == group && !process.has_ended)
}

/// A process of the box.
#[derive(Debug, Clone)]
pub(crate) struct Listed {
    pub(crate) pid: Pid,
    pub(crate) parent: Option<Pid>,
    pub(crate) group: Pid,
    pub(crate) session: Option<Pid>,
    /// When it was started, in moments of this boot; with its number it tells the process from every other.
    pub(crate) start: u64,
    /// It has ended, and waits for its parent to notice.
    pub(crate) has_ended: bool,
}

/// All processes; only Linux tells them in files.
pub(crate) fn processes() -> Vec<Listed> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let number = |entry: std::fs::DirEntry| entry.file_name().to_str()?.parse().ok();
    entries.flatten().filter_map(number).filter_map(process).collect()
}

/// The process of this number, if there is one.
pub(crate) fn process(pid: u32) -> Option<Listed> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // One that is going away has -1 for its group.
    let number = |text: Option<&str>| Pid::from_raw(text?.parse().ok().filter(|pid| *pid > 0)?);
    // The name, in brackets, may hold anything; after it: state, parent, group, session, and as the 20th the
    // start.
    let mut fields = stat.rsplit(')').next()?.split_whitespace();
    let has_ended = matches!(fields.next(), Some("Z" | "X"));
    let (parent, group) = (number(fields.next()), number(fields.next())?);
    let session = number(fields.next());
    let start = fields.nth(15)?.parse().ok()?;
    let pid = Pid::from_raw(i32::try_from(pid).ok()?)?;
    Some(Listed { pid, parent, group, session, start, has_ended })
}

/// The number that was given out last; whatever was started after a process has one that follows its own.
/// Only Linux tells it in a file.
pub(crate) fn newest_process() -> Option<u32> {
    std::fs::read_to_string("/proc/loadavg").ok()?.trim_end().rsplit(' ').next()?.parse().ok()
}

/// The variables that a process was started with; none for the processes of other users.
pub(crate) fn environment(pid: Pid) -> Option<Vec<u8>> {
    std::fs::read(format!("/proc/{}/environ", pid.as_raw_nonzero())).ok()
}

/// Which of the pipes of these numbers a process can write into, if any; none for the processes of other users,
/// and for a copy of this process that is about to become another program.
pub(crate) fn writes_into(process: &Listed, pipes: &[u64]) -> Option<u64> {
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

/// What the system knows a pipe by.
pub(crate) fn pipe_number(pipe: &impl AsFd) -> io::Result<u64> {
    Ok(rustix::fs::fstat(pipe)?.st_ino)
}

/// This moment, as [`Listed::start`] counts them. Only Linux tells it in a file.
pub(crate) fn moment() -> Option<u64> {
    let uptime = std::fs::read_to_string("/proc/uptime").ok()?;
    let (seconds, hundredths) = uptime.split(' ').next()?.split_once('.')?;
    let hundredths = seconds.parse::<u64>().ok()? * 100 + hundredths.parse::<u64>().ok()?;
    Some(hundredths * rustix::param::clock_ticks_per_second() / 100)
}

/// Which boot of the box this is; only Linux tells it in a file.
pub(crate) fn boot() -> Option<&'static str> {
    static BOOT: OnceLock<Option<String>> = OnceLock::new();
    let boot = BOOT.get_or_init(|| {
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        Some(boot.trim().to_owned())
    });
    boot.as_deref()
}

/// The group that this process belongs to; none: that of a process outside of this container, which the system
/// counts as 0.
pub(crate) fn own_group() -> Option<Pid> {
    Pid::from_raw(nix::unistd::getpgrp().as_raw())
}

/// Whether this process has a controlling terminal that has not hung up.
pub(crate) fn has_terminal() -> bool {
    match std::fs::File::open("/dev/tty") {
        Ok(_) => true,
        // The one error that says that there is none. Any other, such as too few descriptors or no `/dev/tty` in a
        // container, says nothing about it, but for a terminal that is hanging up.
        Err(error) => ![rustix::io::Errno::NXIO, rustix::io::Errno::IO]
            .iter()
            .any(|none| error.raw_os_error() == Some(none.raw_os_error())),
    }
}

/// The file of this program, to be executed anew. An upgrade may have put another file in its place: the system then
/// calls the one that runs deleted.
///
/// # Errors
/// The name that was looked for last, where no file has it that can be executed.
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

/// Executes `program` in the place of this one, with the arguments, environment, directory and limits that this one was
/// given; returns only where that fails.
pub(crate) fn execute(program: &Path) -> io::Error {
    use std::os::unix::process::CommandExt;
    descriptors::give_back_own();
    let mut args = std::env::args_os();
    let name = args.next().unwrap_or_else(|| program.into());
    std::process::Command::new(program).arg0(name).args(args).exec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_acknowledged_once_nothing_waits_to_be_sent() {
        let heading = "  sl  local_address rem_address   st tx_queue rx_queue\n";
        let hex = u32::from_ne_bytes([127, 0, 0, 1]);
        let row = |state: &str, waits: &str| {
            format!("{heading}   0: {hex:08X}:1F90 {hex:08X}:0050 {state} {waits}:00000000 00:0\n")
        };
        let (own, peer) = ("127.0.0.1:8080".parse().unwrap(), "127.0.0.1:80".parse().unwrap());
        let done = |table: &str| is_acknowledged_in(table, own, peer);
        assert!(!done(&row("01", "00000000")) && !done(&row("04", "0000000A")));
        assert!(done(&row("05", "00000000")) && done(heading));
    }

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

    #[test]
    fn the_gateway_is_that_of_the_best_route_to_anywhere() {
        let heading = "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n";
        let hex = |address: [u8; 4]| format!("{:08X}", u32::from_ne_bytes(address));
        let (near, far) = (hex([192, 168, 1, 1]), hex([10, 0, 0, 1]));
        let table = format!(
            "{heading}wlan0 00000000 {far} 0003 0 0 600 00000000 0 0 0\n\
             eth0 00000000 {near} 0003 0 0 100 00000000 0 0 0\n\
             eth0 00000000 {far} 0002 0 0 0 00000000 0 0 0\n\
             ppp0 00000000 00000000 0001 0 0 0 00000000 0 0 0\n\
             eth0 0001A8C0 00000000 0001 0 0 100 00FFFFFF 0 0 0\n"
        );
        assert_eq!(default_gateway_in(&table), Some(Ipv4Addr::new(192, 168, 1, 1)));
        assert_eq!(default_gateway_in(heading), None);
        assert_eq!(default_gateway_in(""), None);
        assert_eq!(default_gateway_in("a\nb c\n"), None);
    }
}
