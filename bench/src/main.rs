//! Measures `topsided` against what the machine can do at all (raw servers that only read, parse,
//! answer and write) and against Redis, over the local socket and over TLS, interleaved in one run, and
//! prints ratios: times of one machine say little about another, and drift even on one.
//!
//! `topside-bench [--quick] [--only WORD]..`; see the `bench` recipe of the justfile. It looks for
//! `topsided` (and `topside`, for one row) beside itself.

#[cfg(target_os = "linux")]
mod baseline;
#[cfg(target_os = "linux")]
mod benchmarks;
#[cfg(target_os = "linux")]
mod cli;
#[cfg(target_os = "linux")]
mod connect;
#[cfg(target_os = "linux")]
mod exchange;
#[cfg(target_os = "linux")]
mod load;
#[cfg(target_os = "linux")]
mod report;
#[cfg(target_os = "linux")]
mod servers;
#[cfg(target_os = "linux")]
mod settings;
#[cfg(target_os = "linux")]
mod statistics;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    cli::main()
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("topside-bench: processor time and memory are read from /proc, which is Linux's");
    std::process::exit(1);
}
