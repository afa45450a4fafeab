//! Reload: reads the files again. All of it takes effect, or nothing does.

use std::sync::Arc;

use topside_shared::methods::{ReloadChanges, ReloadResult};
use topside_shared::{ErrorKind, RpcError};

use crate::admission::session_limits::{TooFewDescriptors, max_sessions};
use crate::audit::entry::{By, Entry};
use crate::base::blocking::blocking;
use crate::base::shortage::{self, Shortage};
use crate::base::shutdown::Stop;
use crate::base::toml_file::errors::{FileError, first_of};
use crate::config::active_config::Loaded;
use crate::config::listing::settings;
use crate::config::{Config, ConfigError};
use crate::keys::expiry;
use crate::menu::TableError;
use crate::menu_file::Item;
use crate::menu_file::schedule::DeclaredSchedule;
use crate::net::local_socket;
use crate::server::Server;

#[derive(Debug, thiserror::Error)]
pub(crate) enum NotReloaded {
    /// The files are wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Two commands conflict.
    #[error(transparent)]
    Menu(#[from] TableError),
    /// The system has too few descriptors.
    #[error(transparent)]
    Descriptors(#[from] TooFewDescriptors),
    /// The embedding program did not read its configuration from files.
    #[error("this server was not read from files: there is nothing to read again")]
    NoFiles,
    #[error("the server is shutting down")]
    Closing,
    /// A file could not be opened, so nothing that was found about the files counts.
    #[error("the files cannot be read: {0}")]
    Short(#[source] Shortage),
    /// Reading them panicked; standard error says where.
    #[error("the files could not be read")]
    Fault,
}

impl From<NotReloaded> for RpcError {
    fn from(error: NotReloaded) -> Self {
        let message = format!("nothing was changed: {}", first_of(&error, ""));
        let NotReloaded::Config(ConfigError::Files(errors)) = &error else {
            let kind = match error {
                NotReloaded::NoFiles => ErrorKind::NotFound,
                NotReloaded::Closing => ErrorKind::Closing,
                NotReloaded::Fault => ErrorKind::Internal,
                _ => ErrorKind::InvalidParams,
            };
            return shortage::answer(Shortage::cause(&error), &message, kind);
        };
        let json = |FileError { file, at, message, .. }: &FileError| {
            serde_json::json!({
                "file": file, "line": at.map(|at| at.line), "column": at.map(|at| at.column),
                "message": message,
            })
        };
        let errors: Vec<_> = errors.0.iter().take(MAX_FILE_ERRORS).map(json).collect();
        RpcError::new(ErrorKind::InvalidParams, message).with("mistakes", errors)
    }
}

/// Most errors of files in an answer.
const MAX_FILE_ERRORS: usize = 20;

/// The author of a reload that no client asked for.
const SIGNAL: &str = "signal SIGHUP";

/// Records who asked for a reload, and its result.
pub(crate) fn record(server: &Server, by: By, done: &Result<ReloadResult, NotReloaded>) {
    let result = match done {
        Ok(reloaded) => format!("revision {}", reloaded.revision),
        Err(_) => "refused".to_owned(),
    };
    server.audit.note(Entry::new(by, "server/reload", "server").result(result));
}

/// Reloads each time that a signal or the embedding program asks for it.
pub(crate) async fn reload_on_request(server: &Arc<Server>, stop: &Stop) {
    loop {
        stop.reload_requested().await;
        // The log has the result.
        let done = reload(server, SIGNAL).await;
        record(server, By::named(SIGNAL), &done);
    }
}

/// Reads the files again and activates them, or changes nothing.
pub(crate) async fn reload(server: &Arc<Server>, by: &str) -> Result<ReloadResult, NotReloaded> {
    let _guard = server.reloading.lock().await;
    // Also if the files are wrong: after logrotate has moved the log, a new one is opened.
    server.check_files.notify_one();
    let done = read_and_set(server, by).await;
    match &done {
        Ok(ReloadResult { revision, changed }) => {
            let changes = changed.sentences().join("; ");
            tracing::info!(target: "topside", by, revision, changed = changes, "files read again");
        }
        Err(error) => {
            let error = error.to_string();
            tracing::warn!(target: "topside", by, error, "nothing changed: the files are refused");
        }
    }
    done
}

async fn read_and_set(server: &Arc<Server>, by: &str) -> Result<ReloadResult, NotReloaded> {
    let before = server.now();
    let read = {
        let before = Arc::clone(&before);
        move || {
            let read = before.config.read_again();
            // Errors about the files hold no cause, and a check of a program or directory needs a descriptor, too.
            match read.is_err().then(Shortage::now).flatten() {
                Some(shortage) => Err(NotReloaded::Short(shortage)),
                None => Ok(read?),
            }
        }
    };
    let read = blocking(read).await.map_err(|_| NotReloaded::Fault)?;
    // Nothing would stop the workers that it starts.
    if server.shutdown.has_begun() {
        return Err(NotReloaded::Closing);
    }
    let mut config = read?.ok_or(NotReloaded::NoFiles)?;
    config.limits.max_sessions = max_sessions(&config.limits)?;
    let mut changed = changed_settings(&before.config, &config);
    // They take effect at a restart only, so the next reload names them too.
    config.keep_what_waits_for_a_start(&before.config);
    add_menu_changes(&before.config, &config, &mut changed);
    // The menu also shows their order.
    let menu_changed = changed.of_menu() || before.config.commands != config.commands;
    let menu = match menu_changed {
        true => config.table(Some(&before.menu))?,
        false => before.menu.again(),
    };
    let revision = menu.revision();
    server.tcp.set_limits(&config.limits);
    server.runs.history.keep(config.runs);
    server.log.set_level(config.log_level.0);
    for remark in &config.remarks {
        tracing::info!(target: "topside", "{remark}");
    }
    let (was_open, open) = (before.config.local.is_open(), config.local.is_open());
    if was_open != open
        && let Err(error) = local_socket::set_open(server.socket(), open)
    {
        let path = server.socket().display();
        tracing::error!(target: "topside", %error, "the permissions of {path} stay as they were");
    }
    if before.config.hooks != config.hooks {
        let hooks = config.hooks.clone();
        // Without the thread nothing is written, and the log has the reason.
        let _ = server.blocking(move |server| server.box_hooks.record(&hooks)).await;
    }
    server.notify.set_rules(config.notify_rules());
    server.activate(Loaded { config, menu });
    server.runs.limits_changed();
    expiry::enforce_local(&server.now().config.local, &server.clients, by);
    server.runs.check_approvals();
    // The last reference to the old menu: its unused workers end.
    drop(before);
    if menu_changed {
        let now = server.now();
        let pool = now.menu.worker_pool();
        pool.start(&server.runs.history, &server.worker_services(), |life| server.spawn(life));
        server.events.menu_changed(revision);
        server.schedules.menu_changed();
    }
    Ok(ReloadResult { revision, changed })
}

/// Whether a command has other schedules now.
fn schedules_differ(before: &Config, after: &Config, command: &str) -> bool {
    let is_of_command = |schedule: &&DeclaredSchedule| schedule.command == command;
    let before = before.schedules.iter().filter(is_of_command);
    before.ne(after.schedules.iter().filter(is_of_command))
}

fn changed_settings(before: &Config, after: &Config) -> ReloadChanges {
    let mut changed = ReloadChanges::default();
    for (old, new) in settings(before).into_iter().zip(settings(after)) {
        if old.value != new.value {
            let names = if new.is_live() { &mut changed.settings } else { &mut changed.at_restart };
            names.push(new.key);
        }
    }
    changed
}

/// Adds the changed commands and workers.
fn add_menu_changes(before: &Config, after: &Config, changed: &mut ReloadChanges) {
    let name = |item: &Item| item.info().name.clone();
    let notify_of = |config: &Config, item| config.notify_of_commands.get(&name(item)).cloned();
    for item in &after.commands {
        match before.commands.iter().find(|old| name(old) == name(item)) {
            None => changed.added.push(name(item)),
            Some(old)
                if old != item
                    || schedules_differ(before, after, &name(item))
                    || notify_of(before, item) != notify_of(after, item) =>
            {
                changed.changed.push(name(item));
            }
            Some(_) => {}
        }
    }
    let is_gone = |old: &&Item| !after.commands.iter().any(|new| name(new) == name(old));
    changed.removed.extend(before.commands.iter().filter(is_gone).map(name));
    let workers = |one: &Config, other: &Config| -> Vec<String> {
        let other = &other.residents;
        let differs = one.residents.iter().filter(|worker| !other.contains(worker));
        differs.map(|worker| worker.name.clone()).collect()
    };
    changed.workers = workers(after, before);
    for name in workers(before, after) {
        if !changed.workers.contains(&name) {
            changed.workers.push(name);
        }
    }
}
