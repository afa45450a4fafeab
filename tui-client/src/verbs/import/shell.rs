//! A line for a shell with `{{ places }}` as the elements of `exec`.

/// An argument that a line may name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) name: String,
    /// Its name in the menu file.
    pub(super) own: String,
    /// Whether no value of it means anything to a shell: neither a blank nor a special character.
    pub(super) is_plain: bool,
}

/// The elements of `exec`, and what may differ.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Exec {
    pub(super) elements: Vec<String>,
    pub(super) lost: Vec<String>,
}

/// Characters that mean something to a shell.
const SPECIAL: &str = "|&;<>()$`\\\"'*?[]#~=%!{}\n";
/// Words that a shell does by itself, perhaps in another way than the program of the same name.
const BUILT_INS: &str = "\
    . : [ alias bg break case cd command continue do echo eval exec exit export false fg for function getopts hash if jobs \
    kill let local printf pwd read readonly return set shift source test time times trap true type ulimit umask unalias \
    unset until wait while";
/// The parameters of a shell with one digit.
const MOST_PARAMETERS: usize = 9;

/// The place of an argument in `exec`.
pub(super) fn place(name: &str, named: &[Named]) -> String {
    let own = named.iter().find(|one| one.name == name).map_or(name, |one| &one.own);
    format!("{{{own}}}")
}

enum Part<'a> {
    Text(&'a str),
    Place(&'a str),
}

/// The text and the `{{ places }}` of a line.
fn parts(line: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((inner, behind)) = after.split_once("}}") else { break };
        parts.push(Part::Text(before));
        let inner = inner.trim();
        parts.push(Part::Place(inner.strip_prefix(".Arguments.").unwrap_or(inner)));
        rest = behind;
    }
    parts.push(Part::Text(rest));
    parts
}

/// Converts a line.
///
/// # Errors
/// One sentence: the line cannot be a command.
pub(super) fn exec(line: &str, named: &[Named]) -> Result<Exec, String> {
    let line = line.trim();
    let parts = parts(line);
    let places = parts.iter().filter_map(|part| match part {
        Part::Place(name) => Some(*name),
        Part::Text(_) => None,
    });
    for place in places {
        if !named.iter().any(|one| one.name == place) {
            return Err(format!("`{{{{ {place} }}}}` is no argument"));
        }
    }
    match words(&parts, named) {
        Some(elements) => Ok(Exec { elements, lost: Vec::new() }),
        None => script(&parts, named),
    }
}

/// The words of a line that needs no shell.
fn words(parts: &[Part<'_>], named: &[Named]) -> Option<Vec<String>> {
    let mut words: Vec<String> = Vec::new();
    // Whether the next part begins a word.
    let mut begins = true;
    for part in parts {
        match part {
            Part::Text("") => {}
            Part::Text(text) => {
                if text.contains(|c| SPECIAL.contains(c)) || (!begins && !text.starts_with(' ')) {
                    return None;
                }
                words.extend(text.split_ascii_whitespace().map(str::to_owned));
                begins = text.ends_with(|c: char| c.is_ascii_whitespace());
            }
            Part::Place(name) => {
                let is_plain = named.iter().any(|one| one.name == *name && one.is_plain);
                if !begins || !is_plain {
                    return None;
                }
                words.push(place(name, named));
                begins = false;
            }
        }
    }
    let first = words.first()?;
    let is_program =
        !first.starts_with('{') && !BUILT_INS.split_ascii_whitespace().any(|one| one == first);
    is_program.then_some(words)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quote {
    None,
    Single,
    Double,
    /// From a `#` to the end of the line; not a quote, but quotes in it mean nothing.
    Comment,
}

/// A script in which each place is a parameter, so that a value is never read as a part of the script.
fn script(parts: &[Part<'_>], named: &[Named]) -> Result<Exec, String> {
    let mut used: Vec<&str> = Vec::new();
    let (mut script, mut lost, mut quote) = (String::new(), Vec::new(), Quote::None);
    let whole: String = parts
        .iter()
        .map(|part| match part {
            Part::Text(text) => *text,
            Part::Place(_) => " ",
        })
        .collect();
    // What stands in `$(..)` and `${..}` has quotes of its own.
    let has_quotes = whole.contains(['\'', '"']);
    let is_simple = !(whole.contains('`')
        || whole.contains("<<")
        || whole.contains("$((")
        || has_quotes && (whole.contains("$(") || whole.contains("${")));
    for part in parts {
        match part {
            Part::Text(text) => {
                quote = after(script.chars().last(), text, quote);
                script.push_str(text);
            }
            Part::Place(name) => {
                let number = used.iter().position(|one| one == name).unwrap_or_else(|| {
                    used.push(name);
                    used.len() - 1
                }) + 1;
                script.push_str(&match quote {
                    Quote::None | Quote::Comment => format!("\"${number}\""),
                    Quote::Double => format!("${number}"),
                    Quote::Single => format!("'\"${number}\"'"),
                });
                let is_plain = named.iter().any(|one| one.name == *name && one.is_plain);
                if !is_plain {
                    lost.push(format!(
                        "the value of `{name}` was a part of the script, and could be words or commands of it; here it is one text"
                    ));
                } else if !is_simple {
                    lost.push(format!(
                        "look at the place of `{name}`: backquotes, << and $((, and quotes beside $( and ${{, are not followed"
                    ));
                }
            }
        }
    }
    if used.len() > MOST_PARAMETERS {
        return Err(format!("its script has more than {MOST_PARAMETERS} arguments"));
    }
    lost.dedup();
    let mut elements: Vec<String> = ["sh", "-c", &script].map(str::to_owned).into();
    if !used.is_empty() {
        elements.push("sh".to_owned());
        elements.extend(used.iter().map(|name| place(name, named)));
    }
    Ok(Exec { elements, lost })
}

/// In which quotes a text ends that begins in `quote`, after this character.
fn after(mut before: Option<char>, text: &str, mut quote: Quote) -> Quote {
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let begins_word =
            before.is_none_or(|before| before.is_ascii_whitespace() || ";&|()".contains(before));
        before = Some(c);
        quote = match (c, quote) {
            ('\\', Quote::None | Quote::Double) => {
                chars.next();
                quote
            }
            ('\'', Quote::None) => Quote::Single,
            ('"', Quote::None) => Quote::Double,
            ('#', Quote::None) if begins_word => Quote::Comment,
            ('\'', Quote::Single) | ('"', Quote::Double) | ('\n', Quote::Comment) => Quote::None,
            _ => quote,
        };
    }
    quote
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Exec {
        let named =
            |name: &str, is_plain| Named { name: name.into(), own: name.to_lowercase(), is_plain };
        exec(line, &[named("host", true), named("text", false)]).unwrap()
    }

    #[test]
    fn a_line_of_plain_words_needs_no_shell() {
        assert_eq!(of("ping  -c 3 {{ host }}").elements, ["ping", "-c", "3", "{host}"]);
        assert_eq!(of("ping {{host}} -n").elements, ["ping", "{host}", "-n"]);
    }

    #[test]
    fn a_place_in_a_script_is_a_parameter_in_the_quotes_where_it_stands() {
        for (line, script) in [
            ("echo {{ host }} | wc", "echo \"$1\" | wc"),
            ("echo \"to {{ host }}!\"", "echo \"to $1!\""),
            ("echo 'to {{ host }}'", "echo 'to '\"$1\"''"),
            ("cat /dev/{{ host }}", "cat /dev/\"$1\""),
            ("echo \\\" {{ host }}{{ host }}", "echo \\\" \"$1\"\"$1\""),
            // A quote in a comment is none, and a `#` inside a word begins no comment.
            (
                "# it's {{ host }}, isn't it\necho {{ host }}",
                "# it's \"$1\", isn't it\necho \"$1\"",
            ),
            ("echo a#'{{ host }}'", "echo a#''\"$1\"''"),
            ("cat {{ host }}#'x' '{{ host }}'", "cat \"$1\"#'x' ''\"$1\"''"),
        ] {
            let exec = of(line);
            assert_eq!(exec.elements, ["sh", "-c", script, "sh", "{host}"], "{line}");
            assert_eq!(exec.lost, [""; 0], "{line}");
        }
        let named = [Named { name: "hostName".into(), own: "hostname".into(), is_plain: true }];
        let exec = super::exec("echo {{ hostName }}", &named).unwrap();
        assert_eq!(exec.elements, ["sh", "-c", "echo \"$1\"", "sh", "{hostname}"]);
        assert_eq!(of("cd /tmp").elements, ["sh", "-c", "cd /tmp"]);
    }

    #[test]
    fn a_value_that_could_be_words_or_commands_is_reported() {
        let exec = of("say {{ text }}");
        assert_eq!(exec.elements, ["sh", "-c", "say \"$1\"", "sh", "{text}"]);
        assert_eq!(exec.lost.len(), 1);
        assert_eq!(of("echo `date` {{ host }}").lost.len(), 1);
        // In `$(..)` the single quotes count, although it stands in double ones.
        assert_eq!(of("echo \"$(grep 'a{{ host }}' /f)\"").lost.len(), 1);
        assert_eq!(of("echo \"${x:-'{{ host }}'}\"").lost.len(), 1);
        assert_eq!(of("echo $(cat {{ host }})").lost, [""; 0]);
        let error = super::exec("ping {{ server.name }}", &[]).unwrap_err();
        assert!(error.contains("`{{ server.name }}` is no argument"), "{error}");
    }
}
