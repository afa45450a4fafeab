//! Deadlines that may be absent, for `tokio::select!`.

use tokio::time::Instant;

/// Waits until a moment; for ever without one.
pub(crate) async fn sleep_until(until: Option<Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until).await,
        None => std::future::pending().await,
    }
}
