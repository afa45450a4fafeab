//! `approval` and `expose` of a command: who must approve its runs, and whether agents may call it.

use topside_shared::command::{ArgType, Command, MCP};
use topside_shared::role::Role;
use topside_shared::text::{MAX_NAME, quote};

use crate::base::toml_file::errors::Errors;
use crate::base::toml_file::fields::Fields;

/// Reads both into `info`, of which all else was read.
pub(super) fn read(info: &mut Command, fields: &Fields<'_, '_>, m: &mut Errors<'_>) {
    info.approval = fields.one_of("approval", &Role::ALL.map(|role| (role.name(), role)), m);
    if let Some(approval) = info.approval {
        if approval < info.role {
            m.add(
                &fields.span_of("approval"),
                format_args!(
                    "`approval` of {} is {approval}, and its `role` is {}: who approves a run needs at least the \
                     role that runs it",
                    fields.owner, info.role
                ),
            );
        }
        if fields.get("schedule").is_some() {
            m.add(
                &fields.span_of("schedule"),
                format_args!(
                    "{} has `approval`, so no schedule can start it: a run of a schedule waits for no one. Take \
                     one of the two out",
                    fields.owner
                ),
            );
        }
    }
    for to in fields.strings("expose", m) {
        if to.value != MCP {
            let shown = quote(&to.value, MAX_NAME);
            m.add(
                &to.span,
                format_args!(
                    "`expose` of {} names `{shown}`: the only value is \"{MCP}\", for agents",
                    fields.owner
                ),
            );
        }
        if !info.expose.contains(&to.value) {
            info.expose.push(to.value);
        }
    }
    let secret = info.args.iter().find(|arg| arg.required && arg.kind == ArgType::Secret);
    if let Some(secret) = secret.filter(|_| info.is_exposed_to_agents()) {
        m.add(
            &fields.span_of("expose"),
            format_args!(
                "{} is exposed to agents, which give no secrets, and needs the secret `{}`: make that argument \
                 optional, or take `expose` out",
                fields.owner, secret.name
            ),
        );
    }
}
