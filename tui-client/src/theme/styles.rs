//! Styles by their role: one accent, one for secondary text, three for states, which are always beside a glyph or a word.
//! The background is the terminal's own.

use ratatui::style::{Color, Modifier, Style};

use crate::scrollback::Look;

/// The colour is set, so that text over a line does not take the colour of the line.
const PLAIN: Style = Style::new().fg(Color::Reset);
const STRONG: Style = PLAIN.add_modifier(Modifier::BOLD);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Theme {
    pub(crate) plain: Style,
    /// The focus, and names.
    pub(crate) accent: Style,
    pub(crate) strong: Style,
    pub(crate) dim: Style,
    /// Lines between panes.
    pub(crate) rule: Style,
    pub(crate) good: Style,
    pub(crate) warn: Style,
    pub(crate) bad: Style,
    /// An invalid part of the input.
    pub(crate) wrong: Style,
    pub(crate) chosen: Style,
    /// Matches of a search.
    pub(crate) matched: Style,
    /// The current match.
    pub(crate) current: Style,
    /// Whether the colours of programs are shown.
    colours: bool,
}

impl Theme {
    /// For a dark background; the greys are readable on a light one too.
    pub(crate) const DARK: Self = Self {
        plain: PLAIN,
        accent: PLAIN.fg(Color::Cyan),
        strong: STRONG,
        dim: PLAIN.fg(Color::Indexed(245)),
        rule: PLAIN.fg(Color::Indexed(241)),
        good: PLAIN.fg(Color::Green),
        warn: PLAIN.fg(Color::Yellow),
        bad: PLAIN.fg(Color::Red),
        wrong: PLAIN.fg(Color::Red).add_modifier(Modifier::UNDERLINED),
        chosen: STRONG.fg(Color::Cyan),
        matched: PLAIN.add_modifier(Modifier::REVERSED),
        current: PLAIN.fg(Color::Yellow).add_modifier(CURRENT),
        colours: true,
    };

    /// For a light background, in fixed colours of the palette: the yellow and cyan of a terminal are hardly visible on
    /// white.
    pub(crate) const LIGHT: Self = Self {
        accent: PLAIN.fg(Color::Indexed(25)),
        dim: PLAIN.fg(Color::Indexed(241)),
        rule: PLAIN.fg(Color::Indexed(247)),
        good: PLAIN.fg(Color::Indexed(28)),
        warn: PLAIN.fg(Color::Indexed(130)),
        bad: PLAIN.fg(Color::Indexed(124)),
        wrong: PLAIN.fg(Color::Indexed(124)).add_modifier(Modifier::UNDERLINED),
        chosen: STRONG.fg(Color::Indexed(25)),
        current: PLAIN.fg(Color::Indexed(130)).add_modifier(CURRENT),
        ..Self::DARK
    };

    /// Without colours: glyphs, words and attributes only.
    pub(crate) const MONOCHROME: Self = Self {
        accent: STRONG,
        dim: PLAIN.add_modifier(Modifier::DIM),
        rule: PLAIN.add_modifier(Modifier::DIM),
        good: PLAIN,
        warn: STRONG,
        bad: STRONG,
        wrong: PLAIN.add_modifier(Modifier::UNDERLINED),
        chosen: STRONG,
        current: PLAIN.add_modifier(CURRENT),
        colours: false,
        ..Self::DARK
    };

    /// Each style by its name in theme.toml.
    pub(crate) fn roles(&mut self) -> [(&'static str, &mut Style); 12] {
        [
            ("plain", &mut self.plain),
            ("accent", &mut self.accent),
            ("strong", &mut self.strong),
            ("dim", &mut self.dim),
            ("rule", &mut self.rule),
            ("good", &mut self.good),
            ("warn", &mut self.warn),
            ("bad", &mut self.bad),
            ("wrong", &mut self.wrong),
            ("chosen", &mut self.chosen),
            ("matched", &mut self.matched),
            ("current", &mut self.current),
        ]
    }

    pub(crate) fn chosen(&self) -> Style {
        self.chosen
    }

    /// The styles of the output pane.
    pub(crate) fn look(&self) -> Look {
        Look {
            colours: self.colours,
            marker: self.dim,
            replaced: self.warn,
            matched: self.matched,
            current: self.current,
        }
    }
}

const CURRENT: Modifier = Modifier::REVERSED.union(Modifier::BOLD).union(Modifier::UNDERLINED);
