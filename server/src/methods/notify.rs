//! `notify/test`.

use topside_shared::methods::{NotifyTest, NotifyTestResult};
use topside_shared::{ErrorKind, RpcError};

use crate::audit::action::AuditAction;
use crate::audit::entry::Entry;
use crate::methods::Caller;

pub(super) async fn test(
    caller: Caller,
    NotifyTest { notifier }: NotifyTest,
) -> Result<NotifyTestResult, RpcError> {
    let Caller { server, client } = caller;
    let name = notifier.as_deref();
    server.notify.check_name(name).map_err(|why| RpcError::new(ErrorKind::NotFound, why))?;
    let object = name.map_or_else(|| "all notifiers".to_owned(), |name| format!("notifier {name}"));
    server.audit.ahead(Entry::new(client.by(), AuditAction::NotifyTest, object)).await?;
    let by = client.who().user.clone();
    tracing::info!(target: "topside", client = client.id.0, user = by, notifier = name, "notifiers are tested");
    Ok(NotifyTestResult { notifiers: server.notify.test(name, &by).await })
}
