//! The manager `kubernetes`: finds `image:` lines in manifests. Read first: [`Dependency`], [`extract`].

use std::ops::Range;
use std::sync::{Arc, LazyLock};

use model::{Timestamp, Tree};
use oci::Reference;
use regex::Regex;

use crate::config::Config;
use crate::memo::Memo;
use crate::versioning::scheme;

/// Largest file that is looked at, in bytes.
const SIZE: usize = 4 << 20;
/// Most dependencies of a repository.
const DEPENDENCIES: usize = 10_000;

/// One line that names an image. Anchored at the line's end, so that a quote that does not close is nothing.
static LINE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r##"^\s*(?:-\s*)?image:\s+(?:'([^\s'"#]+)'|"([^\s'"#]+)"|([^\s'"#]+))\s*(?:\s#.*)?$"##).expect("the pattern is fixed")
});

/// An image where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dependency {
    /// Which file.
    pub file: String,
    /// Its line, counted from 1.
    pub line: usize,
    /// The name in texts, without `library/` and the like.
    pub name: String,
    /// The name that rules are held against, as it is written.
    pub package: String,
    /// `host/name` in a registry; empty when the name is none.
    pub repository: String,
    /// The tag.
    pub value: Option<String>,
    /// Where the tag stands, in bytes of the file.
    pub value_at: Range<usize>,
    /// The digest, and where it stands.
    pub digest: Option<(String, Range<usize>)>,
    /// The scheme of the tags, where rules name no other.
    pub versioning: &'static str,
    /// Why nothing is looked up.
    pub skip: Option<String>,
}

/// What was found in which tree last.
static FOUND: Memo<(Arc<Config>, Tree), Arc<Vec<Dependency>>> = Memo::new();
/// How many trees are remembered.
const KEPT: usize = 4;

/// Returns the dependencies of all files that the manager's patterns name, by file and line.
pub(crate) fn extract(config: &Arc<Config>, tree: &Tree) -> Arc<Vec<Dependency>> {
    if let Some(found) = FOUND.get(|(known, files)| Arc::ptr_eq(known, config) && files == tree) {
        return found;
    }
    let found = Arc::new(in_tree(config, tree));
    FOUND.put((config.clone(), tree.clone()), found.clone(), KEPT);
    found
}

fn in_tree(config: &Config, tree: &Tree) -> Vec<Dependency> {
    let mut found = Vec::new();
    for (path, file) in tree.iter().filter(|(path, _)| config.reads(path)) {
        if file.bytes.len() > SIZE {
            continue;
        }
        let Ok(text) = std::str::from_utf8(&file.bytes) else { continue };
        if text.contains("apiVersion:") && text.contains("kind:") {
            found.extend(in_file(path, text));
        }
        if found.len() > DEPENDENCIES {
            found.truncate(DEPENDENCIES);
            break;
        }
    }
    found
}

fn in_file(path: &str, text: &str) -> Vec<Dependency> {
    let mut found = Vec::new();
    let mut start = 0;
    for (at, whole) in text.split_inclusive('\n').enumerate() {
        let line = whole.trim_end_matches(['\n', '\r']);
        if let Some(image) = LINE.captures(line).and_then(|parts| parts.get(1).or(parts.get(2)).or(parts.get(3))) {
            found.extend(dependency(path, at + 1, image.as_str(), start + image.start()));
        }
        start += whole.len();
    }
    found
}

/// Takes an image apart; a text with a variable in it is none.
fn dependency(file: &str, line: usize, image: &str, at: usize) -> Option<Dependency> {
    if image.contains(['$', '{', '}', '&', '*', '[', ']']) {
        return None;
    }
    let (rest, digest) = image.split_once('@').map_or((image, None), |(rest, digest)| (rest, Some(digest)));
    let (package, value) = match rest.rsplit_once(':') {
        Some((package, tag)) if !tag.contains('/') => (package, Some(tag)),
        _ => (rest, None),
    };
    let digest = digest.map(|digest| (digest.to_owned(), at + image.len() - digest.len()..at + image.len()));
    let value_at = at + package.len() + 1..at + rest.len().max(package.len() + 1);
    let mut name = package;
    for prefix in ["amd64/", "arm64/", "library/"] {
        name = name.strip_prefix(prefix).unwrap_or(name);
    }
    let reference = package.parse::<Reference>().ok().filter(|reference| reference.tag.is_none());
    let versioning = match name.rsplit('/').next() {
        Some("ubuntu") => "ubuntu",
        Some("debian") if value.is_some_and(is_debian) => "debian",
        _ => "docker",
    };
    let skip = match (&reference, value) {
        (None, _) => Some("invalid-name".to_owned()),
        (Some(_), None) => Some("unspecified-version".to_owned()),
        (Some(_), Some(_)) => None,
    };
    Some(Dependency {
        file: file.to_owned(),
        line,
        name: name.to_owned(),
        package: package.to_owned(),
        repository: reference.map_or_else(String::new, |reference| reference.location()),
        value: value.map(str::to_owned),
        value_at,
        digest,
        versioning,
        skip,
    })
}

/// Tells whether a tag names one of Debian's releases; `bookworm-slim` does not, and is compared as any other tag is.
fn is_debian(tag: &str) -> bool {
    // Whether there is such a release does not depend on the moment.
    scheme("debian", Timestamp::MAX).is_ok_and(|debian| debian.is_version(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_name_images() {
        let text = "apiVersion: v1\r\nkind: Pod\r\nspec:\r\n  containers:\r\n  - image: registry.internal:5000/a/b:1.4.2 # here\r\n    name: a\r\n  - name: b\r\n    image: 'nginx:1.25'\r\n  - image: \"library/redis:7@sha256:aa\"\r\n  #  image: x:1\r\n    image: $IMAGE:1\r\n    image: {{ x }}:1\r\n    image: docker.io/ubuntu:22.04\r\n    image: debian:12\r\n    image: debian:12-slim\r\n    image: plain\r\n    image: 'open:1\r\n    imagePullPolicy: Always\r\n";
        let found: Vec<String> = in_file("f", text)
            .iter()
            .map(|each| {
                let value = each.value.as_ref().map_or("-", |_| &text[each.value_at.clone()]);
                let digest = each.digest.as_ref().map_or("-", |(_, at)| &text[at.clone()]);
                format!(
                    "{} {} {} {value} {digest} {}",
                    each.line,
                    each.name,
                    each.repository,
                    each.skip.as_deref().unwrap_or(each.versioning)
                )
            })
            .collect();
        assert_eq!(
            found,
            [
                "5 registry.internal:5000/a/b registry.internal:5000/a/b 1.4.2 - docker",
                "8 nginx docker.io/library/nginx 1.25 - docker",
                "9 redis docker.io/library/redis 7 sha256:aa docker",
                "13 docker.io/ubuntu docker.io/library/ubuntu 22.04 - ubuntu",
                "14 debian docker.io/library/debian 12 - debian",
                "15 debian docker.io/library/debian 12-slim - docker",
                "16 plain docker.io/library/plain - - unspecified-version",
            ]
        );
    }
}
