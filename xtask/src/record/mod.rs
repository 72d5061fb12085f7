//! Recordings: what a real program answers to our own input, kept in `xtask/recorded`, or beside the tests that compare with it. One file each, one line in
//! [`RECORDINGS`]. Recording anew and reading the difference tells what upstream has changed.

mod kubernetes;
pub mod kustomize;

/// Records something or says why not.
type Record = fn() -> anyhow::Result<()>;

/// All recordings: name, what is recorded, how.
pub const RECORDINGS: [(&str, &str, Record); 2] = [
    ("kubernetes", "what the original API server answers to thousands of small questions (needs Go)", kubernetes::record),
    ("kustomize", "what kubectl kustomize makes of the example's overlays", kustomize::record),
];
