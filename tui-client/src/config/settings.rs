//! Settings of the screen: `[screen]` of client.toml, theme.toml and keymap.toml.
//! A wrong value is reported with its position and is the default; the other values of the file apply. A file that is no
//! TOML changes nothing.

use std::ops::Range;
use std::path::{Path, PathBuf};

use toml_edit::{Document, Item, Table};

use super::atomic_file::Replacement;
use super::profile_writer::set;
use super::profiles::ConfigError;
use super::toml_errors::{Fault, bytes, fault, parse, unknown};
use super::{FILE_NAME, keymap_file, theme_file};
use crate::input::Keymap;
use crate::theme::ThemeChoice;
use crate::theme::choice::THEMES;

pub(crate) const THEME_FILE: &str = "theme.toml";
pub(crate) const KEYMAP_FILE: &str = "keymap.toml";
/// The name of the theme in `theme.toml`.
pub(super) const OWN: &str = "own";

/// Most recent commands above the menu.
const MAX_RECENT: usize = 9;

const NOT_A_TABLE: &str = "screen is a table, written as [screen]";

/// The settings of the three files together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) theme: ThemeChoice,
    /// The theme of theme.toml, where that file is there and without a mistake.
    pub(crate) own_theme: Option<ThemeChoice>,
    /// Whether only ASCII characters are drawn; none: by the locale.
    pub(crate) ascii: Option<bool>,
    pub(crate) mouse: bool,
    /// Number of recent commands above the menu.
    pub(crate) recent: usize,
    pub(crate) keys: Keymap,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            theme: ThemeChoice::default(),
            own_theme: None,
            ascii: None,
            mouse: true,
            recent: 0,
            keys: Keymap::default(),
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct SettingsFiles {
    client: PathBuf,
    theme: PathBuf,
    keymap: PathBuf,
}

impl SettingsFiles {
    pub(crate) fn of(dir: &Path) -> Self {
        Self {
            client: dir.join(FILE_NAME),
            theme: dir.join(THEME_FILE),
            keymap: dir.join(KEYMAP_FILE),
        }
    }

    pub(crate) fn paths(&self) -> [&Path; 3] {
        [&self.client, &self.theme, &self.keymap]
    }

    /// Writes the chosen theme into client.toml; the rest of the file stays as it is.
    pub(crate) fn write_theme(&self, name: &str) -> Result<(), ConfigError> {
        let path = &self.client;
        let failed = |source| ConfigError::Write { path: path.clone(), source };
        let replacement = Replacement::begin(path).map_err(failed)?;
        let mut document = parse(path, &bytes(path)?)?.into_mut();
        if !document.contains_key("screen") {
            let mut table = Table::new();
            table.decor_mut().set_prefix(if document.is_empty() { "" } else { "\n" });
            document.insert("screen", Item::Table(table));
        }
        let Some(screen) = document.get_mut("screen").and_then(Item::as_table_like_mut) else {
            return Err(fault(path, "", (None, NOT_A_TABLE.to_owned())));
        };
        set(screen, "theme", Some(name.into()));
        replacement.commit(&document.to_string()).map_err(failed)
    }

    /// Applies the files as they are now; returns the mistakes in them.
    pub(crate) fn read(&self, settings: &mut Settings) -> Vec<ConfigError> {
        let mut mistakes = Vec::new();
        let own_theme = section(&self.theme, theme_file::theme);
        let is_right = |own: &&(_, Vec<_>)| self.theme.exists() && own.1.is_empty();
        let right = own_theme.as_ref().ok().filter(is_right);
        settings.own_theme = right.map(|(theme, _)| theme.clone());
        match section(&self.client, screen) {
            Ok((screen, wrong)) => {
                mistakes.extend(wrong);
                settings.ascii = screen.ascii;
                settings.mouse = screen.mouse;
                settings.recent = screen.recent;
                match screen.theme.map_or(own_theme, |theme| Ok((theme, Vec::new()))) {
                    Ok((theme, wrong)) => {
                        settings.theme = theme;
                        mistakes.extend(wrong);
                    }
                    Err(mistake) => mistakes.push(mistake),
                }
            }
            Err(mistake) => mistakes.push(mistake),
        }
        match section(&self.keymap, keymap_file::keymap) {
            Ok((keys, wrong)) => {
                settings.keys = keys;
                mistakes.extend(wrong);
            }
            Err(mistake) => mistakes.push(mistake),
        }
        mistakes
    }
}

/// What a file says, and the wrong values in it.
type Read<T> = (T, Vec<ConfigError>);

fn section<T>(
    path: &Path,
    read: impl Fn(&Document<String>) -> (T, Vec<Fault>),
) -> Result<Read<T>, ConfigError> {
    let document = parse(path, &bytes(path)?)?;
    let (value, faults) = read(&document);
    let wrong = faults.into_iter().map(|mistake| fault(path, document.raw(), mistake));
    Ok((value, wrong.collect()))
}

struct ScreenSettings {
    /// None: the user's own theme.
    theme: Option<ThemeChoice>,
    ascii: Option<bool>,
    mouse: bool,
    recent: usize,
}

fn screen(document: &Document<String>) -> (ScreenSettings, Vec<Fault>) {
    let mut screen =
        ScreenSettings { theme: Some(ThemeChoice::default()), ascii: None, mouse: true, recent: 0 };
    let Some(item) = document.as_table().get("screen") else { return (screen, Vec::new()) };
    let Some(table) = item.as_table_like() else {
        return (screen, vec![(item.span(), NOT_A_TABLE.to_owned())]);
    };
    let faults = table.iter().filter_map(|(key, item)| {
        let span = table.key(key).and_then(toml_edit::Key::span);
        screen.set(key, item, span).err()
    });
    let faults = faults.collect();
    (screen, faults)
}

impl ScreenSettings {
    /// Takes one value; a wrong one changes nothing.
    fn set(&mut self, key: &str, item: &Item, span: Option<Range<usize>>) -> Result<(), Fault> {
        match key {
            "theme" => self.theme = theme(item)?,
            "borders" => {
                self.ascii = match one_of(item, key, ["auto", "unicode", "ascii"])? {
                    "ascii" => Some(true),
                    "unicode" => Some(false),
                    _ => None,
                };
            }
            "mouse" => {
                let mouse = item.as_bool();
                self.mouse =
                    mouse.ok_or_else(|| (item.span(), "mouse is true or false".to_owned()))?;
            }
            "recent" => {
                let number = item.as_integer().and_then(|number| usize::try_from(number).ok());
                self.recent = number.filter(|number| *number <= MAX_RECENT).ok_or_else(|| {
                    (item.span(), format!("recent is a whole number from 0 to {MAX_RECENT}"))
                })?;
            }
            _ => {
                let near = unknown(key, ["theme", "borders", "mouse", "recent"]);
                return Err((span, format!("[screen] has no {near}")));
            }
        }
        Ok(())
    }
}

/// The theme of this name; none for the user's own.
fn theme(item: &Item) -> Result<Option<ThemeChoice>, Fault> {
    let name = item.as_str().unwrap_or_default();
    let theme = ThemeChoice::named(name).cloned();
    if theme.is_none() && name != OWN {
        let names: Vec<_> = theme_names().collect();
        let list = names.join(", ");
        let near = unknown(name, names);
        return Err((item.span(), format!("there is no theme {near} (themes: {list})")));
    }
    Ok(theme)
}

/// The values of `theme`.
fn theme_names() -> impl Iterator<Item = &'static str> {
    THEMES.iter().map(|theme| theme.name).chain([OWN])
}

fn one_of<'n>(
    item: &Item,
    key: &str,
    names: impl IntoIterator<Item = &'n str>,
) -> Result<&'n str, Fault> {
    let names: Vec<&str> = names.into_iter().collect();
    let value = item.as_str().unwrap_or_default();
    names.iter().copied().find(|name| *name == value).ok_or_else(|| {
        let list = names.join(", ");
        (item.span(), format!("{key} is one of {list}, not {}", unknown(value, names)))
    })
}

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;
