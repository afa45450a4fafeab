//! The configuration of OliveTin (`config.yaml`) as a menu file.

use std::collections::HashSet;
use std::fmt::Write as _;

use topside_shared::text::clean;
use yaml_rust2::{Yaml, YamlLoader};

use super::shell::{self, Named};

/// Names and aliases of built-in commands.
const RESERVED: &str =
    "menu m help status gat clients runs log rlf version gv time gt echo close shutdown ks";
/// What OliveTin lets an action take where it says nothing, in seconds.
const TIMEOUT: i64 = 3;
/// Most characters of a value in a line `# lost:`.
const MAX_SHOWN: usize = 80;

/// Fields of a mapping that were not used yet.
struct Fields<'a>(Vec<(String, &'a Yaml)>);

impl<'a> Fields<'a> {
    fn of(value: &'a Yaml) -> Option<Self> {
        let map = value.as_hash()?;
        Some(Self(
            map.iter().map(|(key, value)| (scalar(key).unwrap_or_default(), value)).collect(),
        ))
    }

    fn take(&mut self, name: &str) -> Option<&'a Yaml> {
        let place = self.0.iter().position(|(key, _)| key == name)?;
        Some(self.0.remove(place).1).filter(|value| !value.is_null())
    }

    fn text(&mut self, name: &str) -> Option<String> {
        self.take(name).and_then(scalar)
    }
}

/// The menu, as it is written.
#[derive(Default)]
struct Menu {
    text: String,
    names: HashSet<String>,
}

impl Menu {
    fn lost(&mut self, what: impl AsRef<str>) {
        let _ = writeln!(self.text, "# lost: {}", clean(what.as_ref(), 300));
    }

    fn rest(&mut self, owner: &str, fields: Fields<'_>) {
        for (key, value) in fields.0 {
            self.lost(format!("{owner}{key} = {}", shown(value)));
        }
    }

    fn set(&mut self, key: &str, value: impl Into<toml_edit::Value>) {
        let _ = writeln!(self.text, "{key} = {}", value.into());
    }

    fn list(&mut self, key: &str, values: &[String]) {
        self.set(key, values.iter().map(String::as_str).collect::<toml_edit::Array>());
    }
}

/// Converts the text of a configuration.
///
/// # Errors
/// One sentence: it is no YAML, or has no actions.
pub(super) fn convert(text: &str) -> Result<String, String> {
    let documents =
        YamlLoader::load_from_str(text).map_err(|error| format!("it is no YAML: {error}"))?;
    let [document] = &documents[..] else {
        return Err("it must be one YAML document".to_owned());
    };
    let mut top = Fields::of(document).ok_or("its top must be a mapping")?;
    let actions = top.take("actions").and_then(Yaml::as_vec).ok_or("it has no list `actions`")?;
    let mut menu = Menu::default();
    menu.text.push_str(
        "# Made by `topside import olivetin`. Look at each command and each line `# lost:`, then copy it to commands.d.\n\
         # Each command is for admins and counts as destructive until you give it an `effect` and a `role`. It runs as the\n\
         # user of the server, with a clean environment.\n",
    );
    menu.rest("", top);
    for (number, value) in actions.iter().enumerate() {
        menu.text.push('\n');
        match Fields::of(value) {
            Some(fields) => action(&mut menu, fields),
            None => menu.lost(format!("action {}: it is no mapping", number + 1)),
        }
    }
    Ok(menu.text)
}

fn action(menu: &mut Menu, mut fields: Fields<'_>) {
    let title = fields.text("title").unwrap_or_else(|| "action".to_owned());
    let arguments = fields.take("arguments").and_then(Yaml::as_vec).cloned().unwrap_or_default();
    let mut arguments: Vec<Argument> = arguments.iter().filter_map(Argument::read).collect();
    let line = (fields.text("shell"), fields.take("exec"));
    let confirm =
        arguments.iter().find(|one| one.kind == "confirmation").map(|one| one.title.clone());
    arguments.retain(|one| one.kind != "confirmation");
    let named: Vec<Named> = arguments.iter().map(Argument::named).collect();
    let exec = match line {
        (Some(line), _) => shell::exec(&line, &named),
        (None, Some(exec)) => elements(exec, &named),
        (None, None) => Err("it has neither `shell` nor `exec`".to_owned()),
    };
    let exec = match exec {
        Ok(exec) => exec,
        Err(why) => return menu.lost(format!("the action \"{title}\": {why}")),
    };
    // An argument that the line does not name goes nowhere.
    let is_used = |one: &Argument| exec.elements.contains(&format!("{{{}}}", one.name));
    let (used, unused): (Vec<Argument>, Vec<Argument>) = arguments.into_iter().partition(is_used);
    let name = fields.text("id").filter(|id| slug(id) == *id).unwrap_or_else(|| slug(&title));
    let name = free_name(menu, &name);
    let at_start = fields.take("execOnStartup").and_then(Yaml::as_bool) == Some(true);
    let cron = fields.take("execOnCron").map(texts).unwrap_or_default();
    let timeout = fields.take("timeout").and_then(Yaml::as_i64).unwrap_or(TIMEOUT);
    let most = fields.take("maxConcurrent").and_then(Yaml::as_i64).filter(|most| *most > 0);
    for lost in exec.lost {
        menu.lost(lost);
    }
    for one in unused {
        menu.lost(format!("the argument {}, which the line does not name", one.name));
    }
    menu.rest("", fields);
    let _ = writeln!(menu.text, "[commands.{name}]");
    menu.set("title", title);
    menu.list("exec", &exec.elements);
    menu.set("timeout", if timeout > 0 { format!("{timeout}s") } else { "none".to_owned() });
    if let Some(question) = confirm {
        menu.set("confirm", question.replace(['{', '}'], ""));
    }
    if let Some(most) = most {
        menu.set("max_concurrent", most);
    }
    for argument in &used {
        argument.write(menu, &name);
    }
    let starts = at_start.then(|| ("at_start", "true".to_owned())).into_iter();
    for (number, (field, value)) in
        starts.chain(cron.into_iter().map(|cron| ("cron", cron))).enumerate()
    {
        let suffix = if number == 0 { String::new() } else { format!("-{}", number + 1) };
        if let Some(one) = used.iter().find(|one| one.default().is_none()) {
            menu.lost(format!("the schedule {field} = {value}: {} has no default", one.name));
            continue;
        }
        if field == "cron" && value.split_ascii_whitespace().count() > 5 {
            menu.lost(format!("the schedule {value}: it has seconds"));
            continue;
        }
        let _ = writeln!(menu.text, "\n[[commands.{name}.schedule]]");
        menu.set("name", format!("{name}{suffix}"));
        match field {
            "cron" => menu.set("cron", value),
            _ => menu.set("at_start", true),
        }
    }
}

/// The elements of `exec`, which no shell reads.
fn elements(exec: &Yaml, named: &[Named]) -> Result<shell::Exec, String> {
    let mut elements = Vec::new();
    for element in texts(exec) {
        let place = element.trim().strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
        match place.map(str::trim) {
            Some(name) if named.iter().any(|one| one.name == name) => {
                elements.push(format!("{{{name}}}"));
            }
            None if !element.contains("{{") => elements.push(element),
            _ => return Err(format!("`{element}` of `exec` has a value inside an element")),
        }
    }
    match elements.is_empty() {
        true => Err("its `exec` is empty".to_owned()),
        false => Ok(shell::Exec { elements, lost: Vec::new() }),
    }
}

/// A name that is not taken.
fn free_name(menu: &mut Menu, wanted: &str) -> String {
    let is_reserved = RESERVED.split_ascii_whitespace().any(|name| name == wanted);
    let first = if is_reserved { format!("{wanted}-box") } else { wanted.to_owned() };
    let numbered = (2..).map(|number| format!("{first}-{number}"));
    let mut names = std::iter::once(first.clone()).chain(numbered);
    let free = names.find(|name| !menu.names.contains(name)).unwrap_or(first);
    menu.names.insert(free.clone());
    free
}

/// A title as the name of a command.
fn slug(title: &str) -> String {
    let mut slug = String::new();
    for c in title.to_lowercase().chars() {
        match c {
            'a'..='z' | '0'..='9' => slug.push(c),
            _ if !slug.is_empty() && !slug.ends_with('-') => slug.push('-'),
            _ => {}
        }
    }
    let slug: String = slug.trim_end_matches('-').chars().take(60).collect();
    if slug.is_empty() { "action".to_owned() } else { slug }
}

/// An argument of an action.
struct Argument {
    name: String,
    title: String,
    kind: String,
    description: Option<String>,
    default: Option<String>,
    /// Values, and titles that differ from them.
    choices: Vec<(String, Option<String>)>,
    lost: Vec<String>,
}

/// Types with a pattern, and whether no value of it means anything to a shell.
const PATTERNS: [(&str, &str, bool); 6] = [
    ("ascii", "[a-zA-Z0-9]+", true),
    ("ascii_identifier", "[a-zA-Z0-9._-]+", true),
    ("shell_safe_identifier", "[a-zA-Z0-9._-]+", true),
    ("ascii_sentence", "[a-zA-Z0-9._, -]+", false),
    ("unicode_identifier", r"[\w./\\ -]+", false),
    ("datetime", "[0-9T:. -]+", false),
];

impl Argument {
    fn read(value: &Yaml) -> Option<Self> {
        let mut fields = Fields::of(value)?;
        let kind = fields.text("type").unwrap_or_default();
        let name = fields.text("name").unwrap_or_default();
        let title = fields.text("title").unwrap_or_else(|| name.clone());
        let choices = fields.take("choices").and_then(Yaml::as_vec).cloned().unwrap_or_default();
        let choices = choices.iter().filter_map(|choice| {
            let mut fields = Fields::of(choice)?;
            let value = fields.text("value")?;
            let title = fields.text("title").filter(|title| *title != value);
            Some((value, title))
        });
        let choices = choices.collect();
        let description = fields.text("description");
        let default = fields.text("default");
        let owner =
            |key: &str, value: &Yaml| format!("{key} = {} of the argument {name}", shown(value));
        let lost = fields.0.iter().map(|(key, value)| owner(key, value)).collect();
        Some(Self { name, title, kind, description, default, choices, lost })
    }

    fn default(&self) -> Option<&str> {
        self.default.as_deref().filter(|default| !default.is_empty())
    }

    fn pattern(&self) -> Option<(&str, bool)> {
        if let Some(own) = self.kind.strip_prefix("regex:") {
            return Some((own.trim_start_matches('^').trim_end_matches('$'), false));
        }
        let found = PATTERNS.iter().find(|(kind, ..)| *kind == self.kind);
        found.map(|(_, pattern, is_plain)| (*pattern, *is_plain))
    }

    fn named(&self) -> Named {
        let is_plain = |text: &str| {
            !text.is_empty()
                && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-/:,@+".contains(&b))
        };
        let is_plain = match self.choices.is_empty() {
            false => self.choices.iter().all(|(value, _)| is_plain(value)),
            true => self.kind == "int" || self.pattern().is_some_and(|(_, is_plain)| is_plain),
        };
        Named { name: self.name.clone(), is_plain }
    }

    fn write(&self, menu: &mut Menu, command: &str) {
        menu.text.push('\n');
        for lost in &self.lost {
            menu.lost(lost);
        }
        for (value, title) in &self.choices {
            if let Some(title) = title {
                menu.lost(format!("the title \"{title}\" of the choice {value}"));
            }
        }
        let (mut kind, mut pattern) = ("string", None);
        let is_int = self.kind == "int"
            && self.choices.iter().all(|(value, _)| value.parse::<i64>().is_ok());
        if !self.choices.is_empty() && !is_int {
            kind = "enum";
        } else if is_int {
            kind = "int";
        } else if self.kind == "password" {
            menu.lost("the password, which was a part of the command line: pass a `secret` by `env` or `stdin`");
        } else if let Some((found, _)) = self.pattern() {
            pattern = Some(found.to_owned());
            if found.contains('-') {
                menu.lost(format!(
                    "a value of {} that begins with -, which is refused here",
                    self.name
                ));
            }
        } else {
            let kind = if self.kind.is_empty() { "none" } else { &self.kind };
            menu.lost(format!("the check of the type {kind} of {}", self.name));
        }
        let _ = writeln!(menu.text, "[[commands.{command}.args]]");
        menu.set("name", self.name.clone());
        menu.set("type", kind);
        menu.set("description", self.description.clone().unwrap_or_else(|| self.title.clone()));
        if let Some(pattern) = pattern {
            menu.set("pattern", pattern);
        }
        if is_int && self.choices.is_empty() {
            menu.set("minimum", 0);
        }
        let number = |text: &str| text.parse::<i64>().ok().filter(|_| is_int);
        if !self.choices.is_empty() {
            let value = |text: &str| match number(text) {
                Some(number) => toml_edit::Value::from(number),
                None => toml_edit::Value::from(text),
            };
            let values = self.choices.iter().map(|(text, _)| value(text));
            menu.set("choices", values.collect::<toml_edit::Array>());
        }
        match self.default() {
            None => menu.set("required", true),
            Some(default) => match number(default) {
                Some(number) => menu.set("default", number),
                None => menu.set("default", default),
            },
        }
    }
}

/// A scalar as text.
fn scalar(value: &Yaml) -> Option<String> {
    match value {
        Yaml::String(text) | Yaml::Real(text) => Some(text.clone()),
        Yaml::Integer(number) => Some(number.to_string()),
        Yaml::Boolean(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// The texts of a list; of a scalar, that one.
fn texts(value: &Yaml) -> Vec<String> {
    match value.as_vec() {
        Some(items) => items.iter().filter_map(scalar).collect(),
        None => scalar(value).into_iter().collect(),
    }
}

/// A value in a line `# lost:`.
fn shown(value: &Yaml) -> String {
    match value {
        Yaml::Array(items) => format!("a list of {}", items.len()),
        Yaml::Hash(map) => format!("a table of {}", map.len()),
        value => clean(&scalar(value).unwrap_or_default(), MAX_SHOWN),
    }
}
