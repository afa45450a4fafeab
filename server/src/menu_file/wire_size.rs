//! Bounds on what a menu takes on the wire, so that each menu that is accepted can be served.

use topside_shared::command::Command;
use topside_shared::methods::{MAX_COMMAND, MAX_MENU};

/// A command or a menu takes more on the wire than can be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it takes {size} bytes on the wire and may take {most}: {advice}")]
pub(crate) struct TooLarge {
    size: usize,
    most: usize,
    advice: &'static str,
}

/// Bytes of JSON that a command takes in the menu, with the comma after it.
pub(crate) fn wire_size(info: &Command) -> usize {
    serde_json::to_string(info).map_or(usize::MAX / 2, |json| json.len() + 1)
}

/// Refuses a command that does not fit in one page of the menu.
pub(crate) fn check_command_size(size: usize) -> Result<(), TooLarge> {
    let advice = "shorten its texts and its lists of choices";
    check(TooLarge { size, most: MAX_COMMAND, advice })
}

/// Refuses a menu that no client would read to its end.
pub(crate) fn check_menu_size(size: usize) -> Result<(), TooLarge> {
    check(TooLarge { size, most: MAX_MENU, advice: "declare fewer commands" })
}

fn check(size: TooLarge) -> Result<(), TooLarge> {
    if size.size > size.most { Err(size) } else { Ok(()) }
}
