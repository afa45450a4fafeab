//! Random numbers of the system.

use std::time::Duration;

use rustix::rand::{GetRandomFlags, getrandom};

/// Random bytes, at most 256. None only before the system's generator is ready.
pub(crate) fn bytes<const N: usize>() -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let count = getrandom(&mut bytes, GetRandomFlags::empty()).ok()?;
    (count == N).then_some(bytes)
}

/// A random time of at least half of this one, so that many boxes do not act all at once.
pub(crate) fn jitter(longest: Duration) -> Duration {
    let random = bytes().map_or(128, |[byte]| byte);
    (longest / 2).mul_f64(1.0 + f64::from(random) / 255.0)
}
