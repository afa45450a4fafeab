//! The empty console: what to do first. It is drawn until the first command has a block.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use topside_shared::Role;
use topside_shared::command::{Command, Effect};

use crate::app::State;
use crate::app::console::Console;
use crate::input::actions::Id;
use crate::text::fit;
use crate::theme::Theme;
use crate::views::palette::OWN_CATEGORY;
use crate::widgets::row::Row;

/// Columns between what to do and its example.
const GAP: usize = 3;

/// Draws it below what is in the pane already, if there is room for all of it.
pub(super) fn draw(
    state: &State,
    console: &Console,
    pane: Rect,
    buffer: &mut Buffer,
    theme: &Theme,
) {
    if state.session().is_none() || console.runs.has_commands() {
        return;
    }
    let used = console.runs.pane.frame().rows.len();
    let used = u16::try_from(used).unwrap_or(u16::MAX);
    // A blank row above, one below the first row, and three lines; a small screen has no room for blank ones.
    let free = pane.height.saturating_sub(used);
    let blank = u16::from(free >= 6);
    if free < 4 {
        return;
    }
    let rows = rows(state, console);
    let role = console.welcome.you.role;
    let place = Rect { y: pane.y + used + blank, height: free - blank, ..pane };
    let mut title = Row::at(buffer, place, 0);
    title.skip(3).left(console.name(), theme.title);
    title.left(&format!(" is ready. You are {role}."), theme.plain);
    let column = rows.iter().map(|row| fit::width(&row.0)).max().unwrap_or(0);
    for (y, (what, example)) in (1 + blank..).zip(&rows) {
        let mut row = Row::at(buffer, place, y);
        row.skip(3);
        let fits = row.room() > column + GAP + 5 + fit::width(example);
        if example.is_empty() || !fits {
            row.left(what, theme.plain);
        } else {
            row.column(what, column + GAP, theme.plain);
            row.left("try: ", theme.dim).left(example, theme.accent);
        }
    }
}

/// What to do, and an example of it.
fn rows(state: &State, console: &Console) -> [(String, String); 3] {
    let key = |id| state.keys.word(id);
    let first = |id| state.keys.first(id, true).map_or(String::new(), |key| key.to_string());
    let example = example(&console.menu.commands).map_or(String::new(), |of| of.name.clone());
    let third = match console.welcome.you.role {
        Role::Admin => (
            format!("{} runs Topside's own commands", first(Id::CommandLine)),
            // The server inside this program listens to this machine only: it takes no invite.
            if state.embedded_server { ":status" } else { ":invite --name phone --role operator" }
                .to_owned(),
        ),
        _ => {
            let [runs, clients] = [key(Id::Runs), key(Id::Clients)];
            (format!("{runs} shows the runs, {clients} who is connected"), String::new())
        }
    };
    [
        (format!("Type a command, or {} for the menu", key(Id::Menu)), example),
        (
            format!("{} shows every key, {} every action", first(Id::Help), key(Id::Palette)),
            String::new(),
        ),
        third,
    ]
}

/// A command that can be tried without harm: one of the box's own that only reads and needs no argument, else a
/// built-in.
fn example(commands: &[Command]) -> Option<&Command> {
    let harmless = |command: &&Command| {
        command.effect == Effect::Read && !command.args.iter().any(|arg| arg.required)
    };
    let own = commands.iter().find(|command| command.category != OWN_CATEGORY && harmless(command));
    own.or_else(|| commands.iter().find(harmless))
}
