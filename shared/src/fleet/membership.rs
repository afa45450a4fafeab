//! Membership: which boxes and people belong to a fleet, by its roster and the announcements in its bucket.

use std::collections::{HashMap, HashSet};

use super::announcement::{AnnouncementKind, VerifiedAnnouncement};
use super::roster::{BoxEntry, FleetInvite, Invited, PersonEntry, Roster};
use crate::hub::digits;
use crate::pin::Pin;

/// How a box stands to a fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BoxStanding {
    /// The roster lists it.
    Listed,
    /// It is a member by an invite that admits boxes at once. The next change of the roster lists it.
    ByInvite,
    /// An admin has to accept it.
    Pending,
    /// It is not a member: the invite is none of the roster, or was withdrawn.
    UnknownInvite,
    /// It is not a member: it announced itself after the end of the invite.
    Expired,
    /// It is not a member: others have used the invite up.
    UsedUp,
    /// It is not a member: it was removed or refused.
    Removed,
}

impl BoxStanding {
    /// Whether it is a member.
    pub fn is_member(self) -> bool {
        matches!(self, Self::Listed | Self::ByInvite)
    }

    /// Why a box is no member, as a sentence without a full stop; none for a member.
    pub fn why_no_member(self) -> Option<&'static str> {
        match self {
            Self::Listed | Self::ByInvite => None,
            Self::Pending => {
                Some("an admin of the fleet has to accept the box: `topside fleet accept NAME`")
            }
            Self::UnknownInvite => {
                Some("the fleet does not know this string, or has withdrawn it: ask for a new one")
            }
            Self::Expired => Some("this string has expired: ask for a new one"),
            Self::UsedUp => Some(
                "this string is used up: as many boxes as it allows have joined. Ask for a new one",
            ),
            Self::Removed => Some("the box was removed from the fleet"),
        }
    }
}

/// A box that the roster lists, or that has announced itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FleetBox {
    /// Its name: that of the roster, or the announced one. Announced names may be equal to others.
    pub name: String,
    /// Its key.
    pub pin: Pin,
    /// Its tags: those of the roster, or of its invite.
    pub tags: Vec<String>,
    /// How it stands to the fleet.
    pub standing: BoxStanding,
    /// The pin of the enrolment key that it announced itself with.
    pub enrolment: Option<Pin>,
}

impl FleetBox {
    /// Its row of a roster.
    pub fn entry(&self) -> BoxEntry {
        BoxEntry { name: self.name.clone(), pin: self.pin, tags: self.tags.clone() }
    }
}

/// How long an invite is good, and for how many.
fn invite_standing(
    invite: &FleetInvite,
    announced: &VerifiedAnnouncement,
    used: u32,
) -> BoxStanding {
    match invite.invites {
        Invited::Box { .. } if announced.stored_at > invite.until => BoxStanding::Expired,
        Invited::Box { .. } if used >= invite.uses => BoxStanding::UsedUp,
        Invited::Box { auto: true } => BoxStanding::ByInvite,
        Invited::Box { auto: false } => BoxStanding::Pending,
        Invited::Person { .. } => BoxStanding::UnknownInvite,
    }
}

/// The boxes of a fleet: those of the roster first, then those that have announced themselves, in the order of the hub. A box
/// that decides about itself gives only its own announcement; it cannot find out that others have used the invite up.
pub fn boxes(roster: &Roster, announcements: &[VerifiedAnnouncement]) -> Vec<FleetBox> {
    let mut announced: Vec<&VerifiedAnnouncement> = announcements
        .iter()
        .filter(|announced| announced.announcement.kind == AnnouncementKind::Box)
        .collect();
    announced.sort_by_key(|announced| announced.sequence);
    let by_pin: HashMap<Pin, Pin> =
        announced.iter().map(|of| (of.announcement.pin, of.enrolment)).collect();
    let mut boxes: Vec<FleetBox> = roster
        .boxes
        .iter()
        .map(|entry| FleetBox {
            name: entry.name.clone(),
            pin: entry.pin,
            tags: entry.tags.clone(),
            standing: BoxStanding::Listed,
            enrolment: by_pin.get(&entry.pin).copied(),
        })
        .collect();
    let listed: HashSet<Pin> = roster.boxes.iter().map(|entry| entry.pin).collect();
    let removed: HashSet<Pin> = roster.removed.iter().copied().collect();
    let invites: HashMap<Pin, &FleetInvite> =
        roster.invites.iter().map(|invite| (invite.key, invite)).collect();
    let mut used: HashMap<Pin, u32> = HashMap::new();
    for of in announced {
        let pin = of.announcement.pin;
        if listed.contains(&pin) {
            continue;
        }
        let invite = invites.get(&of.enrolment);
        let count = used.entry(of.enrolment).or_default();
        let standing = match invite {
            _ if removed.contains(&pin) => BoxStanding::Removed,
            Some(invite) => invite_standing(invite, of, *count),
            None => BoxStanding::UnknownInvite,
        };
        *count += u32::from(matches!(standing, BoxStanding::ByInvite | BoxStanding::Pending));
        boxes.push(FleetBox {
            name: of.announcement.name.clone(),
            pin,
            tags: invite.map(|invite| invite.tags.clone()).unwrap_or_default(),
            standing,
            enrolment: Some(of.enrolment),
        });
    }
    boxes
}

/// The people of a fleet: those of the roster, and those with a device that has announced itself with an invite that was not
/// used before. The invite, not the announcement, gives the name.
pub fn people(roster: &Roster, announcements: &[VerifiedAnnouncement]) -> Vec<PersonEntry> {
    let mut people = roster.people.clone();
    for of in announcements {
        let invite = roster.invites.iter().find(|invite| invite.key == of.enrolment);
        let Some(FleetInvite {
            invites: Invited::Person { name, role }, tags, uses, until, ..
        }) = invite
        else {
            continue;
        };
        let pin = of.announcement.pin;
        let is_person = of.announcement.kind == AnnouncementKind::Person;
        let is_good = *uses > 0 && of.stored_at <= *until;
        if is_person && is_good && !people.iter().any(|person| person.pin == pin) {
            people.push(PersonEntry { name: name.clone(), pin, role: *role, tags: tags.clone() });
        }
    }
    people
}

/// The next version of a roster with the boxes and people that are members by an invite: they stay members after the end of
/// the invite. An invite has as many uses less. An announced box of a taken name gets the beginning of its pin after it. Invites
/// that ended are left out.
pub fn merge(
    roster: &Roster,
    announcements: &[VerifiedAnnouncement],
    now: crate::time::Time,
) -> Roster {
    let mut next = roster.next(now);
    let use_invite = |invites: &mut Vec<FleetInvite>, key: Pin| {
        if let Some(invite) = invites.iter_mut().find(|invite| invite.key == key) {
            invite.uses = invite.uses.saturating_sub(1);
        }
    };
    for of in boxes(roster, announcements) {
        if let (BoxStanding::ByInvite, Some(key)) = (of.standing, of.enrolment) {
            let name = free_name(&next, &of.name, &of.pin);
            next.boxes.push(BoxEntry { name, ..of.entry() });
            use_invite(&mut next.invites, key);
        }
    }
    for person in people(roster, announcements).into_iter().skip(roster.people.len()) {
        let key = announcements.iter().find(|of| of.announcement.pin == person.pin);
        if let Some(of) = key {
            use_invite(&mut next.invites, of.enrolment);
        }
        next.people.push(person);
    }
    next.invites.retain(|invite| invite.until > now);
    next
}

/// A name that no box of the roster has: the wanted one, or the beginning of the box's pin after it.
pub fn free_name(roster: &Roster, wanted: &str, pin: &Pin) -> String {
    let is_taken = |name: &str| roster.boxes.iter().any(|entry| entry.name == name);
    let digits = digits(pin);
    let wanted = if wanted.is_empty() { "box" } else { wanted };
    let kept: String = wanted.chars().take(crate::text::MAX_NAME - 9).collect();
    match is_taken(wanted) {
        false => wanted.to_owned(),
        true => format!("{kept}-{}", &digits[..8]),
    }
}

/// Whether a person with these tags may use a box with those: one without tags may use all.
pub fn may_use(person_tags: &[String], box_tags: &[String]) -> bool {
    person_tags.is_empty() || person_tags.iter().any(|tag| box_tags.contains(tag))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::Announcement;
    use crate::role::Role;
    use crate::time::Time;

    fn pin(byte: u8) -> Pin {
        Pin::from_bytes([byte; 32])
    }

    fn at(seconds: i64) -> Time {
        Time::from_millis(seconds * 1000)
    }

    fn announced(kind: AnnouncementKind, of: u8, enrolment: u8, time: i64) -> VerifiedAnnouncement {
        let fleet = "garden".parse().unwrap();
        let (name, made_at) = (format!("n{of}"), at(time));
        let announcement = Announcement { kind, fleet, name, pin: pin(of), made_at };
        let (sequence, stored_at) = (time.unsigned_abs(), at(time));
        VerifiedAnnouncement { announcement, enrolment: pin(enrolment), sequence, stored_at }
    }

    fn of_box(of: u8, enrolment: u8, time: i64) -> VerifiedAnnouncement {
        announced(AnnouncementKind::Box, of, enrolment, time)
    }

    fn invite(key: u8, invites: Invited, uses: u32) -> FleetInvite {
        FleetInvite { key: pin(key), invites, tags: vec!["pumps".into()], uses, until: at(100) }
    }

    fn roster(invites: Vec<FleetInvite>) -> Roster {
        let mut roster = Roster::new("garden".parse().unwrap(), Vec::new(), at(0));
        roster.boxes.push(BoxEntry { name: "n1".into(), pin: pin(1), tags: Vec::new() });
        roster.removed.push(pin(2));
        roster.invites = invites;
        roster
    }

    fn standings(roster: &Roster, all: &[VerifiedAnnouncement]) -> Vec<(Pin, BoxStanding)> {
        boxes(roster, all).iter().map(|of| (of.pin, of.standing)).collect()
    }

    #[test]
    fn the_first_boxes_of_an_invite_are_members_in_the_order_of_the_hub() {
        let roster = roster(vec![invite(50, Invited::Box { auto: true }, 2)]);
        let all = [
            of_box(6, 50, 101),
            of_box(5, 50, 13),
            of_box(4, 50, 12),
            of_box(3, 50, 11),
            of_box(2, 50, 10),
            of_box(1, 50, 9),
            of_box(7, 51, 8),
        ];
        assert_eq!(
            standings(&roster, &all),
            [
                (pin(1), BoxStanding::Listed),
                (pin(7), BoxStanding::UnknownInvite),
                (pin(2), BoxStanding::Removed),
                (pin(3), BoxStanding::ByInvite),
                (pin(4), BoxStanding::ByInvite),
                (pin(5), BoxStanding::UsedUp),
                (pin(6), BoxStanding::Expired),
            ]
        );
        // The announcement of a listed box uses nothing up.
        let merged = merge(&roster, &all, at(20));
        assert_eq!((merged.version, merged.invites[0].uses), (2, 0));
        let names: Vec<&str> = merged.boxes.iter().map(|of| of.name.as_str()).collect();
        assert_eq!(names, ["n1", "n3", "n4"]);
        assert_eq!(merged.boxes[1].tags, ["pumps"]);
        assert_eq!(standings(&merged, &all[1..2])[3], (pin(5), BoxStanding::UsedUp));
        assert_eq!(merge(&roster, &all, at(200)).invites, []);
    }

    #[test]
    fn a_box_waits_for_an_admin_without_auto_and_none_joins_by_the_invite_of_a_person() {
        let person = Invited::Person { name: "anna".into(), role: Role::Viewer };
        let roster =
            roster(vec![invite(50, Invited::Box { auto: false }, 1), invite(51, person, 1)]);
        let all = [of_box(3, 50, 11), of_box(4, 51, 12), of_box(5, 50, 13)];
        assert_eq!(
            standings(&roster, &all)[1..],
            [
                (pin(3), BoxStanding::Pending),
                (pin(4), BoxStanding::UnknownInvite),
                (pin(5), BoxStanding::UsedUp),
            ]
        );
        assert_eq!(merge(&roster, &all, at(20)).boxes.len(), 1);
        assert_eq!(people(&roster, &all), []);
        for standing in [BoxStanding::Pending, BoxStanding::Expired, BoxStanding::Removed] {
            assert!(!standing.is_member() && standing.why_no_member().is_some());
        }
    }

    #[test]
    fn a_person_joins_by_an_invite_that_is_listed_and_not_used() {
        let person = |uses| {
            let invites = Invited::Person { name: "anna".into(), role: Role::Operator };
            roster(vec![invite(50, invites, uses)])
        };
        let device = announced(AnnouncementKind::Person, 3, 50, 11);
        let anna = PersonEntry {
            name: "anna".into(),
            pin: pin(3),
            role: Role::Operator,
            tags: vec!["pumps".into()],
        };
        let all = std::slice::from_ref(&device);
        assert_eq!(people(&person(1), all), std::slice::from_ref(&anna));
        assert_eq!(people(&person(0), all), []);
        assert_eq!(people(&person(1), &[announced(AnnouncementKind::Person, 3, 50, 101)]), []);
        let merged = merge(&person(1), all, at(20));
        assert_eq!((&merged.people, merged.invites[0].uses), (&vec![anna.clone()], 0));
        assert_eq!(people(&merged, all), [anna]);
    }

    #[test]
    fn a_taken_name_gets_the_beginning_of_the_pin() {
        let roster = roster(Vec::new());
        assert_eq!(free_name(&roster, "n2", &pin(7)), "n2");
        assert_eq!(free_name(&roster, "n1", &pin(7)), "n1-07070707");
        assert_eq!(free_name(&roster, "", &pin(7)), "box");
    }

    #[test]
    fn tags_limit_what_a_person_may_use() {
        let tags = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert!(may_use(&[], &[]) && may_use(&[], &tags("a")));
        assert!(may_use(&tags("a b"), &tags("b c")));
        assert!(!may_use(&tags("a"), &tags("b")) && !may_use(&tags("a"), &[]));
    }
}
