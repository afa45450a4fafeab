//! The server as the screen shows it, and what an admin can change there.

pub(crate) mod accepted_keys;
pub(crate) mod admin;
pub(crate) mod clients;
pub(crate) mod create_invite;
pub(crate) mod invite_result;
pub(crate) mod log;
pub(crate) mod notices;
pub(crate) mod qr;
pub(crate) mod reload;
pub(crate) mod status;
