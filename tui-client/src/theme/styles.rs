//! Styles by their role. Each meaning has a role of its own, and a glyph or a word is always beside its colour.

use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier, Style};

use super::choice::ColourDepth;
use super::colour;
use crate::scrollback::Look;
use crate::text::hash::fnv1a;

/// Declares the theme and its roles: the field, the name in theme.toml, and the role that gives it its colours where
/// theme.toml sets that one alone.
macro_rules! roles {
    ($($(#[$doc:meta])* $field:ident $name:literal $(follows $base:ident)?,)*) => {
        /// The styles of one theme.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) struct Theme {
            $($(#[$doc])* pub(crate) $field: Style,)*
            /// The background of the screen; `Reset` is the terminal's own.
            pub(super) ground: Color,
            /// What the sixteen named colours are in the output of programs; none: the terminal's own.
            pub(super) ansi: Option<[Color; 16]>,
            /// The colours that the terminal can show.
            pub(super) depth: ColourDepth,
        }

        impl Theme {
            /// Each style by its name in theme.toml.
            pub(crate) fn roles(&mut self) -> impl Iterator<Item = (&'static str, &mut Style)> {
                [$(($name, &mut self.$field)),*].into_iter()
            }

            /// Gives the roles that were not set the colours of the role that they follow, where that one was set.
            pub(crate) fn follow(&mut self, is_set: impl Fn(&str) -> bool) {
                $($(
                    if is_set(stringify!($base)) && !is_set($name) {
                        let own = self.$field;
                        self.$field = own.patch(self.$base).add_modifier(own.add_modifier);
                    }
                )?)*
            }
        }
    };
}

roles! {
    plain "plain",
    /// The focus, and names.
    accent "accent",
    strong "strong",
    dim "dim",
    /// Lines between panes, and frames.
    rule "rule",
    good "good",
    warn "warn",
    bad "bad",
    /// An invalid part of the input.
    wrong "wrong" follows bad,
    chosen "chosen" follows accent,
    /// Matches of a search.
    matched "matched",
    /// The current match.
    current "current" follows warn,
    /// The title of a popup or a pane.
    title "title" follows strong,
    /// The first row of the screen.
    header "header" follows plain,
    /// The frame of the pane that has the focus.
    focused_frame "focused-frame" follows accent,
    /// An input field, with its background.
    field "field",
    button "button",
    /// The button that Enter presses.
    chosen_button "chosen-button" follows accent,
    /// Everything behind a popup.
    behind "behind" follows rule,
    /// A command that only reads.
    read "read" follows good,
    /// A command that changes something.
    write "write" follows warn,
    /// A command that can do harm.
    destructive "destructive" follows bad,
    queued "queued" follows dim,
    running "running" follows accent,
    succeeded "succeeded" follows good,
    failed "failed" follows bad,
    cancelled "cancelled" follows warn,
    /// A run with an unknown end.
    lost "lost",
    /// Levels of the log; `debug` is for trace too.
    error "error" follows bad,
    warning "warning" follows warn,
    info "info" follows accent,
    debug "debug" follows dim,
    /// A server that answers.
    reachable "reachable" follows good,
    unreachable "unreachable" follows bad,
    /// A server that was not asked yet.
    untried "untried" follows dim,
    /// A shutdown that is due, without a bar.
    due "due" follows warn,
    /// The bar of a shutdown that is due.
    shutdown "shutdown" follows warn,
    /// The same in the last ten seconds.
    shutdown_soon "shutdown-soon" follows bad,
    tab "tab" follows dim,
    active_tab "active-tab" follows accent,
    /// A tab with output that was not seen.
    unread "unread" follows warn,
}

/// The colours that a theme is made of.
pub(super) struct Palette {
    pub(super) ground: Color,
    pub(super) text: Color,
    pub(super) muted: Color,
    pub(super) line: Color,
    /// Text in a field and on a button, the field and the button.
    pub(super) on_field: Color,
    pub(super) field: Color,
    pub(super) button: Color,
    pub(super) accent: Color,
    pub(super) red: Color,
    pub(super) yellow: Color,
    pub(super) green: Color,
    pub(super) magenta: Color,
    pub(super) ansi: Option<[Color; 16]>,
}

const CURRENT: Modifier = Modifier::REVERSED.union(Modifier::BOLD).union(Modifier::UNDERLINED);
const BAR: Modifier = Modifier::REVERSED.union(Modifier::BOLD);

impl Theme {
    pub(super) const fn of(palette: &Palette) -> Self {
        // The colour is set, so that text over a line does not take the colour of the line.
        let plain = Style::new().fg(palette.text);
        let strong = plain.add_modifier(Modifier::BOLD);
        let accent = plain.fg(palette.accent);
        let dim = plain.fg(palette.muted);
        let (good, warn, bad) =
            (plain.fg(palette.green), plain.fg(palette.yellow), plain.fg(palette.red));
        let on_field = plain.fg(palette.on_field);
        Self {
            plain,
            accent,
            strong,
            dim,
            rule: plain.fg(palette.line),
            good,
            warn,
            bad,
            wrong: bad.add_modifier(Modifier::UNDERLINED),
            chosen: accent.add_modifier(Modifier::BOLD),
            matched: plain.add_modifier(Modifier::REVERSED),
            current: warn.add_modifier(CURRENT),
            title: strong,
            header: plain,
            focused_frame: accent,
            field: on_field.bg(palette.field),
            button: on_field.bg(palette.button),
            chosen_button: accent.add_modifier(BAR),
            behind: plain.fg(palette.line),
            read: good,
            write: warn,
            destructive: bad,
            queued: dim,
            running: accent,
            succeeded: good,
            failed: bad,
            cancelled: warn,
            lost: plain.fg(palette.magenta),
            error: bad,
            warning: warn,
            info: accent,
            debug: dim,
            reachable: good,
            unreachable: bad,
            untried: dim,
            due: warn,
            shutdown: warn.add_modifier(BAR),
            shutdown_soon: bad.add_modifier(BAR),
            tab: dim,
            active_tab: accent.add_modifier(BAR),
            unread: warn.add_modifier(Modifier::BOLD),
            ground: palette.ground,
            ansi: palette.ansi,
            depth: ColourDepth::True,
        }
    }

    /// The theme in the 256 colours that have numbers. They are converted here, once, and not in each frame.
    pub(super) fn in_numbered_colours(mut self) -> Self {
        let shown = |colour| colour::shown(colour, ColourDepth::Indexed);
        let own = self.ground;
        let grounds = [self.field.bg, self.button.bg].map(|bg| bg.unwrap_or(own));
        for (_, style) in self.roles() {
            let on = style.bg.unwrap_or(own);
            // With few colours two that differ may become the same; text stands in fields and on buttons too.
            let is_covered =
                |fg| fg != on && [on].iter().chain(&grounds).any(|bg| shown(*bg) == shown(fg));
            style.fg = style
                .fg
                .map(|fg| if is_covered(fg) { colour::readable_on(shown(fg)) } else { shown(fg) });
            style.bg = style.bg.map(shown);
        }
        Self { ground: shown(own), ansi: self.ansi.map(|colours| colours.map(shown)), ..self }
    }

    /// The styles of the output pane.
    pub(crate) fn look(&self) -> Look {
        Look {
            colours: self.depth != ColourDepth::None,
            marker: self.dim,
            replaced: self.warn,
            matched: self.matched,
            current: self.current,
        }
    }

    /// The style of a server's name before the input: a colour of the theme that depends on the name alone, so that it is
    /// the same at each start. Without colours it is a title.
    pub(crate) fn server(&self, name: &str) -> Style {
        let colours = [self.accent, self.good, self.lost, self.warn].map(|style| style.fg);
        let place = (fnv1a(name) >> 32) as usize % colours.len();
        colours[place].map_or(self.title, |colour| self.title.fg(colour))
    }

    pub(crate) fn chosen(&self) -> Style {
        self.chosen
    }

    /// Gives a drawn frame the background of the theme, and only colours that the terminal can show.
    pub(crate) fn paint(&self, buffer: &mut Buffer) {
        let text = self.plain.fg.unwrap_or(Color::Reset);
        let as_it_is = self.ground == Color::Reset && self.depth == ColourDepth::True;
        if as_it_is || self.depth == ColourDepth::None {
            return;
        }
        for cell in &mut buffer.content {
            let fg = colour::shown(self.named(cell.fg, text), self.depth);
            let bg = colour::shown(self.named(cell.bg, self.ground), self.depth);
            // With few colours two that differ may become the same.
            cell.fg = if fg == bg && cell.fg != cell.bg { colour::readable_on(bg) } else { fg };
            cell.bg = bg;
        }
    }

    /// The theme's own colour in the place of one that the terminal chooses.
    fn named(&self, colour: Color, own: Color) -> Color {
        match (colour, &self.ansi) {
            (Color::Reset, _) => own,
            (colour, Some(ansi)) => colour::ansi_number(colour).map_or(colour, |n| ansi[n]),
            _ => colour,
        }
    }
}

#[cfg(test)]
#[path = "styles_tests.rs"]
mod tests;
