//! Checks a program that a settings file declares: whether this system can execute it, and whether others may change it.

use std::cell::{LazyCell, RefCell};
use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::rc::Rc;

use crate::base::path_trust::{Fault, Kind, PathChecks, Trust};
use crate::base::platform::ProgramForms;
use crate::base::toml_file::errors::Errors;
use crate::base::toml_file::fields::Field;
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

/// A program that this system can execute.
#[derive(Debug, Clone)]
pub(crate) struct CheckedProgram {
    pub(crate) path: String,
    /// What others may change of it and its interpreters.
    pub(crate) faults: Vec<Fault>,
}

/// Checks of the programs that one load of the configuration names. Each program is checked once, also if many commands
/// name it.
#[derive(Debug)]
pub(crate) struct ProgramChecks {
    paths: PathChecks,
    forms: LazyCell<ProgramForms>,
    /// By the name of the program and the PATH of its process.
    programs: RefCell<HashMap<(String, OsString), Result<CheckedProgram, Unusable>>>,
    /// Those of programs that run as another user, by its number.
    of_users: RefCell<HashMap<u32, Rc<Self>>>,
}

impl ProgramChecks {
    pub(crate) fn new(trust: Trust) -> Self {
        Self {
            paths: PathChecks::new(trust),
            forms: LazyCell::new(ProgramForms::read),
            programs: RefCell::default(),
            of_users: RefCell::default(),
        }
    }

    /// The checks of files and directories of the same load.
    pub(crate) fn paths(&self) -> &PathChecks {
        &self.paths
    }

    /// The checks of programs that run only as the user with this number, who may change them.
    pub(crate) fn of_run_as(&self, uid: u32) -> Rc<Self> {
        let mut users = self.of_users.borrow_mut();
        let checks = || Rc::new(Self::new(self.paths.trust().of_run_as(uid)));
        Rc::clone(users.entry(uid).or_insert_with(checks))
    }

    /// The program `name`; `path` is the PATH of its process.
    pub(crate) fn program(&self, name: &str, path: &OsStr) -> Result<CheckedProgram, Unusable> {
        let key = (name.to_owned(), path.to_owned());
        if let Some(known) = self.programs.borrow().get(&key) {
            return known.clone();
        }
        let checked = self.check(name, path);
        self.programs.borrow_mut().insert(key, checked.clone());
        checked
    }

    fn check(&self, name: &str, path: &OsStr) -> Result<CheckedProgram, Unusable> {
        let program = find_program(name)?;
        let interpreters = inspect(Path::new(&program), path, &self.forms)?;
        let own = self.faults(Path::new(&program));
        let faults = own.into_iter().chain(interpreters.iter().flat_map(|path| self.faults(path)));
        Ok(CheckedProgram { faults: faults.collect(), path: program })
    }

    /// What others may change of a program or script.
    pub(crate) fn faults(&self, program: &Path) -> Vec<Fault> {
        if !program.is_absolute() {
            return Vec::new();
        }
        self.paths.faults(program, Kind::Program)
    }
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn checks() -> ProgramChecks {
        ProgramChecks::new(Trust::of_this_process())
    }

    fn program(path: &Path, text: &str) {
        std::fs::write(path, text).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn a_load_checks_a_program_once_and_the_next_load_checks_it_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("open");
        program(&path, "#!/bin/sh\n");
        let name = path.to_str().unwrap();
        let load = checks();
        assert_eq!(load.program(name, OsStr::new("/bin")).unwrap().path, name);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(load.program(name, OsStr::new("/bin")).unwrap().path, name);
        let absent = checks().program(name, OsStr::new("/bin")).unwrap_err();
        assert_eq!(absent, Absent::NotThere.into());
    }

    #[test]
    fn a_script_is_checked_for_each_path_that_may_have_its_interpreter() {
        let dir = tempfile::tempdir().unwrap();
        program(&dir.path().join("topside-test-shell"), "#!/bin/sh\n");
        let script = dir.path().join("script");
        program(&script, "#!/usr/bin/env topside-test-shell\n");
        let (name, load) = (script.to_str().unwrap(), checks());
        assert!(load.program(name, dir.path().as_os_str()).is_ok());
        let missing = load.program(name, OsStr::new("/bin")).unwrap_err();
        assert!(matches!(missing, Unusable::Unfit(Unfit::NotOnPath(..))), "{missing}");
    }
}
