//! Recordings: what a real program answers to our own input, kept in `xtask/recorded`. One file each, one line in
//! [`RECORDINGS`]. Recording anew and reading the difference tells what upstream has changed.

pub mod kustomize;

/// Records something or says why not.
type Record = fn() -> anyhow::Result<()>;

/// All recordings: name, what is recorded, how.
pub const RECORDINGS: [(&str, &str, Record); 1] =
    [("kustomize", "what kubectl kustomize makes of the example's overlays", kustomize::record)];
