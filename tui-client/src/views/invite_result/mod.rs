//! An invite or a token that was made: its text and its QR code. It is a key: it is shown until it is closed, and kept
//! nowhere.

pub(super) mod qr;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use topside_shared::SubscriptionId;
use topside_shared::invite::Invite;
use topside_shared::methods::{
    EventsSubscribe, KeyInviteResult, KeyRow, KeyState, Keys, KeysList, SubscribeResult, Topic,
};
use topside_shared::notifications::{KeysChanged, Notification};

use super::accepted_keys;
use super::create_invite::TOKEN;
use crate::app::Effect;
use crate::app::State;
use crate::app::ask::Ask;
use crate::app::session;
use crate::app::view::{Change, Outcome, View, act, close, stay};
use crate::connect::CallError;
use crate::input::actions::Id;
use crate::input::key::{Code, Key};
use crate::terminal::Size;
use crate::text::secret::Secret;
use crate::text::{fit, sanitize, times};
use crate::theme::Theme;
use crate::widgets::canvas::{self, Canvas, FRAME};
use crate::widgets::reading::Reading;
use crate::widgets::row::Row;
use qr::Qr;

#[derive(Debug)]
pub(crate) struct InviteResult {
    invite: Secret,
    key: KeyRow,
    /// Whether it is a token.
    lasting: bool,
    code: Option<Qr>,
    reading: Reading,
    /// The device that used the invite.
    used_by: Option<String>,
    /// The subscription to the changes of the keys.
    changes: Option<SubscriptionId>,
    /// The code is shown in place of the words, where both have no room.
    code_alone: bool,
    /// Light and dark are drawn the other way round, where the terminal's background is not known.
    reversed: bool,
}

impl InviteResult {
    pub(super) fn new(answer: KeyInviteResult) -> Result<Self, String> {
        let KeyInviteResult { invite, key } = answer;
        let read = invite.parse::<Invite>();
        let read = read.map_err(|_| "the server's answer holds no invite".to_owned())?;
        let (code, lasting, key) = (Qr::of(&read), read.lasting, sanitize::key(key));
        let (invite, reading) = (Secret(invite), Reading::default());
        Ok(Self {
            invite,
            key,
            lasting,
            code,
            reading,
            used_by: None,
            changes: None,
            code_alone: false,
            reversed: false,
        })
    }

    /// Milliseconds until an invite that can still be used expires, by the clock of this device.
    fn left(&self, state: &State) -> Option<u64> {
        let left = self.key.expires_at?.millis_since(state.clock.wall);
        (left > 0 && self.key.state == KeyState::Invited).then_some(left)
    }

    /// How the invite stands: `good once, expires in 9:58`, `used by tablet`, `expired`.
    fn standing(&self, state: &State) -> String {
        let key = &self.key;
        let expired = key.expires_at.is_some_and(|end| end <= state.clock.wall);
        match (key.state, self.left(state)) {
            (KeyState::Used, _) => {
                format!("used by {}", self.used_by.as_ref().unwrap_or(&key.name))
            }
            (KeyState::Revoked, _) => "revoked".to_owned(),
            (KeyState::Expired, _) => "expired: create another one".to_owned(),
            _ if expired => "expired: create another one".to_owned(),
            (KeyState::Invited, Some(left)) => {
                format!("good once, expires in {}", times::countdown(left))
            }
            _ => {
                let once = if self.lasting { "good" } else { "good once" };
                let until = key.expires_at.map_or_else(String::new, |end| {
                    format!(" until {}", times::date(end, state.clock.wall, &state.zone))
                });
                format!("{once}{until}")
            }
        }
    }

    /// Takes the row of this invite from the list of keys.
    fn take(&mut self, answer: Result<Keys, CallError>, _state: &State) -> Outcome {
        let keys = answer.map(|keys| keys.keys).unwrap_or_default();
        if let Some(row) = keys.into_iter().find(|row| row.key_id == self.key.key_id) {
            self.key = sanitize::key(row);
        }
        stay()
    }

    /// Takes a change of the keys: this invite was used, revoked, or has expired.
    fn key_changed(&mut self, changed: &KeysChanged) {
        if changed.invite == Some(self.key.key_id) {
            self.key.state = KeyState::Used;
            self.used_by = Some(sanitize::key(changed.key.clone()).name);
        } else if changed.key.key_id == self.key.key_id {
            self.key = sanitize::key(changed.key.clone());
        }
    }

    fn what(&self) -> &'static str {
        if self.lasting { TOKEN } else { "invite" }
    }
}

/// Subscribes to the changes of the keys, to show when the invite is used. A server without that topic is older: then the
/// countdown alone is shown.
pub(super) fn follow(state: &mut State) -> Vec<Effect> {
    let topics = vec![Topic::Keys];
    state.ask_if_connected(Ask::new(&EventsSubscribe { topics }, |state, answer| {
        let Ok(SubscribeResult { subscription_id, .. }) = answer else { return Vec::new() };
        let open = state.with_view::<InviteResult>(|view, _| {
            view.changes = Some(subscription_id);
            // It may have been used before the subscription.
            act(read_key)
        });
        open.unwrap_or_else(|| state.ask_if_connected(session::unsubscribe(subscription_id)))
    }))
}

/// Reads the state of the key once.
fn read_key(state: &mut State) -> Vec<Effect> {
    state.ask_if_connected(Ask::of_view(&KeysList {}, InviteResult::take))
}

impl View for InviteResult {
    fn title(&self, _state: &State) -> String {
        if self.lasting { "A token".to_owned() } else { "An invite".to_owned() }
    }

    /// Only a key that is meant to close it does.
    fn key(&mut self, key: Key, state: &State) -> Outcome {
        if key.leaves() {
            let (what, name) = (self.what(), self.key.name.clone());
            let changes = self.changes;
            return close().then(move |state| {
                state.done(format!(
                    "The {what} for {name} is shown no more, and kept nowhere here."
                ));
                let end = changes.map(session::unsubscribe);
                let mut effects = end.map_or_else(Vec::new, |end| state.ask_if_connected(end));
                effects.extend(accepted_keys::refresh(state));
                effects
            });
        }
        if key.code == Code::Tab {
            self.code_alone = !self.code_alone && fits_alone(state, self);
        } else if key.code == Code::Char('r') && may_be_reversed(state) {
            self.reversed = !self.reversed;
        } else if state.keys.means(Id::Copy, key) {
            let (name, text) = (self.what().to_owned(), self.invite.0.clone());
            return act(move |_| vec![Effect::Copy { name, text }]);
        } else {
            let (rows, page) = scrolls(state, self);
            self.reading.key(key, rows, page);
        }
        stay()
    }

    fn change(&mut self, change: &Change<'_>, _state: &State) -> Outcome {
        match change {
            Change::SessionBegan => act(follow),
            Change::SessionEnded(_) => {
                self.changes = None;
                stay()
            }
            Change::Notice(Notification::KeysChanged(changed)) => {
                self.key_changed(changed);
                stay()
            }
            Change::Notice(Notification::EventsDropped(dropped))
                if self.changes == Some(dropped.subscription_id) =>
            {
                act(read_key)
            }
            Change::Notice(_) | Change::Tick => stay(),
        }
    }

    /// Milliseconds until the countdown changes, or a token expires.
    fn next_tick(&self, state: &State) -> Option<u64> {
        match self.left(state) {
            Some(left) => Some(times::countdown_changes_in(left)),
            None => {
                let left = self.key.expires_at?.millis_since(state.clock.wall);
                (left > 0 && self.key.state == KeyState::Active).then_some(left)
            }
        }
    }

    fn draw(&self, canvas: &mut Canvas<'_>, state: &State) -> Option<Position> {
        let plan = InviteLayout::new(state, self);
        let (width, height) = match &plan {
            InviteLayout::Words { room, code: None } => (room.width, room.height),
            InviteLayout::Words { room, code: Some(code) } => {
                (room.width + GAP + code.width, room.height)
            }
            InviteLayout::Code(code) => (code.width, code.height + 1),
        };
        let inside = canvas.popup(&self.title(state), width, height);
        let (buffer, theme) = (&mut *canvas.buffer, &state.theme);
        let look = (state.ascii, self.reversed);
        let mut below = 0;
        match (&plan, &self.code) {
            (InviteLayout::Code(_), Some(code)) => code.draw(inside, look, buffer, theme),
            (InviteLayout::Words { room, code }, made_code) => {
                let place = Rect { width: room.width.min(inside.width), ..inside };
                let words = words(state, self, room.width);
                below = text(&words, self.reading.top, place, buffer, theme);
                if let (Some(size), Some(code)) = (code, made_code) {
                    let x = inside.right().saturating_sub(size.width);
                    code.draw(Rect { x, width: size.width, ..inside }, look, buffer, theme);
                }
            }
            (InviteLayout::Code(_), None) => {}
        }
        let mut foot = Row::at(buffer, inside, inside.height.saturating_sub(1));
        canvas::more_below(&mut foot, below, theme);
        let copy = format!("{} copies", state.keys.word(Id::Copy));
        let other = match plan {
            InviteLayout::Code(_) => Some("Tab shows the words"),
            InviteLayout::Words { code: None, .. } if fits_alone(state, self) => {
                Some("Tab shows the QR code")
            }
            InviteLayout::Words { .. } => None,
        };
        let keys = [Some("Esc closes"), Some(copy.as_str()), other].into_iter().flatten();
        canvas::keys(&mut foot, keys, &mut canvas.hits, theme);
        None
    }
}

/// Columns that the words have beside the code.
const BESIDE: u16 = 44;
/// The same at most.
const WIDEST: u16 = 76;
/// Columns between the words and the code.
const GAP: u16 = 2;

/// What is shown, and its room.
enum InviteLayout {
    /// The words, beside the code if there is one.
    Words { room: Size, code: Option<Size> },
    /// The code alone.
    Code(Size),
}

/// One row of the words.
struct InviteLine {
    text: String,
    look: TextLook,
}

/// How a row of the words is drawn.
#[derive(Clone, Copy)]
enum TextLook {
    Strong,
    Plain,
    Dim,
}

/// Room inside a box that takes all of the screen.
fn most(size: Size) -> Size {
    Size {
        width: size.width.saturating_sub(FRAME.width),
        height: size.height.saturating_sub(FRAME.height),
    }
}

/// The cells of the code, if there is one.
fn code(state: &State, made: &InviteResult) -> Option<Size> {
    made.code.as_ref().map(|code| code.size(state.ascii))
}

/// Whether they have room, the last row being for what keys do.
fn fits(code: Size, most: Size) -> bool {
    code.height < most.height && code.width <= most.width
}

impl InviteLayout {
    fn new(state: &State, made: &InviteResult) -> Self {
        let most = most(state.size);
        let code = code(state, made).filter(|code| fits(*code, most));
        match code {
            Some(code) if code.width + GAP + BESIDE <= most.width => {
                let width = (most.width - code.width - GAP).min(WIDEST);
                Self::Words { room: Size { width, height: code.height + 1 }, code: Some(code) }
            }
            Some(code) if made.code_alone => Self::Code(code),
            _ => {
                let width = most.width.min(WIDEST);
                let rows = words(state, made, width).len();
                let rows = u16::try_from(rows).unwrap_or(u16::MAX).saturating_add(2);
                Self::Words { room: Size { width, height: rows.min(most.height) }, code: None }
            }
        }
    }
}

/// Whether the code alone has room.
fn fits_alone(state: &State, made: &InviteResult) -> bool {
    code(state, made).is_some_and(|code| fits(code, most(state.size)))
}

/// Whether light and dark can be turned round: colours need no such thing.
fn may_be_reversed(state: &State) -> bool {
    !state.theme.look().colours
}

/// Rows of the words, and how many of them are on the screen.
fn scrolls(state: &State, made: &InviteResult) -> (usize, usize) {
    match InviteLayout::new(state, made) {
        InviteLayout::Words { room, .. } => {
            let rows = words(state, made, room.width).len();
            (rows, usize::from(room.height.saturating_sub(1)).max(1))
        }
        InviteLayout::Code(_) => (0, 1),
    }
}

/// The words: for whom it is, the string, and what to do with it.
fn words(state: &State, made: &InviteResult, width: u16) -> Vec<InviteLine> {
    let key = &made.key;
    let mut lines = Vec::new();
    let mut say = |text: &str, look| {
        let rows = fit::wrap(text, usize::from(width));
        lines.extend(rows.into_iter().map(|text| InviteLine { text, look }));
    };
    let only = match &key.commands {
        Some(names) => format!(", for {} only", names.join(", ")),
        None => String::new(),
    };
    let standing = made.standing(state);
    say(&format!("For {} as {}: {standing}{only}", key.name, key.role), TextLook::Strong);
    say("", TextLook::Plain);
    say(&made.invite.0, TextLook::Plain);
    say("", TextLook::Plain);
    say(
        if made.lasting {
            "Where the script runs: topside pair with this string, then topside run --on NAME. It \
             is a key: keep it where only the script can read it."
        } else {
            "On the other device: topside pair with this string, or i in its picker. The first \
             device that uses it is paired: send it by a way that you trust."
        },
        TextLook::Plain,
    );
    say("It is not shown again once this is closed.", TextLook::Dim);
    let most = most(state.size);
    match code(state, made) {
        None => say("It is too long for a QR code.", TextLook::Dim),
        Some(code) if !fits(code, most) => {
            let needs = format!(
                "Its QR code needs a terminal of {} × {}; this one has {} × {}.",
                code.width + FRAME.width,
                code.height + 1 + FRAME.height,
                state.size.width,
                state.size.height
            );
            say(&needs, TextLook::Dim);
        }
        Some(_) if may_be_reversed(state) => {
            say(
                "If a phone does not read its QR code, r turns light and dark round.",
                TextLook::Dim,
            );
        }
        Some(_) => {}
    }
    lines
}

/// Draws the words above the last row; how many rows have no room.
fn text(
    lines: &[InviteLine],
    top: usize,
    place: Rect,
    buffer: &mut Buffer,
    theme: &Theme,
) -> usize {
    let page = place.height.saturating_sub(1);
    // A larger screen has room for what was scrolled out of a smaller one.
    let top = top.min(lines.len().saturating_sub(usize::from(page)));
    for (y, line) in (0..page).zip(lines.iter().skip(top)) {
        let style: Style = match line.look {
            TextLook::Strong => theme.strong,
            TextLook::Plain => theme.plain,
            TextLook::Dim => theme.dim,
        };
        Row::at(buffer, place, y).left(&line.text, style);
    }
    lines.len().saturating_sub(top + usize::from(page))
}
