//! From a Dockerfile and a folder to an image. Read first: [`image`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{Timestamp, Tree, TreeFile};
use oci::{Artifact, ImageConfig, LayerContent, LayerFile, LayerSpec, Platform};

use super::{Copy, Dockerfile, DockerfileError, Step};

/// Most files of an image.
const FILES: usize = 200_000;

/// Builds the image of a Dockerfile. Equal input gives equal bytes: owners are root, modes 0644 and 0755, times 0.
pub fn image(dockerfile: &Dockerfile, context: &Tree, platform: &Platform, created: Timestamp) -> Result<Artifact, DockerfileError> {
    if context.get(".dockerignore").is_some() {
        return Err(DockerfileError::unsupported(1, "a .dockerignore file"));
    }
    let mut root = Root::default();
    let mut layers = Vec::new();
    for step in &dockerfile.steps {
        let files = match step {
            Step::Folder { line, path } => root.folder(*line, path)?,
            Step::Copy(copy) => root.copy(copy, context)?,
        };
        // A working directory that is there already makes no layer.
        if !files.is_empty() {
            layers.push(LayerSpec { files });
        }
    }
    let config = ImageConfig {
        env: dockerfile.env.clone(),
        entrypoint: dockerfile.entrypoint.clone(),
        cmd: dockerfile.cmd.clone(),
        user: dockerfile.user.clone(),
        working_dir: dockerfile.working_dir.clone(),
        architecture: platform.architecture.clone(),
        os: platform.os.clone(),
        created: Some(created),
        ..ImageConfig::default()
    };
    Ok(oci::image(&layers, &config, &BTreeMap::new()))
}

/// What the image holds so far.
#[derive(Default)]
struct Root {
    files: BTreeSet<String>,
    /// With owner and group.
    folders: BTreeMap<String, (u64, u64)>,
}

/// What one source of a `COPY` stands for.
enum Source {
    File(String, TreeFile),
    Folder(Tree),
}

impl Root {
    fn folder(&mut self, line: usize, path: &str) -> Result<Vec<LayerFile>, DockerfileError> {
        if self.folders.contains_key(path) {
            return Ok(Vec::new());
        }
        self.enter(line, path, (0, 0))?;
        Ok(self.folders_of(&format!("{path}/")))
    }

    fn copy(&mut self, copy: &Copy, context: &Tree) -> Result<Vec<LayerFile>, DockerfileError> {
        let mut sources = Vec::new();
        for source in &copy.sources {
            sources.extend(find(context, source, copy.line)?);
        }
        if sources.len() > 1 && !copy.into_folder {
            let text = "When using COPY with more than one source file, the destination must be a directory and end with a /";
            return Err(DockerfileError::malformed(copy.line, text));
        }
        let mut layer = Vec::new();
        for source in sources {
            match source {
                Source::File(name, file) => {
                    let inside = copy.into_folder || copy.target == "/" || self.folders.contains_key(&copy.target);
                    let path = if inside { join(&copy.target, &name) } else { copy.target.clone() };
                    self.put(copy, &path, &file, &mut layer)?;
                }
                Source::Folder(_) if copy.mode.is_some() => {
                    return Err(DockerfileError::unsupported(copy.line, "COPY --chmod of a folder"));
                }
                Source::Folder(tree) => {
                    self.enter(copy.line, &copy.target, copy.owner)?;
                    layer.extend(self.folders_of(&join(&copy.target, "")));
                    for (path, file) in tree.iter() {
                        self.put(copy, &join(&copy.target, path), file, &mut layer)?;
                    }
                }
            }
        }
        Ok(layer)
    }

    fn put(&mut self, copy: &Copy, path: &str, file: &TreeFile, layer: &mut Vec<LayerFile>) -> Result<(), DockerfileError> {
        let (folder, _) = path.rsplit_once('/').unwrap_or_default();
        self.enter(copy.line, folder, copy.owner)?;
        if path == "/" || self.folders.contains_key(path) {
            return Err(DockerfileError::malformed(copy.line, format!("cannot copy a file over the folder {path}")));
        }
        self.files.insert(path.to_owned());
        if self.files.len() > FILES {
            return Err(DockerfileError::Limit("200,000 files"));
        }
        let mode = copy.mode.unwrap_or(if file.executable { 0o755 } else { 0o644 });
        let (uid, gid) = copy.owner;
        layer.extend(self.folders_of(path));
        layer.push(LayerFile { path: path.to_owned(), mode, uid, gid, content: LayerContent::File(Arc::clone(&file.bytes)) });
        Ok(())
    }

    /// Makes the missing folders of a path; they are owned as the files are.
    fn enter(&mut self, line: usize, path: &str, owner: (u64, u64)) -> Result<(), DockerfileError> {
        let mut whole = String::new();
        for part in path.split('/').filter(|part| !part.is_empty()) {
            whole = format!("{whole}/{part}");
            if self.files.contains(&whole) {
                return Err(DockerfileError::malformed(line, format!("{whole} is a file, not a folder")));
            }
            self.folders.entry(whole.clone()).or_insert(owner);
        }
        Ok(())
    }

    /// Returns the folders above a path as they are: a layer that left them out would give them to root.
    fn folders_of(&self, path: &str) -> Vec<LayerFile> {
        let above = path.match_indices('/').map(|(at, _)| &path[..at]);
        let known = above.filter_map(|folder| self.folders.get_key_value(folder));
        known
            .map(|(folder, (uid, gid))| LayerFile {
                path: folder.clone(),
                mode: 0o755,
                uid: *uid,
                gid: *gid,
                content: LayerContent::Folder,
            })
            .collect()
    }
}

fn join(folder: &str, name: &str) -> String {
    format!("{}/{name}", folder.trim_end_matches('/'))
}

/// Returns the files and folders of the context that a source names.
fn find(context: &Tree, source: &str, line: usize) -> Result<Vec<Source>, DockerfileError> {
    let mut parts: Vec<&str> = Vec::new();
    for part in source.split('/') {
        match part {
            "" | "." => {}
            ".." => return Err(DockerfileError::malformed(line, format!("{source} leads out of the build context"))),
            part => parts.push(part),
        }
    }
    let path = parts.join("/");
    if path.contains(['[', '\\']) || path.contains("**") {
        return Err(DockerfileError::unsupported(line, format!("the pattern {source}")));
    }
    if path.is_empty() {
        return Ok(vec![Source::Folder(context.clone())]);
    }
    let paths = if path.contains(['*', '?']) { matching(context, &path) } else { vec![path] };
    let mut found = Vec::new();
    for path in paths {
        match context.get(&path) {
            Some(file) => found.push(Source::File(path.rsplit('/').next().unwrap_or(&path).to_owned(), file.clone())),
            None if context.has_folder(&path) => found.push(Source::Folder(context.sub(&path))),
            None => {}
        }
    }
    if found.is_empty() { Err(DockerfileError::malformed(line, format!("{source} is not in the build context"))) } else { Ok(found) }
}

/// Returns the files and folders that a pattern covers, by name.
fn matching(context: &Tree, pattern: &str) -> Vec<String> {
    let depth = pattern.split('/').count();
    let cut = |path: &str| path.split('/').take(depth).collect::<Vec<_>>().join("/");
    let names: BTreeSet<String> = context.iter().map(|(path, _)| cut(path)).collect();
    names.into_iter().filter(|name| golang::glob(pattern, name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dockerfile::parse;
    use expect_test::{Expect, expect};

    fn context() -> Tree {
        let mut tree = Tree::default();
        tree.put_file("bin/server", TreeFile { bytes: b"elf".to_vec().into(), executable: true });
        tree.put("web/index.html", "hello");
        tree.put("web/css/a.css", "a");
        tree.put("a.conf", "a");
        tree.put("b.conf", "b");
        tree.put("Dockerfile", "");
        tree
    }

    fn build(text: &str) -> Result<Artifact, DockerfileError> {
        let platform = Platform { architecture: "amd64".to_owned(), os: "linux".to_owned(), variant: None, extra: serde_json::Map::new() };
        image(&parse(text)?, &context(), &platform, Timestamp::UNIX_EPOCH)
    }

    fn check(text: &str, expected: &Expect) {
        let shown = match build(text) {
            Err(error) => format!("{error}\n"),
            Ok(built) => {
                assert_eq!(built.digest, build(text).expect("builds again").digest);
                let config = String::from_utf8(built.blobs[0].1.clone()).expect("is text");
                let mut shown = format!("{}\n", &config[..config.find(",\"rootfs\"").unwrap_or(config.len())]);
                let mut root = oci::Rootfs::default();
                for (_, layer) in &built.blobs[1..] {
                    root.apply(layer, &oci::Limits::image()).expect("applies");
                }
                for (path, entry) in root.iter() {
                    shown.push_str(&format!("{path} {:o} {}:{}\n", entry.mode, entry.uid, entry.gid));
                }
                shown
            }
        };
        expected.assert_eq(&shown);
    }

    #[test]
    fn files_go_where_docker_puts_them() {
        check(
            "# syntax=docker/dockerfile:1\n# a comment\nfrom scratch as app\nENV A=1 B=\"two $PATH\" \\\n  # inside\n\n  C='x'\nENV OLD some  value\nWORKDIR /srv\nWORKDIR $C\nCOPY web .\nCOPY --chown=1000 --chmod=0755 bin/server /bin/\nCOPY *.conf /etc/app/\nCOPY [\"a.conf\", \"/etc\"]\nUSER 1000:1000\nENTRYPOINT [\"/bin/server\", \"--x\"]\nCOPY b.conf /bin/b\nCMD serve $A\n",
            &expect![[r#"
                {"architecture":"amd64","created":"1970-01-01T00:00:00Z","os":"linux","config":{"User":"1000:1000","Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin","A=1","B=two /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin","C=x","OLD=some  value"],"Entrypoint":["/bin/server","--x"],"Cmd":["/bin/sh","-c","serve $A"],"WorkingDir":"/srv/x"}
                bin 755 1000:1000
                bin/b 644 0:0
                bin/server 755 1000:1000
                etc 755 0:0
                etc/a.conf 644 0:0
                etc/app 755 0:0
                etc/app/a.conf 644 0:0
                etc/app/b.conf 644 0:0
                srv 755 0:0
                srv/x 755 0:0
                srv/x/css 755 0:0
                srv/x/css/a.css 644 0:0
                srv/x/index.html 644 0:0
            "#]],
        );
    }

    #[test]
    fn what_is_not_known_is_refused_with_its_line() {
        for (text, why) in [
            ("FROM alpine:3\n", "line 1: FROM alpine:3 is not supported"),
            ("FROM scratch\nRUN make\n", "line 2: RUN is not supported"),
            ("ARG X=1\nFROM scratch\n", "line 1: ARG is not supported"),
            ("FROM scratch\n\nCOPY --from=x a b\n", "line 3: COPY --from=x is not supported"),
            ("FROM scratch\nCOPY --chown=app a.conf /\n", "line 2: COPY --chown=app is not supported"),
            ("FROM scratch\nCOPY --chmod=u+x a.conf /\n", "line 2: COPY --chmod=u+x is not supported"),
            (
                "FROM scratch\nCOPY a.conf \\\n b.conf /x\n",
                "line 2: When using COPY with more than one source file, the destination must be a directory and end with a /",
            ),
            ("FROM scratch\nCOPY ../x /\n", "line 2: ../x leads out of the build context"),
            ("FROM scratch\nCOPY gone /\n", "line 2: gone is not in the build context"),
            ("FROM scratch\nCOPY a.conf /x\nCOPY b.conf /x/y\n", "line 3: /x is a file, not a folder"),
            (
                "FROM scratch\nCOPY web /x\nCOPY web/index.html /x/css/\nCOPY a.conf /x/css/index.html/\n",
                "line 4: /x/css/index.html is a file, not a folder",
            ),
            ("FROM scratch\nCOPY <<EOF /x\n", "line 2: COPY <<EOF is not supported"),
            ("FROM scratch\nFROM scratch\n", "line 2: a second FROM is not supported"),
            ("FROM --platform=linux/arm64 scratch\n", "line 1: FROM --platform=linux/arm64 is not supported"),
            ("# escape=`\nFROM scratch\n", "line 1: the directive escape=` is not supported"),
            ("COPY a b\n", "line 1: no build stage in current context: FROM comes first"),
            ("FROM scratch\nENV A\n", "line 2: ENV must have two arguments"),
            ("FROM scratch\nUSER\n", "line 2: USER requires an argument"),
            ("", "line 1: file with no instructions: FROM scratch is missing"),
        ] {
            assert_eq!(build(text).map(|_| ()).map_err(|error| error.to_string()), Err(why.to_owned()), "{text}");
        }
    }

    #[test]
    fn a_dockerignore_is_refused() {
        let mut tree = context();
        tree.put(".dockerignore", "*");
        let platform = Platform { architecture: "amd64".to_owned(), os: "linux".to_owned(), variant: None, extra: serde_json::Map::new() };
        let file = parse("FROM scratch\nCOPY . /\n").expect("parses");
        assert!(image(&file, &tree, &platform, Timestamp::UNIX_EPOCH).is_err());
    }
}
