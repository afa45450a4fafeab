//! The terminal client of Topside: the screen, the line client and `topside run`, over one
//! connection to a server, which may live in this process.

mod actions;
mod app;
mod painter;
mod platform;
mod question;
mod term;
mod terminal_input;
mod ui;

pub mod cli;
pub mod config;
pub mod embedded;
pub mod net;
pub mod screen;
pub mod scroll;
