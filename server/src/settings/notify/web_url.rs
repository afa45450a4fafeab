//! Addresses of web services: `http` or `https`, a host, and a path.

use std::fmt;

use hyper::Uri;
use topside_shared::text::host_port;

/// What a URL in a file must be.
pub(super) const FORM: &str = "a URL such as \"https://example.org/hook\", with http or https and without a user, a password and `#`";
/// Longest URL, in bytes.
const LONGEST: usize = 2048;

/// A URL. Its path may be a secret: messages show the host and the port only.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct WebUrl(Uri);

impl WebUrl {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let is_plain = text.len() <= LONGEST && !text.contains('#');
        let uri: Uri = text.parse().ok().filter(|_| is_plain)?;
        let authority = uri.authority()?;
        let has_port = authority.as_str().trim_end_matches(|c: char| c.is_ascii_digit());
        let is_valid = matches!(uri.scheme_str(), Some("http" | "https"))
            && !authority.host().trim_matches(['[', ']']).is_empty()
            && !authority.as_str().contains('@')
            // A port that is no number from 1 to 65535.
            && (!has_port.ends_with(':') || authority.port_u16().is_some_and(|port| port > 0));
        is_valid.then_some(Self(uri))
    }

    pub(crate) fn is_https(&self) -> bool {
        self.0.scheme_str() == Some("https")
    }

    /// The host, an IPv6 address without brackets.
    pub(crate) fn host(&self) -> &str {
        self.0.host().unwrap_or_default().trim_matches(['[', ']'])
    }

    pub(crate) fn port(&self) -> u16 {
        self.0.port_u16().unwrap_or(if self.is_https() { 443 } else { 80 })
    }

    /// Host and port as they are in the URL, for the header `Host`.
    pub(crate) fn authority(&self) -> &str {
        self.0.authority().map_or("", |authority| authority.as_str())
    }

    /// The path with the query.
    pub(crate) fn path(&self) -> &str {
        self.0.path_and_query().map_or("/", |path| path.as_str())
    }

    /// The whole URL, as in the file.
    pub(crate) fn text(&self) -> String {
        self.0.to_string()
    }
}

/// For messages.
impl fmt::Display for WebUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&host_port(self.host(), self.port()))
    }
}

impl fmt::Debug for WebUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_a_host_a_port_and_a_path() {
        for (text, host, port, path, is_https) in [
            ("https://example.org/hook?a=b", "example.org", 443, "/hook?a=b", true),
            ("http://192.0.2.7:8080", "192.0.2.7", 8080, "/", false),
            ("http://[::1]:9000/x", "::1", 9000, "/x", false),
        ] {
            let url = WebUrl::parse(text).unwrap();
            assert_eq!((url.host(), url.port(), url.path()), (host, port, path));
            assert_eq!(url.is_https(), is_https);
        }
    }

    #[test]
    fn other_texts_are_no_urls() {
        for text in [
            "",
            "example.org",
            "/hook",
            "ftp://example.org/",
            "https://",
            "https:///hook",
            "https://user:word@example.org/",
            "https://example.org/#part",
            "https://example.org:0/",
            "https://example.org:/",
            "https://example.org:99999/",
            "https://example.org/a b",
        ] {
            assert_eq!(WebUrl::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_message_does_not_show_the_path() {
        let url = WebUrl::parse("https://example.org/secret").unwrap();
        assert_eq!(
            (url.to_string(), format!("{url:?}")),
            ("example.org:443".into(), "WebUrl(example.org:443)".into())
        );
    }
}
