//! What users change of schedules: pauses, the plan, and a run at once.

use std::sync::Arc;

use topside_shared::records::{Pause, ScheduleRow};
use topside_shared::text::{MAX_NAME, MAX_REASON, clean, did_you_mean, nearest, quote};
use topside_shared::{ErrorKind, RpcError, Time};

use crate::audit::action::AuditAction;
use crate::audit::entry::Entry;
use crate::clients::Client;
use crate::files::run_directory::TakenFiles;
use crate::history::ScheduleWrite;
use crate::menu::Execution;
use crate::menu_file::schedule::DeclaredSchedule;
use crate::runs::requester::Requester;
use crate::runs::window::Window;
use crate::runs::{Run, scheduler};
use crate::schedules::Schedules;
use crate::schedules::rows::may_see;

impl Schedules {
    /// The schedule of this name that the caller may change.
    pub(super) fn find(&self, name: &str, client: &Client) -> Result<DeclaredSchedule, RpcError> {
        let (now, who) = (self.config.get(), client.who());
        let all = self.all();
        let seen = || all.iter().filter(|schedule| may_see(&now, &who, schedule));
        match seen().find(|schedule| schedule.name == name) {
            Some(schedule) => Ok(schedule.clone()),
            None => {
                let near = nearest(name, seen().map(|schedule| schedule.name.as_str()));
                let meant = if near.is_empty() { ":".to_owned() } else { did_you_mean(&near) };
                let name = quote(name, MAX_NAME);
                let message =
                    format_args!("there is no schedule `{name}`{meant} `schedules` lists them");
                Err(RpcError::new(ErrorKind::NotFound, message).with("nearest", near))
            }
        }
    }

    /// Pauses a schedule, or resumes it.
    pub(crate) async fn pause(
        &self,
        client: &Client,
        name: &str,
        reason: Option<Option<String>>,
    ) -> Result<ScheduleRow, RpcError> {
        self.loaded().await;
        let schedule = self.find(name, client)?;
        let pause = reason.map(|reason| Pause {
            by: client.who().user.clone(),
            at: Time::now(),
            reason: clean(&reason.unwrap_or_default(), MAX_REASON),
        });
        let action =
            if pause.is_some() { AuditAction::SchedulePause } else { AuditAction::ScheduleResume };
        let argv = pause.iter().map(|pause| format!("reason={}", pause.reason)).collect();
        let entry = Entry::new(client.by(), action, format!("schedule {name}")).argv(argv);
        self.audit.ahead(entry).await?;
        let write = ScheduleWrite::Pause { schedule: name.to_owned(), pause: pause.clone() };
        self.write_known(write).await?;
        if let Some(known) = self.state.lock().known.get_mut(name) {
            known.pause = pause;
        }
        tracing::info!(target: "topside", client = client.id.0, user = client.who().user, schedule = name, "{}", action.name());
        self.changed.notify_one();
        self.publish(&schedule);
        Ok(self.row(&schedule))
    }

    /// Whether the caller may run each command that a change of the plan concerns.
    fn may_change_plan(&self, client: &Client, plan: Option<&String>) -> Result<(), RpcError> {
        let (now, who) = (self.config.get(), client.who());
        let active = self.state.lock().plan.clone();
        let concerned = now.config.schedules.iter().filter(|schedule| {
            schedule.plan.is_some() && (schedule.plan.as_ref() == plan || schedule.plan == active)
        });
        for schedule in concerned {
            if !may_see(&now, &who, schedule) {
                let message =
                    "this change concerns a command that you may not run: ask a user who may";
                return Err(RpcError::new(ErrorKind::Forbidden, message));
            }
        }
        Ok(())
    }

    /// Activates a plan in place of another.
    pub(crate) async fn activate_plan(
        &self,
        client: &Client,
        plan: Option<String>,
    ) -> Result<(), RpcError> {
        self.loaded().await;
        self.may_change_plan(client, plan.as_ref())?;
        if let Some(plan) = &plan {
            let plans = self.list(&client.who()).plans;
            if !plans.contains(plan) {
                let near = nearest(plan, plans.iter().map(String::as_str));
                let known = match plans.is_empty() {
                    true => "no schedule names a plan".to_owned(),
                    false => format!("the plans are {}", plans.join(", ")),
                };
                let message = format_args!(
                    "there is no plan `{}`{}: {known}",
                    quote(plan, MAX_NAME),
                    did_you_mean(&near)
                );
                return Err(RpcError::new(ErrorKind::NotFound, message));
            }
        }
        let shown = plan.as_deref().unwrap_or("none");
        let entry = Entry::new(client.by(), AuditAction::SchedulePlan, format!("plan {shown}"));
        self.audit.ahead(entry).await?;
        self.runs.history.write_schedule(ScheduleWrite::Plan(plan.clone())).await?;
        tracing::info!(target: "topside", client = client.id.0, user = client.who().user, plan = shown, "plan activated");
        self.state.lock().plan = plan;
        self.changed.notify_one();
        for schedule in &self.all() {
            if schedule.plan.is_some() {
                self.publish(schedule);
            }
        }
        Ok(())
    }

    /// Runs the command of a schedule for a client, as long as its window is.
    pub(crate) async fn run_now(
        &self,
        client: &Arc<Client>,
        name: &str,
    ) -> Result<Arc<Run>, RpcError> {
        let schedule = self.find(name, client)?;
        let now = self.config.get();
        let entry = now.menu.find(&schedule.command, &client.who())?;
        let Execution::Run(command) = &entry.execution else {
            return Err(RpcError::new(ErrorKind::Internal, "a built-in has no schedule"));
        };
        let rule = &schedule.rule;
        let window = rule.after(self.now(rule)).map_or(rule.window, |next| next.window);
        let window = window.map(Window::lasting);
        let requester = Requester::Client(Arc::clone(client));
        let (args, files) = (schedule.args.clone(), TakenFiles::default());
        scheduler::start(&self.runs, &requester, command, args, files, window).await
    }

    /// Writes a change of one schedule.
    ///
    /// # Errors
    /// `busy`: the schedule has no row yet. `internal`: it cannot be written.
    pub(super) async fn write_known(&self, write: ScheduleWrite) -> Result<(), RpcError> {
        if self.runs.history.write_schedule(write).await? {
            return Ok(());
        }
        let message = "the schedule is new: try again in a moment";
        Err(RpcError::new(ErrorKind::Busy, message))
    }
}
