//! Thread that reads the terminal.

use std::io;

use tokio::sync::mpsc;

use crate::platform::read_input;
use crate::terminal_input::TerminalInput;

pub(super) const THREAD: &str = "topside-keys";
/// Input that waits for the screen.
const QUEUE: usize = 256;

/// Starts the thread. The channel closes when the terminal is closed. `asked`: the terminal
/// was asked for its background.
pub(super) fn listen(asked: bool) -> io::Result<mpsc::Receiver<TerminalInput>> {
    let (tell, told) = mpsc::channel(QUEUE);
    std::thread::Builder::new()
        .name(THREAD.to_owned())
        .spawn(move || read_input(asked, |input| tell.blocking_send(input).is_ok()))?;
    Ok(told)
}
