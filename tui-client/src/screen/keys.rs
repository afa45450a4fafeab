//! The thread that reads the terminal.
//!
//! Nobody else calls the terminal library's reader: once a terminal is gone, it reads the same error
//! for ever and does not come back. Here that keeps one thread busy until the program has ended,
//! which the hang-up's own signal brings about.

use std::io;

use crossterm::event::{Event, read};
use tokio::sync::mpsc;

/// The name of the thread.
pub(super) const THREAD: &str = "topside-keys";
/// Events that wait for the screen.
const QUEUE: usize = 256;

/// Starts the thread. The channel closes when the terminal cannot be read any more.
pub(super) fn listen() -> io::Result<mpsc::Receiver<Event>> {
    let (tell, told) = mpsc::channel(QUEUE);
    std::thread::Builder::new().name(THREAD.to_owned()).spawn(move || {
        while let Ok(event) = read() {
            if tell.blocking_send(event).is_err() {
                return;
            }
        }
    })?;
    Ok(told)
}
