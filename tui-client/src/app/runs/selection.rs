//! Selection and folding of blocks.

use super::{Info, Runs};

impl Runs {
    /// The block for copy, save and fold.
    pub(crate) fn chosen(&self) -> Option<&Info> {
        match self.selected {
            Some(id) => self.info(id),
            None => self.commands().next_back(),
        }
    }

    /// The block that the user selected.
    pub(crate) fn selected(&self) -> Option<u64> {
        self.selected
    }

    /// Selects the next older or newer block; after the newest, none.
    pub(crate) fn select(&mut self, older: bool) {
        let commands: Vec<u64> = self.commands().map(|info| info.id).collect();
        let at = self.selected.and_then(|id| commands.iter().position(|other| *other == id));
        self.selected = match (at, older) {
            (None, true) => commands.last().copied(),
            (None, false) => None,
            (Some(at), true) => Some(commands[at.saturating_sub(1)]),
            (Some(at), false) => commands.get(at + 1).copied(),
        };
        match self.selected {
            Some(id) => self.pick(id),
            None => self.pane.end(),
        }
    }

    /// Selects a block and scrolls to it.
    pub(crate) fn pick(&mut self, id: u64) {
        self.selected = Some(id);
        self.pane.jump_to_block(id);
    }

    /// Folds all commands, or unfolds them if all are folded.
    pub(crate) fn fold_all(&mut self) {
        let commands: Vec<u64> = self.commands().map(|info| info.id).collect();
        let is_open = |id: &u64| self.pane.block(*id).is_some_and(|block| !block.is_folded());
        let fold = commands.iter().any(is_open);
        for id in commands {
            self.pane.set_folded(id, fold);
        }
    }

    pub(crate) fn unselect(&mut self) {
        self.selected = None;
    }
}
