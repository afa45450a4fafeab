//! The form of a saved server.

use ratatui::layout::{Position, Rect};

use crate::app::picker::{self, discovered};
use crate::app::view::{Outcome, View, act, close, stay};
use crate::app::{Effect, ProfileEdit, State};
use crate::config::{DEFAULT_PORT, Field, Profile, validate};
use crate::connect::DiscoveredServer;
use crate::input::key::{Code, Key};
use crate::theme::Theme;
use crate::widgets::canvas::Canvas;
use crate::widgets::editor::{Edited, Editor};
use crate::widgets::field::field;
use crate::widgets::row::Row;

/// Columns of the labels.
const LABELS: u16 = 16;

/// The fields shown, in order. A pin is filled by pairing, tags in client.toml or by `topside edit`.
const FIELDS: [Field; 5] =
    [Field::Name, Field::Lan, Field::Internet, Field::Port, Field::InternetPort];

fn label(field: Field) -> &'static str {
    match field {
        Field::Name => "Name",
        Field::Lan => "LAN address",
        Field::Internet => "Router address",
        Field::Port => "Port",
        Field::InternetPort => "Router's port",
        Field::Pin => "Pin",
        Field::Tags => "Tags",
    }
}

/// What belongs there, shown while the field has the focus.
fn about(field: Field) -> &'static str {
    match field {
        Field::Name => "what you call it, such as sprinkler",
        Field::Lan => "such as 192.168.1.10, if it is on your network",
        Field::Internet => "the router's outside address, or a host name",
        Field::Port => "8677 unless the server says another",
        Field::InternetPort => "only if the router forwards another port",
        Field::Pin => "filled by pairing",
        Field::Tags => "groups of `topside run --on tag:NAME`",
    }
}

fn place(field: Field) -> usize {
    FIELDS.iter().position(|other| *other == field).unwrap_or(0)
}

/// A form being filled in.
#[derive(Debug)]
pub(crate) struct ServerForm {
    /// The saved server that is edited; none: a new one.
    original: Option<String>,
    fields: [Editor; 5],
    /// The field with the focus.
    at: usize,
    /// Whether the field was just entered by Tab: typing takes the place of its text.
    replaces: bool,
    /// Which field is wrong, and why.
    errors: Vec<(Field, String)>,
    /// What was there when the form opened.
    before: [String; 5],
    /// What the form does not show.
    kept: Profile,
    /// Esc was pressed over unsaved text: once more discards it.
    warned: bool,
}

/// What became of a key.
#[derive(Debug, PartialEq)]
enum Filled {
    /// The form stays.
    Open,
    /// It is given up.
    Closed,
    /// It is right, and to be saved.
    Save(Effect),
}

impl ServerForm {
    /// An empty form.
    fn add() -> Self {
        Self::with(None, &blank())
    }

    /// A form of a saved server.
    fn edit(profile: &Profile) -> Self {
        Self::with(Some(profile.name.clone()), profile)
    }

    /// A form of a new server like another one: the same box by another address, so that the pin stays.
    fn duplicate(profile: &Profile, taken: &[Profile]) -> Self {
        let copy = Profile { name: free_name(&profile.name, taken, 2), ..profile.clone() };
        let mut form = Self::with(None, &copy);
        // Saving a copy as it stands is what was asked for; leaving it is no loss.
        form.before = form.texts();
        form
    }

    /// A form of a server that was found on the LAN. Its pin comes from an invite, not from what it says.
    fn of_find(find: &DiscoveredServer, taken: &[Profile]) -> Self {
        let profile = Profile {
            name: free_name(&find.name, taken, 1),
            lan: Some(discovered::address(find)),
            port: find.port,
            ..blank()
        };
        Self::with(None, &profile)
    }

    /// What the server's key is known by, where that is known: `3f9a 12c0 77de 01b4`.
    fn pin(&self) -> Option<String> {
        discovered::pin(&self.kept).map(|pin| pin.short())
    }

    fn with(original: Option<String>, profile: &Profile) -> Self {
        let port = |port: Option<u16>| port.map(|port| port.to_string()).unwrap_or_default();
        let fields = [
            profile.name.clone(),
            profile.lan.clone().unwrap_or_default(),
            profile.internet.clone().unwrap_or_default(),
            port(Some(profile.port)),
            port(profile.internet_port),
        ];
        Self {
            original,
            fields: fields.each_ref().map(|text| Editor::with(text)),
            at: 0,
            replaces: false,
            errors: Vec::new(),
            before: fields,
            kept: profile.clone(),
            warned: false,
        }
    }

    fn texts(&self) -> [String; 5] {
        self.fields.each_ref().map(|field| field.text().to_owned())
    }

    fn text(&self, field: Field) -> &str {
        self.fields[place(field)].text().trim()
    }

    fn error(&self, field: Field) -> Option<&str> {
        self.errors.iter().find(|(at, _)| *at == field).map(|(_, error)| error.as_str())
    }

    fn edit_key(&mut self, key: Key, saved: &[Profile]) -> Filled {
        let count = FIELDS.len();
        let replaces = std::mem::take(&mut self.replaces);
        match key.code {
            Code::Esc if self.texts() != self.before && !self.warned => self.warned = true,
            Code::Esc => return Filled::Closed,
            Code::Tab | Code::Down => self.at = (self.at + 1) % count,
            Code::BackTab | Code::Up => self.at = (self.at + count - 1) % count,
            Code::Enter => return self.save(saved),
            _ if key.is_ctrl('s') => return self.save(saved),
            _ => {
                if replaces && key.typed().is_some() {
                    self.fields[self.at].clear();
                }
                if self.fields[self.at].key(key) == Edited::Text {
                    self.touched();
                }
            }
        }
        self.replaces = matches!(key.code, Code::Tab | Code::BackTab);
        Filled::Open
    }

    fn insert(&mut self, text: &str) {
        if std::mem::take(&mut self.replaces) {
            self.fields[self.at].clear();
        }
        self.fields[self.at].insert(text.lines().next().unwrap_or_default().trim());
        self.touched();
    }

    fn touched(&mut self) {
        self.warned = false;
        let field = FIELDS[self.at];
        self.errors.retain(|(at, _)| *at != field);
    }

    fn save(&mut self, saved: &[Profile]) -> Filled {
        match self.profile(saved) {
            Ok(profile) => Filled::Save(Effect::Edit(match &self.original {
                Some(name) => ProfileEdit::Replace(name.clone(), profile),
                None => ProfileEdit::Add(profile),
            })),
            Err(errors) => {
                self.at = errors.first().map_or(0, |(field, _)| place(*field));
                self.errors = errors;
                Filled::Open
            }
        }
    }

    /// What the form says, or all that is wrong with it.
    fn profile(&self, saved: &[Profile]) -> Result<Profile, Vec<(Field, String)>> {
        let mut errors = Vec::new();
        let mut port = |field: Field, or: Option<u16>| match self.text(field) {
            "" => or,
            text => match text.parse::<u16>() {
                Ok(port) if port > 0 => Some(port),
                _ => {
                    let sentence = format!("{text} is not a port: a port is 1 to 65535");
                    errors.push((field, sentence));
                    None
                }
            },
        };
        let own = port(Field::Port, Some(DEFAULT_PORT)).unwrap_or(DEFAULT_PORT);
        let internet_port = port(Field::InternetPort, None);
        let some = |field: Field| Some(self.text(field).to_owned()).filter(|text| !text.is_empty());
        let profile = Profile {
            name: self.text(Field::Name).to_owned(),
            lan: some(Field::Lan),
            internet: some(Field::Internet),
            port: own,
            internet_port,
            ..self.kept.clone()
        };
        // Each field alone, so that all mistakes are told at once.
        for field in [Field::Name, Field::Lan, Field::Internet] {
            let mut probe = Profile { name: "x".to_owned(), ..blank() };
            match field {
                Field::Name => probe.name.clone_from(&profile.name),
                Field::Lan => probe.lan.clone_from(&profile.lan),
                _ => probe.internet.clone_from(&profile.internet),
            }
            if let Err(error) = validate(&probe) {
                errors.push((error.field, error.message));
            }
        }
        let taken = saved
            .iter()
            .any(|other| other.name == profile.name && self.original.as_ref() != Some(&other.name));
        if taken {
            let sentence = format!("there is a server called {} already", profile.name);
            errors.push((Field::Name, sentence));
        }
        if errors.is_empty()
            && let Err(error) = validate(&profile)
        {
            errors.push((error.field, error.message));
        }
        errors.sort_by_key(|(field, _)| place(*field));
        if errors.is_empty() { Ok(profile) } else { Err(errors) }
    }
}

/// Opens an empty form, or one of the discovered server that is chosen.
pub(crate) fn open_add(state: &mut State) -> Vec<Effect> {
    let form = match picker::chosen_find(state) {
        Some(find) => ServerForm::of_find(find, &state.servers),
        None => ServerForm::add(),
    };
    state.open(form);
    Vec::new()
}

/// Opens the form of the chosen server.
pub(crate) fn open_edit(state: &mut State) -> Vec<Effect> {
    if let Some(form) = picker::chosen(state).map(ServerForm::edit) {
        state.open(form);
    }
    Vec::new()
}

/// Opens the form of a copy of the chosen server.
pub(crate) fn open_duplicate(state: &mut State) -> Vec<Effect> {
    let copy = |profile| ServerForm::duplicate(profile, &state.servers);
    if let Some(form) = picker::chosen(state).map(copy) {
        state.open(form);
    }
    Vec::new()
}

impl View for ServerForm {
    fn title(&self, _state: &State) -> String {
        match &self.original {
            Some(name) => format!("Edit {name}"),
            None => "Add a server".to_owned(),
        }
    }

    /// A saved form closes once it is on the disk.
    fn key(&mut self, key: Key, state: &State) -> Outcome {
        match self.edit_key(key, &state.servers) {
            Filled::Open => stay(),
            Filled::Closed => close(),
            Filled::Save(effect) => act(|_| vec![effect]),
        }
    }

    fn paste(&mut self, text: &str, _state: &State) -> Outcome {
        self.insert(text);
        stay()
    }

    fn draw(&self, canvas: &mut Canvas<'_>, state: &State) -> Option<Position> {
        // With room, each field has a row of its own for what is wrong; else the last row says it.
        let step = if canvas.area.height >= 15 { 2 } else { 1 };
        let rows = 5 * step + 1 + u16::from(step == 1);
        let inside = canvas.popup(&self.title(state), 70, rows);
        let (buffer, theme) = (&mut *canvas.buffer, &state.theme);
        let mut cursor = None;
        for (nth, what) in FIELDS.into_iter().enumerate() {
            let focus = nth == self.at;
            let y = u16::try_from(nth).unwrap_or(0) * step;
            let mut row = Row::at(buffer, inside, y);
            row.left(if focus { "▌ " } else { "  " }, theme.accent);
            row.column(
                label(what),
                usize::from(LABELS),
                if focus { theme.chosen() } else { theme.plain },
            );
            let place = Rect {
                x: row.x(),
                y: inside.y + y,
                width: inside.right().saturating_sub(row.x()),
                height: u16::from(inside.y + y < inside.bottom()),
            };
            let typed = &self.fields[nth];
            if typed.is_empty() && !focus {
                row.left("–", theme.dim);
            } else {
                let all = focus && self.replaces;
                let style = if all { theme.chosen() } else { theme.plain };
                let at = field(buffer, place, typed, style);
                if focus {
                    cursor = at;
                }
            }
            if step == 2 {
                let mut below = Row::at(buffer, inside, y + 1);
                // A mistake is a sentence, and needs the whole row.
                below.skip(2 + if self.error(what).is_some() { 0 } else { LABELS });
                note(&mut below, self, nth, theme);
            }
        }
        let mut foot = Row::at(buffer, inside, inside.height.saturating_sub(1));
        if self.warned {
            foot.left("▲ ", theme.warn).left("Esc again discards what you typed", theme.plain);
        } else {
            foot.left("Enter saves · Tab next field · Esc cancels", theme.dim);
        }
        if let Some(pin) = self.pin() {
            foot.skip(1).right(&format!("pin {pin}"), theme.dim);
        }
        if step == 1 {
            note(&mut Row::at(buffer, inside, 5), self, self.at, theme);
        }
        cursor
    }
}

/// What is wrong with a field, or with the focus what belongs there.
fn note(row: &mut Row<'_>, form: &ServerForm, nth: usize, theme: &Theme) {
    let what = FIELDS[nth];
    if let Some(error) = form.error(what) {
        let rule = error.strip_prefix(what.key()).and_then(|rule| rule.strip_prefix(' '));
        let error = rule.map_or(error.to_owned(), |rule| format!("{} {rule}", label(what)));
        row.left("✗ ", theme.bad).left(&error, theme.plain);
    } else if nth == form.at {
        row.left(about(what), theme.dim);
    }
}

/// A name that no saved server has: this one, or this one with a number from `first` on.
fn free_name(name: &str, taken: &[Profile], first: usize) -> String {
    let numbered = |n: usize| if n == 1 { name.to_owned() } else { format!("{name}-{n}") };
    let free = |name: &String| taken.iter().all(|other| other.name != *name);
    (first..).map(numbered).find(free).unwrap_or_default()
}

fn blank() -> Profile {
    Profile { port: DEFAULT_PORT, ..Profile::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(form: &mut ServerForm, field: Field, text: &str) {
        form.at = place(field);
        form.fields[form.at].set(text);
    }

    fn enter(form: &mut ServerForm, saved: &[Profile]) -> Filled {
        form.edit_key("enter".parse().unwrap(), saved)
    }

    #[test]
    fn every_mistake_is_told_at_its_field_and_nothing_is_saved() {
        let mut form = ServerForm::add();
        typed(&mut form, Field::Port, "99999");
        typed(&mut form, Field::Lan, "not an address");
        assert_eq!(enter(&mut form, &[]), Filled::Open);
        for field in [Field::Name, Field::Lan, Field::Port] {
            assert!(form.error(field).is_some_and(|e| !e.is_empty()), "{field:?}");
        }
        assert_eq!(form.at, place(Field::Name), "the first mistake has the focus");
    }

    /// Typing a port made 867799999 of it.
    #[test]
    fn typing_into_a_field_that_was_entered_by_tab_takes_the_place_of_its_text() {
        let mut form = ServerForm::add();
        for key in ["tab", "tab", "tab", "9", "9"] {
            form.edit_key(key.parse().unwrap(), &[]);
        }
        assert_eq!(form.text(Field::Port), "99");
        // Moving about in it first means to change it.
        for key in ["tab", "backtab", "end", "1"] {
            form.edit_key(key.parse().unwrap(), &[]);
        }
        assert_eq!(form.text(Field::Port), "991");
        form.edit_key("tab".parse().unwrap(), &[]);
        form.edit_key("backtab".parse().unwrap(), &[]);
        form.insert("8677");
        assert_eq!(form.text(Field::Port), "8677");
    }

    #[test]
    fn what_is_right_is_saved_and_a_pin_stays_with_its_server() {
        let profile = Profile {
            name: "clock".into(),
            lan: Some("192.168.1.11".into()),
            pin: Some(format!("sha256:{}", "0".repeat(64))),
            tags: vec!["garden".into()],
            ..blank()
        };
        let mut form = ServerForm::edit(&profile);
        typed(&mut form, Field::Internet, " 203.0.113.7 ");
        let Filled::Save(Effect::Edit(ProfileEdit::Replace(name, saved))) =
            enter(&mut form, std::slice::from_ref(&profile))
        else {
            panic!("{:?}", form.errors)
        };
        assert_eq!(name, "clock");
        assert_eq!(saved.internet.as_deref(), Some("203.0.113.7"));
        assert_eq!((&saved.pin, &saved.tags), (&profile.pin, &profile.tags));
        let copy = ServerForm::duplicate(&profile, std::slice::from_ref(&profile));
        assert_eq!(copy.text(Field::Name), "clock-2");
        assert_eq!(copy.kept.pin, profile.pin);
    }

    #[test]
    fn a_name_is_taken_once_and_unsaved_text_is_not_thrown_away_at_the_first_esc() {
        let taken = Profile { name: "clock".into(), ..blank() };
        let mut form = ServerForm::add();
        typed(&mut form, Field::Name, "clock");
        assert_eq!(enter(&mut form, &[taken]), Filled::Open);
        assert!(form.error(Field::Name).unwrap().contains("already"));
        let esc = "esc".parse().unwrap();
        assert_eq!(form.edit_key(esc, &[]), Filled::Open);
        assert!(form.warned);
        assert_eq!(form.edit_key(esc, &[]), Filled::Closed);
    }
}
