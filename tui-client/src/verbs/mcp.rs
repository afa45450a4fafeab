//! `topside mcp`: serves an assistant, or with `--setup` makes its key and prints its configuration.

use std::path::PathBuf;

use serde_json::{Map, Value, json};
use topside_shared::dirs::Dirs;
use topside_shared::invite::Invite;
use topside_shared::methods::{CallerInfo, KeyInvite, KeyRevoke, KeyState, KeysList};
use topside_shared::text::{MAX_REASON, clean};
use topside_shared::{ErrorKind, Pin, Role};

use super::errors::with_sources;
use super::pair::read_invite;
use super::printer::{OutputPart, Printer};
use super::{block_on, exit_status};
use crate::connect::{
    CallError, Handle, Hello, PairError, Paired, PastedInvite, Remote, SaveAs, Session, Target,
    Via, agent_state, agents, connect, pair, remove_own_key, saved_key,
};
use crate::mcp::{self, Served};
use crate::terminal::complain;
use crate::verb_args::PROGRAM;
use crate::verb_args::mcp::Mcp;

/// The name of a key where none is given.
const NAME: &str = "assistant";
const SETUP: &str = "topside mcp --setup";
/// The session of `--setup`, which is no agent.
const PERSON: Hello = Hello { notices: false, agent: false, name: SETUP };
#[cfg(feature = "hub")]
const NO_FLEET: &str = "this invite is one of a fleet, and an assistant has a key of one server: an admin of that server makes an invite with \
                        `invite --agent`";

/// Serves or sets up; returns the exit status.
pub(super) fn main(args: &Mcp) -> u8 {
    block_on(async {
        let done = match args.setup {
            true => set_up(args).await,
            false => serve(args).await.map(|()| String::new()),
        };
        match done {
            Ok(text) if text.is_empty() => exit_status::OK,
            Ok(text) => {
                let printer = Printer::start();
                printer.write(OutputPart::Print(text)).await;
                printer.finish(exit_status::OK).await
            }
            Err(sentence) => {
                complain(sentence);
                exit_status::OWN_FAILURE
            }
        }
    })
}

async fn serve(args: &Mcp) -> Result<(), String> {
    let dirs = Dirs::from_env().map_err(|error| error.to_string())?;
    let target = match args.on.target().map_err(|error| with_sources(&error))? {
        Target::Remote(remote) => Target::Remote(as_agent(remote, &dirs)?),
        local => local,
    };
    let served = Served { target, commands: args.commands.clone(), wait: args.wait };
    mcp::serve(served, tokio::io::stdin(), tokio::io::stdout()).await
}

/// A saved server, with the key of the agents of this device.
fn as_agent(remote: Remote, dirs: &Dirs) -> Result<Remote, String> {
    let state = agent_state(&dirs.state, &remote.pin);
    match saved_key(&state).map_err(|error| with_sources(&error))? {
        Some(_) => Ok(Remote { state, ..remote }),
        None => Err(format!(
            "no key for an assistant on {name} is on this machine: run `{PROGRAM} mcp --setup --on {name}`",
            name = remote.name
        )),
    }
}

/// Makes the key; returns the text to print.
async fn set_up(args: &Mcp) -> Result<String, String> {
    let dirs = Dirs::from_env().map_err(|error| error.to_string())?;
    match &args.invite {
        Some(invite) => set_up_by_invite(args, invite, &dirs).await,
        None => set_up_as_admin(args, &dirs).await,
    }
}

async fn set_up_as_admin(args: &Mcp, dirs: &Dirs) -> Result<String, String> {
    let target = args.on.target().map_err(|error| with_sources(&error))?;
    let session = connect(&target, &PERSON).await.map_err(|error| with_sources(&error))?;
    revoke_older(&session.handle, dirs).await?;
    let request = KeyInvite {
        name: args.name.clone().unwrap_or_else(|| NAME.to_owned()),
        role: args.role.unwrap_or(Role::Viewer),
        ttl_ms: None,
        commands: args.commands.clone(),
        lasting: false,
        agent: true,
    };
    let made = session.handle.call(&request).await.map_err(|error| needs_admin(&error))?;
    let invite: Invite = made.invite.parse().map_err(|error| format!("{error}"))?;
    let paired = match use_invite(args, &invite, dirs).await {
        Ok(paired) => paired,
        Err(error) => {
            // The invite was shown to no one and is of no use.
            let _ = session.handle.call(&KeyRevoke { key_id: made.key.key_id }).await;
            return Err(not_paired(&with_sources(&error)));
        }
    };
    session.leave().await;
    let remote = remote(&paired, &invite, dirs)?;
    let tools = tools(&Target::Remote(remote)).await;
    Ok(words(&paired.profile.name, &request.name, request.role, &tools))
}

/// Uses an invite that an admin has made, on a machine that needs no key of an admin.
async fn set_up_by_invite(args: &Mcp, text: &str, dirs: &Dirs) -> Result<String, String> {
    #[cfg_attr(
        not(feature = "hub"),
        allow(clippy::infallible_destructuring_match, reason = "with hubs there is another kind")
    )]
    let invite = match read_invite(text)? {
        PastedInvite::Server(invite) => invite,
        #[cfg(feature = "hub")]
        PastedInvite::Fleet(_) => return Err(NO_FLEET.to_owned()),
    };
    let paired = use_invite(args, &invite, dirs).await.map_err(|error| match error {
        PairError::NameTaken(name) => format!(
            "{name} is another server, saved already: choose another name with --on. The invite was not used"
        ),
        error => with_sources(&error),
    })?;
    let remote = remote(&paired, &invite, dirs)?;
    let state = remote.state.clone();
    let target = Target::Remote(remote);
    let session = connect(&target, &PERSON).await.map_err(|error| with_sources(&error))?;
    let CallerInfo { agent, role, user, .. } = session.welcome.you.clone();
    session.leave().await;
    if !agent {
        remove_own_key(&state).map_err(|error| with_sources(&error))?;
        return Err(format!(
            "this invite was one for a device of a person. It is used up, and its key was removed here: an admin revokes {user}, and \
             makes another invite with `invite --agent`"
        ));
    }
    let tools = tools(&target).await;
    Ok(words(&paired.profile.name, &user, role, &tools))
}

/// Pairs the agents of this device with the server of an invite.
async fn use_invite(args: &Mcp, invite: &Invite, dirs: &Dirs) -> Result<Paired, PairError> {
    let own = Dirs { state: agent_state(&dirs.state, &invite.server), ..dirs.clone() };
    let save_as = SaveAs { name: args.on.saved(), replaces: None };
    pair(invite, save_as, &own).await
}

/// The server that was paired, with the key of the agents.
fn remote(paired: &Paired, invite: &Invite, dirs: &Dirs) -> Result<Remote, String> {
    let state = agent_state(&dirs.state, &invite.server);
    Remote::of_profile(&paired.profile, Via::Auto, &state).map_err(|error| error.to_string())
}

/// Why no key was made, with the way that needs no admin here.
fn needs_admin(error: &CallError) -> String {
    let why = sentence(error);
    match error {
        CallError::Refused(refused) if refused.kind() == ErrorKind::Forbidden => format!(
            "{why}. An admin may make an invite with `invite --agent` instead: give it to `{PROGRAM} mcp --setup --invite`"
        ),
        _ => why,
    }
}

fn not_paired(why: &str) -> String {
    format!(
        "the key was not made: {why}. An assistant with a key connects over TCP: [listen] of server.toml has its addresses. \
         Without a key, `{PROGRAM} mcp` works on the machine of the server as a viewer"
    )
}

/// Revokes and forgets the key that an earlier `--setup` made for this server.
async fn revoke_older(handle: &Handle, dirs: &Dirs) -> Result<(), String> {
    let older: Vec<(Pin, PathBuf)> = older_keys(dirs);
    if older.is_empty() {
        return Ok(());
    }
    let live = handle.call(&KeysList {}).await.map_err(|error| needs_admin(&error))?;
    for (pin, state) in older {
        let Some(row) = live.keys.iter().find(|row| row.key_id == pin) else { continue };
        if row.state == KeyState::Active {
            let revoked = handle.call(&KeyRevoke { key_id: pin }).await;
            revoked.map_err(|error| sentence(&error))?;
        }
        remove_own_key(&state).map_err(|error| with_sources(&error))?;
    }
    Ok(())
}

/// The keys of agents on this device, and their directories.
fn older_keys(dirs: &Dirs) -> Vec<(Pin, PathBuf)> {
    let Ok(states) = std::fs::read_dir(agents(&dirs.state)) else { return Vec::new() };
    let key = |state: PathBuf| Some((saved_key(&state).ok()??.pin(), state));
    states.flatten().filter_map(|entry| key(entry.path())).collect()
}

fn sentence(error: &CallError) -> String {
    clean(&error.to_string(), MAX_REASON)
}

/// The names of the tools that the new key has; none where the server has not answered.
async fn tools(target: &Target) -> Option<Vec<String>> {
    let hello = Hello { notices: false, agent: true, name: SETUP };
    let session: Session = connect(target, &hello).await.ok()?;
    let menu = session.handle.menu().await.ok()?;
    session.leave().await;
    Some(mcp::tool_names(&menu))
}

/// What was made, and the configuration of the assistant.
fn words(server: &str, key: &str, role: Role, tools: &Option<Vec<String>>) -> String {
    let server_name = format!("topside-{server}");
    let entry = entry(server);
    let configuration = |member: &str, entry: &Value| {
        let mut servers = Map::new();
        servers.insert(server_name.clone(), entry.clone());
        let document = json!({ member: servers });
        serde_json::to_string_pretty(&document).unwrap_or_default()
    };
    let mut typed = entry.clone();
    typed["type"] = "stdio".into();
    let tools = match tools {
        Some(tools) if tools.is_empty() => {
            "No command is a tool yet: add expose = [\"mcp\"] to the declaration of each that shall be one, and reload the server."
                .to_owned()
        }
        Some(tools) => format!("Tools: {}.", tools.join(", ")),
        None => "The server has not told which tools it offers.".to_owned(),
    };
    format!(
        "The key {key} is made on {server}, with role {role}. {tools}\n\n\
         Claude Desktop, Claude Code, Cursor, Gemini CLI and others: add this to their configuration.\n\n{}\n\n\
         Visual Studio Code: add this to mcp.json.\n\n{}\n",
        configuration("mcpServers", &entry),
        configuration("servers", &typed)
    )
}

/// How an assistant starts `topside mcp`.
fn entry(server: &str) -> Value {
    let program = std::env::current_exe()
        .map_or_else(|_| PROGRAM.to_owned(), |path| path.display().to_string());
    let mut entry = json!({ "command": program, "args": ["mcp", "--on", server] });
    // An assistant does not pass on the environment of this shell.
    let mut variables = Map::new();
    for name in ["TOPSIDE_CONFIG_DIR", "TOPSIDE_STATE_DIR"] {
        if let Ok(value) = std::env::var(name) {
            variables.insert(name.to_owned(), value.into());
        }
    }
    if !variables.is_empty() {
        entry["env"] = variables.into();
    }
    entry
}
