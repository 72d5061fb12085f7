//! What functions take, as far as it is known before they run.

use crate::types::{Function, Type};

/// What checking a call gives: its type, or at which argument (none: at the call) it is wrong.
pub(crate) type Checked = Result<Type, (Option<usize>, String)>;

/// How the arguments of a built-in are checked.
pub(crate) type Check = fn(&'static str, &[Type]) -> Checked;

/// Makes a refusal of the whole call.
pub(crate) fn refused<T>(why: String) -> Result<T, (Option<usize>, String)> {
    Err((None, why))
}

/// Checks a call against what is declared; the last overload says what is wrong.
pub(crate) fn overloads(name: &str, overloads: &[(&[fn() -> Type], fn() -> Type)], given: &[Type]) -> Checked {
    let mut failure = (None, format!("no matching overload for {name}"));
    for (wanted, gives) in overloads {
        match matches(name, wanted, given) {
            Ok(()) => return Ok(gives()),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

fn matches(name: &str, wanted: &[fn() -> Type], given: &[Type]) -> Result<(), (Option<usize>, String)> {
    if given.len() > wanted.len() {
        return refused(format!("too many arguments to call {name}"));
    }
    if given.len() < wanted.len() {
        return refused(format!("not enough arguments to call {name}"));
    }
    for (at, (wanted, given)) in wanted.iter().zip(given).enumerate() {
        let wanted = wanted();
        let number = (wanted == Type::Float && given.is_integer()) || (wanted.is_integer() && given.is_integer());
        if number || given.is_unknown() || (*given != Type::Nil && given.assignable_to(&wanted)) {
            continue;
        }
        if *given == Type::Nil {
            if wanted == Type::Any {
                continue;
            }
            return Err((Some(at), format!("cannot use nil as argument (type {wanted}) to call {name}")));
        }
        return Err((Some(at), format!("cannot use {given} as argument (type {wanted}) to call {name} ")));
    }
    Ok(())
}

impl Function {
    /// Checks a call of this function.
    pub(crate) fn check(&self, given: &[Type]) -> Checked {
        overloads(self.name, self.overloads, given)
    }
}

/// Refuses a wrong number of arguments.
pub(super) fn count(given: &[Type], wanted: usize) -> Result<(), (Option<usize>, String)> {
    if given.len() == wanted {
        return Ok(());
    }
    refused(format!("invalid number of arguments (expected {wanted}, got {})", given.len()))
}

/// Checks one argument that is a number of any kind.
pub(super) fn number(name: &'static str, given: &[Type]) -> Result<Type, (Option<usize>, String)> {
    count(given, 1)?;
    // Durations and named numbers have the kind of a number, and fail when they are there.
    if given[0].is_number() || given[0].is_unknown() || matches!(given[0], Type::Duration | Type::Named(_)) {
        return Ok(given[0].clone());
    }
    refused(format!("invalid argument for {name} (type {})", named(&given[0])))
}

/// Go prints a type that is not there as this.
pub(super) fn named(given: &Type) -> String {
    if *given == Type::Nil { "%!s(<nil>)".to_owned() } else { given.to_string() }
}

/// Returns what Go's own type of a list says of its elements: of a list made in the expression, nothing.
pub(super) fn element(list: &Type) -> Type {
    match list {
        Type::List("[]string", _) => Type::Text,
        Type::Bytes => Type::Byte,
        _ => Type::Any,
    }
}

/// Checks one argument that is a list.
pub(super) fn list(verb: &str, given: &[Type]) -> Result<Type, (Option<usize>, String)> {
    count(given, 1)?;
    if given[0].is_list() || given[0].is_unknown() {
        return Ok(given[0].clone());
    }
    refused(format!("cannot {verb} {}", named(&given[0])))
}

/// Checks one argument that is a map.
pub(super) fn map(verb: &str, after: &str, given: &[Type]) -> Checked {
    count(given, 1)?;
    if matches!(given[0], Type::Map(..)) || given[0].is_unknown() {
        return Ok(Type::list(Type::Any));
    }
    refused(format!("cannot {verb} {}{after}", named(&given[0])))
}

/// Checks any number of numbers and lists of them.
pub(super) fn aggregate(name: &'static str, given: &[Type]) -> Checked {
    if given.is_empty() {
        return refused(format!("not enough arguments to call {name}"));
    }
    for argument in given {
        if argument.is_list() || argument.is_unknown() {
            return Ok(Type::Any);
        }
        if !argument.is_number() {
            return refused(format!("invalid argument for {name} (type {})", named(argument)));
        }
    }
    Ok(given[0].clone())
}
