//! An event as text for people: a title of one line, and a body.

use std::fmt::Write as _;

use topside_shared::text::is_control;

use crate::notify::event::Event;
use crate::settings::notify::EventKind;

const OUTPUT: &str = "\n\nOutput:\n";

impl Event {
    /// One line: the box, what it is about, and what happened.
    pub(super) fn title(&self) -> String {
        let words = match self.event {
            EventKind::Failed => "failed",
            EventKind::TimedOut => "timed out",
            EventKind::Lost => "lost",
            EventKind::Recovered => "succeeded again",
            EventKind::Missed => "start missed",
            EventKind::HookFailed => "hook failed",
            EventKind::Approval => "waits for approval",
            EventKind::Closing => "shuts down",
            EventKind::AuditBroken => "audit log changed",
            EventKind::Test => "test",
        };
        let about = &self.about;
        let subject = about.schedule.as_ref().or(about.command.as_ref()).or(about.hook.as_ref());
        let subject = subject.map(|subject| format!("{subject} ")).unwrap_or_default();
        format!("{}: {subject}{words}", self.host)
    }

    /// The message, then what else is known, in at most `most` bytes.
    pub(super) fn text(&self, most: usize) -> String {
        let mut text = self.message.clone();
        // Writing to a string does not fail.
        if self.count > 1 {
            let _ =
                write!(text, "\n{} such events; this is the newest, of {}", self.count, self.time);
        }
        if let Some(args) = self.about.args.as_ref().filter(|args| !args.is_empty()) {
            text.push_str("\n\nArguments:");
            for (name, value) in args {
                let _ = write!(text, "\n{name} = {value}");
            }
        }
        text.truncate(text.floor_char_boundary(most));
        let room = most.saturating_sub(text.len() + OUTPUT.len());
        // The end of an output says more than its begin.
        let output = self.about.output.as_deref().unwrap_or_default();
        let output = &output[output.ceil_char_boundary(output.len().saturating_sub(room))..];
        if !output.is_empty() {
            text = text + OUTPUT + output;
        }
        text
    }
}

/// The last lines of an output as text without control characters. `newest` are its last bytes, at most `most`.
pub(super) fn last_lines(newest: &[u8], most: usize) -> String {
    let text = String::from_utf8_lossy(newest);
    // The first line of a part may have lost its begin.
    let whole = if newest.len() < most {
        &text
    } else {
        text.split_once('\n').map_or(&*text, |(_, rest)| rest)
    };
    let mut clean = String::with_capacity(whole.len());
    let mut chars = whole.chars();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => skip_escape(&mut chars),
            '\n' | '\t' => clean.push(c),
            c if is_control(c) => {}
            c => clean.push(c),
        }
    }
    clean.trim_end().to_owned()
}

/// Skips the rest of an escape sequence: parameters up to a letter after `[`, a title up to its end after `]`, or one character.
fn skip_escape(chars: &mut std::str::Chars<'_>) {
    match chars.next() {
        Some('[') => {
            chars.find(|c| ('@'..='~').contains(c));
        }
        Some(']') => {
            chars.find(|c| matches!(c, '\u{7}' | '\u{1b}' | '\u{9c}'));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use topside_shared::Time;

    use super::*;
    use crate::notify::event::About;

    fn event(kind: EventKind, about: About) -> Event {
        let (message, host) = ("backup: exit 3 (run #1, by anna)".to_owned(), "garden".to_owned());
        Event {
            id: "b-1".to_owned(),
            event: kind,
            time: Time::from_millis(0),
            host,
            message,
            count: 1,
            about,
        }
    }

    #[test]
    fn a_title_names_the_box_and_what_happened_to_what() {
        let about = About { command: Some("backup".to_owned()), ..About::default() };
        assert_eq!(event(EventKind::Failed, about).title(), "garden: backup failed");
        assert_eq!(event(EventKind::Closing, About::default()).title(), "garden: shuts down");
    }

    #[test]
    fn a_text_has_the_count_and_the_arguments_and_a_limit() {
        let args = json!({"disk": "sda", "word": "***"}).as_object().cloned();
        let about = About { args, ..About::default() };
        let event = Event { count: 3, ..event(EventKind::Failed, about) };
        let text = event.text(1000);
        assert_eq!(
            text,
            "backup: exit 3 (run #1, by anna)\n3 such events; this is the newest, of \
             1970-01-01T00:00:00.000Z\n\nArguments:\ndisk = \"sda\"\nword = \"***\""
        );
        assert_eq!(event.text(6), "backup");
    }

    #[test]
    fn a_text_has_the_end_of_the_output() {
        let about = About { output: Some("first\nlast".to_owned()), ..About::default() };
        let event = event(EventKind::Failed, about);
        let message = event.message.clone();
        assert_eq!(event.text(1000), format!("{message}\n\nOutput:\nfirst\nlast"));
        assert_eq!(event.text(message.len() + 14), format!("{message}\n\nOutput:\nlast"));
        assert_eq!(event.text(message.len()), message);
    }

    #[test]
    fn an_output_is_text_without_what_steers_a_terminal() {
        let output = b"\x1b[31mred\x1b[0m\r\n\x1b]0;title\x07a\tb\x00 \xff\n\n";
        assert_eq!(last_lines(output, 100), "red\na\tb \u{fffd}");
        assert_eq!(last_lines(b"cut line\nwhole line\n", 20), "whole line");
        assert_eq!(last_lines(b"one long line", 13), "one long line");
    }
}
