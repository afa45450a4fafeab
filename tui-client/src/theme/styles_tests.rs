use ratatui::layout::Rect;

use super::super::choice::{Background, THEMES, TerminalColours, ThemeChoice};
use super::*;

/// The ratio of WCAG 2.
fn contrast(a: [u8; 3], b: [u8; 3]) -> f64 {
    let luminance = |rgb: [u8; 3]| {
        let part = |value: u8| {
            let value = f64::from(value) / 255.0;
            if value <= 0.03928 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        let [red, green, blue] = rgb.map(part);
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    };
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

/// The themes that have a background of their own, and the light one on white.
fn measured() -> Vec<(String, Theme)> {
    let mut themes = vec![(
        "light".to_owned(),
        Theme {
            ground: Color::Indexed(231),
            plain: Style::new().fg(Color::Indexed(16)),
            ..Theme::LIGHT
        },
    )];
    for choice in &THEMES {
        for (variant, theme) in [("dark", choice.dark), ("light", choice.light)] {
            if theme.ground != Color::Reset {
                themes.push((format!("{} {variant}", choice.name), theme));
            }
        }
    }
    themes
}

#[test]
fn every_role_can_be_read_on_its_background() {
    let themes = measured();
    assert_eq!(themes.len(), 21);
    for (name, mut theme) in themes {
        for depth in [ColourDepth::True, ColourDepth::Indexed] {
            let parts = |colour| colour::rgb(colour::shown(colour, depth)).unwrap();
            let (ground, text) = (theme.ground, theme.plain.fg.unwrap());
            let own = |colour, own| if colour == Color::Reset { own } else { colour };
            let field = theme.field.bg.unwrap();
            for (role, style) in theme.roles() {
                let colour = own(style.fg.unwrap(), text);
                let on = style.bg.unwrap_or(ground);
                let least = match (role, depth) {
                    ("rule" | "behind", ColourDepth::True) => 3.0,
                    (_, ColourDepth::True) => 4.5,
                    // The nearest colour may lie on the wrong side.
                    ("rule" | "behind", _) => 2.3,
                    _ => 4.0,
                };
                let ratio = contrast(parts(colour), parts(on));
                assert!(ratio >= least, "{role} of {name}, {depth:?}: {ratio:.2}");
                // What is written in a field.
                if depth == ColourDepth::True
                    && matches!(role, "plain" | "dim" | "accent" | "wrong")
                {
                    let ratio = contrast(parts(colour), parts(field));
                    assert!(ratio >= 4.5, "{role} in a field of {name}: {ratio:.2}");
                }
            }
        }
    }
}

/// No meaning is lost without colours: what has to be told apart has another attribute, and the rest has signs.
#[test]
fn monochrome_has_attributes_alone_and_tells_the_bars_and_buttons_apart() {
    let mut theme = Theme::MONOCHROME;
    for (role, style) in theme.roles() {
        assert_eq!(
            (style.fg, style.bg.unwrap_or_default()),
            (Some(Color::Reset), Color::Reset),
            "{role}"
        );
    }
    assert_ne!(theme.button, theme.chosen_button);
    assert_ne!(theme.tab, theme.active_tab);
    assert_ne!(theme.rule, theme.focused_frame);
    assert_ne!(theme.field, theme.plain);
    assert_ne!(theme.behind, theme.plain);
    assert!(theme.shutdown.add_modifier.contains(Modifier::REVERSED));
}

/// One row: text, a program's red, and a role of the theme.
fn painted(theme: &Theme) -> Vec<(Color, Color)> {
    let mut buffer = Buffer::empty(Rect::new(0, 0, 3, 1));
    buffer[(1, 0)].set_fg(Color::Red);
    buffer[(2, 0)].set_style(theme.field);
    theme.paint(&mut buffer);
    buffer.content.iter().map(|cell| (cell.fg, cell.bg)).collect()
}

/// A frame converted each colour of each cell: a key took 60 ms with a theme of its own colours.
#[test]
fn a_theme_is_converted_once_to_the_256_colours_of_a_terminal() {
    for choice in &THEMES {
        for background in [Background::Dark, Background::Light] {
            let mut theme = choice.on(TerminalColours { background, depth: ColourDepth::Indexed });
            let ground = [theme.ground, theme.plain.fg.unwrap()];
            let ansi = theme.ansi.into_iter().flatten().collect::<Vec<_>>();
            let roles = theme.roles().flat_map(|(_, style)| [style.fg, style.bg]).flatten();
            let all = roles.chain(ground).chain(ansi).collect::<Vec<_>>();
            assert!(all.iter().all(|colour| !matches!(colour, Color::Rgb(..))), "{}", choice.name);
        }
    }
}

/// With few colours text and what it stands on may become the same colour: it is still read.
#[test]
fn text_that_would_have_the_colour_of_its_field_is_black_or_white() {
    let near = Style::new().fg(Color::from_u32(0x27_2c_37));
    let theme = Theme { dim: near, ..Theme::NORD }.in_numbered_colours();
    assert_ne!(theme.dim.fg, theme.field.bg);
    assert_eq!(theme.dim.fg, Some(Color::White));
    // A text that is hidden on purpose stays so.
    let hidden = Style::new().fg(Theme::NORD.ground);
    let theme = Theme { dim: hidden, ..Theme::NORD }.in_numbered_colours();
    assert_eq!(theme.dim.fg, Some(theme.ground));
}

#[test]
fn a_painted_frame_has_the_colours_of_the_theme_as_the_terminal_can_show_them() {
    let on = |depth| {
        let nord = ThemeChoice::named("nord").unwrap();
        painted(&nord.on(TerminalColours { background: Background::Dark, depth }))
    };
    let (text, ground) = (Color::from_u32(0xd8_de_e9), Color::from_u32(0x2e_34_40));
    let field = Color::from_u32(0x27_2c_36);
    let red = Color::from_u32(0xbf_61_6a);
    assert_eq!(on(ColourDepth::True), [(text, ground), (red, ground), (text, field)]);
    let numbers = on(ColourDepth::Indexed);
    assert!(
        numbers
            .iter()
            .all(|(fg, bg)| matches!((fg, bg), (Color::Indexed(16..), Color::Indexed(16..))))
    );
    assert_eq!(
        on(ColourDepth::Named),
        [(Color::Gray, Color::Black), (Color::Red, Color::Black), (Color::Gray, Color::Black)]
    );
    // With sixteen colours too a failure looks other than a success.
    for choice in &THEMES {
        for background in [Background::Dark, Background::Light] {
            let theme = choice.on(TerminalColours { background, depth: ColourDepth::Named });
            let shown = |style: Style| colour::shown(style.fg.unwrap(), ColourDepth::Named);
            let states = [theme.plain, theme.succeeded, theme.failed, theme.running].map(shown);
            let mut different = states.to_vec();
            different.dedup();
            assert!(
                different.len() == 4 || choice.name == "monochrome",
                "{}: {states:?}",
                choice.name
            );
        }
    }
    // The terminal's own colours stay where the theme has no background.
    assert_eq!(
        painted(&Theme::DARK)[..2],
        [(Color::Reset, Color::Reset), (Color::Red, Color::Reset)]
    );
}

/// The colour of a server's name is the same at each start, and no colour where there are none.
#[test]
fn a_server_has_a_colour_of_its_own_by_its_name() {
    let theme = Theme::DARK;
    assert_eq!(theme.server("garden"), theme.server("garden"));
    let names = ["garden", "clock", "pump", "lab", "attic", "cellar", "roof", "pond"];
    let colours: std::collections::HashSet<_> = names.map(|name| theme.server(name).fg).into();
    assert!(colours.len() > 1, "{colours:?}");
    assert!(names.iter().all(|name| Theme::MONOCHROME.server(name) == Theme::MONOCHROME.title));
}
