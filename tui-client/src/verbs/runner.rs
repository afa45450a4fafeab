//! Runs commands one after the other on a session without a screen, and prints notifications meanwhile.

use std::io::IsTerminal;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};
use topside_shared::RunId;
use topside_shared::methods::{CommandResult, CommandRun, RunCancel};
use topside_shared::notifications::{Closing, Notification, Phase, RunOutput};

use super::messages;
use super::no_echo::NoEcho;
use super::printer::{OutputPart, Printer, Room};
use super::stdin::{Progress, Source, StdinError, StdinSender};
use crate::connect::{CallError, DisconnectReason, Event, Events, Handle, Session};
use crate::platform::{Job, Jobs, Signal, Signals};
use crate::text::base64::output_bytes;

/// How long a run that was told to end is waited for. The server kills it long before.
const CANCEL_PATIENCE: Duration = Duration::from_secs(30);
/// How long the answer to a run's last input is waited for once the run has ended.
const ANSWER_PATIENCE: Duration = Duration::from_secs(2);

/// A session, where its output goes, and who may interrupt it.
pub(super) struct Runner {
    pub(super) handle: Handle,
    pub(super) events: Events,
    pub(super) printer: Printer,
    pub(super) signals: Signals,
    /// What job control asks, where somebody types: a terminal that hides what is typed is not left so.
    pub(super) jobs: Option<Jobs>,
    /// The server's end, once it has begun or is due.
    pub(super) closing: Option<Closing>,
    /// Why the session ended, once it has.
    pub(super) lost: Option<DisconnectReason>,
}

/// What ended a run before its time, from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interruption {
    /// A signal.
    Signal(Signal),
    /// The time was up.
    Timeout,
    /// The reader of the output has closed it.
    BrokenPipe,
    /// The input for it cannot be sent; the sentence was said.
    Input,
}

/// How a run went.
pub(super) struct RunOutcome {
    /// What the server answered; `None` where it was not waited for any more.
    pub(super) result: Option<Result<CommandResult, CallError>>,
    /// What cut it short, if anything did.
    pub(super) cut: Option<Interruption>,
    /// Whether it was told already that a line was not taken.
    pub(super) untaken: bool,
}

/// Where the output of a run goes.
pub(super) enum Output<'o> {
    /// To the two streams, as it comes.
    Stream,
    /// Into this, in order of arrival.
    Collect(&'o mut Vec<u8>),
}

/// One run under way.
struct RunInProgress {
    run: Option<RunId>,
    cut: Option<Interruption>,
    /// When waiting for the end of a run that was cut ends.
    patience: Option<Instant>,
}

impl Runner {
    pub(super) fn new(session: Session, printer: Printer, signals: Signals) -> Self {
        let Session { handle, mut events, welcome, .. } = session;
        // A script wants every byte, however slow its reader.
        events.hold_output();
        let closing = welcome.closing;
        let jobs = std::io::stdin().is_terminal().then(|| Jobs::listen().ok()).flatten();
        Self { handle, events, printer, signals, jobs, closing, lost: None }
    }

    /// Runs one command to its end. A signal, the time limit or a broken pipe cancels it; a second
    /// signal stops waiting for it. What comes from the source meanwhile is the run's.
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
        let progress = Progress::default();
        let feed = StdinSender { handle: &handle, source, progress: &progress }.carry(known);
        tokio::pin!(feed);
        let deadline = limit.map(|limit| Instant::now() + limit);
        let mut underway = RunInProgress { run: None, cut: None, patience: None };
        let mut result = None;
        loop {
            let until = underway.patience.or(deadline.filter(|_| underway.cut.is_none()));
            tokio::select! {
                biased;
                signal = self.signals.next() => {
                    if matches!(underway.cut, Some(Interruption::Signal(_))) {
                        break;
                    }
                    let patience = self.signals.patience(CANCEL_PATIENCE);
                    underway.cut(Interruption::Signal(signal), patience, &handle);
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
                    if let Err(fault) = fed {
                        let is_over = fault.is_over();
                        let sentence = match fault {
                            StdinError::Source(why) => Some(format!("{why}: the run is cancelled")),
                            StdinError::Call { line, .. } if is_over => line,
                            StdinError::Call { error, .. } => Some(messages::failure(&error, None)),
                        };
                        untaken = is_over && sentence.is_some();
                        if let Some(sentence) = sentence {
                            self.printer.say(sentence).await;
                        }
                        if !is_over && underway.cut.is_none() {
                            underway.cut(Interruption::Input, CANCEL_PATIENCE, &handle);
                        }
                    }
                }
                (room, event) = take(&self.printer, &mut self.events, result.is_some()) => {
                    if room.is_none() && underway.cut.is_none() {
                        underway.cut(Interruption::BrokenPipe, CANCEL_PATIENCE, &handle);
                    }
                    match event {
                        None => break,
                        // The answer is lost with it, and comes next.
                        Some(Event::Lost(reason)) => self.lost = Some(reason),
                        // Nothing is asked here whose answer comes so.
                        Some(Event::Answer { .. }) => {}
                        Some(Event::Notice(notice)) => {
                            if let Notification::RunChanged(row) = &notice
                                && underway.run.is_none()
                            {
                                underway.know(row.run_id, &handle);
                                if let Some(begun) = begun.take() {
                                    // Nobody waits where nothing is to be sent.
                                    let _ = begun.send(row.run_id);
                                }
                            }
                            if let Notification::Closing(closing) = &notice {
                                self.closing = Some(closing.clone());
                            }
                            if let (Output::Stream, Notification::RunOutput(piece)) = (&output, &notice) {
                                hush.printed(&output_bytes(piece));
                            }
                            output.take(room, notice);
                        }
                    }
                }
            }
        }
        drop(hush);
        // The run's result may overtake the answer to its last input, which says whether that was taken.
        if feeds && progress.stop() {
            let _ = timeout(ANSWER_PATIENCE, &mut feed).await;
        }
        self.printer.write(OutputPart::EndOfRun).await;
        if let Some(Err(CallError::Lost)) = &result {
            self.read_loss().await;
        }
        RunOutcome { result, cut: underway.cut, untaken }
    }

    /// Takes what is told while no command runs.
    pub(super) async fn told(&mut self, event: Event) {
        match event {
            Event::Lost(reason) => self.lost = Some(reason),
            Event::Answer { .. } => {}
            Event::Notice(notice) => {
                if let Notification::Closing(closing) = &notice {
                    self.closing = Some(closing.clone());
                }
                if let Some(piece) = sentence(&notice) {
                    self.printer.write(piece).await;
                }
            }
        }
    }

    /// What cancelled a run whose row names no client that did.
    pub(super) fn canceller(&self) -> String {
        match &self.closing {
            Some(closing) if closing.phase == Phase::Now => {
                format!("ended with the server: {}", messages::closing(closing))
            }
            _ => "cancelled".to_owned(),
        }
    }

    /// Reads on to the reason of the session's end, which comes at once where a call was lost.
    async fn read_loss(&mut self) {
        while self.lost.is_none() {
            let event = self.events.next().await;
            self.told(event).await;
        }
    }

    /// Waits for the end of a session that was asked to close; a signal ends the waiting.
    pub(super) async fn wait_for_end(&mut self, patience: Duration) -> Option<Signal> {
        let until = Instant::now() + self.signals.patience(patience);
        while self.lost.is_none() {
            tokio::select! {
                biased;
                signal = self.signals.next() => return Some(signal),
                () = tokio::time::sleep_until(until) => return None,
                event = self.events.next() => self.told(event).await,
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

    /// The server has said which run it is.
    fn know(&mut self, run: RunId, handle: &Handle) {
        self.run = Some(run);
        if self.cut.is_some() {
            self.cancel(handle);
        }
    }

    fn cancel(&self, handle: &Handle) {
        let Some(run_id) = self.run else { return };
        let handle = handle.clone();
        // Its answer comes when the run has ended, and that is told by the run's own answer.
        tokio::spawn(async move {
            let _ = handle.call(&RunCancel { run_id }).await;
        });
    }
}

impl Output<'_> {
    /// Takes a notice; without room nobody reads any more.
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

/// The bytes of a piece, without a copy where they are text.
fn bytes(piece: RunOutput) -> Vec<u8> {
    match piece.data {
        Some(data) => data.into_bytes(),
        None => output_bytes(&piece).into_owned(),
    }
}

/// What a person is told by a notice.
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

/// The next event, and room to print it, which is waited for first: what cannot be printed yet stays
/// in the queue, which is bounded. With `rest_only` just what is waiting there already, then none.
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

async fn sleep_until(until: Option<Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until).await,
        None => std::future::pending().await,
    }
}
