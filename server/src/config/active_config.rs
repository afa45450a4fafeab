//! Active configuration: settings and menu, replaced together by a reload. Work that has begun keeps the ones that it
//! began with.

use std::sync::{Arc, Mutex, PoisonError};

use crate::config::Config;
use crate::menu::Table;

/// A configuration and its menu.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) config: Config,
    pub(crate) menu: Table,
}

/// The mutex is private to this type and held for one read or write.
#[derive(Debug)]
pub(crate) struct ActiveConfig(Mutex<Arc<Loaded>>);

impl ActiveConfig {
    pub(crate) fn new(config: Config, menu: Table) -> Self {
        Self(Mutex::new(Arc::new(Loaded { config, menu })))
    }

    /// What is in force at this moment.
    pub(crate) fn get(&self) -> Arc<Loaded> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts another in force.
    pub(crate) fn set(&self, next: Loaded) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(next);
    }
}
