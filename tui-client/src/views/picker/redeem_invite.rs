//! Draws the overlay that redeems an invite. The invite is a key, so only its beginning is shown.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use topside_shared::invite::Invite;

use crate::app::State;
use crate::app::picker::redeem_invite::{Pairing, PairingStep, saved};
use crate::app::picker::routes;
use crate::text::{fit, times};
use crate::theme::Theme;
use crate::views::overlay_frame;
use crate::views::row::Row;

/// Columns of the labels.
const LABELS: usize = 10;
/// Shown while nothing is pasted yet.
const HOW: &str = "Run `topsided invite --name NAME --role ROLE` on the box, and paste the one line that it \
     prints. It begins with topside1:";

pub(crate) fn draw(
    state: &State,
    pairing: &Pairing,
    area: Rect,
    buffer: &mut Buffer,
    theme: &Theme,
) -> Option<Position> {
    let inside = overlay_frame::centred("Paste an invite", 70, 8, area, buffer, theme);
    let cursor = field(pairing, inside, buffer, theme);
    // On a small screen the blank row above the answer is given up first.
    let top = if inside.height >= 8 { 2 } else { 1 };
    let body = Rect { y: inside.y + top, height: inside.height.saturating_sub(top + 1), ..inside };
    let read = pairing.read();
    match (&pairing.step, &read) {
        (PairingStep::Failed(failed), _) => {
            say(("✗ ", theme.bad), &failed.why, body, buffer, theme);
        }
        (PairingStep::Replace(name), _) => {
            let question = format!(
                "{name} is saved with another key. If the box was set up again, replace its entry; if this is \
                 another box, keep both."
            );
            say(("▲ ", theme.warn), &question, body, buffer, theme);
        }
        (_, None) => text(HOW, body, buffer, theme),
        (_, Some(Err(wrong))) => say(("✗ ", theme.bad), &wrong.to_string(), body, buffer, theme),
        (_, Some(Ok(invite))) => about(state, invite, body, buffer, theme),
    }
    let mut foot = Row::at(buffer, inside, inside.height.saturating_sub(1));
    match (&pairing.step, &read) {
        (PairingStep::Asking { since, .. }, Some(Ok(invite))) => {
            let seconds = times::running(state.clock.mono.saturating_sub(*since));
            let words = format!("pairing with {} … {seconds} · Esc cancels", invite.name);
            foot.left(&words, theme.plain);
        }
        (PairingStep::Failed(failed), _) if !failed.lasting => {
            foot.left("Enter tries again · Ctrl-U empties · Esc closes", theme.dim);
        }
        (PairingStep::Replace(_), _) => {
            foot.left("r replace · k keep both · Esc back", theme.plain);
        }
        (PairingStep::Text, Some(Ok(_))) => {
            foot.left("Enter pairs · Ctrl-U empties · Esc closes", theme.dim);
        }
        (_, Some(_)) => {
            foot.left("Ctrl-U empties · Esc closes", theme.dim);
        }
        (_, None) => {
            foot.left("Esc closes", theme.dim);
        }
    }
    cursor
}

/// The head of the text, and how long all of it is.
fn field(pairing: &Pairing, inside: Rect, buffer: &mut Buffer, theme: &Theme) -> Option<Position> {
    let (head, all) = pairing.shown();
    let mut row = Row::new(buffer, inside);
    row.left("❯ ", theme.accent).left(&head, theme.plain);
    if let Some(all) = all {
        row.left("…", theme.dim);
        row.left(&format!(" {all} characters"), theme.dim);
    }
    let asks = matches!(pairing.step, PairingStep::Asking { .. });
    (!asks).then(|| Position::new(row.x().min(inside.right().saturating_sub(1)), inside.y))
}

/// Whose invite it is, and where it leads.
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

fn say(
    (sign, style): (&str, ratatui::style::Style),
    words: &str,
    body: Rect,
    buffer: &mut Buffer,
    theme: &Theme,
) {
    let room = usize::from(body.width.saturating_sub(2));
    let lines = fit::wrap_rows(words, room, usize::from(body.height));
    for (y, line) in (0..body.height).zip(&lines) {
        let mut row = Row::at(buffer, body, y);
        if y == 0 {
            row.left(sign, style);
        } else {
            row.skip(2);
        }
        row.left(line, theme.plain);
    }
}

fn text(words: &str, body: Rect, buffer: &mut Buffer, theme: &Theme) {
    let lines = fit::wrap_rows(words, usize::from(body.width), usize::from(body.height));
    for (y, line) in (0..body.height).zip(&lines) {
        Row::at(buffer, body, y).left(line, theme.dim);
    }
}
