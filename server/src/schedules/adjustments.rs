//! What operators set of schedules (`schedule/set`), as far as the declaration allows it. It holds until the declaration
//! changes.

use jiff::civil::DateTime;
use topside_shared::command::{ArgType, Command};
use topside_shared::methods::ScheduleSet;
use topside_shared::records::{Adjustable, ScheduleRow, SetBy};
use topside_shared::text::{MAX_NAME, quote};
use topside_shared::{ErrorKind, RpcError, Time, values};

use crate::audit::action::AuditAction;
use crate::audit::entry::Entry;
use crate::base::toml_file::units;
use crate::clients::Client;
use crate::history::{Adjustment, ScheduleWrite};
use crate::menu_file::schedule::DeclaredSchedule;
use crate::menu_file::schedule_rule::rule_fault;
use crate::schedules::{Schedules, rule_text};
use crate::timing::{CronTimes, Rule, Timing, parse_clock, parse_length};

/// Most characters of a time.
const MAX_TIME: usize = 500;

impl Schedules {
    /// All schedules as they are now: as declared, with what operators have set.
    pub(super) fn all(&self) -> Vec<DeclaredSchedule> {
        let now = self.config.get();
        let state = self.state.lock();
        let adjusted = |declared: &DeclaredSchedule| {
            let set = state.known.get(&declared.name)?.set.as_ref()?;
            let command = now.menu.get(&declared.command)?;
            apply_kept(declared, &command.info, set)
        };
        let declared = now.config.schedules.iter();
        declared.map(|one| adjusted(one).unwrap_or_else(|| one.clone())).collect()
    }

    /// Forgets what was set of a declaration that has changed.
    pub(super) async fn forget_outdated(&self) {
        let now = self.config.get();
        let outdated: Vec<String> = {
            let state = self.state.lock();
            let declared = now.config.schedules.iter();
            let outdated = declared.filter(|declared| {
                let set = state.known.get(&declared.name).and_then(|known| known.set.as_ref());
                let command = now.menu.get(&declared.command);
                set.zip(command).is_some_and(|(set, command)| {
                    apply_kept(declared, &command.info, set).is_none()
                })
            });
            outdated.map(|declared| declared.name.clone()).collect()
        };
        for schedule in outdated {
            tracing::info!(target: "topside", schedule, "the declaration of a schedule has changed: what was set of it is forgotten");
            if let Some(known) = self.state.lock().known.get_mut(&schedule) {
                known.set = None;
            }
            let write = ScheduleWrite::Set { schedule, set: None };
            // What stays in the database belongs to another declaration, and does not hold.
            let _ = self.runs.history.write_schedule(write).await;
        }
    }

    /// Sets the time or the arguments of a schedule.
    pub(crate) async fn set(
        &self,
        client: &Client,
        params: ScheduleSet,
    ) -> Result<ScheduleRow, RpcError> {
        self.loaded().await;
        let ScheduleSet { schedule: name, time, args, reset } = params;
        let wrong = |message: String| RpcError::new(ErrorKind::InvalidParams, message);
        self.find(&name, client)?;
        if time.is_none() && args.is_none() && !reset {
            return Err(wrong("give `time`, `args` or `reset`".to_owned()));
        }
        let now = self.config.get();
        let declared = now.config.schedules.iter().find(|one| one.name == name);
        let command = declared.and_then(|declared| now.menu.get(&declared.command));
        let Some((declared, command)) = declared.zip(command) else {
            return Err(wrong("the schedule was removed meanwhile".to_owned()));
        };
        for (field, is_given) in
            [(Adjustable::Time, time.is_some()), (Adjustable::Args, args.is_some())]
        {
            if is_given && !declared.adjustable.contains(&field) {
                let field = field.name();
                return Err(wrong(format!(
                    "`{field}` of {name} cannot be set: its declaration does not name it in `adjustable`"
                )));
            }
        }
        let before = self.state.lock().known.get(&name).and_then(|known| known.set.clone());
        let before = before.filter(|_| !reset);
        let before = before.filter(|set| apply_kept(declared, &command.info, set).is_some());
        let (old_time, old_args) = before.map(|set| (set.time, set.args)).unwrap_or_default();
        let by = SetBy { by: client.who().user.clone(), at: Time::now() };
        let declared_as = signature(declared, &command.info);
        let args = args.unwrap_or(old_args);
        let set = Adjustment { declared: declared_as, time: time.or(old_time), args, by };
        let adjusted = apply(declared, &command.info, &set).map_err(wrong)?;
        let set = (set.time.is_some() || !set.args.is_empty()).then_some(set);
        let argv = match &set {
            None => vec!["reset".to_owned()],
            Some(set) => {
                let time = set.time.iter().map(|time| format!("time={time}"));
                let value = |value| values::to_text(value);
                let args = set.args.iter().map(|(name, of)| format!("{name}={}", value(of)));
                time.chain(args).collect()
            }
        };
        let entry = Entry::new(client.by(), AuditAction::ScheduleSet, format!("schedule {name}"))
            .argv(argv);
        self.audit.ahead(entry).await?;
        let write = ScheduleWrite::Set { schedule: name.clone(), set: set.clone() };
        self.write_known(write).await?;
        if let Some(known) = self.state.lock().known.get_mut(&name) {
            known.set.clone_from(&set);
        }
        tracing::info!(
            target: "topside", client = client.id.0, user = client.who().user, schedule = name, rule = adjusted.text,
            "schedule/set"
        );
        self.changed.notify_one();
        let shown = DeclaredSchedule { set: set.map(|set| set.by), ..adjusted };
        self.publish(&shown);
        Ok(self.row(&shown))
    }
}

/// What a declaration says, as far as another one makes what was set void.
fn signature(declared: &DeclaredSchedule, command: &Command) -> String {
    let args = serde_json::to_string(&(&declared.args, &command.args)).unwrap_or_default();
    format!("{} {} {:?} {args}", declared.command, rule_text(declared), declared.adjustable)
}

/// A schedule with what was set before; none: that belongs to another declaration.
fn apply_kept(
    declared: &DeclaredSchedule,
    command: &Command,
    set: &Adjustment,
) -> Option<DeclaredSchedule> {
    let holds = set.declared == signature(declared, command);
    holds.then(|| apply(declared, command, set).ok()).flatten()
}

/// A schedule with what is set.
///
/// # Errors
/// One sentence: a time or an argument does not pass.
fn apply(
    declared: &DeclaredSchedule,
    command: &Command,
    set: &Adjustment,
) -> Result<DeclaredSchedule, String> {
    let mut adjusted = DeclaredSchedule { set: Some(set.by.clone()), ..declared.clone() };
    if let Some(time) = &set.time {
        let timing = timing_of(declared, time)?;
        adjusted.text = timing.text();
        adjusted.rule = Rule { timing, ..declared.rule.clone() };
        if let Some((_, fault)) = rule_fault(&adjusted.rule, command.timeout_ms, &declared.name) {
            return Err(fault);
        }
    }
    if !set.args.is_empty() {
        let secret = command.args.iter().find(|arg| arg.kind == ArgType::Secret);
        if let Some(secret) = secret.filter(|arg| set.args.contains_key(&arg.name)) {
            return Err(format!("`{}` is a secret, and a schedule cannot hold one", secret.name));
        }
        let mut args = declared.args.clone();
        args.extend(set.args.clone());
        adjusted.args = values::check(&command.args, &args, values::Limits::default())
            .map_err(|error| format!("the arguments do not pass: {error}"))?;
    }
    Ok(adjusted)
}

/// The timing of a text in the form of the declared rule.
fn timing_of(declared: &DeclaredSchedule, text: &str) -> Result<Timing, String> {
    let text = text.trim();
    if text.chars().count() > MAX_TIME {
        return Err(format!("a time has at most {MAX_TIME} characters"));
    }
    let shown = quote(text, MAX_NAME);
    let wrong = |form: &str| format!("the time must be {form}, not {shown}");
    match &declared.rule.timing {
        Timing::Cron(cron) => {
            let cron = match parse_clock(text) {
                Some(clock) if clock.second() != 0 => {
                    return Err("a pattern has no seconds: give a time such as 21:30".to_owned());
                }
                Some(clock) => cron.at_clock(clock).ok_or_else(|| {
                    "this schedule has several times: give a pattern of five fields".to_owned()
                })?,
                None => CronTimes::parse(text).map_err(|error| {
                    let form = "a time of day (21:30) or a pattern of five fields (30 21 * * *)";
                    format!("{}: {error}", wrong(form))
                })?,
            };
            Ok(Timing::Cron(Box::new(cron)))
        }
        Timing::Every(_) => {
            let every = parse_length(text).ok_or_else(|| wrong(units::DURATION_FORM))?;
            Ok(Timing::Every(every))
        }
        Timing::At(_) => {
            let form = "a date and time such as 2026-12-01T06:00";
            let at: DateTime = text.parse().map_err(|_| wrong(form))?;
            Ok(Timing::At(at))
        }
        Timing::Days(days) => {
            let form = "times and durations such as 08:30=2m, 21:00=90s";
            let only = days.only_length();
            let window = |part: &str| {
                let (at, length) = match part.split_once('=') {
                    Some((at, length)) => (at, parse_length(length.trim())?),
                    None => (part, only?),
                };
                Some((parse_clock(at.trim())?, length))
            };
            let windows: Option<Vec<_>> = text.split(',').map(|part| window(part.trim())).collect();
            let days = days.with_windows(windows.ok_or_else(|| wrong(form))?);
            if days.covers_midnight_to_first() {
                return Err(
                    "the last window reaches the first of the next day: shorten it".to_owned()
                );
            }
            Ok(Timing::Days(days))
        }
        Timing::AtStart => Err("it starts with the server, and has no time".to_owned()),
    }
}
