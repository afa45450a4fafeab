//! `topside mcp`: serves an assistant, or with `--setup` makes its key and prints its configuration.

use std::path::PathBuf;

use serde_json::{Map, Value, json};
use topside_shared::dirs::Dirs;
use topside_shared::invite::Invite;
use topside_shared::methods::{KeyInvite, KeyRevoke, KeyState, KeysList};
use topside_shared::text::{MAX_REASON, clean};
use topside_shared::{Pin, Role};

use super::errors::with_sources;
use super::printer::{OutputPart, Printer};
use super::{block_on, exit_status};
use crate::connect::{
    CallError, Handle, Hello, Remote, SaveAs, Session, Target, Via, agent_state, agents, connect,
    pair, remove_own_key, saved_key,
};
use crate::mcp::{self, Served};
use crate::terminal::complain;
use crate::verb_args::PROGRAM;
use crate::verb_args::mcp::Mcp;

/// The name of a key where none is given.
const NAME: &str = "assistant";

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
    let target = args.on.target().map_err(|error| with_sources(&error))?;
    let hello = Hello { notices: false, agent: false, name: "topside mcp --setup" };
    let session = connect(&target, &hello).await.map_err(|error| with_sources(&error))?;
    revoke_older(&session.handle, &dirs).await?;
    let role = args.role.unwrap_or(Role::Viewer);
    let name = args.name.clone().unwrap_or_else(|| NAME.to_owned());
    let request = KeyInvite {
        name,
        role,
        ttl_ms: None,
        commands: args.commands.clone(),
        lasting: false,
        agent: true,
    };
    let made = session.handle.call(&request).await.map_err(|error| sentence(&error))?;
    let invite: Invite = made.invite.parse().map_err(|error| format!("{error}"))?;
    let state = agent_state(&dirs.state, &invite.server);
    let own = Dirs { state: state.clone(), ..dirs.clone() };
    let save_as = SaveAs { name: args.on.saved(), replaces: None };
    let paired = match pair(&invite, save_as, &own).await {
        Ok(paired) => paired,
        Err(error) => {
            // The invite was shown to no one and is of no use.
            let _ = session.handle.call(&KeyRevoke { key_id: made.key.key_id }).await;
            return Err(not_paired(&with_sources(&error)));
        }
    };
    session.leave().await;
    let server = paired.profile.name.clone();
    let remote = Remote::of_profile(&paired.profile, Via::Auto, &state);
    let tools = tools(&Target::Remote(remote.map_err(|error| error.to_string())?)).await;
    Ok(words(&server, &request.name, role, &tools))
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
    let live = handle.call(&KeysList {}).await.map_err(|error| sentence(&error))?;
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
    let hello = Hello { notices: false, agent: true, name: "topside mcp --setup" };
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
