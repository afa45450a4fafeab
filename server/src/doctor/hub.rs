//! The hub of the fleet that the box has joined: whether it can be reached, accepts the box, and has the server listening; and
//! how the box stands to the fleet.

use std::path::Path;

use topside_shared::Time;
use topside_shared::methods::FleetStatus;
use topside_shared::text::duration;

use crate::doctor::diagnose::Verdict;

/// Difference of two clocks that is reported, in milliseconds.
const CLOCKS_DIFFER: u64 = 30_000;
/// Age of a roster that is reported, in milliseconds.
const OLD_ROSTER: u64 = 24 * 60 * 60 * 1000;

/// What the hub says of its clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(feature = "hub"), allow(dead_code, reason = "then no box has joined a hub"))]
pub(super) enum HubClock {
    /// It did not say.
    Unknown,
    /// How far the clock of the box is ahead of the hub's, in milliseconds.
    Ahead(i64),
    /// Its permissions do not let the box ask: they are of an earlier version.
    NotPermitted,
}

#[derive(Debug, Clone)]
#[cfg_attr(not(feature = "hub"), allow(dead_code, reason = "then no box has joined a hub"))]
pub(super) struct HubFacts {
    /// Fleet and addresses; where the file cannot be used, the file.
    pub(super) shown: String,
    /// How the box identifies itself at the hub.
    pub(super) user: String,
    /// Whether a connection by the credential of the box was accepted, and the roster could be read.
    pub(super) answer: Result<(), String>,
    pub(super) clock: HubClock,
    /// What the server says of the fleet; none: no server answers.
    pub(super) fleet: Option<FleetStatus>,
}

/// The facts about the hub; none if the box has joined none.
#[cfg(feature = "hub")]
pub(super) async fn collect(state: &Path, fleet: Option<FleetStatus>) -> Option<HubFacts> {
    use topside_shared::fleet::{ROSTER_KEY, VerifiedRoster};
    use topside_shared::hub::{BucketError, HubConnection};

    use crate::admission::tcp_port::stored_pin;
    use crate::net::fleet_files;

    let join = match fleet_files::membership(state) {
        Ok(membership) => membership?.join,
        Err(error) => {
            let (shown, user) = ("the joined hub".to_owned(), String::new());
            let (answer, clock) = (Err(error.to_string()), HubClock::Unknown);
            return Some(HubFacts { shown, user, answer, clock, fleet });
        }
    };
    let access = &join.access;
    let shown = format!("{} ({})", access.fleet, access.places());
    let user = match &access.user {
        Some(user) => format!("the user `{}`", user.name()),
        None => "the credential `box`".to_owned(),
    };
    let mut clock = HubClock::Unknown;
    let answer = async {
        let hub = HubConnection::open(access).await.map_err(|error| error.to_string())?;
        let entry = hub.bucket().get(ROSTER_KEY).await.map_err(|error| error.to_string())?;
        let entry = entry.ok_or_else(|| format!("the hub has no roster of {}", access.fleet))?;
        let read = VerifiedRoster::read(&entry.value, &join.authority, &access.fleet);
        read.map_err(|error| error.to_string())?;
        if let Ok(Some(pin)) = stored_pin(state) {
            clock = match hub.bucket().clock_ahead(&pin).await {
                Ok(ahead) => HubClock::Ahead(ahead),
                Err(BucketError::NotPermitted) => HubClock::NotPermitted,
                Err(_) => HubClock::Unknown,
            };
        }
        Ok(())
    };
    Some(HubFacts { answer: answer.await, shown, user, clock, fleet })
}

#[cfg(not(feature = "hub"))]
pub(super) async fn collect(_state: &Path, _fleet: Option<FleetStatus>) -> Option<HubFacts> {
    None
}

impl HubFacts {
    /// The findings, each with its subject.
    pub(super) fn findings(&self, now: Time) -> Vec<(&'static str, Verdict, String)> {
        let all = [
            ("hub", Some(self.judge())),
            ("hub clock", self.judge_clock()),
            ("fleet", self.judge_fleet(now)),
        ];
        all.into_iter()
            .filter_map(|(subject, found)| found.map(|(verdict, text)| (subject, verdict, text)))
            .collect()
    }

    /// The finding about the clock of the hub.
    fn judge_clock(&self) -> Option<(Verdict, String)> {
        let ahead = match self.clock {
            HubClock::Ahead(ahead) => ahead,
            HubClock::Unknown => return None,
            HubClock::NotPermitted => {
                let text = "the hub does not let the box ask for its clock, because an earlier Topside set it up: on the hub, \
                            `sudo topsided hub update /etc/topside-hub`, then `sudo systemctl restart topside-hub`; where each \
                            box has a user of its own, its signing key needs the permissions of docs/FLEET.md";
                return Some((Verdict::Warn, text.to_owned()));
            }
        };
        let by = duration(ahead.unsigned_abs());
        Some(if ahead.unsigned_abs() <= CLOCKS_DIFFER {
            (Verdict::Ok, format!("the clocks of the box and of the hub agree within {by}"))
        } else {
            let where_to = if ahead > 0 { "ahead of" } else { "behind" };
            let text = format!(
                "the clock of the box is {by} {where_to} that of the hub, so invites and the age of the roster are judged \
                 wrongly: set the one that is wrong (`timedatectl`)"
            );
            (Verdict::Warn, text)
        })
    }

    /// The finding about the hub.
    fn judge(&self) -> (Verdict, String) {
        let Self { shown, user, answer, fleet, .. } = self;
        match (answer, fleet.as_ref().map(|fleet| fleet.connected)) {
            (Err(why), _) => (Verdict::Fail, why.clone()),
            (Ok(()), Some(true)) => {
                (Verdict::Ok, format!("{shown} accepts {user}, and the server listens there"))
            }
            (Ok(()), Some(false)) => (
                Verdict::Fail,
                format!(
                    "{shown} accepts {user}, but the server does not listen there: see the log (`topside log`)"
                ),
            ),
            (Ok(()), None) => {
                (Verdict::Warn, format!("{shown} accepts {user}, but no server answers"))
            }
        }
    }

    /// The finding about the fleet; none if no server answers.
    fn judge_fleet(&self, now: Time) -> Option<(Verdict, String)> {
        let fleet = self.fleet.as_ref()?;
        let name = &fleet.name;
        let people = match fleet.people {
            1 => "1 person".to_owned(),
            people => format!("{people} people"),
        };
        if let Some(problem) = &fleet.problem {
            return Some((Verdict::Fail, problem.clone()));
        }
        if let Some(why) = &fleet.why_no_member {
            return Some((Verdict::Warn, format!("the box is no member of {name}: {why}")));
        }
        let age = now.millis_since(fleet.roster_at?);
        let roster = format!("roster {}", fleet.roster_version?);
        Some(match age > OLD_ROSTER {
            true => (
                Verdict::Warn,
                format!(
                    "the hub has not had {roster} of {name} for {}: is it reachable?",
                    duration(age)
                ),
            ),
            false => (
                Verdict::Ok,
                format!(
                    "member of {name}, {people} admitted; {roster}, seen {} ago",
                    duration(age)
                ),
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fleet() -> FleetStatus {
        FleetStatus {
            name: "garden".to_owned(),
            hub: "h:4222".to_owned(),
            connected: true,
            member: true,
            why_no_member: None,
            roster_version: Some(7),
            roster_at: Some(Time::from_millis(0)),
            people: 2,
            problem: None,
        }
    }

    #[test]
    fn the_hub_is_well_where_the_server_listens_there() {
        let judge = |answer: Result<(), &str>, connected: Option<bool>| {
            let answer = answer.map_err(str::to_owned);
            let fleet = connected.map(|connected| FleetStatus { connected, ..fleet() });
            let (shown, user) = ("garden (h:4222)".to_owned(), "the credential `box`".to_owned());
            HubFacts { shown, user, answer, clock: HubClock::Unknown, fleet }.judge()
        };
        let (verdict, text) = judge(Ok(()), Some(true));
        assert_eq!(
            (verdict, &*text),
            (
                Verdict::Ok,
                "garden (h:4222) accepts the credential `box`, and the server listens there"
            )
        );
        assert_eq!(judge(Ok(()), Some(false)).0, Verdict::Fail);
        assert_eq!(judge(Ok(()), None).0, Verdict::Warn);
        assert_eq!(judge(Err("no answer"), Some(true)), (Verdict::Fail, "no answer".to_owned()));
    }

    #[test]
    fn clocks_may_differ_by_thirty_seconds() {
        let judge_of = |clock| {
            let (shown, user, answer) = (String::new(), String::new(), Ok(()));
            HubFacts { shown, user, answer, clock, fleet: None }.judge_clock()
        };
        let judge = |ahead| judge_of(HubClock::Ahead(ahead));
        let text = |ahead| judge(ahead).unwrap().1;
        for ahead in [0, 30_000, -30_000] {
            assert_eq!(judge(ahead).unwrap().0, Verdict::Ok, "{ahead}");
        }
        assert_eq!(text(-30_000), "the clocks of the box and of the hub agree within 30 s");
        for ahead in [30_001, -30_001, i64::MIN, i64::MAX] {
            assert_eq!(judge(ahead).unwrap().0, Verdict::Warn, "{ahead}");
        }
        assert!(
            text(120_000).starts_with("the clock of the box is 2 m 00 s ahead of that of the hub")
        );
        assert!(
            text(-120_000).starts_with("the clock of the box is 2 m 00 s behind that of the hub")
        );
        assert_eq!(judge_of(HubClock::Unknown), None);
    }

    #[test]
    fn the_fleet_is_well_while_the_box_is_a_member_and_the_roster_is_not_old() {
        let judge = |fleet: FleetStatus, now: u64| {
            let (shown, user, answer) = (String::new(), String::new(), Ok(()));
            let facts =
                HubFacts { shown, user, answer, clock: HubClock::Unknown, fleet: Some(fleet) };
            facts.judge_fleet(Time::from_millis(0).plus_millis(now)).unwrap()
        };
        let (verdict, text) = judge(fleet(), 90_000);
        assert_eq!(verdict, Verdict::Ok, "{text}");
        assert!(text.starts_with("member of garden, 2 people admitted; roster 7"), "{text}");
        assert_eq!(judge(fleet(), OLD_ROSTER + 1).0, Verdict::Warn);
        let waits = FleetStatus { why_no_member: Some("wait".to_owned()), ..fleet() };
        assert_eq!(
            judge(waits, 0),
            (Verdict::Warn, "the box is no member of garden: wait".to_owned())
        );
        let fault = FleetStatus { problem: Some("old".to_owned()), ..fleet() };
        assert_eq!(judge(fault, 0), (Verdict::Fail, "old".to_owned()));
    }
}
