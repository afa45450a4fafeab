//! An assistant: starts `topside mcp`, and speaks with it line by line.

use serde_json::{Map, Value, json};

use crate::common::{Ended, Place, Running};

/// The two revisions of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Revision {
    /// 2025-11-25, with `initialize`.
    Sessions,
    /// 2026-07-28: each request has its revision.
    Stateless,
}

pub(super) const REVISIONS: [Revision; 2] = [Revision::Sessions, Revision::Stateless];

pub(super) struct Assistant {
    running: Running,
    revision: Revision,
    id: u64,
    /// Notifications that came before the answers.
    pub(super) notices: Vec<Value>,
}

impl Assistant {
    /// One that has begun.
    pub(super) fn new(place: &Place, args: &[&str], revision: Revision) -> Self {
        let mut assistant = Self::start(place, args, revision);
        if revision == Revision::Sessions {
            assistant.initialize(json!({}));
        }
        assistant
    }

    /// One of the revision with `initialize` that supports more than it must.
    pub(super) fn with_capabilities(place: &Place, args: &[&str], capabilities: Value) -> Self {
        let mut assistant = Self::start(place, args, Revision::Sessions);
        assistant.initialize(capabilities);
        assistant
    }

    fn start(place: &Place, args: &[&str], revision: Revision) -> Self {
        let running = place.start(&[&["mcp"], args].concat());
        Self { running, revision, id: 0, notices: Vec::new() }
    }

    fn initialize(&mut self, capabilities: Value) {
        let mut params = json!({
            "protocolVersion": "2025-11-25", "clientInfo": {"name": "test", "version": "1"},
        });
        params["capabilities"] = capabilities;
        let result = self.result("initialize", params);
        assert_eq!(result["protocolVersion"], "2025-11-25");
        assert_eq!(result["serverInfo"]["name"], "topside");
        self.notify("notifications/initialized", json!({}));
    }

    /// One of the revision with `initialize`, on the machine of the server.
    pub(super) fn local(place: &Place) -> Self {
        Self::new(place, &[], Revision::Sessions)
    }

    pub(super) fn line(&mut self, line: &str) {
        self.running.write(&format!("{line}\n"));
    }

    /// A part of a line.
    pub(super) fn part(&mut self, text: &str) {
        self.running.write(text);
    }

    /// The most memory that the program has used so far, in KiB.
    pub(super) fn most_memory(&self) -> u64 {
        let file = format!("/proc/{}/status", self.running.pid());
        let status = std::fs::read_to_string(file).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// The next message, whatever it is.
    pub(super) fn message(&mut self) -> Value {
        let message = self.running.json();
        assert_eq!(message["jsonrpc"], "2.0", "{message}");
        message
    }

    pub(super) fn notify(&mut self, method: &str, params: Value) {
        let mut message = json!({"jsonrpc": "2.0", "method": method});
        message["params"] = params;
        self.line(&message.to_string());
    }

    /// Sends a request; its id.
    pub(super) fn send(&mut self, method: &str, params: Value) -> u64 {
        self.send_with(method, params, json!({}))
    }

    /// The same with more members of `_meta`.
    pub(super) fn send_with(&mut self, method: &str, mut params: Value, mut meta: Value) -> u64 {
        self.id += 1;
        if self.revision == Revision::Stateless {
            meta["io.modelcontextprotocol/protocolVersion"] = "2026-07-28".into();
            meta["io.modelcontextprotocol/clientCapabilities"] = json!({});
        }
        if meta != json!({}) {
            params["_meta"] = meta;
        }
        let request = json!({"jsonrpc": "2.0", "id": self.id, "method": method, "params": params});
        self.line(&request.to_string());
        self.id
    }

    /// The answer to a request; what else arrives before it is kept.
    pub(super) fn answer(&mut self, id: u64) -> Value {
        loop {
            let message = self.message();
            if message["id"] == id {
                return message;
            }
            assert!(message.get("id").is_none(), "an answer to nothing: {message}");
            self.notices.push(message);
        }
    }

    /// The next notification of this method.
    pub(super) fn notice(&mut self, method: &str) -> Value {
        loop {
            let found = self.notices.iter().position(|notice| notice["method"] == method);
            if let Some(at) = found {
                return self.notices.remove(at);
            }
            let message = self.message();
            assert!(message.get("id").is_none(), "an answer to nothing: {message}");
            self.notices.push(message);
        }
    }

    pub(super) fn ask(&mut self, method: &str, params: Value) -> Value {
        let id = self.send(method, params);
        self.answer(id)
    }

    pub(super) fn result(&mut self, method: &str, params: Value) -> Value {
        let answer = self.ask(method, params);
        assert!(answer.get("error").is_none(), "{answer}");
        answer["result"].clone()
    }

    pub(super) fn error(&mut self, method: &str, params: Value) -> Value {
        let answer = self.ask(method, params);
        assert!(answer.get("result").is_none(), "{answer}");
        answer["error"].clone()
    }

    pub(super) fn tools(&mut self) -> Vec<Value> {
        self.result("tools/list", json!({}))["tools"].as_array().unwrap().clone()
    }

    /// The names of the tools that are commands.
    pub(super) fn commands(&mut self) -> Vec<String> {
        let tools = self.tools();
        let names = tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned());
        names.filter(|name| !name.starts_with("run_")).collect()
    }

    pub(super) fn call(&mut self, tool: &str, args: Value) -> Called {
        let mut params = json!({"name": tool});
        params["arguments"] = args;
        let result = self.result("tools/call", params);
        Called::from(result)
    }

    /// Closes the input, and waits for the end.
    pub(super) fn end(self) -> Ended {
        self.running.end()
    }
}

/// The result of a tool.
#[derive(Debug)]
pub(super) struct Called {
    pub(super) is_error: bool,
    pub(super) structured: Map<String, Value>,
    pub(super) text: String,
}

impl From<Value> for Called {
    fn from(result: Value) -> Self {
        let structured = result["structuredContent"].as_object().cloned().unwrap_or_default();
        let text = result["content"][0]["text"].as_str().unwrap().to_owned();
        if !structured.is_empty() {
            let same: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(same.as_object(), Some(&structured), "the text is the same");
        }
        Self { is_error: result["isError"] == true, structured, text }
    }
}

impl Called {
    pub(super) fn get(&self, name: &str) -> &Value {
        &self.structured[name]
    }

    pub(super) fn output(&self) -> &str {
        self.get("output").as_str().unwrap()
    }

    pub(super) fn run_id(&self) -> u64 {
        self.get("runId").as_u64().unwrap()
    }

    /// What an error says.
    #[track_caller]
    pub(super) fn sentence(&self) -> &str {
        assert!(self.is_error && self.structured.is_empty(), "{self:?}");
        assert!(!self.text.is_empty() && !self.text.contains('\n'), "{self:?}");
        &self.text
    }
}
