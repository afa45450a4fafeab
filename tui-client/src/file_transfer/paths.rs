//! Paths of this device that begin as a text does, for completion.

use topside_shared::command::Arg;
use topside_shared::text::is_control;
use topside_shared::values::check_file;

use super::expanded;

/// Most names that are offered.
const MOST: usize = 200;

/// The directories, and the files that an argument takes by their names, that begin as `typed` does, each as it would be
/// typed. Blocks for the disk.
pub(crate) fn paths(arg: &Arg, typed: &str) -> Vec<String> {
    let path = typed.strip_prefix('@').unwrap_or(typed);
    let begin = path.rsplit('/').next().unwrap_or_default();
    let above = &typed[..typed.len() - begin.len()];
    let directory = match above.strip_prefix('@').unwrap_or(above) {
        "" => ".".into(),
        above => expanded(above),
    };
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    let names = entries.flatten().filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        let is_hidden = name.starts_with('.') && !begin.starts_with('.');
        if !name.starts_with(begin) || is_hidden || name.contains(is_control) {
            return None;
        }
        let kind = std::fs::metadata(entry.path()).ok()?;
        if kind.is_dir() {
            return Some(format!("{above}{name}/"));
        }
        (kind.is_file() && check_file(arg, &name, 0).is_ok()).then(|| format!("{above}{name}"))
    });
    let mut names: Vec<String> = names.take(MOST).collect();
    names.sort_unstable();
    names
}
