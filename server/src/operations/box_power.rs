//! Reboot and power off of the box: whether they are possible, and running the program.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use topside_shared::after_shutdown::AfterShutdown;
use topside_shared::{ErrorKind, RpcError};

use crate::audit::action::AuditAction;
use crate::audit::entry::{By, Entry};
use crate::base::blocking::blocking;
use crate::base::shutdown::Plan;
use crate::base::{box_boot, platform, reboot_record};
use crate::process::resolve_program;
use crate::process::short_program::run_to_end;
use crate::server::Server;

/// Programs that act on the system in which they run.
const OF_SYSTEM: [&str; 6] = ["systemctl", "loginctl", "reboot", "poweroff", "shutdown", "halt"];
/// Longest time for an answer about rights.
const CHECK_LIMIT: Option<Duration> = Some(Duration::from_secs(5));
/// The rule that gives the server's user the right.
const RULE: &str =
    "install config/polkit/50-topside-power.rules as /etc/polkit-1/rules.d/50-topside-power.rules";

/// Checks that the box can be shut down in this way, before any client is warned.
///
/// # Errors
/// `invalidParams` where it is not set in `[host]`; `spawnFailed` where the box does not let the server do it.
pub(crate) async fn check(server: &Arc<Server>, then: AfterShutdown) -> Result<(), RpcError> {
    let now = server.now();
    let Some(argv) = now.config.host.program(then).map(<[String]>::to_vec) else {
        return Err(RpcError::new(
            ErrorKind::InvalidParams,
            not_offered(then, &now.config.host.offered()),
        ));
    };
    let root = now.config.figures_root.clone();
    match blocking(move || obstacle(&argv, then, &root)).await {
        Ok(Some(obstacle)) => {
            let what = then.noun();
            let message = format!("a {what} of the box is not possible: {obstacle}");
            Err(RpcError::new(ErrorKind::SpawnFailed, message))
        }
        Ok(None) | Err(_) => Ok(()),
    }
}

fn not_offered(then: AfterShutdown, offered: &[AfterShutdown]) -> String {
    let name = then.name();
    let mut can = vec!["`exit`".to_owned(), "`restart`".to_owned()];
    can.extend(offered.iter().map(|then| format!("`{}`", then.name())));
    let last = can.pop().unwrap_or_default();
    let can = format!("{} or {last}", can.join(", "));
    format!(
        "`then` cannot be `{name}`: this server can {can}; `{name}` in [host] of server.toml adds it"
    )
}

/// Why this program cannot reboot the box or switch it off, as far as that shows in advance: none, or the rest of a
/// sentence. A program of another name is not judged. Blocks.
pub(crate) fn obstacle(argv: &[String], then: AfterShutdown, root: &Path) -> Option<String> {
    let program = argv.first()?;
    if let Err(error) = resolve_program::executable(Path::new(program)) {
        return Some(format!("the program {program} {error}"));
    }
    let name = Path::new(program).file_name()?.to_str()?;
    if name == "sudo" {
        return sudo_refuses(argv);
    }
    if !OF_SYSTEM.contains(&name) {
        return None;
    }
    if let Some(mark) = box_boot::container(root) {
        return Some(format!(
            "the server runs in a container ({mark} exists), which has no power over the box"
        ));
    }
    match platform::own_uid() {
        0 if name == "systemctl" && !root.join("run/systemd/system").exists() => {
            Some(format!("systemd does not run here, so {program} does nothing"))
        }
        0 => None,
        _ => logind_refuses(then),
    }
}

/// Asks sudo whether it runs the command without a password.
fn sudo_refuses(argv: &[String]) -> Option<String> {
    let (sudo, rest) = argv.split_first()?;
    let command = rest.iter().skip_while(|word| word.starts_with('-')).cloned();
    let question = [sudo.clone(), "-n".into(), "-l".into()].into_iter().chain(command);
    let question: Vec<String> = question.collect();
    let refused = run_to_end(&question, CHECK_LIMIT).err()?;
    let shown = argv.join(" ");
    Some(format!(
        "sudo does not let the server's user run `{shown}` without a password: `{}` {refused}",
        question.join(" ")
    ))
}

/// Asks logind, which asks polkit, whether this user may do it.
fn logind_refuses(then: AfterShutdown) -> Option<String> {
    let method = if then == AfterShutdown::Poweroff { "CanPowerOff" } else { "CanReboot" };
    let Ok(busctl) = resolve_program::find_program("busctl") else {
        return Some("the server is not root, and the box has no busctl to ask for the right: run it by sudo".into());
    };
    let question = [
        &busctl,
        "--system",
        "call",
        "org.freedesktop.login1",
        "/org/freedesktop/login1",
        "org.freedesktop.login1.Manager",
        method,
    ];
    let answer = run_to_end(&question.map(str::to_owned), CHECK_LIMIT);
    logind_answer(answer, method)
}

fn logind_answer(answer: Result<String, String>, method: &str) -> Option<String> {
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => return Some(format!("logind cannot be asked for the right: busctl {error}")),
    };
    match answer.trim().trim_start_matches("s ").trim_matches('"') {
        "yes" => None,
        "challenge" => Some(format!("polkit would ask the server's user for a password: {RULE}")),
        "na" => Some(format!("logind answers that the box cannot do it ({method}: na)")),
        _ => Some(format!("polkit does not let the server's user do it: {RULE}")),
    }
}

impl Server {
    /// Runs the program that reboots the box or switches it off; whether it succeeded. Each session has ended by then.
    pub(crate) async fn run_box_power(self: &Arc<Self>, plan: &Plan) -> bool {
        let now = self.now();
        let (config, then) = (&now.config, plan.options.then);
        let Some(argv) = config.host.program(then).map(<[String]>::to_vec) else { return false };
        let boot_id = box_boot::boot_id(&config.figures_root);
        let by = plan.by.clone();
        let begun = self.blocking(move |server| {
            reboot_record::begin(&server.now().config.state, then, &by, boot_id)
        });
        if let Ok(Err(error)) = begun.await {
            tracing::warn!(target: "topside", %error, "the {} is not recorded: its result will not be known", then.noun());
        }
        let entry = Entry::new(By::named(plan.by.clone()), action(then), "box").argv(argv.clone());
        self.audit.note_ahead(entry).await;
        tracing::info!(target: "topside", by = plan.by, program = argv.join(" "), "{} of the box", then.noun());
        let limit = config.host.timeout;
        let shown = argv.join(" ");
        let failure = match blocking(move || run_to_end(&argv, limit)).await {
            Ok(Ok(_)) => return true,
            Ok(Err(failure)) => format!("`{shown}` {failure}"),
            Err(error) => error.to_string(),
        };
        self.box_power_failed(then, failure).await;
        false
    }

    /// Records and reports why the box stays up. The server starts again.
    pub(crate) async fn box_power_failed(self: &Arc<Self>, then: AfterShutdown, failure: String) {
        tracing::error!(
            target: "topside", failure,
            "the box did not {}: the server starts again", then.order().to_lowercase()
        );
        let recorded =
            self.blocking(move |server| reboot_record::fail(&server.now().config.state, &failure));
        if let Ok(Err(error)) = recorded.await {
            tracing::warn!(target: "topside", %error, "the next start will not know why the box stayed up");
        }
    }
}

/// The action of the audit log.
pub(crate) fn action(then: AfterShutdown) -> AuditAction {
    if then == AfterShutdown::Poweroff { AuditAction::BoxPoweroff } else { AuditAction::BoxReboot }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A box with these files, and a program with this name.
    fn box_with(files: &[&str], program: &str) -> (tempfile::TempDir, Vec<String>) {
        let root = tempfile::tempdir().unwrap();
        for file in files.iter().chain([&program]) {
            let path = root.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, "#!/bin/sh\n").unwrap();
            platform::set_mode(&path, 0o755).unwrap();
        }
        let argv = vec![root.path().join(program).display().to_string(), "reboot".to_owned()];
        (root, argv)
    }

    #[test]
    fn a_container_has_no_power_over_the_box() {
        for mark in ["run/.containerenv", ".dockerenv", "run/systemd/container"] {
            for program in ["bin/systemctl", "bin/reboot"] {
                let (root, argv) = box_with(&[mark], program);
                let why = obstacle(&argv, AfterShutdown::Reboot, root.path()).unwrap();
                assert!(why.contains("in a container") && why.contains(mark), "{why}");
            }
            // A program of the user's own may reach the box from there.
            let (root, argv) = box_with(&[mark], "bin/reboot-the-host");
            assert_eq!(obstacle(&argv, AfterShutdown::Reboot, root.path()), None);
        }
    }

    #[test]
    fn a_program_that_is_gone_is_reported() {
        let (root, argv) = box_with(&[], "bin/reboot");
        std::fs::remove_file(&argv[0]).unwrap();
        let why = obstacle(&argv, AfterShutdown::Reboot, root.path()).unwrap();
        assert!(why.contains("bin/reboot"), "{why}");
    }

    #[test]
    fn the_answer_of_logind_says_what_is_missing() {
        let of = |answer: &str| logind_answer(Ok(answer.to_owned()), "CanReboot");
        assert_eq!(of("s \"yes\"\n"), None);
        for (answer, part) in
            [("challenge", "password"), ("no", "does not let"), ("na", "cannot do it")]
        {
            let why = of(&format!("s \"{answer}\"\n")).unwrap();
            assert!(why.contains(part), "{why}");
        }
        let why =
            logind_answer(Err("ended with exit status 1: no bus".into()), "CanReboot").unwrap();
        assert!(why.contains("no bus"), "{why}");
    }
}
