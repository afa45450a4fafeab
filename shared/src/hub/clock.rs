//! Clock of the hub, as a box reads it: the box writes an empty record of its own, and reads when the hub stored it.

use bytes::Bytes;

use super::bucket::{Bucket, BucketError};
use super::digits;
use crate::pin::Pin;
use crate::time::Time;

impl Bucket {
    /// How far this machine's clock is ahead of the hub's, in milliseconds; negative if it is behind. It is wrong by at most
    /// half the time that the hub takes for its answer. `pin` is that of the box, which alone may ask.
    pub async fn clock_ahead(&self, pin: &Pin) -> Result<i64, BucketError> {
        let key = format!("clock.{}", digits(pin));
        let before = Time::now().as_millis();
        let sequence = self.put(&key, Bytes::new()).await?;
        let after = Time::now().as_millis();
        match self.get(&key).await? {
            Some(entry) if entry.sequence >= sequence => {
                Ok(before.midpoint(after) - entry.stored_at.as_millis())
            }
            // Another server of a cluster has answered, which does not have it yet.
            _ => Err(BucketError::Silent),
        }
    }
}
