//! `results` of a command: wildcards for the files that a run leaves.

use glob::Pattern;
use topside_shared::text;

use crate::base::toml_file::errors::Errors;
use crate::base::toml_file::fields::{Field, Fields};

pub(super) fn results(fields: &Fields<'_, '_>, m: &mut Errors<'_>) -> Vec<Pattern> {
    let items = fields.strings("results", m).into_iter();
    let pattern = |Field { value, span }: Field<String>| {
        let wrong = match Pattern::new(&value) {
            Err(error) => error.msg,
            Ok(_) if value.is_empty() => "it is empty",
            Ok(_) if value.starts_with('/') => {
                "it is absolute, and stands for files below the directory that TOPSIDE_FILES names"
            }
            Ok(_) if value.split('/').any(|part| part == ".." || part == ".") => {
                "it has `.` or `..` in it, and stands for files below the directory that TOPSIDE_FILES names"
            }
            Ok(pattern) => return Some(pattern),
        };
        let shown = text::clean(&value, 256);
        m.add(
            &span,
            format_args!(
                "the wildcard `{shown}` in `results` of {} is wrong: {wrong}",
                fields.owner
            ),
        );
        None
    };
    items.filter_map(pattern).collect()
}
