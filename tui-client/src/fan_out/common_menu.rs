//! Cached menus of several boxes, for what all of them take: completion does not connect.

use std::path::Path;

use topside_shared::command::{Arg, Command};

use crate::config::menu_cache;

/// The cached menus of these servers, equal ones once. A server without one is left out.
pub(crate) fn cached_menus(state: &Path, servers: &[String]) -> Vec<Vec<Command>> {
    let mut menus: Vec<Vec<Command>> = Vec::new();
    for server in servers {
        let menu = menu_cache::kept(state, server);
        if !menu.is_empty() && !menus.contains(&menu) {
            menus.push(menu);
        }
    }
    menus
}

/// The commands that each menu has, each with the arguments that it takes in all of them.
pub(crate) fn common_menu<'m>(menus: &'m [Vec<Command>]) -> Vec<Command> {
    let Some((first, others)) = menus.split_first() else { return Vec::new() };
    let common = |command: &Command| {
        let named = |menu: &'m Vec<Command>| menu.iter().find(|it| it.name == command.name);
        let others: Vec<&Command> = others.iter().map(named).collect::<Option<_>>()?;
        let mut common = command.clone();
        common.aliases.retain(|alias| others.iter().all(|other| other.aliases.contains(alias)));
        // Behind an argument that differs, the same position means something else.
        let args = command.args.iter().enumerate();
        common.args = args.map_while(|(place, arg)| common_arg(arg, place, &others)).collect();
        Some(common)
    };
    first.iter().filter_map(common).collect()
}

/// The argument with the values that each command takes at this position; none if one takes another argument there.
fn common_arg(arg: &Arg, place: usize, others: &[&Command]) -> Option<Arg> {
    let mut common = arg.clone();
    for other in others {
        let same = other.args.get(place)?;
        if (&same.name, same.kind, same.multiple) != (&arg.name, arg.kind, arg.multiple) {
            return None;
        }
        common.required |= same.required;
        common.minimum = [common.minimum, same.minimum].into_iter().flatten().reduce(f64::max);
        common.maximum = [common.maximum, same.maximum].into_iter().flatten().reduce(f64::min);
        if common.choices.is_empty() {
            common.choices.clone_from(&same.choices);
        } else if !same.choices.is_empty() {
            common.choices.retain(|choice| same.choices.contains(choice));
            if common.choices.is_empty() {
                return None;
            }
        }
    }
    Some(common)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn menu(commands: serde_json::Value) -> Vec<Command> {
        serde_json::from_value(commands).unwrap()
    }

    #[test]
    fn only_commands_and_arguments_of_all_menus_are_common() {
        let mode = |choices: &[&str]| json!({"name": "mode", "type": "string", "choices": choices});
        let zone = |most: u8| json!({"name": "zone", "type": "int", "minimum": 1, "maximum": most});
        let menus = [
            menu(json!([
                {"name": "water", "aliases": ["w", "rain"], "args": [zone(8), mode(&["fine", "hard"])]},
                {"name": "open", "args": [zone(8), mode(&["wide"])]},
                {"name": "drain"},
            ])),
            menu(json!([
                {"name": "open", "args": [{"name": "zone", "type": "string"}, mode(&["wide"])]},
                {"name": "water", "aliases": ["rain"], "args": [zone(4), mode(&["hard", "long"])]},
            ])),
        ];
        let common = common_menu(&menus);
        let names: Vec<&str> = common.iter().map(|command| command.name.as_str()).collect();
        assert_eq!(names, ["water", "open"]);
        assert_eq!(common[0].aliases, ["rain"]);
        assert_eq!(
            (common[0].args[0].maximum, &common[0].args[1].choices[..]),
            (Some(4.0), &[json!("hard")][..])
        );
        assert!(common[1].args.is_empty(), "its first argument differs: {:?}", common[1].args);
        assert_eq!(common_menu(&menus[..1]), menus[0]);
        assert!(common_menu(&[]).is_empty());
    }
}
