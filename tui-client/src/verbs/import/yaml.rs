//! Values of a YAML document.

use topside_shared::text::clean;
use yaml_rust2::Yaml;

/// Most characters of a value in a line `# lost:`.
const MAX_SHOWN: usize = 80;

/// Fields of a mapping that were not used yet.
#[derive(Default)]
pub(super) struct Fields<'a>(pub(super) Vec<(String, &'a Yaml)>);

impl<'a> Fields<'a> {
    pub(super) fn of(value: &'a Yaml) -> Option<Self> {
        let map = value.as_hash()?;
        Some(Self(
            map.iter().map(|(key, value)| (scalar(key).unwrap_or_default(), value)).collect(),
        ))
    }

    pub(super) fn take(&mut self, name: &str) -> Option<&'a Yaml> {
        let place = self.0.iter().position(|(key, _)| key == name)?;
        Some(self.0.remove(place).1).filter(|value| !value.is_null())
    }

    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        self.take(name).and_then(scalar)
    }
}

/// A scalar as text.
pub(super) fn scalar(value: &Yaml) -> Option<String> {
    match value {
        Yaml::String(text) | Yaml::Real(text) => Some(text.clone()),
        Yaml::Integer(number) => Some(number.to_string()),
        Yaml::Boolean(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// The texts of a list; of a scalar, that one.
pub(super) fn texts(value: &Yaml) -> Vec<String> {
    match value.as_vec() {
        Some(items) => items.iter().filter_map(scalar).collect(),
        None => scalar(value).into_iter().collect(),
    }
}

/// A value in a line `# lost:`.
pub(super) fn shown(value: &Yaml) -> String {
    match value {
        Yaml::Array(items) => format!("a list of {}", items.len()),
        Yaml::Hash(map) => format!("a table of {}", map.len()),
        value => clean(&scalar(value).unwrap_or_default(), MAX_SHOWN),
    }
}
