//! Text: fitting, times and sizes, base64, a hash, and the removal of control characters.

pub(crate) mod base64;
pub(crate) mod fit;
pub(crate) mod hash;
pub(crate) mod sanitize;
pub(crate) mod secret;
pub(crate) mod secret_prompt;
pub(crate) mod times;
