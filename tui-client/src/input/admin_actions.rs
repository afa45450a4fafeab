//! Hints for the names of admin actions. They are verbs of `topside` and views of the screen, not commands of the menu.

use serde_json::{Map, Value};
use topside_shared::Role;
use topside_shared::after_shutdown::AfterShutdown;

use super::actions::Id;
use super::key::Key;
use super::keymap::Keymap;

/// An admin action: its name, its verb, and its part of the screen.
struct AdminAction {
    name: &'static str,
    verb: &'static str,
    part: &'static str,
    id: Id,
}

const CANCEL_SHUTDOWN: AdminAction = AdminAction {
    name: "cancel-shutdown",
    verb: "cancel-shutdown",
    part: "cancel-shutdown action",
    id: Id::CancelShutdown,
};

const ACTIONS: &[AdminAction] = &[
    AdminAction { name: "broadcast", verb: "broadcast", part: "broadcast form", id: Id::Broadcast },
    AdminAction { name: "invite", verb: "invite", part: "invite form", id: Id::MakeInvite },
    AdminAction { name: "keys", verb: "keys", part: "keys view", id: Id::Keys },
    AdminAction { name: "kick", verb: "kick", part: "clients view", id: Id::Clients },
    AdminAction { name: "reload", verb: "reload", part: "reload action", id: Id::Reload },
    AdminAction { name: "revoke", verb: "revoke", part: "keys view", id: Id::Keys },
    CANCEL_SHUTDOWN,
    AdminAction { name: "shutdown-cancel", ..CANCEL_SHUTDOWN },
    AdminAction { name: "wall", verb: "broadcast", part: "broadcast form", id: Id::Broadcast },
];

/// What to use instead of a command of this name, which the menu does not have, or the role that this needs and `role` is not;
/// none if it is not an admin action.
pub(crate) fn hint(name: &str, keys: &Keymap, role: Option<Role>) -> Option<String> {
    if ["exit", "quit"].contains(&name) {
        return Some(format!(
            "`{name}` is not a command of this server; `close` ends your session"
        ));
    }
    let action = ACTIONS.iter().find(|action| action.name == name)?;
    let AdminAction { verb, part, id, .. } = action;
    if let Some(role) = role.filter(|role| *role < Role::Admin) {
        return Some(format!("`{name}` needs role {}; you are {role}", Role::Admin));
    }
    let key = keys.word(*id);
    // Only a letter can be written before the verb.
    let verb = match keys.first(Id::CommandLine, true).and_then(Key::typed) {
        Some(colon) => format!("{colon}{verb}"),
        None => format!("topside {verb}"),
    };
    Some(format!(
        "`{name}` is not a command of this server; type `{verb}`, or use the {part} ({key})"
    ))
}

/// What to type in a shell instead of a command of this name; none if it is not an admin action.
pub(crate) fn shell_hint(name: &str) -> Option<String> {
    let AdminAction { verb, .. } = ACTIONS.iter().find(|action| action.name == name)?;
    Some(format!(
        "`{name}` is not a command of this server: use the verb `topside {verb}`, or `:{verb}` on the screen"
    ))
}

/// Why a line of the menu's `shutdown` does not power a box off: its question can be answered with a yes alone, while the verb
/// asks for the name of the server.
pub(crate) fn power_off_by_verb(command: &str, args: &Map<String, Value>) -> Option<&'static str> {
    let then = args.get("then").and_then(Value::as_str).and_then(AfterShutdown::from_name);
    let is_power_off = command == "shutdown" && then == Some(AfterShutdown::Poweroff);
    is_power_off.then_some(
        "a power off is confirmed with the name of the server: use the verb, `shutdown --then poweroff --name SERVER`",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hint_names_the_verb_and_the_key() {
        let keys = Keymap::default();
        let kick =
            "`kick` is not a command of this server; type `:kick`, or use the clients view (F2)";
        assert_eq!(hint("kick", &keys, Some(Role::Admin)).as_deref(), Some(kick));
        assert_eq!(hint("kick", &keys, None).as_deref(), Some(kick));
        assert!(hint("keys", &keys, None).unwrap().contains("the keys view (Ctrl-P `Keys: "));
        assert_eq!(hint("uptime", &keys, None), None);
    }

    /// The verb and the view that it named were refused to an operator.
    #[test]
    fn the_hint_for_another_role_names_the_role_that_it_needs() {
        let keys = Keymap::default();
        let words = "`kick` needs role admin; you are operator";
        assert_eq!(hint("kick", &keys, Some(Role::Operator)).as_deref(), Some(words));
    }
}
