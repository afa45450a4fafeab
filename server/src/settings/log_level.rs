//! `[log]`: which lines the log keeps.

use topside_shared::notifications::Level;

use crate::base::toml_file::errors::Errors;
use crate::base::toml_file::fields::Fields;

/// `level` of `[log]`: lines of this level and of those that matter more are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogLevel(pub Level);

impl Default for LogLevel {
    fn default() -> Self {
        Self(Level::Info)
    }
}

pub(crate) fn read(table: &Fields<'_, '_>, m: &mut Errors<'_>) -> LogLevel {
    table.refuse_unknown(&["level"], m);
    let mut levels = Level::ALL.map(|level| (level.name(), level));
    levels.reverse();
    table.one_of("level", &levels, m).map_or_else(LogLevel::default, LogLevel)
}
