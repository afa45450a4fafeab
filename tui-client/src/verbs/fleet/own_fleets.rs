//! Fleets of this device: create, import, export, list, leave.

use std::io::Read;
use std::path::Path;

use serde::Serialize;
use serde_json::json;
use topside_shared::Role;
use topside_shared::dirs::Dirs;
use topside_shared::fleet::{PersonEntry, Roster};
use topside_shared::hub::{BucketError, FleetName, HubCredentials, HubUser};
use topside_shared::private_key::PrivateKey;
use topside_shared::tables::table;
use topside_shared::text::{MAX_NAME, clean};
use topside_shared::time::Time;

use super::Answer;
use super::admin::{Admin, Draft};
use super::passphrase::{Passphrases, unlock, unlock_own};
use crate::connect::fleets::{
    self, AdminFiles, AdminFilesError, AuthorityKey, Fleet, FleetHubError,
};
use crate::connect::own_key;
use crate::verb_args::fleet::NewPassphrase;
use crate::verb_args::server::ConfirmArgs;
use crate::verbs::errors::VerbError;
use crate::verbs::printer::Printer;
use crate::verbs::server_verbs::confirm;

/// Most bytes of standard input that are searched for a string.
const MAX_INPUT: u64 = 64 * 1024;

/// The hub that is given to `create`.
pub(super) struct Hub<'h> {
    /// The words of its string.
    pub(super) words: &'h [String],
    /// The credentials file of this device.
    pub(super) user: Option<&'h Path>,
}

/// Creates a fleet; or restores the roster of one that this device has the authority of.
pub(super) async fn create(
    dirs: &Dirs,
    name: &str,
    hub: Hub<'_>,
    own_name: Option<&str>,
    new_passphrase: &NewPassphrase,
    by: Passphrases<'_>,
) -> Result<Answer, VerbError> {
    let name: FleetName = name.parse().map_err(|error| VerbError::refused(format!("{error}")))?;
    let user = hub.user.map(fleets::read_credentials).transpose()?;
    let credentials = match hub.words {
        [] => None,
        hub => {
            let text = hub.join(" ");
            let found = HubCredentials::find(&super::read(move || read(text)).await?);
            Some(found.map_err(|error| VerbError::refused(error.to_string()))?)
        }
    };
    let known = fleets::saved(&dirs.state)?.take(name.as_str())?;
    match (known, credentials) {
        (Some(_), _) if new_passphrase.is_wanted() => Err(VerbError::refused(format!(
            "this device has the fleet {name} already: `topside fleet passphrase {name}` sets a passphrase"
        ))),
        (Some(fleet), credentials) => restore(dirs, &fleet, credentials, user, by).await,
        (None, Some(credentials)) => {
            let person = own_person(dirs, own_name)?;
            let chosen = by.wanted(new_passphrase).await?;
            let mut files = AdminFiles::make(&dirs.state, name, credentials, chosen.as_ref())?;
            files.user = user;
            let authority = match &chosen {
                Some(chosen) => unlock(&files, chosen)?,
                None => by.unlock(&files.fleet, &files.authority).await?,
            };
            new(dirs, files, authority, person).await
        }
        (None, None) => Err(VerbError::refused(
            "a new fleet needs a hub: give the string that `topsided hub init` printed with --hub",
        )),
    }
}

async fn new(
    dirs: &Dirs,
    files: AdminFiles,
    authority: PrivateKey,
    person: PersonEntry,
) -> Result<Answer, VerbError> {
    let fleet = Fleet::of_string(&dirs.state, &files.member(authority.pin()))?;
    let mut admin = Admin::of_files(dirs, fleet, files, authority).await?;
    match admin.hub().bucket.create().await {
        Ok(()) | Err(BucketError::Exists(_)) => {}
        Err(error) => return Err(FleetHubError::from(error).into()),
    }
    let at_hub = admin.read().await?;
    // A roster of this authority: this device was interrupted before it had saved the fleet.
    if at_hub.sequence != 0 && admin.fleet.roster.is_none() {
        let name = admin.fleet.name().clone();
        return Err(FleetHubError::from(BucketError::Exists(name)).into());
    }
    admin.files.save(&dirs.state)?;
    if admin.fleet.roster.is_none() {
        let roster = Roster::new(admin.fleet.name().clone(), vec![person.clone()], Time::now());
        let draft = Draft { roster, announced: Vec::new(), deleted: Vec::new() };
        if !admin.store(draft, 0).await? {
            return Err(FleetHubError::from(BucketError::Conflict).into());
        }
    }
    admin.fleet.save()?;
    let (fleet, places) = (admin.fleet.name(), admin.files.credentials.places());
    let answer = json!({ "fleet": fleet, "hub": places, "name": person.name, "role": person.role });
    Ok(Answer::new(
        format!("Created the fleet {fleet} at the hub {places}. This device is {} there, {}.\n", person.name, person.role),
        &answer,
    )
    .note("This device has the fleet's authority: `topside fleet export FILE` makes a backup. `topside fleet invite-box` invites boxes, `topside fleet invite NAME --role ROLE` people"))
}

/// Stores the roster of a fleet at its hub again, or at another hub.
async fn restore(
    dirs: &Dirs,
    fleet: &Fleet,
    credentials: Option<HubCredentials>,
    user: Option<HubUser>,
    by: Passphrases<'_>,
) -> Result<Answer, VerbError> {
    let mut files = AdminFiles::load(fleet)?;
    let authority = unlock_own(&files, fleet.authority, by).await?;
    let moves = credentials.is_some();
    if let Some(credentials) = credentials {
        if credentials.hub != files.credentials.hub {
            files.user = None;
        }
        files.credentials = credentials;
    }
    if user.is_some() {
        files.user = user;
    }
    let fleet = Fleet::of_string(&dirs.state, &files.member(authority.pin()))?;
    let mut admin = Admin::of_files(dirs, fleet, files, authority).await?;
    match admin.hub().bucket.create().await {
        Ok(()) | Err(BucketError::Exists(_)) => {}
        Err(error) => return Err(FleetHubError::from(error).into()),
    }
    admin.change(|_| Ok(())).await?;
    admin.files.save(&dirs.state)?;
    let (fleet, places) = (admin.fleet.name(), admin.files.credentials.places());
    let version = admin.fleet.roster.as_ref().map(|roster| roster.roster().version);
    let answer = Answer::new(
        format!("The hub {places} has the roster of {fleet} again.\n"),
        &json!({ "fleet": fleet, "hub": places, "version": version }),
    );
    Ok(match moves {
        true => answer.note("boxes and people of another hub join anew, with new invites"),
        false => answer,
    })
}

/// This device as an admin of a fleet.
fn own_person(dirs: &Dirs, name: Option<&str>) -> Result<PersonEntry, VerbError> {
    let user = || ["USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
    let name = name.map(str::to_owned).or_else(user).unwrap_or_default();
    let name = if name.is_empty() { "admin".to_owned() } else { super::changes::name(&name)? };
    let key = own_key(&dirs.state).map_err(|error| VerbError::own(&error))?;
    Ok(PersonEntry { name, pin: key.pin(), role: Role::Admin, tags: Vec::new() })
}

/// Writes the authority to a file: with a new passphrase, or as this device has it.
pub(super) async fn export(
    dirs: &Dirs,
    file: &Path,
    fleet: Option<&str>,
    new: &NewPassphrase,
    by: Passphrases<'_>,
) -> Result<Answer, VerbError> {
    let fleet = fleets::chosen(&dirs.state, fleet)?;
    let mut files = AdminFiles::load(&fleet)?;
    if new.is_wanted() {
        let key = unlock_own(&files, fleet.authority, by).await?;
        if let Some(new) = by.wanted(new).await? {
            files.authority =
                AuthorityKey::encrypt(&key, &new).map_err(|error| VerbError::own(&error))?;
        }
    }
    files.export(file)?;
    let (name, passphrase) = (fleet.name(), files.authority.is_encrypted());
    let with = if passphrase { " and its passphrase" } else { "" };
    Ok(Answer::new(
        format!("Wrote the authority of {name} to {}: keep it{with} secret\n", file.display()),
        &json!({ "fleet": name, "file": file, "passphrase": passphrase }),
    ))
}

/// Takes the authority of a fleet, and lists this device as an admin.
pub(super) async fn import(
    dirs: &Dirs,
    file: &Path,
    user: Option<&Path>,
    own_name: Option<&str>,
    by: Passphrases<'_>,
) -> Result<Answer, VerbError> {
    let mut files = AdminFiles::import(file)?;
    files.user = user.map(fleets::read_credentials).transpose()?;
    let authority = by.unlock(&files.fleet, &files.authority).await?;
    let fleet = Fleet::of_string(&dirs.state, &files.member(authority.pin()))?;
    let mut admin = Admin::of_files(dirs, fleet, files, authority).await?;
    let person = own_person(dirs, own_name)?;
    let name = admin
        .change(|draft| {
            let people = &mut draft.roster.people;
            if let Some(own) = people.iter_mut().find(|each| each.pin == person.pin) {
                own.role = Role::Admin;
                own.tags.clear();
                return Ok(own.name.clone());
            }
            if people.iter().any(|each| each.name == person.name) {
                return Err(VerbError::refused(format!(
                    "the fleet has a person called {} already: give another name with --as",
                    person.name
                )));
            }
            people.push(person.clone());
            Ok(person.name.clone())
        })
        .await?;
    admin.files.save(&dirs.state)?;
    let fleet = admin.fleet.name();
    Ok(Answer::new(
        format!("This device has the authority of {fleet} now, and is {name} there, admin\n"),
        &json!({ "fleet": fleet, "name": name, "role": Role::Admin }),
    ))
}

/// A fleet of this device in the output of `--json`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct FleetRow {
    fleet: FleetName,
    hub: String,
    /// What the fleet calls this device; absent while it is not admitted.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<Role>,
    boxes: usize,
    /// Whether this device has the fleet's authority.
    authority: bool,
    /// Whether the authority on this device has a passphrase.
    passphrase: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
}

pub(super) fn list(dirs: &Dirs) -> Result<Answer, VerbError> {
    let saved = fleets::saved(&dirs.state)?;
    let rows: Vec<FleetRow> = saved
        .fleets
        .iter()
        .map(|fleet| {
            let files = AdminFiles::load(fleet).ok();
            FleetRow {
                fleet: fleet.name().clone(),
                hub: fleet.access.places(),
                name: fleet.members.own.as_ref().map(|own| own.name.clone()),
                role: fleet.members.own.as_ref().map(|own| own.role),
                boxes: fleet.members.reachable().count(),
                authority: files.is_some(),
                passphrase: files.is_some_and(|files| files.authority.is_encrypted()),
                version: fleet.roster.as_ref().map(|roster| roster.roster().version),
            }
        })
        .collect();
    let text = match &rows[..] {
        [] if !saved.unusable.is_empty() => String::new(),
        [] => format!("{}\n", fleets::FleetsError::NoFleet),
        rows => {
            let heads = ["fleet", "hub", "this device", "role", "boxes", "authority"];
            let rows = rows.iter().map(|row| {
                [
                    row.fleet.to_string(),
                    row.hub.clone(),
                    row.name.clone().unwrap_or_else(|| "-".to_owned()),
                    row.role.map_or("-", Role::name).to_owned(),
                    row.boxes.to_string(),
                    match (row.authority, row.passphrase) {
                        (true, true) => "with a passphrase",
                        (true, false) => "here",
                        (false, _) => "-",
                    }
                    .to_owned(),
                ]
            });
            table(heads, rows)
        }
    };
    let unusable = saved.unusable.iter();
    let unusable = unusable.map(|(name, why)| json!({ "fleet": name, "why": why.to_string() }));
    let json = json!({ "fleets": rows, "unusable": unusable.collect::<Vec<_>>() });
    let answer = Answer::new(text, &json);
    Ok(saved.unusable.iter().fold(answer, |answer, (_, why)| answer.note(why.to_string())))
}

pub(super) async fn leave(
    dirs: &Dirs,
    name: &str,
    args: &ConfirmArgs,
    printer: &Printer,
) -> Result<Answer, VerbError> {
    let fleet = fleets::chosen(&dirs.state, Some(name))?;
    let question = match AdminFiles::load(&fleet) {
        Err(AdminFilesError::NoAuthority(_)) => format!("Forget the fleet {name} on this device?"),
        _ => format!(
            "Forget the fleet {name} on this device, with its authority? Without another copy of the authority the \
             fleet cannot be changed any more."
        ),
    };
    confirm(args, printer, &question, None).await?;
    fleets::forget(&fleet)?;
    Ok(Answer::new(
        format!("forgot the fleet {}\n", clean(name, MAX_NAME)),
        &json!({ "fleet": name }),
    ))
}

fn read(text: String) -> Result<String, VerbError> {
    if text != "-" {
        return Ok(text);
    }
    let mut text = String::new();
    let read = std::io::stdin().take(MAX_INPUT).read_to_string(&mut text);
    read.map_err(|error| VerbError::refused(format!("standard input cannot be read: {error}")))?;
    Ok(text)
}
