//! A daemon on Topside's library: it waters a garden, and keeps the minutes in memory.
//!
//! ```sh
//! cargo run --example garden &
//! topside run water 3 --minutes 10
//! topside run watch           # a line for each watering, until Ctrl-C
//! topside run zones           # an answer, not a run
//! ```
//!
//! Its menu has the built-ins, the three commands below, and what `commands.toml` declares. Roles,
//! arguments, output, cancel and the live lists are the library's.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;

use tokio::sync::watch;
use topside_server::{
    Answering, Builtin, BuiltinCall, Call, Calling, Config, Ended, Listeners, Stop, Worker,
    prepare_process, serve,
};
use topside_shared::command::{Arg, ArgType, Command, Effect};
use topside_shared::dirs::Dirs;

/// Minutes that each zone was watered since the start: the state that the commands share, and that outlives a call.
type Garden = watch::Sender<BTreeMap<i64, i64>>;

/// `water ZONE [MINUTES]`.
struct Water(Arc<Garden>);

/// `watch`: runs until it is cancelled.
struct Watch(Arc<Garden>);

/// `zones [--json]`: answers at once.
struct Zones(Arc<Garden>);

fn command(name: &str, title: &str, effect: Effect, args: Vec<Arg>) -> Command {
    Command {
        name: name.into(),
        title: title.into(),
        category: "Garden".into(),
        effect,
        role: effect.default_role(),
        args,
        ..Command::default()
    }
}

fn number(name: &str, description: &str, maximum: f64) -> Arg {
    Arg {
        name: name.into(),
        kind: ArgType::Int,
        description: description.into(),
        minimum: Some(1.0),
        maximum: Some(maximum),
        ..Arg::default()
    }
}

impl Worker for Water {
    fn declaration(&self) -> Command {
        let zone = Arg { required: true, ..number("zone", "Which valve", 8.0) };
        let minutes = Arg { default: Some(5.into()), ..number("minutes", "How long", 60.0) };
        command("water", "Water a zone", Effect::Write, vec![zone, minutes])
    }

    fn call<'a>(&'a self, call: Call) -> Calling<'a> {
        Box::pin(async move {
            // They were checked against the declaration before this call.
            let zone = call.int("zone").ok_or("which zone?")?;
            let minutes = call.int("minutes").ok_or("how many minutes?")?;
            let mut sum = 0;
            self.0.send_modify(|garden| {
                let zone = garden.entry(zone).or_default();
                *zone += minutes;
                sum = *zone;
            });
            call.line(format!("zone {zone}: {sum} minutes since the start")).await;
            Ok(())
        })
    }
}

impl Worker for Watch {
    fn declaration(&self) -> Command {
        command("watch", "Watch the garden", Effect::Read, Vec::new())
    }

    fn call<'a>(&'a self, call: Call) -> Calling<'a> {
        Box::pin(async move {
            let mut garden = self.0.subscribe();
            loop {
                let now = garden.borrow_and_update().clone();
                let zones: Vec<String> =
                    now.iter().map(|(zone, sum)| format!("zone {zone}: {sum}")).collect();
                match zones.is_empty() {
                    true => call.line("nothing was watered yet").await,
                    false => call.line(zones.join(", ")).await,
                }
                tokio::select! {
                    () = call.cancelled() => return Ok(()),
                    changed = garden.changed() => changed.map_err(|error| error.to_string())?,
                }
            }
        })
    }
}

impl Builtin for Zones {
    fn declaration(&self) -> Command {
        let json = Arg {
            name: "json".into(),
            kind: ArgType::Bool,
            description: "Answer with one JSON document".into(),
            ..Arg::default()
        };
        command("zones", "Show the minutes of each zone", Effect::Read, vec![json])
    }

    fn answer<'a>(&'a self, call: &'a BuiltinCall) -> Answering<'a> {
        Box::pin(async move {
            let zones = self.0.borrow();
            if call.flag("json") {
                return serde_json::to_string(&*zones).map_err(|error| error.to_string());
            }
            Ok(zones.iter().map(|(zone, sum)| format!("zone {zone}: {sum} minutes\n")).collect())
        })
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<ExitCode> {
    prepare_process();
    let dirs = Dirs::from_env()?;
    let garden = Arc::new(Garden::new(BTreeMap::new()));
    let mut config = Config::load(&dirs, None, None)?
        .with_worker(Water(Arc::clone(&garden)))
        .with_worker(Watch(Arc::clone(&garden)))
        .with_builtin(Zones(garden));
    config.log.stderr = true;
    let listeners = Listeners::local(&dirs.socket(), config.local.is_open())?;
    let ended = serve(listeners, config, Stop::on_signals()?).await?;
    // A failure asks the service manager to start this program again.
    Ok(if ended == Ended::Stopped { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
