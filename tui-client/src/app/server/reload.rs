//! Having the server read its files again, and what came of it: what is different now, what waits for the next
//! start, or the mistakes that kept all as it was.

use topside_shared::methods::{ReloadChanges, ReloadResult};

use crate::app::overlay::Overlay;
use crate::app::{Call, Effect, State};
use crate::text::sanitize;

/// The built-in that does it: who has it in the menu may do so.
pub(crate) const RELOAD: &str = "reload";

/// What is shown of it.
#[derive(Debug, Default)]
pub(crate) struct Reload {
    pub(crate) standing: Standing,
    /// Rows scrolled out at the top.
    pub(crate) top: usize,
}

/// How far it is.
#[derive(Debug, Default)]
pub(crate) enum Standing {
    /// The server reads them.
    #[default]
    Asked,
    Done {
        /// One sentence for each kind of change that is in force now.
        changed: Vec<String>,
        /// The same of what waits for the next start.
        waits: Option<String>,
    },
    Refused(NotReloaded),
}

/// Why everything is as it was.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct NotReloaded {
    /// The sentence.
    pub(crate) why: String,
    /// What is wrong in the files, if that is it.
    pub(crate) mistakes: Vec<Mistake>,
}

/// One mistake in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mistake {
    /// File, line and column, as far as they are known: `commands.toml:3:1`.
    pub(crate) at: String,
    pub(crate) message: String,
}

/// Asks for it.
pub(crate) fn begin(state: &mut State) -> Vec<Effect> {
    let Some(session) = state.session_to_ask() else { return Vec::new() };
    state.overlays.push(Overlay::Reload(Reload::default()));
    vec![Effect::Call { session, call: Call::Reload }]
}

/// The server's answer, which is said in the last line where nobody waited for it.
pub(crate) fn ended(state: &mut State, result: Result<ReloadResult, NotReloaded>) {
    let standing = match result {
        Ok(ReloadResult { mut changed, .. }) => {
            let at_restart = std::mem::take(&mut changed.at_restart);
            let waits = ReloadChanges { at_restart, ..ReloadChanges::default() };
            let sentences = |changes: &ReloadChanges| -> Vec<String> {
                changes.sentences().iter().map(|sentence| sanitize::sentence(sentence)).collect()
            };
            Standing::Done { changed: sentences(&changed), waits: sentences(&waits).pop() }
        }
        Err(NotReloaded { why, mistakes }) => {
            let clean = |Mistake { at, message }: Mistake| Mistake {
                at: sanitize::sentence(&at),
                message: sanitize::sentence(&message),
            };
            let mistakes = mistakes.into_iter().map(clean).collect();
            Standing::Refused(NotReloaded { why: sanitize::sentence(&why), mistakes })
        }
    };
    let open = state.overlays.iter_mut().find_map(|overlay| match overlay {
        Overlay::Reload(reload) => Some(reload),
        _ => None,
    });
    match (open, standing) {
        (Some(open), standing) => open.standing = standing,
        (None, Standing::Done { changed, waits }) => {
            let said: Vec<String> = changed.into_iter().chain(waits).collect();
            state.done(match said.is_empty() {
                true => "files read again: nothing has changed".to_owned(),
                false => format!("files read again: {}", said.join("; ")),
            });
        }
        (None, Standing::Refused(refused)) => state.refuse(refused.why),
        (None, Standing::Asked) => {}
    }
}
