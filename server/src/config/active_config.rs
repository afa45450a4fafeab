//! Active configuration: settings and menu, replaced together by a reload. Work in progress keeps the configuration
//! it started with.

use std::sync::Arc;

use crate::base::mutex::Mutex;
use crate::config::Config;
use crate::menu::Table;

#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) config: Config,
    pub(crate) menu: Table,
}

#[derive(Debug)]
pub(crate) struct ActiveConfig(Mutex<Arc<Loaded>>);

impl ActiveConfig {
    pub(crate) fn new(config: Config, menu: Table) -> Self {
        Self(Mutex::new(Arc::new(Loaded { config, menu })))
    }

    pub(crate) fn get(&self) -> Arc<Loaded> {
        Arc::clone(&self.0.lock())
    }

    pub(crate) fn set(&self, next: Loaded) {
        *self.0.lock() = Arc::new(next);
    }
}
