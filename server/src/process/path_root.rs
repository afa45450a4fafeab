//! Paths that must stay below a directory. An existing path is followed, link by link, and the program gets the resulting
//! path, which has no links in it. The system confirms that in one step (`openat2`), and again just before the program is
//! started. One gap remains: a user who may rename directories below the root can put a link there between that moment and
//! the program's own opening of the file.

use std::borrow::Cow;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use topside_shared::values::ArgError;
use topside_shared::{ErrorKind as Kind, RpcError};

use crate::base::blocking::blocking;
use crate::base::platform;
use crate::base::shortage::Shortage;
use crate::process::program_spec::{Program, ProgramArg};

impl Program {
    /// The arguments, with each path that must stay below a root replaced by the path that it leads to. The error is about
    /// the first that leads elsewhere, or cannot be followed.
    pub(crate) async fn followed<'a>(
        &self,
        args: &'a Map<String, Value>,
    ) -> Result<Cow<'a, Map<String, Value>>, RpcError> {
        if self.args.iter().all(|arg| arg.root.is_none() && !arg.exists) {
            return Ok(Cow::Borrowed(args));
        }
        let (program, args) = (self.clone(), args.clone());
        Ok(Cow::Owned(check(move || program.follow(args)).await?))
    }

    /// Checks the paths from [`Program::followed`] again, as the last step before a start.
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
        check(move || {
            for (name, root, paths) in rooted {
                let is_same =
                    |path: &str| below(&root, path).is_some_and(|now| now == Path::new(path));
                let mut paths = paths.iter().filter_map(Value::as_str);
                if let Some(moved) = paths.find(|path| !is_same(path)) {
                    let name_of_file = moved.rsplit('/').next().unwrap_or_default();
                    return Err(ArgError::outside(&name, name_of_file));
                }
            }
            Ok(())
        })
        .await
    }

    fn follow(&self, mut args: Map<String, Value>) -> Result<Map<String, Value>, ArgError> {
        // An argument with a root in `cwd` leads to another directory once it is followed.
        let directory = self.directory(&args);
        for arg in &self.args {
            let Some(value) = args.get_mut(&arg.name).filter(|_| arg.root.is_some() || arg.exists)
            else {
                continue;
            };
            let one = |value: &Value| {
                let given = value.as_str().unwrap_or_default();
                let path = match &arg.root {
                    None => Path::new(&directory).join(given),
                    Some(root) => {
                        below(root, given).ok_or_else(|| ArgError::outside(&arg.name, given))?
                    }
                };
                if arg.exists && !path.exists() {
                    return Err(ArgError::not_there(&arg.name, given));
                }
                if arg.root.is_none() {
                    return Ok(value.clone());
                }
                let path = path.into_os_string().into_string();
                path.map(Value::from).map_err(|_| ArgError::outside(&arg.name, given))
            };
            *value = match &*value {
                Value::Array(paths) => paths.iter().map(one).collect::<Result<Value, _>>()?,
                path => one(path)?,
            };
        }
        Ok(args)
    }
}

/// Runs a check that blocks. If no descriptor was free, the path was not checked, and the answer is `busy`.
async fn check<T: Send + 'static>(
    check: impl FnOnce() -> Result<T, ArgError> + Send + 'static,
) -> Result<T, RpcError> {
    let checked = blocking(move || {
        check().map_err(|error| match Shortage::now() {
            Some(shortage) => RpcError::new(Kind::Busy, shortage),
            None => error.into(),
        })
    });
    checked
        .await
        .unwrap_or_else(|_| Err(RpcError::new(Kind::Internal, "the path could not be looked at")))
}

/// The path that `path` leads to, relative to `root` unless it is absolute; none if that is not below `root`. Its end need
/// not exist yet: the existing part decides.
pub(crate) fn below(root: &Path, path: &str) -> Option<PathBuf> {
    let real_root = root.canonicalize().ok()?;
    let whole = root.join(path);
    let mut there = whole.as_path();
    let mut missing = Vec::new();
    loop {
        // Unlike `exists`, this does not take a broken link for a missing file.
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
    // The path may have been replaced meanwhile.
    if !platform::is_beneath(&real_root, real.strip_prefix(&real_root).ok()?) {
        return None;
    }
    real.extend(missing.into_iter().rev());
    (real.starts_with(&real_root) && real != real_root).then_some(real)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_path_stays_below_its_root_through_any_links() {
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
        // The system confirms only a path without links, even if they lead below the root.
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
