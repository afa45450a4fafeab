//! The `tracing` layer that fills a [`Log`].

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};
use topside_shared::Time;
use topside_shared::notifications::{Level, LogEntry};
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use crate::base::log::Log;
use crate::base::log::log_file::LineSender;

pub(super) struct Events {
    pub(super) log: Arc<Log>,
    pub(super) lines: LineSender,
}

impl<S> Layer<S> for Events
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let entry = LogEntry {
            time: Time::now(),
            level: match *event.metadata().level() {
                tracing::Level::ERROR => Level::Error,
                tracing::Level::WARN => Level::Warn,
                tracing::Level::INFO => Level::Info,
                tracing::Level::DEBUG => Level::Debug,
                tracing::Level::TRACE => Level::Trace,
            },
            message: fields.message,
            fields: fields.values,
            line: None,
            file: None,
            context: false,
        };
        self.lines.send(entry.level, topside_shared::tables::log_line(&entry));
        self.log.add(&entry);
    }
}

/// The values of one event; control characters in text are escaped, so that a line stays a line.
#[derive(Default)]
struct Fields {
    message: String,
    values: Map<String, Value>,
}

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        self.values.insert(field.name().to_owned(), value);
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = one_line(&format!("{value:?}"));
        if field.name() == "message" {
            self.message = text;
        } else {
            self.put(field, text.into());
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        // An empty field says nothing.
        if !value.is_empty() {
            self.put(field, one_line(value).into());
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }
}

fn one_line(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        if topside_shared::text::is_control(c) {
            clean.extend(c.escape_unicode());
        } else {
            clean.push(c);
        }
    }
    clean
}
