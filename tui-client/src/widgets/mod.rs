//! Widgets: parts of views with their state, keys and drawing. They know nothing of servers.

pub(crate) mod buttons;
pub(crate) mod canvas;
pub(crate) mod completion;
pub(crate) mod editor;
pub(crate) mod facts;
pub(crate) mod field;
pub(crate) mod form_field;
pub(crate) mod form_focus;
pub(crate) mod input_box;
pub(crate) mod line_history;
pub(crate) mod list;
pub(crate) mod row;
pub(crate) mod scrolled_text;
pub(crate) mod sparkline;
pub(crate) mod text_search;
