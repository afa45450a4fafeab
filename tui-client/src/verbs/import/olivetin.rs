//! The configuration of OliveTin (`config.yaml`) as a menu file.

use std::fmt::Write as _;

use topside_shared::text::{MAX_NAME, MAX_REASON, clean};
use topside_shared::values::parse_duration;
use yaml_rust2::{Yaml, YamlLoader};

use super::argument::{self, Argument};
use super::menu::{Imported, Menu};
use super::shell::{self, Named};
use super::yaml::{Fields, texts};

/// Names and aliases of built-in commands.
const RESERVED: &str =
    "menu m help status gat clients runs log rlf version gv time gt echo close shutdown ks";
/// The largest limit of runs, and its longest period in milliseconds.
const MAX_RUNS: u64 = 10_000;
const LONGEST_PERIOD: u64 = 366 * 86_400_000;
/// What OliveTin lets an action take where it says nothing, in seconds.
const TIMEOUT: i64 = 3;

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
    // Once for the names of all commands: an action may name a later one.
    let mut names = Menu::default();
    for fields in actions.iter().filter_map(Fields::of) {
        action(&mut names, fields);
    }
    let mut menu = Menu::knowing(names.actions);
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
    let shown_title = clean(&title, MAX_NAME);
    let arguments = fields.take("arguments").and_then(Yaml::as_vec).cloned().unwrap_or_default();
    let mut arguments: Vec<Argument> = arguments.iter().filter_map(Argument::read).collect();
    let repeated = argument::name_all(&mut arguments);
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
    let is_used = |one: &Argument| exec.elements.contains(&format!("{{{}}}", one.own));
    let (used, unused): (Vec<Argument>, Vec<Argument>) = arguments.into_iter().partition(is_used);
    let name = fields.text("id").filter(|id| slug(id) == *id).unwrap_or_else(|| slug(&title));
    let name = free_name(menu, &name);
    let at_start = fields.take("execOnStartup").and_then(Yaml::as_bool) == Some(true);
    let cron = fields.take("execOnCron").map(texts).unwrap_or_default();
    let timeout = fields.take("timeout").and_then(Yaml::as_i64).unwrap_or(TIMEOUT);
    let most = fields.take("maxConcurrent").and_then(Yaml::as_i64).filter(|most| *most > 0);
    let rates = fields.take("maxRate").and_then(Yaml::as_vec).cloned().unwrap_or_default();
    let triggers = fields.take("triggers").map(texts).unwrap_or_default();
    let is_hidden = fields.take("hidden").and_then(Yaml::as_bool) == Some(true);
    let needs = used.iter().find(|one| one.default().is_none()).map(|one| one.own.clone());
    menu.actions.entry(title.clone()).or_insert(Imported { name: name.clone(), needs });
    for lost in exec.lost {
        menu.lost(lost);
    }
    for one in unused {
        menu.lost(format!("the argument {}, which the line does not name", one.name));
    }
    for name in repeated {
        menu.lost(format!("the second argument of the name {name}"));
    }
    menu.rest("", fields);
    let _ = writeln!(menu.text, "[commands.{name}]");
    if !shown_title.is_empty() {
        menu.set("title", shown_title);
    }
    menu.list("exec", &exec.elements);
    menu.set("timeout", if timeout > 0 { format!("{timeout}s") } else { "none".to_owned() });
    if let Some(question) = confirm {
        menu.set("confirm", clean(&question, MAX_REASON).replace(['{', '}'], ""));
    }
    if let Some(most) = most {
        menu.set("max_concurrent", most);
    }
    rate(menu, &rates);
    if is_hidden {
        menu.lost("the start of this hidden action by its number: only `then` and schedules start it here");
        menu.set("menu", false);
    }
    menu.then(&name, &triggers);
    for argument in &used {
        argument.write(menu, &name);
    }
    let starts = at_start.then(|| ("at_start", "true".to_owned())).into_iter();
    for (number, (field, value)) in
        starts.chain(cron.into_iter().map(|cron| ("cron", cron))).enumerate()
    {
        let suffix = if number == 0 { String::new() } else { format!("-{}", number + 1) };
        if let Some(one) = used.iter().find(|one| one.default().is_none()) {
            menu.lost(format!("the schedule {field} = {value}: {} has no default", one.own));
            continue;
        }
        if field == "cron"
            && let Err(why) = topside_server::cli::check_cron(&value)
        {
            menu.lost(format!("the schedule {value}: {why}"));
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

/// The first limit of runs in a period; a command has one.
fn rate(menu: &mut Menu, rates: &[Yaml]) {
    let mut is_set = false;
    for rate in rates {
        let mut fields = Fields::of(rate).unwrap_or_default();
        let (limit, duration) = (fields.text("limit"), fields.text("duration"));
        let (limit, duration) = (limit.unwrap_or_default(), duration.unwrap_or_default());
        let is_count = limit.parse().is_ok_and(|limit: u64| (1..=MAX_RUNS).contains(&limit));
        // OliveTin has no days.
        let is_ours = !duration.contains('d')
            && parse_duration(&duration).is_some_and(|ms| (1..=LONGEST_PERIOD).contains(&ms));
        if is_count && is_ours && !is_set {
            menu.set("rate", format!("{limit}/{duration}"));
            is_set = true;
        } else {
            menu.lost(format!("the limit of {limit} runs in {duration}"));
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
                elements.push(shell::place(name, named));
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
