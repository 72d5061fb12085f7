//! Behaviours of Go and its libraries that file formats depend on: version constraints, regular expressions, durations.

mod duration;
mod glob;
mod regexp;
mod semver;

pub use duration::{DurationError, format_duration, parse_duration};
pub use glob::glob;
pub use regexp::{RegexpError, regexp};
pub use semver::{Constraint, ConstraintError, Version};
