//! Keys, independent of the terminal library.

use std::fmt;
use std::str::FromStr;

/// A key without modifiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Code {
    /// A character; its case includes Shift.
    Char(char),
    Enter,
    Esc,
    Tab,
    BackTab,
    Backspace,
    Delete,
    Up,
    Down,
    Left,
    Right,
    Home,
    End,
    PageUp,
    PageDown,
    /// A function key by its number.
    F(u8),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) code: Code,
    pub(crate) ctrl: bool,
    pub(crate) alt: bool,
    /// Only for keys that are not characters.
    pub(crate) shift: bool,
}

impl Key {
    pub(crate) const fn plain(code: Code) -> Self {
        Self { code, ctrl: false, alt: false, shift: false }
    }

    pub(crate) fn typed(self) -> Option<char> {
        match self.code {
            Code::Char(c) if !self.ctrl && !self.alt => Some(c),
            _ => None,
        }
    }

    /// Whether it leaves a view: Esc, or Ctrl-C.
    pub(crate) fn leaves(self) -> bool {
        self.code == Code::Esc || self.is_ctrl('c')
    }

    /// Ctrl-F and Ctrl-D as PageDown, Ctrl-B and Ctrl-U as PageUp, where nothing is typed.
    pub(crate) fn as_page(self) -> Self {
        match self.code {
            Code::Char('f' | 'd') if self.ctrl && !self.alt => Self::plain(Code::PageDown),
            Code::Char('b' | 'u') if self.ctrl && !self.alt => Self::plain(Code::PageUp),
            _ => self,
        }
    }

    /// Whether it is this character with Ctrl and no other modifier.
    pub(crate) fn is_ctrl(self, c: char) -> bool {
        self.ctrl && !self.alt && self.code == Code::Char(c)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the name of a key")]
pub(crate) struct NoSuchKey(String);

/// Keys with a name, beside characters and F1 to F24: the name in keymap.toml, and on the screen.
const NAMED: [(&str, &str, Code); 15] = [
    ("enter", "Enter", Code::Enter),
    ("esc", "Esc", Code::Esc),
    ("tab", "Tab", Code::Tab),
    ("backtab", "Shift-Tab", Code::BackTab),
    ("backspace", "Backspace", Code::Backspace),
    ("delete", "Del", Code::Delete),
    ("up", "↑", Code::Up),
    ("down", "↓", Code::Down),
    ("left", "←", Code::Left),
    ("right", "→", Code::Right),
    ("home", "Home", Code::Home),
    ("end", "End", Code::End),
    ("pgup", "PgUp", Code::PageUp),
    ("pgdn", "PgDn", Code::PageDown),
    ("space", "Space", Code::Char(' ')),
];

impl Key {
    /// The names of keys, to suggest one.
    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        NAMED.iter().map(|(name, ..)| *name)
    }
}

impl FromStr for Key {
    type Err = NoSuchKey;

    /// `ctrl-p`, `alt-left`, `f1`, `?`, `space`: modifiers, then one character or a name. A key that terminals send as
    /// another one is refused: `ctrl-i` is Tab, `shift-a` is `A`.
    fn from_str(text: &str) -> Result<Self, NoSuchKey> {
        let no = || NoSuchKey(text.to_owned());
        let mut key = Self::plain(Code::Enter);
        let mut rest = text;
        while let Some((modifier, after)) =
            rest.split_once('-').filter(|(_, after)| !after.is_empty())
        {
            match modifier {
                "ctrl" => key.ctrl = true,
                "alt" => key.alt = true,
                "shift" => key.shift = true,
                _ => return Err(no()),
            }
            rest = after;
        }
        let mut chars = rest.chars();
        key.code = match (chars.next(), chars.next()) {
            (Some(c), None) => Code::Char(c),
            _ => match NAMED.iter().find(|(name, ..)| *name == rest) {
                Some((.., code)) => *code,
                None => {
                    let number = rest.strip_prefix('f').and_then(|n| n.parse().ok());
                    Code::F(number.filter(|n| (1..=24).contains(n)).ok_or_else(no)?)
                }
            },
        };
        match key.code {
            Code::Char(c) if key.shift || c.is_control() => return Err(no()),
            Code::Char('i' | 'm' | '[' | 'A'..='Z') if key.ctrl => return Err(no()),
            // As the terminal sends it.
            Code::Tab if key.shift => {
                key.code = Code::BackTab;
                key.shift = false;
            }
            _ => {}
        }
        Ok(key)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (held, name) in [(self.ctrl, "Ctrl-"), (self.alt, "Alt-"), (self.shift, "Shift-")] {
            if held {
                f.write_str(name)?;
            }
        }
        let named = NAMED.iter().find(|(.., code)| *code == self.code);
        match (self.code, named) {
            (_, Some((_, shown, _))) => f.write_str(shown),
            (Code::Char(c), _) if self.ctrl || self.alt => write!(f, "{}", c.to_uppercase()),
            (Code::Char(c), _) => write!(f, "{c}"),
            (Code::F(n), _) => write!(f, "F{n}"),
            (code, _) => write!(f, "{code:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_by_its_name_and_shown_as_people_write_it() {
        for (name, shown) in [
            ("ctrl-p", "Ctrl-P"),
            ("alt-up", "Alt-↑"),
            ("f12", "F12"),
            ("?", "?"),
            ("-", "-"),
            ("pgup", "PgUp"),
            ("shift-down", "Shift-↓"),
        ] {
            assert_eq!(name.parse::<Key>().unwrap().to_string(), shown);
        }
        for none in ["nokey", "", "ctrl-", "f0", "f25", "f1x", "ctrl-i", "ctrl-P", "shift-a", "\t"]
        {
            assert!(none.parse::<Key>().is_err(), "{none:?}");
        }
        assert_eq!("shift-tab".parse::<Key>(), "backtab".parse());
    }
}
