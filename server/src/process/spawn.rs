//! Starts a child process: with a process group of its own, without the server's terminal, with the descriptor
//! limit that the server was given.
//!
//! Where the server has a controlling terminal, the child gets a session of its own, so that it can neither
//! write to that terminal, read from it, nor push input into it. That takes a fork; without a terminal the
//! standard library uses `posix_spawn`, which does not copy the server's memory map. Signal dispositions and the
//! signal mask are those of the server, which [`platform::prepare_process`] has reset.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use process_wrap::std::{CommandWrap, CommandWrapper as _, ProcessSession};

use crate::base::{descriptors, platform};
use crate::process::reaper;

/// Starts a program whose end the runtime waits for.
///
/// # Errors
/// What the system said.
pub(crate) fn start(command: Command) -> io::Result<tokio::process::Child> {
    start_with(
        command,
        |command| tokio::process::Command::from(command).spawn(),
        tokio::process::Child::id,
    )
}

/// Starts a program whose end the calling thread waits for.
///
/// # Errors
/// What the system said.
pub(crate) fn start_blocking(command: Command) -> io::Result<std::process::Child> {
    start_with(command, |mut command| command.spawn(), |child| Some(child.id()))
}

/// The command is dropped here, and the server's copies of the child's streams with it: a pipe ends once the
/// child and its descendants have closed it.
fn start_with<C>(
    mut command: Command,
    spawn: impl FnOnce(Command) -> io::Result<C>,
    pid: impl Fn(&C) -> Option<u32>,
) -> io::Result<C> {
    if platform::has_terminal() {
        // The wrapper only adds a call of `setsid`, which makes a group too; it looks at no other wrapper.
        ProcessSession.pre_spawn(&mut command, &CommandWrap::from(Command::new("")))?;
    } else {
        command.process_group(0);
    }
    descriptors::start_with_given(|| reaper::registered(|| spawn(command), &pid), &pid)
}
