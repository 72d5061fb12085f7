//! Which type may stand for which, and what unknown types turn out to be. cel-go `checker/types.go`, `checker/mapping.go`.

use std::collections::HashMap;
use std::sync::Arc;

use crate::types::Type;

/// What is known of unknown types.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mapping(HashMap<Arc<str>, Type>);

impl Mapping {
    pub fn add(&mut self, name: &Arc<str>, kind: Type) {
        self.0.insert(name.clone(), kind);
    }

    fn find(&self, kind: &Type) -> Option<&Type> {
        match kind {
            Type::Param(name) => self.0.get(name),
            _ => None,
        }
    }

    /// Puts in what is known; with `loose`, what stays unknown becomes dyn.
    pub fn substitute(&self, kind: &Type, loose: bool) -> Type {
        if let Some(known) = self.find(kind) {
            return self.substitute(known, loose);
        }
        match kind {
            Type::Param(_) if loose => Type::Dyn,
            Type::List(item) => Type::list(self.substitute(item, loose)),
            Type::Optional(inner) => Type::optional(self.substitute(inner, loose)),
            Type::Map(key, value) => Type::map(self.substitute(key, loose), self.substitute(value, loose)),
            other => other.clone(),
        }
    }

    /// Tells whether each of these may stand where one of those is wanted; what it takes for that is then known.
    pub fn assign_all(&mut self, given: &[Type], wanted: &[Type]) -> bool {
        let mut trial = self.clone();
        let fits = given.len() == wanted.len() && given.iter().zip(wanted).all(|(given, wanted)| trial.assignable(given, wanted));
        if fits {
            *self = trial;
        }
        fits
    }

    /// The same for one.
    pub fn assign(&mut self, given: &Type, wanted: &Type) -> bool {
        self.assign_all(std::slice::from_ref(given), std::slice::from_ref(wanted))
    }

    fn assignable(&mut self, left: &Type, right: &Type) -> bool {
        if matches!(right, Type::Param(_)) {
            let (valid, known) = self.stands_for(left, right);
            if valid || known {
                return valid;
            }
        }
        if matches!(left, Type::Param(_)) {
            return self.stands_for(right, left).0;
        }
        if left.is_loose() || right.is_loose() {
            return true;
        }
        if *left == Type::Null {
            return right.is_nullable();
        }
        if *right == Type::Null {
            return left.is_nullable();
        }
        match (left, right) {
            (Type::List(left), Type::List(right)) | (Type::Optional(left), Type::Optional(right)) => self.assignable(left, right),
            (Type::Map(key, value), Type::Map(key2, value2)) => self.assignable(key, key2) && self.assignable(value, value2),
            (Type::Object(left), Type::Object(right)) => Arc::ptr_eq(left, right) || left.name == right.name,
            (left, right) => left == right,
        }
    }

    /// Tells whether a type may be what a parameter means, and whether its meaning was known before.
    fn stands_for(&mut self, kind: &Type, parameter: &Type) -> (bool, bool) {
        if kind == parameter {
            return (true, true);
        }
        let Type::Param(name) = parameter else { return (false, false) };
        if let Some(known) = self.find(parameter).cloned() {
            if *kind == known {
                return (true, true);
            }
            if self.assignable(kind, &known) {
                let general = most_general(kind, &known);
                if self.unreferenced(parameter, &general) {
                    self.add(name, general);
                }
                return (true, true);
            }
            return (false, true);
        }
        if self.unreferenced(parameter, kind) {
            self.add(name, kind.clone());
            return (true, false);
        }
        (false, false)
    }

    fn unreferenced(&self, parameter: &Type, within: &Type) -> bool {
        if parameter == within {
            return false;
        }
        match within {
            Type::Param(_) => self.find(within).is_none_or(|known| self.unreferenced(parameter, known)),
            other => other.parameters().into_iter().all(|one| self.unreferenced(parameter, one)),
        }
    }
}

/// Returns the one of two types that says less.
pub(crate) fn most_general(left: &Type, right: &Type) -> Type {
    if says_no_more(left, right) { left.clone() } else { right.clone() }
}

fn says_no_more(left: &Type, right: &Type) -> bool {
    if left.is_dyn() || matches!(left, Type::Param(_)) {
        return true;
    }
    if right.is_dyn() || matches!(right, Type::Param(_)) {
        return false;
    }
    match (left, right) {
        (Type::List(left), Type::List(right)) | (Type::Optional(left), Type::Optional(right)) => says_no_more(left, right),
        (Type::Map(key, value), Type::Map(key2, value2)) => says_no_more(key, key2) && says_no_more(value, value2),
        (left, right) => left == right,
    }
}
