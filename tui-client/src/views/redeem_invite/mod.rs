//! Redeeming a pasted invite. Its server and role are shown at once, its secret never.

mod draw;

use ratatui::layout::Position;

use crate::app::msg::{InviteRedeemed, NotPaired};
use crate::app::view::{Outcome, View, act, close, stay};
use crate::app::{Effect, Screen, State};
use crate::connect::{PastedInvite, PastedInviteError, replaceable};
use crate::input::key::{Code, Key};
use crate::text::secret::Secret;
use crate::text::{sanitize, times};
use crate::widgets::canvas::Canvas;
use crate::widgets::form_focus::{FormFocus, FormHit};

/// Longest text that is taken; an invite has a tenth of that.
const MAX_TEXT: usize = 4_096;
/// So much of an invite is shown: its form and a piece of the server's pin, none of it secret.
const HEAD: usize = 14;

#[derive(Debug, Default)]
pub(crate) struct RedeemInvite {
    /// What was pasted or typed. It holds a key.
    text: Secret,
    focus: FormFocus,
    pub(crate) step: PairingStep,
}

/// How far it is.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) enum PairingStep {
    /// The text can be changed.
    #[default]
    Text,
    /// A saved server has the same name or address and another key: does this one take its place?
    Replace(String),
    /// The server is being asked, since then by the monotonic clock.
    Asking { attempt: u64, since: u64 },
    /// It came to nothing.
    Failed(NotPaired),
}

/// Whether the server of an invite takes the place of a saved one with another key.
#[derive(Debug, PartialEq, Eq)]
enum Replacing {
    Ask,
    No,
    /// That of this name.
    Yes(String),
}

/// Whether a text is meant to be an invite, good or not.
pub(crate) fn looks_like_one(text: &str) -> bool {
    !text.parse::<PastedInvite>().is_err_and(PastedInviteError::is_other_text)
}

impl RedeemInvite {
    pub(crate) fn with(text: &str) -> Self {
        let mut pairing = Self::default();
        pairing.insert(text);
        pairing
    }

    /// What the text says; none while there is none.
    pub(crate) fn read(&self) -> Option<Result<PastedInvite, PastedInviteError>> {
        (!self.text.0.is_empty()).then(|| self.text.0.parse())
    }

    /// The part of the text that may be seen, and how long all of it is where that is more.
    pub(crate) fn shown(&self) -> (String, Option<usize>) {
        let head: String = self.text.0.chars().take(HEAD).collect();
        let all = self.text.0.chars().count();
        (head, (all > HEAD).then_some(all))
    }

    pub(crate) fn insert(&mut self, text: &str) {
        if matches!(self.step, PairingStep::Asking { .. }) {
            return;
        }
        match text.parse::<PastedInvite>() {
            // Of a mail or a command line only the invite itself is kept.
            Ok(invite) => {
                self.text.0 = invite.to_string();
                // Nothing is left to type.
                self.focus = FormFocus::Action;
            }
            Err(error) => {
                self.focus = FormFocus::Field(0);
                // A second invite is another try, not more of the first.
                if !error.is_other_text() {
                    self.text.0.clear();
                }
                text.chars().for_each(|c| self.push(c));
            }
        }
        self.step = PairingStep::Text;
    }

    fn push(&mut self, c: char) {
        let takes = !c.is_whitespace() && !topside_shared::text::is_control(c);
        if takes && self.text.0.len() + c.len_utf8() <= MAX_TEXT {
            self.text.0.push(c);
        }
    }

    /// Uses the invite, if it is complete and the server has not refused it for good.
    fn pair(&mut self, state: &State) -> Outcome {
        match (&self.step, self.read()) {
            (PairingStep::Failed(failed), _) if failed.lasting => stay(),
            (_, Some(Ok(invite))) => self.redeem(invite, Replacing::Ask, state),
            _ => stay(),
        }
    }

    /// Stops asking the server. The text stays, to be used again.
    fn stop(&mut self, attempt: u64) -> Outcome {
        self.step = PairingStep::Text;
        act(move |_| vec![Effect::CancelPair { attempt }])
    }

    /// Answers whether the server takes the place of the saved one.
    fn replace(&mut self, replace: bool, state: &State) -> Outcome {
        let PairingStep::Replace(name) = &self.step else { return stay() };
        let replacing = if replace { Replacing::Yes(name.clone()) } else { Replacing::No };
        match self.read() {
            Some(Ok(invite)) => self.redeem(invite, replacing, state),
            _ => stay(),
        }
    }

    fn back(&mut self) -> Outcome {
        self.step = PairingStep::Text;
        self.focus = FormFocus::Action;
        stay()
    }

    /// Uses the invite, or asks first whether its server takes the place of a saved one.
    fn redeem(&mut self, invite: PastedInvite, replacing: Replacing, state: &State) -> Outcome {
        let replaces = match replacing {
            Replacing::Yes(name) => Some(name),
            Replacing::No => None,
            Replacing::Ask => {
                if let PastedInvite::Server(invite) = &invite
                    && let Some(old) = replaceable(&state.servers, invite, None)
                {
                    self.step = PairingStep::Replace(old.name.clone());
                    self.focus = FormFocus::Cancel;
                    return stay();
                }
                None
            }
        };
        act(move |state| {
            let (attempt, since) = (state.next_serial(), state.clock.mono);
            state.with_view::<Self>(|view, _| {
                view.step = PairingStep::Asking { attempt, since };
                stay()
            });
            vec![Effect::Pair { attempt, invite, replaces }]
        })
    }
}

impl View for RedeemInvite {
    fn title(&self, _state: &State) -> String {
        "Paste an invite".to_owned()
    }

    fn key(&mut self, key: Key, state: &State) -> Outcome {
        let gives_up = key.leaves();
        match &self.step {
            PairingStep::Asking { attempt, .. } if gives_up => {
                let attempt = *attempt;
                return self.stop(attempt);
            }
            PairingStep::Asking { .. } => return stay(),
            PairingStep::Replace(_) => {
                return match (key.code, self.focus) {
                    _ if gives_up => self.back(),
                    (Code::Char('r' | 'y'), _) | (Code::Enter, FormFocus::Action) => {
                        self.replace(true, state)
                    }
                    (Code::Char('k' | 'n'), _) | (Code::Enter, _) => self.replace(false, state),
                    _ => {
                        self.focus = self.focus.after(key, 0).unwrap_or(self.focus);
                        stay()
                    }
                };
            }
            PairingStep::Text | PairingStep::Failed(_) => {}
        }
        match (key.code, self.focus) {
            _ if gives_up => return close(),
            (Code::Enter, FormFocus::Cancel) => return close(),
            (Code::Enter, FormFocus::Action) => return self.pair(state),
            (Code::Backspace, _) => drop(self.text.0.pop()),
            _ if key.is_ctrl('u') || key.is_ctrl('w') => self.text.0.clear(),
            _ => match (self.focus.after(key, 1), key.typed()) {
                (Some(focus), _) => {
                    self.focus = focus;
                    return stay();
                }
                (None, Some(c)) => self.push(c),
                (None, None) => return stay(),
            },
        }
        // Behind its last letter nothing is left to type.
        let complete = matches!(self.read(), Some(Ok(_)));
        self.focus = if complete { FormFocus::Action } else { FormFocus::Field(0) };
        self.step = PairingStep::Text;
        stay()
    }

    fn click(&mut self, hit: usize, state: &State) -> Outcome {
        let hit = FormHit::of(hit);
        match (&self.step, hit) {
            (PairingStep::Asking { attempt, .. }, FormHit::Cancel) => {
                let attempt = *attempt;
                self.stop(attempt)
            }
            (PairingStep::Asking { .. }, _) => stay(),
            (PairingStep::Replace(_), FormHit::Action) => self.replace(true, state),
            (PairingStep::Replace(_), FormHit::Cancel) => self.replace(false, state),
            (_, FormHit::Action) => self.pair(state),
            (_, FormHit::Cancel) => close(),
            (_, FormHit::Field(_) | FormHit::Choice(..)) => {
                self.focus = FormFocus::Field(0);
                stay()
            }
        }
    }

    fn paste(&mut self, text: &str, _state: &State) -> Outcome {
        self.insert(text);
        stay()
    }

    fn next_tick(&self, state: &State) -> Option<u64> {
        match self.step {
            PairingStep::Asking { since, .. } => Some(times::next_second(since, state.clock.mono)),
            PairingStep::Text | PairingStep::Replace(_) | PairingStep::Failed(_) => None,
        }
    }

    fn draw(&self, canvas: &mut Canvas<'_>, state: &State) -> Option<Position> {
        draw::draw(self, canvas, state)
    }
}

/// Opens the view without a text.
pub(crate) fn open_empty(state: &mut State) -> Vec<Effect> {
    open(state, "")
}

/// Opens the view, with a text in it or empty.
fn open(state: &mut State, text: &str) -> Vec<Effect> {
    state.open(RedeemInvite::with(text));
    Vec::new()
}

/// Text was pasted over a screen itself; whether that was all.
pub(crate) fn pasted_outside(state: &mut State, text: &str) -> bool {
    match (&state.screen, looks_like_one(text)) {
        (Screen::Picker, true) => drop(open(state, text)),
        (Screen::Picker, false) if text.trim().is_empty() => {}
        (Screen::Picker, false) => {
            state.refuse("what was pasted is no invite: one begins with `topside1:`");
        }
        // A line is kept for later and may be sent; a key must not be.
        (Screen::Console(_), true) => {
            state.refuse(
                "that is an invite, which holds a key, and no command: paste it in the picker",
            );
        }
        (Screen::Console(_), false) => return false,
    }
    true
}

/// Using an invite has ended. A late success counts too: the server is saved by then.
pub(crate) fn ended(
    state: &mut State,
    attempt: u64,
    result: Result<InviteRedeemed, NotPaired>,
) -> Vec<Effect> {
    let asks = move |view: &RedeemInvite| matches!(view.step, PairingStep::Asking { attempt: at, .. } if at == attempt);
    match result {
        Ok(paired) => {
            state.with_view(|view, _| if asks(view) { close() } else { stay() });
            let (name, role) = (sanitize::sentence(&paired.name), paired.role);
            state.done(match (&paired.fleet, paired.already) {
                (None, true) => format!("This device was paired with {name} already, as {role}."),
                (None, false) => format!("Paired with {name} as {role}."),
                (Some(fleet), true) => {
                    format!("This device is in the fleet {fleet} already: {name}, {role}.")
                }
                (Some(fleet), false) => format!("Joined the fleet {fleet} as {name}, {role}."),
            });
            if paired.fleet.is_none() {
                state.picker.wanted = Some(paired.name);
            }
        }
        Err(NotPaired { why, lasting }) => {
            state.with_view::<RedeemInvite>(|view, _| {
                if asks(view) {
                    let why = sanitize::sentence(&why);
                    view.step = PairingStep::Failed(NotPaired { why, lasting });
                }
                stay()
            });
        }
    }
    // A failed pairing may still have saved the server.
    vec![Effect::ReadServers]
}
