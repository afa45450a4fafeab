//! Any `server.toml` is read, or refused with all its mistakes, each at its place.
#![no_main]

use libfuzzer_sys::fuzz_target;
use topside_fuzz::{directory, mistakes};
use topside_server::{Config, ConfigError};
use topside_shared::dirs::Dirs;

fuzz_target!(|input: &[u8]| {
    let read = read(input);
    let Ok(text) = std::str::from_utf8(input) else {
        assert!(read.is_err());
        return;
    };
    match read {
        Ok(config) => {
            // What is no value changes nothing.
            let commented = format!("{text}\n# below\n");
            let again = self::read(commented.as_bytes()).expect("a comment is no mistake");
            assert_eq!(config.local, again.local);
            assert_eq!(config.listen, again.listen);
            assert_eq!(config.limits, again.limits);
            assert_eq!((config.discovery, config.router), (again.discovery, again.router));
        }
        Err(ConfigError::Files(errors)) => mistakes(text, &errors),
        Err(other) => panic!("{other}"),
    }
});

fn read(text: &[u8]) -> Result<Config, ConfigError> {
    let (_directory, path) = directory();
    let file = path.join("server.toml");
    std::fs::write(&file, text).expect("it can be written");
    // The menu has a target of its own.
    let menu = path.join("commands.toml");
    std::fs::write(&menu, "").expect("it can be written");
    let dirs =
        Dirs { config: path.clone(), state: path.clone(), runtime: path, runtime_only: true };
    Config::load(&dirs, Some(&file), Some(&menu))
}
