//! Names of signals.

/// The signals of Linux, from 1 on.
const NAMES: &str = "HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP \
                     TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS";

/// `SIGKILL` for 9, as Linux counts them; one without a name is `signal 35`.
pub fn name(signal: i32) -> String {
    let place = usize::try_from(signal).ok().and_then(|signal| signal.checked_sub(1));
    match place.and_then(|place| NAMES.split(' ').nth(place)) {
        Some(name) => format!("SIG{name}"),
        None => format!("signal {signal}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_has_its_name_and_what_has_none_its_number() {
        let names = [1, 9, 11, 15, 31].map(name);
        assert_eq!(names, ["SIGHUP", "SIGKILL", "SIGSEGV", "SIGTERM", "SIGSYS"]);
        assert_eq!([0, 32, -1].map(name), ["signal 0", "signal 32", "signal -1"]);
    }
}
