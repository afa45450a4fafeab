//! What runs beside the sessions of a server.

pub(crate) mod advertise;
pub(crate) mod metrics;
