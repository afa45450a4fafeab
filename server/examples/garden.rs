//! A daemon of one's own on Topside's library: it waters a garden, and keeps what it did in memory.
//!
//! ```sh
//! cargo run --example garden &
//! topside run water 3 --minutes 10
//! topside run watch           # a line for each watering, until Ctrl-C
//! ```
//!
//! Its menu has the built-ins, the two commands below, and whatever `commands.toml` declares. Roles,
//! arguments, output, cancel and the live lists are the library's.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;

use tokio::sync::watch;
use topside_server::{
    Call, Calling, Config, Ended, Listeners, Stop, Worker, prepare_process, serve,
};
use topside_shared::command::{Arg, ArgType, Command, Effect};
use topside_shared::dirs::Dirs;

/// Minutes that each zone was watered since the start: what both commands share, and what lives on
/// between their calls.
type Garden = watch::Sender<BTreeMap<i64, i64>>;

/// `water ZONE [MINUTES]`.
struct Water(Arc<Garden>);

/// `watch`: goes on until it is cancelled.
struct Watch(Arc<Garden>);

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

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<ExitCode> {
    prepare_process();
    let dirs = Dirs::from_env()?;
    let garden = Arc::new(Garden::new(BTreeMap::new()));
    let mut config = Config::load(&dirs, None, None)?
        .with_worker(Water(Arc::clone(&garden)))
        .with_worker(Watch(garden));
    config.log.stderr = true;
    let listeners = Listeners::local(&dirs.socket(), config.local.is_open())?;
    let ended = serve(listeners, config, Stop::on_signals()?).await?;
    // Whoever started this program starts it again if it says so: a failure asks for that.
    Ok(if ended == Ended::Stopped { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
