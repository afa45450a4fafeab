//! Redeeming a pasted invite. Its server and role are shown at once, its secret never.

use topside_shared::advice::INVITE_ON_THE_BOX;
use topside_shared::invite::{Invite, InviteError};

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use crate::app::msg::{InviteRedeemed, NotPaired};
use crate::app::picker::{discovered, routes};
use crate::app::view::{Outcome, View, act, close, stay};
use crate::app::{Effect, Screen, State};
use crate::config::Profile;
use crate::connect::replaceable;
use crate::input::key::{Code, Key};
use crate::text::secret::Secret;
use crate::text::{sanitize, times};
use crate::theme::Theme;
use crate::widgets::canvas::{self, Canvas, ViewHits};
use crate::widgets::form_focus::{FormFocus, FormHit};
use crate::widgets::row::{self, Row};

/// Columns of the labels.
const LABELS: usize = 10;
/// The text while nothing is pasted yet.
fn how() -> String {
    format!("Run {INVITE_ON_THE_BOX}. Paste the line that it prints here; it begins with topside1:")
}

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
    !matches!(text.parse::<Invite>(), Err(InviteError::NotAnInvite))
}

impl RedeemInvite {
    pub(crate) fn with(text: &str) -> Self {
        let mut pairing = Self::default();
        pairing.insert(text);
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

    pub(crate) fn insert(&mut self, text: &str) {
        if matches!(self.step, PairingStep::Asking { .. }) {
            return;
        }
        match text.parse::<Invite>() {
            // Of a mail or a command line only the invite itself is kept.
            Ok(invite) => {
                self.text.0 = invite.to_string();
                // Nothing is left to type.
                self.focus = FormFocus::Action;
            }
            Err(error) => {
                self.focus = FormFocus::Field(0);
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
    fn redeem(&mut self, invite: Invite, replacing: Replacing, state: &State) -> Outcome {
        let replaces = match replacing {
            Replacing::Yes(name) => Some(name),
            Replacing::No => None,
            Replacing::Ask => {
                if let Some(old) = replaceable(&state.servers, &invite, None) {
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
            vec![Effect::Pair { attempt, invite: Box::new(invite), replaces }]
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
        let inside = canvas.popup(&self.title(state), 70, 8);
        let (buffer, theme) = (&mut *canvas.buffer, &state.theme);
        let cursor = field(self, inside, buffer, theme).filter(|_| self.focus.field().is_some());
        canvas.hits.push((Rect { height: 1, ..inside }, FormHit::Field(0).hit()));
        // On a small screen the blank row above the answer is given up first.
        let top = if inside.height >= 8 { 2 } else { 1 };
        let body =
            Rect { y: inside.y + top, height: inside.height.saturating_sub(top + 1), ..inside };
        let read = self.read();
        let mut say = |sign, words: &str| row::wrapped(buffer, body, sign, words, theme.plain);
        match (&self.step, &read) {
            (PairingStep::Failed(failed), _) => {
                say(("✗ ", theme.bad), &failed.why);
            }
            (PairingStep::Replace(name), _) => {
                let question = format!(
                    "{name} is saved with another key. If the box was set up again, replace its entry; if this is \
                     another box, keep both."
                );
                say(("▲ ", theme.warn), &question);
            }
            (_, None) => row::wrapped(buffer, body, ("", theme.plain), &how(), theme.dim),
            (_, Some(Err(wrong))) => {
                say(("✗ ", theme.bad), &wrong.to_string());
            }
            (_, Some(Ok(invite))) => about(state, invite, body, buffer, theme),
        }
        let mut foot = Row::at(buffer, inside, inside.height.saturating_sub(1));
        self.foot(state, &mut foot, &mut canvas.hits);
        cursor
    }
}

impl RedeemInvite {
    /// Draws the buttons, then the keys or how long the server has been asked.
    fn foot(&self, state: &State, row: &mut Row<'_>, hits: &mut ViewHits) {
        let theme = &state.theme;
        let read = self.read();
        let texts = match &self.step {
            PairingStep::Failed(failed) if !failed.lasting => ["Try again", "Cancel"],
            PairingStep::Replace(_) => ["Replace", "Keep both"],
            _ => ["Pair", "Cancel"],
        };
        self.focus.draw_buttons(row, texts, hits, theme);
        let keys: &[&str] = match (&self.step, &read, self.focus) {
            (PairingStep::Asking { since, .. }, Some(Ok(invite)), _) => {
                let seconds = times::running(state.clock.mono.saturating_sub(*since));
                row.left(&format!("pairing with {} … {seconds}", invite.name), theme.plain);
                return;
            }
            (PairingStep::Replace(_), ..) => &["r replace", "k keep both", "Esc back"],
            (PairingStep::Failed(failed), ..) if failed.lasting => {
                &["Ctrl-U empties", "Esc closes"]
            }
            (_, Some(Ok(_)), FormFocus::Action) => &["Enter pairs", "Ctrl-U empties", "Esc closes"],
            (_, Some(_), FormFocus::Field(_)) => &["Enter next", "Ctrl-U empties", "Esc closes"],
            _ => &["Esc closes"],
        };
        canvas::keys(row, keys.iter().copied(), hits, theme);
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

/// The saved server that an invite is of.
fn saved<'s>(state: &'s State, invite: &Invite) -> Option<&'s Profile> {
    state.servers.iter().find(|profile| discovered::pin(profile) == Some(invite.server))
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
            state.done(if paired.already {
                format!("This device was paired with {name} already, as {role}.")
            } else {
                format!("Paired with {name} as {role}.")
            });
            state.picker.wanted = Some(paired.name);
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
    // Even what failed may have saved the server: it is what this device knows of it.
    vec![Effect::ReadServers]
}

/// The head of the text, and how long all of it is.
fn field(
    pairing: &RedeemInvite,
    inside: Rect,
    buffer: &mut Buffer,
    theme: &Theme,
) -> Option<Position> {
    let (head, all) = pairing.shown();
    let mut row = Row::new(buffer, inside);
    let focus = pairing.focus.field().is_some();
    row.left("❯ ", if focus { theme.accent } else { theme.dim });
    let place = row.free();
    buffer.set_style(place, theme.field);
    let mut row = Row::new(buffer, place);
    row.left(&head, theme.field);
    if let Some(all) = all {
        row.left(&format!("… {all} characters"), theme.field.patch(theme.dim));
    }
    let asks = matches!(pairing.step, PairingStep::Asking { .. });
    (!asks).then(|| Position::new(row.x().min(inside.right().saturating_sub(1)), inside.y))
}

/// Draws which server an invite is of, and its addresses.
fn about(state: &State, invite: &Invite, body: Rect, buffer: &mut Buffer, theme: &Theme) {
    let what = match (invite.lasting, saved(state, invite)) {
        (false, None) => format!("an invite of {}", invite.name),
        (true, None) => format!("a script's token of {}: good for some commands", invite.name),
        (false, Some(profile)) => format!("an invite of {}, saved here already", profile.name),
        (true, Some(profile)) => {
            format!("a script's token of {}, saved here already", profile.name)
        }
    };
    let mut row = Row::at(buffer, body, 0);
    if invite.expires_at < state.clock.wall {
        // The server's clock alone decides: it is worth a try.
        let what = format!("{what}: may be over by this device's clock");
        row.left("▲ ", theme.warn).left(&what, theme.strong);
    } else {
        row.left("✓ ", theme.good).left(&what, theme.strong);
    }
    let addresses: Vec<String> = invite.addresses.iter().map(ToString::to_string).collect();
    let lan = match &addresses[..] {
        [] => "no address".to_owned(),
        [one] => routes::host_port(one, invite.port),
        many => format!("{} · port {}", many.join(", "), invite.port),
    };
    let internet = invite.router.as_ref().map_or_else(
        || "no router address".to_owned(),
        |router| routes::host_port(router, invite.router_port),
    );
    let rows = [("LAN", lan), ("Internet", internet), ("Pin", invite.server.short())];
    for (y, (label, value)) in (1..body.height).zip(rows) {
        let mut row = Row::at(buffer, body, y);
        row.skip(2).column(label, LABELS, theme.dim).left(&value, theme.plain);
    }
}
