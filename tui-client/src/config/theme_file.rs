//! Reader of `theme.toml`: a base, and styles by their role, such as `accent = "bold cyan on black"`.

use std::ops::Range;

use ratatui::style::{Color, Modifier, Style};
use toml_edit::{Document, Item, Table};

use super::settings::OWN;
use super::toml_errors::{Fault, unknown};
use crate::theme::choice::THEMES;
use crate::theme::{Theme, ThemeChoice};

/// The base of a file that names none.
const BASE: &str = "dark";

const ATTRIBUTES: [(&str, Modifier); 5] = [
    ("bold", Modifier::BOLD),
    ("dim", Modifier::DIM),
    ("italic", Modifier::ITALIC),
    ("underlined", Modifier::UNDERLINED),
    ("reversed", Modifier::REVERSED),
];

const COLOURS: [(&str, Color); 17] = [
    ("default", Color::Reset),
    ("black", Color::Black),
    ("red", Color::Red),
    ("green", Color::Green),
    ("yellow", Color::Yellow),
    ("blue", Color::Blue),
    ("magenta", Color::Magenta),
    ("cyan", Color::Cyan),
    ("white", Color::Gray),
    ("bright-black", Color::DarkGray),
    ("bright-red", Color::LightRed),
    ("bright-green", Color::LightGreen),
    ("bright-yellow", Color::LightYellow),
    ("bright-blue", Color::LightBlue),
    ("bright-magenta", Color::LightMagenta),
    ("bright-cyan", Color::LightCyan),
    ("bright-white", Color::White),
];

/// The base of the file with the styles that it names, and what is wrong with the others: they are those of the base.
pub(super) fn theme(document: &Document<String>) -> (ThemeChoice, Vec<Fault>) {
    let root = document.as_table();
    let mut faults = Vec::new();
    let mut base = ThemeChoice::named(BASE);
    if let Some(item) = root.get("base") {
        let name = item.as_str().unwrap_or_default();
        if let Some(named) = ThemeChoice::named(name) {
            base = Some(named);
        } else {
            let near = unknown(name, THEMES.iter().map(|theme| theme.name));
            faults.push((item.span(), format!("there is no theme {near}")));
        }
    }
    let ThemeChoice { dark, light, .. } = base.cloned().unwrap_or_default();
    let (dark, wrong) = changed(dark, root);
    faults.extend(wrong);
    (ThemeChoice { name: OWN, dark, light: changed(light, root).0 }, faults)
}

/// The theme with the styles of the file.
fn changed(mut theme: Theme, root: &Table) -> (Theme, Vec<Fault>) {
    let styles = root.iter().filter(|(name, _)| *name != "base");
    let wrong = styles.filter_map(|(name, item)| {
        let span = root.key(name).and_then(toml_edit::Key::span);
        set(&mut theme, name, item, span).err()
    });
    let faults = wrong.collect();
    theme.follow(|name| root.contains_key(name));
    (theme, faults)
}

/// Gives a role its style.
fn set(
    theme: &mut Theme,
    name: &str,
    item: &Item,
    span: Option<Range<usize>>,
) -> Result<(), Fault> {
    let mut names = vec!["base"];
    let mut role = None;
    for (known, style) in theme.roles() {
        names.push(known);
        role = role.or((known == name).then_some(style));
    }
    let Some(role) = role else {
        return Err((span, format!("a theme has no {}", unknown(name, names))));
    };
    let text = item
        .as_str()
        .ok_or_else(|| (item.span(), "a style is a text, such as \"bold cyan\"".to_owned()))?;
    *role = style(text).map_err(|message| (item.span(), message))?;
    Ok(())
}

/// `bold cyan on #202020`: attributes, the colour of the text, `on` and the background; each is optional.
fn style(text: &str) -> Result<Style, String> {
    let mut style = Style::new().fg(Color::Reset);
    let mut words = text.split_whitespace();
    while let Some(word) = words.next() {
        if let Some((_, attribute)) = ATTRIBUTES.iter().find(|(name, _)| *name == word) {
            style = style.add_modifier(*attribute);
        } else if word == "on" {
            let ground = words.next().ok_or("a colour is missing behind `on`")?;
            style = style.bg(colour(ground)?);
        } else {
            style = style.fg(colour(word)?);
        }
    }
    Ok(style)
}

fn colour(word: &str) -> Result<Color, String> {
    if let Some((_, colour)) = COLOURS.iter().find(|(name, _)| *name == word) {
        return Ok(*colour);
    }
    if let Ok(number) = word.parse() {
        return Ok(Color::Indexed(number));
    }
    if let Some(digits) = word.strip_prefix('#').filter(|digits| digits.len() == 6)
        && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
        && let Ok(number) = u32::from_str_radix(digits, 16)
    {
        return Ok(Color::from_u32(number));
    }
    let names = COLOURS.iter().map(|(name, _)| *name).chain(ATTRIBUTES.map(|(name, _)| name));
    Err(format!(
        "there is no colour or attribute {}; a colour is also 0 to 255 or #rrggbb",
        unknown(word, names.chain(["on"]))
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_style_is_read_as_words() {
        let plain = Style::new().fg(Color::Reset);
        assert_eq!(style(""), Ok(plain));
        assert_eq!(style("cyan"), Ok(plain.fg(Color::Cyan)));
        let all = plain.fg(Color::Rgb(1, 0, 255)).bg(Color::Indexed(255));
        assert_eq!(
            style("dim #0100ff bold on 255"),
            Ok(all.add_modifier(Modifier::BOLD | Modifier::DIM))
        );
        for (wrong, said) in [
            ("cyna", "did you mean cyan"),
            ("blod red", "did you mean bold"),
            ("256", "0 to 255"),
            ("#12345", "#rrggbb"),
            ("#12345g", "#rrggbb"),
            ("red on", "a colour is missing"),
        ] {
            let why = style(wrong).unwrap_err();
            assert!(why.contains(said), "{why}");
        }
    }
}
