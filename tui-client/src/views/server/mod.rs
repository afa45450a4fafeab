//! Draws what belongs to the server: clients, keys, runs, log, notices, status.

pub(crate) mod accepted_keys;
pub(crate) mod client;
pub(crate) mod clients;
pub(crate) mod invite_result;
pub(crate) mod log;
pub(crate) mod notices;
pub(crate) mod qr;
pub(crate) mod reload;
pub(crate) mod run_list;
pub(crate) mod status;
