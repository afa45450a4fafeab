//! Benchmarks of `topsided`. They compare it with baseline servers, which only read, parse, answer and write, and with Redis,
//! over the local socket and over TLS. All are measured in turn in one run, and the report prints ratios, because absolute
//! times differ between machines and drift on one.
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
