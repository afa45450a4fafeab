//! Carries out the effects that `update` returns.

use std::collections::HashMap;

use topside_shared::dirs::Dirs;
use topside_shared::text::bytes;

use super::download::Download;
use super::network::{Network, Order};
use super::result_download::ResultDownload;
use super::saved_servers::SavedServers;
use super::settings_watcher::SettingsWatcher;
use super::upload::Upload;
use crate::app::msg::FanOutEvent;
use crate::app::{Effect, Msg};
use crate::config::{self, AuditOf, History, PaneChoices, Profile, menu_cache, screen_state};
use crate::connect;
use crate::file_transfer;
use crate::terminal::{MAX_COPY, Terminal};

pub(super) struct EffectRunner {
    dirs: Dirs,
    pub(super) saved: SavedServers,
    pub(super) settings: SettingsWatcher,
    /// The boxes of the fleets, by name.
    fleet: HashMap<String, Profile>,
    histories: HashMap<String, History>,
    pub(super) network: Network,
}

impl EffectRunner {
    pub(super) fn new(dirs: Dirs, ascii: bool, network: Network) -> Self {
        let saved = SavedServers::new(dirs.config.join(config::FILE_NAME));
        let settings = SettingsWatcher::new(&dirs, ascii);
        let (fleet, histories) = (HashMap::new(), HashMap::new());
        Self { dirs, saved, settings, fleet, histories, network }
    }

    /// The saved hubs.
    pub(super) fn hubs(&self) -> Msg {
        Msg::Hubs(connect::hub_names(&self.dirs.state))
    }

    /// The side panes that the user chose before.
    pub(super) fn panes(&self) -> Msg {
        Msg::Panes(PaneChoices::load(&self.dirs.state))
    }

    /// The saved server or the box of a fleet with this name.
    fn profile(&self, name: Option<&str>) -> Option<Profile> {
        let name = name?;
        self.saved.get(name).or_else(|| self.fleet.get(name).cloned())
    }

    /// Carries an effect out; returns the messages that follow at once.
    pub(super) fn carry_out(&mut self, effect: Effect, terminal: &mut Terminal) -> Vec<Msg> {
        let order = match effect {
            // The loop handles these itself.
            Effect::Quit | Effect::Suspend | Effect::Mouse(_) => return Vec::new(),
            Effect::Edit(edit) => return self.saved.edit(edit),
            Effect::LoadHistory { server } => return self.load_history(server),
            Effect::SaveHistory { server, line } => return self.save_history(&server, &line),
            Effect::KeepMenu { server, menu } => {
                let state = self.dirs.state.clone();
                tokio::task::spawn_blocking(move || menu_cache::keep(&state, &server, &menu));
                return Vec::new();
            }
            Effect::CheckAudit { session, server, address, shown } => {
                let pin = self.profile(server.as_deref()).and_then(|profile| profile.pin);
                let of = AuditOf { server: server.unwrap_or(address), pin };
                let warning = of.check(&self.dirs.state, &shown);
                let told = warning.map(|warning| Msg::AuditWarning { session, warning });
                return told.into_iter().collect();
            }
            Effect::Copy { name, text } if text.len() > MAX_COPY => {
                let most = bytes(MAX_COPY as u64);
                let why = format!("as it is too much for the clipboard ({most})");
                Order::Save { name, text, why: Some(why) }
            }
            Effect::Copy { text, .. } => return vec![copy(&text, terminal)],
            Effect::Save { name, text, why } => Order::Save { name, text, why },
            Effect::Fetch { id, session, run, until, name } => {
                Order::Fetch(session, Download { id, run, until, name })
            }
            Effect::FetchResult { id, session, run, file, to } => {
                Order::FetchResult(session, ResultDownload { id, run, file, to })
            }
            Effect::StopFetch { id } => Order::StopFetch(id),
            Effect::ListPaths { arg, typed } => {
                // Read here, so that a Tab right after this key finds the paths: it would move to the next field.
                // The small files of the settings and the saved servers are read here too.
                let paths = file_transfer::paths(&arg, &typed);
                return vec![Msg::Paths { typed, paths }];
            }
            Effect::SendFiles { id, session, command, run } => {
                Order::SendFiles(session, Upload { id, command, run })
            }
            Effect::KeepPanes(panes) => {
                panes.save(&self.dirs.state);
                return Vec::new();
            }
            Effect::LoadFavourites { server } => {
                let names = screen_state::favourites(&self.dirs.state, &server);
                return vec![Msg::Favourites { server, names }];
            }
            Effect::KeepFavourites { server, names } => {
                screen_state::save_favourites(&self.dirs.state, &server, &names);
                return Vec::new();
            }
            Effect::ReadSettings => return vec![self.settings.read(true)],
            Effect::SaveTheme(name) => return vec![self.settings.save_theme(name)],
            Effect::ReadServers => return vec![self.saved.read()],
            Effect::Probe { round, server, vias } => {
                Order::Probe { round, profile: self.profile(server.as_deref()), vias }
            }
            Effect::ProbeAll { round, servers } => {
                let saved = |(name, vias): (String, _)| Some((self.saved.get(&name)?, vias));
                let servers = servers.into_iter().filter_map(saved).collect();
                Order::ProbeAll { round, servers }
            }
            Effect::FanOut { id, boxes, words } => match self.saved.targets(&boxes, &self.dirs) {
                Ok(boxes) => Order::FanOut { id, boxes, words },
                Err(why) => return vec![Msg::FanOut { id, event: FanOutEvent::Failed(why) }],
            },
            Effect::ReadMenus { id, servers } => Order::ReadMenus { id, servers },
            Effect::FanOutOrder { id, order } => Order::Steer(id, order),
            Effect::Browse(on) => Order::Browse(on),
            Effect::KeepFleet(boxes) => {
                let named = boxes.into_iter().map(|each| (each.name.clone(), each));
                self.fleet = named.collect();
                return Vec::new();
            }
            Effect::Pair { attempt, invite, replaces } => Order::Pair { attempt, invite, replaces },
            Effect::CancelPair { attempt } => Order::CancelPair(attempt),
            Effect::Dial { attempt, target, start } => {
                let profile = self.profile(target.server.as_deref());
                Order::Dial { attempt, target, profile, start }
            }
            Effect::CancelDial { attempt } => Order::CancelDial(attempt),
            Effect::Ask { session, ask } => Order::Ask(session, ask),
            Effect::HangUp { session } => Order::HangUp(session),
        };
        match self.network.order(order) {
            Ok(()) => Vec::new(),
            Err(busy) => vec![Msg::Failed(busy.to_string())],
        }
    }

    fn load_history(&mut self, server: String) -> Vec<Msg> {
        match History::load(&self.dirs.state, &server) {
            Ok(history) => {
                let lines = history.lines().to_vec();
                self.histories.insert(server.clone(), history);
                vec![Msg::History { server, lines }]
            }
            Err(error) => vec![Msg::Failed(format!("earlier lines cannot be read: {error}"))],
        }
    }

    fn save_history(&mut self, server: &str, line: &str) -> Vec<Msg> {
        let Some(history) = self.histories.get_mut(server) else { return Vec::new() };
        match history.add(line) {
            Ok(_) => Vec::new(),
            Err(error) => vec![Msg::Failed(format!("the line was not kept for later: {error}"))],
        }
    }
}

fn copy(text: &str, terminal: &mut Terminal) -> Msg {
    let size = bytes(text.len() as u64);
    match terminal.copy(text) {
        Ok(()) => Msg::Done(format!("{size} sent to the terminal's clipboard.")),
        Err(error) => Msg::Failed(format!("nothing was copied: {error}")),
    }
}
