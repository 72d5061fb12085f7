use git::GitError;
use http::StatusCode;
use store::StoreError;

/// Why the forge does not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ForgeError {
    /// Nobody has said who they are, and the request needs it.
    #[error("authentication is required")]
    Unauthenticated,
    /// Who asks may not.
    #[error("{0}")]
    Forbidden(String),
    /// It does not exist, or who asks may not know.
    #[error("{0} does not exist")]
    NotFound(String),
    /// It contradicts what is there.
    #[error("{0}")]
    Conflict(String),
    /// The request is wrong.
    #[error("{0}")]
    Invalid(String),
    /// Not yet, or not at all in this state.
    #[error("{0}")]
    NotReady(String),
    /// It is archived.
    #[error("{0} is archived")]
    Archived(String),
    /// The request is larger than accepted.
    #[error("the request exceeds {0} bytes")]
    TooLarge(u64),
    /// Git data cannot be used.
    #[error(transparent)]
    Git(#[from] GitError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A row of the store cannot be read.
    #[error("the row {key} of the forge cannot be read: {text}")]
    Row {
        /// Which row.
        key: String,
        /// What is wrong.
        text: String,
    },
    /// A file cannot be used.
    #[error("the forge cannot use {path}")]
    File {
        /// Which file or folder.
        path: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The git program failed.
    #[error("the git program failed: {0}")]
    Program(String),
}

impl ForgeError {
    /// Returns the HTTP status that says so.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::NotFound(_) | Self::Git(GitError::Missing(_)) => StatusCode::NOT_FOUND,
            Self::Conflict(_) | Self::Store(StoreError::Conflict { .. }) => StatusCode::CONFLICT,
            Self::Invalid(_)
            | Self::Git(GitError::Malformed { .. } | GitError::WrongKind { .. } | GitError::Unsupported(_) | GitError::Key(_)) => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            Self::NotReady(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::Archived(_) => StatusCode::LOCKED,
            Self::TooLarge(_) | Self::Git(GitError::TooLarge { .. }) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Git(GitError::Remote(_) | GitError::Store(_))
            | Self::Store(_)
            | Self::Row { .. }
            | Self::File { .. }
            | Self::Program(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}
