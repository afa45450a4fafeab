//! Arguments of one call: checked values by name.

use serde_json::{Map, Value};

/// The checked arguments of a call, defaults filled in. [`Call`](crate::Call) and [`BuiltinCall`](crate::BuiltinCall)
/// dereference to it.
#[derive(Debug, Clone, Default)]
pub struct Arguments(pub(crate) Map<String, Value>);

impl Arguments {
    /// All of them.
    pub fn args(&self) -> &Map<String, Value> {
        &self.0
    }

    /// The text of an argument, if it was given.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }

    /// The texts of an argument with `multiple`; none if it was not given.
    pub fn texts(&self, name: &str) -> Vec<String> {
        let values = self.0.get(name).and_then(Value::as_array).into_iter().flatten();
        values.filter_map(|value| value.as_str().map(str::to_owned)).collect()
    }

    /// The whole number of an argument, if it was given.
    pub fn int(&self, name: &str) -> Option<i64> {
        self.0.get(name).and_then(Value::as_i64)
    }

    /// The number of an argument, if it was given.
    pub fn float(&self, name: &str) -> Option<f64> {
        self.0.get(name).and_then(Value::as_f64)
    }

    /// Whether a bool was given as true.
    pub fn flag(&self, name: &str) -> bool {
        self.0.get(name).and_then(Value::as_bool).unwrap_or(false)
    }
}
