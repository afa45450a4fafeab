//! A client without a terminal and a network: a state, the messages into it, and the answers of a server.

use super::*;

/// A state and what goes on around it.
pub(crate) struct World {
    pub(crate) state: State,
    /// Milliseconds since the start.
    pub(crate) now: u64,
    /// How much each run has printed.
    printed: BTreeMap<RunId, u64>,
    /// Requests without an answer, oldest first.
    pub(super) pending: Vec<Sent>,
}

/// A request that was sent.
pub(super) struct Sent {
    pub(super) session: u64,
    pub(super) ask: Ask,
    /// The block that its output belongs to.
    block: Option<u64>,
}

impl World {
    /// The picker of a terminal of this size, with nothing saved and no server running.
    pub(crate) fn new(width: u16, height: u16) -> Self {
        let clock = Clock { mono: 0, wall: Time::from_millis(START) };
        let mut state = State::new(clock, Size { width, height }, TimeZone::UTC);
        state.local_server = LocalServer::NotRunning;
        Self { state, now: 0, printed: BTreeMap::new(), pending: Vec::new() }
    }

    /// The same with three saved servers, of which the first is paired.
    pub(crate) fn with_servers(mut self) -> Self {
        let profile = |name: &str, lan: Option<&str>, internet: Option<&str>| Profile {
            name: name.into(),
            lan: lan.map(Into::into),
            internet: internet.map(Into::into),
            port: DEFAULT_PORT,
            internet_port: None,
            tags: Vec::new(),
            pin: (name == "sprinkler").then(|| pin(1).to_string()),
        };
        self.tell(Msg::Servers(vec![
            profile("sprinkler", Some("192.168.1.10"), Some("203.0.113.7")),
            profile("clock", Some("192.168.1.11"), None),
            profile("lab-psu", None, None),
        ]));
        self
    }

    /// The console of a server called `sprinkler`, connected, with menu and list.
    pub(crate) fn connected(width: u16, height: u16) -> Self {
        let mut world = Self::new(width, height);
        world.state.local_server = LocalServer::Running(2);
        let effects = world.press("enter");
        let Some(Effect::Dial { attempt, .. }) = effects.first() else { panic!("{effects:?}") };
        let attempt = *attempt;
        world.tell(dialled(attempt));
        world.answer::<CommandsList>(Ok(menu()));
        world.answer::<EventsSubscribe>(Ok(subscribed()));
        world
    }

    /// The left button pressed on what is drawn here.
    pub(crate) fn click(&mut self, column: u16, row: u16) -> Vec<Effect> {
        self.tell(Msg::Click(Position::new(column, row)))
    }

    /// The left button pressed on this text, where it is on the screen first.
    pub(crate) fn click_on(&mut self, text: &str) -> Vec<Effect> {
        let (column, row) = self.find(text);
        self.click(column, row)
    }

    /// The column and the row where this text is on the screen first.
    pub(crate) fn find(&self, text: &str) -> (u16, u16) {
        let screen = self.screen();
        let found =
            screen.lines().enumerate().find_map(|(y, line)| Some((y, line.split_once(text)?.0)));
        let (y, before) = found.unwrap_or_else(|| panic!("`{text}` is not in {screen}"));
        (crate::text::fit::columns(before), u16::try_from(y).unwrap())
    }

    /// The text of the screen.
    pub(crate) fn screen(&self) -> String {
        crate::views::tests::text(&crate::views::tests::frame(&self.state))
    }

    /// Draws a frame, as the loop does before it reads what the user did.
    pub(super) fn lay(&mut self) {
        let Size { width, height } = self.state.terminal;
        let area = Rect::new(0, 0, width, height);
        (_, self.state.hits) = crate::views::draw(&self.state, area, &mut Buffer::empty(area));
    }

    pub(crate) fn tell(&mut self, msg: Msg) -> Vec<Effect> {
        let is_click = matches!(msg, Msg::Click(_) | Msg::Wheel { .. });
        let has_list = !self.state.views.is_empty() || matches!(self.state.screen, Screen::Picker);
        if is_click || matches!(msg, Msg::Key(_)) && has_list {
            self.lay();
        }
        let wall = Time::from_millis(START).plus_millis(self.now);
        let mut effects = update(&mut self.state, Clock { mono: self.now, wall }, msg);
        for effect in &mut effects {
            let Effect::Ask { session, ask } = effect else { continue };
            let runs = self.state.console().map(|console| &console.runs);
            let block = match ask.method {
                Method::CommandRun => runs.and_then(Runs::newest),
                Method::RunAttach => {
                    let run = ask.params["runId"].as_u64().map(RunId);
                    runs.and_then(|runs| Some(runs.of_run(run?)?.id))
                }
                _ => None,
            };
            self.pending.push(Sent { session: *session, ask: ask.take(), block });
        }
        effects
    }

    /// Presses keys, named and parted by spaces; the effects of the last one come back.
    pub(crate) fn press(&mut self, keys: &str) -> Vec<Effect> {
        let mut effects = Vec::new();
        for key in keys.split(' ') {
            effects = self.tell(Msg::Key(key.parse().unwrap()));
        }
        effects
    }

    /// Types a text key by key.
    pub(crate) fn write(&mut self, text: &str) {
        for c in text.chars() {
            self.tell(Msg::Key(crate::input::key::Key::plain(crate::input::key::Code::Char(c))));
        }
    }

    /// Types a line and presses Enter.
    pub(crate) fn enter(&mut self, line: &str) -> Vec<Effect> {
        self.write(line);
        self.press("enter")
    }

    /// Answers the question that is open: how the chosen server stands at this address.
    pub(crate) fn reach(&mut self, via: Via, reach: ProbeResult) {
        let round = self.state.picker.asking.round();
        self.tell(Msg::Reached { round, via, reach });
    }

    /// Chooses a command in the menu's list.
    pub(crate) fn choose(&mut self, name: &str) -> Vec<Effect> {
        self.press("f3");
        self.write(name);
        self.press("enter")
    }

    pub(crate) fn session(&self) -> u64 {
        match self.state.link {
            ConnectionState::Connected { session } => session,
            ref other => panic!("{other:?}"),
        }
    }

    pub(crate) fn event(&mut self, mut event: Event) -> Vec<Effect> {
        let session = self.session();
        if let Event::Notice(notice) = &mut event
            && let Notification::RunOutput(output) = notice.as_mut()
        {
            // Output without a place of its own comes after the output before it.
            let printed = self.printed.entry(output.run_id).or_default();
            output.offset = output.offset.max(*printed);
            *printed = output.offset + output_length(output) as u64;
        }
        self.tell(Msg::Session { session, event })
    }

    /// Answers the oldest pending request of this kind.
    pub(crate) fn answer<M: Call>(&mut self, answer: Result<M::Answer, CallError>) -> Vec<Effect> {
        let session = self.session();
        if !self.pending.iter().any(|sent| (sent.session, sent.ask.method) == (session, M::METHOD))
        {
            self.make_ask(M::METHOD);
        }
        self.answer_to::<M>(|_| true, answer)
    }

    /// Answers the request that writes its output to this block.
    pub(crate) fn ran(&mut self, block: u64, result: Result<RunResult, CallError>) -> Vec<Effect> {
        let of_block = move |sent: &Sent| sent.block == Some(block);
        let attached = |sent: &Sent| of_block(sent) && sent.ask.method == RunAttach::METHOD;
        let result = result.map(|mut result| {
            if result.row.bytes == 0 {
                let printed = self.printed.get(&result.row.run_id);
                result.row.bytes = printed.copied().unwrap_or_default();
            }
            result
        });
        match self.pending.iter().any(attached) {
            true => self.answer_to::<RunAttach>(of_block, result.map(|result| result.row)),
            false => {
                let result = result.map(|result| CommandResult::Run(Box::new(result)));
                self.answer_to::<CommandRun>(of_block, result)
            }
        }
    }

    /// Makes the screen ask for this, as far as it asks again by itself or by F5.
    fn make_ask(&mut self, method: Method) {
        match (method, &self.console().watch) {
            (Method::CommandsList, _) => {
                self.notice(Notification::Reloaded(MenuChanged { revision: u64::MAX }));
            }
            (Method::EventsSubscribe, Watch::Live(id)) => {
                let dropped = EventsDropped { subscription_id: *id, count: 1 };
                self.notice(Notification::EventsDropped(dropped));
            }
            _ => drop(self.press("f5")),
        }
    }

    pub(super) fn answer_to<M: Call>(
        &mut self,
        which: impl Fn(&Sent) -> bool,
        answer: Result<M::Answer, CallError>,
    ) -> Vec<Effect> {
        let session = self.session();
        let asks =
            |sent: &Sent| sent.session == session && sent.ask.method == M::METHOD && which(sent);
        let place = self.pending.iter().position(asks);
        let place = place.unwrap_or_else(|| panic!("nothing asked for {}", M::METHOD.name()));
        let raw = |answer| serde_json::value::to_raw_value(&answer).unwrap();
        let reply = self.pending.remove(place).ask.answer(answer.map(raw));
        self.event(Event::Answer(reply))
    }

    /// The block of the command that these effects send.
    pub(crate) fn block_of(&self, effects: &[Effect]) -> u64 {
        command_of(effects);
        self.pending.last().and_then(|sent| sent.block).unwrap()
    }

    /// The output that these effects read: its block, its run, and the first byte.
    pub(crate) fn attached(&self, effects: &[Effect]) -> Vec<(u64, RunId, u64)> {
        let attach = |effect: &Effect| match effect {
            Effect::Ask { ask, .. } if ask.method == RunAttach::METHOD => {
                let attach: RunAttach = serde_json::from_value(ask.params.clone()).unwrap();
                let info = self.state.console()?.runs.of_run(attach.run_id)?;
                Some((info.id, attach.run_id, attach.from))
            }
            _ => None,
        };
        effects.iter().filter_map(attach).collect()
    }

    /// Types a line, and gives the block of its command.
    pub(crate) fn start(&mut self, line: &str) -> u64 {
        let effects = self.enter(line);
        self.block_of(&effects)
    }

    pub(crate) fn notice(&mut self, notice: Notification) -> Vec<Effect> {
        self.event(Event::Notice(Box::new(notice)))
    }

    pub(crate) fn console(&mut self) -> &mut Console {
        self.state.console_mut().unwrap()
    }

    pub(crate) fn input(&mut self) -> String {
        self.console().input.editor.text().to_owned()
    }

    pub(crate) fn remark(&self) -> String {
        self.state.remark.as_ref().map(|remark| remark.text.clone()).unwrap_or_default()
    }

    pub(crate) fn wait(&mut self, ms: u64) -> Vec<Effect> {
        self.now += ms;
        self.tell(Msg::Tick)
    }

    /// Runs a command to its end with this output.
    pub(crate) fn run(&mut self, line: &str, run: u64, output: &str, end: Option<Value>) {
        let effects = self.enter(line);
        let block = self.block_of(&effects);
        let mut whole = running(run, line);
        self.notice(Notification::RunChanged(Box::new(whole.clone())));
        if !output.is_empty() {
            self.notice(printed(run, output));
        }
        if let Some(end) = end {
            let mut value = serde_json::to_value(&whole).unwrap();
            for (name, field) in end.as_object().unwrap() {
                value[name] = field.clone();
            }
            whole = serde_json::from_value(value).unwrap();
            self.ran(block, Ok(result(whole)));
        }
    }

    /// Types a command that is not in the menu, and answers it as the server does.
    pub(crate) fn enter_unknown(
        &mut self,
        line: &str,
        kind: ErrorKind,
        message: &str,
    ) -> Vec<Effect> {
        let effects = self.enter(line);
        let result = Err(refused(kind, message));
        self.ran(self.block_of(&effects), result)
    }

    /// The text of the newest block.
    pub(crate) fn newest(&mut self) -> String {
        let runs = &self.console().runs;
        let id = runs.chosen().unwrap().id;
        runs.text(id)
    }
}
