//! Changes of a roster: accept and refuse boxes, set tags, remove members.

use serde_json::json;
use topside_shared::Pin;
use topside_shared::dirs::Dirs;
use topside_shared::fleet::{
    BoxStanding, FleetBox, Invited, Roster, box_key, free_name, person_key, presence_key,
};
use topside_shared::text::{MAX_NAME, clean, did_you_mean, nearest};

use super::Answer;
use super::admin::{Admin, Draft};
use super::passphrase::Passphrases;
use crate::config;
use crate::verb_args::fleet::Member;
use crate::verb_args::server::ConfirmArgs;
use crate::verbs::errors::VerbError;
use crate::verbs::server_verbs::confirm;

/// Fewest digits of a pin that name a box or a person.
const MIN_DIGITS: usize = 4;

/// A name for a box or a person.
pub(super) fn name(text: &str) -> Result<String, VerbError> {
    let is_name = !text.is_empty()
        && clean(text, MAX_NAME) == text
        && !text.contains([',', '/'])
        && text.trim() == text;
    match is_name {
        true => Ok(text.to_owned()),
        false => Err(VerbError::refused(format!(
            "a name is 1 to {MAX_NAME} characters, without a comma or a slash, not `{}`",
            clean(text, MAX_NAME)
        ))),
    }
}

/// Tags, each once.
pub(super) fn tags(texts: &[String]) -> Result<Vec<String>, VerbError> {
    let mut tags: Vec<String> = Vec::new();
    for text in texts.iter().flat_map(|text| text.split(',')).map(str::trim) {
        config::tag(text).map_err(|rule| VerbError::refused(format!("a tag {rule}")))?;
        if !tags.iter().any(|tag| tag == text) {
            tags.push(text.to_owned());
        }
    }
    Ok(tags)
}

/// Whether a box or a person is called so: by its name, or by the first digits of its pin.
fn is_called(text: &str, name: &str, pin: &Pin) -> bool {
    let digits = text.strip_prefix("sha256:").unwrap_or(text);
    let is_pin = digits.len() >= MIN_DIGITS && pin.digits().starts_with(&digits.to_lowercase());
    name == text || is_pin
}

/// The index of the only one that is called so. A name comes before a pin that begins so.
fn find<'n>(
    text: &str,
    what: &str,
    all: impl Iterator<Item = (&'n str, &'n Pin)> + Clone,
) -> Result<usize, VerbError> {
    let named: Vec<usize> =
        (0..).zip(all.clone()).filter(|(_, (name, _))| *name == text).map(|(at, _)| at).collect();
    let found = match named[..] {
        [] => (0..)
            .zip(all.clone())
            .filter(|(_, (name, pin))| is_called(text, name, pin))
            .map(|(at, _)| at)
            .collect(),
        _ => named,
    };
    let shown = clean(text, MAX_NAME);
    match found[..] {
        [one] => Ok(one),
        [] => {
            let near = match &nearest(text, all.map(|(name, _)| name))[..] {
                [] => String::new(),
                near => did_you_mean(near),
            };
            Err(VerbError::not_found(format!("{what} {shown}{near}")))
        }
        _ => Err(VerbError::refused(format!(
            "{shown} stands for {} of them: give the first digits of the pin, which the list shows",
            found.len()
        ))),
    }
}

/// Accepts the boxes of these names, or all that wait.
pub(super) async fn accept(
    dirs: &Dirs,
    fleet: Option<&str>,
    names: Option<&[String]>,
    new_name: Option<&str>,
    by: Passphrases<'_>,
) -> Result<Answer, VerbError> {
    let new_name = new_name.map(name).transpose()?;
    if new_name.is_some() && names.is_some_and(|names| names.len() != 1) {
        return Err(VerbError::refused("--name is for one box: accept the others without it"));
    }
    let mut admin = Admin::open(dirs, fleet, by).await?;
    let accepted = admin
        .change(|draft| {
            let mut waiting: Vec<FleetBox> = draft.acceptable().cloned().collect();
            let mut accepted = Vec::new();
            match names {
                None => {
                    // One that was removed is accepted by its name only.
                    waiting.retain(|each| each.standing == BoxStanding::Pending);
                    if waiting.is_empty() {
                        return Err(VerbError::not_found("no box waits to be accepted"));
                    }
                    for each in waiting {
                        accepted.push(draft.accept(&each, None)?);
                    }
                }
                Some(names) => {
                    for called in names {
                        let rows = waiting.iter().map(|each| (each.name.as_str(), &each.pin));
                        let at =
                            find(called, "no box waits that is called", rows).map_err(|error| {
                                match waiting.iter().any(|each| each.name == *called) {
                                    true => error,
                                    false => draft.why_not(called).unwrap_or(error),
                                }
                            })?;
                        accepted.push(draft.accept(&waiting.remove(at), new_name.as_deref())?);
                    }
                }
            }
            Ok(accepted)
        })
        .await?;
    let text = accepted.iter().map(|name| format!("{name} is a member\n")).collect::<String>();
    Ok(Answer::new(text, &json!({ "fleet": admin.fleet.name(), "accepted": accepted })))
}

impl Draft {
    /// The boxes that an admin can accept: those that wait, and those that were removed and hold an invite that is listed.
    pub(super) fn acceptable(&self) -> impl Iterator<Item = &FleetBox> {
        let has_invite = |each: &FleetBox| {
            self.roster.invites.iter().any(|invite| Some(invite.key) == each.enrolment)
        };
        self.announced.iter().filter(move |each| match each.standing {
            BoxStanding::Pending => true,
            BoxStanding::Removed => has_invite(each),
            _ => false,
        })
    }

    fn accept(&mut self, waiting: &FleetBox, new_name: Option<&str>) -> Result<String, VerbError> {
        let name = match new_name {
            Some(wanted) if self.roster.boxes.iter().any(|each| each.name == wanted) => {
                return Err(VerbError::refused(format!(
                    "the fleet has a box called {wanted} already: choose another name"
                )));
            }
            Some(wanted) => wanted.to_owned(),
            None => free_name(&self.roster, &usable_name(&waiting.name), &waiting.pin),
        };
        let mut entry = waiting.entry();
        entry.name.clone_from(&name);
        self.roster.boxes.push(entry);
        self.roster.removed.retain(|pin| *pin != waiting.pin);
        let of_invite = |key: &Pin| Some(*key) == waiting.enrolment;
        if let Some(invite) = self.roster.invites.iter_mut().find(|invite| of_invite(&invite.key)) {
            invite.uses = invite.uses.saturating_sub(1);
        }
        self.deleted.push(box_key(&waiting.pin));
        Ok(name)
    }

    /// Why a box that is called so cannot be accepted.
    fn why_not(&self, called: &str) -> Option<VerbError> {
        let listed = self.roster.boxes.iter().any(|each| is_called(called, &each.name, &each.pin));
        if listed {
            return Some(VerbError::refused(format!(
                "{} is a member already",
                clean(called, MAX_NAME)
            )));
        }
        let is_meant = |each: &&FleetBox| {
            each.standing != BoxStanding::Pending && is_called(called, &each.name, &each.pin)
        };
        let each = self.announced.iter().find(is_meant)?;
        let why = each.standing.why_no_member()?;
        Some(VerbError::refused(format!("{} cannot be accepted: {why}", each.name)))
    }
}

/// What a box calls itself, without what a name may not hold.
fn usable_name(announced: &str) -> String {
    announced.replace([',', '/'], "-").trim().to_owned()
}

/// Turns boxes away, and withdraws invites.
pub(super) async fn refuse(
    dirs: &Dirs,
    fleet: Option<&str>,
    names: &[String],
    by: Passphrases<'_>,
) -> Result<Answer, VerbError> {
    let mut admin = Admin::open(dirs, fleet, by).await?;
    let done = admin
        .change(|draft| {
            names.iter().map(|called| draft.refuse(called)).collect::<Result<Vec<String>, _>>()
        })
        .await?;
    let text = done.iter().map(|name| format!("refused {name}\n")).collect::<String>();
    Ok(Answer::new(text, &json!({ "fleet": admin.fleet.name(), "refused": done })))
}

impl Draft {
    fn refuse(&mut self, called: &str) -> Result<String, VerbError> {
        let removed = &self.roster.removed;
        let waiting = |each: &&FleetBox| !removed.contains(&each.pin);
        let boxes: Vec<(String, Pin)> = self
            .announced
            .iter()
            .filter(waiting)
            .map(|each| (each.name.clone(), each.pin))
            .collect();
        let invites: Vec<(String, Pin)> = self
            .roster
            .invites
            .iter()
            .filter(|invite| invite.uses > 0)
            .map(|invite| match &invite.invites {
                Invited::Person { name, .. } => (name.clone(), invite.key),
                Invited::Box { .. } => (String::new(), invite.key),
            })
            .collect();
        let all = boxes.iter().chain(&invites).map(|(name, pin)| (name.as_str(), pin));
        let at = find(called, "no box waits, and no invite is open, that is called", all)?;
        match boxes.get(at) {
            Some((name, pin)) => {
                self.roster.removed.push(*pin);
                self.deleted.push(box_key(pin));
                Ok(name.clone())
            }
            None => {
                let (name, key) = &invites[at - boxes.len()];
                self.roster.invites.retain(|invite| invite.key != *key);
                self.deleted.push(person_key(key));
                Ok(if name.is_empty() {
                    "the invite for boxes".to_owned()
                } else {
                    format!("the invite for {name}")
                })
            }
        }
    }
}

/// A member that is named on the command line.
enum Found {
    Box(usize),
    Person(usize),
}

fn member(roster: &Roster, wanted: &Member) -> Result<Found, VerbError> {
    let boxes = roster.boxes.iter().map(|each| (each.name.as_str(), &each.pin));
    let people = roster.people.iter().map(|each| (each.name.as_str(), &each.pin));
    let called = &wanted.name;
    if wanted.is_box {
        return find(called, "the fleet has no box called", boxes).map(Found::Box);
    }
    if wanted.is_person {
        return find(called, "the fleet has no person called", people).map(Found::Person);
    }
    let is_both = |name: &str| {
        boxes.clone().any(|(other, _)| other == name)
            && people.clone().any(|(other, _)| other == name)
    };
    if is_both(called) {
        return Err(VerbError::refused(format!(
            "{called} is a box and a person: say which with --box or --person"
        )));
    }
    let count = roster.boxes.len();
    let at = find(
        called,
        "the fleet has no box and no person called",
        boxes.clone().chain(people.clone()),
    )?;
    Ok(if at < count { Found::Box(at) } else { Found::Person(at - count) })
}

/// Sets the tags of a box, or those that a person may reach.
pub(super) async fn tag(
    dirs: &Dirs,
    fleet: Option<&str>,
    wanted: &Member,
    new: &str,
    by: Passphrases<'_>,
) -> Result<Answer, VerbError> {
    let new = if new.is_empty() { Vec::new() } else { tags(&[new.to_owned()])? };
    let mut admin = Admin::open(dirs, fleet, by).await?;
    let (name, is_box) = admin
        .change(|draft| {
            let roster = &mut draft.roster;
            Ok(match member(roster, wanted)? {
                Found::Box(at) => {
                    roster.boxes[at].tags.clone_from(&new);
                    (roster.boxes[at].name.clone(), true)
                }
                Found::Person(at) => {
                    roster.people[at].tags.clone_from(&new);
                    (roster.people[at].name.clone(), false)
                }
            })
        })
        .await?;
    let text = match (is_box, &new[..]) {
        (true, []) => format!("{name} has no tags\n"),
        (true, new) => format!("{name} has the tags {}\n", new.join(", ")),
        (false, []) => format!("{name} may reach all boxes\n"),
        (false, new) => format!("{name} may reach the boxes with the tags {}\n", new.join(", ")),
    };
    Ok(Answer::new(text, &json!({ "fleet": admin.fleet.name(), "name": name, "tags": new })))
}

/// Removes a box or a person.
pub(super) async fn remove(
    dirs: &Dirs,
    fleet: Option<&str>,
    wanted: &Member,
    args: &ConfirmArgs,
    by: Passphrases<'_>,
) -> Result<Answer, VerbError> {
    let mut admin = Admin::open(dirs, fleet, by).await?;
    let roster = admin.draft().await?.0.roster;
    let fleet = admin.fleet.name();
    let question = match member(&roster, wanted)? {
        Found::Box(at) => format!("Remove the box {} from {fleet}?", roster.boxes[at].name),
        Found::Person(at) => format!(
            "Remove {} from {fleet}, and end their sessions on every box?",
            roster.people[at].name
        ),
    };
    confirm(args, by.printer, &question, None).await?;
    let name = admin
        .change(|draft| {
            let roster = &mut draft.roster;
            Ok(match member(roster, wanted)? {
                Found::Box(at) => {
                    let removed = roster.boxes.remove(at);
                    roster.removed.push(removed.pin);
                    draft.deleted.extend([box_key(&removed.pin), presence_key(&removed.pin)]);
                    removed.name
                }
                Found::Person(at) => roster.people.remove(at).name,
            })
        })
        .await?;
    Ok(Answer::new(
        format!("removed {name}\n"),
        &json!({ "fleet": admin.fleet.name(), "removed": name }),
    ))
}
