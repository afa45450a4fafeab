//! Paths that must stay below a directory. What is there is followed, link by link, and the program gets the path that was
//! found, which has no links in it. The system confirms that in one step (`openat2`), once more just before the program is
//! started. What remains: a user who may rename directories below the root can put a link there between that moment and the
//! program's own opening of the file.

use std::borrow::Cow;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use topside_shared::values::ArgError;
use topside_shared::{ErrorKind as Kind, RpcError};

use crate::base::blocking::blocking;
use crate::base::platform;
use crate::base::shortage::Shortage;
use crate::process::program::{Program, ProgramArg};

impl Program {
    /// The arguments, with each path that must stay below a root as the one that it leads to. Waits for the
    /// disk, and nobody else does.
    ///
    /// # Errors
    /// The first that leads elsewhere, or cannot be followed.
    pub(crate) async fn followed<'a>(
        &self,
        args: &'a Map<String, Value>,
    ) -> Result<Cow<'a, Map<String, Value>>, RpcError> {
        if self.args.iter().all(|arg| arg.root.is_none()) {
            return Ok(Cow::Borrowed(args));
        }
        let (program, args) = (self.clone(), args.clone());
        match blocking(move || unless_short(program.follow(args))).await {
            Ok(followed) => Ok(Cow::Owned(followed?)),
            Err(_) => Err(RpcError::new(Kind::Internal, "the path could not be looked at")),
        }
    }

    /// Looks once more at the paths that [`Program::followed`] gave, as the last thing before a start.
    ///
    /// # Errors
    /// The first that is no longer what was found.
    pub(crate) async fn confirm(&self, args: &Map<String, Value>) -> Result<(), RpcError> {
        let paths = |arg: &ProgramArg| match args.get(&arg.name) {
            Some(Value::Array(paths)) => paths.clone(),
            path => path.cloned().into_iter().collect(),
        };
        let rooted = self
            .args
            .iter()
            .filter_map(|arg| Some((arg.name.clone(), arg.root.clone()?, paths(arg))));
        let rooted: Vec<(String, PathBuf, Vec<Value>)> = rooted.collect();
        if rooted.is_empty() {
            return Ok(());
        }
        let confirm = move || {
            for (name, root, paths) in rooted {
                let found =
                    |path: &str| below(&root, path).is_some_and(|now| now == Path::new(path));
                if let Some(moved) =
                    paths.iter().filter_map(Value::as_str).find(|path| !found(path))
                {
                    return Err(ArgError::outside(
                        &name,
                        moved.rsplit('/').next().unwrap_or_default(),
                    ));
                }
            }
            Ok(())
        };
        match blocking(move || unless_short(confirm())).await {
            Ok(confirmed) => Ok(confirmed?),
            Err(_) => Err(RpcError::new(Kind::Internal, "the path could not be looked at")),
        }
    }

    fn follow(&self, mut args: Map<String, Value>) -> Result<Map<String, Value>, ArgError> {
        for arg in &self.args {
            let (Some(root), Some(value)) = (&arg.root, args.get_mut(&arg.name)) else { continue };
            let one = |value: &Value| {
                let path = value.as_str().unwrap_or_default();
                let real =
                    below(root, path).and_then(|path| path.into_os_string().into_string().ok());
                real.map(Value::from).ok_or_else(|| ArgError::outside(&arg.name, path))
            };
            *value = match &*value {
                Value::Array(paths) => paths.iter().map(one).collect::<Result<Value, _>>()?,
                path => one(path)?,
            };
        }
        Ok(args)
    }
}

/// The answer for a refused path. Where no descriptor was free, the path was not looked at.
fn unless_short<T>(found: Result<T, ArgError>) -> Result<T, RpcError> {
    found.map_err(|error| match Shortage::now() {
        Some(shortage) => RpcError::new(Kind::Busy, shortage),
        None => error.into(),
    })
}

/// Where `path` leads, which begins at `root` unless it is absolute; none where that is not below `root`.
/// Its end need not be there yet: what is there decides.
pub(crate) fn below(root: &Path, path: &str) -> Option<PathBuf> {
    let real_root = root.canonicalize().ok()?;
    let whole = root.join(path);
    let mut there = whole.as_path();
    let mut missing = Vec::new();
    loop {
        // Not `exists`, which takes a link to nowhere for nothing at all.
        match there.symlink_metadata() {
            Ok(_) => break,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                missing.push(there.file_name()?);
                there = there.parent()?;
            }
            Err(_) => return None,
        }
    }
    let mut real = there.canonicalize().ok()?;
    // What was found may have been replaced meanwhile.
    if !platform::is_beneath(&real_root, real.strip_prefix(&real_root).ok()?) {
        return None;
    }
    real.extend(missing.into_iter().rev());
    (real.starts_with(&real_root) && real != real_root).then_some(real)
}

#[cfg(test)]
mod tests {
    use crate::base::platform;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_path_stays_below_its_root_by_whatever_links_it_goes() {
        let outer = tempfile::tempdir().unwrap();
        let outer = outer.path().canonicalize().unwrap();
        let (root, beside) = (outer.join("root"), outer.join("root-beside"));
        for directory in [&root, &root.join("sub"), &beside] {
            std::fs::create_dir(directory).unwrap();
        }
        for file in [root.join("file"), root.join("sub/file"), beside.join("file")] {
            std::fs::write(file, "").unwrap();
        }
        for (from, to) in [
            ("out", beside.to_str().unwrap()),
            ("in", "sub"),
            ("sub/up", "../file"),
            ("sub/over", "../../root-beside/file"),
            ("nowhere", "../root-beside/none"),
            ("loop", "loop"),
            ("self", "."),
        ] {
            symlink(to, root.join(from)).unwrap();
        }
        let below = |path: &str| below(&root, path);
        let at = |path: &str| Some(root.join(path));
        let absolute = root.join("sub/file");
        for (path, leads) in [
            ("file", "file"),
            ("./file", "file"),
            ("sub//file", "sub/file"),
            ("sub/", "sub"),
            (absolute.to_str().unwrap(), "sub/file"),
            ("in/file", "sub/file"),
            ("sub/up", "file"),
            ("self/self/file", "file"),
            ("new", "new"),
            ("in/new/deep", "sub/new/deep"),
            ("; $(id)", "; $(id)"),
        ] {
            assert_eq!(below(path), at(leads), "{path}");
        }
        let sibling = beside.join("file");
        for path in [
            ".",
            "./",
            "/",
            "self",
            "out",
            "out/file",
            "out/new",
            "sub/over",
            "nowhere",
            "loop",
            "file/x",
            "/etc/passwd",
            "nowhere/x",
            "/no/such",
            &*root.to_string_lossy(),
            &*sibling.to_string_lossy(),
            "/proc/self/root/etc",
            "a\0b",
        ] {
            assert_eq!(below(path), None, "{path}");
        }
        // The system confirms a way without links alone, also where they lead below the root.
        let confirmed = |path: &str| platform::is_beneath(&root, Path::new(path));
        assert!(["", "file", "sub/file"].iter().all(|path| confirmed(path)));
        for path in ["in/file", "sub/up", "out", "../root-beside/file", "none", "/etc/passwd"] {
            assert!(!confirmed(path), "{path}");
        }
        // The root itself may be reached by a link.
        symlink(&root, outer.join("link")).unwrap();
        assert_eq!(super::below(&outer.join("link"), "file"), at("file"));
        assert_eq!(super::below(&outer.join("none"), "file"), None);
    }
}
