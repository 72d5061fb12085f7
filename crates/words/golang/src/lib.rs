//! Behaviours of Go and its libraries that file formats depend on: version constraints, regular expressions, durations.

mod duration;
mod envsubst;
pub mod glob;
mod path_glob;
mod quantity;
mod regexp;
mod semver;
pub mod time;

pub use duration::{DurationError, format_duration, format_duration_signed, parse_duration, parse_duration_signed};
pub use envsubst::{EnvsubstError, envsubst};
pub use path_glob::glob;
pub use quantity::{Format as QuantityFormat, Quantity, QuantityError};
pub use regexp::{RegexpError, regexp};
pub use semver::{Constraint, ConstraintError, Version, VersionError};
