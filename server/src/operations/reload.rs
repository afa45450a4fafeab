//! Reload: reads the files again. All of it takes effect, or nothing does.

use std::collections::HashMap;
use std::sync::Arc;

use topside_shared::methods::{ReloadChanges, ReloadResult};
use topside_shared::{ErrorKind, RpcError};

use crate::admission::session_limits::{TooFewDescriptors, max_sessions};
use crate::audit::action::AuditAction;
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
    server.audit.note(Entry::new(by, AuditAction::ServerReload, "server").result(result));
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
    server.hub.read_again.notify_one();
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

/// What the files say now, compared with what is active.
struct NextConfig {
    loaded: Loaded,
    changed: ReloadChanges,
    menu_changed: bool,
}

impl NextConfig {
    /// Reads the files. Blocks for the disk, and takes time in proportion to the menu.
    fn read(before: &Loaded) -> Result<Self, NotReloaded> {
        let read = before.config.read_again();
        // Errors about the files hold no cause, and a check of a program or directory needs a descriptor, too.
        if let Some(shortage) = read.is_err().then(Shortage::now).flatten() {
            return Err(NotReloaded::Short(shortage));
        }
        let mut config = read?.ok_or(NotReloaded::NoFiles)?;
        config.limits.max_sessions = max_sessions(&config.limits)?;
        let mut changed = changed_settings(&before.config, &config);
        // They take effect at a restart only, so the next reload names them too.
        config.keep_what_waits_for_a_start(&before.config);
        add_menu_changes(&before.config, &config, &mut changed);
        changed.replaces_starter = before.config.has_starter_menu && !config.has_starter_menu;
        // The menu also shows their order.
        let menu_changed = changed.of_menu() || before.config.commands != config.commands;
        let menu = match menu_changed {
            true => config.table(Some(&before.menu))?,
            false => before.menu.again(),
        };
        Ok(Self { loaded: Loaded { config, menu }, changed, menu_changed })
    }
}

async fn read_and_set(server: &Arc<Server>, by: &str) -> Result<ReloadResult, NotReloaded> {
    let before = server.now();
    let read = {
        let before = Arc::clone(&before);
        move || NextConfig::read(&before)
    };
    let read = blocking(read).await.map_err(|_| NotReloaded::Fault)?;
    // Nothing would stop the workers that it starts.
    if server.shutdown.has_begun() {
        return Err(NotReloaded::Closing);
    }
    let NextConfig { loaded, changed, menu_changed } = read?;
    let (config, revision) = (&loaded.config, loaded.menu.revision());
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
    server.activate(loaded);
    server.runs.limits_changed();
    expiry::enforce_local(&server.now().config.local, &server.clients, by);
    server.runs.recheck_approvals();
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

/// An index, so that the comparison of two menus takes time in proportion to their length.
fn by_name(items: &[Item]) -> HashMap<&str, &Item> {
    items.iter().map(|item| (item.info().name.as_str(), item)).collect()
}

/// Adds the changed commands and workers.
fn add_menu_changes(before: &Config, after: &Config, changed: &mut ReloadChanges) {
    let (old_items, new_items) = (by_name(&before.commands), by_name(&after.commands));
    for item in &after.commands {
        let name = &item.info().name;
        match old_items.get(name.as_str()) {
            None => changed.added.push(name.clone()),
            Some(old)
                if *old != item
                    || schedules_differ(before, after, name)
                    || before.notify_of_commands.get(name)
                        != after.notify_of_commands.get(name) =>
            {
                changed.changed.push(name.clone());
            }
            Some(_) => {}
        }
    }
    let names = before.commands.iter().map(|item| &item.info().name);
    changed.removed.extend(names.filter(|name| !new_items.contains_key(name.as_str())).cloned());
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
