//! Lists of a fleet: its boxes, its people, and what waits.

use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::json;
use topside_shared::dirs::Dirs;
use topside_shared::fleet::{
    AWAY_AFTER, BoxStanding, Invited, PersonEntry, Presence, PresenceState, presence_key,
};
use topside_shared::hub::HubRole;
use topside_shared::tables;
use topside_shared::text::{MAX_NAME, clean};
use topside_shared::time::{Time, millis};
use topside_shared::{Pin, Role};

use super::Answer;
use super::admin::Draft;
use crate::connect::fleets::{self, AdminFiles, Fleet, FleetHub, Presences};
use crate::connect::saved_key;
use crate::verbs::errors::VerbError;
use crate::verbs::printer::Printer;

/// Digits of a pin in a table.
const DIGITS: usize = 12;

/// A box in the output of `--json`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct BoxRow {
    name: String,
    pin: Pin,
    tags: Vec<String>,
    /// `hub`, `away`, `stopped`, or `unknown` where it has never been at the hub or the hub was not reached.
    state: &'static str,
    /// What the box said last.
    #[serde(flatten)]
    said: Option<Said>,
}

/// What a box said of itself, and when the hub stored it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Said {
    version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    load: Option<f64>,
    runs: u64,
    /// When it shuts down.
    #[serde(skip_serializing_if = "Option::is_none")]
    shutdown: Option<Time>,
    seen_at: Time,
}

impl Said {
    fn of(presence: &Presence) -> Self {
        let Presence { version, load, runs, shutdown, at: seen_at, .. } = presence;
        let version = clean(version, MAX_NAME);
        Self { version, load: *load, runs: *runs, shutdown: *shutdown, seen_at: *seen_at }
    }
}

/// Asks the hub of a fleet. Where it cannot be used, says why; what this device knows is used then.
async fn refreshed(dirs: &Dirs, fleet: &mut Fleet, printer: &Printer) -> Option<FleetHub> {
    match fleets::refresh(&dirs.state, fleet).await {
        Ok(hub) => Some(hub),
        Err(error) => {
            printer.say(format!("note: {error}; this is what this device knows")).await;
            None
        }
    }
}

pub(super) async fn boxes(
    dirs: &Dirs,
    fleet: Option<&str>,
    printer: &Printer,
) -> Result<Answer, VerbError> {
    let mut fleet = fleets::chosen(&dirs.state, fleet)?;
    let presences = match refreshed(dirs, &mut fleet, printer).await {
        Some(hub) => hub.presences().await?,
        None => Presences::default(),
    };
    let now = Time::now();
    let rows: Vec<BoxRow> = fleet
        .members
        .reachable()
        .map(|each| {
            let found = presences.get(&presence_key(&each.pin));
            BoxRow {
                name: each.name.clone(),
                pin: each.pin,
                tags: each.tags.clone(),
                state: state(found, now),
                said: found.map(Said::of),
            }
        })
        .collect();
    let text = match rows.is_empty() {
        true => "no box is a member: `topside fleet invite-box` invites some\n".to_owned(),
        false => table(&rows, now),
    };
    Ok(Answer::new(text, &json!({ "fleet": fleet.name(), "boxes": rows })))
}

fn state(found: Option<&Presence>, now: Time) -> &'static str {
    match found {
        None => "unknown",
        Some(Presence { state: PresenceState::Stopping, .. }) => "stopped",
        Some(found) if now.millis_since(found.at) > millis(AWAY_AFTER) => "away",
        Some(_) => "hub",
    }
}

fn table(rows: &[BoxRow], now: Time) -> String {
    let zone = TimeZone::system();
    let heads = ["box", "state", "version", "load", "runs", "tags", "pin"];
    let rows = rows.iter().map(|row| {
        let since = row.said.as_ref().map(|said| said.seen_at.to_minute(now, &zone));
        let since = since.unwrap_or_default();
        let state = match row.state {
            "hub" => "at the hub".to_owned(),
            "unknown" => "-".to_owned(),
            state => format!("{state} since {since}"),
        };
        let live = row.said.as_ref().filter(|_| row.state == "hub");
        let of = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        [
            row.name.clone(),
            state,
            of(row.said.as_ref().map(|said| said.version.clone())),
            of(live.and_then(|said| said.load).map(|load| format!("{load:.2}"))),
            of(live.map(|said| said.runs.to_string())),
            list(&row.tags),
            row.pin.digits()[..DIGITS].to_owned(),
        ]
    });
    tables::table(heads, rows)
}

fn list(tags: &[String]) -> String {
    if tags.is_empty() { "-".to_owned() } else { tags.join(" ") }
}

pub(super) async fn people(
    dirs: &Dirs,
    fleet: Option<&str>,
    printer: &Printer,
) -> Result<Answer, VerbError> {
    let mut fleet = fleets::chosen(&dirs.state, fleet)?;
    refreshed(dirs, &mut fleet, printer).await;
    let people: &[PersonEntry] = &fleet.members.people;
    let rows = people.iter().map(|person| {
        let reaches = if person.tags.is_empty() { "all".to_owned() } else { person.tags.join(" ") };
        let pin = person.pin.digits()[..DIGITS].to_owned();
        [person.name.clone(), person.role.name().to_owned(), reaches, pin]
    });
    let text = tables::table(["person", "role", "reaches", "pin"], rows);
    Ok(Answer::new(text, &json!({ "fleet": fleet.name(), "people": people })))
}

/// A box that waits, in the output of `--json`.
#[derive(Debug, Serialize)]
struct WaitingRow {
    name: String,
    pin: Pin,
    tags: Vec<String>,
    /// Whether it was removed or refused before.
    removed: bool,
}

/// An open invite, in the output of `--json`.
#[derive(Debug, Serialize)]
struct InviteRow {
    key: Pin,
    #[serde(skip_serializing_if = "Option::is_none")]
    person: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<Role>,
    auto: bool,
    tags: Vec<String>,
    uses: u32,
    until: Time,
}

pub(super) async fn pending(dirs: &Dirs, fleet: Option<&str>) -> Result<Answer, VerbError> {
    let mut fleet = fleets::chosen(&dirs.state, fleet)?;
    // Nothing is signed: the authority stays locked.
    let access = AdminFiles::load(&fleet)?.access(HubRole::Admin);
    let own_key = saved_key(&dirs.state).map_err(|error| VerbError::own(&error))?;
    let hub = FleetHub::open(&access).await?;
    let at_hub = hub.read(&mut fleet, own_key.map(|key| key.pin())).await?;
    fleet.save_members()?;
    let draft = Draft::at_hub(&fleet, at_hub)?;
    let boxes: Vec<WaitingRow> = draft
        .acceptable()
        .map(|each| WaitingRow {
            name: each.name.clone(),
            pin: each.pin,
            tags: each.tags.clone(),
            removed: each.standing == BoxStanding::Removed,
        })
        .collect();
    let open = draft.roster.invites.iter().filter(|invite| invite.uses > 0);
    let invites: Vec<InviteRow> = open
        .map(|invite| {
            let (person, role, auto) = match &invite.invites {
                Invited::Person { name, role } => (Some(name.clone()), Some(*role), false),
                Invited::Box { auto } => (None, None, *auto),
            };
            let (key, tags, uses, until) =
                (invite.key, invite.tags.clone(), invite.uses, invite.until);
            InviteRow { key, person, role, auto, tags, uses, until }
        })
        .collect();
    let text = pending_text(&boxes, &invites);
    let json = json!({ "fleet": fleet.name(), "boxes": boxes, "invites": invites });
    Ok(Answer::new(text, &json))
}

fn pending_text(boxes: &[WaitingRow], invites: &[InviteRow]) -> String {
    if boxes.is_empty() && invites.is_empty() {
        return "no box waits, and no invite is open\n".to_owned();
    }
    let zone = TimeZone::system();
    let boxes = boxes.iter().map(|each| {
        let waits = if each.removed { "box, removed before" } else { "box, waits" };
        let pin = each.pin.digits()[..DIGITS].to_owned();
        [each.name.clone(), waits.to_owned(), list(&each.tags), pin, String::new()]
    });
    let invites = invites.iter().map(|invite| {
        let (name, what) = match (&invite.person, invite.role) {
            (Some(name), Some(role)) => (name.clone(), format!("invite, {role}")),
            _ => {
                let auto = if invite.auto { ", members at once" } else { "" };
                ("-".to_owned(), format!("invite for boxes, {} left{auto}", invite.uses))
            }
        };
        let key = invite.key.digits()[..DIGITS].to_owned();
        [name, what, list(&invite.tags), key, format!("until {}", invite.until.to_second(&zone))]
    });
    tables::table(["name", "what", "tags", "pin", ""], boxes.chain(invites))
}
