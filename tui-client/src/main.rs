//! `topside`, the terminal client.

fn main() -> std::process::ExitCode {
    topside_client::main()
}
