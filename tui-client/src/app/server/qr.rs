//! The QR code of an invite: which of its modules are dark.

use std::fmt;

use qrcode::{Color, EcLevel, QrCode};
use topside_shared::invite::Invite;

use crate::app::Size;

/// Light modules around the code, without which a reader does not find it (ISO/IEC 18004, section 9.1).
const QUIET: usize = 4;

/// A code with the light around it. It holds a key, as the invite does.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Qr {
    /// Modules of a side.
    side: usize,
    dark: Vec<bool>,
}

impl fmt::Debug for Qr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Qr({} modules)", self.side)
    }
}

impl Qr {
    /// The code of an invite; none where that is longer than a code can be.
    pub(crate) fn of(invite: &Invite) -> Option<Self> {
        // A screen is read whole: the least of error correction makes the smallest code.
        let code = QrCode::with_error_correction_level(invite.to_capitals(), EcLevel::L).ok()?;
        let side = code.width();
        Some(Self {
            side,
            dark: code.into_colors().into_iter().map(|c| c == Color::Dark).collect(),
        })
    }

    /// Modules of a side, with the light around them.
    pub(crate) fn side(&self) -> usize {
        self.side + 2 * QUIET
    }

    /// Columns and rows: a module is half a cell, and with ASCII signs alone two of them.
    pub(crate) fn size(&self, ascii: bool) -> Size {
        let side = u16::try_from(self.side()).unwrap_or(u16::MAX);
        match ascii {
            true => Size { width: side.saturating_mul(2), height: side },
            false => Size { width: side, height: side.div_ceil(2) },
        }
    }

    /// Whether a module is dark, counted with the light around them.
    pub(crate) fn is_dark(&self, x: usize, y: usize) -> bool {
        let inside = |at: usize| at.checked_sub(QUIET).filter(|at| *at < self.side);
        match (inside(x), inside(y)) {
            (Some(x), Some(y)) => self.dark[y * self.side + x],
            _ => false,
        }
    }
}
