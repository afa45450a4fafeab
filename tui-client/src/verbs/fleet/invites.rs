//! Invites of a fleet, for boxes and for people.

use std::time::Duration;

use serde_json::json;
use topside_shared::Role;
use topside_shared::dirs::Dirs;
use topside_shared::fleet::{Enrolment, FleetInvite, Invited, JoinString};
use topside_shared::hub::HubRole;
use topside_shared::private_key::{PrivateKey, Seed};
use topside_shared::time::{Time, millis};

use super::Answer;
use super::admin::Admin;
use super::changes::{name, tags as read_tags};
use super::passphrase::Passphrases;
use crate::verbs::errors::VerbError;

/// The invite that is asked for.
pub(super) struct Wanted {
    invites: Invited,
    tags: Vec<String>,
    uses: u32,
    ttl: Duration,
}

impl Wanted {
    pub(super) fn person(
        called: &str,
        role: Role,
        tags: &[String],
        ttl: Duration,
    ) -> Result<Self, VerbError> {
        let invites = Invited::Person { name: name(called)?, role };
        Ok(Self { invites, tags: read_tags(tags)?, uses: 1, ttl })
    }

    pub(super) fn boxes(
        uses: u32,
        auto: bool,
        tags: &[String],
        ttl: Duration,
    ) -> Result<Self, VerbError> {
        Ok(Self { invites: Invited::Box { auto }, tags: read_tags(tags)?, uses, ttl })
    }
}

/// Lists an invite on the roster, and prints its string.
pub(super) async fn make(
    dirs: &Dirs,
    fleet: Option<&str>,
    wanted: &Wanted,
    by: Passphrases<'_>,
) -> Result<Answer, VerbError> {
    let mut admin = Admin::open(dirs, fleet, by).await?;
    let seed = Seed::random().map_err(|error| VerbError::own(&error))?;
    let key = PrivateKey::from_seed(&seed).map_err(|error| VerbError::own(&error))?.pin();
    let Wanted { invites, tags, uses, ttl } = wanted;
    let until = Time::now().plus_millis(millis(*ttl));
    admin
        .change(|draft| {
            if let Invited::Person { name, .. } = invites {
                let is_taken = draft.roster.people.iter().any(|person| person.name == *name)
                    || draft.roster.invites.iter().any(|invite| {
                        invite.uses > 0
                            && matches!(&invite.invites, Invited::Person { name: other, .. } if other == name)
                    });
                if is_taken {
                    let sentence = format!(
                        "the fleet has a person called {name}, or an invite for one: choose another name, or \
                         `topside fleet remove` or `refuse` the other first"
                    );
                    return Err(VerbError::refused(sentence));
                }
            }
            draft.roster.invites.push(FleetInvite {
                key,
                invites: invites.clone(),
                tags: tags.clone(),
                uses: *uses,
                until,
            });
            Ok(())
        })
        .await?;
    let role = match invites {
        Invited::Person { .. } => HubRole::Person,
        Invited::Box { .. } => HubRole::Box,
    };
    let string = JoinString {
        access: admin.files.access(role),
        authority: admin.authority.pin(),
        enrolment: Some(Enrolment { seed, until }),
    };
    let text = string.to_string();
    let json = json!({
        "fleet": admin.fleet.name(), "invite": text, "key": key, "invites": invites, "tags": tags, "uses": uses,
        "until": until,
    });
    let end = until.to_second(&jiff::tz::TimeZone::system());
    let answer = Answer::new(format!("{text}\n"), &json);
    Ok(match invites {
        Invited::Person { name, role } => answer.note(format!(
            "for {name}, {role}, good once until {end}: `topside pair` takes it on the person's device, or the picker"
        )),
        Invited::Box { auto } => answer.note(format!(
            "for {}, until {end}: `topsided join` takes it on each box. {}",
            if *uses == 1 { "1 box".to_owned() } else { format!("{uses} boxes") },
            if *auto {
                "They are members at once"
            } else {
                "`topside fleet pending` shows those that wait, `topside fleet accept NAME` admits them"
            }
        )),
    })
}
