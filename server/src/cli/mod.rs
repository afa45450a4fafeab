//! Flags and verbs of `topsided`, which `topside serve` takes too.

mod audit_verbs;
mod check;
#[cfg(feature = "hub")]
mod fleet_verbs;
#[cfg(feature = "hub")]
mod hub_verbs;
mod key_verbs;
mod menus;
mod show_config;

use crate::admission::tcp_port::OpenError;
use crate::base::platform;
use crate::base::platform::prepare_process;
use crate::base::shutdown::Stop;
use crate::base::toml_file::errors::FileErrors;
pub use crate::cli::key_verbs::{InviteArgs, NewKey, ShowError, TokenArgs, role, surroundings};
use crate::config::{Config, ConfigError};
use crate::control::beside_the_service;
use crate::net::local_socket::{ListenError, Listeners};
use crate::net::sd_notify::Supervisor;
use crate::process::reaper::reap_adopted;
use crate::serve::metrics::MetricsError;
use crate::server::Ended;
use crate::timing::cron::CronTimes;
use crate::{ServeError, doctor, serve};

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use clap_complete::Shell;
use topside_shared::dirs::{Dirs, DirsError};

/// Exit status where the socket or the port is served already (EX_TEMPFAIL of sysexits.h).
const SERVED_ALREADY: u8 = 75;
/// Exit status where a configuration file or the list of keys is wrong (EX_CONFIG of sysexits.h).
const WRONG_CONFIGURATION: u8 = 78;

const COMPLETIONS: &str = "completions";

/// The error for root, who would serve the packaged server's state.
const PACKAGED: &str = "the server of this machine is a service: `systemctl start topsided` starts it; for one \
                        beside it, set TOPSIDE_CONFIG_DIR, TOPSIDE_STATE_DIR and TOPSIDE_RUNTIME_DIR";

/// The server of Topside: offers a menu of commands to the clients that connect.
#[derive(Debug, Parser)]
#[command(name = "topsided", version)]
struct Topsided {
    #[command(flatten)]
    serve: ServeArgs,
}

/// Arguments of `topsided` and `topside serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Settings of the server [default: server.toml in the configuration directory]
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// The menu [default: commands.toml and commands.d/*.toml in the configuration directory, or the starter menu]
    #[arg(long, value_name = "FILE")]
    commands: Option<PathBuf>,
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Check the settings and the menu, and report each mistake with its file and line
    Check {
        /// The menu [default: commands.toml and commands.d/*.toml in the configuration directory, or the starter menu]
        #[arg(long, value_name = "FILE")]
        commands: Option<PathBuf>,
    },
    /// Show the settings in force, or the paths of the files
    Config {
        #[command(subcommand)]
        what: show_config::What,
    },
    /// List the packs of commands that come with the server, or add one to the menu
    Menus {
        #[command(subcommand)]
        verb: Option<menus::MenusVerb>,
    },
    /// Diagnose the setup of this machine: what keeps clients from connecting
    Doctor,
    /// Create an invite: one string that pairs one client with this server
    Invite(key_verbs::InviteArgs),
    /// Create a token: a key for a script, limited to some commands
    Token(key_verbs::TokenArgs),
    /// List the keys that the server accepts over TCP
    Keys,
    /// Revoke a key, and end its sessions
    Revoke {
        /// Name of the key, or the first digits that `keys` shows
        key: String,
    },
    /// Print the pin of this server's key
    Id,
    /// Set up a hub, through which people reach boxes without open ports
    #[cfg(feature = "hub")]
    Hub {
        #[command(subcommand)]
        verb: hub_verbs::HubVerb,
    },
    /// Join a fleet: the box listens at its hub, and admits its people
    #[cfg(feature = "hub")]
    Join(fleet_verbs::JoinArgs),
    /// Leave the fleet
    #[cfg(feature = "hub")]
    Leave,
    /// Show or verify the audit log: who did what, and when
    Audit {
        #[command(subcommand)]
        verb: audit_verbs::AuditVerb,
    },
}

/// `topsided`.
pub fn main() -> ExitCode {
    let matches = command().get_matches();
    if let Some((COMPLETIONS, asked)) = matches.subcommand() {
        return completions(asked.get_one("shell").copied());
    }
    match Topsided::from_arg_matches(&matches) {
        Ok(topsided) => run(&topsided.serve),
        Err(error) => error.exit(),
    }
}

/// The sample of `server.toml`: every key with its default, and comments that explain it.
pub const SAMPLE_SETTINGS: &str = crate::settings::SAMPLE;

/// Checks a cron pattern of a schedule.
///
/// # Errors
/// What is wrong with it, as the end of a sentence.
pub fn check_cron(pattern: &str) -> Result<(), String> {
    CronTimes::parse(pattern).map(drop)
}

/// The declaration of `topsided`'s verbs and flags.
pub fn command() -> clap::Command {
    // `topside serve` has no such verb.
    let completions = clap::Command::new(COMPLETIONS)
        .about("Print the script by which a shell completes what is typed")
        .arg(
            clap::Arg::new("shell")
                .help("For which shell")
                .required(true)
                .value_parser(clap::value_parser!(Shell)),
        );
    Topsided::command().subcommand(completions)
}

fn completions(shell: Option<Shell>) -> ExitCode {
    let mut script = Vec::new();
    if let Some(shell) = shell {
        clap_complete::generate(shell, &mut command(), "topsided", &mut script);
    }
    match std::io::stdout().write_all(&script) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(1, error),
    }
}

/// Runs the verb, or the server.
pub fn run(args: &ServeArgs) -> ExitCode {
    platform::close_inherited();
    let dirs = match own_dirs() {
        Ok(dirs) => dirs,
        Err(error) => return fail(WRONG_CONFIGURATION, error),
    };
    let menu = match &args.verb {
        Some(Verb::Check { commands: Some(menu) }) => Some(menu),
        _ => args.commands.as_ref(),
    };
    let menu = menu.map(PathBuf::as_path);
    // A named file must exist, even where a running server is asked, which has its own.
    if let Some(missing) = args.config.as_ref().filter(|path| !path.exists()) {
        return fail(WRONG_CONFIGURATION, FileErrors::absent(missing));
    }
    if matches!(
        &args.verb,
        Some(Verb::Check { .. } | Verb::Config { .. } | Verb::Doctor | Verb::Menus { .. })
    ) && args.config.is_none()
        && menu.is_none()
        && dirs.means_service()
    {
        eprintln!("topsided: this is about a server of your own: {}", beside_the_service());
    }
    let load = || -> Result<Config, ConfigError> {
        let config = Config::load(&dirs, args.config.as_deref(), menu)?;
        Ok(match std::env::var_os("TOPSIDE_BOX_ROOT") {
            Some(root) => config.with_figures_root(root.into()),
            None => config,
        })
    };
    let succeed = |()| ExitCode::SUCCESS;
    let wrong = |error| fail(WRONG_CONFIGURATION, error);
    let done = match &args.verb {
        None if dirs == Dirs::system() && !owns(&dirs) => return fail(1, PACKAGED),
        None => {
            let ended = load().map_err(|error| (WRONG_CONFIGURATION, error.to_string()));
            return match ended.and_then(|config| run_server(&dirs, config)) {
                Ok(status) => status,
                Err((status, error)) => {
                    Supervisor::from_env().report_failure(&error);
                    fail(status, error)
                }
            };
        }
        Some(Verb::Check { .. }) => {
            return load().map(|config| check::print(&config)).map_or_else(wrong, succeed);
        }
        Some(Verb::Config { what }) => {
            let named = show_config::Named { config: args.config.as_deref(), menu };
            let shown = show_config::show(what, &dirs, named, load);
            return shown.map(|text| print!("{text}")).map_or_else(wrong, succeed);
        }
        Some(Verb::Menus { verb }) => {
            let done = menus::run(&dirs, verb.as_ref(), load);
            return done.map(|text| print!("{text}")).map_or_else(|error| fail(1, error), succeed);
        }
        Some(Verb::Audit { verb }) => {
            let done = audit_verbs::run(&dirs, verb);
            return done.map_or_else(|error| fail(error.status(), error), succeed);
        }
        #[cfg(feature = "hub")]
        Some(Verb::Hub { verb }) => return print_or_fail(hub_verbs::run(verb)),
        #[cfg(feature = "hub")]
        Some(Verb::Join(args)) => return print_or_fail(fleet_verbs::join(&dirs, args)),
        #[cfg(feature = "hub")]
        Some(Verb::Leave) => return print_or_fail(fleet_verbs::leave(&dirs)),
        Some(Verb::Doctor) => return examine(&dirs, &load()),
        Some(Verb::Invite(args)) => {
            key_verbs::create(&dirs, &load, args.request(), |made| args.show(made))
        }
        Some(Verb::Token(args)) => {
            key_verbs::create(&dirs, &load, args.request(), |made| args.show(made))
        }
        Some(Verb::Keys) => key_verbs::keys(&dirs, &load),
        Some(Verb::Revoke { key }) => key_verbs::revoke(&dirs, &load, key),
        Some(Verb::Id) => key_verbs::id(&dirs),
    };
    done.map_or_else(|error| fail(1, error), succeed)
}

/// Whether the state is this user's own: the server could not read what another user wrote there.
fn owns(dirs: &Dirs) -> bool {
    platform::owner_and_mode(&dirs.state).is_ok_and(|(owner, _)| owner == platform::own_uid())
}

/// The directories of the packaged server, where it is installed, for root and for its own user, unless the
/// environment names others; else this user's.
fn own_dirs() -> Result<Dirs, DirsError> {
    let system = Dirs::system();
    let uid = platform::own_uid();
    let is_meant = || {
        let owner = platform::owner_and_mode(&system.state).map(|(owner, _)| owner);
        owner.is_ok_and(|owner| uid == 0 || uid == owner)
    };
    if !Dirs::are_named(|name| std::env::var_os(name)) && is_meant() {
        return Ok(system);
    }
    Dirs::from_env()
}

fn examine(dirs: &Dirs, config: &Result<Config, ConfigError>) -> ExitCode {
    // Limits are raised as the server does, so that the figures are the server's.
    prepare_process();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(1, error),
    };
    match runtime.block_on(doctor::examine(dirs, config)) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

#[cfg(feature = "hub")]
fn print_or_fail(done: Result<String, impl std::fmt::Display>) -> ExitCode {
    match done {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => fail(1, error),
    }
}

fn fail(status: u8, error: impl std::fmt::Display) -> ExitCode {
    for line in error.to_string().lines() {
        eprintln!("topsided: {line}");
    }
    ExitCode::from(status)
}

/// Runs the server to its end; the exit status and the reason where it did not start.
fn run_server(dirs: &Dirs, mut config: Config) -> Result<ExitCode, (u8, String)> {
    prepare_process();
    if let Err(error) = reap_adopted() {
        return Err((1, format!("adopted processes cannot be reaped: {error}")));
    }
    config.log.stderr = true;
    config.executes_itself = true;
    config.supervisor = Supervisor::from_env();
    // One thread handles all requests, which answers small ones fastest. Programs run beside it.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| (1, error.to_string()))?;
    let ended = runtime.block_on(async {
        let stop = Stop::on_signals().map_err(|error| (1, error.to_string()))?;
        let status = |in_use| if in_use { SERVED_ALREADY } else { 1 };
        let listeners = Listeners::local(&dirs.socket(), config.local.is_open());
        let listeners = listeners.map_err(|error| {
            (status(matches!(error, ListenError::AlreadyServed { .. })), error.to_string())
        })?;
        serve(listeners, config, stop).await.map_err(|error| {
            if matches!(error, ServeError::Keys(_)) {
                return (WRONG_CONFIGURATION, error.to_string());
            }
            let in_use = matches!(
                error,
                ServeError::Tcp(OpenError::InUse(_))
                    | ServeError::Metrics(MetricsError::InUse(_))
                    | ServeError::State(ListenError::StateInUse { .. })
            );
            (status(in_use), error.to_string())
        })
    });
    // Results of blocking calls are not needed any more.
    runtime.shutdown_background();
    Ok(match ended? {
        Ended::Stopped => ExitCode::SUCCESS,
        Ended::Pending | Ended::AtOnce => ExitCode::FAILURE,
        Ended::Restart => restart(),
    })
}

/// Executes this program again, as it was started.
fn restart() -> ExitCode {
    match platform::own_program() {
        Ok(program) => {
            let error = platform::execute(&program);
            fail(1, format_args!("{} cannot be started again: {error}", program.display()))
        }
        Err(program) => fail(1, format_args!("{} is gone: install it again", program.display())),
    }
}
