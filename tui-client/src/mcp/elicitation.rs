//! Elicitation: an assistant that supports it tells its user that a call waits for approval. The user may decline, which withdraws the
//! call. To accept there approves nothing: that is done on a Topside screen.

use std::collections::BTreeMap;
use std::future::pending;

use rmcp::model::{
    ClientResult, ElicitRequest, ElicitRequestParams, ElicitationAction, ElicitationSchema,
    ServerRequest,
};
use rmcp::service::PeerRequestOptions;
use rmcp::{Peer, RoleServer};
use tokio_util::sync::{CancellationToken, DropGuard};
use topside_shared::records::RunRow;

/// A question that the assistant shows to its user. It is taken back when this is dropped.
#[derive(Debug)]
pub(super) struct Question {
    declined: CancellationToken,
    _ends: DropGuard,
}

/// Whether an assistant shows questions to its user.
pub(super) fn is_supported(peer: &Peer<RoleServer>) -> bool {
    let elicitation = peer.peer_info().and_then(|info| info.capabilities.elicitation.clone());
    // Without a mode it is that of a form.
    elicitation.is_some_and(|modes| modes.form.is_some() || modes.url.is_none())
}

impl Question {
    /// Tells the user of the assistant that a run waits for approval.
    pub(super) fn ask(peer: Peer<RoleServer>, row: &RunRow, standing: &str) -> Self {
        let (command, run) = (&row.command, row.run_id.0);
        let message = format!(
            "{command}: {standing}. A person approves it on a Topside screen, or with `topside approve {run}`; to accept this here \
             approves nothing. Decline to withdraw the call."
        );
        let (declined, ends) = (CancellationToken::new(), CancellationToken::new());
        let (answer, end) = (declined.clone(), ends.clone());
        tokio::spawn(async move {
            if is_declined(&peer, message, end).await {
                answer.cancel();
            }
        });
        Self { declined, _ends: ends.drop_guard() }
    }
}

/// Waits until the user has declined; for ever without a question.
pub(super) async fn declined(question: Option<&Question>) {
    match question {
        Some(question) => question.declined.cancelled().await,
        None => pending().await,
    }
}

/// Whether the user of the assistant declines, before the end.
async fn is_declined(peer: &Peer<RoleServer>, message: String, end: CancellationToken) -> bool {
    let params = ElicitRequestParams::FormElicitationParams {
        meta: None,
        message,
        // There is nothing to fill in.
        requested_schema: ElicitationSchema::new(BTreeMap::new()),
    };
    let request = ServerRequest::ElicitRequest(ElicitRequest::new(params));
    let options = PeerRequestOptions::no_options();
    // A revision without such requests refuses it.
    let Ok(mut sent) = peer.send_cancellable_request(request, options).await else { return false };
    tokio::select! {
        answer = &mut sent.rx => matches!(
            answer,
            Ok(Ok(ClientResult::ElicitResult(result))) if result.action == ElicitationAction::Decline
        ),
        () = end.cancelled() => {
            let reason = "the run does not wait for approval any more".to_owned();
            // The assistant may have gone.
            let _ = sent.cancel(Some(reason)).await;
            false
        }
    }
}
