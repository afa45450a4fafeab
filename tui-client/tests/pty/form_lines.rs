//! Every command of a live menu, filled in as a form in several ways: the line that the form shows, typed, sends what
//! the form sends. One file: its tests walk through menus by one set of values.

use std::path::Path;

use serde_json::{Map, Value};
use toml_edit::DocumentMut;
use topside_shared::cmdline;
use topside_shared::command::{Arg, ArgType, Command};
use topside_shared::values;

use super::harness::{Home, PATIENCE, Screen, Server};
use super::relay::Relay;
use super::remote_servers::ask;
use super::session::wanted_name;

const SIZE: (u16, u16) = (180, 50);

/// Texts that a line could read as something else.
const TEXTS: [&str; 24] = [
    "a",
    "two words",
    "it's",
    " lead",
    "trail ",
    "a  b",
    "say \"hi\"",
    "--",
    "-x",
    "--dry",
    "--no-dry",
    "note=x",
    "=",
    "café ü",
    "日本語",
    "😀 한글",
    "a\\b",
    "$HOME `id` !",
    "*;|#&<>",
    "'",
    "5",
    "true",
    "C:\\x",
    "%s {a}",
];
const NUMBERS: [&str; 6] = ["7", "-3", "0", " 42 ", "+5", "100"];
const FLOATS: [&str; 6] = ["1.5", "-0.25", "3", "1e3", ".5", " 2 "];
const DURATIONS: [&str; 5] = ["90", "20m", "1h30m", "500ms", " 2s "];
const PATHS: [&str; 6] = ["a", "/tmp/a b", "x/y.txt", "-x", "it's", "ü"];

/// Whether a way of filling in a form fills this argument too, which is not required.
type Way = fn(nth: usize, arg: &Arg, way: usize) -> bool;

/// The ways: what is required alone, all, every other argument, and only the last one.
const WAYS: [Way; 4] = [
    |_, _, _| false,
    |_, _, _| true,
    |nth, _, way| !(nth + way).is_multiple_of(2),
    |nth, _, way| (nth + way).is_multiple_of(2),
];

/// What is put into a field.
enum Filling {
    /// Text that is typed.
    Typed(String),
    /// A press of Space.
    Toggled,
    /// This choice.
    Chosen(usize),
}

/// What goes into the field of an argument in one round, and the value that is meant by it.
fn filling(arg: &Arg, round: usize) -> (Filling, Option<Value>) {
    if arg.multiple {
        let texts: Vec<String> = (0..=round % 3).map(|nth| text(arg, round + nth * 5)).collect();
        let words: Vec<_> = texts.iter().map(|text| cmdline::quote(text)).collect();
        let meant = texts.iter().map(|text| values::from_text(arg, text).unwrap()).collect();
        return (Filling::Typed(words.join(" ")), Some(Value::Array(meant)));
    }
    if arg.kind == ArgType::Bool {
        let on = !arg.default.as_ref().and_then(Value::as_bool).unwrap_or(false);
        return (Filling::Toggled, Some(on.into()));
    }
    if !arg.choices.is_empty() {
        let at = round % arg.choices.len();
        let same = |default: &Value| values::to_text(default) == values::to_text(&arg.choices[at]);
        let meant = (!arg.default.as_ref().is_some_and(same)).then(|| arg.choices[at].clone());
        return (Filling::Chosen(at), meant);
    }
    let text = text(arg, round);
    let meant = values::from_text(arg, trimmed(arg, &text)).unwrap();
    (Filling::Typed(text), Some(meant))
}

/// A text that an argument accepts, another one for each round.
fn text(arg: &Arg, round: usize) -> String {
    let texts: &[&str] = match arg.kind {
        // The expected return of a shutdown.
        ArgType::String if arg.name == "back" => &["20:00", "30m", "2026-12-01 20:00"],
        ArgType::String if arg.name == "since" => &["2h", "90", "2026-03-01T09:00:00Z"],
        ArgType::Int => &NUMBERS,
        ArgType::Float => &FLOATS,
        ArgType::Duration => &DURATIONS,
        ArgType::Path => &PATHS,
        _ => &TEXTS,
    };
    let padding = "x".repeat(usize::try_from(arg.min_length.unwrap_or(0)).unwrap());
    let texts: Vec<String> = if arg.choices.is_empty() {
        texts.iter().flat_map(|text| [(*text).to_owned(), format!("{text}{padding}")]).collect()
    } else {
        arg.choices.iter().map(values::to_text).collect()
    };
    let accepted = |text: &&String| {
        // A word of several has no blanks around it.
        let trimmed = if arg.multiple { text } else { trimmed(arg, text) };
        values::from_text(arg, trimmed).is_ok()
    };
    let accepted: Vec<&String> = texts.iter().filter(accepted).collect();
    assert!(!accepted.is_empty(), "no text for {arg:?}");
    accepted[round % accepted.len()].clone()
}

/// Blanks around a number are not part of it.
fn trimmed<'t>(arg: &Arg, text: &'t str) -> &'t str {
    let number = matches!(arg.kind, ArgType::Int | ArgType::Float | ArgType::Duration);
    if number { text.trim() } else { text }
}

/// A client at a server, through a relay that keeps what it sends.
struct Walk {
    home: Home,
    screen: Screen,
    relay: Relay,
    _server: Server,
}

impl Walk {
    /// These commands do not reach the server.
    fn start(home: Home, held: &[&str]) -> Self {
        let server = Server::start(&home);
        let relay = Relay::holding(&home, held);
        let mut screen = relay.screen(&home, SIZE);
        screen.connect("answers in");
        screen.see("F3 menu");
        Self { home, screen, relay, _server: server }
    }

    fn menu(&self) -> Vec<Command> {
        let menu = ask(&self.home, "commands/list", &Value::Object(Map::new()));
        serde_json::from_value(menu["commands"].clone()).unwrap()
    }

    /// Opens the form of a command from the menu, by a click, which runs nothing.
    fn open(&mut self, name: &str) {
        self.screen.write("\x1bOR");
        self.screen.see("MENU ❯");
        self.screen.write(name);
        let row = |screen: &vt100::Screen, sign: &str| {
            let wanted = format!("{sign}  {name} ");
            (0..SIZE.1).find(|row| cells(screen, *row, 0..34).concat().starts_with(&wanted))
        };
        self.screen.until(&format!("{name} in the menu"), |screen| {
            let filtered = screen.contents().contains(&format!("MENU ❯ {name}"));
            filtered && (row(screen, " ").or(row(screen, "▌"))).is_some()
        });
        let at = loop {
            match self.screen.look(PATIENCE, |screen, _| {
                row(screen, "▌").map(Ok).or_else(|| row(screen, " ").map(Err))
            }) {
                Ok(Ok(at)) => break at,
                Ok(Err(at)) => {
                    self.screen.click_at(3, usize::from(at));
                    self.screen.until("the chosen row", |screen| row(screen, "▌").is_some());
                }
                Err(why) => panic!("{name}: {why}"),
            }
        };
        self.screen.click_at(3, usize::from(at));
        self.screen.see("▐ Cancel ▌");
    }

    /// Fills the form in; the values that are meant, and the line that it shows.
    fn fill(
        &mut self,
        command: &Command,
        (way, round): (usize, usize),
    ) -> (Map<String, Value>, String) {
        let mut meant = Map::new();
        for _ in &command.args {
            self.screen.write("\x1b[A");
        }
        for (nth, arg) in command.args.iter().enumerate() {
            if arg.required || WAYS[way](nth, arg, way) {
                let (filling, value) = filling(arg, round * WAYS.len() + way + nth * 3);
                match filling {
                    Filling::Typed(text) => self.screen.write(&text),
                    Filling::Toggled => self.screen.write(" "),
                    Filling::Chosen(at) => {
                        self.screen.write(&format!("\x1b[H{}", "\x1b[C".repeat(at)));
                    }
                }
                meant.extend(value.map(|value| (arg.name.clone(), value)));
            }
            self.screen.write("\x1b[B");
        }
        let shown = self.screen.look(PATIENCE, |screen, _| line_of_form(screen));
        let shown = shown.unwrap_or_else(|why| panic!("{} {meant:?}: {why}", command.name));
        (meant, shown)
    }

    /// What the client sends after Enter, when the questions are answered.
    fn sent(&mut self, before: usize, what: &str) -> Value {
        let mut answered = false;
        loop {
            let asks = self.screen.look(PATIENCE, |screen, _| {
                let text = screen.contents();
                let sent = self.relay.count() > before;
                let asks = text.contains("▐ Run it ▌") || text.contains(" to confirm");
                (sent || (asks && !answered)).then_some((!sent).then_some(text))
            });
            match asks.unwrap_or_else(|why| panic!("{what}: {why}")) {
                Some(question) if question.contains(" to confirm") => {
                    self.screen.write(&format!("{}\r\r", wanted_name(&question)));
                }
                Some(_) => self.screen.write("y"),
                None => return self.relay.newest(),
            }
            answered = true;
        }
    }

    /// Fills in the form of a command, runs it, types the line that it showed, and compares what was sent.
    fn compare(&mut self, command: &Command, way: (usize, usize)) {
        self.open(&command.name);
        let (mut meant, line) = self.fill(command, way);
        let before = self.relay.count();
        self.screen.write("\r");
        let of_form = self.sent(before, &line);
        assert_eq!(of_form["command"], *command.name, "{line:?}");
        let none = Value::Object(Map::new());
        let args = |sent: &Value| sent.get("args").unwrap_or(&none).clone();
        let sent = args(&of_form);
        // An expected return at a time of the day is typed in the zone of the user, and sent as a moment.
        let moment = sent["back"].as_str().filter(|time| time.ends_with("00.000Z"));
        if let (Some(back), Some(moment)) = (meant.get_mut("back"), moment) {
            *back = moment.into();
        }
        assert_eq!(sent, Value::Object(meant.clone()), "the form of {line:?}");
        // A secret is not in the line: it is typed again.
        let mut typed = line.clone();
        for arg in command.args.iter().filter(|arg| arg.kind == ArgType::Secret) {
            assert!(!line.contains(&format!("--{}", arg.name)), "{line:?}");
            if let Some(secret) = meant.get(&arg.name) {
                let option =
                    format!(" --{}={}", arg.name, cmdline::quote(secret.as_str().unwrap()));
                typed.insert_str(command.name.len(), &option);
            }
        }
        self.screen.gone("▐ Cancel ▌");
        let before = self.relay.count();
        self.screen.write(&format!("{typed}\r"));
        let of_line = self.sent(before, &typed);
        assert_eq!(of_line, of_form, "{typed:?}");
    }

    /// Each command of the menu that is wanted, in each way, so many rounds.
    fn walk(&mut self, rounds: usize, wanted: impl Fn(&Command) -> bool) -> usize {
        let commands: Vec<Command> = self.menu().into_iter().filter(|c| wanted(c)).collect();
        for command in &commands {
            for round in 0..rounds {
                // Without optional arguments, every way is the first.
                let optional = command.args.iter().filter(|arg| !arg.required).count();
                for way in 0..if optional == 0 { 1 } else { WAYS.len() } {
                    self.compare(command, (way, round));
                }
            }
        }
        commands.len()
    }
}

/// The cells of a part of a row.
fn cells(screen: &vt100::Screen, row: u16, columns: std::ops::Range<u16>) -> Vec<String> {
    let cell = |column| {
        screen.cell(row, column).map(|cell| match cell.contents() {
            "" if cell.is_wide_continuation() => String::new(),
            "" => " ".to_owned(),
            text => text.to_owned(),
        })
    };
    columns.filter_map(cell).collect()
}

/// The line that a form shows above its buttons, once the one that runs has the focus.
fn line_of_form(screen: &vt100::Screen) -> Option<String> {
    let button: Vec<String> = "▐▸Run◂▌".chars().map(String::from).collect();
    let (row, left, right) = (2..SIZE.1).find_map(|row| {
        let cells = cells(screen, row, 0..SIZE.0);
        let at = cells.windows(button.len()).position(|cells| cells == button)?;
        let left = cells[..at].iter().rposition(|cell| cell == "│")?;
        let right = at + cells[at..].iter().position(|cell| cell == "│")?;
        Some((row, left, right))
    })?;
    let columns = u16::try_from(left + 1).unwrap()..u16::try_from(right).unwrap();
    let [line, more] = [2, 1].map(|above| cells(screen, row - above, columns.clone()).concat());
    // At most two rows are read back: no line here is longer. It is wrapped at a blank.
    let line = line.trim().strip_prefix("❯")?;
    Some(format!("{} {}", line.trim(), more.trim()).trim().to_owned())
}

const TYPES: &str = r#"
[commands.text]
exec = ["/usr/bin/printf", "%s\\n", "{b}", "{a}", "{c}"]
effect = "write"
args = [
    { name = "b", type = "string", required = true, allow_dash = true }, { name = "a", type = "string" },
    { name = "c", type = "string", default = "d", allow_dash = true },
]

[commands.numbers]
exec = ["/usr/bin/printf", "%s\\n", "{i}", "{f}", "{t}"]
effect = "write"
args = [{ name = "i", type = "int", minimum = -5 }, { name = "f", type = "float" }, { name = "t", type = "duration", default = "5m" }]

[commands.switches]
exec = ["/usr/bin/printf", "%s\\n", "{sure}", "{dry}", "{loud}", "{note}"]
effect = "write"
confirm = "Really {note}?"
args = [
    { name = "sure", type = "bool", required = true }, { name = "dry", type = "bool", flag = "--dry" },
    { name = "loud", type = "bool", default = true }, { name = "note", type = "string", allow_dash = true },
]

[commands.choices]
exec = ["/usr/bin/printf", "%s\\n", "{bed}", "{level}", "{free}"]
effect = "write"
args = [
    { name = "bed", type = "enum", choices = ["the lawn", "it's", "--all", "ü", "free=1"], allow_dash = true },
    { name = "level", type = "int", choices = [1, -2, 30], default = -2 },
    { name = "free", type = "string", allow_dash = true },
]

[commands.paths]
exec = ["/usr/bin/printf", "%s\\n", "{to}", "{from}"]
effect = "write"
args = [{ name = "to", type = "path", required = true }, { name = "from", type = "path", allow_dash = true }]

[commands.several]
exec = ["/usr/bin/printf", "%s\\n", "{one}", "{words}"]
effect = "write"
args = [
    { name = "one", type = "string", allow_dash = true },
    { name = "words", type = "string", multiple = true, allow_dash = true },
]

[commands.zones]
exec = ["/usr/bin/printf", "%s\\n", "{dry}", "{zones}"]
effect = "write"
args = [{ name = "dry", type = "bool" }, { name = "zones", type = "int", multiple = true, flag = "-z" }]

[commands.moods]
exec = ["/usr/bin/printf", "%s\\n", "{level}", "{moods}"]
effect = "write"
args = [
    { name = "level", type = "float", required = true },
    { name = "moods", type = "enum", choices = ["slow", "very fast", "it's"], multiple = true, required = true },
]

[commands.waits]
exec = ["/usr/bin/printf", "%s\\n", "{waits}"]
effect = "write"
args = [{ name = "waits", type = "duration", multiple = true, default = ["1m"] }]

[commands.login]
exec = ["/usr/bin/printf", "%s\\n", "{dry}", "{user}"]
effect = "write"
args = [
    { name = "word", type = "secret", stdin = true, required = true }, { name = "user", type = "string", allow_dash = true },
    { name = "pin", type = "secret", env = "PIN" }, { name = "dry", type = "bool" },
]

[commands."odd.name_1"]
exec = ["/usr/bin/printf", "%s\\n", "{no-try_1}", "{dry}", "{x}"]
effect = "write"
args = [
    { name = "dry", type = "bool" }, { name = "no-try_1", type = "string", allow_dash = true },
    { name = "x", type = "string", allow_dash = true, pattern = '.*[^ ]' },
]
"#;

#[test]
fn the_line_of_a_form_sends_what_the_form_sends_for_every_type_of_argument() {
    let mut walk = Walk::start(Home::with_menu(TYPES), &[]);
    assert_eq!(walk.walk(6, |command| command.category != "Server"), 11);
}

#[test]
fn the_line_of_a_form_sends_what_the_form_sends_for_the_commands_of_the_server() {
    let mut walk = Walk::start(Home::with_menu(""), &["shutdown", "close"]);
    let walked = walk.walk(4, |command| command.category == "Server");
    assert!(walked >= 11, "{walked}");
}

/// A sample with a program that every machine has; what it declares of arguments stays.
fn with_programs_of_this_machine(path: &Path) -> String {
    let mut text: DocumentMut = std::fs::read_to_string(path).unwrap().parse().unwrap();
    text.remove("workers");
    let commands = text["commands"].as_table_mut().unwrap();
    for (_, command) in commands.iter_mut() {
        let command = command.as_table_mut().unwrap();
        for field in ["worker", "function", "safe_state", "safe_state_on", "output", "stdin"] {
            command.remove(field);
        }
        let mut exec = toml_edit::Array::new();
        exec.push("true");
        let args = command.get_mut("args").and_then(|args| args.as_array_of_tables_mut());
        for arg in args.into_iter().flat_map(|args| args.iter_mut()) {
            arg.remove("root");
            // What lists them is not on this machine.
            if arg.remove("choices_from").is_some() {
                arg["choices"] = toml_edit::value(toml_edit::Array::from_iter(["one", "two"]));
            }
            if arg["type"].as_str() != Some("secret") {
                exec.push(format!("{{{}}}", arg["name"].as_str().unwrap()));
            }
        }
        command["exec"] = toml_edit::value(exec);
    }
    text.to_string()
}

#[test]
fn the_line_of_a_form_sends_what_the_form_sends_for_the_samples() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let home = Home::with_menu(&with_programs_of_this_machine(&root.join("config/commands.toml")));
    std::fs::create_dir(home.0.path().join("config/commands.d")).unwrap();
    for entry in std::fs::read_dir(root.join("examples/commands.d")).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("commands.d/{}", path.file_name().unwrap().to_str().unwrap());
        home.configure(&name, &with_programs_of_this_machine(&path));
    }
    let mut walk = Walk::start(home, &[]);
    let walked = walk.walk(2, |command| command.category != "Server");
    assert!(walked >= 28, "{walked}");
}
