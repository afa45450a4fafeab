//! Files of a worker: its program, its script, and those of `watch`. After a change of one, a reload starts it again.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use topside_shared::text;

use crate::base::toml_file::errors::Errors;
use crate::base::toml_file::fields::{Field, Fields};
use crate::menu_file::{Missing, Rules, exec};
use crate::process::declared_program::refuse;
use crate::workers::WatchedFile;

/// The files of the worker with this program and arguments, as they are now.
pub(super) fn read(
    fields: &Fields<'_, '_>,
    program: &str,
    arguments: &[String],
    rules: Rules<'_>,
    m: &mut Errors<'_>,
) -> Vec<WatchedFile> {
    let script = exec::script_of(program, arguments.iter().map(String::as_str));
    let script = script.map(|at| arguments[at].clone());
    let named = fields.strings("watch", m);
    let named: Vec<String> =
        named.iter().filter_map(|file| watched(file, fields, rules, m)).collect();
    let paths = std::iter::once(program.to_owned()).chain(script).chain(named);
    paths.map(file).collect()
}

fn file(path: String) -> WatchedFile {
    let version = std::fs::metadata(&path)
        .ok()
        .map(|file| (file.dev(), file.ino(), file.len(), file.mtime(), file.mtime_nsec()));
    WatchedFile { path, version }
}

/// The path of a file in `watch`. What others may write must not be loaded by the worker.
fn watched(
    file: &Field<String>,
    fields: &Fields<'_, '_>,
    rules: Rules<'_>,
    m: &mut Errors<'_>,
) -> Option<String> {
    let shown = text::clean(&file.value, 256);
    let cwd = fields.get("cwd").and_then(|cwd| cwd.get_ref().as_str());
    let path = match cwd {
        _ if file.value.starts_with('/') => file.value.clone(),
        Some(cwd) => format!("{}/{}", cwd.trim_end_matches('/'), file.value),
        None => {
            m.add(
                &file.span,
                format_args!(
                    "`{shown}` in `watch` must be an absolute path, or {} needs a `cwd` that it is \
                     below",
                    fields.owner
                ),
            );
            return None;
        }
    };
    if rules.missing == Missing::Refuse {
        if !Path::new(&path).is_file() {
            let path = text::clean(&path, 256);
            m.add(&file.span, format_args!("there is no file {path}, which `watch` names"));
            return None;
        }
        refuse(file, &shown, &rules.programs.faults(Path::new(&path)), m);
    }
    Some(path)
}
