//! Verbs that send one request to a server, named as the actions of the screen.
//!
//! Each connects, asks for confirmation where it is dangerous, sends its request, and prints the answer as text, or with
//! `--json` as it is on the wire.

mod admin;
mod confirm;
mod follow;
mod lists;
mod one_shot;
mod runs;

use clap::{Args, Subcommand};
use topside_server::cli::{InviteArgs, TokenArgs};

use super::errors::VerbError;
use super::printer::{LAST_WORDS, Printer};
use super::target::TargetArgs;
use super::{block_on, exit_status};
use crate::platform::Signals;
pub(super) use confirm::read_line;
use one_shot::OneShot;
pub(super) use one_shot::json_line;

/// The server, and the form of the answer.
#[derive(Debug, Args)]
pub(super) struct SessionArgs {
    #[command(flatten)]
    pub(super) on: TargetArgs,
    /// Print JSON, one object a line: the answer, or `{"error": ..}`
    #[arg(long)]
    json: bool,
}

/// Confirmation of a dangerous verb.
#[derive(Debug, Args)]
pub(super) struct ConfirmArgs {
    /// Confirm without a question; needed without a terminal
    #[arg(long)]
    yes: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum ServerVerb {
    /// Show the status of a server: its figures, and a shutdown that is due
    Status(SessionArgs),
    /// Show who is connected
    Clients(lists::Clients),
    /// Show the menu: the commands that you may run
    Menu(SessionArgs),
    /// Show the runs, live and past
    Runs(lists::Runs),
    /// Follow a run: its output from the beginning, and its exit status; Ctrl-C leaves it alone
    Attach(runs::Attach),
    /// Cancel a run, and wait for its end
    Cancel(runs::Cancel),
    /// Answer a run that asks: a line, or standard input as it comes
    Input(runs::Input),
    /// Show notifications as they come: broadcasts, and the server's end
    Notices(SessionArgs),
    /// Read the server's log (admin)
    Log(lists::Log),
    /// Send a message to every client (admin)
    Broadcast(admin::BroadcastArgs),
    /// Disconnect a client (admin)
    Kick(admin::Kick),
    /// Shut the server down, or restart it: every client is warned (admin)
    Shutdown(admin::Shutdown),
    /// Postpone the shutdown that is due (admin)
    Postpone(admin::Postpone),
    /// Call the shutdown off (admin)
    CallOff(SessionArgs),
    /// Have the server read its files again: all of it takes effect, or nothing does (admin)
    Reload(SessionArgs),
    /// Show the keys that the server accepts over TCP (admin)
    Keys(SessionArgs),
    /// Revoke a key, and end its sessions (admin)
    Revoke(admin::Revoke),
    #[command(alias = "make-invite")]
    /// Make an invite: one string that pairs one client with the server (admin)
    Invite {
        #[command(flatten)]
        invite: InviteArgs,
        #[command(flatten)]
        how: SessionArgs,
    },
    /// Make a token: the same for a script, limited to some commands (admin)
    Token {
        #[command(flatten)]
        token: TokenArgs,
        #[command(flatten)]
        how: SessionArgs,
    },
}

impl ServerVerb {
    pub(super) fn how(&self) -> &SessionArgs {
        match self {
            Self::Status(how)
            | Self::Menu(how)
            | Self::Notices(how)
            | Self::CallOff(how)
            | Self::Reload(how)
            | Self::Keys(how)
            | Self::Invite { how, .. }
            | Self::Token { how, .. } => how,
            Self::Clients(args) => &args.how,
            Self::Runs(args) => &args.how,
            Self::Attach(args) => &args.how,
            Self::Cancel(args) => &args.how,
            Self::Input(args) => &args.how,
            Self::Log(args) => &args.how,
            Self::Broadcast(args) => &args.how,
            Self::Kick(args) => &args.how,
            Self::Shutdown(args) => &args.how,
            Self::Postpone(args) => &args.how,
            Self::Revoke(args) => &args.how,
        }
    }

    /// Whether the verb prints notifications, beside the answer.
    fn listens(&self) -> bool {
        match self {
            Self::Notices(_) => true,
            Self::Clients(args) => args.watch,
            Self::Runs(args) => args.watch,
            Self::Log(args) => args.follow,
            Self::Attach(_) => true,
            _ => false,
        }
    }
}

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
    let mut session = tokio::select! {
        biased;
        signal = signals.next() => return Ok(signal.status()),
        session = OneShot::connect(ask.how(), ask.listens(), printer) => session?,
    };
    let answered = tokio::select! {
        biased;
        signal = signals.next() => Ok(signal.status()),
        answered = answer(ask, &mut session) => answered,
    };
    session.leave(signals).await;
    answered
}

async fn answer(ask: &ServerVerb, session: &mut OneShot<'_>) -> Result<u8, VerbError> {
    match ask {
        ServerVerb::Status(_) => lists::status(session).await,
        ServerVerb::Clients(args) => lists::clients(session, args).await,
        ServerVerb::Menu(how) => lists::menu(session, how).await,
        ServerVerb::Runs(args) => lists::runs(session, args).await,
        ServerVerb::Attach(args) => runs::attach(session, args).await,
        ServerVerb::Cancel(args) => runs::cancel(session, args).await,
        ServerVerb::Input(args) => runs::input(session, args).await,
        ServerVerb::Notices(_) => follow::notices(session).await,
        ServerVerb::Log(args) => lists::log(session, args).await,
        ServerVerb::Broadcast(args) => admin::broadcast(session, args).await,
        ServerVerb::Kick(args) => admin::kick(session, args).await,
        ServerVerb::Shutdown(args) => admin::shut_down(session, args).await,
        ServerVerb::Postpone(args) => admin::postpone(session, args).await,
        ServerVerb::CallOff(_) => admin::call_off(session).await,
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
