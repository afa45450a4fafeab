//! The form of a saved server.

mod draw;

use ratatui::layout::Position;

use crate::app::picker::{self, discovered};
use crate::app::view::{Outcome, View, act, close, stay};
use crate::app::{Effect, ProfileEdit, State};
use crate::config::{DEFAULT_PORT, Field, Profile, port as read_port, validate};
use crate::connect::DiscoveredServer;
use crate::input::key::{Code, Key};
use crate::widgets::canvas::Canvas;
use crate::widgets::editor::{Edited, Editor};
use crate::widgets::form_focus::{FormFocus, FormHit};

/// The fields shown, in order. A pin is filled by pairing, tags in client.toml or by `topside edit`.
const FIELDS: [Field; 5] =
    [Field::Name, Field::Lan, Field::Internet, Field::Port, Field::InternetPort];

fn place(field: Field) -> usize {
    FIELDS.iter().position(|other| *other == field).unwrap_or(0)
}

/// A form being filled in.
#[derive(Debug)]
pub(crate) struct ServerForm {
    /// The saved server that is edited; none: a new one.
    original: Option<String>,
    fields: [Editor; 5],
    focus: FormFocus,
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
            focus: FormFocus::Field(0),
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
        let replaces = std::mem::take(&mut self.replaces);
        match (key.code, self.focus) {
            _ if key.leaves() => return self.leave(),
            (Code::Enter, FormFocus::Cancel) => return self.leave(),
            (Code::Enter, FormFocus::Action) => return self.save(saved),
            _ if key.is_ctrl('s') => return self.save(saved),
            _ => {
                if let Some(focus) = self.focus.after(key, FIELDS.len()) {
                    self.focus = focus;
                } else if let Some(nth) = self.focus.field() {
                    if replaces && key.typed().is_some() {
                        self.fields[nth].clear();
                    }
                    if self.fields[nth].key(key) == Edited::Text {
                        self.touched(nth);
                    }
                }
            }
        }
        self.replaces = matches!(key.code, Code::Tab | Code::BackTab | Code::Enter);
        Filled::Open
    }

    /// Closes the form; over unsaved text only the second time.
    fn leave(&mut self) -> Filled {
        if self.texts() != self.before && !self.warned {
            self.warned = true;
            return Filled::Open;
        }
        Filled::Closed
    }

    fn clicked(&mut self, hit: FormHit, saved: &[Profile]) -> Filled {
        match hit {
            FormHit::Action => return self.save(saved),
            FormHit::Cancel => return self.leave(),
            FormHit::Field(nth) | FormHit::Choice(nth, _) if nth < FIELDS.len() => {
                self.focus = FormFocus::Field(nth);
                self.replaces = false;
            }
            FormHit::Field(_) | FormHit::Choice(..) => {}
        }
        Filled::Open
    }

    fn insert(&mut self, text: &str) {
        let replaces = std::mem::take(&mut self.replaces);
        let Some(nth) = self.focus.field() else { return };
        if replaces {
            self.fields[nth].clear();
        }
        self.fields[nth].insert(text.lines().next().unwrap_or_default().trim());
        self.touched(nth);
    }

    fn touched(&mut self, nth: usize) {
        self.warned = false;
        let field = FIELDS[nth];
        self.errors.retain(|(at, _)| *at != field);
    }

    fn save(&mut self, saved: &[Profile]) -> Filled {
        match self.profile(saved) {
            Ok(profile) => Filled::Save(Effect::Edit(match &self.original {
                Some(name) => ProfileEdit::Replace(name.clone(), profile),
                None => ProfileEdit::Add(profile),
            })),
            Err(errors) => {
                let first = errors.first().map_or(0, |(field, _)| place(*field));
                self.focus = FormFocus::Field(first);
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
            text => match read_port(text) {
                Ok(port) => Some(port),
                Err(rule) => {
                    errors.push((field, format!("{} {rule}", field.key())));
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

    fn key(&mut self, key: Key, state: &State) -> Outcome {
        let filled = self.edit_key(key, &state.servers);
        outcome(filled)
    }

    fn click(&mut self, hit: usize, state: &State) -> Outcome {
        let filled = self.clicked(FormHit::of(hit), &state.servers);
        outcome(filled)
    }

    fn paste(&mut self, text: &str, _state: &State) -> Outcome {
        self.insert(text);
        stay()
    }

    fn draw(&self, canvas: &mut Canvas<'_>, state: &State) -> Option<Position> {
        draw::draw(self, canvas, state)
    }
}

/// What a key or a click leads to. A saved form closes once it is on the disk.
fn outcome(filled: Filled) -> Outcome {
    match filled {
        Filled::Open => stay(),
        Filled::Closed => close(),
        Filled::Save(effect) => act(|_| vec![effect]),
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
mod tests;
