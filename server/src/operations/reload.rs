//! Reload: reads the files again. All of it takes effect, or nothing does.

use std::sync::Arc;

use topside_shared::methods::{ReloadChanges, ReloadResult};
use topside_shared::{ErrorKind, RpcError};

use crate::admission::session_limits::{TooFewDescriptors, max_sessions};
use crate::audit::entry::{By, Entry};
use crate::base::blocking::blocking;
use crate::base::shortage;
use crate::base::shortage::Shortage;
use crate::base::shutdown::Stop;
use crate::base::toml_file::errors::{FileError, first_of};
use crate::config::active_config::Loaded;
use crate::config::values::settings;
use crate::config::{Config, ConfigError};
use crate::keys::expiry;
use crate::menu::TableError;
use crate::net::local_socket;
use crate::server::Server;

/// Why everything stays as it was.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotReloaded {
    /// The files are wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The commands do not go together.
    #[error(transparent)]
    Menu(#[from] TableError),
    /// The system does not give what is asked for.
    #[error(transparent)]
    Descriptors(#[from] TooFewDescriptors),
    /// The program that holds the server did not read it from files.
    #[error("this server was not read from files: there is nothing to read again")]
    NoFiles,
    /// The server ends.
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
        let NotReloaded::Config(ConfigError::Files(mistakes)) = &error else {
            let kind = match error {
                NotReloaded::NoFiles => ErrorKind::NotFound,
                NotReloaded::Closing => ErrorKind::Closing,
                NotReloaded::Fault => ErrorKind::Internal,
                _ => ErrorKind::InvalidParams,
            };
            return shortage::answer(Shortage::cause(&error), &message, kind);
        };
        let told = |FileError { file, at, message, .. }: &FileError| {
            serde_json::json!({
                "file": file, "line": at.map(|at| at.line), "column": at.map(|at| at.column),
                "message": message,
            })
        };
        let mistakes: Vec<_> = mistakes.0.iter().take(MOST_MISTAKES).map(told).collect();
        RpcError::new(ErrorKind::InvalidParams, message).with("mistakes", mistakes)
    }
}

/// Mistakes that are told in an answer.
const MOST_MISTAKES: usize = 20;

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
pub(crate) async fn whenever(server: &Arc<Server>, stop: &Stop) {
    loop {
        stop.reload_requested().await;
        // The log has the result.
        let done = reload(server, SIGNAL).await;
        record(server, By::named(SIGNAL), &done);
    }
}

/// Reads the files again and activates them, or changes nothing.
pub(crate) async fn reload(server: &Arc<Server>, by: &str) -> Result<ReloadResult, NotReloaded> {
    let _alone = server.reloading.lock().await;
    // Also if the files are wrong: after logrotate has moved the log, another is begun.
    server.check_files.notify_one();
    let done = read_and_set(server, by).await;
    match &done {
        Ok(ReloadResult { revision, changed }) => {
            let said = changed.sentences().join("; ");
            tracing::info!(target: "topside", by, revision, changed = said, "files read again");
        }
        Err(error) => {
            let said = error.to_string();
            tracing::warn!(target: "topside", by, error = said, "nothing changed: the files are refused");
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
    // Workers that it would start would not be stopped any more.
    if server.shutdown.has_begun() {
        return Err(NotReloaded::Closing);
    }
    let mut config = read?.ok_or(NotReloaded::NoFiles)?;
    config.limits.max_sessions = max_sessions(&config.limits)?;
    let mut changed = of_settings(&before.config, &config);
    // Still not in force, so that the next reload names it too.
    config.keep_what_waits_for_a_start(&before.config);
    of_menu(&before.config, &config, &mut changed);
    // Their order is a matter of the menu, too.
    let is_another = changed.of_menu() || before.config.commands != config.commands;
    let menu = match is_another {
        true => config.table(Some(&before.menu))?,
        false => before.menu.again(),
    };
    let revision = menu.revision();
    server.tcp.set_limits(&config.limits);
    server.runs.history.keep(config.runs);
    for remark in &config.remarks {
        tracing::info!(target: "topside", "{remark}");
    }
    let (was_open, open) = (before.config.local.is_open(), config.local.is_open());
    if was_open != open
        && let Err(error) = local_socket::set_open(server.socket(), open)
    {
        let path = server.socket().display();
        tracing::error!(target: "topside", %error, "{path} stays within reach of whom it was before");
    }
    server.activate(Loaded { config, menu });
    server.runs.limits_changed();
    expiry::enforce_local(&server.now().config.local, &server.clients, by);
    // Here the menu before goes, and with it the workers that nothing needs any more.
    drop(before);
    if is_another {
        let now = server.now();
        let pool = now.menu.worker_pool();
        pool.start(&server.runs.history, &server.audit, |life| server.spawn(life));
        server.events.menu_changed(revision);
    }
    Ok(ReloadResult { revision, changed })
}

/// Which values of `server.toml` are others.
fn of_settings(before: &Config, after: &Config) -> ReloadChanges {
    let mut changed = ReloadChanges::default();
    for (old, new) in settings(before).into_iter().zip(settings(after)) {
        if old.value != new.value {
            let names = if new.is_live() { &mut changed.settings } else { &mut changed.at_restart };
            names.push(new.key);
        }
    }
    changed
}

/// What is different in the menu.
fn of_menu(before: &Config, after: &Config, changed: &mut ReloadChanges) {
    let name = |item: &crate::menu_file::Item| item.info().name.clone();
    for item in &after.commands {
        match before.commands.iter().find(|old| name(old) == name(item)) {
            None => changed.added.push(name(item)),
            Some(old) if old != item => changed.changed.push(name(item)),
            Some(_) => {}
        }
    }
    let gone = before
        .commands
        .iter()
        .filter(|old| !after.commands.iter().any(|new| name(new) == name(old)));
    changed.removed.extend(gone.map(name));
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
