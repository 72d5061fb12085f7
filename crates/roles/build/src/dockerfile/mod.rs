//! Dockerfiles that only put files together: no program is run, so that equal input gives an equal image.
//!
//! Known are `FROM scratch`, `COPY`, `ENV`, `ENTRYPOINT`, `CMD`, `USER` and `WORKDIR`; everything else is refused by name and
//! line. Read first: [`parse`], [`image`]. Follows Docker's reference of the Dockerfile format.

mod image;
mod parse;
mod words;

pub use image::image;
pub use parse::parse;

/// A Dockerfile with its variables filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dockerfile {
    /// `NAME=value` lines.
    pub env: Vec<String>,
    /// The program and its fixed arguments.
    pub entrypoint: Vec<String>,
    /// Default arguments.
    pub cmd: Vec<String>,
    /// `user`, `uid`, `user:group` or `uid:gid`; empty for root.
    pub user: String,
    /// Working directory.
    pub working_dir: String,
    /// What is put into the image, in order; each is a layer.
    pub steps: Vec<Step>,
}

/// One instruction that makes a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Files of the context.
    Copy(Copy),
    /// An empty folder, by absolute path.
    Folder {
        /// The instruction's line.
        line: usize,
        /// Its absolute path.
        path: String,
    },
}

/// A `COPY` instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copy {
    /// The instruction's line.
    pub line: usize,
    /// Files, folders or patterns of the context.
    pub sources: Vec<String>,
    /// Absolute path in the image, without a slash at the end.
    pub target: String,
    /// Whether the target is written as a folder, with a slash at its end.
    pub into_folder: bool,
    /// Permission bits of the files, instead of their own.
    pub mode: Option<u32>,
    /// Owner and group, instead of root.
    pub owner: (u64, u64),
}

/// Why a Dockerfile makes no image. Lines count from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DockerfileError {
    /// Something is not supported.
    #[error("line {line}: {what} is not supported")]
    Unsupported {
        /// Where.
        line: usize,
        /// What.
        what: String,
    },
    /// Something is malformed.
    #[error("line {line}: {text}")]
    Malformed {
        /// Where.
        line: usize,
        /// What is wrong.
        text: String,
    },
    /// The text, or what it makes, is larger than is reasonable.
    #[error("the Dockerfile exceeds the limit of {0}")]
    Limit(&'static str),
}

impl DockerfileError {
    fn unsupported(line: usize, what: impl Into<String>) -> Self {
        Self::Unsupported { line, what: what.into().chars().take(200).collect() }
    }

    fn malformed(line: usize, text: impl Into<String>) -> Self {
        Self::Malformed { line, text: text.into().chars().take(300).collect() }
    }
}
