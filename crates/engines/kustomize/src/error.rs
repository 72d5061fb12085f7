//! Why there are no manifests.

/// Why there are no manifests.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// A file is missing.
    #[error("{path}: no such file or directory")]
    NotFound {
        /// Where it was looked for.
        path: String,
    },
    /// A folder has no kustomization file, or several.
    #[error("unable to find one of 'kustomization.yaml', 'kustomization.yml' or 'Kustomization' in directory '{0}'")]
    NoKustomization(String),
    /// Several kustomization files in one folder.
    #[error("Found multiple kustomization files under: {0}")]
    ManyKustomizations(String),
    /// A file is no YAML.
    #[error("{path}: MalformedYAMLError: {source}")]
    Yaml {
        /// Which file.
        path: String,
        /// Where in it and why.
        source: yaml::YamlError,
    },
    /// A field is not supported, or its value is not of the right kind.
    #[error("{path}: {text}")]
    Field {
        /// Which file.
        path: String,
        /// Which field, and what is wrong with it.
        text: String,
    },
    /// A path leads out of the Tree, or a base contains itself.
    #[error("{path}: {text}")]
    Path {
        /// Which path.
        path: String,
        /// What is wrong.
        text: String,
    },
    /// The build is larger than is reasonable.
    #[error("the build exceeds the limit of {0}")]
    Limit(&'static str),
    /// A step of the build failed.
    #[error("{0}")]
    Failed(String),
}

pub(crate) type Result<T> = std::result::Result<T, BuildError>;

pub(crate) fn fail<T>(text: impl Into<String>) -> Result<T> {
    Err(BuildError::Failed(text.into()))
}

/// Says what was being done. Errors that name their own file stay as they are.
pub(crate) trait Wrap<T> {
    fn wrap(self, prefix: impl FnOnce() -> String) -> Result<T>;
}

impl<T> Wrap<T> for Result<T> {
    fn wrap(self, prefix: impl FnOnce() -> String) -> Self {
        self.map_err(|error| told(error, &prefix()))
    }
}

/// An error that says what was being done.
pub(crate) fn told(error: BuildError, prefix: &str) -> BuildError {
    match error {
        BuildError::Failed(text) => BuildError::Failed(format!("{prefix}: {text}")),
        other => other,
    }
}
