//! Carrying out what `update` asks for.

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use topside_shared::dirs::Dirs;
use topside_shared::text::bytes;

use super::network::{Network, Order};
use super::saved::Saved;
use crate::app::{Effect, Msg};
use crate::config::{self, History, Profile};
use crate::platform;
use crate::term::{MAX_COPY, Terminal};

/// What effects are carried out with.
pub(super) struct Doer {
    dirs: Dirs,
    pub(super) saved: Saved,
    histories: HashMap<String, History>,
    pub(super) network: Network,
}

impl Doer {
    pub(super) fn new(dirs: Dirs, network: Network) -> Self {
        let saved = Saved::new(dirs.config.join(config::FILE_NAME));
        Self { dirs, saved, histories: HashMap::new(), network }
    }

    fn profile(&self, name: Option<&str>) -> Option<Profile> {
        self.saved.get(name?)
    }

    /// Does it, and says what came of it at once.
    pub(super) fn carry_out(&mut self, effect: Effect, terminal: &mut Terminal) -> Vec<Msg> {
        let order = match effect {
            // The loop's own.
            Effect::Quit | Effect::Suspend | Effect::Mouse(_) => return Vec::new(),
            Effect::Edit(edit) => return self.saved.edit(edit),
            Effect::LoadHistory { server } => return self.load_history(server),
            Effect::SaveHistory { server, line } => return self.save_history(&server, &line),
            Effect::Copy { name, text } => return vec![self.copy(&name, &text, terminal)],
            Effect::Save { name, text } => return vec![self.save(&name, &text)],
            Effect::ReadServers => return vec![self.saved.read()],
            Effect::Probe { round, server, vias } => {
                Order::Probe { round, profile: self.profile(server.as_deref()), vias }
            }
            Effect::Browse(on) => Order::Browse(on),
            Effect::Pair { attempt, invite } => Order::Pair { attempt, invite },
            Effect::CancelPair { attempt } => Order::CancelPair(attempt),
            Effect::Dial { attempt, target, start } => {
                let profile = self.profile(target.server.as_deref());
                Order::Dial { attempt, target, profile, start }
            }
            Effect::CancelDial { attempt } => Order::CancelDial(attempt),
            Effect::Call { session, call } => Order::Call(session, call),
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

    fn copy(&self, name: &str, text: &str, terminal: &mut Terminal) -> Msg {
        let size = bytes(text.len() as u64);
        if text.len() > MAX_COPY {
            let most = bytes(MAX_COPY as u64);
            return match self.write(name, text) {
                Ok(path) => Msg::Done(format!(
                    "{size} is too much for the clipboard ({most}): saved to {}",
                    path.display()
                )),
                Err(error) => Msg::Failed(format!(
                    "{size} is too much for the clipboard ({most}), and it cannot be saved: {error}"
                )),
            };
        }
        match terminal.copy(text) {
            Ok(()) => Msg::Done(format!("{size} sent to the terminal's clipboard.")),
            Err(error) => Msg::Failed(format!("nothing was copied: {error}")),
        }
    }

    fn save(&self, name: &str, text: &str) -> Msg {
        match self.write(name, text) {
            Ok(path) => {
                let size = bytes(text.len() as u64);
                Msg::Done(format!("{size} saved to {}", path.display()))
            }
            Err(error) => Msg::Failed(format!("nothing was saved: {error}")),
        }
    }

    /// Writes a new file where the person is, or else in the state directory; never over another.
    fn write(&self, name: &str, text: &str) -> io::Result<PathBuf> {
        let here = std::env::current_dir().and_then(|dir| write_new(&dir, name, text));
        here.or_else(|_| {
            let dir = self.dirs.state.join("saved");
            platform::create_private_dir(&dir)?;
            write_new(&dir, name, text)
        })
    }
}

fn write_new(dir: &Path, name: &str, text: &str) -> io::Result<PathBuf> {
    let (stem, extension) = name.rsplit_once('.').unwrap_or((name, "txt"));
    for nth in 1..1000 {
        let path = match nth {
            1 => dir.join(name),
            n => dir.join(format!("{stem}-{n}.{extension}")),
        };
        let mut options = OpenOptions::new();
        match platform::private(options.write(true).create_new(true)).open(&path) {
            Ok(mut file) => {
                file.write_all(text.as_bytes())?;
                return Ok(path);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_there_is_never_written_over() {
        let dir = tempfile::tempdir().unwrap();
        let first = write_new(dir.path(), "out.txt", "one").unwrap();
        let second = write_new(dir.path(), "out.txt", "two").unwrap();
        assert_eq!(std::fs::read_to_string(first).unwrap(), "one");
        assert_eq!(second.file_name().unwrap(), "out-2.txt");
    }
}
