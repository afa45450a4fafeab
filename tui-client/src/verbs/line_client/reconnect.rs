//! Loss of the session, and reconnection of the line client at a terminal, when a server restarts or a connection breaks.

use std::time::Duration;

use tokio::time::Instant;
use topside_shared::Time;
use topside_shared::after_shutdown::AfterShutdown;
use topside_shared::methods::Menu;
use topside_shared::notifications::{EndCode, Phase};

use super::super::errors::with_sources;
use super::super::printer::Printer;
use super::super::runner::stop_asked;
use super::super::server_verbs::Peer;
use super::super::stdin_lines::StdinLines;
use super::super::{exit_status, messages, no_echo};
use super::{Client, HELLO};
use crate::app::connection::comes_back;
use crate::app::reconnect::{seed, wait_ms};
use crate::app::session::reboot::came_back;
use crate::connect::{DisconnectReason, Session, connect};
use crate::platform::{Signal, discard_typed};
use crate::timer::sleep_until;
use crate::verb_args::target::TargetArgs;

/// When the user is told that the server does not answer yet. A restart is over before.
const STILL_TRYING: Duration = Duration::from_secs(5);

/// Why there is no new session.
enum Failed {
    /// Trying again cannot help.
    Lasting(String),
    Other(String),
}

impl Client {
    /// Prints why the session ended. It is a failure, unless a line of this input ended it.
    pub(super) async fn say_loss(&mut self) {
        let Some(reason) = &self.console.lost else { return };
        let ordered = self.has_ordered_end();
        // At a terminal the notice of a shutdown that begins has said it.
        let is_said = self.prompt.is_some()
            && reason.ended().is_some_and(|ended| ended.code == EndCode::Restart)
            && self.console.closing.as_ref().is_some_and(|closing| closing.phase == Phase::Now);
        let unknown = self.lost_command.as_ref().filter(|_| !ordered);
        let unknown = unknown.map(|command| format!("whether {command} went on is not known"));
        match unknown {
            Some(unknown) if is_said => self.console.printer.say(unknown).await,
            Some(unknown) => self.console.printer.say(format_args!("{reason}; {unknown}")).await,
            None if is_said => {}
            None => self.console.printer.say(reason).await,
        }
        if !ordered {
            self.status = exit_status::OWN_FAILURE;
        }
    }

    /// Whether a line of this input ended the session.
    fn has_ordered_end(&self) -> bool {
        let ended = self.console.lost.as_ref().and_then(DisconnectReason::ended);
        match ended.map(|ended| ended.code) {
            Some(EndCode::Closed) => true,
            Some(EndCode::Shutdown | EndCode::Restart) => self.ordered_shutdown,
            _ => false,
        }
    }

    /// Takes the rest of a line that is half typed when the client ends by itself: it would go to the shell that follows, which
    /// may run it. `is_half_typed`: a line was begun at the prompt.
    pub(super) async fn take_rest(&mut self, is_half_typed: bool, input: &mut Option<StdinLines>) {
        if self.prompt.is_none() {
            return;
        }
        // A line may also have been begun while a run went on.
        let has_typed = discard_typed() || is_half_typed;
        if has_typed && !self.has_ordered_end() {
            self.console.printer.say("press Enter to end").await;
            let Some(lines) = input else { return };
            loop {
                tokio::select! {
                    biased;
                    _ = self.console.signals.next() => self.console.printer.interrupted(),
                    () = stop_asked(&mut self.console.jobs) => {
                        no_echo::stop();
                        continue;
                    }
                    // The terminal gives lines again: what it gives has ended with Enter or Ctrl-D.
                    _ = lines.piece() => false,
                };
                break;
            }
        }
        discard_typed();
    }

    /// Whether the server of the session that has ended is dialled again: at a terminal, and not after an end that was meant.
    pub(super) fn may_reconnect(&self) -> bool {
        let ended = match &self.console.lost {
            Some(DisconnectReason::KeyRefused(_) | DisconnectReason::Left) | None => return false,
            Some(reason) => reason.ended(),
        };
        // A server inside this program ends with its session.
        self.prompt.is_some() && !self.embedded && comes_back(ended)
    }

    /// Dials the server until it answers; the signal that ended the wait, or nothing where it cannot succeed any more.
    pub(super) async fn reconnect(&mut self) -> Result<(), Option<Signal>> {
        let of_box = self.console.lost.as_ref().and_then(DisconnectReason::ended);
        let of_box = of_box.and_then(|ended| ended.then.filter(|then| then.is_of_box()));
        self.console.printer.say("reconnecting; Ctrl-C ends this program").await;
        let (mut tries, mut slow) = (0, SlowReconnect::new());
        loop {
            let again = wait_ms(tries, self.via, of_box.is_some(), seed(Time::now()));
            let dialled = self.dial_after(Duration::from_millis(again), &mut slow).await;
            match dialled.map_err(Some)? {
                Ok((session, menu)) => {
                    self.resume(session, menu, of_box).await;
                    return Ok(());
                }
                Err(Failed::Lasting(sentence)) => {
                    self.console.printer.say(sentence).await;
                    return Err(None);
                }
                Err(Failed::Other(sentence)) => slow.failed(sentence, &self.console.printer).await,
            }
            tries = tries.saturating_add(1);
        }
    }

    /// Dials once after this time, unless a signal comes first.
    async fn dial_after(
        &mut self,
        wait: Duration,
        slow: &mut SlowReconnect,
    ) -> Result<Result<(Session, Menu), Failed>, Signal> {
        let dialled = async {
            tokio::time::sleep(wait).await;
            dial(&self.on).await
        };
        tokio::pin!(dialled);
        loop {
            tokio::select! {
                biased;
                signal = self.console.signals.next() => {
                    self.console.printer.interrupted();
                    return Err(signal);
                }
                () = stop_asked(&mut self.console.jobs) => no_echo::stop(),
                dialled = &mut dialled => return Ok(dialled),
                () = sleep_until(slow.until) => slow.tell(&self.console.printer).await,
            }
        }
    }

    async fn resume(&mut self, session: Session, menu: Menu, of_box: Option<AfterShutdown>) {
        let welcome = session.welcome.clone();
        let back = came_back(of_box, &self.peer.welcome.server, &welcome.server).words(of_box);
        let (handle, key) = (session.handle.clone(), session.reached.key);
        let via = session.reached.via;
        self.console.resume(session);
        self.peer = Peer { handle, welcome, key, name: self.peer.name.clone() };
        self.menu = menu;
        self.ordered_shutdown = false;
        self.lost_command = None;
        let sentence = format!("re{}{back}", super::greeting(&self.peer, via, false));
        self.console.printer.say(sentence).await;
    }
}

/// What the user is told while a server does not come back. A box that is off for a night must not fill the terminal.
struct SlowReconnect {
    /// When to tell that the server does not answer yet; none after that.
    until: Option<Instant>,
    /// Why the last attempt failed.
    reason: Option<String>,
}

impl SlowReconnect {
    fn new() -> Self {
        Self { until: Some(Instant::now() + STILL_TRYING), reason: None }
    }

    async fn tell(&mut self, printer: &Printer) {
        self.until = None;
        let why = self.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        printer.say(format_args!("still trying to reconnect{why}")).await;
    }

    /// Notes why an attempt failed. Once the user knows that it takes long, each new reason is printed.
    async fn failed(&mut self, reason: String, printer: &Printer) {
        if self.reason.replace(reason.clone()).as_ref() != Some(&reason) && self.until.is_none() {
            self.tell(printer).await;
        }
    }
}

async fn dial(on: &TargetArgs) -> Result<(Session, Menu), Failed> {
    let target = on.target().map_err(|error| Failed::Lasting(with_sources(&error)))?;
    let session = connect(&target, &HELLO).await.map_err(|error| {
        let sentence = with_sources(&error);
        if error.is_lasting() { Failed::Lasting(sentence) } else { Failed::Other(sentence) }
    })?;
    let menu = session.handle.menu().await;
    let menu = menu.map_err(|error| Failed::Other(messages::failure(&error, None)))?;
    on.keep(&menu);
    Ok((session, menu))
}
