//! Random numbers of the system.

use rustix::rand::{GetRandomFlags, getrandom};

/// Random bytes, at most 256. None only before the system's generator is ready.
pub(crate) fn bytes<const N: usize>() -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let count = getrandom(&mut bytes, GetRandomFlags::empty()).ok()?;
    (count == N).then_some(bytes)
}
