//! Meaning of one complete sequence or control character.

use crossterm::event::{
    Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind,
};

/// The key of a single byte.
pub(super) fn control(byte: u8) -> KeyEvent {
    let ctrl = |c: u8| KeyEvent::new(KeyCode::Char(char::from(c)), KeyModifiers::CONTROL);
    match byte {
        b'\r' => KeyCode::Enter.into(),
        b'\t' => KeyCode::Tab.into(),
        0x7f => KeyCode::Backspace.into(),
        0x1b => KeyCode::Esc.into(),
        0 => ctrl(b' '),
        0x01..=0x1a => ctrl(byte - 1 + b'a'),
        0x1c..=0x1f => ctrl(byte - 0x1c + b'4'),
        _ => character(char::from(byte)),
    }
}

/// A key that types a character.
pub(super) fn character(c: char) -> KeyEvent {
    let shift = if c.is_uppercase() { KeyModifiers::SHIFT } else { KeyModifiers::NONE };
    KeyEvent::new(KeyCode::Char(c), shift)
}

/// The event of `ESC [ params last`; none for an answer of the terminal, or an unknown sequence.
pub(super) fn csi(params: &[u8], last: u8) -> Option<Event> {
    if let Some(report) = params.strip_prefix(b"<") {
        return sgr_mouse(report, last);
    }
    let numbers = Numbers::read(params)?;
    let key = |code| numbers.key(code);
    if let (None, [number], b'^' | b'@' | b'$') = (numbers.get(1), &numbers.0[..], last) {
        let held = match last {
            b'^' => KeyModifiers::CONTROL,
            b'$' => KeyModifiers::SHIFT,
            _ => KeyModifiers::CONTROL | KeyModifiers::SHIFT,
        };
        return Some(Event::Key(KeyEvent::new(numbered(number.0)?, held)));
    }
    Some(match last {
        b'I' if params.is_empty() => Event::FocusGained,
        b'O' if params.is_empty() => Event::FocusLost,
        b'Z' => Event::Key(KeyEvent::new(KeyCode::BackTab, KeyModifiers::SHIFT)),
        b'~' if numbers.get(0) == Some(27) => return encoded(numbers.get(2)?, &numbers),
        b'~' => key(numbered(numbers.get(0)?)?),
        b'u' => return encoded(numbers.get(0)?, &numbers),
        b'M' => {
            let report = [numbers.get(0)?, numbers.get(1)?, numbers.get(2)?];
            return mouse(report[0].checked_sub(32)?, report[1], report[2], false);
        }
        b'a'..=b'd' if params.is_empty() => {
            Event::Key(KeyEvent::new(arrow(last.to_ascii_uppercase())?, KeyModifiers::SHIFT))
        }
        // `CSI row ; column R` reports the cursor; it looks like F3 with a modifier.
        b'R' if !params.is_empty() => return None,
        _ => key(arrow(last).or_else(|| function(last))?),
    })
}

/// The event of `ESC O params last`.
pub(super) fn ss3(params: &[u8], last: u8) -> Option<Event> {
    let held = match std::str::from_utf8(params).ok()?.split(';').next_back()?.parse() {
        Ok(mask) => modifiers(mask),
        Err(_) => KeyModifiers::NONE,
    };
    let code = match last {
        b'M' => KeyCode::Enter,
        b'I' => KeyCode::Tab,
        b' ' => KeyCode::Char(' '),
        b'X' => KeyCode::Char('='),
        // The keypad in application mode.
        b'j'..=b'y' => KeyCode::Char(char::from(last - b'j' + b'*')),
        b'a'..=b'd' => {
            let code = arrow(last.to_ascii_uppercase())?;
            return Some(Event::Key(KeyEvent::new(code, KeyModifiers::CONTROL)));
        }
        _ => arrow(last).or_else(|| function(last))?,
    };
    Some(Event::Key(KeyEvent::new(code, held)))
}

/// F1 to F5 of the Linux console: `ESC [ [ last`.
pub(super) fn linux_function(last: u8) -> Option<Event> {
    matches!(last, b'A'..=b'E').then(|| Event::Key(KeyCode::F(last - b'A' + 1).into()))
}

/// A mouse report in the old form: three bytes after `ESC [ M`.
pub(super) fn x10_mouse([button, column, row]: [u8; 3]) -> Option<Event> {
    let number = |byte: u8| byte.checked_sub(32).map(u16::from);
    mouse(number(button)?, number(column)?, number(row)?, false)
}

fn sgr_mouse(report: &[u8], last: u8) -> Option<Event> {
    let numbers = Numbers::read(report)?;
    let released = match last {
        b'M' => false,
        b'm' => true,
        _ => return None,
    };
    mouse(numbers.get(0)?, numbers.get(1)?, numbers.get(2)?, released)
}

fn mouse(button: u16, column: u16, row: u16, released: bool) -> Option<Event> {
    let which = |number| match number {
        0 => Some(MouseButton::Left),
        1 => Some(MouseButton::Middle),
        2 => Some(MouseButton::Right),
        _ => None,
    };
    let (number, moves) =
        ((button & 0b11) | ((button & 0b1100_0000) >> 4), button & 0b10_0000 != 0);
    let kind = match (number, moves) {
        (0..=2, true) => MouseEventKind::Drag(which(number)?),
        (0..=2, false) if released => MouseEventKind::Up(which(number)?),
        (0..=2, false) => MouseEventKind::Down(which(number)?),
        (3, false) => MouseEventKind::Up(MouseButton::Left),
        (_, true) => MouseEventKind::Moved,
        (4, false) => MouseEventKind::ScrollUp,
        (5, false) => MouseEventKind::ScrollDown,
        (6, false) => MouseEventKind::ScrollLeft,
        (7, false) => MouseEventKind::ScrollRight,
        _ => return None,
    };
    let held = [(4, KeyModifiers::SHIFT), (8, KeyModifiers::ALT), (16, KeyModifiers::CONTROL)];
    let modifiers = held.into_iter().filter(|(bit, _)| button & bit != 0).map(|(_, held)| held);
    Some(Event::Mouse(MouseEvent {
        kind,
        column: column.checked_sub(1)?,
        row: row.checked_sub(1)?,
        modifiers: modifiers.collect(),
    }))
}

fn arrow(last: u8) -> Option<KeyCode> {
    Some(match last {
        b'A' => KeyCode::Up,
        b'B' => KeyCode::Down,
        b'C' => KeyCode::Right,
        b'D' => KeyCode::Left,
        b'F' => KeyCode::End,
        b'H' => KeyCode::Home,
        _ => return None,
    })
}

fn function(last: u8) -> Option<KeyCode> {
    matches!(last, b'P'..=b'S').then(|| KeyCode::F(last - b'P' + 1))
}

/// The key of `ESC [ number ~`.
fn numbered(number: u16) -> Option<KeyCode> {
    let number = u8::try_from(number).ok()?;
    Some(match number {
        1 | 7 => KeyCode::Home,
        2 => KeyCode::Insert,
        3 => KeyCode::Delete,
        4 | 8 => KeyCode::End,
        5 => KeyCode::PageUp,
        6 => KeyCode::PageDown,
        11..=15 => KeyCode::F(number - 10),
        17..=21 => KeyCode::F(number - 11),
        23..=26 => KeyCode::F(number - 12),
        28 | 29 => KeyCode::F(number - 13),
        31..=34 => KeyCode::F(number - 14),
        _ => return None,
    })
}

/// A key that is encoded by the code point of its character.
fn encoded(code: u16, numbers: &Numbers) -> Option<Event> {
    let (held, _) = numbers.held();
    let shift = held.contains(KeyModifiers::SHIFT);
    let code = match code {
        9 if shift => KeyCode::BackTab,
        9 => KeyCode::Tab,
        13 => KeyCode::Enter,
        27 => KeyCode::Esc,
        127 => KeyCode::Backspace,
        // Kitty's keys without a character: modifiers, media keys.
        57344..=63743 => return None,
        code => {
            let c = char::from_u32(u32::from(code)).filter(|c| !c.is_control())?;
            KeyCode::Char(if shift { c.to_ascii_uppercase() } else { c })
        }
    };
    Some(numbers.key(code))
}

fn modifiers(mask: u16) -> KeyModifiers {
    let mask = mask.saturating_sub(1);
    let held = [
        (1, KeyModifiers::SHIFT),
        (2, KeyModifiers::ALT),
        (4, KeyModifiers::CONTROL),
        (8, KeyModifiers::SUPER),
    ];
    held.into_iter().filter(|(bit, _)| mask & bit != 0).map(|(_, held)| held).collect()
}

/// The parameters of a sequence; each with the number after its first colon.
struct Numbers(Vec<(u16, Option<u16>)>);

impl Numbers {
    /// None where there is more than numbers, as in most answers of a terminal.
    fn read(params: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(params).ok()?;
        if text.is_empty() {
            return Some(Self(Vec::new()));
        }
        let number = |text: &str| if text.is_empty() { Some(0) } else { text.parse().ok() };
        let param = |text: &str| {
            let mut parts = text.split(':');
            let first = number(parts.next()?)?;
            Some((first, parts.next().and_then(number)))
        };
        text.split(';').map(param).collect::<Option<_>>().map(Self)
    }

    fn get(&self, at: usize) -> Option<u16> {
        self.0.get(at).map(|(number, _)| *number)
    }

    /// The modifiers, and whether the key was pressed, repeated or released.
    fn held(&self) -> (KeyModifiers, KeyEventKind) {
        let (mask, kind) = self.0.get(1).copied().unwrap_or((1, None));
        let kind = match kind {
            Some(2) => KeyEventKind::Repeat,
            Some(3) => KeyEventKind::Release,
            _ => KeyEventKind::Press,
        };
        (modifiers(mask), kind)
    }

    fn key(&self, code: KeyCode) -> Event {
        let (held, kind) = self.held();
        Event::Key(KeyEvent::new_with_kind(code, held, kind))
    }
}
