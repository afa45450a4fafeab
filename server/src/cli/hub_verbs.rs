//! Verbs about a hub, on the machine of the hub: `hub init`, `hub update`.

use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use topside_shared::hub::{
    HubAccessError, HubCredentials, HubRole, JETSTREAM_DOMAIN, MAX_ADDRESSES, publish_permissions,
    subscribe_permissions,
};
use topside_shared::private_key::{PrivateKey, PrivateKeyError, Seed};

use crate::base::atomic_file;
use crate::settings::discovery::is_host;

const CONFIG: &str = "nats-server.conf";
const KEY: &str = "hub.key";
const CERTIFICATE: &str = "hub.crt";
const STRING: &str = "string";
const STORE: &str = "jetstream";
const UNIT: &str = "topside-hub.service";
/// The first line of the users in the configuration, and the last one.
const USERS: (&str, &str) = ("authorization {\n", "\n}\n");

#[derive(Debug, Subcommand)]
pub(crate) enum HubVerb {
    /// Write what a hub needs: the configuration of a nats-server, its key, a unit, and the string of the hub
    Init(InitArgs),
    /// Give a hub of an earlier Topside the permissions of this version; the rest of its configuration stays as it is
    Update {
        /// The directory that `hub init` made
        dir: PathBuf,
    },
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
    #[error("{} cannot be used: {why}", path.display())]
    String { path: PathBuf, why: HubAccessError },
    #[error(
        "{} has no block `authorization {{ .. }}` as `topsided hub init` writes it; where each box has a user of its own, the \
         page about fleets has the permissions", .0.display()
    )]
    NoUsers(PathBuf),
    #[error(transparent)]
    PrivateKey(#[from] PrivateKeyError),
}

/// Carries out a verb. What to print.
pub(crate) fn run(verb: &HubVerb) -> Result<String, HubVerbError> {
    match verb {
        HubVerb::Init(args) => init(args),
        HubVerb::Update { dir } => update(dir),
    }
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
fn init(args: &InitArgs) -> Result<String, HubVerbError> {
    let InitArgs { dir, addresses, port } = args;
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| HubVerbError::Write { path, source }
    };
    if addresses.len() > MAX_ADDRESSES {
        return Err(HubVerbError::ManyAddresses(addresses.len()));
    }
    if dir.join(CONFIG).exists() || dir.join(KEY).exists() {
        return Err(HubVerbError::Exists(dir.clone()));
    }
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(failed(dir))?;
    let dir = std::fs::canonicalize(dir).map_err(failed(dir))?;
    let key = PrivateKey::from_seed(&Seed::random()?)?;
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

/// Replaces the users in the configuration by those of this version, with the same passwords. What to print.
fn update(dir: &Path) -> Result<String, HubVerbError> {
    let [string, path] = [STRING, CONFIG].map(|name| dir.join(name));
    let read = |path: &Path| {
        let text = std::fs::read_to_string(path);
        text.map_err(|source| HubVerbError::Read { path: path.to_owned(), source })
    };
    let credentials = HubCredentials::find(&read(&string)?)
        .map_err(|why| HubVerbError::String { path: string, why })?;
    let old = read(&path)?;
    let block = old.find(&format!("\n{}", USERS.0)).and_then(|at| {
        let (start, rest) = (at + 1, &old[at + 1..]);
        Some(start..start + rest.find(USERS.1)? + USERS.1.len())
    });
    let Some(block) = block else { return Err(HubVerbError::NoUsers(path)) };
    let new = [&old[..block.start], &users(&credentials), &old[block.end..]].concat();
    if new == old {
        return Ok(format!("{} has the permissions of this version\n", path.display()));
    }
    atomic_file::write(&path, new.as_bytes())
        .map_err(|source| HubVerbError::Write { path: path.clone(), source })?;
    Ok(format!(
        "{} has the permissions of this version now. nats-server reads it when it starts again:\n\n  \
         systemctl restart topside-hub\n",
        path.display()
    ))
}

/// The users and their permissions, as a block of the configuration.
fn users(credentials: &HubCredentials) -> String {
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
    let (begin, end) = USERS;
    let users: String = HubRole::ALL.into_iter().map(user).collect();
    format!("{begin}  timeout: 5\n  users: [\n{users}  ]{end}")
}

fn configuration(addresses: &[String], port: u16, credentials: &HubCredentials) -> String {
    let users = users(credentials);
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
         {users}",
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
