//! `topsided check`: what the files declare, remarks about them, and hints at what may be an oversight.

use topside_shared::command::{Command, Effect};
use topside_shared::methods::MAX_MENU_PAGE;

use crate::config::Config;
use crate::menu_file::Item;
use crate::menu_file::wire_size::wire_size;
use crate::process::program_spec::Element;
use crate::process::resolve_program::without_tilde;

/// Prints the result for files without a mistake.
pub(super) fn print(config: &Config) {
    for remark in &config.remarks {
        println!("{remark}");
    }
    let count = config.commands.len();
    let commands = if count == 1 { "command" } else { "commands" };
    let replaces = if config.has_starter_menu { "" } else { ", in place of the starter menu" };
    println!("Configuration OK: {count} {commands}{replaces}");
    for hint in hints(config) {
        println!("{hint}");
    }
    let wire: usize = config.commands.iter().map(|item| wire_size(item.info())).sum();
    let pages = wire.div_ceil(MAX_MENU_PAGE);
    if pages > 1 {
        println!(
            "the menu takes {} KiB on the wire, so clients read it in {pages} pages or more",
            wire / 1024
        );
    }
}

/// What is accepted and may be an oversight: a `~` that no shell expands, and programs that nothing puts right.
fn hints(config: &Config) -> Vec<String> {
    let programs = || {
        config.commands.iter().filter_map(|item| match item {
            Item::Program(declared) => Some((&declared.info, &declared.program)),
            Item::Function(_) => None,
        })
    };
    let mut hints = Vec::new();
    for (info, program) in programs() {
        for element in &program.elements {
            if let Element::Literal(text) = element
                && text.starts_with("~/")
            {
                hints.push(format!(
                    "hint: {} passes `{text}` as it is, because no shell expands `~`: write {}",
                    info.name,
                    without_tilde(text)
                ));
            }
        }
    }
    let changes = |info: &Command| info.effect != Effect::Read;
    let bare = programs().filter(|(info, program)| changes(info) && program.safe_state.is_none());
    let bare: Vec<&str> = bare.map(|(info, _)| info.name.as_str()).collect();
    if !bare.is_empty() && !config.has_starter_menu {
        hints.push(format!(
            "hint: without `safe_state`, nothing is put right after a cancel, a time limit or a crash of {}; fine where \
             that leaves nothing open",
            bare.join(", ")
        ));
    }
    hints
}
