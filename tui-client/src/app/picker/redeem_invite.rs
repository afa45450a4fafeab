//! Redeeming a pasted invite. Its server and role are shown at once, its secret never.

use topside_shared::Role;
use topside_shared::invite::{Invite, InviteError};

use super::discovered;
use crate::app::overlay::Overlay;
use crate::app::{Effect, Screen, State};
use crate::config::Profile;
use crate::connect::replaceable;
use crate::input::key::{Code, Key};
use crate::text::secret::Secret;
use crate::text::{sanitize, times};

/// Longest text that is taken; an invite has a tenth of that.
const MAX_TEXT: usize = 4_096;
/// So much of an invite is shown: its form and a piece of the server's pin, none of it secret.
const HEAD: usize = 14;

/// The overlay.
#[derive(Debug, Default)]
pub(crate) struct Pairing {
    /// What was pasted or typed. It holds a key.
    text: Secret,
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

/// What became of a key.
#[derive(Debug, PartialEq)]
pub(crate) enum Done {
    /// The overlay stays.
    Open,
    /// It is given up.
    Closed,
    /// What was being tried is given up.
    Stop { attempt: u64 },
    /// The invite is to be used.
    Use(Box<Invite>, Replacing),
}

/// Whether the server of an invite takes the place of a saved one with another key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Replacing {
    /// That is to be asked, if there is one.
    Ask,
    No,
    /// That of this name.
    Yes(String),
}

/// What came of using an invite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InviteRedeemed {
    /// What the server is called here.
    pub(crate) name: String,
    /// What this device may do there.
    pub(crate) role: Role,
    /// Whether it was paired before.
    pub(crate) already: bool,
}

/// Why using an invite came to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotPaired {
    /// The sentence.
    pub(crate) why: String,
    /// Whether using the same invite again changes nothing.
    pub(crate) lasting: bool,
}

/// Whether a text is meant to be an invite, good or not.
pub(crate) fn looks_like_one(text: &str) -> bool {
    !matches!(text.parse::<Invite>(), Err(InviteError::NotAnInvite))
}

impl Pairing {
    /// The overlay with a text in it.
    pub(crate) fn with(text: &str) -> Self {
        let mut pairing = Self::default();
        pairing.paste(text);
        pairing
    }

    /// What the text says; none while there is none.
    pub(crate) fn read(&self) -> Option<Result<Invite, InviteError>> {
        (!self.text.0.is_empty()).then(|| self.text.0.parse())
    }

    /// The part of the text that may be seen, and how long all of it is where that is more.
    pub(crate) fn shown(&self) -> (String, Option<usize>) {
        let head: String = self.text.0.chars().take(HEAD).collect();
        let all = self.text.0.chars().count();
        (head, (all > HEAD).then_some(all))
    }

    /// Milliseconds until what is shown changes by itself.
    pub(crate) fn changes_in(&self, now: u64) -> Option<u64> {
        match self.step {
            PairingStep::Asking { since, .. } => Some(times::next_second(since, now)),
            PairingStep::Text | PairingStep::Replace(_) | PairingStep::Failed(_) => None,
        }
    }

    pub(crate) fn paste(&mut self, text: &str) {
        if matches!(self.step, PairingStep::Asking { .. }) {
            return;
        }
        match text.parse::<Invite>() {
            // Of a mail or a command line only the invite itself is kept.
            Ok(invite) => self.text.0 = invite.to_string(),
            Err(error) => {
                // A second invite is another try, not more of the first.
                if error != InviteError::NotAnInvite {
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

    pub(crate) fn key(&mut self, key: Key) -> Done {
        let gives_up = key.code == Code::Esc || key.is_ctrl('c');
        if let PairingStep::Asking { attempt, .. } = self.step {
            if gives_up {
                // The text stays: what was asked for may be asked for again.
                self.step = PairingStep::Text;
                return Done::Stop { attempt };
            }
            return Done::Open;
        }
        if let PairingStep::Replace(name) = &self.step {
            let replacing = match key.code {
                Code::Char('r' | 'y') => Replacing::Yes(name.clone()),
                Code::Char('k' | 'n') => Replacing::No,
                _ if gives_up => {
                    self.step = PairingStep::Text;
                    return Done::Open;
                }
                _ => return Done::Open,
            };
            return match self.read() {
                Some(Ok(invite)) => Done::Use(Box::new(invite), replacing),
                _ => Done::Open,
            };
        }
        match key.code {
            _ if gives_up => return Done::Closed,
            Code::Enter if matches!(&self.step, PairingStep::Failed(failed) if failed.lasting) => {
                return Done::Open;
            }
            Code::Enter => {
                if let Some(Ok(invite)) = self.read() {
                    return Done::Use(Box::new(invite), Replacing::Ask);
                }
                return Done::Open;
            }
            Code::Backspace => {
                self.text.0.pop();
            }
            _ if key.is_ctrl('u') || key.is_ctrl('w') => self.text.0.clear(),
            _ => match key.typed() {
                Some(c) => self.push(c),
                None => return Done::Open,
            },
        }
        self.step = PairingStep::Text;
        Done::Open
    }
}

/// Opens the overlay, with a text in it or empty.
pub(crate) fn open(state: &mut State, text: &str) {
    state.overlays.push(Overlay::Invite(Box::new(Pairing::with(text))));
}

/// Text was pasted over a screen itself; whether that was all.
pub(crate) fn pasted_outside(state: &mut State, text: &str) -> bool {
    match (&state.screen, looks_like_one(text)) {
        (Screen::Picker, true) => open(state, text),
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

/// The saved server that an invite is of.
pub(crate) fn saved<'s>(state: &'s State, invite: &Invite) -> Option<&'s Profile> {
    state.servers.iter().find(|profile| discovered::pin(profile) == Some(invite.server))
}

/// Begins to use an invite, or asks first whether its server takes the place of a saved one.
pub(crate) fn begin(
    state: &mut State,
    mut pairing: Box<Pairing>,
    invite: Box<Invite>,
    replacing: Replacing,
) -> Vec<Effect> {
    let replaces = match replacing {
        Replacing::Yes(name) => Some(name),
        Replacing::No => None,
        Replacing::Ask => {
            if let Some(old) = replaceable(&state.servers, &invite, None) {
                pairing.step = PairingStep::Replace(old.name.clone());
                state.overlays.push(Overlay::Invite(pairing));
                return Vec::new();
            }
            None
        }
    };
    let attempt = state.next_serial();
    pairing.step = PairingStep::Asking { attempt, since: state.clock.mono };
    state.overlays.push(Overlay::Invite(pairing));
    vec![Effect::Pair { attempt, invite, replaces }]
}

/// Using an invite has ended. A late success counts too: the server is saved by then.
pub(crate) fn ended(
    state: &mut State,
    attempt: u64,
    result: Result<InviteRedeemed, NotPaired>,
) -> Vec<Effect> {
    let asks = |overlay: &Overlay| match overlay {
        Overlay::Invite(pairing) => {
            matches!(pairing.step, PairingStep::Asking { attempt: at, .. } if at == attempt)
        }
        _ => false,
    };
    match result {
        Ok(paired) => {
            state.overlays.retain(|overlay| !asks(overlay));
            let name = sanitize::sentence(&paired.name);
            let role = paired.role;
            state.done(if paired.already {
                format!("This device was paired with {name} already, as {role}.")
            } else {
                format!("Paired with {name} as {role}.")
            });
            state.picker.wanted = Some(paired.name);
        }
        Err(NotPaired { why, lasting }) => {
            for overlay in state.overlays.iter_mut().filter(|overlay| asks(overlay)) {
                if let Overlay::Invite(pairing) = overlay {
                    let why = sanitize::sentence(&why);
                    pairing.step = PairingStep::Failed(NotPaired { why, lasting });
                }
            }
        }
    }
    // Even what failed may have saved the server: it is what this device knows of it.
    vec![Effect::ReadServers]
}
