//! The hub that the box has joined: whether it can be reached, accepts the box, and has the server listening.

use std::path::Path;

use crate::doctor::diagnose::Verdict;

#[derive(Debug, Clone)]
#[cfg_attr(not(feature = "hub"), allow(dead_code, reason = "then no box has joined a hub"))]
pub(super) struct HubFacts {
    /// Name and addresses; where the file cannot be used, the file.
    pub(super) shown: String,
    /// Whether a connection by the credential of the box was accepted.
    pub(super) answer: Result<(), String>,
    /// Whether the server listens there; none: no server answers.
    pub(super) listens: Option<bool>,
}

/// The facts about the hub; none if the box has joined none.
#[cfg(feature = "hub")]
pub(super) async fn collect(state: &Path, listens: Option<bool>) -> Option<HubFacts> {
    use crate::net::hub_membership;

    let access = match hub_membership::read(state) {
        Ok(access) => access?,
        Err(error) => {
            let shown = "the joined hub".to_owned();
            return Some(HubFacts { shown, answer: Err(error.to_string()), listens });
        }
    };
    let shown = format!("{} ({})", access.fleet, access.places());
    let answer = topside_shared::hub::HubConnection::open(&access).await;
    let answer = answer.map(drop).map_err(|error| error.to_string());
    Some(HubFacts { shown, answer, listens })
}

#[cfg(not(feature = "hub"))]
pub(super) async fn collect(_state: &Path, _listens: Option<bool>) -> Option<HubFacts> {
    None
}

impl HubFacts {
    pub(super) fn judge(&self) -> (Verdict, String) {
        let Self { shown, answer, listens } = self;
        match (answer, listens) {
            (Err(why), _) => (Verdict::Fail, why.clone()),
            (Ok(()), Some(true)) => {
                (Verdict::Ok, format!("{shown} accepts the box, and the server listens there"))
            }
            (Ok(()), Some(false)) => (
                Verdict::Fail,
                format!(
                    "{shown} accepts the box, but the server does not listen there: see the log (`topsided log`)"
                ),
            ),
            (Ok(()), None) => {
                (Verdict::Warn, format!("{shown} accepts the box, but no server answers"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hub_is_well_where_the_server_listens_there() {
        let judge = |answer: Result<(), &str>, listens| {
            let answer = answer.map_err(str::to_owned);
            HubFacts { shown: "garden (h:4222)".to_owned(), answer, listens }.judge()
        };
        let (verdict, text) = judge(Ok(()), Some(true));
        assert_eq!(
            (verdict, &*text),
            (Verdict::Ok, "garden (h:4222) accepts the box, and the server listens there")
        );
        assert_eq!(judge(Ok(()), Some(false)).0, Verdict::Fail);
        assert_eq!(judge(Ok(()), None).0, Verdict::Warn);
        assert_eq!(judge(Err("no answer"), Some(true)), (Verdict::Fail, "no answer".to_owned()));
    }
}
