//! Behaviours of Go and its libraries that file formats depend on, as values: no clock, no file system.
//! Read first: [`Constraint`], [`glob`], [`regexp`], [`envsubst`], [`JsonPath`], [`LabelSelector`].

pub mod cron;
mod duration;
mod envsubst;
pub mod glob;
mod jsonpath;
mod number;
mod path_glob;
mod print;
mod quantity;
mod regexp;
mod selector;
mod semver;
pub mod time;

pub use duration::{DurationError, format_duration, format_duration_signed, parse_duration, parse_duration_signed};
pub use envsubst::{EnvsubstError, envsubst};
pub use jsonpath::{JsonPath, JsonPathError};
pub use number::{format_float, json_float};
pub use path_glob::glob;
pub use print::{printed, type_of};
pub use quantity::{Format as QuantityFormat, Quantity, QuantityError};
pub use regexp::{RegexpError, regexp};
pub use selector::{FieldSelector, LabelSelector, SelectorError};
pub use semver::{Constraint, ConstraintError, Version, VersionError};
