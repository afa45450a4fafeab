//! Invites and tokens: checks a request, and makes the key and the string.

use std::net::IpAddr;
use std::time::Duration;

use topside_shared::command::{Command, MCP};
use topside_shared::invite::Invite;
use topside_shared::methods::{KeyInvite, KeyRow, KeyState};
use topside_shared::private_key::{PrivateKey, PrivateKeyError, Seed};
use topside_shared::text::{MAX_NAME, clean, did_you_mean, nearest, quote};
use topside_shared::time::millis;
use topside_shared::{Pin, RpcError, Time};

/// Default lifetime of an invite.
const INVITE_TTL: Duration = Duration::from_secs(10 * 60);
/// Default lifetime of a token.
const TOKEN_TTL: Duration = Duration::from_secs(90 * 86_400);
const LONGEST_TTL: Duration = Duration::from_secs(3_660 * 86_400);

/// A checked request for an invite or a token.
#[derive(Debug)]
pub(crate) struct InviteRequest {
    name: String,
    wanted: KeyInvite,
    ttl: Duration,
    commands: Option<Vec<String>>,
}

/// The server's address in an invite.
#[derive(Debug)]
pub(crate) struct ServerAddress {
    pub(crate) pin: Pin,
    pub(crate) name: String,
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) port: u16,
    /// Host and port on the router that forwards to it.
    pub(crate) router: Option<(String, u16)>,
}

impl InviteRequest {
    /// Checks a request against `menu`, all commands of this server; aliases become names. The error names the
    /// argument and what would pass.
    pub(crate) fn check(wanted: KeyInvite, menu: &[&Command]) -> Result<Self, RpcError> {
        let wrong = |argument: &str, message: String| RpcError::invalid_argument(argument, message);
        let name = clean(&wanted.name, usize::MAX);
        let length = name.chars().count();
        if name.trim().is_empty() || length > MAX_NAME {
            let message = format!("`name` must have 1 to {MAX_NAME} characters, not {length}");
            return Err(wrong("name", message));
        }
        let usual = if wanted.lasting { TOKEN_TTL } else { INVITE_TTL };
        let ttl = wanted.ttl_ms.map_or(usual, Duration::from_millis);
        if ttl.is_zero() || ttl > LONGEST_TTL {
            let days = LONGEST_TTL.as_secs() / 86_400;
            let message = format!("its lifetime must be from 1 ms to {days} days");
            return Err(wrong("ttlMs", message));
        }
        let commands = match &wanted.commands {
            Some(names) if names.is_empty() => {
                let message = "`commands` must name at least one, or be left out";
                return Err(wrong("commands", message.to_owned()));
            }
            // An agent has the list of the commands that are exposed to it.
            None if wanted.lasting && !wanted.agent => {
                let message = "a token is limited to `commands`: name those that its script runs";
                return Err(wrong("commands", message.to_owned()));
            }
            Some(names) => {
                Some(commands(names, &wanted, menu).map_err(|why| wrong("commands", why))?)
            }
            None => None,
        };
        Ok(Self { name, wanted, ttl, commands })
    }

    /// Makes the row of the key, the string, and the key itself.
    pub(crate) fn make(
        self,
        place: ServerAddress,
    ) -> Result<(KeyRow, Invite, PrivateKey), PrivateKeyError> {
        let seed = Seed::random()?;
        let key = PrivateKey::from_seed(&seed)?;
        let now = Time::now();
        let expires_at = now.plus_millis(millis(self.ttl));
        let row = KeyRow {
            key_id: key.pin(),
            name: self.name,
            role: self.wanted.role,
            agent: self.wanted.agent,
            commands: self.commands,
            created_at: now,
            last_seen: None,
            expires_at: Some(expires_at),
            state: if self.wanted.lasting { KeyState::Active } else { KeyState::Invited },
        };
        let (router, router_port) = match place.router {
            Some((host, port)) => (Some(host), port),
            None => (None, place.port),
        };
        let invite = Invite {
            server: place.pin,
            seed,
            lasting: self.wanted.lasting,
            expires_at,
            name: place.name,
            addresses: place.addresses,
            router,
            port: place.port,
            router_port,
        };
        Ok((row, invite, key))
    }
}

/// The names of these commands; the role must be allowed to run each.
fn commands(
    names: &[String],
    wanted: &KeyInvite,
    menu: &[&Command],
) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    for name in names {
        let known = menu.iter().find(|info| info.answers_to(name));
        let Some(info) = known else {
            let near = nearest(name, menu.iter().map(|info| info.name.as_str()));
            let shown = quote(name, MAX_NAME);
            return Err(format!("there is no command `{shown}`{}", did_you_mean(&near)));
        };
        if wanted.role < info.role {
            return Err(format!(
                "`{}` needs role {}, and this key would be {}",
                info.name, info.role, wanted.role
            ));
        }
        if wanted.agent && !info.is_exposed_to_agents() {
            return Err(format!(
                "`{}` is not exposed to agents: add expose = [\"{MCP}\"] to its declaration",
                info.name
            ));
        }
        if !found.contains(&info.name) {
            found.push(info.name.clone());
        }
    }
    Ok(found)
}
