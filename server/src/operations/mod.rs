//! Actions that methods and built-ins share.

pub(crate) mod reload;
