//! Verbs of a box about its fleet: `join`, `leave`.

use std::io::{self, Read};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use topside_shared::Time;
use topside_shared::dirs::Dirs;
use topside_shared::fleet::{
    Enrolment, Invited, JoinString, ROSTER_KEY, RosterError, VerifiedRoster, box_key, presence_key,
};
use topside_shared::hub::{
    BucketError, ConnectHubError, FleetName, HubAccessError, HubConnection, HubRole, digits,
};
use topside_shared::methods::ServerReload;
use topside_shared::private_key::{PrivateKey, PrivateKeyError};

use crate::admission::tcp_port::stored_pin;
use crate::base::platform;
use crate::control::{ControlError, call_if_running, own_state};
use crate::net::fleet_files::{self, FleetFileError, Membership};

/// How long a box that leaves waits for the hub.
const FAREWELL: Duration = Duration::from_secs(5);

/// Arguments of `join`.
#[derive(Debug, Args)]
pub(crate) struct JoinArgs {
    /// The string that `topside fleet invite-box` printed; `-` reads it from standard input
    #[arg(required_unless_present = "file")]
    string: Vec<String>,
    /// File that the string is in
    #[arg(long, value_name = "FILE", conflicts_with = "string")]
    file: Option<PathBuf>,
    /// Credentials file of the box, for a hub with a user for each box; the box keeps a copy
    #[arg(long, value_name = "FILE")]
    credentials: Option<PathBuf>,
}

/// Why nothing was done, as a sentence with advice and without a full stop.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FleetVerbError {
    #[error("{} cannot be written: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("{} cannot be read: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("standard input cannot be read: {0}")]
    Input(#[source] io::Error),
    #[error(transparent)]
    PrivateKey(#[from] PrivateKeyError),
    #[error(transparent)]
    Access(#[from] HubAccessError),
    #[error(
        "this string has no invite: it is a copy of a member's, and `topside fleet invite-box` prints a new one"
    )]
    NoInvite,
    #[error("the credentials are for {user}, and the user of the box is {own} (`topsided id`)")]
    OtherUser { user: String, own: String },
    #[error("the box has no key yet: `topsided id` makes it, and the user is named by it")]
    NoKey,
    #[error("the box has joined the fleet {0}: `topsided leave` first, then join {1}")]
    OtherFleet(FleetName, FleetName),
    #[error(
        "this string expired at {until}, and the clock of the box says {now}: ask for a new one (`topside fleet invite-box`)"
    )]
    Expired { until: Time, now: Time },
    #[error(
        "this string is used up: as many boxes as it allows have joined. Ask for a new one (`topside fleet invite-box`)"
    )]
    UsedUp,
    #[error(
        "the fleet {0} does not know this string: it was withdrawn, or has expired. Ask for a new one (`topside fleet invite-box`)"
    )]
    UnknownInvite(FleetName),
    #[error(
        "the box was removed from the fleet {0}, and its key is not accepted there any more: an admin of the fleet restores it with `topside fleet accept`"
    )]
    Removed(FleetName),
    #[error("{0}; the box has not joined")]
    Hub(#[from] ConnectHubError),
    #[error("{0}; the box has not joined")]
    Bucket(#[from] BucketError),
    #[error("{0}; the box has not joined")]
    Roster(#[from] RosterError),
    #[error(transparent)]
    File(#[from] FleetFileError),
    #[error(transparent)]
    Control(#[from] ControlError),
    #[error("no runtime: {0}")]
    Runtime(#[source] io::Error),
}

/// Joins a fleet. What to print.
pub(crate) fn join(dirs: &Dirs, args: &JoinArgs) -> Result<String, FleetVerbError> {
    let mut join = JoinString::find(&read_string(args)?, HubRole::Box)?;
    state_of(dirs)?;
    if let Some(path) = &args.credentials {
        let user = fleet_files::read_credentials(path)?;
        let own = digits(&stored_pin(&dirs.state)?.ok_or(FleetVerbError::NoKey)?);
        if user.name() != own {
            return Err(FleetVerbError::OtherUser { user: user.name().to_owned(), own });
        }
        join.access.user = Some(user);
    }
    let fleet = &join.access.fleet;
    if let Ok(Some(before)) = fleet_files::membership(&dirs.state)
        && before.join.authority != join.authority
    {
        return Err(FleetVerbError::OtherFleet(before.join.access.fleet, fleet.clone()));
    }
    let enrolment = join.enrolment.as_ref().ok_or(FleetVerbError::NoInvite)?;
    let (until, now) = (enrolment.until, Time::now());
    if until <= now {
        return Err(FleetVerbError::Expired { until, now });
    }
    let (note, standing) = match block_on(check(dirs, &join, enrolment))? {
        Ok(auto) => (String::new(), Some(auto)),
        // A box may join before it is on the network.
        Err(FleetVerbError::Hub(error)) if !error.is_lasting() => {
            (format!("note: {error}; the server will try again\n"), None)
        }
        Err(error) => return Err(error),
    };
    fleet_files::write_membership(&dirs.state, &Membership::new(join.clone()))?;
    let then = match read_again(dirs)? {
        true => "the running server announces the box now",
        false => "the server will announce the box once it runs",
    };
    let member = match standing {
        Some(true) => "The box is a member from then on",
        Some(false) => {
            "An admin of the fleet sees it with `topside fleet pending`, and accepts it with `topside fleet accept NAME`"
        }
        None => "`topside status` shows when it is a member",
    };
    Ok(format!("{note}Joined the fleet {fleet} ({}): {then}.\n{member}.\n", join.access.places()))
}

fn read_string(args: &JoinArgs) -> Result<String, FleetVerbError> {
    let limit = 64 * 1024;
    let mut text = String::new();
    match &args.file {
        Some(path) => {
            let failed = |source| FleetVerbError::Read { path: path.clone(), source };
            let file = std::fs::File::open(path).map_err(failed)?;
            file.take(limit).read_to_string(&mut text).map_err(failed)?;
        }
        None if args.string == ["-"] => {
            io::stdin().take(limit).read_to_string(&mut text).map_err(FleetVerbError::Input)?;
        }
        // It may have been pasted with spaces in it.
        None => text = args.string.join(" "),
    }
    Ok(text)
}

/// Checks at the hub that the box can join; whether it is a member at once.
async fn check(
    dirs: &Dirs,
    join: &JoinString,
    enrolment: &Enrolment,
) -> Result<bool, FleetVerbError> {
    let fleet = &join.access.fleet;
    let hub = HubConnection::open(&join.access).await?;
    let no_bucket = || BucketError::NoBucket(fleet.clone());
    let entry = hub.bucket().get(ROSTER_KEY).await?.ok_or_else(no_bucket)?;
    let roster = VerifiedRoster::read(&entry.value, &join.authority, fleet)?;
    let roster = roster.roster();
    if let Some(pin) = stored_pin(&dirs.state)? {
        if roster.boxes.iter().any(|of| of.pin == pin) {
            return Ok(true);
        }
        if roster.removed.contains(&pin) {
            return Err(FleetVerbError::Removed(fleet.clone()));
        }
    }
    let key = PrivateKey::from_seed(&enrolment.seed)?.pin();
    let invite = roster.invites.iter().find(|invite| invite.key == key);
    let invite = invite.ok_or_else(|| FleetVerbError::UnknownInvite(fleet.clone()))?;
    match invite.invites {
        _ if invite.uses == 0 => Err(FleetVerbError::UsedUp),
        Invited::Box { auto } => Ok(auto),
        Invited::Person { .. } => Err(FleetVerbError::UnknownInvite(fleet.clone())),
    }
}

/// Leaves the fleet. What to print.
pub(crate) fn leave(dirs: &Dirs) -> Result<String, FleetVerbError> {
    state_of(dirs)?;
    let membership = fleet_files::membership(&dirs.state);
    if !fleet_files::remove(&dirs.state)? {
        return Ok("The box has joined no fleet\n".to_owned());
    }
    read_again(dirs)?;
    let (Ok(Some(membership)), Some(pin)) = (membership, stored_pin(&dirs.state)?) else {
        return Ok("Left the fleet\n".to_owned());
    };
    let fleet = &membership.join.access.fleet;
    let withdraw = async {
        let bucket = HubConnection::open(&membership.join.access).await.ok()?.bucket();
        bucket.delete(&box_key(&pin)).await.ok()?;
        bucket.delete(&presence_key(&pin)).await.ok()
    };
    let withdrawn = block_on(async { tokio::time::timeout(FAREWELL, withdraw).await })?;
    let note = match withdrawn {
        Ok(Some(())) => "",
        Ok(None) | Err(_) => {
            "note: the hub was not reached, and still has the announcement of the box\n"
        }
    };
    Ok(format!(
        "{note}Left the fleet {fleet}: its people are not admitted any more. An admin of the fleet takes the box off the \
         roster with `topside fleet remove`\n"
    ))
}

/// Has the running server look which fleet the box has joined; whether one runs.
fn read_again(dirs: &Dirs) -> Result<bool, ControlError> {
    match call_if_running(dirs, &ServerReload::default()) {
        // A mistake in other files does not concern the hub.
        Err(ControlError::Refused(_)) => Ok(true),
        result => result,
    }
}

/// Runs a future to its end.
fn block_on<T>(work: impl Future<Output = T>) -> Result<T, FleetVerbError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(FleetVerbError::Runtime)?;
    let done = runtime.block_on(work);
    // A lookup of a name may take long, and its result is not needed any more.
    runtime.shutdown_background();
    Ok(done)
}

/// Makes the state directory. That of another user is refused, but for root the one of the service.
fn state_of(dirs: &Dirs) -> Result<(), FleetVerbError> {
    if dirs.means_service() {
        return Err(ControlError::Service.into());
    }
    if *dirs == Dirs::system() && platform::own_uid() == 0 && dirs.state.exists() {
        return Ok(());
    }
    own_state(dirs)?;
    platform::private_directory(&dirs.state)
        .map_err(|source| FleetVerbError::Write { path: dirs.state.clone(), source })
}
