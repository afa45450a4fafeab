//! `--on` and `--via`: the server and the route to it.

use clap::Args;
use clap_complete::engine::ArgValueCompleter;
use topside_shared::dirs::{Dirs, DirsError};
use topside_shared::methods::Menu;
use topside_shared::text::{MAX_NAME, clean};

use super::candidates;
use crate::config::{AuditOf, ConfigError, FILE_NAME, ProfileStore, THIS_MACHINE, menu_cache};
use crate::connect::{NotReady, Session, Target, Via};
use crate::fan_out::{self, UnknownBox};
use crate::terminal::complain;

#[derive(Debug, Default, Args)]
pub(crate) struct TargetArgs {
    /// A saved server; without it, this machine's own
    #[arg(long, value_name = "NAME", add = ArgValueCompleter::new(candidates::places))]
    pub(crate) on: Option<String>,
    /// The route to the server; without it, auto
    #[arg(long, value_enum, value_name = "ROUTE")]
    pub(crate) via: Option<Via>,
}

/// Why there is no server to connect to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Nowhere {
    #[error(transparent)]
    NoDirs(#[from] DirsError),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Unknown(#[from] UnknownBox),
    #[error(transparent)]
    NotReady(#[from] NotReady),
    #[error("--on {list} may name several boxes, and only `topside run` takes several: name one")]
    Several { list: String },
}

impl TargetArgs {
    pub(crate) fn is_given(&self) -> bool {
        self.on.is_some() || self.via.is_some()
    }

    /// The name of the saved server, unless it is this machine's own.
    pub(crate) fn saved(&self) -> Option<&str> {
        self.on.as_deref().filter(|name| *name != THIS_MACHINE)
    }

    /// Why the two flags do not go together.
    pub(crate) fn mistake(&self) -> Option<&'static str> {
        let elsewhere = matches!(self.via, Some(Via::Lan | Via::Internet | Via::Hub));
        (elsewhere && self.saved().is_none()).then_some(
            "--via lan, --via internet and --via hub lead to a saved server: name it with --on NAME",
        )
    }

    pub(crate) fn via(&self) -> Via {
        self.via.unwrap_or_default()
    }

    /// Caches the menu of this server, for completion.
    pub(crate) fn keep(&self, menu: &Menu) {
        if let Ok(dirs) = Dirs::from_env() {
            menu_cache::keep(&dirs.state, self.saved().unwrap_or(THIS_MACHINE), menu);
        }
    }

    /// Warns if the server's audit log ends before an entry that this device has seen; only admins get its end.
    pub(crate) fn check_audit(&self, session: &Session) {
        let Some(shown) = &session.welcome.audit else { return };
        let Ok(dirs) = Dirs::from_env() else { return };
        let saved = self.saved().filter(|_| session.reached.via != Via::Same);
        let (server, pin) = match saved {
            Some(name) => {
                let store = ProfileStore::load(dirs.config.join(FILE_NAME));
                let named =
                    store.ok().and_then(|store| fan_out::one(name, Via::Auto, &store, &dirs).ok());
                (name.to_owned(), named.and_then(|named| named.pin))
            }
            None => (session.reached.address.clone(), None),
        };
        if let Some(warning) = (AuditOf { server, pin }).check(&dirs.state, shown) {
            complain(warning);
        }
    }

    /// Whether a word is the name of a saved server, and no server was named.
    pub(crate) fn is_forgotten(&self, word: &str) -> bool {
        let saved = || ProfileStore::load(Dirs::from_env().ok()?.config.join(FILE_NAME)).ok();
        self.on.is_none() && saved().is_some_and(|store| store.find(word).is_ok())
    }

    pub(crate) fn target(&self) -> Result<Target, Nowhere> {
        let dirs = Dirs::from_env()?;
        let Some(name) = self.saved() else { return Ok(Target::Local(dirs.local_server())) };
        let store = ProfileStore::load(dirs.config.join(FILE_NAME))?;
        if fan_out::is_list(name, &store) {
            return Err(Nowhere::Several { list: clean(name, MAX_NAME) });
        }
        let via = self.via();
        fan_out::refresh(name, &store, &dirs).into_iter().for_each(complain);
        Ok(fan_out::one(name, via, &store, &dirs)?.target?)
    }
}
