//! File circles: files of one crate that import each other, directly or through other files.
//!
//! A file imports the file that defines a name which it uses: a name that a `mod.rs` only re-exports counts for the file
//! that the name comes from. Methods are not seen.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use regex_lite::Regex;

use super::{code, sources};
use crate::common::workspace;

/// Most files in one circle: a larger group of files can only be understood as a whole.
const MOST: usize = 15;

/// The path of a name or a module, in parts.
type Name = Vec<String>;

#[derive(Default)]
struct Source {
    file: PathBuf,
    /// What `use` lines name, by the last part or the name after `as`.
    imported: HashMap<String, Name>,
    /// Every path in the file.
    paths: Vec<Name>,
}

/// The files of a crate by their module; the root has no parts.
struct Modules(BTreeMap<Name, Source>);

impl Modules {
    fn read(root: &Path) -> Self {
        let mut files = sources(root);
        let main_of_library = root.join("lib.rs").exists().then(|| root.join("main.rs"));
        files.retain(|file| Some(file) != main_of_library.as_ref());
        Self(files.into_iter().map(|file| (module_of(root, &file), Source::read(file))).collect())
    }

    /// The module that defines a name of this path, as another module writes it; none outside the crate, or for a path
    /// that is a module itself: its names are found where they are used.
    fn definition(&self, from: &Name, path: &[String], depth: usize) -> Option<Name> {
        let first = path.first()?;
        let mut absolute = from.clone();
        let child = || [from.as_slice(), &path[..1]].concat();
        match first.as_str() {
            _ if depth == 0 => return None,
            "crate" => absolute = path[1..].to_vec(),
            "self" | "super" => {
                let steps = path.iter().take_while(|part| *part == "self" || *part == "super");
                let (steps, names) = path.split_at(steps.count());
                let up = steps.iter().filter(|step| *step == "super").count();
                absolute.truncate(absolute.len().saturating_sub(up));
                absolute.extend_from_slice(names);
            }
            _ if self.0.contains_key(&child()) => absolute.extend_from_slice(path),
            _ => return self.imported(from, path, depth),
        }
        let is_module = |length: &usize| self.0.contains_key(&absolute[..*length]);
        let length = (0..=absolute.len()).take_while(is_module).last()?;
        let (module, rest) = absolute.split_at(length);
        let module = module.to_vec();
        match self.0[&module].imported.get(rest.first()?) {
            Some(_) => self.imported(&module, rest, depth),
            None => Some(module),
        }
    }

    /// The same for a path that begins with a name of a `use` line.
    fn imported(&self, module: &Name, path: &[String], depth: usize) -> Option<Name> {
        let target = self.0[module].imported.get(&path[0])?;
        self.definition(module, &[target, &path[1..]].concat(), depth - 1)
    }

    fn imports(&self) -> BTreeMap<&Name, BTreeSet<&Name>> {
        let of = |module, source: &Source| {
            let found = source.paths.iter().filter_map(|path| self.definition(module, path, 10));
            let found = found.filter_map(|name| Some(self.0.get_key_value(&name)?.0));
            found.filter(|name| *name != module).collect()
        };
        self.0.iter().map(|(module, source)| (module, of(module, source))).collect()
    }

    /// The circles of more than `most` files, each as a text that names the files and what they import of the circle.
    fn circles(&self, most: usize) -> Vec<String> {
        let imports = self.imports();
        let reached: BTreeMap<_, _> =
            imports.keys().map(|from| (*from, reached_from(from, &imports))).collect();
        let circle = |of: &Name| -> BTreeSet<&Name> {
            reached[of].iter().copied().filter(|other| reached[*other].contains(of)).collect()
        };
        let circles: BTreeSet<_> = imports.keys().map(|of| circle(of)).collect();
        let file = |module: &Name| self.0[module].file.display().to_string();
        let large = circles.into_iter().filter(|circle| circle.len() > most);
        let text = large.map(|circle| {
            let lines = circle.iter().map(|of| {
                let of_circle = imports[of].intersection(&circle).map(|name| name.join("::"));
                format!("\n  {} imports {}", file(of), of_circle.collect::<Vec<_>>().join(", "))
            });
            format!("a circle of {} files:{}", circle.len(), lines.collect::<String>())
        });
        text.collect()
    }
}

fn reached_from<'m>(
    start: &'m Name,
    imports: &BTreeMap<&'m Name, BTreeSet<&'m Name>>,
) -> BTreeSet<&'m Name> {
    let (mut reached, mut left) = (BTreeSet::new(), vec![start]);
    while let Some(module) = left.pop() {
        left.extend(imports[module].iter().filter(|name| reached.insert(**name)));
    }
    reached
}

fn module_of(root: &Path, file: &Path) -> Name {
    let path = file.strip_prefix(root).unwrap().with_extension("");
    let parts = path.iter().map(|part| part.to_str().unwrap().to_owned());
    parts.filter(|part| !["mod", "lib", "main"].contains(&&**part)).collect()
}

impl Source {
    fn read(file: PathBuf) -> Self {
        let text = code(&fs::read_to_string(&file).unwrap());
        let test = r"#\[cfg\(test\)\]\s*(#\[[^\]]*\]\s*)*(pub(\([^)]*\))? )?(use|mod) [^;{]*;";
        let text = Regex::new(test).unwrap().replace_all(&text, "").into_owned();
        let import = Regex::new(r"(?m)^ *(pub(\([^)]*\))? )?use ([^;]+);").unwrap();
        let mut source = Self { file, ..Self::default() };
        for found in import.captures_iter(&text) {
            source.import(&[], &found[3]);
        }
        let text = import.replace_all(&text, "");
        let path = Regex::new(r"\b(\w+::)+\w+").unwrap();
        source.paths.extend(path.find_iter(&text).map(|path| parts(path.as_str())));
        source
    }

    /// Adds what a tree of a `use` line names.
    fn import(&mut self, before: &[String], tree: &str) {
        let tree = tree.trim();
        if let Some((head, list)) = tree.split_once('{') {
            let before = [before, &parts(head)].concat();
            let list = list.strip_suffix('}').unwrap_or(list);
            return branches(list).into_iter().for_each(|branch| self.import(&before, branch));
        }
        let (path, alias) = tree.split_once(" as ").unwrap_or((tree, ""));
        let mut path = [before, &parts(path)].concat();
        if path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        let Some(last) = path.last() else { return };
        let name = if alias.is_empty() { last.as_str() } else { alias.trim() };
        self.imported.insert(name.to_owned(), path.clone());
        self.paths.push(path);
    }
}

fn parts(path: &str) -> Name {
    path.split("::").map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}

/// The parts of a list between its commas, except those in inner braces.
fn branches(list: &str) -> Vec<&str> {
    let mut depth = 0;
    list.split(|character| {
        depth += i32::from(character == '{') - i32::from(character == '}');
        character == ',' && depth == 0
    })
    .filter(|branch| !branch.trim().is_empty())
    .collect()
}

#[test]
fn no_circle_of_files_is_large() {
    let crates = ["shared", "server", "tui-client", "bench"];
    let circles =
        crates.map(|name| Modules::read(&workspace().join(name).join("src")).circles(MOST));
    let circles = circles.concat();
    assert!(
        circles.is_empty(),
        "at most {MOST} files may import each other:\n{}",
        circles.join("\n")
    );
}

#[test]
fn a_circle_is_found_through_nested_imports_and_exported_names() {
    let folder = tempfile::tempdir().unwrap();
    let source = |path: &str, text: &str| {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    source("lib.rs", "mod a;\nmod b;\nmod c;\n");
    source("a/mod.rs", "mod deep;\npub(crate) use deep::{Deep as Shallow};\nuse super::c;\n");
    source("a/deep.rs", "use crate::{b::{self, Other}, c};\nstruct Deep;\nfn f() { b::g(); }\n");
    source("b.rs", "use std::fs;\nuse crate::a::Shallow;\nstruct Other;\nfn g() {}\n");
    source("c.rs", "use crate::a;\n#[cfg(test)]\nuse crate::b::g;\n");
    let circles = Modules::read(folder.path()).circles(1);
    let path = |file: &str| folder.path().join(file).display().to_string();
    let lines = [(path("a/deep.rs"), "b"), (path("b.rs"), "a::deep")];
    let lines = lines.map(|(file, imports)| format!("\n  {file} imports {imports}"));
    assert_eq!(circles, [format!("a circle of 2 files:{}", lines.concat())]);
}
