//! Widgets: parts of a screen that know nothing of servers.

pub(crate) mod completion;
pub(crate) mod editor;
pub(crate) mod filter_list;
pub(crate) mod input_box;
pub(crate) mod line_history;
pub(crate) mod text_search;
