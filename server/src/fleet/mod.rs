//! The fleet that the box has joined: announces the box, accepts newer rosters, and admits the people of the fleet. Works by the
//! accepted roster while the hub is away.

mod admission;
mod devices;
mod micro_service;
mod presence;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use topside_shared::fleet::{
    Announcement, AnnouncementKind, BoxStanding, FleetBox, Invited, ROSTER_KEY, RosterError,
    VerifiedAnnouncement, VerifiedRoster, box_key, boxes, may_use, people, person_key,
};
use topside_shared::hub::{Bucket, Entry, HubConnection};
use topside_shared::methods::FleetStatus;
use topside_shared::private_key::{PrivateKey, PrivateKeyError};
use topside_shared::{Pin, Time};

use crate::admission::tcp_port::KEY_FILE;
use crate::audit::action::AuditAction;
use crate::audit::entry::{By, Entry as AuditEntry};
use crate::base::identity::{Identity, Owner, Scope};
use crate::base::random;
use crate::net::fleet_files::{self, FleetFileError, Membership};
use crate::server::Server;

pub(crate) use admission::{left, restore};
pub(crate) use presence::say_stopping;

use admission::{open_tcp, set_people};
use devices::Devices;

/// Longest time between two reads of the roster: a change is delivered, and a delivery may be lost.
const REFRESH: Duration = Duration::from_secs(300);
/// The same after a failure.
const RETRY: Duration = Duration::from_secs(10);

/// What the box keeps of its fleet.
#[derive(Debug)]
pub(crate) struct Fleet {
    server: Arc<Server>,
    pub(crate) membership: Membership,
    pin: Pin,
    roster: Option<VerifiedRoster>,
    /// The announcement of the box, as the hub has it.
    own: Option<VerifiedAnnouncement>,
    devices: Devices,
    /// When the hub last had the accepted roster.
    confirmed_at: Option<Time>,
    problem: Option<String>,
    standing: Option<BoxStanding>,
}

/// Why the box cannot take part in its fleet.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FleetError {
    #[error(transparent)]
    File(#[from] FleetFileError),
    #[error(transparent)]
    Key(#[from] PrivateKeyError),
}

impl Fleet {
    /// Reads how the box joined, and signs its announcement; none if it has joined no fleet. Blocks for the disk.
    pub(crate) fn open(server: &Arc<Server>) -> Result<Option<(Self, PrivateKey)>, FleetError> {
        let state = server.now().config.state.clone();
        let Some(mut membership) = fleet_files::membership(&state)? else { return Ok(None) };
        let key = PrivateKey::load_or_make(&state.join(KEY_FILE))?;
        if let Some(enrolment) = &membership.join.enrolment {
            let announcement = Announcement {
                kind: AnnouncementKind::Box,
                fleet: membership.join.access.fleet.clone(),
                name: server.info.hostname.clone(),
                pin: key.pin(),
                made_at: Time::now(),
            };
            let signed = announcement.sign(&key, &PrivateKey::from_seed(&enrolment.seed)?)?;
            // The invite is not needed any more, and could enrol other boxes.
            let join = membership.join.without_enrolment();
            membership = Membership { join, announcement: Some(signed), stored: None };
            fleet_files::write_membership(&state, &membership)?;
        }
        let mut problem = None;
        let roster = fleet_files::roster(&state, &membership.join).unwrap_or_else(|error| {
            problem = Some(error.to_string());
            None
        });
        let mut fleet = Self {
            server: Arc::clone(server),
            pin: key.pin(),
            roster,
            own: None,
            devices: Devices::open(&state, &membership.join.access.fleet),
            confirmed_at: None,
            problem,
            standing: None,
            membership,
        };
        if let (Some(text), Some((sequence, stored_at))) =
            (fleet.membership.announcement.clone(), fleet.membership.stored)
        {
            let (key, value) = (box_key(&fleet.pin), text.into());
            fleet.own = fleet.verified(&Entry { key, value, sequence, stored_at });
        }
        Ok(Some((fleet, key)))
    }

    /// Takes part in the fleet through this connection, for ever or until the connection has ended for good.
    pub(crate) async fn attend(&mut self, hub: &HubConnection) {
        let bucket = hub.bucket();
        let (mut rosters, mut people, mut service) = loop {
            let watched = tokio::try_join!(
                bucket.watch(ROSTER_KEY),
                bucket.watch("person.*"),
                micro_service::MicroService::listen(hub, &self.server, self.pin)
            );
            match watched {
                Ok(watched) => break watched,
                Err(error) => self.set_problem(Some(error.to_string())),
            }
            self.apply();
            tokio::time::sleep(RETRY).await;
        };
        let mut heartbeat = presence::Heartbeat::new(&self.server, bucket.clone(), self.pin);
        let mut hub = hub.clone();
        loop {
            self.refresh(&bucket).await;
            let pause = if self.problem.is_some() { RETRY } else { REFRESH };
            let until = Instant::now() + random::jitter(pause);
            loop {
                tokio::select! {
                    () = sleep_until(until) => break,
                    // The roster is read again: the hub may have refused to store what it delivers.
                    change = rosters.next() => match change {
                        Some(_) => break,
                        None => return,
                    },
                    change = people.next() => match change {
                        Some(change) => {
                            let done = self.read_devices(&bucket, Some(&change.key)).await;
                            self.set_problem(done.err());
                            self.apply();
                        }
                        None => return,
                    },
                    () = hub.changed() => if hub.is_connected() { break },
                    () = heartbeat.beat(self.is_member()) => {}
                    () = service.answer() => {}
                }
            }
        }
    }

    /// Reads the roster and announcements, and announces the box where that is missing.
    async fn refresh(&mut self, bucket: &Bucket) {
        let roster = match bucket.get(ROSTER_KEY).await {
            Ok(Some(entry)) => self.take_roster(&entry.value).await,
            Ok(None) => Err(format!(
                "the hub has no roster of {}: an admin's next change of the fleet restores it",
                self.membership.join.access.fleet
            )),
            Err(error) => Err(error.to_string()),
        };
        let announced = match roster.is_ok() || self.roster.is_some() {
            true => self.announce(bucket).await,
            false => Ok(()),
        };
        let devices = self.read_devices(bucket, None).await;
        self.set_problem(roster.and(announced).and(devices).err());
        self.apply();
    }

    /// Accepts a roster that is newer than the accepted one. It is on the disk and in the audit log before it takes effect.
    async fn take_roster(&mut self, text: &[u8]) -> Result<(), String> {
        let join = &self.membership.join;
        let sentence = |error: RosterError| error.to_string();
        let found = VerifiedRoster::read(text, &join.authority, &join.access.fleet);
        let found = found.map_err(sentence)?;
        if let Some(held) = &self.roster
            && !found.replaces(held).map_err(sentence)?
        {
            self.confirmed_at = Some(Time::now());
            return Ok(());
        }
        let roster = found.roster();
        let (version, count) = (roster.version, roster.people.len());
        let entry = self.audit_entry(AuditAction::FleetRoster);
        let entry = entry.argv(vec![format!("version={version}"), format!("people={count}")]);
        self.server.audit.ahead(entry).await.map_err(|error| error.to_string())?;
        let kept = found.clone();
        let write =
            move |server: &Server| fleet_files::write_roster(&server.now().config.state, &kept);
        let written = self.server.blocking(write).await.map_err(|error| error.message)?;
        written.map_err(|error| error.to_string())?;
        tracing::info!(target: "topside", fleet = %join.access.fleet, version, "roster accepted");
        self.roster = Some(found);
        self.confirmed_at = Some(Time::now());
        Ok(())
    }

    fn audit_entry(&self, action: AuditAction) -> AuditEntry {
        let fleet = &self.membership.join.access.fleet;
        AuditEntry::new(By::named(format!("fleet {fleet}")), action, fleet.to_string())
            .result("done")
    }

    /// Announces the box, unless the roster lists it or an admin has removed it.
    async fn announce(&mut self, bucket: &Bucket) -> Result<(), String> {
        let Some(text) = self.membership.announcement.clone() else { return Ok(()) };
        let roster = self.roster.as_ref().map(VerifiedRoster::roster);
        let is_decided = roster.is_some_and(|roster| {
            roster.removed.contains(&self.pin) || roster.boxes.iter().any(|of| of.pin == self.pin)
        });
        if is_decided {
            return Ok(());
        }
        let key = box_key(&self.pin);
        let sentence = |error: topside_shared::hub::BucketError| error.to_string();
        let is_own = |entry: &Entry| entry.value == text.as_bytes();
        let mut stored = bucket.get(&key).await.map_err(sentence)?.filter(is_own);
        if stored.is_none() {
            bucket.put(&key, text.clone().into()).await.map_err(sentence)?;
            stored = bucket.get(&key).await.map_err(sentence)?.filter(is_own);
        }
        let Some(entry) = stored else { return Ok(()) };
        self.own = self.verified(&entry);
        let place = Some((entry.sequence, entry.stored_at));
        if self.membership.stored != place {
            self.membership.stored = place;
            let membership = self.membership.clone();
            let write = move |server: &Server| {
                fleet_files::write_membership(&server.now().config.state, &membership)
            };
            let written = self.server.blocking(write).await.map_err(|error| error.message)?;
            written.map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// Reads announcements of people: all of them, or the one with this key of the bucket.
    async fn read_devices(&mut self, bucket: &Bucket, only: Option<&str>) -> Result<(), String> {
        let Some(roster) = &self.roster else { return Ok(()) };
        let invites: Vec<Pin> = roster
            .roster()
            .invites
            .iter()
            .filter(|invite| matches!(invite.invites, Invited::Person { .. }))
            .map(|invite| invite.key)
            .filter(|key| only.is_none_or(|only| only == person_key(key)))
            .collect();
        let mut changed = only.is_none() && self.devices.keep_only(&invites);
        for invite in invites {
            let entry =
                bucket.get(&person_key(&invite)).await.map_err(|error| error.to_string())?;
            changed |= self.devices.take(invite, entry, &self.membership.join.access.fleet);
        }
        if !changed {
            return Ok(());
        }
        let entries = self.devices.entries();
        let write =
            move |server: &Server| fleet_files::write_devices(&server.now().config.state, &entries);
        let written = self.server.blocking(write).await.map_err(|error| error.message)?;
        written.map_err(|error| error.to_string())
    }

    fn verified(&self, entry: &Entry) -> Option<VerifiedAnnouncement> {
        VerifiedAnnouncement::read(entry, &self.membership.join.access.fleet)
    }

    fn is_member(&self) -> bool {
        self.standing.is_some_and(BoxStanding::is_member)
    }

    /// The box as the roster and its own announcement have it.
    fn own_row(&self) -> Option<FleetBox> {
        let roster = self.roster.as_ref()?.roster();
        let own: Vec<VerifiedAnnouncement> = self.own.iter().cloned().collect();
        let removed = roster.removed.contains(&self.pin);
        let found = boxes(roster, &own).into_iter().find(|of| of.pin == self.pin);
        // A removed box has no announcement any more.
        found.or_else(|| {
            removed.then(|| FleetBox {
                name: self.server.info.hostname.clone(),
                pin: self.pin,
                tags: Vec::new(),
                standing: BoxStanding::Removed,
                enrolment: None,
            })
        })
    }

    /// The people that the fleet admits to the box: none while it is no member.
    fn admitted(&self, own: Option<&FleetBox>) -> HashMap<Pin, Identity> {
        let (Some(roster), Some(own)) = (&self.roster, own) else { return HashMap::new() };
        if !own.standing.is_member() {
            return HashMap::new();
        }
        let devices = self.devices.announcements();
        let fleet = &self.membership.join.access.fleet;
        people(roster.roster(), &devices)
            .into_iter()
            .filter(|person| may_use(&person.tags, &own.tags))
            .map(|person| {
                let identity = Identity {
                    owner: Owner::Key(person.pin),
                    // Neither a user of this machine nor a key of the box has such a name.
                    user: format!("{}@{fleet}", person.name),
                    role: person.role,
                    scope: Scope::Whole,
                    agent: false,
                };
                (person.pin, identity)
            })
            .collect()
    }

    /// Applies the roster to the keys that are admitted and to live sessions, and opens the TCP port for the people of the
    /// fleet.
    pub(crate) fn apply(&mut self) {
        self.admit();
        if self.server.keys.admits_any() && self.server.tcp.opened().is_none() {
            let server = Arc::clone(&self.server);
            self.server.spawn(async move { open_tcp(&server).await });
        }
    }

    fn admit(&mut self) {
        let own = self.own_row();
        let fleet = self.membership.join.access.fleet.to_string();
        let standing = own.as_ref().map(|own| own.standing);
        if standing != self.standing {
            match standing.map(BoxStanding::why_no_member) {
                Some(None) => {
                    tracing::info!(target: "topside", fleet, "the box is a member of the fleet");
                }
                Some(Some(why)) => {
                    tracing::warn!(target: "topside", fleet, why, "the box is not a member of the fleet");
                }
                None => {}
            }
            self.standing = standing;
        }
        let admitted = self.admitted(own.as_ref());
        let count = admitted.len();
        set_people(&self.server, admitted, &fleet);
        let roster = self.roster.as_ref().map(VerifiedRoster::roster);
        let why = match standing {
            Some(standing) => standing.why_no_member(),
            None => Some("the box has not announced itself yet: it does so at the hub"),
        };
        self.server.hub.set_fleet(Some(FleetStatus {
            name: fleet,
            hub: self.membership.join.access.places(),
            connected: false,
            member: self.is_member(),
            why_no_member: why.map(str::to_owned),
            roster_version: roster.map(|roster| roster.version),
            roster_at: self.confirmed_at.or(roster.map(|roster| roster.made_at)),
            people: count as u64,
            problem: self.problem.clone(),
        }));
    }

    /// The hub cannot be reached: the accepted roster stays in force.
    pub(crate) fn unreachable(&mut self, why: &str) {
        // The listener logs it.
        self.problem = Some(why.to_owned());
        self.apply();
    }

    fn set_problem(&mut self, problem: Option<String>) {
        if self.problem != problem {
            if let Some(problem) = &problem {
                let fleet = &self.membership.join.access.fleet;
                tracing::warn!(target: "topside", %fleet, problem, "a fault of the fleet");
            }
            self.problem = problem;
        }
    }
}
