//! Delivery of a stored message by JetStream: its place in the list and in the bucket.

use crate::time::Time;

/// What the subject for the acknowledgement of a delivered message says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Delivery {
    /// Messages delivered so far, this one too.
    pub(super) number: u64,
    /// The place in the order of all writes to the bucket.
    pub(super) sequence: u64,
    pub(super) stored_at: Time,
    /// Messages that follow.
    pub(super) left: u64,
}

impl Delivery {
    /// Reads a subject, which has 9 parts, or 12 with a domain.
    pub(super) fn read(subject: &str) -> Option<Self> {
        let parts: Vec<&str> = subject.strip_prefix("$JS.ACK.")?.split('.').collect();
        let parts = match parts.len() {
            7 => &parts[..],
            10.. => &parts[2..],
            _ => return None,
        };
        let number = |index: usize| parts.get(index)?.parse::<u64>().ok();
        let nanos = i64::try_from(number(5)?).ok()?;
        let stored_at = Time::from_millis(nanos / 1_000_000);
        Some(Self { number: number(4)?, sequence: number(3)?, stored_at, left: number(6)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequence_and_time_of_a_delivery_are_those_of_the_stream() {
        let at = Time::from_millis(1_770_000_000_123);
        for reply in [
            "$JS.ACK.KV_topside_garden.c1.1.42.3.1770000000123456789.7",
            "$JS.ACK._.hash.KV_topside_garden.c1.1.42.3.1770000000123456789.7.random",
        ] {
            let expected = Delivery { number: 3, sequence: 42, stored_at: at, left: 7 };
            assert_eq!(Delivery::read(reply), Some(expected), "{reply}");
        }
        for wrong in ["", "$JS.ACK.a.b.c", "_INBOX.a", "$JS.ACK.a.b.c.d.e.f.g"] {
            assert_eq!(Delivery::read(wrong), None, "{wrong}");
        }
    }
}
