//! One command on several boxes, for the screen: carries out its orders and reports its progress.

use std::path::Path;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use topside_shared::methods::Menu;

use super::dial_task::HELLO;
use crate::app::Msg;
use crate::app::msg::{FanOutEvent, FanOutOrder, WaitingBox};
use crate::fan_out::{FanOut, Progress, Settings, TargetBox, plan};

/// The task, and the way to give it orders. Where that is dropped, the runs are cancelled.
pub(super) struct FanOutTask {
    orders: mpsc::UnboundedSender<FanOutOrder>,
    task: JoinHandle<()>,
}

impl FanOutTask {
    pub(super) fn start(
        id: u64,
        boxes: Vec<TargetBox>,
        words: Vec<String>,
        state: &Path,
        tell: mpsc::Sender<Msg>,
    ) -> Self {
        let (orders, taken) = mpsc::unbounded_channel();
        let settings = Settings {
            make_plan: Arc::new(move |menu: &Menu| plan(&words, menu, |_, _| None)),
            hello: HELLO,
            state: state.into(),
            serial: None,
            max_fail: None,
            timeout: None,
            confirmed: false,
        };
        let fan_out = FanOut::new(boxes, settings);
        Self { orders, task: tokio::spawn(run(id, fan_out, taken, tell)) }
    }

    pub(super) fn order(&self, order: FanOutOrder) {
        // The task ends first where all boxes are done.
        let _ = self.orders.send(order);
    }

    pub(super) fn has_ended(&self) -> bool {
        self.task.is_finished()
    }

    /// Cancels the runs, and waits for the ends of the sessions.
    pub(super) async fn end(self) {
        drop(self.orders);
        let _ = self.task.await;
    }
}

async fn run(
    id: u64,
    mut fan_out: FanOut,
    mut orders: mpsc::UnboundedReceiver<FanOutOrder>,
    tell: mpsc::Sender<Msg>,
) {
    let mut is_open = true;
    loop {
        let progress = tokio::select! {
            biased;
            order = orders.recv(), if is_open => {
                match order {
                    Some(FanOutOrder::Confirm) => fan_out.confirm(),
                    Some(FanOutOrder::Decline) => fan_out.decline(),
                    Some(FanOutOrder::Cancel) => fan_out.cancel(),
                    None => {
                        is_open = false;
                        fan_out.cancel();
                    }
                }
                continue;
            }
            progress = fan_out.next() => progress,
        };
        let event = match progress {
            Progress::Warning { index, sentence } => FanOutEvent::Warning { index, sentence },
            Progress::ConfirmationNeeded => {
                let waiting = fan_out.waiting().map(|(index, plan)| WaitingBox {
                    index,
                    effect: plan.effect,
                    question: plan.question.clone(),
                });
                FanOutEvent::ConfirmationNeeded(waiting.collect())
            }
            Progress::Ended { index, outcome } => FanOutEvent::Ended { index, outcome },
            Progress::Done => FanOutEvent::Done,
        };
        let is_done = matches!(event, FanOutEvent::Done);
        let _ = tell.send(Msg::FanOut { id, event }).await;
        if is_done {
            return;
        }
    }
}
