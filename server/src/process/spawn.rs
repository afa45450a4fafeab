//! Starts a child process: with a process group of its own, without the server's terminal, with the descriptor limit that
//! the server was started with.
//!
//! If the server has a controlling terminal, the child gets a session of its own, so that it cannot use that terminal. That
//! takes a fork; without a terminal the standard library uses `posix_spawn`, which does not copy the server's memory map.
//! Signal dispositions and the signal mask are those of the server, which [`platform::prepare_process`] has reset.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use process_wrap::std::{CommandWrap, CommandWrapper as _, ProcessSession};

use crate::base::{descriptors, platform};
use crate::process::reaper;

/// Starts a program that the runtime waits for.
pub(crate) fn start(command: Command) -> io::Result<tokio::process::Child> {
    let spawn = |command| tokio::process::Command::from(command).spawn();
    start_with(command, spawn, tokio::process::Child::id)
}

/// Starts a program that the calling thread waits for.
pub(crate) fn start_blocking(command: Command) -> io::Result<std::process::Child> {
    start_with(command, |mut command| command.spawn(), |child| Some(child.id()))
}

/// Drops the command, and with it the server's copies of the child's streams: a pipe ends once the child and its
/// descendants have closed it.
fn start_with<C>(
    mut command: Command,
    spawn: impl FnOnce(Command) -> io::Result<C>,
    pid: impl Fn(&C) -> Option<u32>,
) -> io::Result<C> {
    if platform::has_terminal() {
        // The wrapper only adds a call of `setsid`, which makes a group too.
        ProcessSession.pre_spawn(&mut command, &CommandWrap::from(Command::new("")))?;
    } else {
        command.process_group(0);
    }
    descriptors::start_with_given(|| reaper::registered(|| spawn(command), &pid), &pid)
}
