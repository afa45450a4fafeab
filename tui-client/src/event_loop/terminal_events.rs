//! Messages from the events of the terminal library. Key releases and mouse motion are ignored.

use crossterm::event::{
    Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind,
};

use ratatui::layout::Position;

use crate::app::{Msg, Size};
use crate::input::key::{Code, Key};
use crate::terminal;

/// Rows that one click of the wheel scrolls.
const WHEEL: i32 = 3;

/// The message of an event, if it has one.
pub(super) fn message(event: &Event) -> Option<Msg> {
    match event {
        Event::Key(pressed) => key(pressed).map(Msg::Key),
        Event::Paste(text) => Some(Msg::Paste(text.clone())),
        Event::Mouse(event) => mouse(event),
        Event::Resize(width, height) => {
            let size = Size { width: *width, height: *height };
            Some(Msg::Resize(terminal::usable_size(size, None, None)))
        }
        Event::FocusGained | Event::FocusLost => None,
    }
}

fn mouse(mouse: &MouseEvent) -> Option<Msg> {
    let at = Position::new(mouse.column, mouse.row);
    Some(match mouse.kind {
        MouseEventKind::ScrollUp => Msg::Wheel { rows: -WHEEL, at },
        MouseEventKind::ScrollDown => Msg::Wheel { rows: WHEEL, at },
        MouseEventKind::Down(MouseButton::Left) => Msg::Click(at),
        _ => return None,
    })
}

/// The key of an event of the terminal library; none: it was released, or has no use here.
pub(crate) fn key(pressed: &KeyEvent) -> Option<Key> {
    if pressed.kind == KeyEventKind::Release {
        return None;
    }
    let held = |modifier| pressed.modifiers.contains(modifier);
    let shift = held(KeyModifiers::SHIFT);
    let code = match pressed.code {
        KeyCode::Char(c) => Code::Char(c),
        KeyCode::Enter => Code::Enter,
        KeyCode::Esc => Code::Esc,
        KeyCode::BackTab => Code::BackTab,
        KeyCode::Tab if shift => Code::BackTab,
        KeyCode::Tab => Code::Tab,
        KeyCode::Backspace => Code::Backspace,
        KeyCode::Delete => Code::Delete,
        KeyCode::Up => Code::Up,
        KeyCode::Down => Code::Down,
        KeyCode::Left => Code::Left,
        KeyCode::Right => Code::Right,
        KeyCode::Home => Code::Home,
        KeyCode::End => Code::End,
        KeyCode::PageUp => Code::PageUp,
        KeyCode::PageDown => Code::PageDown,
        KeyCode::F(number) => Code::F(number),
        _ => return None,
    };
    let (ctrl, alt) = (held(KeyModifiers::CONTROL), held(KeyModifiers::ALT));
    // The case of a character, and the name of Shift-Tab, already include Shift. With Ctrl or Alt, terminals differ in the
    // case that they send.
    let code = match code {
        Code::Char(c) if ctrl || alt => Code::Char(c.to_ascii_lowercase()),
        other => other,
    };
    let named = !matches!(code, Code::Char(_) | Code::BackTab);
    Some(Key { code, ctrl, alt, shift: shift && named })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(code: KeyCode, modifiers: KeyModifiers) -> String {
        key(&KeyEvent::new(code, modifiers)).unwrap().to_string()
    }

    #[test]
    fn keys_have_one_name_on_all_terminals() {
        assert_eq!(shown(KeyCode::Char('P'), KeyModifiers::CONTROL), "Ctrl-P");
        assert_eq!(shown(KeyCode::Char('P'), KeyModifiers::SHIFT), "P");
        assert_eq!(shown(KeyCode::Tab, KeyModifiers::SHIFT), "Shift-Tab");
        assert_eq!(shown(KeyCode::Up, KeyModifiers::SHIFT), "Shift-↑");
    }

    #[test]
    fn a_released_key_is_no_key() {
        let mut released = KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE);
        released.kind = KeyEventKind::Release;
        assert_eq!(key(&released), None);
    }
}
