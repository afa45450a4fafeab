//! One box of a command, by its name: a saved server, or a box of a fleet.

use std::cell::OnceCell;

use topside_shared::Pin;
use topside_shared::dirs::Dirs;
use topside_shared::text::{MAX_NAME, clean, did_you_mean, nearest};

use crate::config::{Profile, ProfileStore, THIS_MACHINE, UnknownServer, key_of};
use crate::connect::{AmbiguousBox, FleetBox, FleetBoxes, NotReady, Remote, Target, Via};

/// One box that a command is to run on.
#[derive(Debug, Clone)]
pub(crate) struct TargetBox {
    /// The name of its saved server, that of a box of a fleet, or `this machine`.
    pub(crate) name: String,
    /// The server's key.
    pub(crate) pin: Option<String>,
    /// Where to connect to, or why that is not known.
    pub(crate) target: Result<Target, NotReady>,
}

impl TargetBox {
    fn this_machine(dirs: &Dirs) -> Self {
        let target = Ok(Target::Local(dirs.local_server()));
        Self { name: THIS_MACHINE.to_owned(), pin: None, target }
    }

    pub(super) fn saved(profile: &Profile, via: Via, dirs: &Dirs) -> Self {
        let target = match via {
            Via::Same => Ok(Target::Local(dirs.local_server_of(profile.key()))),
            _ => Remote::of_profile(profile, via, &dirs.state).map(Target::Remote),
        };
        Self { name: profile.name.clone(), pin: profile.pin.clone(), target }
    }

    pub(super) fn of_fleet(each: &FleetBox, name: String, via: Via, dirs: &Dirs) -> Self {
        let target = match via {
            Via::Same => Ok(Target::Local(dirs.local_server_of(Some(each.pin)))),
            _ => Remote::of_fleet_box(each, via, &dirs.state).map(Target::Remote),
        };
        Self { name, pin: Some(each.pin.to_string()), target }
    }

    pub(super) fn key(&self) -> Option<Pin> {
        key_of(self.pin.as_deref())
    }
}

/// Why a name does not say which box is meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UnknownBox {
    #[error(transparent)]
    Server(#[from] UnknownServer),
    #[error("no saved server and no box of a fleet is called {name}{near}")]
    NoBox { name: String, near: String },
    #[error(transparent)]
    Ambiguous(#[from] AmbiguousBox),
    /// The files of the fleets cannot be read.
    #[error("{server}; nor is it known as a box of a fleet: {why}")]
    Fleets { server: UnknownServer, why: String },
}

/// The boxes that this device knows: its saved servers, and those of its fleets, which are read when the first name needs them.
pub(super) struct KnownBoxes<'d> {
    store: &'d ProfileStore,
    dirs: &'d Dirs,
    fleets: OnceCell<Result<FleetBoxes, String>>,
}

impl<'d> KnownBoxes<'d> {
    pub(super) fn new(store: &'d ProfileStore, dirs: &'d Dirs) -> Self {
        Self { store, dirs, fleets: OnceCell::new() }
    }

    /// The boxes of the fleets. An error is a sentence.
    pub(super) fn fleets(&self) -> Result<&FleetBoxes, String> {
        let fleets = self.fleets.get_or_init(|| FleetBoxes::load(&self.dirs.state));
        fleets.as_ref().map_err(Clone::clone)
    }

    /// The box of this name: this machine, a saved server, or else a box of a fleet.
    pub(super) fn find(&self, name: &str, via: Via) -> Result<TargetBox, UnknownBox> {
        if name == THIS_MACHINE {
            return Ok(TargetBox::this_machine(self.dirs));
        }
        let server = match self.store.find(name) {
            Ok(profile) => return Ok(TargetBox::saved(profile, via, self.dirs)),
            Err(hidden @ UnknownServer::Hidden { .. }) => return Err(hidden.into()),
            Err(unknown) => unknown,
        };
        let boxes = match self.fleets() {
            Ok(boxes) => boxes,
            Err(why) => return Err(UnknownBox::Fleets { server, why }),
        };
        if let Some(found) = boxes.find(name)? {
            return Ok(TargetBox::of_fleet(found, name.to_owned(), via, self.dirs));
        }
        if let Some(why) = &boxes.mistake {
            return Err(UnknownBox::Fleets { server, why: why.clone() });
        }
        let names: Vec<String> = boxes.names().collect();
        match &nearest(name, names.iter().map(String::as_str))[..] {
            [] => Err(server.into()),
            near => {
                let (name, near) = (clean(name, MAX_NAME), did_you_mean(near));
                Err(UnknownBox::NoBox { name, near })
            }
        }
    }
}

/// The box of this name.
pub(crate) fn one(
    name: &str,
    via: Via,
    store: &ProfileStore,
    dirs: &Dirs,
) -> Result<TargetBox, UnknownBox> {
    KnownBoxes::new(store, dirs).find(name, via)
}

/// The boxes of these names, one for each name.
pub(crate) fn named(
    names: &[String],
    store: &ProfileStore,
    dirs: &Dirs,
) -> Result<Vec<TargetBox>, UnknownBox> {
    let known = KnownBoxes::new(store, dirs);
    names.iter().map(|name| known.find(name, Via::Auto)).collect()
}
