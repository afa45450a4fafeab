//! Fleets: many boxes and people on one hub, with trust set up once. Nothing here opens a connection: the functions decide by
//! the texts that the bucket of the fleet has (see [`Bucket`](crate::hub::Bucket)).
//!
//! **Create a fleet** (an admin's device): read the hub's string by [`HubCredentials::find`], make the authority by
//! [`PrivateKey::from_seed`] and [`Seed::random`], connect with `credentials.access(HubRole::Admin, &fleet)`, then
//! `hub.bucket().create()` and
//! `bucket.put_after("roster", text, 0)` with the text of `Roster::new(..).sign(&authority)`.
//!
//! **Read the roster**: `bucket.get(ROSTER_KEY)`, then [`VerifiedRoster::read`] with the authority's pin; then
//! [`VerifiedRoster::replaces`] with the roster that was accepted before. Keep [`VerifiedRoster::text`].
//!
//! **Change it**: take the entry with its sequence, `roster.next(now)` (or [`merge`] with all announcements, which lists those
//! who joined by an invite), change, sign, and `bucket.put_after(ROSTER_KEY, text, sequence)`. On
//! [`BucketError::Conflict`](crate::hub::BucketError::Conflict) read it again. If the hub has an older roster than the
//! accepted one, change the accepted one.
//!
//! **Invite**: a new [`Seed`]; a [`FleetInvite`] with the pin of its key in the roster; a [`JoinString`] with the seed, and
//! with `credentials.access(HubRole::Box or Person, &fleet)`.
//!
//! **Announce** (who holds a join string): [`Announcement::sign`] with the own key and the key of the seed, then
//! `bucket.put(box_key(&pin), ..)`, or `bucket.put_after(person_key(&enrolment), .., 0)`: the invite of a person is good for
//! one device. The member keeps [`JoinString::without_enrolment`].
//!
//! **Who is a member**: read all announcements (`bucket.list("box.*")`, `list("person.*")`, each by
//! [`VerifiedAnnouncement::read`]), then [`boxes`] and [`people`]. [`may_use`] compares tags.
//!
//! **Accept or refuse a box**: push [`FleetBox::entry`] to `boxes`, by [`free_name`], and lower the `uses` of its invite; or push its pin to
//! `removed` and delete its key. **Remove a box**: the same as refuse, and take it from `boxes`. **Remove a person**: take the
//! entry from `people`; the invite too, if it was not merged yet, and its key in the bucket.
//!
//! **Presence**: `bucket.list("presence.*")` and `bucket.watch("presence.*")`, each by [`Presence::read`]. A box is away
//! [`AWAY_AFTER`] its last record.
//!
//! Which credential writes what: `Box`: `box.*`, `presence.*`, `clock.*`. `Person`: `person.*`. `Admin`: everything.
//!
//! [`HubCredentials::find`]: crate::hub::HubCredentials::find
//! [`PrivateKey::from_seed`]: crate::private_key::PrivateKey::from_seed
//! [`Seed`]: crate::private_key::Seed
//! [`Seed::random`]: crate::private_key::Seed::random

mod announcement;
mod join_string;
mod membership;
mod presence;
mod roster;
mod signature;

pub use announcement::{Announcement, AnnouncementKind, VerifiedAnnouncement, box_key, person_key};
pub use join_string::{Enrolment, JoinString};
pub use membership::{BoxStanding, FleetBox, boxes, free_name, may_use, merge, people};
pub use presence::{AWAY_AFTER, PRESENCE_INTERVAL, Presence, PresenceState, presence_key};
pub use roster::{
    BoxEntry, FleetInvite, Invited, MAX_ROSTER, PersonEntry, Roster, RosterError, SignRosterError,
    VerifiedRoster,
};

/// The key of the roster in the bucket.
pub const ROSTER_KEY: &str = "roster";
