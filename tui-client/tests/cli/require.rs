//! Programs that a test needs and that are not everywhere.

use std::process::{Command, Stdio};

/// Whether `program` is there; where it is not, says so, and the test returns. Under `TOPSIDE_TEST_STRICT=1` that is
/// a failure.
pub(crate) fn require(program: &str) -> bool {
    let found = Command::new("sh")
        .args(["-c", "command -v \"$1\"", "sh", program])
        .stdout(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    let strict = std::env::var_os("TOPSIDE_TEST_STRICT").is_some_and(|value| value == "1");
    assert!(found || !strict, "needs {program}, and TOPSIDE_TEST_STRICT=1 allows no skip");
    if !found {
        println!("skipped: needs {program}");
    }
    found
}
