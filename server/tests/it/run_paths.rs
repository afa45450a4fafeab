//! `cwd`, `env_file` and `exists`: where a run happens, and what must be there.

use std::path::Path;

use serde_json::{Value, json};

use crate::common::server::directory;
use crate::common::{Raw, TestServer};

fn spawn_failed(client: &mut Raw, args: Value) -> String {
    let error = client.refused("command/run", json!({"command": "show", "args": args}));
    assert_eq!(error["data"]["kind"], "spawnFailed", "{error}");
    error["message"].as_str().unwrap().to_owned()
}

fn menu(directory: &Path, lines: &str) -> String {
    format!(
        "[commands.show]\nexec = [\"sh\", \"-c\", \"pwd; echo $A-$B\"]\neffect = \"read\"\n\
         cwd = \"{0}/{{app}}\"\nenv_file = \"{0}/{{app}}.env\"\nenv = {{ B = \"own\" }}\n\
         [[commands.show.args]]\nname = \"app\"\ntype = \"enum\"\nchoices = [\"one\", \"two\"]\ndefault = \"one\"\n{lines}",
        directory.display()
    )
}

#[test]
fn an_argument_chooses_the_directory_and_the_variables_of_a_run() {
    let directory = directory();
    let path = directory.path();
    std::fs::create_dir(path.join("one")).unwrap();
    std::fs::write(path.join("one.env"), "# of one\nA=\"first $HOME\"\nB=file\n").unwrap();
    let server = TestServer::with(&menu(path, ""), "");
    let mut client = server.connect();
    let shown = format!("{}/one\nfirst $HOME-own\n", path.canonicalize().unwrap().display());
    assert_eq!(client.run("show", json!({}))["output"], shown);
    // The file is read again at each start.
    std::fs::write(path.join("one.env"), "A=second\n").unwrap();
    assert!(client.run("show", json!({}))["output"].as_str().unwrap().ends_with("second-own\n"));
    std::fs::write(path.join("one.env"), "A\n").unwrap();
    let said = spawn_failed(&mut client, json!({"app": "one"}));
    assert!(said.contains("one.env is wrong in line 1"), "{said}");
    let said = spawn_failed(&mut client, json!({"app": "two"}));
    assert!(said.contains("two.env cannot be read"), "{said}");
    std::fs::write(path.join("two.env"), "").unwrap();
    let said = spawn_failed(&mut client, json!({"app": "two"}));
    assert!(said.contains("the directory") && said.contains("/two"), "{said}");
}

#[test]
fn a_path_that_must_exist_is_looked_for_when_the_run_is_asked_for() {
    let directory = directory();
    let path = directory.path();
    std::fs::write(path.join("here"), "").unwrap();
    let menu = format!(
        "[commands.show]\nexec = [\"echo\", \"{{file}}\"]\neffect = \"read\"\ncwd = \"{}\"\n\
         [[commands.show.args]]\nname = \"file\"\ntype = \"path\"\nrequired = true\nexists = true\n",
        path.display()
    );
    let server = TestServer::with(&menu, "");
    let mut client = server.connect();
    assert_eq!(client.run("show", json!({"file": "here"}))["output"], "here\n");
    let error = client.refused("command/run", json!({"command": "show", "args": {"file": "gone"}}));
    assert_eq!(error["message"], "file must be a path that exists on the server, not gone");
    assert_eq!(error["data"]["rule"], "exists");
}
