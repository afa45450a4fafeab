//! Verbs that ask a server one thing, by the names of the screen's actions.
//!
//! Each goes one way: connect, ask for confirmation where there is danger, call, print. What is printed is
//! words, or with `--json` the answer as it is on the wire.

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

/// Which server, and how its answer is printed.
#[derive(Debug, Args)]
pub(super) struct SessionArgs {
    #[command(flatten)]
    pub(super) on: TargetArgs,
    /// Print JSON, one object a line: the answer, or `{"error": ..}`
    #[arg(long)]
    json: bool,
}

/// What stands before harm.
#[derive(Debug, Args)]
pub(super) struct ConfirmArgs {
    /// Do not ask whether it is meant; needed where there is no terminal to ask at
    #[arg(long)]
    yes: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum ServerVerb {
    /// Show how a server stands: its figures, and a shutdown that is due
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
    /// Show what is said unasked, as it comes: broadcasts, and the server's end
    Notices(SessionArgs),
    /// Read the server's log (admin)
    Log(lists::Log),
    /// Tell everybody something (admin)
    Broadcast(admin::Tell),
    /// Send a client away (admin)
    Kick(admin::Kick),
    /// Shut the server down, or restart it: every client is warned (admin)
    Shutdown(admin::Shutdown),
    /// Postpone the shutdown that is due (admin)
    Postpone(admin::Postpone),
    /// Call the shutdown off (admin)
    CallOff(SessionArgs),
    /// Have the server read its files again: all of it takes effect, or nothing does (admin)
    Reload(SessionArgs),
    /// Show the keys that may come in over TCP (admin)
    Keys(SessionArgs),
    /// Take a key away, and end its sessions (admin)
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

    /// Whether what is told unasked is wanted, beside the answer.
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

/// Asks; the exit status.
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
    // A reader that has stopped reading is waited for no longer than somebody wants.
    tokio::select! {
        biased;
        signal = signals.next() => signal.status(),
        status = told => status,
    }
}

/// Connects, asks, and leaves in order, however it went; a signal ends each but the last.
async fn session(
    ask: &ServerVerb,
    printer: &Printer,
    signals: &mut Signals,
) -> Result<u8, VerbError> {
    let mut asker = tokio::select! {
        biased;
        signal = signals.next() => return Ok(signal.status()),
        asker = OneShot::connect(ask.how(), ask.listens(), printer) => asker?,
    };
    let answered = tokio::select! {
        biased;
        signal = signals.next() => Ok(signal.status()),
        answered = answer(ask, &mut asker) => answered,
    };
    asker.leave(signals).await;
    answered
}

async fn answer(ask: &ServerVerb, asker: &mut OneShot<'_>) -> Result<u8, VerbError> {
    match ask {
        ServerVerb::Status(_) => lists::status(asker).await,
        ServerVerb::Clients(args) => lists::clients(asker, args).await,
        ServerVerb::Menu(how) => lists::menu(asker, how).await,
        ServerVerb::Runs(args) => lists::runs(asker, args).await,
        ServerVerb::Attach(args) => runs::attach(asker, args).await,
        ServerVerb::Cancel(args) => runs::cancel(asker, args).await,
        ServerVerb::Input(args) => runs::input(asker, args).await,
        ServerVerb::Notices(_) => follow::notices(asker).await,
        ServerVerb::Log(args) => lists::log(asker, args).await,
        ServerVerb::Broadcast(args) => admin::broadcast(asker, args).await,
        ServerVerb::Kick(args) => admin::kick(asker, args).await,
        ServerVerb::Shutdown(args) => admin::shut_down(asker, args).await,
        ServerVerb::Postpone(args) => admin::postpone(asker, args).await,
        ServerVerb::CallOff(_) => admin::call_off(asker).await,
        ServerVerb::Reload(_) => admin::reload(asker).await,
        ServerVerb::Keys(_) => lists::keys(asker).await,
        ServerVerb::Revoke(args) => admin::revoke(asker, args).await,
        ServerVerb::Invite { invite, .. } => {
            let made = asker.call(&invite.wanted()).await?;
            admin::hand_over(asker, &made, invite.show(&made)).await
        }
        ServerVerb::Token { token, .. } => {
            let made = asker.call(&token.wanted()).await?;
            admin::hand_over(asker, &made, token.show(&made)).await
        }
    }
}
