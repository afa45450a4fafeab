//! The terminal client of Topside: the screen, the line client and `topside run`, over one
//! connection to a server, which may live in this process.

mod app;
pub mod config;
pub mod connect;
pub mod embedded;
pub mod event_loop;
mod input;
mod platform;
pub mod scrollback;
mod terminal;
mod terminal_input;
mod text;
mod theme;
pub mod verbs;
mod views;
