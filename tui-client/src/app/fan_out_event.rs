//! What happens to one command on several boxes, and what the user decides about it.

use topside_shared::command::{self, Command};

use crate::fan_out::Outcome;

/// Something that happened to the command.
#[derive(Debug)]
pub(crate) enum FanOutEvent {
    /// The cached menus of the boxes, equal ones once.
    Menus(Vec<Vec<Command>>),
    /// A warning about the box's audit log.
    Warning {
        index: usize,
        sentence: String,
    },
    /// These boxes wait for a confirmation.
    ConfirmationNeeded(Vec<WaitingBox>),
    Ended {
        index: usize,
        outcome: Outcome,
    },
    Done,
    Failed(String),
}

/// A box on which the command waits to be confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WaitingBox {
    pub(crate) index: usize,
    pub(crate) effect: command::Effect,
    /// The question of the command on the box.
    pub(crate) question: Option<String>,
}

/// The user's decision on a command on several boxes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FanOutOrder {
    /// Start it on the boxes that wait.
    Confirm,
    /// Start it on none of them.
    Decline,
    /// Cancel the runs; the second time, stop waiting for them.
    Cancel,
}
