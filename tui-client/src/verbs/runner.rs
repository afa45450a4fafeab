//! Runs commands one after the other on a session without a screen, and prints notifications meanwhile.
//! One file: a run, its input and its interruption share one loop.

use std::io::IsTerminal;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};
use topside_shared::RunId;
use topside_shared::methods::{CommandResult, CommandRun, Ping, RunCancel};
use topside_shared::notifications::{Closing, Notification, Phase, RunOutput};

use super::messages;
use super::no_echo::NoEcho;
use super::printer::{OutputPart, Printer, Room};
use super::stdin::{Source, StdinError, StdinProgress, StdinSender};
use crate::connect::{CallError, DisconnectReason, Event, Events, Handle, Session};
use crate::platform::{Job, Jobs, Signal, Signals, discard_typed};
use crate::text::base64::output_bytes;
use crate::timer::sleep_until;

/// How long a run that was told to end is waited for. The server kills it long before.
const CANCEL_PATIENCE: Duration = Duration::from_secs(30);
/// How long the answer to a run's last input is waited for once the run has ended.
const ANSWER_PATIENCE: Duration = Duration::from_secs(2);

/// When the user of the line client is told that the server has not answered yet.
const SLOW_ANSWER: Duration = Duration::from_secs(5);
/// What is said then.
const NO_ANSWER: &str = "no answer for 5 s: still waiting (Ctrl-C gives up)";
/// When the user of the line client is told that a cancelled run has not ended yet.
const SLOW_CANCEL: Duration = Duration::from_secs(1);

/// A session, the printer of its output, and the signals that interrupt it.
pub(super) struct Runner {
    pub(super) handle: Handle,
    pub(super) events: Events,
    pub(super) printer: Printer,
    pub(super) signals: Signals,
    /// Requests of job control, at a terminal: the echo is turned on again before this program stops.
    pub(super) jobs: Option<Jobs>,
    /// This user and connection, as rows and notifications name them: `ann (#7)`.
    pub(super) you: String,
    /// The last notification of a shutdown.
    pub(super) closing: Option<Closing>,
    /// Whether the user is told that an answer or an end is waited for: in the line client at a terminal.
    pub(super) tells_waiting: bool,
    /// Why the session ended, once it has.
    pub(super) lost: Option<DisconnectReason>,
}

/// Why this program cancelled a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interruption {
    /// A signal.
    Signal(Signal),
    /// The time limit was reached.
    Timeout,
    /// Standard output was closed.
    BrokenPipe,
    /// The input of the run cannot be sent; the reason was printed.
    Input,
}

/// Result of a run.
pub(super) struct RunOutcome {
    /// The server's answer; `None` if the wait for it was given up.
    pub(super) result: Option<Result<CommandResult, CallError>>,
    /// Why this program cancelled it, if it did.
    pub(super) cut: Option<Interruption>,
    /// Whether the server has confirmed that it got the request to cancel, if the wait for the end was given up.
    pub(super) is_cancel_confirmed: bool,
    /// Whether the message about a line that the run did not take was printed already.
    pub(super) untaken: bool,
}

/// Where the output of a run goes.
pub(super) enum Output<'o> {
    /// To standard output and standard error, as it arrives.
    Stream,
    /// Into this buffer, in order of arrival.
    Collect(&'o mut Vec<u8>),
}

/// A run that has not ended.
struct RunInProgress {
    run: Option<RunId>,
    cut: Option<Interruption>,
    /// When to stop waiting for the end of a cancelled run.
    patience: Option<Instant>,
    /// When to tell the user that the server has not answered, or that a cancelled run has not ended.
    tells: Option<Instant>,
    /// The server's answer to a request that follows the one to cancel.
    confirmed: Option<oneshot::Receiver<()>>,
}

impl Runner {
    pub(super) fn new(session: Session, printer: Printer, signals: Signals) -> Self {
        let Session { handle, mut events, welcome, .. } = session;
        // A script needs every byte, also with a slow reader.
        events.hold_output();
        let (closing, you) = (welcome.closing, welcome.you.called());
        let jobs = std::io::stdin().is_terminal().then(|| Jobs::listen().ok()).flatten();
        Self {
            handle,
            events,
            printer,
            signals,
            jobs,
            you,
            closing,
            tells_waiting: false,
            lost: None,
        }
    }

    /// Goes on with another session, after one that was lost.
    pub(super) fn resume(&mut self, session: Session) {
        let Session { handle, mut events, welcome, .. } = session;
        events.hold_output();
        self.you = welcome.you.called();
        (self.handle, self.events, self.closing, self.lost) =
            (handle, events, welcome.closing, None);
    }

    /// Runs one command to its end. A signal, the time limit or a broken pipe cancels it; a second
    /// signal stops waiting for it. Input from the source goes to the run.
    pub(super) async fn run(
        &mut self,
        request: &CommandRun,
        limit: Option<Duration>,
        source: &mut Source,
        mut output: Output<'_>,
    ) -> RunOutcome {
        let handle = self.handle.clone();
        let answer = handle.call(request);
        tokio::pin!(answer);
        let (begun, known) = oneshot::channel();
        let mut hush = NoEcho::new(source.is_typed());
        let (mut begun, mut feeds, mut untaken) = (Some(begun), true, false);
        let progress = StdinProgress::default();
        let feed = StdinSender { handle: &handle, source, progress: &progress }.carry(known);
        tokio::pin!(feed);
        let deadline = limit.map(|limit| Instant::now() + limit);
        let tells = self.tells_waiting.then(|| Instant::now() + SLOW_ANSWER);
        let mut underway =
            RunInProgress { run: None, cut: None, patience: None, tells, confirmed: None };
        let mut result = None;
        loop {
            let until = underway.patience.or(deadline.filter(|_| underway.cut.is_none()));
            tokio::select! {
                biased;
                signal = self.signals.next() => {
                    self.printer.interrupted();
                    if signal == Signal::Interrupt {
                        // What was typed meanwhile may count on the end of this run.
                        discard_typed();
                    }
                    if matches!(underway.cut, Some(Interruption::Signal(_))) {
                        break;
                    }
                    underway.cut(Interruption::Signal(signal), self.signals.patience(CANCEL_PATIENCE), &handle);
                    underway.tells = self.tells_waiting.then(|| Instant::now() + SLOW_CANCEL);
                }
                () = sleep_until(underway.tells), if result.is_none() => {
                    underway.tells = None;
                    let sentence = match underway.cut {
                        None => NO_ANSWER,
                        Some(_) => "cancelling: Ctrl-C again does not wait",
                    };
                    self.printer.say(sentence).await;
                }
                () = stop_asked(&mut self.jobs) => hush.stop(),
                () = sleep_until(until) => {
                    if underway.patience.is_some() {
                        break;
                    }
                    underway.cut(Interruption::Timeout, CANCEL_PATIENCE, &handle);
                }
                answered = &mut answer, if result.is_none() => result = Some(answered),
                fed = &mut feed, if feeds && result.is_none() => {
                    feeds = false;
                    if let Err(error) = fed {
                        untaken = self.report_input_error(error, &mut underway, &handle).await;
                    }
                }
                (room, event) = take(&self.printer, &mut self.events, result.is_some()) => {
                    if room.is_none() && underway.cut.is_none() {
                        underway.cut(Interruption::BrokenPipe, CANCEL_PATIENCE, &handle);
                    }
                    match event {
                        None => break,
                        // The answer follows, as an error.
                        Some(Event::Lost(reason)) => self.lost = Some(reason),
                        // `Handle::ask` is not used here.
                        Some(Event::Answer { .. }) => {}
                        Some(Event::Notice(notice)) => {
                            let notice = messages::notice_for(notice, &self.you);
                            note_closing(&mut self.closing, &notice);
                            if let Some(run) = underway.learn(&notice, &handle)
                                && let Some(begun) = begun.take()
                            {
                                // A run without input has no receiver.
                                let _ = begun.send(run);
                            }
                            output.follow(&notice, &mut hush);
                            output.take(room, notice);
                        }
                    }
                }
            }
        }
        drop(hush);
        // The result of the run may arrive before the answer to its last input, which says whether it was taken.
        if feeds && progress.stop() {
            let _ = timeout(ANSWER_PATIENCE, &mut feed).await;
        }
        self.printer.write(OutputPart::EndOfRun).await;
        if let Some(Err(CallError::Lost)) = &result {
            self.read_loss().await;
        }
        let result = match result {
            Some(Ok(CommandResult::Run(mut run))) => {
                run.row = messages::row_for(run.row, &self.you);
                Some(Ok(CommandResult::Run(run)))
            }
            other => other,
        };
        let is_cancel_confirmed = match underway.confirmed {
            Some(confirmed) if result.is_none() => {
                matches!(timeout(ANSWER_PATIENCE, confirmed).await, Ok(Ok(())))
            }
            _ => false,
        };
        RunOutcome { result, cut: underway.cut, is_cancel_confirmed, untaken }
    }

    /// Prints why the input of a run could not be sent, and cancels the run unless it has ended. Returns whether the message
    /// was about a line that the run did not take.
    async fn report_input_error(
        &self,
        error: StdinError,
        underway: &mut RunInProgress,
        handle: &Handle,
    ) -> bool {
        let is_over = error.is_over();
        let sentence = match error {
            StdinError::Source(why) => Some(format!("{why}: the run is cancelled")),
            StdinError::Call { line, .. } if is_over => line,
            StdinError::Call { error, .. } => Some(messages::failure(&error, None)),
        };
        let untaken = is_over && sentence.is_some();
        if let Some(sentence) = sentence {
            self.printer.say(sentence).await;
        }
        if !is_over && underway.cut.is_none() {
            underway.cut(Interruption::Input, CANCEL_PATIENCE, handle);
        }
        untaken
    }

    /// Handles an event that arrives while no command runs.
    pub(super) async fn handle_event(&mut self, event: Event) {
        match event {
            Event::Lost(reason) => self.lost = Some(reason),
            Event::Answer { .. } => {}
            Event::Notice(notice) => {
                let notice = messages::notice_for(notice, &self.you);
                note_closing(&mut self.closing, &notice);
                if let Some(piece) = sentence(&notice) {
                    self.printer.write(piece).await;
                }
            }
        }
    }

    /// Why a run was cancelled, if its row names no client.
    pub(super) fn canceller(&self) -> String {
        match &self.closing {
            Some(closing) if closing.phase == Phase::Now => {
                format!("ended with the server: {}", messages::closing(closing))
            }
            _ => "cancelled".to_owned(),
        }
    }

    /// Reads events up to the reason of the session's end, which follows a lost call at once.
    async fn read_loss(&mut self) {
        while self.lost.is_none() {
            let event = self.events.next().await;
            self.handle_event(event).await;
        }
    }

    /// Waits for the end of a session that was asked to close; a signal ends the waiting.
    pub(super) async fn wait_for_end(&mut self, patience: Duration) -> Option<Signal> {
        let until = Instant::now() + self.signals.patience(patience);
        while self.lost.is_none() {
            tokio::select! {
                biased;
                signal = self.signals.next() => return Some(signal),
                () = sleep_until(Some(until)) => return None,
                event = self.events.next() => self.handle_event(event).await,
            }
        }
        None
    }
}

impl RunInProgress {
    fn cut(&mut self, cut: Interruption, patience: Duration, handle: &Handle) {
        let first = self.cut.is_none();
        self.cut = Some(cut);
        let until = Instant::now() + patience;
        self.patience = Some(self.patience.map_or(until, |earlier| earlier.min(until)));
        if first {
            self.cancel(handle);
        }
    }

    /// Learns the id of the run from its first notification; returns it then. A run that is cancelled already is cancelled
    /// on the server now.
    fn learn(&mut self, notice: &Notification, handle: &Handle) -> Option<RunId> {
        let Notification::RunChanged(row) = notice else { return None };
        if self.run.is_some() {
            return None;
        }
        self.run = Some(row.run_id);
        match self.cut {
            Some(_) => self.cancel(handle),
            None => self.tells = None,
        }
        self.run
    }

    fn cancel(&mut self, handle: &Handle) {
        let Some(run_id) = self.run else { return };
        let handle = handle.clone();
        let (sender, confirmed) = oneshot::channel();
        self.confirmed = Some(confirmed);
        // The answer to the run's own request says how it ended. A server that answers a later request has this one.
        tokio::spawn(async move {
            let follow_up = async {
                if handle.call(&Ping {}).await.is_ok() {
                    let _ = sender.send(());
                }
            };
            let cancel = RunCancel { run_id };
            let _ = tokio::join!(handle.call(&cancel), follow_up);
        });
    }
}

impl Output<'_> {
    /// Turns the echo off while printed output asks for a secret.
    fn follow(&self, notice: &Notification, hush: &mut NoEcho) {
        if let (Self::Stream, Notification::RunOutput(piece)) = (self, notice) {
            hush.printed(&output_bytes(piece));
        }
    }

    /// Takes a notification; `room` is none once standard output is closed.
    pub(super) fn take(&mut self, room: Option<Room<'_>>, notice: Notification) {
        let piece = match (self, notice) {
            (Self::Collect(all), Notification::RunOutput(piece)) => {
                all.extend_from_slice(&output_bytes(&piece));
                None
            }
            (Self::Stream, Notification::RunOutput(piece)) => {
                Some(OutputPart::Output(piece.stream, bytes(piece)))
            }
            (_, notice) => sentence(&notice),
        };
        if let (Some(room), Some(piece)) = (room, piece) {
            room.send(piece);
        }
    }
}

/// Keeps the last notification of a shutdown.
fn note_closing(kept: &mut Option<Closing>, notice: &Notification) {
    if let Notification::Closing(closing) = notice {
        *kept = Some(closing.clone());
    }
}

/// The bytes of a piece, without a copy where they are text.
fn bytes(piece: RunOutput) -> Vec<u8> {
    match piece.data {
        Some(data) => data.into_bytes(),
        None => output_bytes(&piece).into_owned(),
    }
}

/// The sentence for a notification, if it has one.
pub(super) fn sentence(notice: &Notification) -> Option<OutputPart> {
    let text = match notice {
        Notification::Closing(closing) => messages::closing(closing),
        Notification::Broadcast(told) => messages::broadcast(told),
        Notification::RunGap(gap) => messages::gap(gap),
        Notification::RunChanged(row) => messages::wait(row)?,
        Notification::EventsDropped(dropped) => messages::dropped(dropped),
        _ => return None,
    };
    Some(OutputPart::Say(format!("topside: {text}\n")))
}

/// The next event, and room to print it. The room is waited for first: what cannot be printed yet stays in the queue, which
/// is bounded. With `rest_only`, only events that are in the queue already, then none.
pub(super) async fn take<'p>(
    printer: &'p Printer,
    events: &mut Events,
    rest_only: bool,
) -> (Option<Room<'p>>, Option<Event>) {
    let room = printer.room().await;
    let event = if rest_only { events.try_next() } else { Some(events.next().await) };
    (room, event)
}

/// Waits until Ctrl-Z, or the signal that it sends, asks this program to stop. Dropping the future is safe.
pub(super) async fn stop_asked(jobs: &mut Option<Jobs>) {
    let Some(jobs) = jobs else { return std::future::pending().await };
    while jobs.next().await != Job::Stop {}
}
