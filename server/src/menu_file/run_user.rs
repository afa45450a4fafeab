//! `user` of a command or a worker: the user that its programs run as.

use std::path::Path;
use std::rc::Rc;

use toml::de::DeValue;
use topside_shared::text;

use crate::base::toml_file::errors::Errors;
use crate::base::toml_file::fields::Fields;
use crate::process::declared_program::{ProgramChecks, in_words};
use crate::process::run_user::{NoRunUser, RunUser, refuse_variable};

pub(super) fn read(
    fields: &Fields<'_, '_>,
    programs: &ProgramChecks,
    m: &mut Errors<'_>,
) -> Option<Box<RunUser>> {
    let name = fields.string("user", m)?;
    match find(name.value, fields, programs) {
        Ok(user) => {
            refuse_variables(fields, m);
            Some(Box::new(user))
        }
        Err(message) => {
            m.add(&name.span, message);
            None
        }
    }
}

/// The checks of the programs that run as `user`, which may belong to it; none: they are those of all programs.
pub(super) fn checks(user: Option<&RunUser>, all: &ProgramChecks) -> Option<Rc<ProgramChecks>> {
    user.map(|user| all.of_run_as(user.uid))
}

fn find(name: &str, fields: &Fields<'_, '_>, programs: &ProgramChecks) -> Result<RunUser, String> {
    let owner = &fields.owner;
    if let Some(own) = programs.paths().trust().unprivileged_user() {
        return Err(format!(
            "`user` of {owner} needs a server that runs as root, and this one runs as {own}: take `user` out. A \
             command can start a unit of systemd or use sudo in its place"
        ));
    }
    let shown = text::clean(name, text::MAX_NAME);
    let user = RunUser::find(name).map_err(|error| match error {
        NoRunUser::Unknown => {
            format!("`user` of {owner} is {shown}, and {error}: make the user first, or correct the name")
        }
        NoRunUser::NoSetpriv(_) => format!("`user` of {owner} cannot be used: {error}"),
    })?;
    match programs.faults(Path::new(&user.setpriv)).first() {
        Some(fault) => Err(format!(
            "`user` of {owner} cannot be used: the program {} is refused: {}",
            user.setpriv,
            in_words(fault)
        )),
        None => Ok(user),
    }
}

/// Reports each variable of `env` and `inherit_env` that a program of another user cannot have.
fn refuse_variables(fields: &Fields<'_, '_>, m: &mut Errors<'_>) {
    let mut names = Vec::new();
    if let Some(DeValue::Table(table)) = fields.get("env").map(toml::Spanned::get_ref) {
        names.extend(table.keys().map(|key| (key.get_ref().as_ref(), key.span())));
    }
    if let Some(DeValue::Array(items)) = fields.get("inherit_env").map(toml::Spanned::get_ref) {
        names.extend(items.iter().filter_map(|item| Some((item.get_ref().as_str()?, item.span()))));
    }
    for (name, span) in names {
        if let Err(why) = refuse_variable(name) {
            m.add(&span, format_args!("the variable {name} of {} {why}", fields.owner));
        }
    }
}
