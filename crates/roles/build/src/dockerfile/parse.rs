//! From a Dockerfile's text to its meaning. Read first: [`parse`].

use std::collections::BTreeMap;

use super::words::{fill, split};
use super::{Copy, Dockerfile, DockerfileError, Step};

/// Longest text that is read, in bytes.
const SIZE: usize = 1 << 20;
/// Most instructions.
const INSTRUCTIONS: usize = 1_000;
/// What an image from scratch starts with, as BuildKit does it.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Reads a Dockerfile.
pub fn parse(text: &str) -> Result<Dockerfile, DockerfileError> {
    if text.len() > SIZE {
        return Err(DockerfileError::Limit("1 MiB of text"));
    }
    let instructions = instructions(text)?;
    if instructions.len() > INSTRUCTIONS {
        return Err(DockerfileError::Limit("1,000 instructions"));
    }
    let mut reader = Reader {
        file: Dockerfile {
            env: Vec::new(),
            entrypoint: Vec::new(),
            cmd: Vec::new(),
            user: String::new(),
            working_dir: "/".to_owned(),
            steps: Vec::new(),
        },
        names: vec!["PATH".to_owned()],
        env: BTreeMap::from([("PATH".to_owned(), PATH.to_owned())]),
        from: false,
    };
    for instruction in &instructions {
        reader.instruction(instruction)?;
    }
    if !reader.from {
        return Err(DockerfileError::malformed(1, "file with no instructions: FROM scratch is missing"));
    }
    reader.file.env = reader.names.iter().map(|name| format!("{name}={}", reader.env[name])).collect();
    Ok(reader.file)
}

/// One instruction on one line, continuations joined.
struct Instruction {
    line: usize,
    name: String,
    rest: String,
}

fn instructions(text: &str) -> Result<Vec<Instruction>, DockerfileError> {
    let mut found = Vec::new();
    let mut open: Option<(usize, String)> = None;
    // Directives count only above everything else.
    let mut directives = true;
    for (at, raw) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let line = at + 1;
        let trimmed = raw.trim();
        if let Some(comment) = trimmed.strip_prefix('#') {
            directives = directives && open.is_none() && directive(comment, line)?;
            continue;
        }
        directives = false;
        if trimmed.is_empty() {
            continue;
        }
        let (start, mut text) = open.take().unwrap_or((line, String::new()));
        let ended = raw.trim_end();
        match ended.strip_suffix('\\') {
            Some(more) => {
                text.push_str(if text.is_empty() { more.trim_start() } else { more });
                open = Some((start, text));
            }
            None => {
                text.push_str(if text.is_empty() { trimmed } else { ended });
                found.push(instruction(start, &text));
            }
        }
    }
    if let Some((start, text)) = open {
        found.push(instruction(start, &text));
    }
    Ok(found)
}

/// Tells whether a comment is a parser directive; one that changes the meaning of the file is refused.
fn directive(comment: &str, line: usize) -> Result<bool, DockerfileError> {
    let Some((name, value)) = comment.split_once('=') else { return Ok(false) };
    let value = value.trim();
    match name.trim().to_ascii_lowercase().as_str() {
        "syntax" if value.split([':', '@']).next().is_some_and(|name| name.trim_start_matches("docker.io/") == "docker/dockerfile") => {
            Ok(true)
        }
        "escape" if value == "\\" => Ok(true),
        "syntax" | "escape" | "check" => Err(DockerfileError::unsupported(line, format!("the directive {}={value}", name.trim()))),
        _ => Ok(false),
    }
}

fn instruction(line: usize, text: &str) -> Instruction {
    let (name, rest) = text.split_once([' ', '\t']).unwrap_or((text, ""));
    Instruction { line, name: name.to_ascii_uppercase(), rest: rest.trim().to_owned() }
}

struct Reader {
    file: Dockerfile,
    /// Names of variables in the order of their first appearance.
    names: Vec<String>,
    env: BTreeMap<String, String>,
    from: bool,
}

impl Reader {
    fn instruction(&mut self, Instruction { line, name, rest }: &Instruction) -> Result<(), DockerfileError> {
        let line = *line;
        if name != "FROM" && !self.from {
            let known = ["COPY", "ENV", "ENTRYPOINT", "CMD", "USER", "WORKDIR"].contains(&name.as_str());
            return Err(if known {
                DockerfileError::malformed(line, "no build stage in current context: FROM comes first")
            } else {
                DockerfileError::unsupported(line, name)
            });
        }
        if name != "ENTRYPOINT" && name != "CMD" && rest.is_empty() {
            return Err(DockerfileError::malformed(line, format!("{name} requires an argument")));
        }
        match name.as_str() {
            "FROM" => self.from(line, rest),
            "COPY" => self.copy(line, rest),
            "ENV" => self.env(line, rest),
            "ENTRYPOINT" => command(line, rest).map(|words| self.file.entrypoint = words),
            "CMD" => command(line, rest).map(|words| self.file.cmd = words),
            "USER" => {
                let user = fill(rest, &self.env, line)?;
                if user.is_empty() || user.contains(char::is_whitespace) {
                    return Err(DockerfileError::malformed(line, "USER requires exactly one argument"));
                }
                self.file.user = user;
                Ok(())
            }
            "WORKDIR" => {
                let path = self.absolute(line, &fill(rest, &self.env, line)?)?;
                if path != "/" {
                    self.file.steps.push(Step::Folder { line, path: path.clone() });
                }
                self.file.working_dir = path;
                Ok(())
            }
            _ => Err(DockerfileError::unsupported(line, name)),
        }
    }

    fn from(&mut self, line: usize, rest: &str) -> Result<(), DockerfileError> {
        if self.from {
            return Err(DockerfileError::unsupported(line, "a second FROM"));
        }
        let words: Vec<&str> = rest.split_whitespace().collect();
        if let Some(flag) = words.iter().find(|word| word.starts_with("--")) {
            return Err(DockerfileError::unsupported(line, format!("FROM {flag}")));
        }
        match words.as_slice() {
            ["scratch"] => {}
            ["scratch", word, _] if word.eq_ignore_ascii_case("as") => {}
            [image] | [image, _, _] if *image != "scratch" => return Err(DockerfileError::unsupported(line, format!("FROM {image}"))),
            _ => return Err(DockerfileError::malformed(line, "FROM requires either one or three arguments")),
        }
        self.from = true;
        Ok(())
    }

    fn env(&mut self, line: usize, rest: &str) -> Result<(), DockerfileError> {
        let words = split(rest, line)?;
        let old = words.first().is_some_and(|word| !word.contains('='));
        let pairs: Vec<(String, String)> = if old {
            let (name, value) =
                rest.split_once([' ', '\t']).ok_or_else(|| DockerfileError::malformed(line, "ENV must have two arguments"))?;
            vec![(name.to_owned(), value.trim_start().to_owned())]
        } else {
            let pair = |word: &String| {
                let (name, value) =
                    word.split_once('=').ok_or_else(|| DockerfileError::malformed(line, format!("can't find = in {word:?}")))?;
                Ok((name.to_owned(), value.to_owned()))
            };
            words.iter().map(pair).collect::<Result<_, _>>()?
        };
        // All values of one instruction see the variables as they were before it.
        let before = self.env.clone();
        for (name, value) in pairs {
            let (name, value) = (fill(&name, &before, line)?, fill(&value, &before, line)?);
            if name.is_empty() || name.contains('=') {
                return Err(DockerfileError::malformed(line, "ENV names can not be blank"));
            }
            if self.env.insert(name.clone(), value).is_none() {
                self.names.push(name);
            }
        }
        if self.env.values().map(String::len).sum::<usize>() > SIZE {
            return Err(DockerfileError::Limit("1 MiB of variables"));
        }
        Ok(())
    }

    fn copy(&mut self, line: usize, rest: &str) -> Result<(), DockerfileError> {
        let (mut mode, mut owner) = (None, (0, 0));
        let mut rest = rest;
        while let Some(flag) = rest.split_whitespace().next().filter(|word| word.starts_with("--")) {
            rest = rest[flag.len()..].trim_start();
            let refused = || DockerfileError::unsupported(line, format!("COPY {flag}"));
            match flag.split_once('=') {
                Some(("--chmod", value)) => mode = Some(octal(value).ok_or_else(refused)?),
                Some(("--chown", value)) => owner = numbers(value).ok_or_else(refused)?,
                _ => return Err(refused()),
            }
        }
        let words: Vec<String> = match json_words(rest) {
            Some(words) => words,
            None => rest.split_whitespace().map(str::to_owned).collect(),
        };
        if let Some(word) = words.iter().find(|word| word.starts_with("<<")) {
            return Err(DockerfileError::unsupported(line, format!("COPY {word}")));
        }
        let mut words = words.iter().map(|word| fill(word, &self.env, line)).collect::<Result<Vec<_>, _>>()?;
        let Some(target) = words.pop().filter(|_| !words.is_empty()) else {
            return Err(DockerfileError::malformed(line, "COPY requires at least two arguments"));
        };
        let into_folder = target.ends_with('/') || target == "." || target.ends_with("/.");
        let target = self.absolute(line, &target)?;
        self.file.steps.push(Step::Copy(Copy { line, sources: words, target, into_folder, mode, owner }));
        Ok(())
    }

    /// Resolves a path of the image against the working directory.
    fn absolute(&self, line: usize, path: &str) -> Result<String, DockerfileError> {
        if path.contains('\0') || path.len() > 4_096 {
            return Err(DockerfileError::malformed(line, "the path is malformed"));
        }
        let whole = if path.starts_with('/') { path.to_owned() } else { format!("{}/{path}", self.file.working_dir) };
        let mut parts: Vec<&str> = Vec::new();
        for part in whole.split('/') {
            match part {
                "" | "." => {}
                ".." => drop(parts.pop()),
                part => parts.push(part),
            }
        }
        Ok(format!("/{}", parts.join("/")))
    }
}

/// The exec form is a JSON list; everything else is for a shell.
fn command(line: usize, rest: &str) -> Result<Vec<String>, DockerfileError> {
    if rest.is_empty() {
        return Ok(Vec::new());
    }
    if rest.starts_with("<<") {
        return Err(DockerfileError::unsupported(line, "a here-document"));
    }
    Ok(json_words(rest).unwrap_or_else(|| vec!["/bin/sh".to_owned(), "-c".to_owned(), rest.to_owned()]))
}

fn json_words(text: &str) -> Option<Vec<String>> {
    if text.starts_with('[') { serde_json::from_str(text).ok() } else { None }
}

fn octal(text: &str) -> Option<u32> {
    let digits = (3..=4).contains(&text.len()) && text.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
    if digits { u32::from_str_radix(text, 8).ok() } else { None }
}

/// `uid[:gid]`; without a group its number is the user's.
fn numbers(text: &str) -> Option<(u64, u64)> {
    let number = |text: &str| text.parse::<u32>().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit())).map(u64::from);
    match text.split_once(':') {
        Some((user, group)) => Some((number(user)?, number(group)?)),
        None => number(text).map(|user| (user, user)),
    }
}
