//! An invite or a token that was made: its text and its QR code. It is a key: it is shown until it is closed, and kept
//! nowhere.

mod draw;
pub(super) mod qr;

use ratatui::layout::Position;
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
use crate::text::secret::Secret;
use crate::text::{sanitize, times};
use crate::widgets::canvas::Canvas;
use crate::widgets::scrolled_text::ScrolledText;
use draw::{fits_alone, may_be_reversed, scrolls};
use qr::Qr;

#[derive(Debug)]
pub(crate) struct InviteResult {
    invite: Secret,
    key: KeyRow,
    /// Whether it is a token.
    lasting: bool,
    code: Option<Qr>,
    reading: ScrolledText,
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
        let (invite, reading) = (Secret(invite), ScrolledText::default());
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

    /// Milliseconds until the key expires, by the clock of this device; none if it has expired or never expires.
    fn left(&self, state: &State) -> Option<u64> {
        let left = self.key.expires_at?.millis_since(state.clock.wall);
        (left > 0).then_some(left)
    }

    /// Whether it was used or revoked, or has expired: its text is worth nothing any more.
    fn is_over(&self, state: &State) -> bool {
        let expired = self.key.expires_at.is_some_and(|end| end <= state.clock.wall);
        expired || matches!(self.key.state, KeyState::Used | KeyState::Revoked | KeyState::Expired)
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
            (key_state, _) if expired || key_state == KeyState::Expired => "expired".to_owned(),
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
        open.unwrap_or_else(|| session::end_subscription(state, Some(subscription_id)))
    }))
}

/// Reads the state of the key once.
fn read_key(state: &mut State) -> Vec<Effect> {
    state.ask_if_connected(Ask::of_view(&KeysList {}, InviteResult::take))
}

impl View for InviteResult {
    fn leaves_help(&self) -> bool {
        true
    }

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
                let mut effects = session::end_subscription(state, changes);
                effects.extend(accepted_keys::refresh(state));
                effects
            });
        }
        if key.code == Code::Tab {
            self.code_alone = !self.code_alone && fits_alone(state, self);
        } else if key.code == Code::Char('r') && may_be_reversed(state) {
            self.reversed = !self.reversed;
        } else if state.keys.means(Id::Copy, key) && !self.is_over(state) {
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
        let left = self.left(state)?;
        match self.key.state {
            KeyState::Invited => Some(times::countdown_changes_in(left)),
            KeyState::Active => Some(left),
            _ => None,
        }
    }

    fn draw(&self, canvas: &mut Canvas<'_>, state: &State) -> Option<Position> {
        draw::draw(self, canvas, state)
    }
}
