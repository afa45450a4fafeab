//! Verbs about the hub: `hub init`, `join`, `leave`.

use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};
use topside_shared::dirs::Dirs;
use topside_shared::fleet::{
    Enrolment, Invited, JoinString, ROSTER_KEY, RosterError, VerifiedRoster, box_key, presence_key,
};
use topside_shared::hub::{
    BucketError, ConnectHubError, FleetName, HubAccessError, HubConnection, HubCredentials,
    HubRole, JETSTREAM_DOMAIN, MAX_ADDRESSES, digits, publish_permissions, subscribe_permissions,
};
use topside_shared::methods::ServerReload;
use topside_shared::private_key::{PrivateKey, PrivateKeyError, Seed};
use topside_shared::{Pin, Time};

use crate::admission::tcp_port::KEY_FILE;
use crate::base::platform;
use crate::control::{ControlError, call_if_running, own_state};
use crate::net::fleet_files::{self, FleetFileError, Membership};
use crate::settings::discovery::is_host;

const CONFIG: &str = "nats-server.conf";
const KEY: &str = "hub.key";
const CERTIFICATE: &str = "hub.crt";
const STRING: &str = "string";
/// How long a box that leaves waits for the hub.
const FAREWELL: Duration = Duration::from_secs(5);
const STORE: &str = "jetstream";
const UNIT: &str = "topside-hub.service";

#[derive(Debug, Subcommand)]
pub(crate) enum HubVerb {
    /// Write what a hub needs: the configuration of a nats-server, its key, a unit, and the string of the hub
    Init(InitArgs),
}

/// Arguments of `hub init`.
#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// The directory, which is made
    dir: PathBuf,
    /// Host name or IP address at which boxes and people reach this machine; once for each server of a cluster
    #[arg(long = "address", value_name = "HOST", required = true, value_parser = host)]
    addresses: Vec<String>,
    /// Port of the hub
    #[arg(long, default_value_t = 4222, value_parser = clap::value_parser!(u16).range(1..))]
    port: u16,
}

/// Arguments of `join`.
#[derive(Debug, Args)]
pub(crate) struct JoinArgs {
    /// The string that `topside fleet invite-box` printed; `-` reads it from standard input
    #[arg(required_unless_present = "file")]
    string: Option<String>,
    /// File that the string is in
    #[arg(long, value_name = "FILE", conflicts_with = "string")]
    file: Option<PathBuf>,
    /// Credentials file of the box, for a hub with a user for each box; the box keeps a copy
    #[arg(long, value_name = "FILE")]
    credentials: Option<PathBuf>,
}

/// Why nothing was done, as a sentence with advice and without a full stop.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HubVerbError {
    #[error(
        "{} holds a hub already: its string is in {}; for another hub choose another directory",
        .0.display(), .0.join(STRING).display()
    )]
    Exists(PathBuf),
    #[error("a hub has at most {MAX_ADDRESSES} addresses, not {0}")]
    ManyAddresses(usize),
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

fn host(text: &str) -> Result<String, String> {
    match is_host(text) {
        true => Ok(text.to_owned()),
        false => {
            Err("it is an IP address or a host name such as hub.example.org, without a port"
                .to_owned())
        }
    }
}

/// Writes a hub. What to print.
pub(crate) fn init(args: &InitArgs) -> Result<String, HubVerbError> {
    let InitArgs { dir, addresses, port } = args;
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| HubVerbError::Write { path, source }
    };
    if dir.join(CONFIG).exists() || dir.join(KEY).exists() {
        return Err(HubVerbError::Exists(dir.clone()));
    }
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(failed(dir))?;
    let dir = std::fs::canonicalize(dir).map_err(failed(dir))?;
    let key = PrivateKey::from_seed(&Seed::random()?)?;
    if addresses.len() > MAX_ADDRESSES {
        return Err(HubVerbError::ManyAddresses(addresses.len()));
    }
    let places = addresses.iter().map(|address| (address.clone(), *port)).collect();
    let credentials = HubCredentials::random(key.pin(), places)?;
    let write = |name: &str, mode: u32, text: &str| {
        let path = dir.join(name);
        let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&path);
        let written = file.and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        });
        written.map_err(failed(&path))
    };
    write(KEY, 0o600, &key.private_pem())?;
    write(CERTIFICATE, 0o644, &key.certificate_pem())?;
    write(STRING, 0o600, &format!("{credentials}\n"))?;
    write(UNIT, 0o644, &unit(&dir))?;
    // The last: with it the hub is complete.
    write(CONFIG, 0o600, &configuration(addresses, *port, &credentials))?;
    let shown = dir.display();
    Ok(format!(
        "The hub is written to {shown}. Start it there by hand:\n\n  \
         cd {shown} && nats-server -c {CONFIG}\n\n\
         or as a service:\n\n  systemctl enable --now {shown}/{UNIT}\n\n\
         Its key is {}. Keep its string secret; it is in {shown}/{STRING} too. On the device of an admin it creates \
         a fleet, which makes the invites for boxes and people:\n\n  topside fleet create NAME --hub {credentials}\n",
        key.pin()
    ))
}

fn configuration(addresses: &[String], port: u16, credentials: &HubCredentials) -> String {
    let user = |role: HubRole| {
        let list = |subjects: Vec<String>| {
            let quoted = subjects.iter().map(|subject| format!("\"{subject}\""));
            quoted.collect::<Vec<_>>().join(", ")
        };
        format!(
            "    {{\n      user: \"{}\", password: \"{}\"\n      permissions: {{\n        \
             publish: {{ allow: [{}] }}\n        subscribe: {{ allow: [{}] }}\n      }}\n    }}\n",
            role.name(),
            credentials.password(role),
            list(publish_permissions(role)),
            list(subscribe_permissions(role)),
        )
    };
    let users: String = HubRole::ALL.into_iter().map(user).collect();
    // A wildcard of IPv6 takes IPv4 too, but a system may have no IPv6.
    let is_v6 = addresses.iter().any(|address| address.contains(':'));
    let listen = if is_v6 { "[::]" } else { "0.0.0.0" };
    format!(
        "# A hub of Topside, for nats-server: written by `topsided hub init`. It carries the bytes of sessions between\n\
         # people and boxes, which are encrypted from end to end, and can command no box.\n\
         # The names of files are relative: start nats-server in this directory.\n\n\
         listen: \"{listen}:{port}\"\n\
         server_name: \"topside-hub\"\n\n\
         # Boxes and people know the hub by the key in these files.\n\
         tls {{\n  cert_file: \"{CERTIFICATE}\"\n  key_file: \"{KEY}\"\n  timeout: 5\n}}\n\n\
         # One box has one connection, and each session of a person one.\n\
         max_connections: 65536\n\
         # The messages of a stream have at most 60 KiB, and the roster of a fleet 900 KiB.\n\
         max_payload: 1048576\n\
         # A connection that is dead is found within a minute.\n\
         ping_interval: \"20s\"\nping_max: 2\nwrite_deadline: \"10s\"\n\n\
         # The rosters of fleets. Leaf nodes reach them by the domain.\n\
         jetstream {{\n  store_dir: \"{STORE}\"\n  domain: \"{JETSTREAM_DOMAIN}\"\n  max_memory_store: 67108864\n  max_file_store: 4294967296\n}}\n\n\
         # There is no other user, and none without a password. Boxes cannot reach each other, and neither can people.\n\
         # Only the admin of fleets writes rosters.\n\
         authorization {{\n  timeout: 5\n  users: [\n{users}  ]\n}}\n",
    )
}

fn unit(dir: &Path) -> String {
    let dir = dir.display();
    // `GOGC`: with the default, the collection of garbage takes two fifths of a small hub's time while bytes pass it.
    format!(
        "[Unit]\nDescription=Hub of Topside (nats-server)\nWants=network-online.target\nAfter=network-online.target\n\n\
         [Service]\nDynamicUser=yes\n\
         LoadCredential={CONFIG}:{dir}/{CONFIG}\nLoadCredential={KEY}:{dir}/{KEY}\nLoadCredential={CERTIFICATE}:{dir}/{CERTIFICATE}\n\
         StateDirectory=topside-hub\n\
         WorkingDirectory=%d\nExecStart=nats-server -c {CONFIG} -sd %S/topside-hub\nExecReload=/bin/kill -s HUP $MAINPID\n\
         Restart=always\nRestartSec=1\nLimitNOFILE=131072\nEnvironment=GOGC=400\n\
         NoNewPrivileges=yes\nProtectSystem=strict\nProtectHome=yes\nPrivateTmp=yes\nPrivateDevices=yes\n\
         ProtectKernelTunables=yes\nProtectControlGroups=yes\nRestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX\n\
         CapabilityBoundingSet=CAP_NET_BIND_SERVICE\nAmbientCapabilities=CAP_NET_BIND_SERVICE\n\n\
         [Install]\nWantedBy=multi-user.target\n"
    )
}

/// Joins a fleet. What to print.
pub(crate) fn join(dirs: &Dirs, args: &JoinArgs) -> Result<String, HubVerbError> {
    let mut join = JoinString::find(&read_string(args)?, HubRole::Box)?;
    state_of(dirs)?;
    if let Some(path) = &args.credentials {
        let user = fleet_files::read_credentials(path)?;
        let own = digits(&own_pin(dirs)?.ok_or(HubVerbError::NoKey)?);
        if user.name() != own {
            return Err(HubVerbError::OtherUser { user: user.name().to_owned(), own });
        }
        join.access.user = Some(user);
    }
    let fleet = &join.access.fleet;
    if let Ok(Some(before)) = fleet_files::membership(&dirs.state)
        && before.join.authority != join.authority
    {
        return Err(HubVerbError::OtherFleet(before.join.access.fleet, fleet.clone()));
    }
    let enrolment = join.enrolment.as_ref().ok_or(HubVerbError::NoInvite)?;
    let (until, now) = (enrolment.until, Time::now());
    if until <= now {
        return Err(HubVerbError::Expired { until, now });
    }
    let (note, standing) = match block_on(check(dirs, &join, enrolment))? {
        Ok(auto) => (String::new(), Some(auto)),
        // A box may join before it is on the network.
        Err(HubVerbError::Hub(error)) if !error.is_lasting() => {
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

fn read_string(args: &JoinArgs) -> Result<String, HubVerbError> {
    let limit = 64 * 1024;
    let mut text = String::new();
    match (&args.string, &args.file) {
        (Some(string), _) if string != "-" => text.clone_from(string),
        (_, Some(path)) => {
            let failed = |source| HubVerbError::Read { path: path.clone(), source };
            let file = std::fs::File::open(path).map_err(failed)?;
            file.take(limit).read_to_string(&mut text).map_err(failed)?;
        }
        (_, None) => {
            io::stdin().take(limit).read_to_string(&mut text).map_err(HubVerbError::Input)?;
        }
    }
    Ok(text)
}

/// Checks at the hub that the box can join; whether it is a member at once.
async fn check(
    dirs: &Dirs,
    join: &JoinString,
    enrolment: &Enrolment,
) -> Result<bool, HubVerbError> {
    let fleet = &join.access.fleet;
    let hub = HubConnection::open(&join.access).await?;
    let no_bucket = || BucketError::NoBucket(fleet.clone());
    let entry = hub.bucket().get(ROSTER_KEY).await?.ok_or_else(no_bucket)?;
    let roster = VerifiedRoster::read(&entry.value, &join.authority, fleet)?;
    let roster = roster.roster();
    if let Some(pin) = own_pin(dirs)? {
        if roster.boxes.iter().any(|of| of.pin == pin) {
            return Ok(true);
        }
        if roster.removed.contains(&pin) {
            return Err(HubVerbError::Removed(fleet.clone()));
        }
    }
    let key = PrivateKey::from_seed(&enrolment.seed)?.pin();
    let invite = roster.invites.iter().find(|invite| invite.key == key);
    let invite = invite.ok_or_else(|| HubVerbError::UnknownInvite(fleet.clone()))?;
    match invite.invites {
        _ if invite.uses == 0 => Err(HubVerbError::UsedUp),
        Invited::Box { auto } => Ok(auto),
        Invited::Person { .. } => Err(HubVerbError::UnknownInvite(fleet.clone())),
    }
}

/// The pin of the box; none if its server has no key yet.
fn own_pin(dirs: &Dirs) -> Result<Option<Pin>, HubVerbError> {
    Ok(PrivateKey::load(&dirs.state.join(KEY_FILE))?.map(|key| key.pin()))
}

/// Leaves the fleet. What to print.
pub(crate) fn leave(dirs: &Dirs) -> Result<String, HubVerbError> {
    state_of(dirs)?;
    let membership = fleet_files::membership(&dirs.state);
    if !fleet_files::remove(&dirs.state)? {
        return Ok("The box has joined no fleet\n".to_owned());
    }
    read_again(dirs)?;
    let (Ok(Some(membership)), Some(pin)) = (membership, own_pin(dirs)?) else {
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
fn block_on<T>(work: impl Future<Output = T>) -> Result<T, HubVerbError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(HubVerbError::Runtime)?;
    let done = runtime.block_on(work);
    // A lookup of a name may take long, and its result is not needed any more.
    runtime.shutdown_background();
    Ok(done)
}

/// Makes the state directory. That of another user is refused, but for root the one of the service.
fn state_of(dirs: &Dirs) -> Result<(), HubVerbError> {
    if dirs.means_service() {
        return Err(ControlError::Service.into());
    }
    if *dirs == Dirs::system() && platform::own_uid() == 0 && dirs.state.exists() {
        return Ok(());
    }
    own_state(dirs)?;
    platform::private_directory(&dirs.state)
        .map_err(|source| HubVerbError::Write { path: dirs.state.clone(), source })
}
