//! Environment files (`env_file`): a variable a line, as in the files of systemd and Docker.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use topside_shared::text;

use crate::base::path_trust::{Kind, PathChecks};
use crate::process::declared_program::in_words;
use crate::process::run_user;

/// Most bytes of a file.
const MAX_BYTES: u64 = 64 * 1024;

/// Reads the variables of a file that only root and the server's user can change; `for_user`: those of a program that runs as
/// another user. The error is the rest of a sentence that begins with the path.
pub(crate) fn read(
    path: &Path,
    paths: &PathChecks,
    for_user: bool,
) -> Result<Vec<(String, String)>, String> {
    if let Some(fault) = paths.faults(path, Kind::File).into_iter().next() {
        return Err(format!("is refused: {}", in_words(&fault)));
    }
    let mut text = String::new();
    let file = File::open(path).map_err(|error| format!("cannot be read: {error}"))?;
    file.take(MAX_BYTES + 1)
        .read_to_string(&mut text)
        .map_err(|error| format!("cannot be read: {error}"))?;
    if text.len() as u64 > MAX_BYTES {
        return Err(format!("has more than {MAX_BYTES} bytes"));
    }
    let variables = parse(&text)?;
    for (name, _) in variables.iter().filter(|_| for_user) {
        run_user::refuse_variable(name).map_err(|why| format!("sets {name}, which {why}"))?;
    }
    Ok(variables)
}

/// Reads lines such as `NAME=value`, `NAME="a value"` and `# remark`. Nothing is expanded.
fn parse(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut variables = Vec::new();
    for (at, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let wrong = |why: &str| Err(format!("is wrong in line {at}: {why}"));
        let line = line.strip_prefix("export ").unwrap_or(line);
        let Some((name, value)) = line.split_once('=') else {
            return wrong("it must be NAME=value, or a remark that begins with #");
        };
        let (name, value) = (name.trim_end(), value.trim());
        let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if !is_name {
            let name = text::clean(name, text::MAX_NAME);
            return wrong(&format!(
                "`{name}` is no name of a variable: use letters, digits and `_`"
            ));
        }
        if name.starts_with("TOPSIDE_") {
            return wrong(&format!(
                "`{name}` is Topside's own: variables of a run cannot begin so"
            ));
        }
        if value.contains('\0') {
            return wrong("a value cannot hold a NUL character");
        }
        let quoted = ['"', '\'']
            .into_iter()
            .find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote));
        variables.push((name.to_owned(), quoted.unwrap_or(value).to_owned()));
    }
    Ok(variables)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_variable_and_nothing_in_it_is_expanded() {
        let text = "# a remark\n\nA=1\nexport B = \"two words\"\nC='$A `x`'\n D= # no remark\nE=\n";
        let variables =
            [("A", "1"), ("B", "two words"), ("C", "$A `x`"), ("D", "# no remark"), ("E", "")];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(parse(text).unwrap(), variables);
    }

    #[test]
    fn a_line_that_is_none_is_named() {
        for (text, why) in [
            ("A=1\nB\n", "line 2: it must be NAME=value"),
            ("1A=1", "line 1: `1A` is no name"),
            ("A B=1", "line 1: `A B` is no name"),
            ("TOPSIDE_RUN=1", "line 1: `TOPSIDE_RUN` is Topside's own"),
            ("A=\0", "line 1: a value cannot hold a NUL"),
        ] {
            let said = parse(text).unwrap_err();
            assert!(said.contains(why), "{said}");
        }
    }
}
