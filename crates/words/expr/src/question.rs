use std::fmt;

/// What an expression wants to know and what is not known yet. Somebody else fetches it, and the expression is evaluated again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Question {
    /// The data of a ConfigMap in the project's namespace.
    ConfigMap(String),
    /// The data of a ConfigMap in the namespace of shared resources.
    SharedConfigMap(String),
    /// The data of a Secret in the project's namespace.
    Secret(String),
    /// The data of a generic Secret in the namespace of shared resources.
    SharedSecret(String),
    /// The status of a Freight.
    Freight(String),
    /// The status of a Stage.
    Stage(String),
    /// A Warehouse, for what it subscribes to.
    Warehouse(String),
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, name) = match self {
            Self::ConfigMap(name) => ("ConfigMap", name),
            Self::SharedConfigMap(name) => ("shared ConfigMap", name),
            Self::Secret(name) => ("Secret", name),
            Self::SharedSecret(name) => ("shared Secret", name),
            Self::Freight(name) => ("Freight", name),
            Self::Stage(name) => ("Stage", name),
            Self::Warehouse(name) => ("Warehouse", name),
        };
        write!(f, "{kind} {name}")
    }
}
