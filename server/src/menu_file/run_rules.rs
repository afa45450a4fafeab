//! `menu`, `rate` and `reason` of a command; `references` reads `then`.

use std::time::Duration;

use toml::de::DeValue;
use topside_shared::command::{Arg, ArgType, REASON};
use topside_shared::text::MAX_REASON;

use crate::base::toml_file::errors::Errors;
use crate::base::toml_file::fields::Fields;
use crate::base::toml_file::units;
use crate::workers::run_rules::{Rate, RunRules};

/// Most runs of a rate: the server keeps the time of each.
const MAX_RUNS: usize = 10_000;
const LONGEST_PERIOD: Duration = Duration::from_secs(366 * 86_400);

pub(super) fn read(fields: &Fields<'_, '_>, m: &mut Errors<'_>) -> RunRules {
    RunRules {
        then: Vec::new(),
        is_unlisted: fields.get("menu").is_some() && !fields.boolean("menu", m),
        rate: rate(fields, m),
        choices: Vec::new(),
    }
}

fn rate(fields: &Fields<'_, '_>, m: &mut Errors<'_>) -> Option<Rate> {
    let form = format!(
        "a number of runs from 1 to {MAX_RUNS} and a duration of at most 366 days, such as \"10/1h\""
    );
    let read = |value| {
        let (runs, period) = DeValue::as_str(value)?.split_once('/')?;
        let runs = runs.trim().parse().ok().filter(|runs| (1..=MAX_RUNS).contains(runs))?;
        let passes = |period: &Duration| !period.is_zero() && *period <= LONGEST_PERIOD;
        let period = units::parse_duration(period.trim()).filter(passes)?;
        Some(Rate { runs, period })
    };
    fields.read("rate", &form, m, read).map(|field| field.value)
}

/// The argument that asks for a reason, with `reason = true`; `args` are the declared ones.
pub(super) fn reason(fields: &Fields<'_, '_>, args: &[Arg], m: &mut Errors<'_>) -> Option<Arg> {
    if !fields.boolean("reason", m) {
        return None;
    }
    if args.iter().any(|arg| arg.name == REASON) {
        m.add(
            &fields.span_of("reason"),
            format_args!(
                "`reason = true` adds an argument `{REASON}` to {}, which has one already: rename that, or \
                 take `reason = true` out",
                fields.owner
            ),
        );
    }
    Some(Arg {
        name: REASON.to_owned(),
        kind: ArgType::String,
        description: "Why it is run: kept with the run and in the audit log".to_owned(),
        required: true,
        min_length: Some(1),
        max_length: Some(MAX_REASON as u64),
        by_name: true,
        ..Arg::default()
    })
}
