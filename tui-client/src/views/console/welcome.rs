//! The empty console: what to do first. It is drawn until the first command has a block.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use topside_shared::Role;
use topside_shared::command::{Command, Effect};

use crate::app::State;
use crate::app::console::Console;
use crate::app::console::layout::INDENT;
use crate::input::actions::Id;
use crate::text::fit;
use crate::theme::Theme;
use crate::views::palette::OWN_CATEGORY;
use crate::widgets::row::Row;

/// Columns between what to do and its example.
const GAP: usize = 3;

/// Draws it below what is in the pane already. A small screen has no room for blank rows, a smaller one none for the title.
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
    let place = Rect { x: pane.x + INDENT, width: pane.width.saturating_sub(INDENT), ..pane };
    let room = usize::from(place.width);
    let used = console.runs.pane.frame().rows.len();
    let free = usize::from(pane.height).saturating_sub(used);
    let advice = advice(state, console, room, theme);
    let (name, ready) =
        (console.name(), format!(" is ready. You are {}.", console.welcome.you.role));
    let mut title = wrapped(&format!("{name}{ready}"), room, theme);
    if title.len() == 1 {
        title = vec![vec![(name.to_owned(), theme.title), (ready, theme.plain)]];
    }
    let blank = if free >= advice.len() + title.len() + 2 { vec![Vec::new()] } else { Vec::new() };
    let lines = match free >= advice.len() + title.len() {
        true => [blank.clone(), title, blank, advice].concat(),
        false => advice,
    };
    for (y, spans) in (used..usize::from(pane.height)).zip(lines) {
        let mut row = Row::at(buffer, place, u16::try_from(y).unwrap_or(u16::MAX));
        for (text, style) in spans {
            row.left(&text, style);
        }
    }
}

/// A line in pieces.
type Spans = Vec<(String, Style)>;

/// A sentence in as many lines as it takes.
fn wrapped(sentence: &str, room: usize, theme: &Theme) -> Vec<Spans> {
    fit::wrap(sentence, room).into_iter().map(|line| vec![(line, theme.plain)]).collect()
}

/// Something to do, and an example of it.
struct Advice {
    what: String,
    example: String,
    /// What stands there without room for the example.
    alone: String,
}

/// The advice, with the examples where there is room.
fn advice(state: &State, console: &Console, room: usize, theme: &Theme) -> Vec<Spans> {
    const TRY: &str = "try: ";
    let all = all_advice(state, console);
    let column = all.iter().map(|advice| fit::width(&advice.what)).max().unwrap_or(0) + GAP;
    let lines = |Advice { what, example, alone }: Advice| {
        let needs = |column: usize| column + TRY.len() + fit::width(&example) < room;
        let own = fit::width(&what) + GAP;
        let column = match () {
            () if example.is_empty() || !needs(own) => return wrapped(&alone, room, theme),
            () if needs(column) => column,
            () => own,
        };
        let gap = " ".repeat(column - fit::width(&what));
        let spans = [(what, theme.plain), (gap, theme.plain), (TRY.to_owned(), theme.dim)];
        vec![spans.into_iter().chain([(example, theme.accent)]).collect()]
    };
    all.into_iter().flat_map(lines).collect()
}

/// Three lines: how to run a command, how to get help, and how to add a device.
fn all_advice(state: &State, console: &Console) -> [Advice; 3] {
    let key = |id| state.keys.word(id);
    let first = |id| state.keys.first(id, true).map_or(String::new(), |key| key.to_string());
    let plain = |what: String| Advice { alone: what.clone(), what, example: String::new() };
    let example = example(&console.menu.commands).map_or(String::new(), |of| of.name.clone());
    let colon = first(Id::CommandLine);
    let third = match console.welcome.you.role {
        Role::Admin => {
            let what = format!("{colon} runs Topside's own commands");
            // The server inside this program listens to this machine only: it takes no invite.
            match state.embedded_server {
                true => Advice { alone: what.clone(), what, example: format!("{colon}status") },
                false => Advice {
                    what,
                    example: format!("{colon}invite --name phone --role operator"),
                    alone: format!("{colon}invite adds another device"),
                },
            }
        }
        _ => {
            let [runs, clients] = [key(Id::Runs), key(Id::Clients)];
            plain(format!("{runs} shows the runs, {clients} the clients"))
        }
    };
    let run = format!("Type a command, or {} for the menu", key(Id::Menu));
    [
        Advice { alone: run.clone(), what: run, example },
        plain(format!("{} shows the keys, {} the actions", first(Id::Help), key(Id::Palette))),
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
