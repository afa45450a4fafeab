//! What a test needs and is not everywhere. The tests of the client have this file too.

use std::process::{Command, Stdio};

/// Whether `program` is there; where it is not, says so, and the test returns.
pub(crate) fn require(program: &str) -> bool {
    let found = Command::new("sh")
        .args(["-c", "command -v \"$1\"", "sh", program])
        .stdout(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    found || skipped(program)
}

/// Says that a test cannot be run without `what`; under `TOPSIDE_TEST_STRICT=1` that is a failure.
pub(crate) fn skipped(what: &str) -> bool {
    let strict = std::env::var_os("TOPSIDE_TEST_STRICT").is_some_and(|value| value == "1");
    assert!(!strict, "skipped: needs {what}, and TOPSIDE_TEST_STRICT=1 allows no skip");
    println!("skipped: needs {what}");
    false
}
