//! A hub for tests: a nats-server on loopback with the configuration that `topsided hub init` writes.

use std::cell::{Cell, OnceCell};
use std::rc::Rc;

use topside_shared::hub::{HubCredentials, HubRole};

use crate::common::{Ended, Place, eventually, text};
use crate::nats_server::NatsServer;
use crate::remote_server::{Box, pair};
use crate::require::require;

/// A hub on loopback. It is ended with the test.
pub(crate) struct Hub {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) server: NatsServer,
    admin: OnceCell<Rc<Place>>,
    /// The number of invites, which gives names to people.
    invites: Cell<u32>,
}

impl Hub {
    /// A hub that runs; none where there is no nats-server.
    pub(crate) fn new() -> Option<Self> {
        if !require("nats-server") {
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let (admin, invites) = (OnceCell::new(), Cell::new(0));
        let mut hub = Self { dir, server: NatsServer::new(), admin, invites };
        hub.init("hub").with(0);
        hub.start("hub");
        Some(hub)
    }

    /// Runs `topsided hub init` for this port.
    pub(crate) fn init(&self, dir: &str) -> Ended {
        let dir = self.dir.path().join(dir);
        let port = self.server.port.to_string();
        let args = ["serve", "hub", "init", text(&dir), "--address", "127.0.0.1", "--port", &port];
        Place::new().verb(&args)
    }

    pub(crate) fn start(&mut self, dir: &str) {
        self.server.start(&self.dir.path().join(dir));
    }

    pub(crate) fn stop(&mut self) {
        self.server.kill();
    }

    /// The device of an admin who has created the fleet `garden` here, at the first call.
    pub(crate) fn admin(&self) -> Rc<Place> {
        let admin = self.admin.get_or_init(|| {
            let admin = Place::new();
            let hub = self.credentials().to_string();
            admin.verb(&["fleet", "create", "garden", "--as", "anna", "--hub", &hub]).with(0);
            Rc::new(admin)
        });
        Rc::clone(admin)
    }

    /// A new join string for a box or a person.
    pub(crate) fn string(&self, role: HubRole) -> String {
        let name = format!("person-{}", self.invites.replace(self.invites.get() + 1));
        let args = match role {
            HubRole::Box => &["fleet", "invite-box", "--auto"][..],
            _ => &["fleet", "invite", &name, "--role", "operator"],
        };
        self.admin().verb(args).with(0).out.trim_end().to_owned()
    }

    pub(crate) fn credentials(&self) -> HubCredentials {
        let string = std::fs::read_to_string(self.dir.path().join("hub/string")).unwrap();
        HubCredentials::find(&string).unwrap()
    }

    /// A box that has joined, and a device that has joined and is paired with the box.
    pub(crate) fn box_and_client(&self) -> (Box, Place) {
        let garden = Box::with(Place::new());
        let client = Place::new();
        pair(&client, &[&invite(&garden), "--name", "garden"]).with(0);
        self.join(&garden);
        pair(&client, &[&self.string(HubRole::Person)]).with(0);
        (garden, client)
    }

    pub(crate) fn join(&self, garden: &Box) {
        let told = garden.verb(&["join", &self.string(HubRole::Box)]);
        assert!(told.starts_with("Joined the fleet garden (127.0.0.1:"), "{told}");
        self.is_joined(garden);
    }

    pub(crate) fn is_joined(&self, garden: &Box) {
        eventually("the box listens at the hub", || {
            let status = garden.place.json(&["status"]);
            let listeners = status["listeners"].as_array().unwrap().clone();
            listeners.iter().any(|listener| listener["transport"] == "hub")
        });
    }
}

pub(crate) fn invite(garden: &Box) -> String {
    garden.verb(&["invite", "--name", "phone", "--role", "operator"])
}
