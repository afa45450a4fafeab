//! Draws a pasted invite: the head of its text, what it is of or what is wrong with it, and the buttons.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use topside_shared::advice::INVITE_ON_THE_BOX;
#[cfg(feature = "hub")]
use topside_shared::fleet::JoinString;
use topside_shared::invite::Invite;
use topside_shared::text::host_port;

use super::{PairingStep, RedeemInvite};
use crate::app::State;
use crate::app::view::View as _;
use crate::config::Profile;
use crate::connect::{PastedInvite, PastedInviteError};
use crate::text::times;
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

pub(super) fn draw(
    view: &RedeemInvite,
    canvas: &mut Canvas<'_>,
    state: &State,
) -> Option<Position> {
    let inside = canvas.popup(&view.title(state), 70, 8);
    let (buffer, theme) = (&mut *canvas.buffer, &state.theme);
    let cursor = field(view, inside, buffer, theme).filter(|_| view.focus.field().is_some());
    canvas.hits.push((Rect { height: 1, ..inside }, FormHit::Field(0).hit()));
    // On a small screen the blank row above the answer is given up first.
    let top = if inside.height >= 8 { 2 } else { 1 };
    let body = Rect { y: inside.y + top, height: inside.height.saturating_sub(top + 1), ..inside };
    let read = view.read();
    let mut say = |sign, words: &str| row::wrapped(buffer, body, sign, words, theme.plain);
    match (&view.step, &read) {
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
        (_, Some(Ok(PastedInvite::Server(invite)))) => about(state, invite, body, buffer, theme),
        #[cfg(feature = "hub")]
        (_, Some(Ok(PastedInvite::Fleet(string)))) => {
            about_fleet(state, string, body, buffer, theme);
        }
    }
    let mut foot = Row::at(buffer, inside, inside.height.saturating_sub(1));
    draw_foot(view, &read, state, &mut foot, &mut canvas.hits);
    cursor
}

/// Draws the buttons, then the keys or how long the server has been asked.
fn draw_foot(
    view: &RedeemInvite,
    read: &Option<Result<PastedInvite, PastedInviteError>>,
    state: &State,
    row: &mut Row<'_>,
    hits: &mut ViewHits,
) {
    let theme = &state.theme;
    let texts = match &view.step {
        PairingStep::Failed(failed) if !failed.lasting => ["Try again", "Cancel"],
        PairingStep::Replace(_) => ["Replace", "Keep both"],
        _ => ["Pair", "Cancel"],
    };
    view.focus.draw_buttons(row, texts, hits, theme);
    let keys: &[&str] = match (&view.step, read, view.focus) {
        (PairingStep::Asking { since, .. }, Some(Ok(invite)), _) => {
            let seconds = times::running(state.clock.mono.saturating_sub(*since));
            row.left(&format!("pairing with {} … {seconds}", invite.name()), theme.plain);
            return;
        }
        (PairingStep::Replace(_), ..) => &["r replace", "k keep both", "Esc back"],
        (PairingStep::Failed(failed), ..) if failed.lasting => &["Ctrl-U empties", "Esc closes"],
        (_, Some(Ok(_)), FormFocus::Action) => &["Enter pairs", "Ctrl-U empties", "Esc closes"],
        (_, Some(_), FormFocus::Field(_)) => &["Enter next", "Ctrl-U empties", "Esc closes"],
        _ => &["Esc closes"],
    };
    canvas::keys(row, keys.iter().copied(), hits, theme);
}

/// The saved server that an invite is of.
fn saved<'s>(state: &'s State, invite: &Invite) -> Option<&'s Profile> {
    state.servers.iter().find(|profile| profile.key() == Some(invite.server))
}

/// The head of the text, and how long all of it is.
fn field(
    view: &RedeemInvite,
    inside: Rect,
    buffer: &mut Buffer,
    theme: &Theme,
) -> Option<Position> {
    let (head, all) = view.shown();
    let mut row = Row::new(buffer, inside);
    let focus = view.focus.field().is_some();
    row.left("❯ ", if focus { theme.accent } else { theme.dim });
    let place = row.free();
    buffer.set_style(place, theme.field);
    let mut row = Row::new(buffer, place);
    row.left(&head, theme.field);
    if let Some(all) = all {
        row.left(&format!("… {all} characters"), theme.field.patch(theme.dim));
    }
    let asks = matches!(view.step, PairingStep::Asking { .. });
    (!asks).then(|| Position::new(row.x().min(inside.right().saturating_sub(1)), inside.y))
}

/// Draws which fleet an invite is of, and its hub.
#[cfg(feature = "hub")]
fn about_fleet(state: &State, string: &JoinString, body: Rect, buffer: &mut Buffer, theme: &Theme) {
    let what = format!("an invite to the fleet {}", string.access.fleet);
    let ended = string.enrolment.as_ref().is_none_or(|invite| invite.until < state.clock.wall);
    let mut row = Row::at(buffer, body, 0);
    if ended {
        // The hub's clock alone decides: it is worth a try.
        let what = format!("{what}: may be over by this device's clock");
        row.left("▲ ", theme.warn).left(&what, theme.strong);
    } else {
        row.left("✓ ", theme.good).left(&what, theme.strong);
    }
    let rows = [("Hub", string.access.places()), ("Authority", string.authority.short())];
    for (y, (label, value)) in (1..body.height).zip(rows) {
        let mut row = Row::at(buffer, body, y);
        row.skip(2).column(label, LABELS, theme.dim).left(&value, theme.plain);
    }
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
        [one] => host_port(one, invite.port),
        many => format!("{} · port {}", many.join(", "), invite.port),
    };
    let internet = invite.router.as_ref().map_or_else(
        || "no router address".to_owned(),
        |router| host_port(router, invite.router_port),
    );
    let rows = [("LAN", lan), ("Internet", internet), ("Pin", invite.server.short())];
    for (y, (label, value)) in (1..body.height).zip(rows) {
        let mut row = Row::at(buffer, body, y);
        row.skip(2).column(label, LABELS, theme.dim).left(&value, theme.plain);
    }
}
