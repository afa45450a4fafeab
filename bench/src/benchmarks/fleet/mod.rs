//! Sessions through a hub: what a stream costs beside TLS over TCP, and many boxes on one hub.

mod hub;
mod streams;
mod swarm;

use std::io::{self, BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::report::Report;
use crate::servers::Programs;
use crate::settings::Settings;
use hub::Hub;

/// Without nats-server nothing is measured.
pub(crate) fn measure(
    programs: &Programs,
    settings: &Settings,
    report: &mut Report,
) -> io::Result<()> {
    let Some(hub) = Hub::start(programs)? else { return Ok(()) };
    streams::measure(&hub, programs, settings, report)?;
    drop(hub);
    let Some(hub) = Hub::start(programs)? else { return Ok(()) };
    swarm::measure(&hub, programs, settings, report)
}

/// A helper program that says on its first line that it is ready; dropping it ends it.
struct Helper {
    child: Child,
    output: BufReader<ChildStdout>,
    /// The line.
    said: String,
}

impl Helper {
    fn start(mut command: Command) -> io::Result<Self> {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let output = child.stdout.take().ok_or_else(|| io::Error::other("no standard output"))?;
        let mut helper = Self { child, output: BufReader::new(output), said: String::new() };
        helper.output.read_line(&mut helper.said)?;
        match helper.said.is_empty() {
            true => Err(io::Error::other("a helper program has ended")),
            false => Ok(helper),
        }
    }

    /// The number on its line.
    fn number<T: std::str::FromStr>(&self) -> io::Result<T> {
        let number = self.said.trim().parse();
        number.map_err(|_| io::Error::other(format!("`{}` is no number", self.said.trim())))
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn failed(error: impl std::fmt::Display) -> io::Error {
    io::Error::other(error.to_string())
}
