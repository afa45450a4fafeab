//! Lowest layer: the operating system, files, time, the log, and who is acting.

mod accounts;
pub(crate) mod atomic_file;
pub(crate) mod blocking;
pub(crate) mod box_boot;
pub(crate) mod box_figures;
pub(crate) mod clock;
pub(crate) mod counters;
pub(crate) mod deadline;
pub(crate) mod descriptors;
pub(crate) mod identity;
pub(crate) mod json_file;
pub(crate) mod limit;
pub(crate) mod log;
pub(crate) mod mutex;
pub(crate) mod outbox;
pub(crate) mod path_trust;
pub(crate) mod peer;
pub(crate) mod platform;
pub(crate) mod random;
pub(crate) mod reboot_record;
pub(crate) mod samples;
pub(crate) mod shortage;
pub(crate) mod shutdown;
pub(crate) mod shutdown_record;
pub(crate) mod tasks;
pub(crate) mod toml_file;
pub(crate) mod transport;
