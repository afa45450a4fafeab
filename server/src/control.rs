//! Control of this machine's server: through its socket while it runs, else on its files.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use topside_shared::RpcError;
use topside_shared::advice::{self, FIRST_INVITE};
use topside_shared::cmdline::quote;
use topside_shared::dirs::Dirs;
use topside_shared::frame::MAX_LINE_OUT;
use topside_shared::methods::{
    Call, KeyInvite, KeyInviteResult, KeyRevoke, KeyRow, KeysList, ListenAddress, Method,
    ServerStatus,
};
use topside_shared::private_key::{PrivateKey, PrivateKeyError};
use topside_shared::server_record::ServerRecord;

use crate::admission::tcp_port::{KEY_FILE, OpenError};
use crate::audit::Audit;
use crate::audit::entry::By;
use crate::base::peer::invite_addresses;
use crate::base::platform;
use crate::base::toml_file::errors::FileErrors;
use crate::config::{Config, ConfigError};
use crate::keys::change::{KeyChange, Revoked};
use crate::keys::invite::{InviteRequest, ServerAddress};
use crate::keys::{KeyError, Keys};
use crate::menu::TableError;
use crate::net::local_socket::ListenError;
use crate::net::lock_file::ServerLock;

/// Time limit for an answer of the running server.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ControlError {
    #[error("{}", beside_the_service())]
    Service,
    #[error("the server at {} may be used by the user {owner} only: run this as that user, or with sudo", path.display())]
    ForeignSocket { path: PathBuf, owner: String },
    #[error("the server at {} cannot be asked: {source}", path.display())]
    Socket { path: PathBuf, source: io::Error },
    #[error("the server at {} has not answered for {} s: what was asked may still be done", path.display(), PATIENCE.as_secs())]
    Silent { path: PathBuf },
    #[error("the server at {} does not answer as Topside does: {why}", path.display())]
    NotTopside { path: PathBuf, why: String },
    #[error("{}", .0.message)]
    Refused(RpcError),
    #[error("{}: try again in a moment", starting_or_ending(.by.as_ref()))]
    Between { by: Option<ServerRecord> },
    #[error(
        "{} belongs to another user (uid {owner}): run this as that user, or while its server runs",
        directory.display()
    )]
    ForeignState { directory: PathBuf, owner: u32 },
    #[error(
        "the server has no key yet: it makes one with the first invite, such as {}",
        advice::topsided(true, FIRST_INVITE)
    )]
    NoKeyYet,
    #[error("port = 0 in server.toml: start the server first, which then knows its port")]
    PortUnknown,
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Menu(#[from] TableError),
    #[error(transparent)]
    List(#[from] FileErrors),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    PrivateKey(#[from] PrivateKeyError),
    #[error("the audit log cannot be kept: {0}")]
    Audit(#[source] io::Error),
    #[error(transparent)]
    Lock(#[from] ListenError),
}

pub(crate) enum Control {
    Socket {
        path: PathBuf,
        stream: BufReader<UnixStream>,
    },
    /// No server runs, and none can start meanwhile.
    Files {
        config: Box<Config>,
        keys: Box<Keys>,
        audit: Audit,
        _locks: Box<(ServerLock, ServerLock)>,
    },
}

impl Control {
    /// Connects to the running server, or else locks its files; `load` reads the configuration.
    pub(crate) fn open(
        dirs: &Dirs,
        load: impl FnOnce() -> Result<Config, ConfigError>,
    ) -> Result<Self, ControlError> {
        let service = dirs.means_service();
        for path in dirs.administered_server().sockets {
            match connect(&path) {
                Ok(Some(stream)) => {
                    let failed = |source| ControlError::Socket { path: path.clone(), source };
                    stream.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
                    return Ok(Self::Socket { path, stream: BufReader::new(stream) });
                }
                Ok(None) => {}
                Err(_) if service => break,
                Err(error) => return Err(error),
            }
        }
        if service {
            return Err(ControlError::Service);
        }
        own_state(dirs)?;
        let config = Box::new(load()?);
        let lock = ServerLock::of_socket_without_server(&dirs.socket()).map_err(between)?;
        let state = ServerLock::of_state(&config.state).map_err(between)?;
        let keys = Box::new(Keys::open(&config.state)?);
        let audit = Audit::open(&config.state, None).map_err(ControlError::Audit)?;
        Ok(Self::Files { config, keys, audit, _locks: Box::new((lock, state)) })
    }

    pub(crate) fn is_live(&self) -> bool {
        matches!(self, Self::Socket { .. })
    }

    pub(crate) fn invite(&mut self, request: KeyInvite) -> Result<KeyInviteResult, ControlError> {
        let (config, keys, audit) = match self {
            Self::Socket { path, stream } => return call(path, stream, &request),
            Self::Files { config, keys, audit, .. } => (config, keys, audit),
        };
        let request = InviteRequest::check(request, &config.table(None)?.all().collect::<Vec<_>>())
            .map_err(ControlError::Refused)?;
        let listen = config.listen.as_ref().ok_or(OpenError::LocalOnly)?;
        if listen.addresses.is_empty() {
            return Err(OpenError::NoAddress.into());
        }
        if listen.port == 0 {
            return Err(ControlError::PortUnknown);
        }
        let place = ServerAddress {
            pin: PrivateKey::load_or_make(&config.state.join(KEY_FILE))?.pin(),
            name: config.naming.box_name(),
            addresses: invite_addresses(listen.addresses.iter().copied()),
            port: listen.port,
            router: config.router.internet_address(None, listen.port),
        };
        let (row, invite, _) = request.make(place)?;
        let key = keys.change(KeyChange::Add(row), audit, By::verb())?;
        Ok(KeyInviteResult { invite: invite.to_string(), key })
    }

    pub(crate) fn list(&mut self) -> Result<Vec<KeyRow>, ControlError> {
        match self {
            Self::Socket { path, stream } => Ok(call(path, stream, &KeysList::default())?.keys),
            Self::Files { keys, .. } => Ok(keys.list()),
        }
    }

    /// Where the running server listens; without one, nowhere.
    pub(crate) fn listeners(&mut self) -> Result<Vec<ListenAddress>, ControlError> {
        match self {
            Self::Socket { path, stream } => {
                Ok(call(path, stream, &ServerStatus::default())?.listeners)
            }
            Self::Files { .. } => Ok(Vec::new()),
        }
    }

    pub(crate) fn revoke(&mut self, key: &KeyRow) -> Result<(), ControlError> {
        let key_id = key.key_id;
        match self {
            Self::Socket { path, stream } => call(path, stream, &KeyRevoke { key_id }).map(drop),
            Self::Files { keys, audit, .. } => {
                let change = KeyChange::Revoke { key: key_id, from: Revoked::Here };
                keys.change(change, audit, By::verb())?;
                Ok(())
            }
        }
    }
}

/// What to type for the service of this machine, in place of the verb that was typed.
pub(crate) fn beside_the_service() -> String {
    format!(
        "no server of this user has run here, and the server of this machine is a service: `sudo topsided {}` is for \
         that (for a server of your own, start `topsided` first, or set TOPSIDE_STATE_DIR)",
        typed_verb()
    )
}

/// The verb and its arguments, as they were typed after `topsided` or `topside serve`.
fn typed_verb() -> String {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let verb = match args.split_first() {
        Some((first, rest)) if first == "serve" => rest,
        _ => &args[..],
    };
    verb.iter().map(|arg| quote(arg)).collect::<Vec<_>>().join(" ")
}

/// The server's own key; it is made if there is none.
pub(crate) fn own_key(dirs: &Dirs) -> Result<PrivateKey, ControlError> {
    let key = dirs.state.join(KEY_FILE);
    // An existing key is only read, which root may do too.
    if let Some(found) = PrivateKey::load(&key)? {
        return Ok(found);
    }
    if dirs.means_service() {
        return Err(ControlError::Service);
    }
    if let Err(error) = own_state(dirs) {
        // Root may read the key of the packaged server, once there is one.
        let is_service = *dirs == Dirs::system();
        return Err(if is_service { ControlError::NoKeyYet } else { error });
    }
    let failed = |source| ConfigError::State { path: dirs.state.clone(), source };
    platform::private_directory(&dirs.state).map_err(failed)?;
    Ok(PrivateKey::load_or_make(&key)?)
}

/// A connection to the server at a socket; none if no server is there.
pub(crate) fn connect(path: &Path) -> Result<Option<UnixStream>, ControlError> {
    match UnixStream::connect(path) {
        Ok(stream) => Ok(Some(stream)),
        Err(error) if is_not_served(&error) => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            Err(ControlError::ForeignSocket { path: path.to_owned(), owner: owner_of_way(path) })
        }
        Err(source) => Err(ControlError::Socket { path: path.to_owned(), source }),
    }
}

/// Sends a request to the running server; whether one runs.
#[cfg(feature = "hub")]
pub(crate) fn call_if_running<C: Call>(dirs: &Dirs, params: &C) -> Result<bool, ControlError> {
    for path in dirs.administered_server().sockets {
        if let Some(stream) = connect(&path)? {
            let failed = |source| ControlError::Socket { path: path.clone(), source };
            stream.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
            call(&path, &mut BufReader::new(stream), params)?;
            return Ok(true);
        }
    }
    Ok(false)
}

/// The user of the directory of a socket that may not be used, or of its nearest ancestor that may be looked at.
fn owner_of_way(socket: &Path) -> String {
    let mut directories = socket.ancestors().skip(1);
    let owner = directories.find_map(|directory| platform::owner_and_mode(directory).ok());
    owner.map_or_else(|| "root".to_owned(), |(owner, _)| platform::user_name(owner))
}

/// Refuses a state directory of another user, for root too: the files would become root's, and the server could not
/// read them any more.
pub(crate) fn own_state(dirs: &Dirs) -> Result<(), ControlError> {
    match platform::owner_and_mode(&dirs.state) {
        Ok((owner, _)) if owner != platform::own_uid() => {
            Err(ControlError::ForeignState { directory: dirs.state.clone(), owner })
        }
        // A missing directory is made by this user.
        _ => Ok(()),
    }
}

/// Separates a server that has no socket at the moment from one with a removed socket.
fn between(error: ListenError) -> ControlError {
    match error {
        ListenError::AlreadyServed(_, by) | ListenError::StateInUse(_, by)
            if by.as_ref().is_none_or(|by| by.socket.is_none()) =>
        {
            ControlError::Between { by }
        }
        error => error.into(),
    }
}

fn starting_or_ending(by: Option<&ServerRecord>) -> String {
    let pid = by.map(|by| format!(" (pid {})", by.pid)).unwrap_or_default();
    format!("a server{pid} is starting or ending, or another verb is at work")
}

pub(crate) fn is_not_served(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory | ConnectionRefused)
}

#[derive(Deserialize)]
struct ControlResponse<A> {
    result: Option<A>,
    error: Option<RpcError>,
}

pub(crate) fn call<C: Call>(
    path: &std::path::Path,
    stream: &mut BufReader<UnixStream>,
    params: &C,
) -> Result<C::Answer, ControlError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            ControlError::Silent { path: path.to_owned() }
        }
        _ => ControlError::Socket { path: path.to_owned(), source },
    };
    let wrong = |why: String| ControlError::NotTopside { path: path.to_owned(), why };
    let method: Method = C::METHOD;
    let request = serde_json::json!({
        "jsonrpc": "2.0", "id": 1, "method": method.name(), "params": params,
    });
    stream.get_mut().write_all(format!("{request}\n").as_bytes()).map_err(failed)?;
    let mut line = String::new();
    let mut capped = io::Read::take(stream, MAX_LINE_OUT as u64);
    capped.read_line(&mut line).map_err(failed)?;
    if line.is_empty() {
        return Err(wrong("it closed the connection".to_owned()));
    }
    let response: ControlResponse<C::Answer> =
        serde_json::from_str(&line).map_err(|error| wrong(error.to_string()))?;
    match (response.result, response.error) {
        (_, Some(error)) => Err(ControlError::Refused(error)),
        (Some(result), None) => Ok(result),
        (None, None) => Err(wrong("it answered nothing".to_owned())),
    }
}
