//! Thread pool for work that blocks.
//!
//! The first thread starts with the first server of the process and never ends. So the work is done, if later, where
//! the system gives no more threads; the pool of tokio panics there. Other threads end when they are idle.

use std::any::Any;
use std::collections::VecDeque;
use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::{Condvar, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::base::mutex::Mutex;

const MAX_THREADS: usize = 128;
/// How long a thread beyond the first is idle before it ends.
const IDLE: Duration = Duration::from_secs(10);

type Work = Box<dyn FnOnce() + Send>;

static POOL: Pool = Pool {
    queue: Mutex::new(JobQueue { work: VecDeque::new(), threads: 0, idle: 0 }),
    pushed: Condvar::new(),
};

struct Pool {
    queue: Mutex<JobQueue>,
    pushed: Condvar,
}

struct JobQueue {
    work: VecDeque<Work>,
    threads: usize,
    idle: usize,
}

#[derive(Debug, thiserror::Error)]
#[error("a fault of the server: {0}")]
pub(crate) struct Panicked(String);

pub(crate) fn reserve() -> io::Result<()> {
    let mut queue = POOL.queue.lock();
    if queue.threads > 0 { Ok(()) } else { POOL.add_thread(&mut queue) }
}

/// Runs blocking work on a thread of the pool. Work that has begun is completed even if the caller is dropped.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Panicked> {
    let (sender, result) = oneshot::channel();
    POOL.push(Box::new(move || {
        let done = std::panic::catch_unwind(AssertUnwindSafe(work));
        // The caller may have been dropped.
        let _ = sender.send(done.map_err(|panic| Panicked(message(panic.as_ref()))));
    }));
    result.await.unwrap_or_else(|_| Err(Panicked("the thread ended".into())))
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic".into())
}

/// The same for work without a result.
pub(crate) fn start(work: impl FnOnce() + Send + 'static) {
    POOL.push(Box::new(|| drop(std::panic::catch_unwind(AssertUnwindSafe(work)))));
}

impl Pool {
    fn push(&'static self, work: Work) {
        let mut queue = self.queue.lock();
        queue.work.push_back(work);
        if queue.work.len() > queue.idle && queue.threads < MAX_THREADS {
            // If the system gives no thread, an existing one does the work when it is free.
            let _ = self.add_thread(&mut queue);
        }
        drop(queue);
        self.pushed.notify_one();
    }

    fn add_thread(&'static self, queue: &mut JobQueue) -> io::Result<()> {
        std::thread::Builder::new().name("blocking".into()).spawn(|| self.run_thread())?;
        queue.threads += 1;
        Ok(())
    }

    fn run_thread(&self) {
        let mut queue = self.queue.lock();
        loop {
            while let Some(work) = queue.work.pop_front() {
                drop(queue);
                work();
                queue = self.queue.lock();
            }
            queue.idle += 1;
            let waited = self.pushed.wait_timeout(queue, IDLE);
            let (next, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            queue = next;
            queue.idle -= 1;
            if timeout.timed_out() && queue.work.is_empty() && queue.threads > 1 {
                queue.threads -= 1;
                return;
            }
        }
    }
}
