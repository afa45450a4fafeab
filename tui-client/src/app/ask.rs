//! A request to the server: its method, its parameters, and what its answer does to the state.

use std::fmt;

use serde_json::Value;
use serde_json::value::RawValue;
use topside_shared::methods::{Call, Method};

use super::{Effect, State};
use crate::connect::{CallError, read_answer};
use crate::text::sanitize;

pub(crate) type RawAnswer = Result<Box<RawValue>, CallError>;

/// One request, with what its answer does. No other code has to know the request.
pub(crate) struct Ask {
    pub(crate) method: Method,
    pub(crate) params: Value,
    then: Box<dyn FnOnce(RawAnswer) -> Reply + Send>,
}

/// What an answer does to the state.
pub(crate) struct Reply(StateChange);

type StateChange = Box<dyn FnOnce(&mut State) -> Vec<Effect> + Send>;

impl Ask {
    /// A request that gives its answer to `then`.
    pub(crate) fn new<M: Call>(
        params: &M,
        then: impl FnOnce(&mut State, Result<M::Answer, CallError>) -> Vec<Effect> + Send + 'static,
    ) -> Self
    where
        M::Answer: Send + 'static,
    {
        Self::raw(params, |answer| {
            let answer = answer.and_then(|raw| read_answer::<M>(Ok(raw)));
            Reply::new(|state| then(state, answer))
        })
    }

    /// A request. `read` reads its answer on the network thread.
    pub(crate) fn raw<M: Call>(
        params: &M,
        read: impl FnOnce(RawAnswer) -> Reply + Send + 'static,
    ) -> Self {
        let params = serde_json::to_value(params).unwrap_or_default();
        Self { method: M::METHOD, params, then: Box::new(read) }
    }

    pub(crate) fn answer(self, answer: RawAnswer) -> Reply {
        (self.then)(answer)
    }

    /// Takes the request out, and leaves an equal one that does nothing.
    #[cfg(test)]
    pub(crate) fn take(&mut self) -> Self {
        let then = Box::new(|_| Reply::new(|_| Vec::new()));
        let rest = Self { method: self.method, params: self.params.clone(), then };
        std::mem::replace(self, rest)
    }
}

impl Reply {
    pub(crate) fn new(does: impl FnOnce(&mut State) -> Vec<Effect> + Send + 'static) -> Self {
        Self(Box::new(does))
    }

    pub(super) fn apply(self, state: &mut State) -> Vec<Effect> {
        (self.0)(state)
    }
}

/// Requests are equal if they have the same method and parameters.
impl PartialEq for Ask {
    fn eq(&self, other: &Self) -> bool {
        (self.method, &self.params) == (other.method, &other.params)
    }
}

/// The parameters may hold a secret.
impl fmt::Debug for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ask({})", self.method.name())
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reply")
    }
}

/// Why there is no answer, as a sentence that is safe to show.
pub(crate) fn why(error: &CallError) -> String {
    sanitize::sentence(&error.to_string())
}
