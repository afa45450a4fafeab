//! Hash of a text, the same at each start and in each version.

/// FNV-1a with 64 bits: names that differ in one letter differ in all bits.
pub(crate) fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
