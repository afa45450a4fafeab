//! Actions that methods and built-ins share.

pub(crate) mod box_power;
pub(crate) mod reload;
pub(crate) mod shutdown;
pub(crate) mod status;
