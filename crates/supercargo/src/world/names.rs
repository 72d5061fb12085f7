//! The names by which files call the embedded hosts; no port in any file.

/// The registry.
pub const REGISTRY: &str = "registry.internal";
/// The forge, which is also the issuer of identity tokens.
pub const FORGE: &str = "gitea.internal";
/// Certificate authority, transparency log and timestamp authority.
pub const IDENTITY: &str = "identity.internal";
/// Where hosts reach the roles.
pub const DOORS: &str = "supercargo.internal";

/// Returns the clone URL of a repository on the embedded forge.
pub fn forge_url(repository: &str) -> String {
    format!("https://{FORGE}/{repository}")
}

/// Returns the URL of the identity services.
pub fn identity_url() -> String {
    format!("https://{IDENTITY}")
}
