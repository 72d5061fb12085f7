//! A repository as the rules see it: every file parsed once, objects by kind, name and file. Read first: [`Repository`].

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use model::Tree;
use yaml::{Content, Node, Style};

use crate::Audience;
use crate::edits::File;
use crate::jsonc;
use crate::look::Look as _;
use crate::read;
use crate::steps::{self, Target};

/// Longest file that is read, in bytes.
const FILE: usize = 16 << 20;

/// Where Renovate's configuration may lie, in the order in which it is looked for.
const RENOVATE: [&str; 5] = ["renovate.json", ".gitea/renovate.json", ".github/renovate.json", ".renovaterc.json", ".renovaterc"];

/// A repository.
pub(crate) struct Repository<'a> {
    pub tree: &'a Tree,
    pub audience: Audience,
    /// Every YAML document, in the order of paths.
    pub documents: Vec<Document>,
    /// Files that cannot be read: path, place, why.
    pub unreadable: Vec<(String, usize, String)>,
    /// Expressions for which upstream cannot read the file.
    pub expressions: Vec<(String, Range<usize>)>,
    /// `renovate.json`, read or not.
    pub renovate: Option<(String, Result<Node, jsonc::Malformed>)>,
    /// What promotions edit.
    pub targets: Vec<Target>,
    /// Documents that are pointers: which artifact an environment runs.
    pub pointers: Vec<usize>,
    /// Folders of the repository by the address of the artifact that they become.
    artifacts: HashMap<String, String>,
    /// Where the lines of a file start, for files in which something was found.
    lines: RefCell<HashMap<String, Vec<usize>>>,
    kinds: HashMap<String, Vec<usize>>,
    names: HashMap<(String, String), Vec<usize>>,
    files: HashMap<String, Vec<usize>>,
    folders: BTreeSet<String>,
}

/// One YAML document.
pub(crate) struct Document {
    pub path: String,
    /// Which one of its file, counted from 0.
    pub at: usize,
    pub kind: String,
    /// The part of `apiVersion` before the slash.
    pub group: String,
    pub name: String,
    pub namespace: String,
    pub root: Node,
}

impl<'a> Repository<'a> {
    /// Reads a repository.
    pub(crate) fn read(tree: &'a Tree, audience: Audience) -> Self {
        let mut repository = Self {
            tree,
            audience,
            documents: Vec::new(),
            unreadable: Vec::new(),
            expressions: Vec::new(),
            renovate: None,
            targets: Vec::new(),
            pointers: Vec::new(),
            artifacts: HashMap::new(),
            lines: RefCell::default(),
            kinds: HashMap::new(),
            names: HashMap::new(),
            files: HashMap::new(),
            folders: BTreeSet::new(),
        };
        let charts: BTreeSet<&str> = tree.iter().filter_map(|(path, _)| path.strip_suffix("Chart.yaml")).collect();
        for (path, file) in tree.iter() {
            repository.note_folders(path);
            let template = path.match_indices("templates/").any(|(at, _)| charts.contains(&path[..at]));
            if (path.ends_with(".yaml") || path.ends_with(".yml")) && !template {
                repository.file(path, &file.bytes);
            }
        }
        for path in RENOVATE.iter().chain(&["CODEOWNERS", ".gitea/CODEOWNERS", "docs/CODEOWNERS", "policy/main.json"]) {
            if let Some(Err(error)) = tree.get(path).map(|file| std::str::from_utf8(&file.bytes)) {
                repository.unreadable.push(((*path).to_owned(), error.valid_up_to(), "the file is not UTF-8".to_owned()));
            }
        }
        for path in RENOVATE {
            if let Some(text) = repository.text(path) {
                repository.renovate = Some((path.to_owned(), jsonc::read(text)));
                break;
            }
        }
        repository.targets = steps::targets(&repository);
        repository.pointers = repository.find_pointers();
        repository.artifacts = repository.find_artifacts();
        repository
    }

    fn note_folders(&mut self, path: &str) {
        let mut folder = path;
        while let Some((outer, _)) = folder.rsplit_once('/') {
            if !self.folders.insert(outer.to_owned()) {
                break;
            }
            folder = outer;
        }
    }

    fn file(&mut self, path: &str, bytes: &[u8]) {
        let mut refuse = |offset, text: String| self.unreadable.push((path.to_owned(), offset, text));
        if bytes.len() > FILE {
            return refuse(0, "the file is longer than 16 MiB".to_owned());
        }
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => return refuse(error.valid_up_to(), "the file is not UTF-8".to_owned()),
        };
        match read::read(text) {
            Ok(parsed) => {
                self.expressions.extend(parsed.expressions.into_iter().map(|range| (path.to_owned(), range)));
                for (at, root) in parsed.documents.into_iter().enumerate() {
                    self.document(path, at, root);
                }
            }
            Err(error) => {
                let offset = match &error {
                    yaml::YamlError::Syntax { line, column, .. } => offset(text, *line, *column),
                    yaml::YamlError::Meaning { line, .. } | yaml::YamlError::Limit { line, .. } => offset(text, *line, 1),
                    yaml::YamlError::Documents(_) => 0,
                };
                refuse(offset, error.to_string());
            }
        }
    }

    fn document(&mut self, path: &str, at: usize, root: Node) {
        if root.text().is_none() && root.pairs().is_empty() && root.items().is_empty() {
            return;
        }
        let (kind, name) = (root.text_at("kind").to_owned(), root.text_at("metadata.name").to_owned());
        let group = root.text_at("apiVersion").split_once('/').map(|(group, _)| group.to_owned()).unwrap_or_default();
        let namespace = root.text_at("metadata.namespace").to_owned();
        let index = self.documents.len();
        self.kinds.entry(kind.clone()).or_default().push(index);
        self.names.entry((kind.clone(), name.clone())).or_default().push(index);
        self.files.entry(path.to_owned()).or_default().push(index);
        self.documents.push(Document { path: path.to_owned(), at, kind, group, name, namespace, root });
    }

    /// The text of a file; `None` where there is none or it is not UTF-8.
    pub(crate) fn text(&self, path: &str) -> Option<&'a str> {
        std::str::from_utf8(self.tree.bytes(path)?).ok()
    }

    /// A file to be edited.
    pub(crate) fn edit<'b>(&self, path: &'b str) -> File<'b>
    where
        'a: 'b,
    {
        File { path, text: self.text(path).unwrap_or_default() }
    }

    /// Line and column of a byte.
    pub(crate) fn place(&self, path: &str, at: usize) -> (usize, usize) {
        let text = self.text(path).unwrap_or_default();
        let mut lines = self.lines.borrow_mut();
        if !lines.contains_key(path) {
            let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1));
            lines.insert(path.to_owned(), starts.collect());
        }
        let starts = &lines[path];
        let line = starts.partition_point(|start| *start <= at).max(1);
        let before = text.get(starts[line - 1]..at).unwrap_or_default();
        (line, before.chars().count() + 1)
    }

    /// The documents of a kind in a group.
    pub(crate) fn kind<'b>(&'b self, group: &'b str, kind: &str) -> impl Iterator<Item = &'b Document> {
        let found = self.kinds.get(kind).map_or(&[][..], Vec::as_slice);
        found.iter().map(|at| &self.documents[*at]).filter(move |document| document.group == group)
    }

    /// The documents of this kind and name.
    pub(crate) fn named(&self, kind: &str, name: &str) -> impl Iterator<Item = &Document> {
        let found = self.names.get(&(kind.to_owned(), name.to_owned())).map_or(&[][..], Vec::as_slice);
        found.iter().map(|at| &self.documents[*at])
    }

    /// The documents of a file.
    pub(crate) fn of_file(&self, path: &str) -> impl Iterator<Item = &Document> {
        self.files.get(path).map_or(&[][..], Vec::as_slice).iter().map(|at| &self.documents[*at])
    }

    /// The documents of workflow files, by path.
    pub(crate) fn workflows(&self) -> impl Iterator<Item = &Document> {
        self.documents.iter().filter(|document| document.root.get("jobs").is_some() && document.path.contains("/workflows/"))
    }

    /// The Stages.
    pub(crate) fn stages(&self) -> impl Iterator<Item = &Document> {
        self.kind("kargo.akuity.io", "Stage")
    }

    /// The pointers.
    pub(crate) fn pointers(&self) -> impl Iterator<Item = &Document> {
        self.pointers.iter().map(|at| &self.documents[*at])
    }

    /// Tells whether a folder holds any file.
    pub(crate) fn has_folder(&self, folder: &str) -> bool {
        folder.is_empty() || self.folders.contains(folder)
    }

    /// The folders right below a folder.
    pub(crate) fn folders_in<'b>(&'b self, folder: &'b str) -> impl Iterator<Item = &'b str> {
        let prefix = format!("{folder}/");
        let length = prefix.len();
        let below = self.folders.range(prefix.clone()..).take_while(move |path| path.starts_with(&prefix));
        below.map(move |path| &path[length..]).filter(|rest| !rest.contains('/'))
    }

    /// Tells whether a folder beside this one has nearly its name.
    pub(crate) fn folders_near(&self, folder: &str) -> bool {
        let (parent, name) = folder.rsplit_once('/').unwrap_or(("", folder));
        let beside: Vec<&str> = if parent.is_empty() {
            self.folders.iter().map(String::as_str).filter(|path| !path.contains('/')).collect()
        } else {
            self.folders_in(parent).collect()
        };
        beside
            .into_iter()
            .any(|other| other != name && (other.starts_with(name) || name.starts_with(other)) && other.len().abs_diff(name.len()) <= 2)
    }

    /// Which folder of the repository becomes the artifact at this address, as the workflows or the layout say.
    pub(crate) fn artifact_folder(&self, url: &str) -> Option<String> {
        let url = url.trim_start_matches("oci://");
        if let Some(folder) = self.artifacts.get(url) {
            return self.has_folder(folder).then(|| folder.clone());
        }
        let folder = format!("apps/{}", url.rsplit('/').next()?);
        self.has_folder(&folder).then_some(folder)
    }

    /// Tells whether a workflow of this repository pushes the artifact at this address.
    pub(crate) fn builds(&self, url: &str) -> bool {
        self.artifacts.contains_key(url.trim_start_matches("oci://"))
    }

    fn find_artifacts(&self) -> HashMap<String, String> {
        let mut found = HashMap::new();
        for workflow in self.workflows() {
            workflow.root.scalars(&mut |_, script| {
                if let Some((address, folder)) = pushed(script) {
                    found.entry(address).or_insert(folder);
                }
            });
        }
        found
    }

    fn find_pointers(&self) -> Vec<usize> {
        let edited: BTreeSet<&str> = self.targets.iter().map(|target| target.file.as_str()).collect();
        let warehouses = self.kind("kargo.akuity.io", "Warehouse");
        let subscribed: BTreeSet<&str> =
            warehouses.flat_map(|w| w.root.items_at("spec.subscriptions")).map(|s| s.text_at("image.repoURL")).collect();
        let kargo = !self.targets.is_empty() || !subscribed.is_empty();
        let is = |document: &Document| {
            let url = document.root.text_at("spec.url").trim_start_matches("oci://");
            let placed = document.path.starts_with("clusters/") && !public(url) && document.root.at("spec.ref.tag").is_some();
            edited.contains(document.path.as_str()) || subscribed.contains(url) || (!kargo && placed)
        };
        let all = self.kinds.get("OCIRepository").into_iter().flatten().copied();
        all.filter(|at| self.documents[*at].group == "source.toolkit.fluxcd.io" && is(&self.documents[*at])).collect()
    }
}

impl Document {
    /// Its namespace's and its own name, for people.
    pub(crate) fn title(&self) -> String {
        format!("{} {:?}", self.kind, self.name)
    }

    /// The value at a path, or the document itself: where a finding about something missing points.
    pub(crate) fn place(&self, path: &str) -> usize {
        self.root.at(path).map_or(self.root.span.start, |node| node.span.start)
    }
}

/// The address to which a script's `flux push artifact` pushes, without tag, and the folder that it packs.
fn pushed(script: &str) -> Option<(String, String)> {
    let start = script.find("flux push artifact")?;
    let words: Vec<&str> = script[start..].split_whitespace().collect();
    let address = words.iter().find_map(|word| word.trim_matches('"').strip_prefix("oci://"))?;
    let slash = address.rfind('/').map_or(0, |at| at + 1);
    let name = address[slash..].find(':').map_or(address, |at| &address[..slash + at]);
    let folder = words.iter().enumerate().find_map(|(at, word)| match word.strip_prefix("--path") {
        Some("") => words.get(at + 1).copied(),
        Some(rest) => rest.strip_prefix('='),
        None => None,
    })?;
    Some((name.to_owned(), normal(folder.trim_matches('"'))))
}

/// Hosts whose content anybody may pull.
pub(crate) fn public(url: &str) -> bool {
    const HOSTS: [&str; 9] = [
        "ghcr.io",
        "docker.io",
        "index.docker.io",
        "quay.io",
        "registry.k8s.io",
        "gcr.io",
        "public.ecr.aws",
        "mcr.microsoft.com",
        "registry.gitlab.com",
    ];
    HOSTS.contains(&url.trim_start_matches("oci://").split('/').next().unwrap_or_default())
}

/// A path without `.`, `..` and doubled slashes.
pub(crate) fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// Tells whether YAML reads a plain scalar as something other than a text.
pub(crate) fn no_text(node: &Node) -> bool {
    let text = node.text().unwrap_or_default();
    let plain = matches!(node.content, Content::Scalar(_, Style::Plain)) && node.tag.is_none();
    plain && !text.contains("${{") && yaml::value_of(node, yaml::Dialect::Sigs).is_ok_and(|value| !value.is_string())
}

fn offset(text: &str, line: usize, column: usize) -> usize {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let rest = text.get(start..).unwrap_or_default();
    start + rest.chars().take(column.saturating_sub(1)).map(char::len_utf8).sum::<usize>()
}
