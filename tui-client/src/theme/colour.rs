//! Colours of terminals that have fewer than sixteen million: the nearest one.

use ratatui::style::Color;

use super::choice::ColourDepth;

/// The first sixteen, by their names, with the values that xterm gives them.
const ANSI: [(Color, [u8; 3]); 16] = [
    (Color::Black, [0, 0, 0]),
    (Color::Red, [205, 0, 0]),
    (Color::Green, [0, 205, 0]),
    (Color::Yellow, [205, 205, 0]),
    (Color::Blue, [0, 0, 238]),
    (Color::Magenta, [205, 0, 205]),
    (Color::Cyan, [0, 205, 205]),
    (Color::Gray, [229, 229, 229]),
    (Color::DarkGray, [127, 127, 127]),
    (Color::LightRed, [255, 0, 0]),
    (Color::LightGreen, [0, 255, 0]),
    (Color::LightYellow, [255, 255, 0]),
    (Color::LightBlue, [92, 92, 255]),
    (Color::LightMagenta, [255, 0, 255]),
    (Color::LightCyan, [0, 255, 255]),
    (Color::White, [255, 255, 255]),
];

/// The steps of the colour cube of 256 colours.
const STEPS: [u8; 6] = [0, 95, 135, 175, 215, 255];

/// The colour that a terminal of this depth shows for it.
pub(super) fn shown(colour: Color, depth: ColourDepth) -> Color {
    match (colour, depth) {
        (Color::Rgb(r, g, b), ColourDepth::Indexed) => Color::Indexed(nearest_indexed([r, g, b])),
        (Color::Rgb(..) | Color::Indexed(16..), ColourDepth::Named) => {
            rgb(colour).map_or(colour, nearest_named)
        }
        _ => colour,
    }
}

/// Black or white, which can be read on this colour.
pub(super) fn readable_on(ground: Color) -> Color {
    let dark = rgb(ground).is_none_or(super::choice::is_dark);
    if dark { Color::White } else { Color::Black }
}

/// The place of a colour among the named ones.
pub(super) fn ansi_number(colour: Color) -> Option<usize> {
    match colour {
        Color::Indexed(number) => Some(usize::from(number)).filter(|number| *number < ANSI.len()),
        _ => ANSI.iter().position(|(name, _)| *name == colour),
    }
}

/// The parts of a colour; none for the terminal's own.
pub(super) fn rgb(colour: Color) -> Option<[u8; 3]> {
    match colour {
        Color::Rgb(r, g, b) => Some([r, g, b]),
        Color::Indexed(number @ 16..=231) => {
            let step = |place: u8| STEPS[usize::from((number - 16) / place % 6)];
            Some([step(36), step(6), step(1)])
        }
        Color::Indexed(number @ 232..) => Some([8 + (number - 232) * 10; 3]),
        _ => ansi_number(colour).map(|number| ANSI[number].1),
    }
}

/// The nearest colour of the cube or of the greys behind it; the first sixteen may be any colour. Programs may give each
/// cell of a frame another colour, so not all 240 are compared.
fn nearest_indexed(wanted: [u8; 3]) -> u8 {
    let [red, green, blue] = wanted.map(nearest_step);
    let in_cube = 16 + 36 * red + 6 * green + blue;
    let mean = wanted.into_iter().map(u16::from).sum::<u16>() / 3;
    let number = (mean.saturating_sub(3) / 10).min(23);
    let grey = 232 + u8::try_from(number).unwrap_or(0);
    let from_wanted = |number| rgb(Color::Indexed(number)).map(|rgb| distance(rgb, wanted));
    if from_wanted(grey) < from_wanted(in_cube) { grey } else { in_cube }
}

/// The number of the step that is nearest to this part of a colour.
fn nearest_step(part: u8) -> u8 {
    // The boundaries lie in the middle of two steps.
    let is_above = |pair: &[u8]| 2 * u16::from(part) > u16::from(pair[0]) + u16::from(pair[1]);
    STEPS.windows(2).map(|pair| u8::from(is_above(pair))).sum()
}

fn nearest_named(wanted: [u8; 3]) -> Color {
    let nearest = ANSI.iter().min_by_key(|(_, rgb)| distance(*rgb, wanted));
    nearest.map_or(Color::Reset, |(name, _)| *name)
}

fn distance(a: [u8; 3], b: [u8; 3]) -> u32 {
    a.into_iter().zip(b).map(|(a, b)| u32::from(a.abs_diff(b)).pow(2)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Not all colours are compared for each cell, but the result is as near as if they were.
    #[test]
    fn no_colour_of_the_256_is_nearer_than_the_one_that_is_shown() {
        let from = |number, wanted| distance(rgb(Color::Indexed(number)).unwrap(), wanted);
        let parts = || (0..=255).step_by(17).chain([47, 48, 115, 116, 156, 196, 236]);
        for red in parts() {
            for green in parts() {
                for blue in parts() {
                    let wanted = [red, green, blue];
                    let least = (16..=255).map(|number| from(number, wanted)).min().unwrap();
                    assert_eq!(from(nearest_indexed(wanted), wanted), least, "{wanted:?}");
                }
            }
        }
    }

    #[test]
    fn a_terminal_with_few_colours_is_given_the_nearest() {
        let nord = Color::Rgb(0x88, 0xc0, 0xd0);
        assert_eq!(shown(nord, ColourDepth::True), nord);
        assert_eq!(shown(nord, ColourDepth::Indexed), Color::Indexed(110));
        assert_eq!(shown(Color::Rgb(48, 48, 49), ColourDepth::Indexed), Color::Indexed(236));
        assert_eq!(shown(Color::Indexed(245), ColourDepth::Indexed), Color::Indexed(245));
        assert_eq!(shown(Color::Indexed(245), ColourDepth::Named), Color::DarkGray);
        assert_eq!(shown(Color::Rgb(250, 10, 10), ColourDepth::Named), Color::LightRed);
        assert_eq!(shown(Color::Cyan, ColourDepth::Named), Color::Cyan);
        assert_eq!(shown(Color::Reset, ColourDepth::Named), Color::Reset);
    }
}
