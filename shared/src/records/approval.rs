//! The approval of a run, and the row of one that waits for it.

use serde::{Deserialize, Serialize};

use crate::command::Effect;
use crate::ids::{ClientId, RunId};
use crate::pin::Pin;
use crate::role::Role;
use crate::text;
use crate::time::Time;

wire_enum! {
    /// The state of an approval.
    pub enum ApprovalState {
        /// A user must decide.
        Waiting = "waiting",
        /// A user has approved the run.
        Approved = "approved",
        /// A user has refused the run: it did not start.
        Refused = "refused",
        /// Its time has passed: the run did not start.
        Expired = "expired",
        /// The run was cancelled, or the server found that it may not start any more.
        Withdrawn = "withdrawn",
        /// A state that a newer server sent.
        #[serde(other)]
        Unknown = "unknown",
    }
}

/// The approval of a run, in its row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunApproval {
    /// The least role that may decide.
    pub role: Role,
    /// Whether it was decided, and how.
    pub state: ApprovalState,
    /// When it expires, by the server's clock; absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
    /// While it waits: milliseconds until it expires; what a client counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_ms: Option<u64>,
    /// Who decided, by user and connection: `anna (#3)`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Why it was refused or withdrawn, or how long it waited until it expired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl RunApproval {
    /// For people: `waits for approval by role admin, 4 m 12 s left`, `refused by anna (#3): too early`.
    pub fn sentence(&self) -> String {
        let clean = |text: &str| text::clean(text, text::MAX_REASON);
        let by = || self.by.as_deref().map_or_else(String::new, |by| format!(" by {}", clean(by)));
        let why = self.reason.as_deref().map(clean);
        let with_reason = |what: String| match &why {
            Some(why) => format!("{what}: {why}"),
            None => what,
        };
        match self.state {
            ApprovalState::Waiting => match self.in_ms {
                Some(ms) => {
                    format!("waits for approval by role {}, {} left", self.role, text::duration(ms))
                }
                None => format!("waits for approval by role {}", self.role),
            },
            ApprovalState::Approved => with_reason(format!("approved{}", by())),
            ApprovalState::Refused => with_reason(format!("refused{}", by())),
            ApprovalState::Expired => why.unwrap_or_else(|| "not approved in time".to_owned()),
            ApprovalState::Withdrawn => with_reason("not approved".to_owned()),
            ApprovalState::Unknown => "decided".to_owned(),
        }
    }
}

/// A run that waits for approval, or did, in `approvals/list`, `approval/decide` and `approval/changed`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApprovalRow {
    /// The run: its number names the approval.
    pub run_id: RunId,
    /// The command's name.
    pub command: String,
    /// The command's title.
    pub title: String,
    /// How much the command changes.
    pub effect: Effect,
    /// The line that would run it, without secrets; a long one is cut.
    pub line: String,
    /// The question of the command, with the values of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm: Option<String>,
    /// Who asks: the name of the user or the key.
    pub user: String,
    /// The key that asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<Pin>,
    /// Whether an agent asks.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub agent: bool,
    /// The connection that asks.
    pub client_id: ClientId,
    /// Why the run is wanted, in the words of its user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When the run was requested.
    pub since: Time,
    /// How the approval stands.
    pub approval: RunApproval,
    /// Whether the caller may decide.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub may_decide: bool,
}

impl ApprovalRow {
    /// Who asks, for people: `bot (agent)`.
    pub fn asker(&self) -> String {
        let user = text::clean(&self.user, text::MAX_NAME);
        if self.agent { format!("{user} (agent)") } else { user }
    }

    /// Who asks, with the connection: `ann (#7)`, `bot (#8, agent)`; `you` is the connection that reads it.
    pub fn called(&self, you: Option<ClientId>) -> String {
        if self.agent && you != Some(self.client_id) {
            return format!(
                "{} ({}, agent)",
                text::clean(&self.user, text::MAX_NAME),
                self.client_id
            );
        }
        text::called_for(&self.user, self.client_id, you)
    }

    /// Whether it still waits for a decision.
    pub fn is_waiting(&self) -> bool {
        self.approval.state == ApprovalState::Waiting
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_approval_has_its_sentence() {
        let of = |state, by: Option<&str>, reason: Option<&str>, in_ms| RunApproval {
            role: Role::Admin,
            state,
            expires_at: None,
            in_ms,
            by: by.map(str::to_owned),
            reason: reason.map(str::to_owned),
        };
        let sentence = |state, by, reason| of(state, by, reason, None).sentence();
        let waiting = of(ApprovalState::Waiting, None, None, Some(252_000));
        assert_eq!(waiting.sentence(), "waits for approval by role admin, 4 m 12 s left");
        assert_eq!(
            sentence(ApprovalState::Waiting, None, None),
            "waits for approval by role admin"
        );
        let anna = Some("anna (#3)");
        assert_eq!(sentence(ApprovalState::Approved, anna, None), "approved by anna (#3)");
        assert_eq!(
            sentence(ApprovalState::Refused, anna, Some("too early")),
            "refused by anna (#3): too early"
        );
        assert_eq!(
            sentence(ApprovalState::Expired, None, Some("not approved within 5 m 00 s")),
            "not approved within 5 m 00 s"
        );
        assert_eq!(
            sentence(ApprovalState::Withdrawn, None, Some("the server shut down")),
            "not approved: the server shut down"
        );
    }

    #[test]
    fn a_state_of_a_newer_server_is_unknown() {
        let read: RunApproval =
            serde_json::from_str(r#"{"role":"admin","state":"halfway"}"#).unwrap();
        assert_eq!(read.state, ApprovalState::Unknown);
    }
}
