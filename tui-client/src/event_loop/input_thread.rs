//! Thread that reads the terminal.

use std::io;

use crossterm::event::Event;
use tokio::sync::mpsc;

use crate::platform::read_events;

pub(super) const THREAD: &str = "topside-keys";
/// Events that wait for the screen.
const QUEUE: usize = 256;

/// Starts the thread. The channel closes when the terminal is closed.
pub(super) fn listen() -> io::Result<mpsc::Receiver<Event>> {
    let (tell, told) = mpsc::channel(QUEUE);
    std::thread::Builder::new()
        .name(THREAD.to_owned())
        .spawn(move || read_events(|event| tell.blocking_send(event).is_ok()))?;
    Ok(told)
}
