use std::fmt;
use std::str::FromStr;

use bytes::Bytes;

use crate::{GitError, ObjectId};

/// The four kinds of objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A file's content.
    Blob,
    /// A folder.
    Tree,
    /// A state with its history.
    Commit,
    /// An annotated tag.
    Tag,
}

/// One object: its kind and its bytes. Cloning shares the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// What it is.
    pub kind: Kind,
    /// Its content without Git's header.
    pub data: Bytes,
}

/// Who did something, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Full name.
    pub name: String,
    /// Address.
    pub email: String,
    /// Seconds since 1970.
    pub seconds: i64,
    /// Offset from UTC as Git writes it, such as `+0000`.
    pub zone: String,
}

/// A commit as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// The state.
    pub tree: ObjectId,
    /// What it was made from.
    pub parents: Vec<ObjectId>,
    /// Who wrote the change.
    pub author: Person,
    /// Who made the commit.
    pub committer: Person,
    /// The signature in its `gpgsig` header.
    pub signature: Option<String>,
    /// What it says.
    pub message: String,
}

/// An annotated tag as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    /// What it names.
    pub target: ObjectId,
    /// Of which kind that is.
    pub kind: Kind,
    /// The tag's name.
    pub name: String,
    /// Who tagged; old tags have nobody.
    pub tagger: Option<Person>,
    /// What it says.
    pub message: String,
}

/// A commit to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCommit {
    /// The state.
    pub tree: ObjectId,
    /// What it is made from.
    pub parents: Vec<ObjectId>,
    /// Who wrote the change.
    pub author: Person,
    /// Who makes the commit.
    pub committer: Person,
    /// What it says; a missing line end is added.
    pub message: String,
}

impl Object {
    /// Returns the object's name.
    pub fn id(&self) -> ObjectId {
        ObjectId::of(self.kind, &self.data)
    }
}

impl Person {
    /// Returns a person at a moment, in UTC. Characters that would break the format are left out.
    pub fn new(name: &str, email: &str, seconds: i64) -> Self {
        let clean =
            |text: &str| text.chars().filter(|c| !matches!(c, '<' | '>' | '\n' | '\r' | '\0')).collect::<String>().trim().to_owned();
        Self { name: clean(name), email: clean(email), seconds, zone: "+0000".to_owned() }
    }

    fn parse(line: &str) -> Result<Self, GitError> {
        let wrong = || GitError::malformed("commit", format!("{:?} names no person and time", line.chars().take(120).collect::<String>()));
        let open = line.find('<').ok_or_else(wrong)?;
        let close = line.rfind('>').filter(|close| *close > open).ok_or_else(wrong)?;
        let mut time = line[close + 1..].split_whitespace();
        let seconds = time.next().and_then(|text| text.parse().ok()).ok_or_else(wrong)?;
        let zone = time.next().unwrap_or("+0000").to_owned();
        Ok(Self { name: line[..open].trim().to_owned(), email: line[open + 1..close].trim().to_owned(), seconds, zone })
    }
}

impl fmt::Display for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} <{}> {} {}", self.name, self.email, self.seconds, self.zone)
    }
}

impl NewCommit {
    /// Returns the commit's bytes, unsigned. [`crate::signature::sign`] adds a signature.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut text = format!("tree {}\n", self.tree);
        for parent in &self.parents {
            text.push_str(&format!("parent {parent}\n"));
        }
        text.push_str(&format!("author {}\ncommitter {}\n\n{}", self.author, self.committer, self.message));
        if !text.ends_with('\n') {
            text.push('\n');
        }
        text.into_bytes()
    }
}

/// The headers of a commit or tag, in order, with continued lines joined by line ends; and where the message starts.
pub(crate) fn headers<'a>(data: &'a [u8], what: &'static str) -> Result<(Vec<(&'a str, String)>, usize), GitError> {
    let mut found: Vec<(&str, String)> = Vec::new();
    let mut at = 0;
    loop {
        let Some(length) = data[at..].iter().position(|byte| *byte == b'\n') else {
            // A tag or commit without a message may end after its headers.
            return if at == data.len() { Ok((found, at)) } else { Err(GitError::malformed(what, "a header has no end")) };
        };
        let line = &data[at..at + length];
        at += length + 1;
        if line.is_empty() {
            return Ok((found, at));
        }
        if let Some(more) = line.strip_prefix(b" ") {
            let (_, value) = found.last_mut().ok_or_else(|| GitError::malformed(what, "it starts with a continued line"))?;
            value.push('\n');
            value.push_str(&String::from_utf8_lossy(more));
            continue;
        }
        let space = line.iter().position(|byte| *byte == b' ').ok_or_else(|| GitError::malformed(what, "a header has no value"))?;
        let name = std::str::from_utf8(&line[..space]).map_err(|_| GitError::malformed(what, "a header's name is no text"))?;
        found.push((name, String::from_utf8_lossy(&line[space + 1..]).into_owned()));
    }
}

fn id_of(text: &str, what: &'static str) -> Result<ObjectId, GitError> {
    text.parse().map_err(|_| GitError::malformed(what, "a header names no object"))
}

/// Reads a commit. A `gpgsig` header given twice is refused, so that nobody can be shown one signature and check another.
pub fn parse_commit(data: &[u8]) -> Result<Commit, GitError> {
    let (headers, message) = headers(data, "commit")?;
    let (mut tree, mut author, mut committer, mut signature) = (None, None, None, None);
    let mut parents = Vec::new();
    for (name, value) in headers {
        let twice = match name {
            "tree" => tree.replace(id_of(&value, "commit")?).is_some(),
            "author" => author.replace(Person::parse(&value)?).is_some(),
            "committer" => committer.replace(Person::parse(&value)?).is_some(),
            "gpgsig" => signature.replace(value).is_some(),
            "parent" => {
                parents.push(id_of(&value, "commit")?);
                false
            }
            // `encoding`, `mergetag`, `gpgsig-sha256` and what else programs add: part of the signed bytes, of no effect here.
            _ => false,
        };
        if twice {
            return Err(GitError::malformed("commit", format!("{name} is given twice")));
        }
    }
    let lacks = |name: &str| GitError::malformed("commit", format!("{name} is missing"));
    Ok(Commit {
        tree: tree.ok_or_else(|| lacks("tree"))?,
        parents,
        author: author.ok_or_else(|| lacks("author"))?,
        committer: committer.ok_or_else(|| lacks("committer"))?,
        signature,
        message: String::from_utf8_lossy(&data[message..]).into_owned(),
    })
}

/// Reads an annotated tag.
pub fn parse_tag(data: &[u8]) -> Result<Tag, GitError> {
    let (headers, message) = headers(data, "tag")?;
    let value = |wanted: &str| headers.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.as_str());
    let lacks = |name: &str| GitError::malformed("tag", format!("{name} is missing"));
    Ok(Tag {
        target: id_of(value("object").ok_or_else(|| lacks("object"))?, "tag")?,
        kind: value("type").ok_or_else(|| lacks("type"))?.parse()?,
        name: value("tag").ok_or_else(|| lacks("tag"))?.to_owned(),
        tagger: value("tagger").map(Person::parse).transpose()?,
        message: String::from_utf8_lossy(&data[message..]).into_owned(),
    })
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Blob => "blob",
            Self::Tree => "tree",
            Self::Commit => "commit",
            Self::Tag => "tag",
        })
    }
}

impl FromStr for Kind {
    type Err = GitError;

    fn from_str(text: &str) -> Result<Self, GitError> {
        match text {
            "blob" => Ok(Self::Blob),
            "tree" => Ok(Self::Tree),
            "commit" => Ok(Self::Commit),
            "tag" => Ok(Self::Tag),
            _ => Err(GitError::malformed("object", format!("{:?} is no kind of object", text.chars().take(20).collect::<String>()))),
        }
    }
}
