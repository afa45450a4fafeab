//! `[metrics]`: figures and a probe over HTTP, as a monitoring system sees them.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::common::server::write;
use crate::common::{DEADLINE, MENU, TestServer, Topsided};

const METRICS: &str = "[metrics]\nlisten = \"127.0.0.1:0\"\n";

/// Where a server says that it serves metrics.
fn address(server: &TestServer) -> String {
    let status = server.connect().ok("server/status", json!({}));
    let listeners = status["listeners"].as_array().unwrap();
    let http = listeners.iter().find(|listener| listener["transport"] == "http").unwrap();
    http["address"].as_str().unwrap().to_owned()
}

fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream
}

/// Head and body of what is answered to a GET.
pub(crate) fn get(address: &str, path: &str) -> (String, String) {
    ask(address, &format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n"))
}

fn ask(address: &str, request: &str) -> (String, String) {
    let mut stream = connect(address);
    stream.write_all(request.as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

/// Each figure by its name and labels, after a look at the form of all.
fn figures(address: &str) -> BTreeMap<String, f64> {
    let (head, body) = get(address, "/metrics");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains("\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
    assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", body.len())), "{head}");
    assert!(body.ends_with('\n'));
    let mut figures = BTreeMap::new();
    let mut family = None;
    let mut lines = body.lines();
    while let Some(line) = lines.next() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            assert!(help.ends_with('.'), "{help}");
            let kind = lines.next().unwrap().strip_prefix(&format!("# TYPE {name} ")).unwrap();
            assert_eq!(kind == "counter", name.ends_with("_total"), "{name}");
            assert!(["counter", "gauge"].contains(&kind));
            family = Some(name);
            continue;
        }
        let (name, value) = line.rsplit_once(' ').unwrap();
        assert_eq!(name.split('{').next(), family, "{line}");
        assert_eq!(figures.insert(name.to_owned(), value.parse().unwrap()), None, "{line}");
    }
    figures
}

#[test]
fn without_an_address_nothing_listens() {
    let server = TestServer::start();
    let status = server.connect().ok("server/status", json!({}));
    assert_eq!(status["listeners"].as_array().unwrap().len(), 1, "{status}");
}

/// An alert on the first refusal needs the 0 before it: `increase()` of a counter that appears with 1 is 0.
#[test]
fn each_counter_of_refusals_is_there_from_the_start_with_0() {
    let server = TestServer::with(MENU, METRICS);
    let address = address(&server);
    let of_refusals = || {
        let mut figures = figures(&address);
        figures.retain(|name, _| name.starts_with("topside_refusals_total"));
        figures
    };
    let start = of_refusals();
    for kind in ["forbidden", "internal", "key", "handshake", "max_runs", "requests", "descriptors"]
    {
        let name = format!("topside_refusals_total{{kind=\"{kind}\"}}");
        assert_eq!(start.get(&name), Some(&0.0), "{kind}: {start:?}");
    }
    assert!(start.values().all(|count| *count == 0.0), "{start:?}");
    let mut client = server.connect();
    client.refused("no/such", json!({}));
    let mut wanted = start;
    wanted.insert("topside_refusals_total{kind=\"unknownMethod\"}".to_owned(), 1.0);
    assert_eq!(of_refusals(), wanted);
    assert_eq!(client.ok("server/status", json!({}))["refusals"], json!({"unknownMethod": 1}));
}

#[test]
fn metrics_equal_the_status() {
    let menu = format!(
        "{MENU}[commands.slow]\nexec = [\"sh\", \"-c\", \"sleep 60\"]\ntimeout = \"20ms\"\n\
                        [commands.one]\nexec = [\"cat\", \"{{file}}\"]\nmax_concurrent = 1\nqueue = 1\n\
                        [[commands.one.args]]\nname = \"file\"\ntype = \"string\"\nrequired = true\n"
    );
    let server = TestServer::with(&menu, &format!("{METRICS}[limits]\nmax_argument = \"20KiB\"\n"));
    let address = address(&server);
    let mut gate = server.fifo("gate");
    let mut client = server.connect();
    client.run("work", json!({}));
    client.run("work", json!({"script": "exit 3"}));
    client.run("slow", json!({}));
    let long = client.start("exec sleep 600");
    client.ok("run/cancel", json!({"runId": long}));
    client.ok("run/attach", json!({"runId": long}));
    let one = json!({"command": "one", "args": {"file": gate.path().to_string()}, "wait": false});
    client.ok("command/run", one.clone());
    client.ok("command/run", one.clone());
    client.refused("command/run", one);
    client.refused("no/such", json!({}));
    let _other = server.connect_with_notices();

    let status = client.ok("server/status", json!({}));
    let seen = figures(&address);
    let told = |value: &Value| value.as_f64().unwrap();
    assert_eq!(seen["topside_clients"], told(&status["clients"]));
    assert_eq!(seen["topside_requests_total"], told(&status["requests"]));
    assert_eq!(seen["topside_received_bytes_total"], told(&status["bytes"]["received"]));
    assert!(seen["topside_sent_bytes_total"] > told(&status["bytes"]["sent"]));
    for state in ["running", "queued"] {
        let figure = seen[&format!("topside_runs{{state=\"{state}\"}}")];
        assert_eq!((figure, told(&status["runs"][state])), (1.0, 1.0), "{state}");
    }
    assert_eq!(seen["topside_runs_started_total"], told(&status["runs"]["started"]));
    let refusals = status["refusals"].as_object().unwrap();
    assert!(refusals.contains_key("unknownMethod") && refusals.contains_key("busy"));
    for (kind, count) in refusals {
        assert_eq!(seen[&format!("topside_refusals_total{{kind=\"{kind}\"}}")], told(count));
    }
    for (state, count) in
        [("succeeded", 1.0), ("failed", 1.0), ("cancelled", 1.0), ("timedOut", 1.0)]
    {
        assert_eq!(seen[&format!("topside_runs_total{{state=\"{state}\"}}")], count, "{state}");
    }
    let version = status["version"].as_str().unwrap();
    assert_eq!(seen[&format!("topside_build_info{{version=\"{version}\"}}")], 1.0);
    assert_eq!(seen["topside_closing"], 0.0);
    if cfg!(target_os = "linux") {
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
        assert!((now - 600.0..=now).contains(&seen["process_start_time_seconds"]));
        assert!(seen["process_resident_memory_bytes"] > 1e6);
        assert!(seen["process_cpu_seconds_total"] < 600.0);
        assert!(seen["process_open_fds"] < seen["process_max_fds"]);
    }
    gate.open();
}

#[test]
fn metrics_have_only_numbers_of_clients_and_runs() {
    let server = TestServer::with(MENU, METRICS);
    let mut client = server.connect();
    let user = client.ok("initialize", json!({}))["you"]["user"].take();
    client.run("look", json!({"text": "hunter2"}));
    let (_, body) = get(&address(&server), "/metrics");
    for word in ["hunter2", "look", "pid ", &format!("\"{}\"", user.as_str().unwrap())] {
        assert!(!body.contains(word), "{word}: {body}");
    }
}

#[test]
fn the_probe_says_ok_until_the_server_is_closing() {
    let server = TestServer::with(MENU, METRICS);
    let address = address(&server);
    let mut gate = server.fifo("gate");
    let (head, body) = get(&address, "/healthz");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert_eq!(body, "ok\n");

    let mut client = server.connect_with_notices();
    let mut ready = server.fifo("ready");
    let script = format!("trap '' TERM; echo up > {}; read x < {}", ready.path(), gate.path());
    client.start(&script);
    assert_eq!(ready.line(), "up");
    client.ok("server/shutdown", json!({"delayMs": 3_600_000}));
    assert_eq!(get(&address, "/healthz").1, "ok\n");
    assert_eq!(figures(&address)["topside_closing"], 1.0);
    server.stop.in_order("", "test");
    while client.told("server/closing")["phase"] != "now" {}
    let (head, body) = get(&address, "/healthz");
    assert!(head.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{head}");
    assert_eq!(body, "closing\n");
    assert_eq!(figures(&address)["topside_clients"], 1.0);
    gate.open();
    server.ended();
}

#[test]
fn other_paths_and_methods_are_refused() {
    let server = TestServer::with(MENU, METRICS);
    let address = address(&server);
    for (request, status) in [
        ("GET / HTTP/1.1\r\n\r\n", "404 Not Found"),
        ("GET /metrics/ HTTP/1.1\r\n\r\n", "404 Not Found"),
        ("GET /../etc/passwd HTTP/1.1\r\n\r\n", "404 Not Found"),
        ("POST /metrics HTTP/1.1\r\nContent-Length: 2\r\n\r\nxx", "405 Method Not Allowed"),
        ("HEAD /metrics HTTP/1.1\r\n\r\n", "200 OK"),
        ("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\r\n\r\n", "400 Bad Request"),
    ] {
        let (head, body) = ask(&address, request);
        assert!(head.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{request}: {head}");
        assert_eq!(body.is_empty(), request.starts_with("HEAD"), "{request}: {body}");
    }
}

#[test]
fn silent_connections_do_not_block_others() {
    let server = TestServer::with(MENU, METRICS);
    let address = address(&server);
    let mut silent: Vec<TcpStream> = (0..8).map(|_| connect(&address)).collect();
    assert_eq!(get(&address, "/healthz").1, "ok\n");
    // The oldest made room.
    assert_eq!(silent[0].read(&mut [0]).unwrap_or(0), 0);
    silent[7].write_all(b"GET /healthz HTTP/1.1\r\n\r\n").unwrap();
    let mut text = String::new();
    silent[7].read_to_string(&mut text).unwrap();
    assert!(text.ends_with("ok\n"), "{text}");
}

#[test]
fn a_port_in_use_is_an_error_at_the_start() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let topsided = Topsided::new();
    topsided.write("server.toml", &format!("[metrics]\nlisten = \"{address}\"\n"));
    let said = topsided.run(&[]);
    assert_eq!(said.status, Some(75), "{said:?}");
    let told = format!("topsided: {address} is in use by another program");
    assert!(said.stderr.contains(&told) && said.stderr.contains("[metrics]"), "{said:?}");
    assert!(!topsided.socket().exists());
}

#[test]
fn a_public_address_is_a_warning_and_an_invalid_one_an_error() {
    let topsided = Topsided::new();
    topsided.write("server.toml", "[metrics]\nlisten = \"0.0.0.0:0\"\n");
    let mut server = topsided.start();
    let line = server.says("metrics are served");
    assert!(line.contains(" warn ") && line.contains("no key is needed"), "{line}");
    drop(server);
    write(&topsided.path("config/server.toml"), "[metrics]\nlisten = \"localhost\"\n");
    let said = topsided.run(&["check"]);
    assert_eq!(said.status, Some(78), "{said:?}");
    let told = "server.toml:2:10: `listen` of [metrics] must be an IP address with a port, such as \
                \"127.0.0.1:9677\" or \"[::1]:9677\"";
    assert!(said.stderr.contains(told), "{said:?}");
}
