//! Sockets, addresses and routes.

use std::ffi::OsStr;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::sockopt;

use crate::base::peer::Subnet;

/// Longest path of a Unix socket, in bytes: `sun_path` less its final NUL.
pub(crate) const MAX_SOCKET_PATH: usize = if cfg!(target_os = "macos") { 103 } else { 107 };

/// Whether a connection is closed in both directions (POLLHUP).
pub(crate) fn hung_up(stream: &impl AsFd) -> bool {
    has_event(stream, PollFlags::HUP)
}

fn has_event(stream: &impl AsFd, event: PollFlags) -> bool {
    let mut fds = [PollFd::new(stream, event)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut fds, Some(&now)).is_ok() && fds[0].revents().contains(event)
}

/// Whether the peer of a connection has closed its sending direction.
pub(crate) fn is_half_closed(stream: &impl AsFd) -> bool {
    #[cfg(target_os = "linux")]
    return has_event(stream, PollFlags::RDHUP);
    #[cfg(not(target_os = "linux"))]
    {
        use rustix::net::{RecvFlags, recv};
        recv(stream, &mut [0_u8; 1], RecvFlags::PEEK | RecvFlags::DONTWAIT)
            .is_ok_and(|(count, _)| count == 0)
    }
}

/// A socket that sends datagrams to this name: a path, or `@` and an abstract name, which only Linux has.
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

/// Whether the peer of a TCP connection that this process has shut down for writing has acknowledged everything: the
/// connection is in FIN_WAIT2, or gone. Only Linux has such a file.
pub(crate) fn is_acknowledged(own: SocketAddr, peer: SocketAddr) -> bool {
    let file = if own.is_ipv4() { "/proc/net/tcp" } else { "/proc/net/tcp6" };
    std::fs::read_to_string(file).is_ok_and(|table| is_acknowledged_in(&table, own, peer))
}

fn is_acknowledged_in(table: &str, own: SocketAddr, peer: SocketAddr) -> bool {
    const ESTABLISHED: &str = "01";
    // The file has addresses as words in the byte order of the machine, in hexadecimal digits.
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

/// Bytes that the system buffers for a slow client: its default is up to 4 MB.
const SEND_BUFFER: usize = 256 * 1024;
/// The pause between keepalive probes, and how many may stay unanswered before the connection is closed. On Linux a
/// shorter user timeout closes it at the first probe after that timeout.
pub(crate) const KEEPALIVE_APART: Duration = Duration::from_secs(5);
const KEEPALIVE_TIMES: u32 = 3;
/// The longest silence that Linux allows before a probe.
const LONGEST_KEEPALIVE: Duration = Duration::from_secs(32_767);

/// Makes a TCP connection send small answers at once, notice a dead peer, and buffer little for a slow one.
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
        // The system counts in whole seconds.
        let idle = idle.clamp(Duration::from_secs(1), LONGEST_KEEPALIVE);
        sockopt::set_socket_keepalive(stream, true)?;
        sockopt::set_tcp_keepidle(stream, idle)?;
        sockopt::set_tcp_keepintvl(stream, KEEPALIVE_APART.min(idle))?;
        sockopt::set_tcp_keepcnt(stream, KEEPALIVE_TIMES)?;
    }
    Ok(())
}

/// Whether an error says that the system does not support a family of addresses.
pub(crate) fn is_no_such_family(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error())
}

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

/// The router of the default IPv4 route. Only Linux has such a file.
pub(crate) fn default_gateway() -> Option<Ipv4Addr> {
    default_gateway_in(&std::fs::read_to_string("/proc/net/route").ok()?)
}

/// Of the default routes that are up and have a gateway, the one with the smallest metric.
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
    // The file shows a word of the machine. The bytes of that word are in network order.
    routes.min().map(|(_, gateway)| Ipv4Addr::from(gateway.to_ne_bytes()))
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
