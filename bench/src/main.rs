//! Benchmarks of `topsided`. They compare it with baseline servers, which only read, parse, answer and write, and with Redis,
//! over the local socket and over TLS. All are measured in turn in one run, and the report prints ratios, because absolute
//! times differ between machines and drift on one.
//!
//! `topside-bench [--quick] [--check] [--markdown FILE] [--only WORD]..`; see the `bench` recipe of the justfile. It looks for
//! `topsided` (and `topside`, for one row) beside itself. Processor time and memory are read from `/proc`: Linux only.

mod baseline;
mod benchmarks;
mod cli;
mod connect;
mod exchange;
mod goal;
mod load;
mod machine;
mod report;
mod servers;
mod settings;
mod statistics;

fn main() -> std::process::ExitCode {
    cli::main()
}
