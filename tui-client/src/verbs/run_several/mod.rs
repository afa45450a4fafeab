//! `topside run` on several boxes: `--on` with a list, a tag or `all`.

mod confirm;
mod progress;
mod report;

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use topside_shared::dirs::Dirs;
use topside_shared::methods::Menu;
use topside_shared::text::{MAX_REASON, clean};

use super::printer::{LAST_WORDS, OutputPart, Printer};
use super::{Run, block_on, exit_status, run};
use crate::config::{FILE_NAME, ProfileStore};
use crate::fan_out::{self, FanOut, Outcome, Progress, Selection, Settings};
use crate::platform::{Signal, Signals};
use crate::terminal;
use crate::timer::sleep_until;
use confirm::Confirmation;
use progress::ProgressLine;

/// A sentence about wrong arguments, and the exit status for it.
pub(super) type UsageError = (u8, String);

/// Time limit of cancelled runs; `fan_out` waits less.
const CANCEL_LIMIT: Duration = Duration::from_secs(35);
/// What the user is told after an answer that is not the number of boxes.
const NOT_CONFIRMED: &str = "not confirmed: it was started on no box that waited";

/// The boxes that `--on` names; none where it names one server, as every verb does.
pub(super) fn selection(args: &Run) -> Result<Option<Selection>, UsageError> {
    let wrong = |sentence: String| (exit_status::USAGE, sentence);
    let confirmed = args.yes.flatten();
    let one = match confirmed {
        Some(count) if count != 1 => Err(wrong(format!(
            "--yes={count} is for {count} boxes, and one is named: nothing was sent"
        ))),
        _ => Ok(None),
    };
    let Some(list) = &args.on.on else { return one };
    // What is wrong with these is reported as for one server.
    let Ok(dirs) = Dirs::from_env() else { return one };
    let Ok(store) = ProfileStore::load(dirs.config.join(FILE_NAME)) else { return one };
    if !fan_out::is_list(list, &store) {
        return one;
    }
    if args.detach || args.input {
        let flag = if args.detach { "--detach" } else { "--input" };
        return Err(wrong(format!(
            "{flag} is for one box: name one with --on, or leave {flag} out"
        )));
    }
    for note in fan_out::refresh(list, &store, &dirs) {
        terminal::complain(note);
    }
    let selection = fan_out::select(list, args.on.via(), &store, &dirs);
    let selection = selection.map_err(|error| wrong(error.to_string()))?;
    match (confirmed, selection.boxes.len()) {
        (Some(count), boxes) if count != boxes => {
            let named = clean(list, MAX_REASON);
            let sentence = format!(
                "--yes={count} is for {count} boxes, and --on {named} names {boxes}: nothing was sent"
            );
            Err((exit_status::REFUSED, sentence))
        }
        _ => Ok(Some(selection)),
    }
}

/// Runs the command on these boxes; the exit status.
pub(super) fn main(args: Run, selection: Selection) -> u8 {
    block_on(async {
        let printer = Printer::start();
        let begun = begin(args, selection, &printer);
        match begun {
            Ok(console) => {
                let (status, patience) = console.run().await;
                printer.finish_within(patience, status).await
            }
            Err(sentence) => {
                printer.say(sentence).await;
                printer.finish(exit_status::OWN_FAILURE).await
            }
        }
    })
}

fn begin(args: Run, selection: Selection, printer: &Printer) -> Result<Console<'_>, String> {
    let signals = Signals::listen(std::io::stdin().is_terminal());
    let signals = signals.map_err(|error| error.to_string())?;
    let dirs = Dirs::from_env().map_err(|error| error.to_string())?;
    let words = args.words.clone();
    let settings = Settings {
        make_plan: Arc::new(move |menu: &Menu| fan_out::plan(&words, menu, run::misplaced)),
        hello: run::HELLO,
        state: dirs.state.into(),
        serial: args.serial,
        max_fail: args.max_fail.map(usize::from),
        timeout: args.timeout,
        confirmed: match args.yes {
            None => false,
            Some(None) => selection.is_explicit,
            Some(Some(_)) => true,
        },
    };
    let boxes = selection.boxes.len();
    let left_out = fan_out::left_out_sentence(&selection.left_out);
    Ok(Console {
        left_out,
        confirmation: Confirmation::new(&args, selection.is_explicit),
        fan_out: FanOut::new(selection.boxes, settings),
        outcomes: (0..boxes).map(|_| None).collect(),
        statuses: Vec::new(),
        counts: report::Counts::default(),
        declined: false,
        progress: ProgressLine::new(boxes),
        args,
        printer,
        signals,
    })
}

struct Console<'p> {
    args: Run,
    /// What is said first: a saved server is left out.
    left_out: Option<String>,
    fan_out: FanOut,
    confirmation: Confirmation,
    /// By box; with `--json` they are printed and not kept.
    outcomes: Vec<Option<Outcome>>,
    statuses: Vec<u8>,
    counts: report::Counts,
    /// Whether the user did not confirm the command.
    declined: bool,
    progress: ProgressLine,
    printer: &'p Printer,
    signals: Signals,
}

impl Console<'_> {
    /// Runs the command to its end; returns the exit status, and how long to wait for the reader of the output.
    async fn run(mut self) -> (u8, Duration) {
        let mut stopped: Option<Signal> = None;
        let (mut broken, mut give_up) = (false, None);
        if let Some(left_out) = &self.left_out {
            self.printer.say(left_out).await;
        }
        self.progress.show(self.printer).await;
        loop {
            tokio::select! {
                biased;
                signal = self.signals.next() => {
                    if self.printer.interrupted() {
                        self.printer.say(NOT_CONFIRMED).await;
                    }
                    self.confirmation.withdraw();
                    self.fan_out.cancel();
                    stopped.get_or_insert(signal);
                    give_up = Some(Instant::now() + self.signals.patience(CANCEL_LIMIT));
                }
                () = self.printer.broken(), if !broken => {
                    broken = true;
                    self.fan_out.cancel();
                }
                () = sleep_until(give_up) => {
                    give_up = None;
                    self.fan_out.cancel();
                }
                answer = self.confirmation.answer() => self.answered(answer).await,
                progress = self.fan_out.next() => match progress {
                    Progress::Warning { index, sentence } => {
                        let name = report::names(self.fan_out.boxes(), &[index]);
                        self.say(&format!("{name}: {sentence}")).await;
                    }
                    Progress::ConfirmationNeeded => self.ask().await,
                    Progress::Ended { index, outcome } => self.ended(index, outcome).await,
                    Progress::Done => break,
                },
            }
        }
        self.progress.clear(self.printer).await;
        if !self.args.json {
            report::print_groups(self.fan_out.boxes(), &self.outcomes, self.printer).await;
        }
        let status = match stopped {
            _ if broken => self.printer.broken_status(),
            Some(signal) => signal.status(),
            None if self.declined => exit_status::REFUSED,
            None => exit_status::of_all(&self.statuses),
        };
        if self.args.json {
            self.printer.write(OutputPart::Print(self.counts.json(status))).await;
        }
        (status, self.signals.patience(LAST_WORDS))
    }

    async fn say(&mut self, sentence: &str) {
        self.progress.clear(self.printer).await;
        self.printer.say(sentence).await;
    }

    async fn ask(&mut self) {
        self.progress.clear(self.printer).await;
        let text = confirm::frozen_list(&self.fan_out, &self.outcomes);
        match self.confirmation.ask(&text, self.fan_out.waiting().count(), self.printer).await {
            Ok(()) => {}
            Err(sentence) => {
                self.printer.say(sentence).await;
                self.decline();
            }
        }
    }

    async fn answered(&mut self, confirmed: bool) {
        self.printer.answered();
        if confirmed {
            self.fan_out.confirm();
        } else {
            self.printer.say(NOT_CONFIRMED).await;
            self.decline();
        }
    }

    fn decline(&mut self) {
        self.declined = true;
        self.fan_out.decline();
    }

    async fn ended(&mut self, index: usize, outcome: Outcome) {
        let status = exit_status::of_outcome(&outcome);
        self.statuses.extend(status);
        self.counts.add(outcome.standing());
        self.progress.count(!matches!(status, Some(exit_status::OK) | None));
        if self.args.json {
            self.progress.clear(self.printer).await;
            let line = report::json(&self.fan_out.boxes()[index], &outcome, status);
            self.printer.write(OutputPart::Print(line)).await;
        } else {
            self.outcomes[index] = Some(outcome);
        }
        if !self.confirmation.is_asking() {
            self.progress.show(self.printer).await;
        }
    }
}
