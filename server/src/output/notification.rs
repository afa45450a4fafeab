//! Notifications with pieces of output.

use data_encoding::BASE64;
use topside_shared::envelope;
use topside_shared::ids::RunId;
use topside_shared::notifications::{RunGap, Stream, name};

use crate::output::json_escape;
use crate::output::output_reader::Piece;

impl Piece {
    pub(crate) fn line(&self, run: RunId) -> Vec<u8> {
        match self {
            Self::Output { offset, stream, data } => output(run, *offset, *stream, data),
            Self::Gap { offset, bytes, reason } => {
                let (offset, bytes, reason) = (*offset, *bytes, Some(*reason));
                let gap = RunGap { run_id: run, offset, bytes, reason };
                envelope::notification(name::RUN_GAP, &gap)
            }
        }
    }
}

/// Written by hand, for speed; a test compares it with the form of serde.
fn output(run: RunId, offset: u64, stream: Stream, data: &[u8]) -> Vec<u8> {
    let stream = match stream {
        Stream::Stdout => "stdout",
        Stream::Stderr => "stderr",
    };
    let head = format!(
        r#"{{"jsonrpc":"2.0","method":"{}","params":{{"runId":{},"offset":{offset},"stream":"{stream}","#,
        name::RUN_OUTPUT,
        run.0
    );
    let mut line = Vec::with_capacity(head.len() + data.len() + data.len() / 16 + 32);
    line.extend_from_slice(head.as_bytes());
    match std::str::from_utf8(data) {
        Ok(text) => {
            line.extend_from_slice(br#""data":""#);
            json_escape::push(&mut line, text);
        }
        Err(_) => {
            line.extend_from_slice(br#""base64":""#);
            line.extend_from_slice(BASE64.encode(data).as_bytes());
        }
    }
    line.extend_from_slice(b"\"}}");
    line
}
