//! Values that only the connected server knows, for the completion of a line of verbs.

use topside_shared::command::Command;
use topside_shared::methods::{KeyState, Keys, RunsPage};
use topside_shared::records::{ClientRow, RunRow};
use topside_shared::text::{MAX_NAME, clean};

use crate::config::Profile;

/// How many of the newest runs are proposed.
pub(crate) const RUNS: u64 = 20;

/// Values, each with a description.
pub(crate) type Described = Vec<(String, String)>;

#[derive(Debug, Clone, Default)]
pub(crate) struct KnownValues {
    pub(crate) clients: Described,
    pub(crate) runs: Described,
    /// Those of them that have not ended.
    pub(crate) live_runs: Described,
    pub(crate) keys: Described,
    pub(crate) commands: Described,
    /// The saved servers.
    pub(crate) servers: Described,
    /// The themes of the screen; none in the line client.
    pub(crate) themes: Described,
}

pub(crate) fn clients<'r>(rows: impl Iterator<Item = &'r ClientRow>) -> Described {
    let known = |row: &ClientRow| {
        let about = format!("{} at {}", clean(&row.user, MAX_NAME), clean(&row.address, MAX_NAME));
        (row.client_id.0.to_string(), about)
    };
    rows.map(known).collect()
}

pub(crate) fn runs(page: &RunsPage) -> Described {
    page.runs.iter().map(run).collect()
}

/// The runs that have not ended: only these can be cancelled.
pub(crate) fn live_runs(page: &RunsPage) -> Described {
    page.runs.iter().filter(|row| !row.state.ended()).map(run).collect()
}

fn run(row: &RunRow) -> (String, String) {
    let about = format!("{}, {}", clean(&row.command, MAX_NAME), row.state.name());
    (row.run_id.0.to_string(), about)
}

pub(crate) fn keys(keys: Keys) -> Described {
    let good = |state| matches!(state, KeyState::Active | KeyState::Invited);
    let keys = keys.keys.into_iter().filter(|row| good(row.state));
    keys.map(|row| (clean(&row.name, MAX_NAME), format!("{}, {}", row.role, row.state.name())))
        .collect()
}

pub(crate) fn commands(menu: &[Command]) -> Described {
    menu.iter().map(|command| (command.name.clone(), command.title.clone())).collect()
}

pub(crate) fn servers(profiles: &[Profile]) -> Described {
    profiles.iter().map(|server| (server.name.clone(), server.hosts())).collect()
}
