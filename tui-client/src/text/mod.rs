//! Text: fitting, times and sizes, Base64, and what must not be shown.

pub(crate) mod base64;
pub(crate) mod fit;
pub(crate) mod sanitize;
pub(crate) mod secret;
pub(crate) mod secret_prompt;
pub(crate) mod times;
