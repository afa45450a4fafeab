//! Settings of the screen: read again when one of their files has changed, and combined with the environment and
//! the flags.

use topside_shared::dirs::Dirs;

use super::saved_servers::{Stamp, look, sentence};
use crate::app::Msg;
use crate::config::{Settings, SettingsFiles};
use crate::terminal;
use crate::theme::Theme;

/// The files and what they said when they could be read last.
pub(super) struct SettingsWatcher {
    files: SettingsFiles,
    settings: Settings,
    /// The files as they were looked at last.
    stamps: [Stamp; 3],
    /// Whether `--ascii` was given.
    ascii: bool,
}

impl SettingsWatcher {
    /// The files of these directories, not looked at yet.
    pub(super) fn new(dirs: &Dirs, ascii: bool) -> Self {
        let files = SettingsFiles::of(&dirs.config);
        Self { files, settings: Settings::default(), stamps: [None; 3], ascii }
    }

    /// Reads the files, and says what came of it; `asked`: because a person wants it.
    pub(super) fn read(&mut self, asked: bool) -> Msg {
        // First the stamps: what is written meanwhile is read the next time.
        self.stamps = self.files.paths().map(look);
        let mistakes = self.files.read(&mut self.settings).into_iter().map(sentence).collect();
        let mut settings = self.settings.clone();
        if terminal::no_colour() {
            settings.theme = Theme::MONOCHROME;
        }
        let by_flag = self.ascii.then_some(true);
        let ascii = by_flag.or(settings.ascii).unwrap_or_else(|| !terminal::speaks_utf8());
        settings.ascii = Some(ascii);
        Msg::Settings { settings: Box::new(settings), mistakes, asked }
    }

    /// The same, if a file is not what it was when it was looked at last.
    pub(super) fn read_if_changed(&mut self) -> Option<Msg> {
        (self.files.paths().map(look) != self.stamps).then(|| self.read(false))
    }
}
