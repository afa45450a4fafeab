//! The colours of the themes. Those of the well-known palettes are their authors', but for what could not be read on
//! its background: that is lighter or darker, up to a contrast of 4.5 (3 for lines), which a test measures.

use ratatui::style::{Color, Modifier, Style};

use super::choice::{ColourDepth, is_dark};
use super::colour;
use super::styles::{Palette, Theme};

const fn rgb(number: u32) -> Color {
    Color::from_u32(number)
}

const fn ansi(numbers: [u32; 16]) -> [Color; 16] {
    let mut colours = [Color::Reset; 16];
    let mut at = 0;
    while at < colours.len() {
        colours[at] = rgb(numbers[at]);
        at += 1;
    }
    colours
}

impl Theme {
    /// For a dark background, in the terminal's own colours; the greys are readable on a light one too.
    pub(crate) const DARK: Self = Self::of(&Palette {
        ground: Color::Reset,
        text: Color::Reset,
        muted: Color::Indexed(245),
        line: Color::Indexed(241),
        on_field: Color::Indexed(255),
        field: Color::Indexed(236),
        button: Color::Indexed(238),
        accent: Color::Cyan,
        red: Color::Red,
        yellow: Color::Yellow,
        green: Color::Green,
        magenta: Color::Magenta,
        ansi: None,
    });

    /// For a light background, in fixed colours of the palette: the yellow and cyan of a terminal are hardly visible on
    /// white.
    pub(crate) const LIGHT: Self = Self::of(&Palette {
        ground: Color::Reset,
        text: Color::Reset,
        muted: Color::Indexed(241),
        line: Color::Indexed(245),
        on_field: Color::Indexed(16),
        field: Color::Indexed(255),
        button: Color::Indexed(252),
        accent: Color::Indexed(25),
        red: Color::Indexed(124),
        yellow: Color::Indexed(130),
        green: Color::Indexed(28),
        magenta: Color::Indexed(90),
        ansi: None,
    });

    /// Without colours: glyphs, words and attributes only.
    pub(crate) const MONOCHROME: Self = {
        const PLAIN: Style = Style::new().fg(Color::Reset);
        const STRONG: Style = PLAIN.add_modifier(Modifier::BOLD);
        const DIM: Style = PLAIN.add_modifier(Modifier::DIM);
        const UNDERLINED: Style = PLAIN.add_modifier(Modifier::UNDERLINED);
        let base = Self::of(&Palette {
            ground: Color::Reset,
            text: Color::Reset,
            muted: Color::Reset,
            line: Color::Reset,
            on_field: Color::Reset,
            field: Color::Reset,
            button: Color::Reset,
            accent: Color::Reset,
            red: Color::Reset,
            yellow: Color::Reset,
            green: Color::Reset,
            magenta: Color::Reset,
            ansi: None,
        });
        Self {
            accent: STRONG,
            dim: DIM,
            rule: DIM,
            warn: STRONG,
            bad: STRONG,
            focused_frame: STRONG,
            field: UNDERLINED,
            behind: DIM,
            write: STRONG,
            destructive: STRONG,
            queued: DIM,
            running: STRONG,
            failed: STRONG,
            cancelled: STRONG,
            lost: STRONG,
            error: STRONG,
            warning: STRONG,
            debug: DIM,
            unreachable: STRONG,
            untried: DIM,
            due: STRONG,
            tab: DIM,
            depth: ColourDepth::None,
            ..base
        }
    };

    /// A theme with a background of its own, in the colours that each terminal has; other themes are unchanged.
    pub(super) fn in_named_colours(self) -> Self {
        let (base, text, ground) = match colour::rgb(self.ground).map(is_dark) {
            None => return self,
            Some(true) => (Self::DARK, Color::Gray, Color::Black),
            Some(false) => (Self::LIGHT, Color::Black, Color::White),
        };
        Self { plain: Style::new().fg(text), ground, ..base }
    }

    /// Catppuccin Mocha.
    pub(crate) const MOCHA: Self = Self::of(&Palette {
        ground: rgb(0x1e1e2e),
        text: rgb(0xcdd6f4),
        muted: rgb(0x959bb3),
        line: rgb(0x6c7086),
        on_field: rgb(0xcdd6f4),
        field: rgb(0x313244),
        button: rgb(0x45475a),
        accent: rgb(0x89b4fa),
        red: rgb(0xf38ba8),
        yellow: rgb(0xf9e2af),
        green: rgb(0xa6e3a1),
        magenta: rgb(0xcba6f7),
        ansi: Some(MOCHA_ANSI),
    });

    /// Catppuccin Latte.
    pub(crate) const LATTE: Self = Self::of(&Palette {
        ground: rgb(0xeff1f5),
        text: rgb(0x4c4f69),
        muted: rgb(0x64677c),
        line: rgb(0x86899c),
        on_field: rgb(0x4c4f69),
        field: rgb(0xe6e9ef),
        button: rgb(0xdce0e8),
        accent: rgb(0x0d5af4),
        red: rgb(0xcf0f38),
        yellow: rgb(0x915c13),
        green: rgb(0x2e731f),
        magenta: rgb(0x822fee),
        ansi: Some(LATTE_ANSI),
    });

    /// Gruvbox dark.
    pub(crate) const GRUVBOX_DARK: Self = Self::of(&Palette {
        ground: rgb(0x282828),
        text: rgb(0xebdbb2),
        muted: rgb(0xa89984),
        line: rgb(0x7d7065),
        on_field: rgb(0xebdbb2),
        field: rgb(0x1d2021),
        button: rgb(0x3c3836),
        accent: rgb(0x83a598),
        red: rgb(0xfb5642),
        yellow: rgb(0xfabd2f),
        green: rgb(0xb8bb26),
        magenta: rgb(0xd3869b),
        ansi: Some(GRUVBOX_DARK_ANSI),
    });

    /// Gruvbox light.
    pub(crate) const GRUVBOX_LIGHT: Self = Self::of(&Palette {
        ground: rgb(0xfbf1c7),
        text: rgb(0x3c3836),
        muted: rgb(0x70645a),
        line: rgb(0x928374),
        on_field: rgb(0x3c3836),
        field: rgb(0xf2e5bc),
        button: rgb(0xebdbb2),
        accent: rgb(0x076678),
        red: rgb(0x9d0006),
        yellow: rgb(0x8d5c10),
        green: rgb(0x6d680d),
        magenta: rgb(0x8f3f71),
        ansi: Some(GRUVBOX_LIGHT_ANSI),
    });

    /// Nord.
    pub(crate) const NORD: Self = Self::of(&Palette {
        ground: rgb(0x2e3440),
        text: rgb(0xd8dee9),
        muted: rgb(0xa0a9bb),
        line: rgb(0x737f95),
        on_field: rgb(0xd8dee9),
        field: rgb(0x272c36),
        button: rgb(0x434c5e),
        accent: rgb(0x88c0d0),
        red: rgb(0xd4969c),
        yellow: rgb(0xebcb8b),
        green: rgb(0xa3be8c),
        magenta: rgb(0xbd9cb7),
        ansi: Some(NORD_ANSI),
    });

    /// Solarized dark.
    pub(crate) const SOLARIZED_DARK: Self = Self::of(&Palette {
        ground: rgb(0x002b36),
        text: rgb(0xadb8b8),
        muted: rgb(0x839496),
        line: rgb(0x60757b),
        on_field: rgb(0xadb8b8),
        field: rgb(0x00212b),
        button: rgb(0x073642),
        accent: rgb(0x3194da),
        red: rgb(0xe56563),
        yellow: rgb(0xb58900),
        green: rgb(0x859900),
        magenta: rgb(0xdd649f),
        ansi: Some(SOLARIZED_DARK_ANSI),
    });

    /// Solarized light.
    pub(crate) const SOLARIZED_LIGHT: Self = Self::of(&Palette {
        ground: rgb(0xfdf6e3),
        text: rgb(0x3d535b),
        muted: rgb(0x586b72),
        line: rgb(0x809092),
        on_field: rgb(0x3d535b),
        field: rgb(0xeee8d5),
        button: rgb(0xeee8d5),
        accent: rgb(0x1e6ca4),
        red: rgb(0xc82522),
        yellow: rgb(0x836300),
        green: rgb(0x606e00),
        magenta: rgb(0xbe2a72),
        ansi: Some(SOLARIZED_LIGHT_ANSI),
    });
}

const MOCHA_ANSI: [Color; 16] = ansi([
    0x45475a, 0xf38ba8, 0xa6e3a1, 0xf9e2af, 0x89b4fa, 0xf5c2e7, 0x94e2d5, 0xbac2de, 0x585b70,
    0xf38ba8, 0xa6e3a1, 0xf9e2af, 0x89b4fa, 0xf5c2e7, 0x94e2d5, 0xa6adc8,
]);
const LATTE_ANSI: [Color; 16] = ansi([
    0x5c5f77, 0xd20f39, 0x40a02b, 0xdf8e1d, 0x1e66f5, 0xea76cb, 0x179299, 0xacb0be, 0x6c6f85,
    0xd20f39, 0x40a02b, 0xdf8e1d, 0x1e66f5, 0xea76cb, 0x179299, 0xbcc0cc,
]);
const GRUVBOX_DARK_ANSI: [Color; 16] = ansi([
    0x282828, 0xcc241d, 0x98971a, 0xd79921, 0x458588, 0xb16286, 0x689d6a, 0xa89984, 0x928374,
    0xfb4934, 0xb8bb26, 0xfabd2f, 0x83a598, 0xd3869b, 0x8ec07c, 0xebdbb2,
]);
const GRUVBOX_LIGHT_ANSI: [Color; 16] = ansi([
    0xfbf1c7, 0xcc241d, 0x98971a, 0xd79921, 0x458588, 0xb16286, 0x689d6a, 0x7c6f64, 0x928374,
    0x9d0006, 0x79740e, 0xb57614, 0x076678, 0x8f3f71, 0x427b58, 0x3c3836,
]);
const NORD_ANSI: [Color; 16] = ansi([
    0x3b4252, 0xbf616a, 0xa3be8c, 0xebcb8b, 0x81a1c1, 0xb48ead, 0x88c0d0, 0xe5e9f0, 0x4c566a,
    0xbf616a, 0xa3be8c, 0xebcb8b, 0x81a1c1, 0xb48ead, 0x8fbcbb, 0xeceff4,
]);
const SOLARIZED_DARK_ANSI: [Color; 16] = ansi([
    0x073642, 0xdc322f, 0x859900, 0xb58900, 0x268bd2, 0xd33682, 0x2aa198, 0xeee8d5, 0x002b36,
    0xcb4b16, 0x586e75, 0x657b83, 0x839496, 0x6c71c4, 0x93a1a1, 0xfdf6e3,
]);
const SOLARIZED_LIGHT_ANSI: [Color; 16] = ansi([
    0x073642, 0xdc322f, 0x859900, 0xb58900, 0x268bd2, 0xd33682, 0x2aa198, 0xeee8d5, 0x002b36,
    0xcb4b16, 0x586e75, 0x657b83, 0x839496, 0x6c71c4, 0x93a1a1, 0xfdf6e3,
]);
