//! Settings of the screen: read again when one of their files has changed, and combined with the environment and
//! the flags.

use topside_shared::dirs::Dirs;

use super::saved_servers::{Stamp, look, sentence};
use crate::app::Msg;
use crate::config::{Settings, SettingsFiles};
use crate::terminal;

/// The files and the settings that could be read last.
pub(super) struct SettingsWatcher {
    files: SettingsFiles,
    settings: Settings,
    /// The files' stamps when they were read last.
    stamps: [Stamp; 3],
    ascii: bool,
}

impl SettingsWatcher {
    pub(super) fn new(dirs: &Dirs, ascii: bool) -> Self {
        let files = SettingsFiles::of(&dirs.config);
        Self { files, settings: Settings::default(), stamps: [None; 3], ascii }
    }

    /// Reads the files; returns the message with the result. `asked`: because the user asked for it.
    pub(super) fn read(&mut self, asked: bool) -> Msg {
        // The stamps first: what is written meanwhile is read the next time.
        self.stamps = self.files.paths().map(look);
        let mistakes = self.files.read(&mut self.settings).into_iter().map(sentence).collect();
        let mut settings = self.settings.clone();
        let by_flag = self.ascii.then_some(true);
        let ascii = by_flag.or(settings.ascii).unwrap_or_else(|| !terminal::speaks_utf8());
        settings.ascii = Some(ascii);
        Msg::Settings { settings: Box::new(settings), mistakes, asked }
    }

    /// Writes the chosen theme into client.toml, and reads the files again.
    pub(super) fn save_theme(&mut self, name: &str) -> Msg {
        match self.files.write_theme(name) {
            Ok(()) => self.read(false),
            Err(error) => Msg::Failed(format!("the theme was not saved: {}", sentence(error))),
        }
    }

    /// [`read`](Self::read), if a file has changed.
    pub(super) fn read_if_changed(&mut self) -> Option<Msg> {
        (self.files.paths().map(look) != self.stamps).then(|| self.read(false))
    }
}
