//! An event as text for people: a title of one line, and a body.

use std::fmt::Write as _;

use crate::notify::event::Event;
use crate::settings::notify::EventKind;

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
        text
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
}
