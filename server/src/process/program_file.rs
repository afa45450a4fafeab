//! Checks when the menu loads whether this system can execute a program, by the first bytes of the file.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::base::platform::ProgramForms;
use crate::process::resolve_program::{Absent, executable, search};

/// Bytes of a first line that the system reads.
const FIRST_LINE: usize = 256;
/// Depth of scripts as interpreters of scripts, as in the kernel.
const DEPTH: usize = 4;
const BOM: &[u8] = b"\xEF\xBB\xBF";

/// Why the system cannot execute a file: the rest of a sentence that begins with the file's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unfit {
    #[error("is empty")]
    Empty,
    #[error(
        "begins with a byte order mark, so that its first line does not count: save it as UTF-8 without BOM"
    )]
    Bom,
    #[error(
        "has a carriage return at the end of its first line, which the system takes for a part of the interpreter's \
         name: save it with Unix line ends (`sed -i 's/\\r$//' FILE`)"
    )]
    CarriageReturn,
    #[error("names no interpreter in its first line: write one there, such as #!/bin/sh")]
    NoInterpreter,
    #[error("names its interpreter `{0}` in its first line, which is not an absolute path")]
    Relative(String),
    #[error("needs the interpreter {0}, which {1}: install it, or correct the first line")]
    Interpreter(String, Absent),
    #[error("needs the interpreter {0}, which {1}")]
    BadInterpreter(String, Box<Unfit>),
    #[error(
        "needs the interpreter `{0}`, which is not on the run's PATH ({1}): install it, or name it in the first line by its \
         absolute path"
    )]
    NotOnPath(String, String),
    #[error(
        "hands `{0}` to env as one name: write `#!/usr/bin/env -S {0}`, or leave the interpreter's options out"
    )]
    OneName(String),
    #[error("is a script, its interpreter is a script too, and so on: these are too many")]
    TooDeep,
    #[error("has no first line that names its interpreter: begin it with one such as #!/bin/sh")]
    NoFirstLine,
    #[error("is in no form that this system executes")]
    UnknownForm,
    #[error("is a program for another system (Windows)")]
    Windows,
    #[error("is cut short: copy or build it again")]
    CutShort,
    #[error("is compiled code, but no program: link it first")]
    NotLinked,
    #[error("is built for {0}, and this machine runs {1}: install the one for this machine")]
    Machine(String, String),
    #[error(
        "needs the loader {0}, which is not there: it was built for another C library or machine, so install the one \
         for this system"
    )]
    NoLoader(String),
}

/// Checks a file that may be executed, and each interpreter that it needs, which are returned. `path` is the run's PATH;
/// `forms` are those that this system executes beside its own.
pub(crate) fn inspect(
    program: &Path,
    path: &OsStr,
    forms: &ProgramForms,
) -> Result<Vec<PathBuf>, Unfit> {
    let mut inspection = Inspection { path, forms, interpreters: Vec::new() };
    inspection.program(program)?;
    Ok(inspection.interpreters)
}

struct Inspection<'a> {
    path: &'a OsStr,
    forms: &'a ProgramForms,
    interpreters: Vec<PathBuf>,
}

impl Inspection<'_> {
    /// Checks a program or interpreter, and the interpreters that it needs.
    fn program(&mut self, program: &Path) -> Result<(), Unfit> {
        // A program may be executable and not readable.
        let Ok(file) = File::open(program) else { return Ok(()) };
        let mut head = [0; 512];
        let Ok(length) = read_at(&file, &mut head, 0) else { return Ok(()) };
        let head = &head[..length];
        if head.is_empty() {
            return Err(Unfit::Empty);
        }
        if let Some(line) = head.strip_prefix(b"#!") {
            return self.script(&line[..line.len().min(FIRST_LINE - 2)]);
        }
        if head.starts_with(BOM) && head[BOM.len()..].starts_with(b"#!") {
            return Err(Unfit::Bom);
        }
        if !cfg!(target_os = "linux") || self.forms.include(program, head) {
            return Ok(());
        }
        match head {
            [0x7f, b'E', b'L', b'F', ..] => elf(&file, head),
            [b'M', b'Z', ..] => Err(Unfit::Windows),
            head if head.iter().all(|byte| is_text(*byte)) => Err(Unfit::NoFirstLine),
            _ => Err(Unfit::UnknownForm),
        }
    }

    fn script(&mut self, rest: &[u8]) -> Result<(), Unfit> {
        let line = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
        if line.ends_with(b"\r") {
            return Err(Unfit::CarriageReturn);
        }
        let line = String::from_utf8_lossy(line);
        let line = line.trim_matches([' ', '\t', '\0']);
        let (interpreter, argument) = line.split_once([' ', '\t']).unwrap_or((line, ""));
        let argument = argument.trim_matches([' ', '\t']);
        if interpreter.is_empty() {
            return Err(Unfit::NoInterpreter);
        }
        if !interpreter.starts_with('/') {
            return Err(Unfit::Relative(interpreter.to_owned()));
        }
        self.add(Path::new(interpreter))?;
        if Path::new(interpreter).file_name() == Some(OsStr::new("env")) {
            return self.by_env(argument);
        }
        Ok(())
    }

    /// Checks an interpreter, and its own interpreter.
    fn add(&mut self, interpreter: &Path) -> Result<(), Unfit> {
        if self.interpreters.len() >= DEPTH {
            return Err(Unfit::TooDeep);
        }
        let name = interpreter.display().to_string();
        executable(interpreter).map_err(|absent| Unfit::Interpreter(name.clone(), absent))?;
        self.interpreters.push(interpreter.to_owned());
        self.program(interpreter).map_err(|unfit| Unfit::BadInterpreter(name, Box::new(unfit)))
    }

    /// Checks the interpreter that `env` finds; unknown options are left to `env`.
    fn by_env(&mut self, argument: &str) -> Result<(), Unfit> {
        let name = match argument.strip_prefix("-S").or(argument.strip_prefix("--split-string=")) {
            Some(words) => {
                let mut words = words.split_whitespace().skip_while(|word| {
                    matches!(*word, "-i" | "-v" | "-S" | "--")
                        || (word.contains('=') && !word.starts_with("PATH="))
                });
                match words.next() {
                    Some(name)
                        if !name.starts_with('-')
                            && !name.contains(['=', '\'', '"', '\\', '$']) =>
                    {
                        name
                    }
                    _ => return Ok(()),
                }
            }
            None if argument.is_empty() || argument.starts_with('-') || argument.contains('=') => {
                return Ok(());
            }
            None if argument.contains([' ', '\t']) => {
                return Err(Unfit::OneName(argument.to_owned()));
            }
            None => argument,
        };
        if name.contains('/') {
            return match name.starts_with('/') {
                true => self.add(Path::new(name)),
                false => Ok(()),
            };
        }
        match search(name, self.path) {
            Some(interpreter) => self.add(&interpreter),
            None => {
                Err(Unfit::NotOnPath(name.to_owned(), self.path.to_string_lossy().into_owned()))
            }
        }
    }
}

fn is_text(byte: u8) -> bool {
    matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b | 0x20..=0x7e | 0x80..)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Machine {
    wide: bool,
    little: bool,
    number: u16,
}

const X86: u16 = 3;
const ARM: u16 = 40;
const X86_64: u16 = 62;
const AARCH64: u16 = 183;

impl Machine {
    fn of(head: &[u8]) -> Option<Self> {
        let (wide, little) = match (head.get(4)?, head.get(5)?) {
            (1, 1) => (false, true),
            (1, 2) => (false, false),
            (2, 1) => (true, true),
            (2, 2) => (true, false),
            _ => return None,
        };
        let number = number(head.get(18..20)?, little)?;
        Some(Self { wide, little, number: u16::try_from(number).ok()? })
    }

    /// The machine of this process; it does not change.
    fn own() -> Option<Self> {
        static OWN: OnceLock<Option<Machine>> = OnceLock::new();
        *OWN.get_or_init(|| {
            let mut head = [0; 20];
            let length = read_at(&File::open("/proc/self/exe").ok()?, &mut head, 0).ok()?;
            Self::of(&head[..length])
        })
    }

    /// Whether a machine that runs `self` may run `other`: 64-bit processors run the code of their 32-bit predecessors.
    fn runs(self, other: Self) -> bool {
        let narrow = |number| Self { wide: false, number, ..self };
        self == other
            || (self.number == X86_64 && other == narrow(X86))
            || (self.number == AARCH64 && other == narrow(ARM))
            // A 32-bit server on a 64-bit system.
            || (self.number == X86 && other == Self { wide: true, number: X86_64, ..self })
            || (self.number == ARM && other == Self { wide: true, number: AARCH64, ..self })
    }

    fn title(self) -> String {
        let name = match self.number {
            X86 => "x86",
            8 => "MIPS",
            20 | 21 => "PowerPC",
            22 => "s390x",
            ARM => "ARM",
            X86_64 => "x86-64",
            AARCH64 => "AArch64",
            243 => "RISC-V",
            258 => "LoongArch",
            other => return format!("a machine of type {other} ({} bits)", self.bits()),
        };
        format!("{name} ({} bits)", self.bits())
    }

    fn bits(self) -> u8 {
        if self.wide { 64 } else { 32 }
    }
}

fn elf(file: &File, head: &[u8]) -> Result<(), Unfit> {
    const RELOCATABLE: u64 = 1;
    const CORE: u64 = 4;
    let machine = Machine::of(head).ok_or(Unfit::CutShort)?;
    if let Some(own) = Machine::own()
        && !own.runs(machine)
    {
        return Err(Unfit::Machine(machine.title(), own.title()));
    }
    let field = |at: std::ops::Range<usize>| {
        head.get(at).and_then(|bytes| number(bytes, machine.little)).ok_or(Unfit::CutShort)
    };
    if matches!(field(16..18)?, RELOCATABLE | CORE) {
        return Err(Unfit::NotLinked);
    }
    let (table, size, count) = match machine.wide {
        true => (field(32..40)?, field(54..56)?, field(56..58)?),
        false => (field(28..32)?, field(42..44)?, field(44..46)?),
    };
    match loader(file, machine, table, size, count) {
        Some(loader) if !loader.exists() => Err(Unfit::NoLoader(loader.display().to_string())),
        _ => Ok(()),
    }
}

/// The loader that a program requests, if any.
fn loader(file: &File, machine: Machine, table: u64, size: u64, count: u64) -> Option<PathBuf> {
    const LOADER: u64 = 3;
    for index in 0..count.min(256) {
        let mut row = [0; 56];
        let length = read_at(file, &mut row, table.checked_add(index * size)?).ok()?;
        let row = &row[..length];
        let field = |at: std::ops::Range<usize>| number(row.get(at)?, machine.little);
        if field(0..4)? != LOADER {
            continue;
        }
        let (offset, length) = match machine.wide {
            true => (field(8..16)?, field(32..40)?),
            false => (field(4..8)?, field(16..20)?),
        };
        let mut name = vec![0; usize::try_from(length).ok().filter(|length| *length <= 4096)?];
        let read = read_at(file, &mut name, offset).ok()?;
        let name =
            name[..read].split(|byte| *byte == 0).next().filter(|name| name.starts_with(b"/"))?;
        return Some(PathBuf::from(OsStr::from_bytes(name)));
    }
    None
}

fn number(bytes: &[u8], little: bool) -> Option<u64> {
    let add = |sum: u64, byte: &u8| (sum << 8) | u64::from(*byte);
    (!bytes.is_empty()).then(|| match little {
        true => bytes.iter().rev().fold(0, add),
        false => bytes.iter().fold(0, add),
    })
}

fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> std::io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match file.read_at(&mut buffer[length..], offset + length as u64) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}
