//! `topsided`: arguments, signals and the exit status; the server itself is the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    topside_server::cli::main()
}
