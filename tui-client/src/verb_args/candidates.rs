//! Candidates for a word, from the declarations of the verbs and flags, the saved servers, and the cached menu of the
//! chosen server.

use std::ffi::OsStr;
use std::path::Path;

use clap::{Arg, Command};
use clap_complete::engine::{self, ArgValueCompleter, CompletionCandidate};
use topside_shared::cmdline;
use topside_shared::command;
use topside_shared::dirs::Dirs;
use topside_shared::text::{MAX_REASON, clean, is_control};

use crate::config::{FILE_NAME, Profile, ProfileStore, THIS_MACHINE};
use crate::connect::{FleetBoxes, Via};
use crate::fan_out::{self, ALL, TAG, select};

/// The verb with the words of a command of the menu, and its argument for them.
const RUN: &str = "run";
const WORDS: &str = "words";

/// A completion of the word.
pub(crate) struct Candidate {
    /// The whole word, unquoted.
    pub(crate) word: String,
    /// Its description on one line; may be empty.
    pub(crate) about: String,
}

/// Completes the last of `words`. The first is the program.
pub(crate) fn complete(
    command: &mut Command,
    words: &[String],
    directory: Option<&Path>,
) -> Vec<Candidate> {
    let Some((_, before)) = words.split_last() else { return Vec::new() };
    adapt(command, before);
    find(command, words, directory)
}

/// The candidates of `command` for the last of `words`.
pub(super) fn find(
    command: &mut Command,
    words: &[String],
    directory: Option<&Path>,
) -> Vec<Candidate> {
    let args = words.iter().map(Into::into).collect();
    let at = words.len().saturating_sub(1);
    let found = engine::complete(command, args, at, directory).unwrap_or_default();
    // The engine offers hidden names, such as earlier names of a verb, where nothing else fits.
    found.iter().filter(|candidate| !candidate.is_hide_set()).filter_map(safe).collect()
}

/// A candidate that is safe to show: one with control characters cannot be typed either.
fn safe(candidate: &CompletionCandidate) -> Option<Candidate> {
    let word = candidate.get_value().to_str().filter(|word| !word.contains(is_control))?;
    let about = candidate.get_help().map(ToString::to_string).unwrap_or_default();
    Some(Candidate { word: word.to_owned(), about: clean(&about, MAX_REASON) })
}

/// Adapts `command` to the words before the last one: the server that gives `topside run` its menu, and the command of it.
pub(crate) fn adapt(command: &mut Command, before: &[String]) {
    // Incomplete: a required argument may still be typed.
    let Ok(read) = command.clone().ignore_errors(true).try_get_matches_from(before) else { return };
    let Some(run) = read.subcommand_matches(RUN) else { return };
    let on = run.get_one::<String>("on").map_or(THIS_MACHINE, String::as_str);
    let words: Vec<String> = run.get_many(WORDS).unwrap_or_default().cloned().collect();
    let named = !words.is_empty();
    let menu = Dirs::from_env().map(|dirs| menu_on(on, &dirs)).unwrap_or_default();
    let of_menu = of_menu(menu, words);
    let known = std::mem::take(command);
    *command = match named {
        false => known.mut_subcommand(RUN, |run| run.mut_arg(WORDS, |words| words.add(of_menu))),
        // From here on no flag belongs to topside.
        true => {
            let words = Arg::new(WORDS).num_args(0..).allow_hyphen_values(true).add(of_menu);
            Command::new(super::PROGRAM)
                .disable_help_flag(true)
                .disable_version_flag(true)
                .arg(words)
        }
    };
}

/// The cached menu of the server that `--on` names; for several, what their menus have in common.
fn menu_on(on: &str, dirs: &Dirs) -> Vec<command::Command> {
    let boxes = saved_store().and_then(|store| {
        let boxes = fan_out::is_list(on, &store).then(|| select(on, Via::Auto, &store, dirs))?;
        boxes.ok()
    });
    let names: Vec<String> = match boxes {
        Some(selection) => selection.boxes.into_iter().map(|each| each.name).collect(),
        None => vec![on.to_owned()],
    };
    fan_out::common_menu(&fan_out::cached_menus(&dirs.state, &names))
}

/// Completes the name of the command, or after it its arguments.
fn of_menu(menu: Vec<command::Command>, words: Vec<String>) -> ArgValueCompleter {
    ArgValueCompleter::new(move |typed: &OsStr| {
        let found = cmdline::complete_words(&words, &typed.to_string_lossy(), &menu);
        let safe = |found: &cmdline::Candidate| !found.text.contains(is_control);
        let candidate = |found: cmdline::Candidate| candidate(&found.text, &found.description);
        found.into_iter().filter(safe).map(candidate).collect()
    })
}

/// Completes the name of a saved server.
pub(crate) fn servers(typed: &OsStr) -> Vec<CompletionCandidate> {
    let typed = typed.to_string_lossy();
    let begins = |profile: &&Profile| profile.name.starts_with(&*typed);
    let about = |profile: &Profile| candidate(&profile.name, &profile.hosts());
    saved().iter().filter(begins).map(about).collect()
}

/// Completes the name of a saved server, of a box of a fleet or of this machine.
pub(crate) fn places(typed: &OsStr) -> Vec<CompletionCandidate> {
    let mut places = servers(typed);
    let begin = typed.to_string_lossy();
    let is_new = |name: &String| {
        name.starts_with(&*begin) && !places.iter().any(|place| place.get_value() == name.as_str())
    };
    let of_fleets: Vec<String> = fleet_boxes().names().filter(is_new).collect();
    places.extend(of_fleets.iter().map(|name| candidate(name, "Box of a fleet")));
    if THIS_MACHINE.starts_with(&*typed.to_string_lossy()) {
        places.push(candidate(THIS_MACHINE, "Where no other is named"));
    }
    places
}

/// The last name of a list of boxes: a saved server, this machine, a tag, or all of them.
pub(crate) fn boxes(typed: &OsStr) -> Vec<CompletionCandidate> {
    let typed = typed.to_string_lossy();
    let (before, last) = typed
        .rsplit_once(',')
        .map_or(("", &*typed), |(_, last)| typed.split_at(typed.len() - last.len()));
    let is_new = |name: &str| before.split(',').all(|other| other != name);
    let tags = saved_store().map(|store| {
        let tag = |tag: &&str| candidate(&format!("{TAG}{tag}"), "Servers with this tag");
        fan_out::tags(&store, &fleet_boxes()).iter().map(tag).collect::<Vec<_>>()
    });
    let groups = tags.unwrap_or_default().into_iter().chain([candidate(ALL, "All servers")]);
    let groups = groups.filter(|group| group.get_value().to_string_lossy().starts_with(last));
    let found = places(OsStr::new(last)).into_iter().chain(groups);
    let whole = |found: CompletionCandidate| {
        let name = found.get_value().to_str()?.to_owned();
        let fits = is_new(&name) && (before.is_empty() || !name.contains(','));
        let found = found.add_prefix(before);
        fits.then_some(found)
    };
    found.filter_map(whole).collect()
}

/// Completes the name of a fleet.
#[cfg(feature = "hub")]
pub(crate) fn fleets(typed: &OsStr) -> Vec<CompletionCandidate> {
    let names = Dirs::from_env().map(|dirs| crate::connect::hub_names(&dirs.state));
    let names = names.unwrap_or_default();
    let begin = typed.to_string_lossy();
    names.iter().filter(|name| name.starts_with(&*begin)).map(|name| candidate(name, "")).collect()
}

/// Completes the name of a box or a person of a fleet.
#[cfg(feature = "hub")]
pub(crate) fn fleet_members(typed: &OsStr) -> Vec<CompletionCandidate> {
    let begin = typed.to_string_lossy();
    let members = Dirs::from_env().map(|dirs| crate::connect::fleets::member_names(&dirs.state));
    let members = members.unwrap_or_default().into_iter();
    let found = members.filter(|(name, _)| name.starts_with(&*begin));
    found.map(|(name, about)| candidate(&name, about)).collect()
}

/// The boxes of the fleets, as this device knows them.
fn fleet_boxes() -> FleetBoxes {
    let dirs = Dirs::from_env().ok();
    dirs.and_then(|dirs| FleetBoxes::load(&dirs.state).ok()).unwrap_or_default()
}

fn saved() -> Vec<Profile> {
    saved_store().map(|store| store.profiles().to_vec()).unwrap_or_default()
}

fn saved_store() -> Option<ProfileStore> {
    let file = Dirs::from_env().ok()?.config.join(FILE_NAME);
    // Another kind of file of this name, such as a pipe, could block.
    if file.is_file() { ProfileStore::load(file).ok() } else { None }
}

fn candidate(word: &str, about: &str) -> CompletionCandidate {
    let about = (!about.is_empty()).then(|| about.to_owned().into());
    CompletionCandidate::new(word.to_owned()).help(about)
}
