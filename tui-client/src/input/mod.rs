//! Input: keys, the table of actions, and which keys mean which action.

pub(crate) mod actions;
pub(crate) mod admin_actions;
pub(crate) mod key;
pub(crate) mod keymap;

pub(crate) use keymap::Keymap;
