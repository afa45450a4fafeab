//! The few styles of the screen: one accent, one for what is secondary, three for states, which
//! always stand beside a sign or a word.

use ratatui::style::{Color, Modifier, Style};

use crate::scroll::Look;

/// The styles, with colours or without.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Theme {
    pub(crate) plain: Style,
    /// What has the focus, and names.
    pub(crate) accent: Style,
    pub(crate) strong: Style,
    /// What is secondary.
    pub(crate) dim: Style,
    /// Lines between panes.
    pub(crate) rule: Style,
    pub(crate) good: Style,
    pub(crate) warn: Style,
    pub(crate) bad: Style,
    /// A part of the input that is wrong.
    pub(crate) wrong: Style,
    colours: bool,
}

impl Theme {
    pub(crate) fn new(colours: bool) -> Self {
        // The colour is named, so that text over a line does not take the line's.
        let plain = Style::new().fg(Color::Reset);
        let strong = plain.add_modifier(Modifier::BOLD);
        if !colours {
            let dim = plain.add_modifier(Modifier::DIM);
            return Self {
                plain,
                accent: strong,
                strong,
                dim,
                rule: dim,
                good: plain,
                warn: strong,
                bad: strong,
                wrong: plain.add_modifier(Modifier::UNDERLINED),
                colours,
            };
        }
        // The greys are of the fixed part of the palette: readable on dark and on light alike.
        Self {
            plain,
            accent: plain.fg(Color::Cyan),
            strong,
            dim: plain.fg(Color::Indexed(245)),
            rule: plain.fg(Color::Indexed(241)),
            good: plain.fg(Color::Green),
            warn: plain.fg(Color::Yellow),
            bad: plain.fg(Color::Red),
            wrong: plain.fg(Color::Red).add_modifier(Modifier::UNDERLINED),
            colours,
        }
    }

    /// What has the focus in a list.
    pub(crate) fn chosen(&self) -> Style {
        self.accent.add_modifier(Modifier::BOLD)
    }

    /// How output is drawn.
    pub(crate) fn look(&self) -> Look {
        let matched = self.plain.add_modifier(Modifier::REVERSED);
        let current = matched.add_modifier(Modifier::BOLD | Modifier::UNDERLINED);
        Look {
            colours: self.colours,
            marker: self.dim,
            replaced: self.warn,
            matched,
            current: if self.colours { current.fg(Color::Yellow) } else { current },
        }
    }
}
