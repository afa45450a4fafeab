//! Event loop of the screen: messages go through `update`, effects are carried out, and a frame is drawn when
//! something has changed.
//!
//! This runs on the main thread. No frame is sent before the terminal has taken the last one; frames of keys go ahead of that
//! while little is on the way. A terminal that answers no question and stops reading blocks this thread in `draw`; the
//! connection lives on a thread of its own and does not notice.
//!
//! **Invariant:** with nothing pending there is no timer and no wake-up. The time of the next frame
//! is checked by hand: a timer inside `select!` starves while output floods in.

mod background;
mod download;
mod effects;
mod frames;
mod input_thread;
mod network;
mod new_file;
mod result_download;
mod saved_servers;
mod session;
mod settings_watcher;
pub(crate) mod terminal_events;
mod transfer_progress;
mod upload;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use crossterm::event::Event as TerminalEvent;
use jiff::tz::TimeZone;
use tokio::sync::mpsc;
use topside_shared::Time;
use topside_shared::dirs::Dirs;
use topside_shared::time::millis;

use crate::app::{Clock, Effect, Msg, State, Target, picker};
use crate::config::{ProfileStore, THIS_MACHINE};
use crate::connect::Via;
use crate::platform::{Job, Jobs, Signal, Signals};
use crate::terminal::{self, Terminal};
use crate::terminal_input::TerminalInput;
use crate::timer::sleep_until;
use crate::views;
use background::BackgroundQuery;
use effects::EffectRunner;
use network::Network;

/// Time for which messages are taken before the next frame is considered.
const TAKE: Duration = Duration::from_millis(2);
/// Messages that wait for the screen; beyond them the network thread waits.
const QUEUE: usize = 64;

#[derive(Debug, Default)]
pub(crate) struct Start {
    /// A saved server, or "this machine", and the route to it; without it, the picker.
    pub(crate) connect: Option<(String, Via)>,
    /// Draw with ASCII characters only, in spite of the settings.
    pub(crate) ascii: bool,
}

/// Runs the screen until the user leaves; returns the exit status. After an error the terminal is restored.
pub(crate) fn main(start: Start) -> anyhow::Result<ExitCode> {
    let dirs = Dirs::from_env()?;
    let target = match start.connect {
        None => None,
        Some((name, via)) if name == THIS_MACHINE => Some((
            Target { server: None, via: if via == Via::Auto { Via::Same } else { via } },
            name,
        )),
        Some((name, via)) => {
            ProfileStore::load(dirs.config.join(crate::config::FILE_NAME))?.find(&name)?;
            Some((Target { server: Some(name.clone()), via }, name))
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    terminal::catch_panics(&["main", network::THREAD, input_thread::THREAD]);
    let result = runtime.block_on(run(dirs, target, start.ascii));
    runtime.shutdown_background();
    terminal::print_kept_panics();
    result
}

async fn run(
    dirs: Dirs,
    target: Option<(Target, String)>,
    ascii: bool,
) -> anyhow::Result<ExitCode> {
    let began = Instant::now();
    let mut signals = Signals::listen(false).context("cannot listen for signals")?;
    let mut jobs = Jobs::listen().context("cannot listen for signals")?;
    let (tell, told) = mpsc::channel(QUEUE);
    let network =
        Network::start(dirs.clone(), tell).context("cannot start the network's thread")?;
    let mut terminal = Terminal::enter().context("cannot take the terminal over")?;
    let colours = terminal::colours();
    let mut background = BackgroundQuery::new(colours);
    let asked = background.ask(&mut terminal).context("cannot write to the terminal")?;
    terminal.ask_taken().context("cannot write to the terminal")?;
    let clock = Clock { mono: 0, wall: Time::now() };
    let mut state = State::new(clock, terminal::size(), TimeZone::system());
    state.set_terminal_colours(colours);
    let mut looped = Loop {
        began,
        state,
        doer: EffectRunner::new(dirs, ascii, network),
        terminal,
        background,
        told,
        dirty: true,
        unfinished: false,
        last_frame: None,
        last_key_frame: None,
        typing: false,
        suspending: false,
        status: ExitCode::SUCCESS,
    };
    looped.open(target)?;
    let mut keys =
        input_thread::listen(asked).context("cannot start the thread that reads keys")?;
    let ended = looped.turn(&mut keys, &mut signals, &mut jobs).await;
    if ended.is_ok() {
        looped.await_answers(&mut keys).await;
    }
    let status = looped.status;
    let Loop { terminal, doer, told, .. } = looped;
    // Restores the terminal first: leaving must not look like hanging.
    drop(terminal);
    // The receiver ends, so that no session waits for room in the queue.
    drop(told);
    doer.network.stop(&mut signals).await;
    ended.map(|()| status)
}

struct Loop {
    began: Instant,
    state: State,
    doer: EffectRunner,
    terminal: Terminal,
    background: BackgroundQuery,
    told: mpsc::Receiver<Msg>,
    /// Whether the state has changed since the last frame.
    dirty: bool,
    /// Whether a part of the last frame is still to be sent.
    unfinished: bool,
    last_frame: Option<Instant>,
    /// The last frame that showed a key.
    last_key_frame: Option<Instant>,
    /// Whether the next frame shows a key.
    typing: bool,
    /// Whether the user wants the program to stop, as Ctrl-Z does.
    suspending: bool,
    status: ExitCode,
}

impl Loop {
    fn clock(&self) -> Clock {
        let mono = millis(self.began.elapsed());
        Clock { mono, wall: Time::now() }
    }

    /// Sends the first messages: the saved servers, the settings, and the server to connect to at once.
    fn open(&mut self, target: Option<(Target, String)>) -> anyhow::Result<()> {
        self.take(self.doer.hubs())?;
        let read = self.doer.saved.read();
        self.take(read)?;
        let read = self.doer.settings.read(false);
        self.through(read)?;
        self.through(self.doer.panes())?;
        self.carry_out(vec![Effect::Browse(true)])?;
        if let Some((target, name)) = target {
            let effects = picker::open_at(&mut self.state, &name, target);
            self.carry_out(effects)?;
        }
        Ok(())
    }

    /// Passes a message through `update`, with the saved servers and the settings read again where needed.
    fn take(&mut self, msg: Msg) -> anyhow::Result<()> {
        let (was_picker, is_key) = (picker::is_bare(&self.state), matches!(msg, Msg::Key(_)));
        if was_picker && (is_key || matches!(msg, Msg::Tick)) {
            let was = picker::name(&self.state, self.state.picker.at).to_owned();
            // A key is meant for the server that the user saw selected.
            let moved = self.re_read()? && was != picker::name(&self.state, self.state.picker.at);
            if moved && is_key {
                return Ok(());
            }
        }
        self.through(msg)?;
        let is_picker = picker::is_bare(&self.state);
        if !was_picker && is_picker {
            self.re_read()?;
        }
        // After the key, which would remove the message about a mistake from the screen.
        if is_picker { self.re_read_settings() } else { Ok(()) }
    }

    fn re_read_settings(&mut self) -> anyhow::Result<()> {
        self.doer.settings.read_if_changed().map_or(Ok(()), |read| self.through(read))
    }

    fn through(&mut self, msg: Msg) -> anyhow::Result<()> {
        let clock = self.clock();
        let effects = views::update(&mut self.state, clock, msg);
        self.dirty = true;
        self.carry_out(effects)
    }

    /// Reads the saved servers again, if their file has changed; returns whether it has.
    fn re_read(&mut self) -> anyhow::Result<bool> {
        match self.doer.saved.read_if_changed() {
            Some(read) => self.through(read).map(|()| true),
            None => Ok(false),
        }
    }

    fn carry_out(&mut self, effects: Vec<Effect>) -> anyhow::Result<()> {
        for effect in effects {
            match effect {
                Effect::Quit => self.state.quitting = true,
                Effect::Suspend => self.suspending = true,
                Effect::Mouse(on) => self.terminal.mouse(on)?,
                effect => {
                    for msg in self.doer.carry_out(effect, &mut self.terminal) {
                        self.take(msg)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Stops the program with the terminal restored, and takes the terminal again when it continues.
    async fn suspend(
        &mut self,
        group: bool,
        keys: &mut mpsc::Receiver<TerminalInput>,
    ) -> anyhow::Result<()> {
        self.suspending = false;
        self.await_answers(keys).await;
        terminal::restore();
        let stopped = Jobs::stop(group);
        self.resume()?;
        if stopped.is_err() {
            self.take(Msg::Failed("This system cannot stop a program.".to_owned()))?;
        }
        Ok(())
    }

    /// Takes the terminal again, with all its modes.
    fn resume(&mut self) -> anyhow::Result<()> {
        self.terminal.enter_again()?;
        self.background.ask_again(&mut self.terminal)?;
        self.resized()
    }

    fn resized(&mut self) -> anyhow::Result<()> {
        self.take(Msg::Resize(terminal::size()))
    }

    /// Waits a moment for answers of the terminal that are still to come: another program would take them for typed text.
    async fn await_answers(&mut self, keys: &mut mpsc::Receiver<TerminalInput>) {
        while let Some(until) = self.background.holds_end().max(self.terminal.answers_until()) {
            match tokio::time::timeout_at(until.into(), keys.recv()).await {
                Ok(Some(TerminalInput::Background(rgb))) => drop(self.background.answered(rgb)),
                Ok(Some(TerminalInput::Taken)) => self.terminal.has_taken(),
                Ok(Some(TerminalInput::Event(_))) => {}
                Ok(None) | Err(_) => return,
            }
        }
    }

    async fn turn(
        &mut self,
        keys: &mut mpsc::Receiver<TerminalInput>,
        signals: &mut Signals,
        jobs: &mut Jobs,
    ) -> anyhow::Result<()> {
        while !self.state.quitting {
            let now = Instant::now();
            let due = self.next_frame().is_none_or(|at| now >= at);
            if self.has_frame() && due {
                self.draw()?;
                continue;
            }
            if self.suspending {
                self.suspend(true, keys).await?;
                continue;
            }
            let wake = if self.has_frame() {
                self.next_frame()
            } else {
                // The clock as it is now, so that what is counted is counted from now.
                self.state.clock = self.clock();
                views::changes_in(&self.state).map(|ms| now + Duration::from_millis(ms.max(1)))
            };
            let alarm = sleep_until(wake.map(Into::into));
            tokio::select! {
                biased;
                () = terminal::PANICKED.notified() => {
                    anyhow::bail!("ended by a fault in topside; the terminal was given back");
                }
                signal = signals.next() => {
                    self.end_by(signal);
                    return Ok(());
                }
                job = jobs.next() => match job {
                    Job::Stop => self.suspend(false, keys).await?,
                    Job::Continue => self.resume()?,
                    Job::Resized => {
                        // Even at the same size it may have lost its content.
                        self.terminal.clear();
                        self.resized()?;
                    }
                },
                event = keys.recv() => match event {
                    Some(event) => self.take_keys(event, keys)?,
                    // The terminal is closed: the same as a hang-up.
                    None => {
                        self.end_by(Signal::HangUp);
                        return Ok(());
                    }
                },
                msg = self.told.recv() => match msg {
                    Some(msg) => self.take_told(msg)?,
                    None => anyhow::bail!("the network's thread has ended"),
                },
                () = alarm => {
                    if !self.has_frame() {
                        self.take(Msg::Tick)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Handles an input of the terminal and all that wait behind it.
    fn take_keys(
        &mut self,
        first: TerminalInput,
        keys: &mut mpsc::Receiver<TerminalInput>,
    ) -> anyhow::Result<()> {
        let until = Instant::now() + TAKE;
        let mut next = Some(first);
        while let Some(input) = next {
            let msg = match &input {
                TerminalInput::Event(event) => {
                    if *event == TerminalEvent::FocusGained {
                        // The user may come back from an editor, or from the settings of the terminal.
                        self.re_read_settings()?;
                        self.background.ask_again(&mut self.terminal)?;
                    }
                    terminal_events::message(event)
                }
                TerminalInput::Background(rgb) => {
                    self.background.answered(*rgb).map(Msg::Background)
                }
                TerminalInput::Taken => {
                    self.terminal.has_taken();
                    self.background.passed();
                    None
                }
            };
            if let Some(msg) = msg {
                self.typing = true;
                self.take(msg)?;
            }
            if Instant::now() >= until || self.state.quitting {
                return Ok(());
            }
            next = keys.try_recv().ok();
        }
        Ok(())
    }

    /// Handles a message of the network and those behind it for a few milliseconds.
    fn take_told(&mut self, first: Msg) -> anyhow::Result<()> {
        let until = Instant::now() + TAKE;
        self.take(first)?;
        while Instant::now() < until && !self.state.quitting {
            match self.told.try_recv() {
                Ok(msg) => self.take(msg)?,
                Err(_) => break,
            }
        }
        Ok(())
    }

    fn end_by(&mut self, signal: Signal) {
        self.state.quitting = true;
        self.status = ExitCode::from(signal.status());
    }
}
