//! Checks a program that a settings file declares: whether this system can execute it, and whether others may change it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::base::toml_file::errors::Errors;
use crate::base::toml_file::fields::Field;
use crate::base::toml_file::permissions::{Fault, Kind, Trust};
use crate::process::program_file::{Unfit, inspect};
use crate::process::resolve_program::{Absent, find_program};

/// Why this system cannot execute it: the rest of a sentence that begins with its name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unusable {
    #[error(transparent)]
    Absent(#[from] Absent),
    #[error(transparent)]
    Unfit(#[from] Unfit),
}

/// The path of the program `name`, and each interpreter that it needs. `path` is the PATH of its process.
pub(crate) fn find_usable(name: &str, path: &OsStr) -> Result<(String, Vec<PathBuf>), Unusable> {
    let program = find_program(name)?;
    let interpreters = inspect(Path::new(&program), path)?;
    Ok((program, interpreters))
}

/// What others may change of a program and its interpreters.
pub(crate) fn faults(program: &Path, interpreters: &[PathBuf], trust: Trust) -> Vec<Fault> {
    if !program.is_absolute() {
        return Vec::new();
    }
    std::iter::once(program)
        .chain(interpreters.iter().map(PathBuf::as_path))
        .flat_map(|path| trust.faults(path, Kind::Program))
        .collect()
}

/// Reports what others may change of a program; a fault of a directory of several programs is reported once.
pub(crate) fn refuse(first: &Field<String>, name: &str, faults: &[Fault], m: &mut Errors<'_>) {
    for fault in faults {
        let reason = in_words(fault);
        m.add_once(
            &first.span,
            &fault.text,
            format_args!("the program {name} is refused: {reason}"),
        );
    }
}

pub(crate) fn in_words(Fault { above, text }: &Fault) -> String {
    if *above { format!("its directory {text}") } else { text.clone() }
}
