//! Resources: the menu, the status of the server, and the output of a run.

use rmcp::ErrorData;
use rmcp::model::{ReadResourceResult, Resource, ResourceContents, ResourceTemplate};
use topside_shared::RunId;
use topside_shared::command::Command;
use topside_shared::methods::ServerStatus;
use topside_shared::text::{MAX_NAME, quote};

use super::output_text::end_of_output;
use super::run_tools;
use super::server_link::ServerLink;
use super::tools::Selection;
use crate::text::sanitize;

const MENU: &str = "topside://menu";
const STATUS: &str = "topside://status";
const OUTPUT: &str = "topside://runs/{runId}/output";
const JSON: &str = "application/json";

pub(super) fn list() -> Vec<Resource> {
    vec![
        Resource::new(MENU, "menu")
            .with_title("Menu")
            .with_description(
                "The commands of the server that are tools, as their declarations have them",
            )
            .with_mime_type(JSON),
        Resource::new(STATUS, "status")
            .with_title("Status")
            .with_description(
                "The status of the server: load, memory, disks, runs, a shutdown that is due",
            )
            .with_mime_type(JSON),
    ]
}

pub(super) fn templates() -> Vec<ResourceTemplate> {
    vec![
        ResourceTemplate::new(OUTPUT, "output")
            .with_title("Output of a run")
            .with_description("The end of the output of a run, at most 64 KiB")
            .with_mime_type("text/plain"),
    ]
}

/// Reads a resource.
pub(super) async fn read(
    link: &ServerLink,
    selection: &Selection,
    uri: &str,
) -> Result<ReadResourceResult, ErrorData> {
    let (text, kind) = match uri {
        MENU => {
            let menu = link.menu().await.map_err(failure)?;
            let commands: Vec<&Command> = selection.of(&menu).collect();
            (serde_json::to_string(&commands).map_err(failure)?, JSON)
        }
        STATUS => {
            let connection = link.connection().await.map_err(failure)?;
            let status = connection.handle.call(&ServerStatus::default()).await.map_err(failure)?;
            (serde_json::to_string(&sanitize::status(status)).map_err(failure)?, JSON)
        }
        uri => (output(link, uri).await?, "text/plain"),
    };
    Ok(ReadResourceResult::new(vec![ResourceContents::text(text, uri).with_mime_type(kind)]))
}

async fn output(link: &ServerLink, uri: &str) -> Result<String, ErrorData> {
    let id = uri.strip_prefix("topside://runs/").and_then(|rest| rest.strip_suffix("/output"));
    let Some(id) = id.and_then(|id| id.parse().ok()).map(RunId) else {
        let sentence = format!(
            "there is no resource {}: there are {MENU}, {STATUS} and {OUTPUT}",
            quote(uri, MAX_NAME)
        );
        return Err(ErrorData::resource_not_found(sentence, None));
    };
    let row = run_tools::row(link, id).await.map_err(|failed| {
        let text = failed.content.first().and_then(|content| content.as_text());
        let sentence = text.map_or_else(String::new, |text| text.text.clone());
        ErrorData::resource_not_found(sentence, None)
    })?;
    let piece = run_tools::read_end(link.target(), &row).await.map_err(failure)?;
    Ok(end_of_output(&piece.bytes, piece.from).0)
}

fn failure(error: impl std::fmt::Display) -> ErrorData {
    ErrorData::internal_error(error.to_string(), None)
}
