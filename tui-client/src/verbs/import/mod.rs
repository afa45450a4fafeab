//! `topside import`: prints a menu file made from the configuration of another program. It applies nothing.
//!
//! What cannot be proved to do the same has a line `# lost:`.

mod argument;
mod menu;
mod olivetin;
mod shell;
mod yaml;

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use crate::terminal;
use crate::verb_args::{Import, ImportFrom};
use crate::verbs::exit_status;

/// Largest file that is read.
const MAX_BYTES: u64 = 4 * 1024 * 1024;

pub(super) fn main(args: &Import) -> u8 {
    let ImportFrom::Olivetin { file } = &args.from;
    match read(file).and_then(|text| olivetin::convert(&text)) {
        Ok(menu) => {
            print!("{menu}");
            exit_status::OK
        }
        Err(why) => {
            terminal::complain(format!("{}: {why}", file.display()));
            exit_status::OWN_FAILURE
        }
    }
}

/// Reads a file, which may be a pipe.
fn read(file: &Path) -> Result<String, String> {
    let mut text = String::new();
    let read = File::open(file).and_then(|file| file.take(MAX_BYTES + 1).read_to_string(&mut text));
    let size = read.map_err(|error| error.to_string())?;
    if size as u64 > MAX_BYTES {
        return Err(format!("it has more than {MAX_BYTES} bytes, which is the limit"));
    }
    Ok(text)
}
