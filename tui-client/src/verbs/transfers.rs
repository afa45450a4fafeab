//! Files of the verbs: sent before a run and fetched after it, with a progress line, and continued after a cut.

use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep};
use topside_shared::records::RunRow;
use topside_shared::text::{MAX_NAME, bytes, clean};

use super::errors::{VerbError, with_sources};
use super::printer::{OutputPart, Printer};
use super::run::HELLO;
use super::{exit_status, is_dumb};
use crate::connect::{Handle, Session, Target, connect};
use crate::file_transfer::{self, LocalFile, Report, Step, TransferError};

/// Interval of the progress line.
const TICK: Duration = Duration::from_millis(200);
/// Cells of its bar.
const BAR: usize = 20;
/// Pauses before a cut connection is dialled again; they begin anew with each that made progress.
const PAUSES: [Duration; 5] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
    Duration::from_secs(15),
];

/// Sends files for a run, over another connection where this one is cut.
pub(super) async fn send_files(
    session: &mut Session,
    target: &Target,
    args: &mut Map<String, Value>,
    mut files: Vec<LocalFile>,
    printer: &Printer,
) -> Result<(), VerbError> {
    if files.is_empty() {
        return Ok(());
    }
    let mut line = TransferLine::new();
    let mut retries = Retries::default();
    loop {
        let handle = session.handle.clone();
        let sent = line
            .beside(printer, async |report| {
                file_transfer::send(&handle, &mut files, args, report).await
            })
            .await;
        match sent {
            Err(error) if error.is_cut() => {
                *session = retries.again(target, line.done(), printer).await?;
            }
            sent => return sent.map_err(|error| failed(&error)),
        }
    }
}

/// Sends files for a run over this connection alone.
pub(super) async fn send(
    handle: &Handle,
    args: &mut Map<String, Value>,
    mut files: Vec<LocalFile>,
    printer: &Printer,
) -> Result<(), VerbError> {
    let sent = TransferLine::new()
        .beside(printer, async |report| file_transfer::send(handle, &mut files, args, report).await)
        .await;
    sent.map_err(|error| failed(&error))
}

/// The error of a transfer.
pub(super) fn failed(error: &TransferError) -> VerbError {
    match error {
        TransferError::Local(sentence) => VerbError::refused(sentence.clone()),
        TransferError::Call(error) => VerbError::by_call(error, None),
    }
}

/// What is said of the results of a run at a terminal; none where it has none.
pub(super) fn results(row: &RunRow) -> Option<String> {
    if row.files.is_empty() || !std::io::stderr().is_terminal() {
        return None;
    }
    let names: Vec<String> = row
        .files
        .iter()
        .take(4)
        .map(|file| format!("{} ({})", clean(&file.name, MAX_NAME), bytes(file.size)))
        .collect();
    let more = match row.files.len() {
        all @ 5.. => format!(" and {} more", all - 4),
        _ => String::new(),
    };
    let run = row.run_id.0;
    Some(format!("run #{run} has left {}{more}: topside fetch {run}", names.join(", ")))
}

/// Dials again after a cut.
#[derive(Debug, Default)]
pub(super) struct Retries {
    used: usize,
    done: u64,
}

impl Retries {
    /// A new session, after a pause.
    ///
    /// # Errors
    /// The connection was cut too often without progress, or cannot be made for a lasting reason.
    pub(super) async fn again(
        &mut self,
        target: &Target,
        done: u64,
        printer: &Printer,
    ) -> Result<Session, VerbError> {
        if done > self.done {
            (self.used, self.done) = (0, done);
        }
        loop {
            let Some(pause) = PAUSES.get(self.used) else {
                let sentence = "the connection was lost again and again: run the same command later, it continues";
                return Err(VerbError::new(exit_status::OWN_FAILURE, sentence));
            };
            self.used += 1;
            printer.say("the connection was lost; the transfer continues over another one").await;
            sleep(*pause).await;
            match connect(target, &HELLO).await {
                Ok(session) => return Ok(session),
                Err(error) if error.is_lasting() => return Err(VerbError::own(&error)),
                Err(error) => printer.say(with_sources(&error)).await,
            }
        }
    }
}

/// A line on standard error that shows how far a transfer is, and is overwritten.
pub(super) struct TransferLine {
    /// Locked for one assignment, never across an await.
    state: Arc<Mutex<LineState>>,
    /// Whether standard error is a terminal that can write over a line.
    is_on: bool,
}

#[derive(Debug, Default, Clone)]
struct LineState {
    name: String,
    done: u64,
    size: u64,
    /// When the first step came, and how far it was then.
    begun: Option<(Instant, u64)>,
}

impl TransferLine {
    pub(super) fn new() -> Self {
        let is_on = std::io::stderr().is_terminal() && !is_dumb();
        Self { state: Arc::default(), is_on }
    }

    /// How far the current file is.
    pub(super) fn done(&self) -> u64 {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).done
    }

    /// Does a transfer, and shows the line beside it.
    pub(super) async fn beside<T>(
        &mut self,
        printer: &Printer,
        transfer: impl AsyncFnOnce(Report<'_>) -> T,
    ) -> T {
        let state = Arc::clone(&self.state);
        let mut report = move |step: Step<'_>| {
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            if state.name != step.name || state.begun.is_none() {
                state.name = step.name.to_owned();
                state.begun = Some((Instant::now(), step.done));
            }
            (state.done, state.size) = (step.done, step.size);
        };
        let mut transfer = std::pin::pin!(transfer(&mut report));
        let mut ticks = interval_at(Instant::now() + TICK, TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut is_shown = false;
        let done = loop {
            tokio::select! {
                biased;
                done = &mut transfer => break done,
                _ = ticks.tick(), if self.is_on => {
                    let state = self.state.lock().unwrap_or_else(PoisonError::into_inner).clone();
                    if let Some(text) = state.text() {
                        printer.write(OutputPart::Say(format!("\r\x1b[K{text}"))).await;
                        is_shown = true;
                    }
                }
            }
        };
        if is_shown {
            printer.write(OutputPart::Say("\r\x1b[K".to_owned())).await;
        }
        done
    }
}

impl LineState {
    fn text(&self) -> Option<String> {
        let Self { name, done, size, begun } = self;
        let (since, from) = (*begun)?;
        let share = if *size == 0 { 1.0 } else { *done as f64 / *size as f64 };
        let full = (share * BAR as f64) as usize;
        let bar = "#".repeat(full.min(BAR)) + &".".repeat(BAR - full.min(BAR));
        let seconds = since.elapsed().as_secs_f64();
        let speed =
            if seconds < 0.5 { 0 } else { (done.saturating_sub(from) as f64 / seconds) as u64 };
        let speed = if speed > 0 { format!(", {}/s", bytes(speed)) } else { String::new() };
        let (name, percent) = (clean(name, 32), (share * 100.0) as u64);
        Some(format!("{name} [{bar}] {percent:>3} %, {} of {}{speed}", bytes(*done), bytes(*size)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_shows_how_far_a_file_is() {
        let state = LineState {
            name: "dump\u{1b}.sql".into(),
            done: 512 * 1024,
            size: 1024 * 1024,
            begun: Some((Instant::now(), 0)),
        };
        let text = state.text().unwrap();
        assert_eq!(text, "dump.sql [##########..........]  50 %, 512.0 KiB of 1.0 MiB");
        assert_eq!(LineState::default().text(), None);
        let empty = LineState { begun: state.begun, ..LineState::default() };
        assert!(empty.text().unwrap().contains("100 %"));
    }
}
