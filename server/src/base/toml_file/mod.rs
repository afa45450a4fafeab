//! Reading TOML files: typed fields, errors with their position, file permissions.

pub(crate) mod errors;
pub(crate) mod fields;
pub(crate) mod protected_files;
pub(crate) mod units;
