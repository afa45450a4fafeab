//! Verbs for the saved servers: the list, and the changes of the entries.

use topside_shared::tables::columns;
use topside_shared::text::{MAX_NAME, clean};

use super::answer_block::show;
use crate::app::{Effect, ProfileEdit, State};
use crate::config::{DEFAULT_PORT, Profile, THIS_MACHINE, validate};
use crate::verb_args::saved::SavedServerVerb;
use crate::views::picker::forget_question;

/// The change that a verb asks for, or why it is not possible; none for a verb that changes nothing.
pub(super) fn edit_of(
    state: &State,
    verb: &SavedServerVerb,
) -> Result<Option<ProfileEdit>, String> {
    let saved = |name: &str| {
        if name == THIS_MACHINE {
            return Err("this machine is not a saved server: it cannot be changed".to_owned());
        }
        let found = state.servers.iter().find(|server| server.name == name);
        let none =
            || format!("no server is saved as {}: `servers` lists them", clean(name, MAX_NAME));
        found.cloned().ok_or_else(none)
    };
    match verb {
        SavedServerVerb::Servers { .. }
        | SavedServerVerb::Test { .. }
        | SavedServerVerb::Config { .. } => Ok(None),
        SavedServerVerb::Add { name, fields, .. } => {
            let new = Profile { name: name.clone(), port: DEFAULT_PORT, ..Profile::default() };
            let new = checked(state, fields.apply(new), None)?;
            Ok(Some(ProfileEdit::Add(new)))
        }
        SavedServerVerb::Edit { name, new_name, fields, .. } => {
            let mut profile = fields.apply(saved(name)?);
            if let Some(new) = new_name {
                profile.name.clone_from(new);
            }
            let profile = checked(state, profile, Some(name))?;
            Ok(Some(ProfileEdit::Replace(name.clone(), profile)))
        }
        SavedServerVerb::Duplicate { name, copy, .. } => {
            let copy = Profile { name: copy.clone(), ..saved(name)? };
            Ok(Some(ProfileEdit::Add(checked(state, copy, None)?)))
        }
        SavedServerVerb::Delete { name, .. } => Ok(Some(ProfileEdit::Remove(saved(name)?.name))),
    }
}

/// The profile, if its fields are right and no other server has its name; `before` is the name that it had.
fn checked(state: &State, profile: Profile, before: Option<&str>) -> Result<Profile, String> {
    validate(&profile).map_err(|error| error.message)?;
    let name = &profile.name;
    let taken = state.servers.iter().any(|server| server.name == *name);
    if taken && before != Some(name) {
        return Err(format!("there is a server called {name} already"));
    }
    Ok(profile)
}

/// Carries out a verb.
pub(super) fn run(state: &mut State, line: &str, verb: &SavedServerVerb) -> Vec<Effect> {
    let edit = match edit_of(state, verb) {
        Ok(Some(edit)) => edit,
        Ok(None) => {
            let servers = list(state);
            show(state, line, &servers);
            return Vec::new();
        }
        // The list has changed since the line was accepted.
        Err(why) => {
            state.refuse(why);
            return Vec::new();
        }
    };
    match verb {
        SavedServerVerb::Delete { name, confirm, .. } if !confirm.yes => {
            state.open(forget_question(name));
            Vec::new()
        }
        _ => vec![Effect::Edit(edit)],
    }
}

/// The saved servers, with their addresses.
fn list(state: &State) -> String {
    if state.servers.is_empty() {
        return "no server is saved".to_owned();
    }
    let row = |server: &Profile| [clean(&server.name, MAX_NAME), clean(&server.hosts(), MAX_NAME)];
    columns(&state.servers.iter().map(row).collect::<Vec<_>>())
}
