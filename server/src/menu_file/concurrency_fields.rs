//! `max_concurrent`, `queue` and `lock` of a command.

use std::num::NonZeroUsize;

use toml::de::DeValue;
use topside_shared::text;

use crate::base::toml_file::errors::Errors;
use crate::base::toml_file::fields::{Fields, as_json};
use crate::workers::concurrency::Exclusion;

pub(super) fn read(fields: &Fields<'_, '_>, m: &mut Errors<'_>) -> Exclusion {
    Exclusion {
        max_concurrent: from_1(fields, "max_concurrent", m),
        queue: from_1(fields, "queue", m).map_or(0, NonZeroUsize::get),
        locks: locks(fields, m),
    }
}

pub(super) fn from_1(
    fields: &Fields<'_, '_>,
    name: &str,
    m: &mut Errors<'_>,
) -> Option<NonZeroUsize> {
    let count = |value| NonZeroUsize::new(usize::try_from(as_json(value)?.as_u64()?).ok()?);
    fields.read(name, "a whole number from 1", m, count).map(|field| field.value)
}

fn locks(fields: &Fields<'_, '_>, m: &mut Errors<'_>) -> Vec<String> {
    let form = "an array of at least one name of a lock, such as [\"relays\"], none of them twice";
    let name = |item: &DeValue<'_>| {
        let plain = |name: &&str| !name.is_empty() && *name == text::clean(name, text::MAX_NAME);
        DeValue::as_str(item).filter(plain).map(str::to_owned)
    };
    let read = |value: &DeValue<'_>| {
        let DeValue::Array(items) = value else { return None };
        let names: Vec<String> =
            items.iter().map(|item| name(item.get_ref())).collect::<Option<_>>()?;
        let twice = (1..names.len()).any(|at| names[..at].contains(&names[at]));
        (!names.is_empty() && !twice).then_some(names)
    };
    fields.read("lock", form, m, read).map(|field| field.value).unwrap_or_default()
}
