//! Behaviours of Go and its libraries that file formats depend on: version constraints, regular expressions, durations.

mod duration;
pub mod glob;
mod path_glob;
mod regexp;
mod semver;

pub use duration::{DurationError, format_duration, parse_duration};
pub use path_glob::glob;
pub use regexp::{RegexpError, regexp};
pub use semver::{Constraint, ConstraintError, Version};
