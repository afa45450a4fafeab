//! Forms of values in `server.toml` where 0 means no limit, read and written.

use std::time::Duration;

use toml::de::DeValue;
use topside_shared::time::millis;
use topside_shared::values::write_duration;

use crate::base::toml_file::errors::Errors;
use crate::base::toml_file::fields::{Fields, as_json};
use crate::base::toml_file::units;

/// A number of which some are reserved: 0 is none.
pub(super) mod reserved {
    use super::{Errors, Fields, as_json};

    pub(crate) fn read(table: &Fields<'_, '_>, name: &str, m: &mut Errors<'_>) -> Option<usize> {
        let form = format!("a whole number from 0 to {}", u32::MAX);
        let read = |value| Some(u32::try_from(as_json(value)?.as_u64()?).ok()? as usize);
        table.read(name, &form, m, read).map(|field| field.value)
    }

    pub(crate) fn write(count: usize) -> String {
        count.to_string()
    }
}

/// A number; `usize::MAX`: no limit.
pub(super) mod count {
    use super::{Errors, Fields, reserved};

    pub(crate) fn read(table: &Fields<'_, '_>, name: &str, m: &mut Errors<'_>) -> Option<usize> {
        reserved::read(table, name, m).map(|count| if count == 0 { usize::MAX } else { count })
    }

    pub(crate) fn write(count: usize) -> String {
        reserved::write(if count == usize::MAX { 0 } else { count })
    }
}

/// A size in memory.
pub(super) mod size {
    use super::{Errors, Fields, bytes};

    /// No limit, small enough to add sizes.
    const NO_LIMIT: usize = usize::MAX / 4;

    pub(crate) fn read(table: &Fields<'_, '_>, name: &str, m: &mut Errors<'_>) -> Option<usize> {
        let size = bytes::read(table, name, m)?.map(usize::try_from);
        Some(size.and_then(Result::ok).map_or(NO_LIMIT, |size| size.min(NO_LIMIT)))
    }

    pub(crate) fn write(size: usize) -> String {
        bytes::write((size < NO_LIMIT).then_some(size as u64))
    }
}

/// A size in bytes; none: no limit.
pub(crate) mod bytes {
    use super::{DeValue, Errors, Fields, is_0, units};

    pub(crate) fn read(
        table: &Fields<'_, '_>,
        name: &str,
        m: &mut Errors<'_>,
    ) -> Option<Option<u64>> {
        let form = format!("{}, or 0 for no limit", units::SIZE_FORM);
        let read =
            |value| if is_0(value) { Some(0) } else { units::parse_size(DeValue::as_str(value)?) };
        let bytes = table.read(name, &form, m, read)?.value;
        Some(Some(bytes).filter(|bytes| *bytes > 0))
    }

    pub(crate) fn write(bytes: Option<u64>) -> String {
        let bytes = bytes.unwrap_or(0);
        // The last unit divides every size.
        let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"), (1, "B")];
        match units.iter().find(|(unit, _)| bytes.is_multiple_of(*unit)) {
            Some((unit, name)) if bytes > 0 => format!("\"{}{name}\"", bytes / unit),
            _ => "0".to_owned(),
        }
    }
}

/// A time; none: no limit.
pub(crate) mod time {
    use super::{DeValue, Duration, Errors, Fields, is_0, millis, units, write_duration};

    pub(crate) fn read(
        table: &Fields<'_, '_>,
        name: &str,
        m: &mut Errors<'_>,
    ) -> Option<Option<Duration>> {
        let form = format!("{}, or 0 for no limit", units::DURATION_FORM);
        let zero = Some(Duration::ZERO);
        let read =
            |value| if is_0(value) { zero } else { units::parse_duration(DeValue::as_str(value)?) };
        let time = table.read(name, &form, m, read)?.value;
        Some(Some(time).filter(|time| !time.is_zero()))
    }

    pub(crate) fn write(time: Option<Duration>) -> String {
        match time.map_or(0, millis) {
            0 => "0".to_owned(),
            ms => format!("\"{}\"", write_duration(ms)),
        }
    }
}

fn is_0(value: &DeValue<'_>) -> bool {
    as_json(value).and_then(|value| value.as_u64()) == Some(0)
}
