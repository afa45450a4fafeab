//! Figures of the box and the history of two minutes in `server/status`.

use serde_json::{Value, json};

use crate::common::server::{directory, write};
use crate::common::{MENU, Raw, TestServer, wait_for};

/// Asks for the status, with the history, until it fits.
fn status_where(client: &mut Raw, fits: impl Fn(&Value) -> bool) -> Value {
    wait_for("the status", || client.ok("server/status", json!({"history": true})), fits)
}

#[test]
fn the_status_has_the_figures_of_the_box_and_omits_those_that_cannot_be_read() {
    let root = directory();
    let file = |path: &str, text: &str| write(&root.path().join(path), text);
    file("proc/stat", "cpu  100 0 100 700 100 0 0 0 0 0\n");
    file("proc/meminfo", "MemTotal: 1000 kB\nMemAvailable: 400 kB\n");
    file("proc/loadavg", "0.52 0.58 0.59 1/1004 31337\n");
    file("sys/class/thermal/thermal_zone0/type", "cpu-thermal\n");
    file("sys/class/thermal/thermal_zone0/temp", "51000\n");
    let path = root.path().to_owned();
    let server = TestServer::with_config(MENU, "", |config| config.with_figures_root(path));
    let mut client = server.connect();
    let figures = status_where(&mut client, |status| status["box"].is_object())["box"].take();
    assert_eq!(figures["memoryTotalBytes"], 1_024_000);
    assert_eq!(figures["memoryAvailableBytes"], 409_600);
    assert_eq!(figures["temperatureCelsius"], 51.0);
    assert_eq!(figures["load"], json!([0.52, 0.58, 0.59]));
    let disk = figures["disks"].as_array().unwrap().last().unwrap();
    assert!(disk["path"] == "/" && disk["totalBytes"].as_u64() > disk["freeBytes"].as_u64());
    // The processor's share is that between two samples.
    file("proc/stat", "cpu  130 0 120 760 100 0 0 0 0 0\n");
    let share = |status: &Value| status["box"]["cpuPercent"].is_number();
    assert_eq!(status_where(&mut client, share)["box"]["cpuPercent"], 45.5);

    for path in ["proc/meminfo", "proc/loadavg", "sys/class/thermal/thermal_zone0/temp"] {
        std::fs::remove_file(root.path().join(path)).unwrap();
    }
    let gone = |status: &Value| status["box"].get("memoryTotalBytes").is_none();
    let figures = status_where(&mut client, gone)["box"].take();
    for absent in ["memoryAvailableBytes", "temperatureCelsius", "load"] {
        assert_eq!(figures.get(absent), None, "{figures}");
    }
}

#[test]
fn the_history_is_in_the_status_only_if_it_is_asked_for() {
    let server = TestServer::start();
    let mut client = server.connect();
    let long = |status: &Value| {
        status["history"]["clients"].as_array().is_some_and(|clients| clients.len() >= 2)
    };
    let history = status_where(&mut client, long)["history"].take();
    assert_eq!(history["stepMs"], 2000);
    assert!(history["newest"].as_str().unwrap().ends_with('Z'));
    assert_eq!(history["clients"].as_array().unwrap().last(), Some(&json!(1)));
    let length = history["clients"].as_array().unwrap().len();
    for figure in ["requestsPerSecond", "runs", "cpuPercent", "memoryUsedBytes", "load"] {
        assert_eq!(history[figure].as_array().unwrap().len(), length, "{figure}: {history}");
    }
    let rates = history["requestsPerSecond"].as_array().unwrap();
    assert!(rates.last().unwrap().as_f64() > Some(0.0), "{history}");
    // The processor's share is not known at the first sample.
    assert_eq!(history["cpuPercent"][0], Value::Null);
    assert_eq!(client.ok("server/status", json!({})).get("history"), None);
}
