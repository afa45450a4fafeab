//! The figures of `server/status` in the Prometheus text format (0.0.4).

use std::fmt::{Display, Write};

use topside_shared::Time;
use topside_shared::methods::{BoxFigures, DiskFigures, HookState};

use crate::base::platform;
use crate::net::hub_link::HubState;
use crate::operations::status::status;
use crate::server::Server;

pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// All metrics as they are now. Blocks for the disk: the system shows a process in files.
pub(super) fn text(server: &Server) -> String {
    let status = status(server);
    let mut text = Text::default();
    text.gauge("topside_build_info", "The version of the server, as a label; always 1.")
        .of(&[("version", &status.version)], 1);
    text.gauge("topside_clients", "Clients that are connected now.").is(status.clients);
    text.counter("topside_requests_total", "Requests that clients have made.").is(status.requests);
    text.counter("topside_received_bytes_total", "Bytes read from clients.")
        .is(status.bytes.received);
    text.counter("topside_sent_bytes_total", "Bytes written to clients.").is(status.bytes.sent);

    let refusals = "Errors answered, by what kind of error, and who was turned away or made to wait, by the limit: \
                    an answer that names a limit counts in both.";
    let mut family = text.counter("topside_refusals_total", refusals);
    for (kind, count) in server.counters.all_refusals() {
        family.of(&[("kind", kind)], count);
    }
    text.gauge("topside_runs", "Runs that have not ended, by state.")
        .of(&[("state", "running")], status.runs.running)
        .of(&[("state", "queued")], status.runs.queued);
    text.counter("topside_runs_started_total", "Runs that were started.").is(status.runs.started);
    let mut family = text.counter("topside_runs_total", "Runs that have ended, by how.");
    for (state, count) in server.counters.runs_ended() {
        family.of(&[("state", state.name())], count);
    }
    if !status.hooks.is_empty() {
        let mut family =
            text.gauge("topside_hook_failed", "Whether a hook of the box failed when it ran last.");
        for hook in &status.hooks {
            family.of(&[("hook", &hook.name)], u8::from(hook.state == HookState::Failed));
        }
    }
    match server.hub.state() {
        HubState::None => {}
        state => {
            text.gauge(
                "topside_hub_connected",
                "Whether the server listens at the hub that the box has joined.",
            )
            .is(u8::from(state != HubState::Away));
        }
    }
    if let Some(fleet) = &status.fleet {
        text.gauge(
            "topside_fleet_member",
            "Whether the box is a member of the fleet that it has joined.",
        )
        .is(u8::from(fleet.member));
        if let (Some(version), Some(at)) = (fleet.roster_version, fleet.roster_at) {
            text.gauge(
                "topside_fleet_roster_version",
                "Version of the accepted roster of the fleet.",
            )
            .is(version);
            text.gauge(
                "topside_fleet_roster_age_seconds",
                "Time since the hub last had the accepted roster.",
            )
            .is(Time::now().millis_since(at) / 1000);
        }
        text.gauge(
            "topside_fleet_fault",
            "Whether the hub or the roster has a fault: see the status.",
        )
        .is(u8::from(fleet.problem.is_some()));
    }
    text.gauge("topside_closing", "Whether a shutdown has begun or is due.")
        .is(u8::from(status.closing.is_some()));

    let started = server.info.started_at.as_millis();
    let started = format_args!("{}.{:03}", started / 1000, started % 1000).to_string();
    text.gauge("process_start_time_seconds", "When the server started, and its counts began.")
        .is(started);
    if let Some(bytes) = status.memory_bytes {
        text.gauge("process_resident_memory_bytes", "Resident memory of the server.").is(bytes);
    }
    box_figures(&mut text, &status.box_figures.unwrap_or_default());
    if let Some(seconds) = platform::cpu_seconds() {
        text.counter(
            "process_cpu_seconds_total",
            "Processor time of the server, without that of runs.",
        )
        .is(seconds);
    }
    if let Some(count) = platform::open_descriptors() {
        text.gauge("process_open_fds", "Files and connections that are open.").is(count);
    }
    if let Some(most) = crate::base::descriptors::most() {
        text.gauge("process_max_fds", "Files and connections that may be open.").is(most);
    }
    text.0
}

fn box_figures(text: &mut Text, figures: &BoxFigures) {
    let mut gauge = |name, help: &str, value: Option<f64>| {
        if let Some(value) = value {
            text.gauge(name, help).is(value);
        }
    };
    let bytes = |bytes: Option<u64>| bytes.map(|bytes| bytes as f64);
    let cpu = figures.cpu_percent.map(|percent| percent / 100.0);
    gauge("topside_box_cpu_ratio", "Share of the box's processors in use.", cpu);
    let total = bytes(figures.memory_total_bytes);
    gauge("topside_box_memory_total_bytes", "Memory of the box.", total);
    let available = bytes(figures.memory_available_bytes);
    gauge("topside_box_memory_available_bytes", "Memory that programs can still get.", available);
    let temperature = figures.temperature_celsius;
    gauge("topside_box_temperature_celsius", "Temperature of the processor.", temperature);
    let load = figures.load.map(|[one, ..]| one);
    gauge("topside_box_load1", "Load of the box over 1 minute.", load);
    if figures.disks.is_empty() {
        return;
    }
    let mut family = text.gauge("topside_box_disk_total_bytes", "Size of a filesystem of the box.");
    // Metrics need no key, so they name no directory of the state.
    let of = |disk: &DiskFigures| if disk.path == "/" { "system" } else { "state" };
    for disk in &figures.disks {
        family.of(&[("disk", of(disk))], disk.total_bytes);
    }
    let mut family = text.gauge("topside_box_disk_free_bytes", "Free space of a filesystem.");
    for disk in &figures.disks {
        family.of(&[("disk", of(disk))], disk.free_bytes);
    }
}

#[derive(Debug, Default)]
struct Text(String);

struct Family<'a> {
    text: &'a mut String,
    name: &'static str,
}

impl Text {
    fn gauge(&mut self, name: &'static str, help: &str) -> Family<'_> {
        self.family(name, "gauge", help)
    }

    fn counter(&mut self, name: &'static str, help: &str) -> Family<'_> {
        self.family(name, "counter", help)
    }

    fn family(&mut self, name: &'static str, kind: &str, help: &str) -> Family<'_> {
        let text = &mut self.0;
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        Family { text, name }
    }
}

impl Family<'_> {
    /// Adds the only sample of the family.
    fn is(&mut self, value: impl Display) {
        self.of(&[], value);
    }

    /// Adds a sample with these labels.
    fn of(&mut self, labels: &[(&str, &str)], value: impl Display) -> &mut Self {
        self.text.push_str(self.name);
        for (index, (label, of)) in labels.iter().enumerate() {
            let before = if index == 0 { '{' } else { ',' };
            let _ = write!(self.text, "{before}{label}=\"{}\"", escaped(of));
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
        let _ = writeln!(self.text, " {value}");
        self
    }
}

/// Escapes a label's value.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_quoted_so_that_no_value_ends_its_line() {
        let mut text = Text::default();
        text.gauge("a", "b").of(&[("x", "1\\\"\n"), ("y", "z")], 2.5);
        assert_eq!(text.0, "# HELP a b\n# TYPE a gauge\na{x=\"1\\\\\\\"\\n\",y=\"z\"} 2.5\n");
    }
}
