//! Output to a program, compared with `ssh`: the bench starts an sshd on this machine with keys of its own.

use std::fs;
use std::io::{self, Read};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::exchange;
use crate::load::Client;
use crate::report::{Goal, Report};
use crate::servers::{Programs, ServerKind, Transport};
use crate::settings::Settings;
use crate::statistics::Series;

pub(super) fn measure(
    programs: &Programs,
    settings: &Settings,
    report: &mut Report,
) -> io::Result<()> {
    let (Some(near), Some(far), Some(topside)) = (
        programs.start(ServerKind::Ours, settings.output_bytes)?,
        programs.start_with(Transport::Tls, ServerKind::Ours, settings.output_bytes)?,
        programs.topside(),
    ) else {
        return Ok(());
    };
    let sshd = Sshd::start()?;
    if sshd.is_none() {
        println!(
            "absent: sshd, ssh and ssh-keygen are not all installed: no ssh beside the output"
        );
    }
    let [mut program, mut socket, mut tls] = [(); 3].map(|()| Series::default());
    let size = settings.output_bytes.to_string();
    for _ in 0..settings.rounds {
        let mut print = Command::new(programs.own());
        print.args(["print", &size]);
        program.raw.push(rate(&mut print, settings.output_bytes)?);
        let mut run = Command::new(topside);
        near.environment(&mut run);
        run.args(["run", "flood"]);
        program.ours.push(rate(&mut run, settings.output_bytes)?);
        let request = exchange::json("command/run", r#"{"command":"flood","stream":true}"#).request;
        for (server, transport, series) in
            [(&near, Transport::Socket, &mut socket), (&far, Transport::Tls, &mut tls)]
        {
            let (mut line, started) = (Client::connect(server.address(transport))?, Instant::now());
            line.ask(&request)?;
            series.ours.push(settings.output_bytes as f64 / 1e6 / started.elapsed().as_secs_f64());
        }
        if let Some(sshd) = &sshd {
            let mut ssh = sshd.command(&format!("{} print {size}", programs.own().display()));
            let rate = rate(&mut ssh, settings.output_bytes)?;
            for series in [&mut program, &mut socket, &mut tls] {
                series.peer.push(rate);
            }
        }
    }
    let of = format!("{} MiB", settings.output_bytes >> 20);
    let goal = |least| Goal::AtLeast(None, Some(least));
    let mut add = |work, series, goal| report.add_beside("ssh", work, "MB/s", series, goal);
    add(format!("{of} on the socket to a reader (peer: ssh)"), socket, goal(1.2));
    add(format!("{of} over TLS to a reader (peer: ssh)"), tls, goal(1.0));
    add(format!("{of} to `topside run` (raw: pipe, peer: ssh)"), program, goal(1.0));
    Ok(())
}

/// How fast a program's output comes, in MB/s.
fn rate(command: &mut Command, wanted: u64) -> io::Result<f64> {
    let started = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let mut out = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
    let (mut buffer, mut came) = (vec![0; 256 * 1024], 0);
    while let count @ 1.. = out.read(&mut buffer)? {
        came += count as u64;
    }
    let time = started.elapsed().as_secs_f64();
    let status = child.wait()?;
    if came != wanted || !status.success() {
        let message = format!("{came} bytes came of {wanted}, {status}");
        return Err(io::Error::other(message));
    }
    Ok(wanted as f64 / 1e6 / time)
}

/// A daemon of this run alone.
struct Sshd {
    child: Child,
    dir: TempDir,
    port: u16,
}

impl Sshd {
    /// None where it is not installed.
    fn start() -> io::Result<Option<Self>> {
        let (Some(sshd), Some(keygen), Some(_)) = (find("sshd"), find("ssh-keygen"), find("ssh"))
        else {
            return Ok(None);
        };
        let dir = tempfile::Builder::new().prefix("topside-bench-").tempdir()?;
        for name in ["host", "key"] {
            let mut make = Command::new(&keygen);
            make.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(dir.path().join(name));
            make.status()?;
        }
        fs::copy(dir.path().join("key.pub"), dir.path().join("authorized"))?;
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let at = |name: &str| dir.path().join(name).display().to_string();
        let config = format!(
            "ListenAddress 127.0.0.1:{port}\nHostKey {}\nAuthorizedKeysFile {}\nStrictModes no\n\
             UsePAM no\nPidFile none\nPasswordAuthentication no\n",
            at("host"),
            at("authorized")
        );
        fs::write(dir.path().join("config"), config)?;
        // It wants this directory to exist, and the package's own start makes it.
        let _ = fs::create_dir_all("/run/sshd");
        let mut command = Command::new(sshd);
        command.args(["-D", "-e", "-f"]).arg(dir.path().join("config"));
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(fs::File::create(dir.path().join("stderr"))?);
        let mut started = Self { child: command.spawn()?, dir, port };
        let until = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if Instant::now() > until || started.child.try_wait()?.is_some() {
                let said = fs::read_to_string(started.dir.path().join("stderr"))?;
                println!("absent: sshd does not start here, so no ssh beside the output: {said}");
                return Ok(None);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(Some(started))
    }

    /// `ssh` that runs this line.
    fn command(&self, line: &str) -> Command {
        let mut command = Command::new("ssh");
        command.args(["-F", "none", "-o", "StrictHostKeyChecking=no", "-o", "LogLevel=ERROR"]);
        command.args(["-o", "UserKnownHostsFile=/dev/null", "-o", "IdentitiesOnly=yes", "-i"]);
        command.arg(self.dir.path().join("key")).arg("-p").arg(self.port.to_string());
        command.args(["127.0.0.1", line]);
        command
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where a program is. `sshd` must be called by its whole path, and is in no user's.
fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let dirs = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    dirs.map(|dir| dir.join(name)).find(|path: &PathBuf| Path::exists(path))
}
