//! The server itself: its figures, its files and its shutdown.

use topside_shared::RpcError;
use topside_shared::methods::{
    Empty, ReloadResult, ServerReload, ServerShutdown, ServerShutdownCancel, ServerStatus,
    ShutdownResult, Status,
};

use crate::methods::Caller;
use crate::operations::{self, reload};

pub(super) async fn status(
    caller: Caller,
    ServerStatus { history }: ServerStatus,
) -> Result<Status, RpcError> {
    let mut status = operations::status::status(&caller.server);
    if history {
        status.history = caller.server.samples.history();
    }
    Ok(status)
}

pub(super) async fn reload(
    caller: Caller,
    ServerReload {}: ServerReload,
) -> Result<ReloadResult, RpcError> {
    let Caller { server, client } = &caller;
    let done = reload::reload(server, &client.called()).await;
    reload::record(server, client.by(), &done);
    done.map_err(RpcError::from)
}

pub(super) async fn shutdown(
    caller: Caller,
    params: ServerShutdown,
) -> Result<ShutdownResult, RpcError> {
    operations::shutdown::schedule(&caller.server, &caller.client, params, None).await
}

pub(super) async fn cancel_shutdown(
    caller: Caller,
    ServerShutdownCancel {}: ServerShutdownCancel,
) -> Result<Empty, RpcError> {
    operations::shutdown::cancel(&caller.server, &caller.client).map(|()| Empty {})
}
