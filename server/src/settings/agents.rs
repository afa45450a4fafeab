//! `[mcp]` of `server.toml`: agents, such as assistants that call commands as tools.

use crate::base::toml_file::errors::Errors;
use crate::base::toml_file::fields::Fields;
use crate::settings::value_forms::count;

/// `[mcp]`. In the file, 0 means no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AgentSettings {
    /// Commands that one agent may call in a minute, with a burst as large.
    pub rate: usize,
}

impl Default for AgentSettings {
    fn default() -> Self {
        Self { rate: 60 }
    }
}

pub(crate) fn read(table: &Fields<'_, '_>, m: &mut Errors<'_>) -> AgentSettings {
    table.refuse_unknown(&["rate"], m);
    AgentSettings { rate: count::read(table, "rate", m).unwrap_or(AgentSettings::default().rate) }
}

pub(crate) fn write_rate(settings: AgentSettings) -> String {
    count::write(settings.rate)
}
