//! `[metrics]`: the address of the metrics.

use std::net::SocketAddr;

use toml::de::DeValue;

use crate::base::toml_file::errors::Errors;
use crate::base::toml_file::fields::Fields;

/// `[metrics]`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Metrics {
    /// The address, which anyone who reaches it may read; port 0 takes a free one. `None`: no metrics.
    pub listen: Option<SocketAddr>,
}

pub(crate) fn read(table: &Fields<'_, '_>, m: &mut Errors<'_>) -> Metrics {
    table.refuse_unknown(&["listen"], m);
    let form = "an IP address with a port, such as \"127.0.0.1:9677\" or \"[::1]:9677\"";
    let address = |value| DeValue::as_str(value)?.parse().ok();
    Metrics { listen: table.read("listen", form, m, address).map(|field| field.value) }
}
