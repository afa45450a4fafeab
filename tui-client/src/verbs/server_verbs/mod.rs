//! Verbs that send one request to a server, named as the actions of the screen.
//!
//! Each connects, asks for confirmation where it is dangerous, sends its request, and prints the answer as text, or with
//! `--json` as it is on the wire.

mod admin;
mod approvals;
mod confirm;
mod fetch;
mod follow;
mod lists;
mod one_shot;
mod runs;
mod schedules;

use topside_shared::methods::Decision;

use super::errors::VerbError;
use super::printer::{LAST_WORDS, Printer};
use super::question::DECLINED;
use super::{block_on, exit_status};
use crate::platform::Signals;
use crate::verb_args::server::ServerVerb;
pub(super) use confirm::confirm;
pub(super) use one_shot::{OneShot, Peer, json_line};

pub(super) fn main(ask: &ServerVerb) -> u8 {
    block_on(run(ask))
}

async fn run(ask: &ServerVerb) -> u8 {
    let printer = Printer::start();
    let mut signals = match Signals::listen(false) {
        Ok(signals) => signals,
        Err(error) => {
            printer.say(error).await;
            return printer.finish(exit_status::OWN_FAILURE).await;
        }
    };
    let answered = session(ask, &printer, &mut signals).await;
    let patience = signals.patience(LAST_WORDS);
    let told = async {
        let status = match answered {
            Ok(status) => status,
            Err(refused) => refused.tell(&printer, ask.how().json).await,
        };
        printer.finish_within(patience, status).await
    };
    // After a signal, a reader of the output that has stopped reading is not waited for.
    tokio::select! {
        biased;
        signal = signals.next() => signal.status(),
        status = told => status,
    }
}

/// Connects, asks, and closes the session in order; a signal ends each step but the last.
async fn session(
    ask: &ServerVerb,
    printer: &Printer,
    signals: &mut Signals,
) -> Result<u8, VerbError> {
    let (peer, mut events) = tokio::select! {
        biased;
        signal = signals.next() => return Ok(signal.status()),
        connected = Peer::connect(ask.how(), ask.listens()) => connected?,
    };
    let mut session = OneShot::new(&peer, &mut events, printer, ask.how().json);
    let answered = tokio::select! {
        biased;
        signal = signals.next() => {
            if printer.interrupted() {
                printer.say(DECLINED).await;
            }
            Ok(signal.status())
        }
        answered = answer(ask, &mut session) => answered,
    };
    peer.leave(events, signals).await;
    answered
}

/// Sends the requests of a verb and prints the answer; returns the exit status.
pub(super) async fn answer(ask: &ServerVerb, session: &mut OneShot<'_>) -> Result<u8, VerbError> {
    match ask {
        ServerVerb::Status(_) => lists::status(session).await,
        ServerVerb::Clients(args) => lists::clients(session, args).await,
        ServerVerb::Menu(how) => lists::menu(session, how).await,
        ServerVerb::Runs(args) => lists::runs(session, args).await,
        ServerVerb::Attach(args) => runs::attach(session, args).await,
        ServerVerb::Cancel(args) => runs::cancel(session, args).await,
        ServerVerb::Fetch(args) => fetch::fetch(session, args).await,
        ServerVerb::Input(args) => runs::input(session, args).await,
        ServerVerb::Approvals(_) => approvals::list(session).await,
        ServerVerb::Approve(args) => approvals::decide(session, args, Decision::Approve).await,
        ServerVerb::Refuse(args) => approvals::decide(session, args, Decision::Refuse).await,
        ServerVerb::Schedules(_) => schedules::list(session).await,
        ServerVerb::Schedule(args) => schedules::change(session, args).await,
        ServerVerb::Worker(args) => admin::restart_worker(session, args).await,
        ServerVerb::Notify(args) => admin::test_notifiers(session, args).await,
        ServerVerb::Notices(_) => follow::notices(session).await,
        ServerVerb::Log(args) => lists::log(session, args).await,
        ServerVerb::Broadcast(args) => admin::broadcast(session, args).await,
        ServerVerb::Kick(args) => admin::kick(session, args).await,
        ServerVerb::Shutdown(args) => admin::shut_down(session, args).await,
        ServerVerb::Postpone(args) => admin::postpone(session, args).await,
        ServerVerb::CancelShutdown(_) => admin::cancel_shutdown(session).await,
        ServerVerb::Reload(_) => admin::reload(session).await,
        ServerVerb::Keys(_) => lists::keys(session).await,
        ServerVerb::Revoke(args) => admin::revoke(session, args).await,
        ServerVerb::Invite { invite, .. } => {
            let made = session.call(&invite.request()).await?;
            admin::hand_over(session, &made, invite.show(&made)).await
        }
        ServerVerb::Token { token, .. } => {
            let made = session.call(&token.request()).await?;
            admin::hand_over(session, &made, token.show(&made)).await
        }
    }
}
