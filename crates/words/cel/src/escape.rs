/// Words of the language and of its hosts that no field may be called. Kubernetes `apiserver/pkg/cel/escaping.go`.
const RESERVED: &[&str] = &[
    "true",
    "false",
    "null",
    "in",
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
];

/// Tells whether a word belongs to the language or its hosts, so that no field or variable may be called so.
pub fn is_reserved(word: &str) -> bool {
    RESERVED.contains(&word)
}

/// Returns the name by which expressions reach a field; `None` when none does.
pub fn escape(field: &str) -> Option<String> {
    let mut characters = field.chars();
    let starts = characters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_');
    if !starts || !field.chars().all(|one| one.is_ascii_alphanumeric() || matches!(one, '_' | '.' | '-' | '/')) {
        return None;
    }
    if is_reserved(field) {
        return Some(format!("__{field}__"));
    }
    Some(field.replace("__", "__underscores__").replace('.', "__dot__").replace('-', "__dash__").replace('/', "__slash__"))
}
