//! Focus of a form: one of its fields, or one of its two buttons. Every form moves it by the same keys and
//! draws the same buttons.

use super::buttons;
use super::canvas::{Hit, ViewHits};
use super::row::Row;
use crate::input::key::{Code, Key};
use crate::theme::Theme;

/// What has the focus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FormFocus {
    Field(usize),
    /// The button that does what the form is for.
    Action,
    Cancel,
}

impl Default for FormFocus {
    fn default() -> Self {
        Self::Field(0)
    }
}

impl FormFocus {
    /// The field with the focus.
    pub(crate) fn field(self) -> Option<usize> {
        match self {
            Self::Field(nth) => Some(nth),
            Self::Action | Self::Cancel => None,
        }
    }

    /// Draws the two buttons from the left, the action first, and lets each be clicked. The row goes on behind them.
    pub(crate) fn draw_buttons(
        self,
        row: &mut Row<'_>,
        texts: [&str; 2],
        hits: &mut ViewHits,
        theme: &Theme,
    ) {
        let chosen = match self {
            Self::Field(_) => None,
            Self::Action => Some(0),
            Self::Cancel => Some(1),
        };
        let places = buttons::draw(row, texts, chosen, theme);
        hits.extend(places.into_iter().zip([FormHit::Action, FormHit::Cancel].map(FormHit::hit)));
        row.skip(2);
    }

    /// The focus after a key that moves it, in a form with this many fields; none for any other key. Tab goes round;
    /// arrows stop at the ends. Enter in a field goes on to the next one, and from the last one to the action.
    pub(crate) fn after(self, key: Key, fields: usize) -> Option<Self> {
        let last = fields.checked_sub(1).map(Self::Field);
        let first = if fields > 0 { Self::Field(0) } else { Self::Action };
        let next = |nth: usize| if nth + 1 < fields { Self::Field(nth + 1) } else { Self::Action };
        Some(match (key.code, self) {
            (Code::Tab | Code::Down | Code::Enter, Self::Field(nth)) => next(nth),
            (Code::BackTab, Self::Field(0)) => Self::Cancel,
            (Code::BackTab | Code::Up, Self::Field(nth)) => Self::Field(nth.saturating_sub(1)),
            (Code::Tab, Self::Cancel) => first,
            (Code::Tab | Code::Right, Self::Action) | (Code::Right, Self::Cancel) => Self::Cancel,
            (Code::BackTab | Code::Left, Self::Cancel) | (Code::Left, Self::Action) => Self::Action,
            (Code::BackTab, Self::Action) => last.unwrap_or(Self::Cancel),
            (Code::Up, _) => last.unwrap_or(self),
            (Code::Down, _) => self,
            _ => return None,
        })
    }
}

/// A place of a form that can be clicked. The canvas keeps it as a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FormHit {
    Action,
    Cancel,
    Field(usize),
    /// One of the choices of a field: the field, and the choice.
    Choice(usize, usize),
}

/// Numbers of one field: itself, and its choices.
const PER_FIELD: usize = 1 << 16;

impl FormHit {
    /// The place as the canvas keeps it.
    pub(crate) fn hit(self) -> Hit {
        Hit::Number(self.number())
    }

    fn number(self) -> usize {
        match self {
            Self::Action => 0,
            Self::Cancel => 1,
            Self::Field(nth) => (nth + 1) * PER_FIELD,
            Self::Choice(nth, choice) => (nth + 1) * PER_FIELD + 1 + choice.min(PER_FIELD - 2),
        }
    }

    pub(crate) fn of(number: usize) -> Self {
        let (field, rest) = (number / PER_FIELD, number % PER_FIELD);
        match (field.checked_sub(1), rest.checked_sub(1)) {
            (None, None) => Self::Action,
            (None, Some(_)) => Self::Cancel,
            (Some(nth), None) => Self::Field(nth),
            (Some(nth), Some(choice)) => Self::Choice(nth, choice),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(keys: &str, fields: usize) -> FormFocus {
        let first = if fields > 0 { FormFocus::Field(0) } else { FormFocus::Action };
        keys.split(' ')
            .fold(first, |focus, key| focus.after(key.parse().unwrap(), fields).unwrap_or(focus))
    }

    #[test]
    fn enter_goes_through_the_fields_to_the_action_and_stays_there() {
        assert_eq!(after("enter", 2), FormFocus::Field(1));
        assert_eq!(after("enter enter enter", 2), FormFocus::Action);
        assert_eq!(after("enter", 0), FormFocus::Action);
    }

    #[test]
    fn tab_goes_round_and_arrows_stop_at_the_ends() {
        assert_eq!(after("tab tab tab", 2), FormFocus::Cancel);
        assert_eq!(after("tab tab tab tab", 2), FormFocus::Field(0));
        assert_eq!(after("backtab", 2), FormFocus::Cancel);
        assert_eq!(after("backtab backtab backtab", 2), FormFocus::Field(1));
        assert_eq!(after("up", 2), FormFocus::Field(0));
        assert_eq!(after("down down down down", 2), FormFocus::Action);
        assert_eq!(after("down down right right", 2), FormFocus::Cancel);
        assert_eq!(after("down down right left left", 2), FormFocus::Action);
        assert_eq!(after("down down right up", 2), FormFocus::Field(1));
        assert_eq!(after("tab tab", 0), FormFocus::Action);
    }

    #[test]
    fn each_place_has_a_number_of_its_own() {
        for hit in [
            FormHit::Action,
            FormHit::Cancel,
            FormHit::Field(0),
            FormHit::Choice(0, 0),
            FormHit::Choice(3, 7),
        ] {
            assert_eq!(FormHit::of(hit.number()), hit);
        }
    }
}
