//! No import cycle between files. A file has an edge to another if it names something that the other defines; `mod`
//! and re-exports define nothing. Unit tests do not count.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Item, ItemMod, ItemUse, UseTree};

/// Longest chain of re-exports that is followed.
const ALIASES_MAX: usize = 16;

type Module = Vec<String>;

/// The names of all files.
#[derive(Default)]
struct Crate {
    /// File by module; an inline module is in the file of its parent.
    modules: BTreeMap<Module, String>,
    /// Defined in the module itself.
    items: BTreeSet<(Module, String)>,
    /// Imported or re-exported: the path, as written in that module.
    aliases: BTreeMap<(Module, String), Vec<String>>,
    /// Paths that a module names, as written.
    paths: Vec<(Module, Vec<String>)>,
}

impl Crate {
    fn read(src: &Path) -> Crate {
        let mut tree = Crate::default();
        tree.read_file(src, "lib.rs", Module::new());
        tree
    }

    fn read_file(&mut self, src: &Path, file: &str, module: Module) {
        let text = fs::read_to_string(src.join(file)).unwrap();
        let parsed = syn::parse_file(&text).unwrap();
        self.read_items(src, file, module, &parsed.items);
    }

    fn read_items(&mut self, src: &Path, file: &str, module: Module, items: &[Item]) {
        self.modules.insert(module.clone(), file.to_owned());
        for item in items {
            match item {
                Item::Mod(it) if is_unit_test_module(it) => {}
                Item::Mod(it) => {
                    let mut child = module.clone();
                    child.push(it.ident.to_string());
                    match &it.content {
                        Some((_, items)) => self.read_items(src, file, child, items),
                        None => {
                            let base = child.join("/");
                            let flat = format!("{base}.rs");
                            let file = if src.join(&flat).exists() {
                                flat
                            } else {
                                format!("{base}/mod.rs")
                            };
                            self.read_file(src, &file, child);
                        }
                    }
                }
                Item::Use(it) => self.read_use(&module, it),
                other => {
                    if let Some(name) = name_of(other) {
                        self.items.insert((module.clone(), name));
                    }
                    let mut paths = Paths::default();
                    paths.visit_item(other);
                    let paths = paths.0.into_iter().map(|path| (module.clone(), path));
                    self.paths.extend(paths);
                }
            }
        }
    }

    fn read_use(&mut self, module: &Module, item: &ItemUse) {
        let mut leaves = Vec::new();
        flatten(&item.tree, &mut Vec::new(), &mut leaves);
        let is_public = !matches!(item.vis, syn::Visibility::Inherited);
        for (path, name) in leaves {
            if !is_public {
                self.paths.push((module.clone(), path.clone()));
            }
            self.aliases.insert((module.clone(), name), path);
        }
    }

    /// The file that defines what `path` names, as seen from `module`; `None` for what is not of this crate.
    fn defining_file(&self, module: &Module, path: &[String], aliases_left: usize) -> Option<&str> {
        let (mut at, names) = base(module, path);
        for (index, name) in names.iter().enumerate() {
            let key = (at.clone(), name.clone());
            let mut child = at.clone();
            child.push(name.clone());
            // A function and a module may share a name: what follows it is in the module.
            let is_last = index + 1 == names.len();
            if self.modules.contains_key(&child) && !(is_last && self.items.contains(&key)) {
                at = child;
                continue;
            }
            if self.items.contains(&key) {
                return self.modules.get(&at).map(String::as_str);
            }
            let mut target = self.aliases.get(&key)?.clone();
            if target.first() == Some(name) && target.len() == 1 {
                return None;
            }
            target.extend_from_slice(&names[index + 1..]);
            return self.defining_file(&at, &target, aliases_left.checked_sub(1)?);
        }
        None
    }

    fn edges(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut edges: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (module, path) in &self.paths {
            let from = self.modules[module].as_str();
            if let Some(to) = self.defining_file(module, path, ALIASES_MAX)
                && to != from
            {
                edges.entry(from).or_default().insert(to);
            }
        }
        edges
    }
}

fn is_unit_test_module(item: &ItemMod) -> bool {
    item.attrs.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Ident>().is_ok_and(|it| it == "test")
    })
}

fn name_of(item: &Item) -> Option<String> {
    let name = match item {
        Item::Const(it) => &it.ident,
        Item::Enum(it) => &it.ident,
        Item::Fn(it) => &it.sig.ident,
        Item::Static(it) => &it.ident,
        Item::Struct(it) => &it.ident,
        Item::Trait(it) => &it.ident,
        Item::Type(it) => &it.ident,
        Item::Union(it) => &it.ident,
        _ => return None,
    };
    Some(name.to_string())
}

/// Every leaf of a `use` as a path, with the name that it has from then on.
fn flatten(tree: &UseTree, path: &mut Vec<String>, leaves: &mut Vec<(Vec<String>, String)>) {
    let mut leaf = |last: &syn::Ident, name: &syn::Ident| {
        let mut whole = path.clone();
        if last != "self" {
            whole.push(last.to_string());
        }
        let name = if name == "self" {
            whole.last().cloned().unwrap_or_default()
        } else {
            name.to_string()
        };
        leaves.push((whole, name));
    };
    match tree {
        UseTree::Path(it) => {
            path.push(it.ident.to_string());
            flatten(&it.tree, path, leaves);
            path.pop();
        }
        UseTree::Name(it) => leaf(&it.ident, &it.ident),
        UseTree::Rename(it) => leaf(&it.ident, &it.rename),
        UseTree::Group(it) => it.items.iter().for_each(|it| flatten(it, path, leaves)),
        UseTree::Glob(_) => panic!("only unit tests use globs"),
    }
}

/// The module where a path begins, by its leading `crate`, `self` and `super`, and the names that follow.
fn base<'a>(module: &Module, path: &'a [String]) -> (Module, &'a [String]) {
    let (mut at, mut names) = (module.clone(), path);
    while let Some((first, rest)) = names.split_first() {
        match first.as_str() {
            "crate" => at.clear(),
            "self" => {}
            "super" => drop(at.pop()),
            _ => break,
        }
        names = rest;
    }
    (at, names)
}

/// The paths that an item names, in arguments of macros too.
#[derive(Default)]
struct Paths(Vec<Vec<String>>);

impl<'ast> Visit<'ast> for Paths {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names = path.segments.iter().map(|it| it.ident.to_string());
        self.0.push(names.collect());
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, it: &'ast syn::Macro) {
        self.read_tokens(it.tokens.clone());
    }
}

impl Paths {
    fn read_tokens(&mut self, tokens: TokenStream) {
        let (mut path, mut colons) = (Vec::new(), 0);
        for token in tokens {
            match token {
                TokenTree::Punct(it) if it.as_char() == ':' => colons += 1,
                TokenTree::Ident(it) => {
                    if colons != 2 {
                        self.0.push(std::mem::take(&mut path));
                    }
                    path.push(it.to_string());
                    colons = 0;
                }
                other => {
                    self.0.push(std::mem::take(&mut path));
                    colons = 0;
                    if let TokenTree::Group(group) = other {
                        self.read_tokens(group.stream());
                    }
                }
            }
        }
        self.0.push(path);
        self.0.retain(|path| !path.is_empty());
    }
}

/// Groups of files of which each reaches each other one.
fn cycles<'a>(edges: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> Vec<BTreeSet<&'a str>> {
    let reached: BTreeMap<&str, BTreeSet<&str>> = edges
        .keys()
        .map(|from| {
            let mut seen = BTreeSet::new();
            let mut next = vec![*from];
            while let Some(file) = next.pop() {
                for to in edges.get(file).into_iter().flatten() {
                    if seen.insert(*to) {
                        next.push(to);
                    }
                }
            }
            (*from, seen)
        })
        .collect();
    let mutual = |from: &str| -> BTreeSet<&'a str> {
        let others = reached[from].iter().copied();
        let back = |to: &&str| reached.get(to).is_some_and(|it| it.contains(from));
        others.filter(back).collect()
    };
    let groups: BTreeSet<_> = edges.keys().map(|from| mutual(from)).collect();
    groups.into_iter().filter(|it| !it.is_empty()).collect()
}

#[test]
fn no_files_import_each_other() {
    let tree = Crate::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let edges = tree.edges();
    assert!(edges.len() > 100, "only {} files import anything", edges.len());
    let mut text = String::new();
    for group in cycles(&edges) {
        text += &format!("\n{} files import each other:\n", group.len());
        for from in &group {
            let to: Vec<&&str> = edges[from].intersection(&group).collect();
            text += &format!("  {from} -> {to:?}\n");
        }
    }
    assert!(text.is_empty(), "{text}");
}

#[test]
fn a_cycle_through_a_re_export_is_found_and_one_in_unit_tests_is_ignored() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("lib.rs", "mod a; mod b; mod c; pub use b::B;");
    write("a.rs", "use crate::B; pub struct A(B);");
    write("b.rs", "pub struct B; fn f() { assert!(g(crate::a::A)); }");
    write("c.rs", "use crate::a::A; #[cfg(test)] mod tests { use crate::b::B; }");
    let tree = Crate::read(folder.path());
    let edges = tree.edges();
    assert_eq!(cycles(&edges), [BTreeSet::from(["a.rs", "b.rs"])]);
    assert_eq!(edges["c.rs"], BTreeSet::from(["a.rs"]));
}
