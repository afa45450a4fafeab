//! Style of stored text: colours and attributes as SGR sets them, in twelve bytes.

use ratatui::style::{Color, Modifier, Style};
use vte::Params;

/// A colour: 0 is the terminal's own, `1 << 24 | n` the palette's, `2 << 24 | rgb` a true colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Paint(u32);

impl Paint {
    const fn indexed(n: u8) -> Self {
        Self(1 << 24 | n as u32)
    }

    const fn rgb(r: u8, g: u8, b: u8) -> Self {
        Self(2 << 24 | (r as u32) << 16 | (g as u32) << 8 | b as u32)
    }

    fn color(self) -> Option<Color> {
        /// The first sixteen by name, so that a theme of the terminal applies to them.
        const NAMED: [Color; 16] = [
            Color::Black,
            Color::Red,
            Color::Green,
            Color::Yellow,
            Color::Blue,
            Color::Magenta,
            Color::Cyan,
            Color::Gray,
            Color::DarkGray,
            Color::LightRed,
            Color::LightGreen,
            Color::LightYellow,
            Color::LightBlue,
            Color::LightMagenta,
            Color::LightCyan,
            Color::White,
        ];
        let [kind, r, g, b] = self.0.to_be_bytes();
        match kind {
            0 => None,
            1 => Some(NAMED.get(usize::from(b)).copied().unwrap_or(Color::Indexed(b))),
            _ => Some(Color::Rgb(r, g, b)),
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct TextStyle {
    fg: Paint,
    bg: Paint,
    attributes: u8,
}

const BOLD: u8 = 1;
const DIM: u8 = 1 << 1;
const ITALIC: u8 = 1 << 2;
const UNDERLINE: u8 = 1 << 3;
const REVERSE: u8 = 1 << 4;
const STRIKE: u8 = 1 << 5;
const REPLACED: u8 = 1 << 6;

impl TextStyle {
    pub(crate) const PLAIN: Self = Self { fg: Paint(0), bg: Paint(0), attributes: 0 };

    /// Whether the text is a U+FFFD in place of bytes that are not UTF-8, or of a bidirectional control.
    pub(crate) fn is_replaced(self) -> bool {
        self.attributes & REPLACED != 0
    }

    pub(crate) fn replaced(self) -> Self {
        Self { attributes: self.attributes | REPLACED, ..self }
    }

    /// The style for ratatui; without `colours` attributes only.
    pub(crate) fn to_style(self, colours: bool) -> Style {
        const MODIFIERS: [(u8, Modifier); 6] = [
            (BOLD, Modifier::BOLD),
            (DIM, Modifier::DIM),
            (ITALIC, Modifier::ITALIC),
            (UNDERLINE, Modifier::UNDERLINED),
            (REVERSE, Modifier::REVERSED),
            (STRIKE, Modifier::CROSSED_OUT),
        ];
        let mut style = Style::new();
        if colours {
            style.fg = self.fg.color();
            style.bg = self.bg.color();
        }
        for (bit, modifier) in MODIFIERS {
            if self.attributes & bit != 0 {
                style = style.add_modifier(modifier);
            }
        }
        style
    }

    /// Applies one SGR sequence. Blinking, hidden text, fonts and underline colours are ignored.
    pub(crate) fn apply(&mut self, params: &Params) {
        let mut params = params.iter();
        while let Some(param) = params.next() {
            let code = param.first().copied().unwrap_or(0);
            match code {
                0 => *self = Self::default(),
                1 => self.set(BOLD),
                2 => self.set(DIM),
                3 => self.set(ITALIC),
                4 if param.get(1) == Some(&0) => self.clear(UNDERLINE),
                4 | 21 => self.set(UNDERLINE),
                7 => self.set(REVERSE),
                9 => self.set(STRIKE),
                22 => self.clear(BOLD | DIM),
                23 => self.clear(ITALIC),
                24 => self.clear(UNDERLINE),
                27 => self.clear(REVERSE),
                29 => self.clear(STRIKE),
                30..=37 => self.fg = Paint::indexed((code - 30) as u8),
                39 => self.fg = Paint::default(),
                40..=47 => self.bg = Paint::indexed((code - 40) as u8),
                49 => self.bg = Paint::default(),
                90..=97 => self.fg = Paint::indexed((code - 90 + 8) as u8),
                100..=107 => self.bg = Paint::indexed((code - 100 + 8) as u8),
                38 | 48 | 58 => {
                    // 38:2::r:g:b is one parameter, 38;2;r;g;b five.
                    let paint = if param.len() > 1 {
                        colon_colour(&param[1..])
                    } else {
                        let mut rest = params.by_ref().map(|p| p.first().copied().unwrap_or(0));
                        semicolon_colour(&mut rest)
                    };
                    match (code, paint) {
                        (38, Some(paint)) => self.fg = paint,
                        (48, Some(paint)) => self.bg = paint,
                        _ => {}
                    }
                }
                _ => {}
            }
        }
    }

    fn set(&mut self, bits: u8) {
        self.attributes |= bits;
    }

    fn clear(&mut self, bits: u8) {
        self.attributes &= !bits;
    }
}

fn colon_colour(rest: &[u16]) -> Option<Paint> {
    match *rest {
        [5, n] => Some(Paint::indexed(u8::try_from(n).ok()?)),
        // With or without the colour space, which the standard puts before red.
        [2, r, g, b] | [2, _, r, g, b, ..] => rgb(r, g, b),
        _ => None,
    }
}

fn semicolon_colour(rest: &mut impl Iterator<Item = u16>) -> Option<Paint> {
    match rest.next()? {
        5 => Some(Paint::indexed(u8::try_from(rest.next()?).ok()?)),
        2 => {
            let (r, g, b) = (rest.next()?, rest.next()?, rest.next()?);
            rgb(r, g, b)
        }
        _ => None,
    }
}

fn rgb(r: u16, g: u16, b: u16) -> Option<Paint> {
    Some(Paint::rgb(u8::try_from(r).ok()?, u8::try_from(g).ok()?, u8::try_from(b).ok()?))
}
