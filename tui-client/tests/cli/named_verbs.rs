//! Texts that name a verb or a flag: both exist.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::require::skipped;

/// The help of a verb by its words; none where there is no such verb.
struct Helps {
    programs: [PathBuf; 2],
    known: HashMap<Vec<String>, Option<String>>,
}

impl Helps {
    fn of(&mut self, words: &[String]) -> Option<String> {
        let program = &self.programs[usize::from(words[0] == "topsided")];
        let help = self.known.entry(words.to_vec()).or_insert_with(|| {
            let output = Command::new(program).args(&words[1..]).arg("--help").output().unwrap();
            output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
        });
        help.clone()
    }

    /// What does not exist of a line such as `topside fleet invite --role ROLE`.
    fn fault(&mut self, line: &str) -> Option<String> {
        let mut words = line.split_whitespace().skip_while(|word| *word == "sudo").peekable();
        let mut verb = vec![words.next()?.to_owned()];
        let program = self.of(&verb)?;
        let mut help = program.clone();
        while let Some(word) = words.peek() {
            let is_word = word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
            // A verb without verbs of its own takes values from here on.
            if !help.contains("\nCommands:\n") || !is_word || word.starts_with('-') {
                break;
            }
            verb.push(words.next()?.to_owned());
            match self.of(&verb) {
                Some(found) => help = found,
                None => return Some(verb.join(" ")),
            }
        }
        // Behind these, the words are those of another program.
        let own = words.take_while(|word| !["|", "||", "&&", ">", "<", ";"].contains(word));
        own.filter(|word| word.starts_with("--"))
            .map(|word| word.split(['=', '[']).next().unwrap_or(word))
            .map(|flag| flag.trim_end_matches([',', ')', ';', ':']))
            .find(|flag| !has_flag(&help, flag) && !has_flag(&program, flag))
            .map(|flag| format!("{} {flag}", verb.join(" ")))
    }
}

fn has_flag(help: &str, flag: &str) -> bool {
    help.split(|c: char| c.is_whitespace() || ",=[`".contains(c)).any(|word| word == flag)
}

/// The files below a folder with one of these endings.
fn files(folder: &Path, endings: &[&str], found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, endings, found);
        } else if path.extension().is_some_and(|ending| endings.iter().any(|one| ending == *one)) {
            found.push(path);
        }
    }
}

/// `topsided doctor` named `topsided log`, and `topsided join` named `topsided status`; neither exists.
#[test]
fn each_verb_that_a_text_names_exists_with_its_flags() {
    let topside = PathBuf::from(env!("CARGO_BIN_EXE_topside"));
    let topsided = topside.with_file_name("topsided");
    if !topsided.exists() {
        skipped("topsided beside topside (build the workspace)");
        return;
    }
    let mut helps = Helps { programs: [topside, topsided], known: HashMap::new() };
    assert_eq!(helps.fault("topsided log").as_deref(), Some("topsided log"));
    assert_eq!(helps.fault("topside run --tiemout 5s x").as_deref(), Some("topside run --tiemout"));
    assert_eq!(helps.fault("sudo topside fleet invite anna --role operator"), None);

    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut paths = Vec::new();
    for folder in ["server/src", "tui-client/src", "shared/src"] {
        files(&root.join(folder), &["rs"], &mut paths);
    }
    files(&root.join("docs"), &["md"], &mut paths);
    files(&root.join("config"), &["toml"], &mut paths);
    paths.extend(["README.md", "CONTRIBUTING.md", "SECURITY.md"].map(|name| root.join(name)));
    // Unit tests have lines with mistakes on purpose.
    paths.retain(|path| !path.components().any(|part| part.as_os_str() == "tests"));

    let (mut faults, mut lines) = (Vec::new(), 0);
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap().replace("\\\n", " ");
        let text = text.split("#[cfg(test)]").next().unwrap_or_default();
        let begins =
            |line: &str| ["topside ", "topsided "].iter().any(|name| line.starts_with(name));
        let quoted = text
            .split('`')
            .filter(|span| !span.contains('\n') && begins(span.trim_start_matches("sudo ")));
        for line in quoted {
            lines += 1;
            faults.extend(helps.fault(line).map(|fault| format!("{}: {fault}", path.display())));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
    assert!(lines > 300, "only {lines} lines were found");
}
