//! A program that embeds the server tests its commands: through a server with directories of its own.

use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use topside_server::{Call, Calling, Config, Ended, Listeners, Stop, Worker, serve};
use topside_shared::command::{Command, Effect};
use topside_shared::dirs::Dirs;

/// The worker under test.
struct Greet(&'static str);

impl Worker for Greet {
    fn declaration(&self) -> Command {
        let (effect, role) = (Effect::Read, Effect::Read.default_role());
        Command { name: "greet".into(), effect, role, ..Command::default() }
    }

    fn call<'a>(&'a self, call: Call) -> Calling<'a> {
        Box::pin(async move {
            call.line(format!("good evening, {}", self.0)).await;
            Ok(())
        })
    }
}

/// Directories of a server below one that the test deletes.
fn directories(home: &TempDir) -> Dirs {
    let below = |name: &str| home.path().join(name);
    let (config, state, runtime) = (below("config"), below("state"), below("run"));
    Dirs { config, state, runtime, runtime_only: true }
}

/// Sends one request to the socket, as the server's own user, who is an admin; returns the answer.
async fn ask(socket: &Path, method: &str, params: Value) -> Value {
    let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    let mut stream = BufReader::new(UnixStream::connect(socket).await.unwrap());
    stream.write_all(format!("{request}\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_line(&mut answer).await.unwrap();
    serde_json::from_str(&answer).unwrap()
}

#[tokio::test]
async fn a_call_of_a_worker_is_a_run_with_its_output() {
    let home = tempfile::tempdir().unwrap();
    let dirs = directories(&home);
    let config = Config::load(&dirs, None, None).unwrap().with_worker(Greet("Ann"));
    let (listeners, stop) = (Listeners::local(&dirs.socket(), false).unwrap(), Stop::new());
    let client = async {
        let answer = ask(&dirs.socket(), "command/run", json!({"command": "greet"})).await;
        stop.in_order("the test is done", "the test");
        answer
    };
    let (ended, answer) = tokio::join!(serve(listeners, config, stop.clone()), client);
    assert_eq!(ended.unwrap(), Ended::Stopped);
    let row = &answer["result"];
    assert_eq!(
        (&row["state"], &row["output"]),
        (&json!("succeeded"), &json!("good evening, Ann\n"))
    );
}

/// On a runtime with several threads, as `#[tokio::main]` makes it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_in_one_process_have_commands_of_their_own() {
    let server = |name| {
        let home = tempfile::tempdir().unwrap();
        let dirs = directories(&home);
        let config = Config::load(&dirs, None, None).unwrap().with_worker(Greet(name));
        (home, dirs.socket(), config, Listeners::local(&dirs.socket(), false).unwrap())
    };
    let (_ann, ann, ann_config, ann_listeners) = server("Ann");
    let (_bob, bob, bob_config, bob_listeners) = server("Bob");
    let stop = Stop::new();
    let client = async {
        let mut said = Vec::new();
        for socket in [ann, bob] {
            let answer = ask(&socket, "command/run", json!({"command": "greet"})).await;
            said.push(answer["result"]["output"].as_str().unwrap().to_owned());
        }
        stop.in_order("the test is done", "the test");
        said
    };
    let (first, second, said) = tokio::join!(
        serve(ann_listeners, ann_config, stop.clone()),
        serve(bob_listeners, bob_config, stop.clone()),
        client
    );
    assert_eq!((first.unwrap(), second.unwrap()), (Ended::Stopped, Ended::Stopped));
    assert_eq!(said, ["good evening, Ann\n", "good evening, Bob\n"]);
}
