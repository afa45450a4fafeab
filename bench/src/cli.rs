//! Command line of the bench: runs the benchmarks, or one of the helper programs that the bench starts itself.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::goal::Goal;
use crate::load::Pool;
use crate::report::Report;
use crate::servers::Programs;
use crate::settings::Settings;
use crate::statistics::Series;
use crate::{baseline, benchmarks, exchange, machine, report};

const USAGE: &str = "usage: topside-bench [--quick] [--check] [--markdown FILE] [--only requests|memory|start|notices|programs|output|flood|burst|shutdown|growth|tls|fleet]..
       topside-bench load SOCKET ping|echo|COMMAND CLIENTS MS";

pub(crate) fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args.as_slice() {
        ["raw-json", socket, workers] => baseline::json::serve(Path::new(socket), workers),
        ["raw-tls", port, key] => baseline::tls::serve(port, Path::new(key)),
        ["raw-hub-end", strings, key] => {
            baseline::hub_end::serve(Path::new(strings), Path::new(key))
        }
        ["raw-boxes", strings, count] => baseline::boxes::serve(Path::new(strings), count),
        ["raw-line", socket] => baseline::line::serve(Path::new(socket)),
        ["raw-run", socket] => run_once(Path::new(socket)),
        ["print", bytes] => print(bytes),
        ["tick"] => tick(),
        ["spin"] => loop {
            std::hint::spin_loop();
        },
        ["load", socket, what, clients, ms] => load(socket, what, clients, ms),
        flags => return measure(flags),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("topside-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(flags: &[&str]) -> ExitCode {
    let mut settings = Settings::FULL;
    let (mut only, mut check, mut page) = (Vec::new(), false, None);
    let mut flags = flags.iter();
    while let Some(flag) = flags.next() {
        match *flag {
            "--quick" => settings = Settings::QUICK,
            "--check" => check = true,
            "--markdown" => match flags.next() {
                Some(file) => page = Some(Path::new(file)),
                None => return refuse(),
            },
            "--only" => match flags.next() {
                Some(group) if benchmarks::GROUPS.iter().any(|(name, _)| name == group) => {
                    only.push(*group);
                }
                _ => return refuse(),
            },
            _ => return refuse(),
        }
    }
    let started = Instant::now();
    let programs = match Programs::find() {
        Ok(programs) => programs,
        Err(error) => {
            eprintln!("topside-bench: {error}");
            return ExitCode::FAILURE;
        }
    };
    for absent in programs.absent() {
        println!("absent: {absent}");
    }
    let mut report = Report::default();
    let mut status = ExitCode::SUCCESS;
    for (name, group) in benchmarks::GROUPS {
        if !only.is_empty() && !only.contains(name) {
            continue;
        }
        let since = Instant::now();
        if let Err(error) = group(&programs, &settings, &mut report) {
            eprintln!("topside-bench: {name}: {error}");
            status = ExitCode::FAILURE;
        }
        eprintln!("{name}: measured in {:.1} s", since.elapsed().as_secs_f64());
    }
    if only.is_empty() {
        let whole = Series::alone([started.elapsed().as_secs_f64()]);
        report.add("this bench as a whole", "s", whole, &[Goal::at_most(480.0)]);
    }
    let figures = format!(
        "{report}\nMedians of {} interleaved rounds on {}.\n",
        settings.rounds,
        machine::describe()
    );
    print!("{figures}");
    if let Some(page) = page
        && let Err(error) = write_figures(page, &figures)
    {
        eprintln!("topside-bench: {}: {error}", page.display());
        status = ExitCode::FAILURE;
    }
    let failures = report.failures();
    if check && !failures.is_empty() {
        eprintln!("\ngoals that are not reached:\n{}", failures.join("\n"));
        status = ExitCode::FAILURE;
    }
    status
}

/// Writes the figures into a page of the documentation.
fn write_figures(page: &Path, figures: &str) -> io::Result<()> {
    let text = std::fs::read_to_string(page)?;
    let text = report::replace_figures(&text, figures).map_err(io::Error::other)?;
    std::fs::write(page, text)
}

fn refuse() -> ExitCode {
    eprintln!("{USAGE}");
    ExitCode::from(2)
}

/// A whole program for one command, doing no more than it must: the limit for `topside run`.
fn run_once(socket: &Path) -> io::Result<()> {
    let mut stream = UnixStream::connect(socket)?;
    stream.write_all(exchange::RAW_SPAWN)?;
    let mut answer = [0; 4096];
    let mut filled = 0;
    while !answer[..filled].ends_with(b"\n") {
        match stream.read(&mut answer[filled..])? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => filled += count,
        }
    }
    exchange::is_answer(&answer[..filled])
}

/// Puts load on a server that is already running, so that it can be profiled.
fn load(socket: &str, what: &str, clients: &str, ms: &str) -> io::Result<()> {
    let exchange = match what {
        "ping" => exchange::ping(),
        "echo" => exchange::echo(),
        command => exchange::run(command),
    };
    let mut pool =
        Pool::connect(&PathBuf::from(socket), clients.parse().map_err(io::Error::other)?)?;
    let slice = Duration::from_millis(ms.parse().map_err(io::Error::other)?);
    let load = pool.load(&exchange, slice)?;
    println!("{:.0}/s, p50 {:.3} ms, p99 {:.3} ms", load.rate, load.p50, load.p99);
    Ok(())
}

/// Prints this many bytes of text, as fast as they are read.
fn print(bytes: &str) -> io::Result<()> {
    let mut left: usize = bytes.parse().map_err(io::Error::other)?;
    let line = "the quick brown fox jumps over the lazy dog while the kettle sings on the hob..\n";
    let block = line.repeat(820);
    let mut out = io::stdout().lock();
    while left > 0 {
        let piece = left.min(block.len());
        out.write_all(&block.as_bytes()[..piece])?;
        left -= piece;
    }
    out.flush()
}

/// Prints distinct lines, one after the other.
fn tick() -> io::Result<()> {
    use crate::benchmarks::flood::slow_line::{LINE_BYTES, LINE_INTERVAL, LINES};
    for number in 1..=LINES {
        let line = format!("line-{number} the quick brown fox jumps over the lazy dog and runs on");
        println!("{line:.<0$}", LINE_BYTES - 1);
        std::thread::sleep(LINE_INTERVAL);
    }
    Ok(())
}
