//! How many boxes are dialled, run a command and keep a session at the same time.

use std::num::NonZeroUsize;
use std::str::FromStr;
use std::time::Duration;

/// Most boxes that are being checked, or that run the command, at the same time.
pub(super) const AT_ONCE: usize = 64;
/// From this number of boxes on, the first ones are dialled after random pauses of at most this length: a hub or a router
/// does not get all their connections in one instant. Later ones are dialled as earlier ones end.
pub(super) const SPREAD: (usize, Duration) = (16, Duration::from_millis(250));
/// Most sessions that stay open while they wait for a confirmation or their turn. Other boxes are dialled again.
pub(super) const MAX_HELD: usize = 64;

/// `--serial`: how many boxes run a command at the same time where they take turns. A number of them, or a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Serial {
    Boxes(NonZeroUsize),
    /// 1 to 100.
    Percent(u8),
}

impl Serial {
    /// The number of these boxes, at least one. A part of a box does not count.
    pub(super) fn width(self, boxes: usize) -> usize {
        match self {
            Self::Boxes(number) => number.get(),
            Self::Percent(percent) => (boxes * usize::from(percent) / 100).max(1),
        }
    }
}

impl FromStr for Serial {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = match text.strip_suffix('%') {
            Some(percent) => {
                let percent = percent.parse().ok();
                percent.filter(|percent| (1..=100).contains(percent)).map(Self::Percent)
            }
            None => text.parse().ok().map(Self::Boxes),
        };
        parsed.ok_or("it is a number of boxes, such as 5, or a part of them from 1% to 100%")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_the_boxes_is_rounded_down_and_at_least_one() {
        let width = |text: &str, boxes| text.parse::<Serial>().map(|serial| serial.width(boxes));
        for (text, boxes, want) in [
            ("1", 50, 1),
            ("7", 3, 7),
            ("10%", 50, 5),
            ("10%", 59, 5),
            ("10%", 3, 1),
            ("100%", 8, 8),
        ] {
            assert_eq!(width(text, boxes), Ok(want), "{text} of {boxes}");
        }
        for text in ["", "%", "0", "0%", "101%", "-1", "1.5", "ten", "10 %"] {
            assert!(width(text, 50).is_err(), "{text}");
        }
    }
}
