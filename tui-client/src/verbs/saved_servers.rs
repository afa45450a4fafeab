//! Verbs for saved servers, named as the picker's actions, and for the paths of the client's files.

use serde::Serialize;
use serde_json::json;
use topside_shared::dirs::Dirs;
use topside_shared::tables::{columns, table};

use super::errors::{VerbError, with_sources};
use super::printer::{OutputPart, Printer};
use super::question::Lines;
use super::server_verbs::{confirm as confirm_verb, json_line};
use super::{block_on, exit_status};
use crate::config::{
    ConfigError, DEFAULT_PORT, FILE_NAME, Profile, ProfileStore, SettingsFiles, THIS_MACHINE,
};
use crate::connect::{Hello, Remote, Target, Via, addresses, connect, probe};
use crate::verb_args::saved::SavedServerVerb;

/// The result of one route to a server.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RouteResult {
    via: &'static str,
    address: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    rtt_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Runs the verb; returns the exit status.
pub(super) fn main(verb: &SavedServerVerb) -> u8 {
    block_on(async {
        let printer = Printer::start();
        let status = match run(verb, &printer, None).await {
            Ok((text, status)) => {
                printer.write(OutputPart::Print(text)).await;
                status
            }
            Err(refused) => refused.tell(&printer, verb.json()).await,
        };
        printer.finish(status).await
    })
}

/// Returns the text to print, and the exit status.
pub(super) async fn run(
    verb: &SavedServerVerb,
    printer: &Printer,
    lines: Lines<'_>,
) -> Result<(String, u8), VerbError> {
    let dirs = Dirs::from_env().map_err(|error| VerbError::own(&error))?;
    let json = verb.json();
    if let SavedServerVerb::Config { .. } = verb {
        return Ok((paths(&dirs, json), exit_status::OK));
    }
    let mut store =
        ProfileStore::load(dirs.config.join(FILE_NAME)).map_err(|e| VerbError::own(&e))?;
    let known = |store: &ProfileStore, name: &str| {
        if name == THIS_MACHINE {
            let sentence = "this machine is not a saved server: it cannot be changed here";
            return Err(VerbError::refused(sentence));
        }
        let found = store.find(name).cloned();
        found.map_err(|error| VerbError::new(exit_status::OWN_FAILURE, error.to_string()))
    };
    let (done, saved) = match verb {
        SavedServerVerb::Servers { .. } => {
            store.mistakes().for_each(crate::terminal::complain);
            let rows = store.profiles();
            let text = match json {
                true => json_line(&json!({ "servers": rows })),
                false => list(rows),
            };
            return Ok((text, exit_status::OK));
        }
        SavedServerVerb::Test { .. } => {
            let on = verb.on();
            let profile = on.saved().map(|name| known(&store, name)).transpose()?;
            return test(&dirs, profile.as_ref(), on.via(), json).await;
        }
        SavedServerVerb::Config { .. } => return Ok((String::new(), exit_status::OK)),
        SavedServerVerb::Add { name, fields, .. } => {
            let new = Profile { name: name.clone(), port: DEFAULT_PORT, ..Profile::default() };
            let profile = fields.apply(new);
            store.add(profile.clone()).map_err(refuse)?;
            ("saved", profile)
        }
        SavedServerVerb::Edit { name, new_name, fields, .. } => {
            let old = known(&store, name)?;
            let mut profile = fields.apply(old);
            if let Some(new) = new_name {
                profile.name.clone_from(new);
            }
            store.replace(name, profile.clone()).map_err(refuse)?;
            ("saved", profile)
        }
        SavedServerVerb::Duplicate { name, copy, .. } => {
            let profile = Profile { name: copy.clone(), ..known(&store, name)? };
            store.add(profile.clone()).map_err(refuse)?;
            ("saved", profile)
        }
        SavedServerVerb::Delete { name, confirm, .. } => {
            let profile = known(&store, name)?;
            let question = format!("Forget {name}, its addresses and its pin?");
            confirm_verb(confirm, printer, &question, lines).await?;
            store.remove(name).map_err(refuse)?;
            ("forgot", profile)
        }
    };
    store.save().map_err(refuse)?;
    let text = match json {
        true => json_line(&saved),
        false => format!("{done} {}\n", saved.name),
    };
    Ok((text, exit_status::OK))
}

/// A value that breaks a rule is refused; other errors are failures.
fn refuse(error: ConfigError) -> VerbError {
    match error {
        ConfigError::Field(_) => VerbError::refused(error.to_string()),
        error => VerbError::own(&error),
    }
}

fn list(profiles: &[Profile]) -> String {
    if profiles.is_empty() {
        return "no server is saved: `topside pair INVITE` saves one\n".to_owned();
    }
    let rows = profiles.iter().map(|profile| {
        let at = |via| {
            let found = addresses(profile).find(|address| address.via() == via);
            found.map_or_else(|| "-".to_owned(), |address| address.to_string())
        };
        let paired = if profile.pin.is_some() { "yes" } else { "no" };
        let tags = if profile.tags.is_empty() { "-".to_owned() } else { profile.tags.join(" ") };
        [profile.name.clone(), at(Via::Lan), at(Via::Internet), paired.to_owned(), tags]
    });
    table(["name", "LAN", "internet", "paired", "tags"], rows)
}

/// Tests each route; it is a success if one answers.
async fn test(
    dirs: &Dirs,
    profile: Option<&Profile>,
    via: Via,
    json: bool,
) -> Result<(String, u8), VerbError> {
    let mut results = Vec::new();
    match profile {
        Some(profile) if via != Via::Same => {
            let remote = Remote::of_profile(profile, via, &dirs.state);
            let remote = remote.map_err(|error| VerbError::own(&error))?;
            for address in &remote.addresses {
                let answer = probe(address, &remote).await;
                let rtt = answer.map_err(|error| with_sources(&error));
                results.push((address.via(), address.to_string(), rtt));
            }
        }
        _ => {
            let target = Target::Local(dirs.local_server_of(profile.and_then(Profile::key)));
            let hello = Hello { notices: false, agent: false, name: "topside" };
            match connect(&target, &hello).await {
                Ok(session) => {
                    let socket = session.reached.address.clone();
                    results.push((Via::Same, socket, Ok(session.leave().await)));
                }
                Err(error) => results.push((Via::Same, String::new(), Err(with_sources(&error)))),
            }
        }
    }
    let answers = results.iter().any(|(.., rtt)| rtt.is_ok());
    let status = if answers { exit_status::OK } else { exit_status::OWN_FAILURE };
    let rows: Vec<RouteResult> = results
        .into_iter()
        .map(|(via, address, rtt)| RouteResult {
            via: via.title(),
            address,
            rtt_ms: rtt.as_ref().ok().map(|rtt| rtt.as_secs_f64() * 1000.0),
            error: rtt.err(),
        })
        .collect();
    if json {
        return Ok((json_line(&json!({ "ways": rows })), status));
    }
    let words = rows.into_iter().map(|row| {
        let answer = match row.rtt_ms {
            Some(ms) => format!("answers in {ms:.1} ms"),
            None => row.error.unwrap_or_default(),
        };
        [row.via.to_owned(), row.address, answer]
    });
    Ok((columns(&words.collect::<Vec<_>>()), status))
}

/// Files of the configuration directory that a server of this user reads; that of a package has a directory of its own.
const OF_SERVER: [&str; 3] = ["server.toml", "commands.toml", "commands.d"];

/// Each directory and file, and whether it exists.
fn paths(dirs: &Dirs, json: bool) -> String {
    let files = SettingsFiles::of(&dirs.config);
    let of_server = OF_SERVER.map(|name| dirs.config.join(name));
    let mut rows = vec![
        ("config_dir".to_owned(), &*dirs.config, None),
        ("state_dir".to_owned(), &*dirs.state, None),
    ];
    rows.extend(files.paths().map(|path| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        (name.unwrap_or_default(), path, None)
    }));
    let owner = Some("of your own server");
    let of_server = OF_SERVER.iter().zip(&of_server);
    rows.extend(of_server.map(|(name, path)| ((*name).to_owned(), &**path, owner)));
    if json {
        let map: serde_json::Map<String, serde_json::Value> = rows
            .into_iter()
            .map(|(name, path, _)| (name, path.display().to_string().into()))
            .collect();
        return json_line(&map);
    }
    let rows: Vec<[String; 3]> = rows
        .into_iter()
        .map(|(name, path, owner)| {
            let missing = (!path.exists()).then_some("not there");
            let note = owner.into_iter().chain(missing).collect::<Vec<_>>().join(", ");
            [name, path.display().to_string(), note]
        })
        .collect();
    columns(&rows)
}
