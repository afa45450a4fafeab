//! Reading TOML files: typed fields, errors with their position, file permissions.

mod accounts;
pub(crate) mod errors;
pub(crate) mod fields;
pub(crate) mod permissions;
pub(crate) mod protected_files;
pub(crate) mod units;
