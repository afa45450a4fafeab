//! Whether the rows of a list are as the server has them.

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) enum Load {
    #[default]
    Asked,
    /// It was asked for, and the server's list has changed since.
    Stale,
    Done,
    /// The server refused it: why.
    Refused(String),
}

impl Load {
    /// The server's list has changed; whether to ask for it now. While an answer is pending, that comes first.
    pub(crate) fn changed(&mut self) -> bool {
        if *self == Self::Asked {
            *self = Self::Stale;
        }
        *self == Self::Done
    }

    /// The answer has come; whether to ask once more.
    pub(crate) fn answered(&mut self, refused: Option<String>) -> bool {
        let was = std::mem::replace(self, refused.map_or(Self::Done, Self::Refused));
        was == Self::Stale && *self == Self::Done
    }

    /// What stands in the place of the rows, or above them: the refusal, that the server was asked, or `empty`, which is
    /// given where there are none.
    pub(super) fn words<'w>(&'w self, empty: Option<&'w str>) -> Option<&'w str> {
        match (self, empty) {
            (Self::Refused(why), _) => Some(why),
            (Self::Asked | Self::Stale, Some(_)) => Some("Asking …"),
            (Self::Done, empty) => empty,
            (_, None) => None,
        }
    }
}
