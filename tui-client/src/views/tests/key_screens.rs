//! The screens about keys.

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};

use super::{SIZES, assert_plain, at_every_size, frame, snapshot};
use crate::app::tests::World;
use crate::app::tests::key_list::opened;
use crate::app::tests::new_invites::{form, invite, made};
use crate::theme::Theme;
use crate::views::invite_result::qr::Qr;

#[test]
fn the_list_of_keys() {
    at_every_size("keys", |width, height| {
        let mut world = opened(width, height);
        world.press("down down");
        world
    });
}

#[test]
fn one_key_in_full() {
    at_every_size("key", |width, height| {
        let mut world = opened(width, height);
        world.press("down down enter");
        world
    });
}

#[test]
fn the_question_before_a_key_is_revoked() {
    at_every_size("confirm-revoke", |width, height| {
        let mut world = opened(width, height);
        world.press("down down ctrl-x");
        world
    });
}

#[test]
fn the_form_of_an_invite() {
    at_every_size("make-invite", |width, height| {
        let mut world = form(width, height);
        world.write("phone");
        world
    });
}

#[test]
fn an_invite_without_room_for_its_code() {
    for (name, lasting) in [("made-invite", false), ("made-token", true)] {
        for (width, height) in &SIZES[..3] {
            let mut world = made(*width, *height, lasting);
            let name = format!("{name}-{width}x{height}");
            snapshot(&name, &world.state);
            (world.state.ascii, world.state.theme) = (true, Theme::MONOCHROME);
            // With ASCII signs the code needs more room, and the words say so.
            assert_plain(&name, &frame(&world.state));
        }
    }
}

/// Modules as a camera sees them, light being true, from where the code begins: each half of a cell, or with
/// ASCII signs two cells, is one.
fn seen(buffer: &Buffer, ascii: bool, light: impl Fn(&Cell, bool) -> bool) -> Vec<Vec<bool>> {
    let rows = buffer.area.height;
    let mut modules = Vec::new();
    for y in 0..rows {
        let halves: &[bool] = if ascii { &[true] } else { &[true, false] };
        for upper in halves {
            let step = if ascii { 2 } else { 1 };
            let columns = (0..buffer.area.width).step_by(step);
            modules.push(columns.map(|x| light(&buffer[(x, y)], *upper)).collect());
        }
    }
    modules
}

/// Whether the code of the invite is somewhere in what is seen, whole and with all the light around it.
fn holds_the_code(modules: &[Vec<bool>], is_light: bool) -> bool {
    let code = Qr::of(&invite(false)).unwrap();
    let side = code.side();
    let here = |top: usize, left: usize| {
        (0..side).all(|y| {
            (0..side).all(|x| (modules[top + y][left + x] == is_light) != code.is_dark(x, y))
        })
    };
    let width = modules[0].len();
    (0..=modules.len() - side).any(|top| (0..=width - side).any(|left| here(top, left)))
}

fn large(width: u16, height: u16, theme: Theme, ascii: bool) -> World {
    let mut world = made(width, height, false);
    world.state.theme = theme;
    world.state.ascii = ascii;
    world
}

#[test]
fn the_code_is_dark_on_light_by_colours_of_its_own_in_every_coloured_theme() {
    for theme in [Theme::DARK, Theme::LIGHT] {
        let buffer = frame(&large(160, 50, theme, false).state);
        let modules = seen(&buffer, false, |cell, upper| {
            let colour = if upper { cell.fg } else { cell.bg };
            cell.symbol() == "▀" && colour == Color::Indexed(231)
        });
        assert!(holds_the_code(&modules, true));
        let dark = seen(&buffer, false, |cell, upper| {
            let colour = if upper { cell.fg } else { cell.bg };
            cell.symbol() == "▀" && colour == Color::Indexed(16)
        });
        assert_eq!(dark.iter().flatten().filter(|dark| **dark).count(), darks());
        // Blanks on a background of their own.
        let buffer = frame(&large(160, 70, theme, true).state);
        let modules = seen(&buffer, true, |cell, _| cell.bg == Color::Indexed(231));
        assert!(holds_the_code(&modules, true));
    }
}

fn darks() -> usize {
    let code = Qr::of(&invite(false)).unwrap();
    let all = (0..code.side()).flat_map(|y| (0..code.side()).map(move |x| (x, y)));
    all.filter(|(x, y)| code.is_dark(*x, *y)).count()
}

#[test]
fn without_colours_light_is_what_the_terminal_writes_in_or_the_other_way_round() {
    for reversed in [false, true] {
        let mut world = large(160, 50, Theme::MONOCHROME, false);
        if reversed {
            world.press("r");
        }
        let buffer = frame(&world.state);
        assert!(buffer.content().iter().all(|c| (c.fg, c.bg) == (Color::Reset, Color::Reset)));
        let written = seen(&buffer, false, |cell, upper| match cell.symbol() {
            "█" => true,
            "▀" => upper,
            "▄" => !upper,
            _ => false,
        });
        assert!(holds_the_code(&written, !reversed));

        let mut world = large(160, 70, Theme::MONOCHROME, true);
        if reversed {
            world.press("r");
        }
        let buffer = frame(&world.state);
        assert!(buffer.content().iter().all(|cell| cell.symbol().is_ascii()));
        let written = seen(&buffer, true, |cell, _| cell.modifier.contains(Modifier::REVERSED));
        assert!(holds_the_code(&written, !reversed));
    }
}

#[test]
fn an_invite_with_its_code() {
    for (name, theme, ascii) in [
        ("made-invite", Theme::DARK, false),
        ("made-invite-no-colour", Theme::MONOCHROME, false),
        ("made-invite-ascii", Theme::MONOCHROME, true),
    ] {
        let world = large(160, 50, theme, ascii);
        snapshot(&format!("{name}-160x50"), &world.state);
    }
    snapshot("made-invite-100x30", &large(100, 30, Theme::DARK, false).state);
}
