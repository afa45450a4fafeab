//! Thread pool for work that blocks.
//!
//! The first thread starts with the first server of the process and never ends. So the work is done, if later, where
//! the system gives no more threads; the pool of tokio panics there. Threads beyond the first end when they are idle.

use std::any::Any;
use std::collections::VecDeque;
use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

/// Most threads.
const MOST: usize = 128;
/// How long a thread beyond the first is idle before it ends.
const IDLE: Duration = Duration::from_secs(10);

type Job = Box<dyn FnOnce() + Send>;

static POOL: Pool = Pool {
    state: Mutex::new(State { jobs: VecDeque::new(), threads: 0, idle: 0 }),
    news: Condvar::new(),
};

struct Pool {
    state: Mutex<State>,
    news: Condvar,
}

struct State {
    jobs: VecDeque<Job>,
    threads: usize,
    idle: usize,
}

/// The work panicked.
#[derive(Debug, thiserror::Error)]
#[error("a fault of the server: {0}")]
pub(crate) struct Panicked(String);

/// Starts the first thread, without which nothing can block.
///
/// # Errors
/// The system gives no thread.
pub(crate) fn reserve() -> io::Result<()> {
    let mut state = POOL.lock();
    if state.threads > 0 { Ok(()) } else { POOL.add(&mut state) }
}

/// Does what blocks on a thread of the pool. What has begun is done whole, even if the caller goes away.
///
/// # Errors
/// [`Panicked`].
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Panicked> {
    let (tell, told) = oneshot::channel();
    POOL.push(Box::new(move || {
        let done = std::panic::catch_unwind(AssertUnwindSafe(work));
        // The caller may have gone away.
        let _ = tell.send(done.map_err(|panic| Panicked(message(panic.as_ref()))));
    }));
    told.await.unwrap_or_else(|_| Err(Panicked("the thread ended".into())))
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic".into())
}

/// The same where no caller waits for it.
pub(crate) fn start(work: impl FnOnce() + Send + 'static) {
    POOL.push(Box::new(|| drop(std::panic::catch_unwind(AssertUnwindSafe(work)))));
}

impl Pool {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&'static self, job: Job) {
        let mut state = self.lock();
        state.jobs.push_back(job);
        if state.jobs.len() > state.idle && state.threads < MOST {
            // Where the system gives none, one of those that are there does it when it is free.
            let _ = self.add(&mut state);
        }
        drop(state);
        self.news.notify_one();
    }

    fn add(&'static self, state: &mut State) -> io::Result<()> {
        std::thread::Builder::new().name("blocking".into()).spawn(|| self.work())?;
        state.threads += 1;
        Ok(())
    }

    fn work(&self) {
        let mut state = self.lock();
        loop {
            while let Some(job) = state.jobs.pop_front() {
                drop(state);
                job();
                state = self.lock();
            }
            state.idle += 1;
            let waited = self.news.wait_timeout(state, IDLE);
            let (next, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            state = next;
            state.idle -= 1;
            if timeout.timed_out() && state.jobs.is_empty() && state.threads > 1 {
                state.threads -= 1;
                return;
            }
        }
    }
}
