//! Actions of the audit log: the only list of their names.

use topside_shared::wire_enum;

wire_enum! {
    /// What an entry of the audit log records.
    pub(crate) enum AuditAction {
        CommandRun = "command/run",
        RunEnded = "run/ended",
        RunCancel = "run/cancel",
        RunSafeState = "run/safe-state",
        ApprovalRequested = "approval/requested",
        ApprovalApproved = "approval/approved",
        ApprovalRefused = "approval/refused",
        ApprovalExpired = "approval/expired",
        ApprovalWithdrawn = "approval/withdrawn",
        FileClose = "file/close",
        SchedulePause = "schedule/pause",
        ScheduleResume = "schedule/resume",
        SchedulePlan = "schedule/plan",
        ScheduleSet = "schedule/set",
        NotifyTest = "notify/test",
        WorkerStarted = "worker/started",
        WorkerEnded = "worker/ended",
        WorkerSafeState = "worker/safe-state",
        WorkerRestart = "worker/restart",
        KeyInvite = "key/invite",
        KeyEnrol = "key/enrol",
        KeyRevoke = "key/revoke",
        KeyRefused = "key/refused",
        FleetRoster = "fleet/roster",
        FleetLeft = "fleet/left",
        HandshakeFailed = "handshake/failed",
        SessionBegun = "session/begun",
        SessionEnded = "session/ended",
        SessionRefused = "session/refused",
        ClientKick = "client/kick",
        Broadcast = "broadcast",
        ServerStarted = "server/started",
        ServerReload = "server/reload",
        ServerHook = "server/hook",
        ServerShutdown = "server/shutdown",
        ServerShutdownCancel = "server/shutdown/cancel",
        ServerStopped = "server/stopped",
        BoxReboot = "box/reboot",
        BoxPoweroff = "box/poweroff",
        LogRotate = "log/rotate",
        AuditTorn = "audit/torn",
        AuditRenewed = "audit/renewed",
        AuditLetGo = "audit/let-go",
        AuditMissing = "audit/missing",
        AuditLost = "audit/lost",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_table_of_the_security_page_has_each_action_and_no_other() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/SECURITY.md");
        let page = std::fs::read_to_string(page).unwrap();
        let (_, table) = page.split_once("\n| action | when |\n").expect("the table of actions");
        let rows = table.lines().take_while(|line| line.starts_with('|')).skip(1);
        let cells = rows.filter_map(|row| row.split('|').nth(1));
        let listed: Vec<&str> = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
        let named: BTreeSet<&str> = AuditAction::ALL.iter().map(|action| action.name()).collect();
        assert_eq!(listed.iter().copied().collect::<BTreeSet<_>>(), named);
        assert_eq!(listed.len(), AuditAction::ALL.len(), "an action has two rows: {listed:?}");
    }
}
