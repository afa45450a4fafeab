//! A large menu: its check at the start of a server and at a reload, and reading it page by page.

use std::fs;
use std::io;

use super::add_curves;
use crate::exchange;
use crate::goal::Goal;
use crate::load::Client;
use crate::report::Report;
use crate::servers::Programs;
use crate::settings::Settings;
use crate::statistics::Series;

const COUNTS: [usize; 3] = [500, 2_000, MOST];
const MOST: usize = 10_000;

pub(super) fn measure(
    programs: &Programs,
    settings: &Settings,
    report: &mut Report,
) -> io::Result<()> {
    let names = [
        ("start, a command of the menu", "us"),
        ("read the menu, a command", "us"),
        ("reload, a command of the menu", "us"),
    ];
    let [mut start, mut reload] = [(); 2].map(|()| Series::default());
    add_curves(report, settings, names, &COUNTS, |count| {
        let costs = costs(programs, count)?;
        if count == MOST {
            start.ours.push(costs[0] * count as f64 / 1e3);
            reload.ours.push(costs[2] * count as f64 / 1e3);
        }
        Ok(costs)
    })?;
    for (what, series) in [("start", start), ("reload", reload)] {
        let work = format!("{what} with {MOST} commands, processor");
        report.add(work, "ms", series, &[Goal::at_most(300.0)]);
    }
    Ok(())
}

/// Processor time for each command, in µs.
fn costs(programs: &Programs, count: usize) -> io::Result<[f64; 3]> {
    let command = |n: usize| {
        format!(
            "[commands.restart-{n}]\ntitle = \"Restart number {n}\"\nexec = [\"true\", \"{{service}}\"]\n\
             effect = \"read\"\n[[commands.restart-{n}.args]]\nname = \"service\"\ntype = \"string\"\n\
             description = \"One of the services\"\n"
        )
    };
    let menu: String = (0..count).map(command).collect();
    let server = programs.start_with_files(&menu, "")?;
    let started = server.cpu()?;
    let mut client = Client::connect(&server.socket)?;
    let mut params = serde_json::json!({});
    let mut commands = 0;
    loop {
        let request = exchange::json("commands/list", &params.to_string()).request;
        let page: serde_json::Value = serde_json::from_str(&client.text(&request)?)?;
        let page = &page["result"];
        commands += page["commands"].as_array().map_or(0, Vec::len);
        if page["next"].is_null() {
            break;
        }
        params["after"] = page["next"].clone();
    }
    if commands < count {
        return Err(io::Error::other(format!("{commands} of {count} commands are served")));
    }
    let read = server.cpu()? - started;
    fs::write(server.directory().join("commands.toml"), menu.replace("number", "no."))?;
    let since = server.cpu()?;
    let answer = client.text(&exchange::json("server/reload", "").request)?;
    exchange::is_answer(answer.as_bytes())?;
    let reload = server.cpu()? - since;
    Ok([started, read, reload].map(|seconds| seconds * 1e6 / count as f64))
}
