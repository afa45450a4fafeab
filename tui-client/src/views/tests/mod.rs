//! Every screen at five sizes, text and styles; and what must hold of any frame.

mod admin_screens;
mod any_screen;
mod approval_screens;
mod key_screens;
mod picker_screens;
mod schedule_screens;
pub(crate) mod screens;
mod server_screens;
mod tab_screens;

use std::fmt::Write as _;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier, Style};

use crate::app::tests::World;
use crate::app::{Size, State};
use crate::theme::Theme;

/// The sizes that every screen is looked at in.
pub(crate) const SIZES: [(u16, u16); 5] = [(40, 10), (60, 15), (80, 24), (100, 30), (160, 50)];

/// A snapshot of each view, by the file of the view.
const SNAPSHOTS: &[(&str, &str)] = &[
    ("accepted_keys", "keys"),
    ("approval_details", "approval-details"),
    ("approvals", "approvals"),
    ("client_details", "client"),
    ("clients", "clients"),
    ("command_form", "command-form"),
    ("command_line", "verbs"),
    ("confirm", "confirm-command"),
    ("create_invite", "make-invite"),
    ("facts_view", "log-read"),
    ("help", "help"),
    ("invite_result", "made-invite"),
    ("key_details", "key"),
    ("log", "log"),
    ("notices", "notices"),
    ("palette", "palette"),
    ("redeem_invite", "invite"),
    ("reload", "reload"),
    ("run_details", "run"),
    ("run_list", "runs"),
    ("schedules", "schedules"),
    ("server_form", "form"),
    ("several_boxes", "several-results"),
    ("status", "status"),
    ("theme_chooser", "themes"),
    ("verb_answer", "picker-verb-help"),
];

#[test]
fn every_view_has_a_snapshot_at_every_size() {
    let views: Vec<&str> = super::VIEWS.iter().map(|row| row.file).collect();
    let listed: Vec<&str> = SNAPSHOTS.iter().map(|(file, _)| *file).collect();
    assert_eq!(listed, views);
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/views/tests/snapshots");
    let files: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    for (view, name) in SNAPSHOTS {
        for (width, height) in SIZES {
            // The QR code of an invite is there in several variants.
            let end = format!("{width}x{height}.snap");
            let has = |file: &String| file.starts_with(&format!("{name}-")) && file.ends_with(&end);
            assert!(files.iter().any(has), "{view} at {width}x{height}");
        }
    }
}

/// Checks a screen at every size.
pub(super) fn at_every_size(name: &str, world: impl Fn(u16, u16) -> World) {
    for (width, height) in SIZES {
        let mut world = world(width, height);
        snapshot(&format!("{name}-{width}x{height}"), &world.state);
        assert_ascii_and_colourless(name, &mut world);
        // The same frame in ASCII and monochrome.
        snapshot(&format!("{name}-{width}x{height}-plain"), &world.state);
    }
}

/// Checks one frame, text and styles.
pub(super) fn snapshot(name: &str, state: &State) {
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!(name, shown(state));
    });
}

/// Without colours and signs the frame says the same, in letters that every terminal has.
fn assert_ascii_and_colourless(name: &str, world: &mut World) {
    let signs = frame(&world.state);
    world.state.ascii = true;
    world.state.theme = Theme::MONOCHROME;
    let plain = frame(&world.state);
    assert_plain(name, &plain);
    for (was, cell) in signs.content().iter().zip(plain.content()) {
        assert!(was.symbol() == cell.symbol() || !was.symbol().is_ascii(), "{name}");
    }
}

/// A frame for the least that a terminal can.
pub(super) fn assert_plain(name: &str, plain: &Buffer) {
    for cell in plain.content() {
        assert!(cell.symbol().is_ascii(), "{:?} of {name}", cell.symbol());
        assert_eq!(
            (cell.fg, cell.bg),
            (Color::Reset, Color::Reset),
            "{:?} of {name}",
            cell.symbol()
        );
    }
}

/// Nothing drawn steers a terminal.
pub(crate) fn assert_clean(world: &World) {
    let Size { width, height } = world.state.size;
    for cell in frame(&world.state).content() {
        let clean = !cell.symbol().chars().any(topside_shared::text::is_control);
        assert!(clean, "{:?} at {width}x{height}", cell.symbol());
    }
}

/// A frame of the state.
pub(crate) fn frame(state: &State) -> Buffer {
    let backend = TestBackend::new(state.terminal.width, state.terminal.height);
    let mut terminal = Terminal::new(backend).unwrap();
    terminal
        .draw(|frame| {
            let area = frame.area();
            if let (Some(at), _) = super::draw(state, area, frame.buffer_mut()) {
                frame.set_cursor_position(at);
            }
        })
        .unwrap();
    terminal.backend().buffer().clone()
}

/// The text of a frame, line by line.
pub(crate) fn text(buffer: &Buffer) -> String {
    let mut text = String::new();
    for y in buffer.area.rows().map(|row| row.y) {
        let mut line = String::new();
        let mut x = 0;
        while x < buffer.area.width {
            let symbol = buffer[(x, y)].symbol();
            line.push_str(symbol);
            x += u16::try_from(crate::text::fit::width(symbol)).unwrap().max(1);
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// A frame as text, then its styles: for each line the runs that are not plain.
pub(super) fn shown(state: &State) -> String {
    let buffer = frame(state);
    let mut shown = text(&buffer);
    shown.push_str("--- styles\n");
    for row in buffer.area.rows() {
        let mut runs = String::new();
        let mut x = 0;
        while x < buffer.area.width {
            let style = buffer[(x, row.y)].style();
            let from = x;
            while x < buffer.area.width && buffer[(x, row.y)].style() == style {
                x += 1;
            }
            let name = name(style);
            if !name.is_empty() {
                write!(runs, "  {from}-{} {name}", x - 1).unwrap();
            }
        }
        if !runs.is_empty() {
            writeln!(shown, "{:>2}:{runs}", row.y).unwrap();
        }
    }
    shown
}

fn name(style: Style) -> String {
    let mut parts = Vec::new();
    match style.fg {
        None | Some(Color::Reset) => {}
        Some(Color::Indexed(n)) => parts.push(format!("grey{n}")),
        Some(colour) => parts.push(colour.to_string().to_lowercase()),
    }
    match style.bg {
        None | Some(Color::Reset) => {}
        Some(Color::Indexed(n)) => parts.push(format!("on-grey{n}")),
        Some(colour) => parts.push(format!("on-{}", colour.to_string().to_lowercase())),
    }
    for (modifier, name) in [
        (Modifier::BOLD, "bold"),
        (Modifier::DIM, "dim"),
        (Modifier::UNDERLINED, "underlined"),
        (Modifier::REVERSED, "reversed"),
    ] {
        if style.add_modifier.contains(modifier) {
            parts.push(name.to_owned());
        }
    }
    parts.join("+")
}
