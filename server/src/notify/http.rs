//! HTTP client: one request on a connection of its own. It follows no redirect.

use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, HOST, HeaderValue, USER_AGENT};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use topside_shared::text::{clean, with_sources};

use crate::notify::connect::{addresses, connect};
use crate::notify::tls_client::{TlsClient, encrypt};
use crate::settings::notify::web_url::WebUrl;

/// How long a request may take, from the look-up of the address to the status of the answer.
const LIMIT: Duration = Duration::from_secs(10);
/// How long the reason of a refusal is read.
const REASON_LIMIT: Duration = Duration::from_secs(1);
/// Most bytes of a reason that are read, and most characters that are shown.
const MOST_READ: usize = 4096;
const MOST_SHOWN: usize = 200;
/// Most bytes of the head of an answer.
const MOST_HEAD: usize = 64 * 1024;

#[derive(Debug, Default)]
pub(super) struct HttpClient {
    pub(super) tls: TlsClient,
}

impl HttpClient {
    /// Gets a page, and says what was answered.
    ///
    /// # Errors
    /// It was not answered, or the answer is no success.
    pub(super) async fn get(&self, url: &WebUrl) -> Result<String, String> {
        self.send(url, request(Method::GET, url, &[], Vec::new())?).await
    }

    /// Posts a document, and says what was answered.
    ///
    /// # Errors
    /// As of [`HttpClient::get`].
    pub(super) async fn post(
        &self,
        url: &WebUrl,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<String, String> {
        self.send(url, request(Method::POST, url, headers, body)?).await
    }

    async fn send(&self, url: &WebUrl, request: Request<Full<Bytes>>) -> Result<String, String> {
        match timeout(LIMIT, self.exchange(url, request)).await {
            Ok(Ok(answer)) => answer.result().map_err(|why| format!("{url} {why}")),
            Ok(Err(why)) => Err(format!("{url}: {why}")),
            Err(_) => Err(format!("{url} did not answer within {} s", LIMIT.as_secs())),
        }
    }

    async fn exchange(
        &self,
        url: &WebUrl,
        request: Request<Full<Bytes>>,
    ) -> Result<HttpAnswer, String> {
        // Read first: without certificates no connection is needed.
        let tls = match url.is_https() {
            true => Some(self.tls.connector().await?),
            false => None,
        };
        let stream = connect(&addresses(url.host(), url.port()).await?).await?;
        let Some(tls) = tls else { return talk(stream, request).await };
        talk(encrypt(&tls, url.host(), stream).await?, request).await
    }
}

fn request(
    method: Method,
    url: &WebUrl,
    headers: &[(&str, &str)],
    body: Vec<u8>,
) -> Result<Request<Full<Bytes>>, String> {
    let mut request = Request::builder()
        .method(method)
        .uri(url.path())
        .header(HOST, url.authority())
        .header(USER_AGENT, concat!("topsided/", env!("CARGO_PKG_VERSION")))
        .header(CONNECTION, "close");
    for (name, value) in headers {
        let value = HeaderValue::from_str(value)
            .map_err(|_| format!("the header {name} cannot hold its value"))?;
        request = request.header(*name, value);
    }
    request.body(Full::new(body.into())).map_err(|error| error.to_string())
}

/// Sends a request over a connection, and reads the answer.
async fn talk<S>(stream: S, request: Request<Full<Bytes>>) -> Result<HttpAnswer, String>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut http = http1::Builder::new();
    let connected = http.max_buf_size(MOST_HEAD).handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = connected.map_err(|error| with_sources(&error))?;
    let exchange = async {
        let answered = sender.send_request(request).await;
        Ok(HttpAnswer::read(answered.map_err(|error| with_sources(&error))?).await)
    };
    // The connection does the work of the exchange. It may end first.
    let (mut exchange, mut connection) = (pin!(exchange), pin!(connection));
    let mut has_ended = false;
    loop {
        tokio::select! {
            answer = &mut exchange => return answer,
            _ = &mut connection, if !has_ended => has_ended = true,
        }
    }
}

/// An answer of a service.
struct HttpAnswer {
    status: StatusCode,
    /// The begin of its text, if it is no success.
    text: String,
}

impl HttpAnswer {
    async fn read(response: Response<Incoming>) -> Self {
        let status = response.status();
        let mut bytes = Vec::new();
        if !status.is_success() {
            let mut body = response.into_body();
            let read = async {
                while let Some(Ok(frame)) = body.frame().await {
                    bytes.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
                    if bytes.len() >= MOST_READ {
                        break;
                    }
                }
            };
            // The status is enough.
            let _ = timeout(REASON_LIMIT, read).await;
        }
        Self { status, text: clean(&String::from_utf8_lossy(&bytes), MOST_SHOWN) }
    }

    /// The status in words.
    ///
    /// # Errors
    /// It is no success; the words are the rest of a sentence.
    fn result(self) -> Result<String, String> {
        let Self { status, text } = self;
        if status.is_success() {
            return Ok(status.to_string());
        }
        if status.is_redirection() {
            return Err(format!(
                "answered {status}: redirects are not followed, so name the address itself"
            ));
        }
        let text = if text.is_empty() { text } else { format!(": {text}") };
        Err(format!("answered {status}{text}"))
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// The clock jumps to the limit as soon as nothing else is to be done.
    #[tokio::test(start_paused = true)]
    async fn a_service_that_does_not_answer_is_given_up_after_ten_seconds() {
        // It accepts nothing; the system takes the connection for it.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let url = WebUrl::parse(&format!("http://{address}/secret")).unwrap();
        let begun = tokio::time::Instant::now();
        let failure = HttpClient::default().get(&url).await.unwrap_err();
        assert_eq!(failure, format!("{address} did not answer within 10 s"));
        assert!(begun.elapsed() >= LIMIT && begun.elapsed() < 2 * LIMIT);
    }
}
