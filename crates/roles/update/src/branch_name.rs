//! Names of branches. Read first: [`branch_name`], [`Naming`].

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha512};

use crate::template::{TemplateError, render};

/// Shortest hash that names a branch.
const SHORTEST_HASH: usize = 6;
/// Longest name, in bytes; Git's own limit is about that.
const LONGEST: usize = 244;
const BRANCH_NAME: &str = "{{branchPrefix}}{{additionalBranchPrefix}}{{branchTopic}}";
const TOPIC: &str = "{{depNameSanitized}}-{{newMajor}}{{#if (or (and separateMinorPatch isPatch) (and separateMultipleMinor isMinor))}}.{{newMinor}}{{/if}}.x{{#if isLockfileUpdate}}-lockfile{{/if}}";
const GROUP_TOPIC: &str = "{{groupSlug}}";

/// How branches are named: the options of the same names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Naming {
    /// What each name begins with.
    pub prefix: String,
    /// What follows the prefix; a template.
    pub additional_prefix: String,
    /// What the name is about; a template, empty for the usual one.
    pub topic: String,
    /// The whole name; a template, empty for the usual one.
    pub name: String,
    /// The group's name; a template.
    pub group: Option<String>,
    /// The group in the branch's name, where it differs; a template.
    pub group_slug: Option<String>,
    /// Whether major updates are apart from others.
    pub separate_major_minor: bool,
    /// Whether each major version is apart.
    pub separate_multiple_major: bool,
    /// Whether each minor version is apart.
    pub separate_multiple_minor: bool,
    /// Whether patches are apart from minor updates.
    pub separate_minor_patch: bool,
    /// Whether punctuation becomes dashes.
    pub strict: bool,
    /// The length of the name where it is a hash.
    pub hashed_length: Option<usize>,
}

impl Default for Naming {
    fn default() -> Self {
        Self {
            prefix: "renovate/".to_owned(),
            additional_prefix: String::new(),
            topic: String::new(),
            name: String::new(),
            group: None,
            group_slug: None,
            separate_major_minor: true,
            separate_multiple_major: false,
            separate_multiple_minor: false,
            separate_minor_patch: false,
            strict: false,
            hashed_length: None,
        }
    }
}

/// Returns a dependency's name as it may stand in a branch's name.
pub fn sanitized(name: &str) -> String {
    // Variables are left out, with a slash behind them.
    let mut plain = String::new();
    let mut rest = name;
    while let Some(at) = rest.find("${") {
        plain.push_str(&rest[..at]);
        rest = match rest[at + 2..].find('}') {
            Some(length) if length > 0 => {
                let behind = &rest[at + 2 + length + 1..];
                behind.strip_prefix('/').unwrap_or(behind)
            }
            _ => {
                plain.push_str("${");
                &rest[at + 2..]
            }
        };
    }
    plain.push_str(rest);
    let plain = plain.replace(['$', '{', '}'], "").replacen("@types/", "", 1).replacen('@', "", 1);
    let mut out = String::new();
    let mut blank = false;
    for character in plain.chars() {
        if character.is_whitespace() {
            if !blank {
                out.push('-');
            }
        } else {
            out.push(if matches!(character, '/' | ':') { '-' } else { character });
        }
        blank = character.is_whitespace();
    }
    // Only the first row of dashes becomes one.
    if let Some(at) = out.find('-') {
        let length = out[at..].len() - out[at..].trim_start_matches('-').len();
        out.replace_range(at..at + length, "-");
    }
    out.to_lowercase()
}

/// Names the branch of an update. `update` holds its fields by the names that templates use.
pub fn branch_name(naming: &Naming, update: &Map<String, Value>) -> Result<String, TemplateError> {
    let mut fields = update.clone();
    let text = |fields: &Map<String, Value>, key: &str| fields.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let name = text(&fields, "depName");
    fields.insert("depNameSanitized".to_owned(), sanitized(&name).into());
    for (key, value) in [
        ("separateMajorMinor", naming.separate_major_minor),
        ("separateMultipleMinor", naming.separate_multiple_minor),
        ("separateMinorPatch", naming.separate_minor_patch),
    ] {
        fields.insert(key.to_owned(), value.into());
    }
    let (mut topic, kind) = (or(&naming.topic, TOPIC), text(&fields, "updateType"));
    if let Some(group) = naming.group.as_ref().filter(|group| !group.is_empty() && kind != "replacement") {
        let group = render(group, &Value::Object(fields.clone()))?;
        let slug = naming.group_slug.as_ref().filter(|slug| !slug.is_empty());
        let slug = slug.map_or_else(|| Ok(group.clone()), |slug| render(slug, &Value::Object(fields.clone())))?;
        fields.insert("groupSlug".to_owned(), group_slug(naming, &fields, &slugify(&slug), &kind).into());
        fields.insert("groupName".to_owned(), group.into());
        topic = GROUP_TOPIC;
    }
    for (key, value) in
        [("branchPrefix", naming.prefix.as_str()), ("additionalBranchPrefix", &naming.additional_prefix), ("branchTopic", topic)]
    {
        fields.insert(key.to_owned(), value.into());
    }
    let fields = Value::Object(fields);
    let name = match naming.hashed_length {
        Some(length) => {
            let text = format!("{}{}", render(&naming.additional_prefix, &fields)?, render(topic, &fields)?);
            let hash = hex(&Sha512::digest(repeated(text, 2, &fields)?));
            let length = length.saturating_sub(naming.prefix.len()).clamp(SHORTEST_HASH, hash.len());
            format!("{}{}", naming.prefix, &hash[..length])
        }
        // The name holds the topic, which is a template, which may hold one again.
        None => repeated(or(&naming.name, BRANCH_NAME).to_owned(), 3, &fields)?,
    };
    let mut clean = cleaned(&name, &naming.prefix, naming.strict);
    while clean.len() > LONGEST {
        clean.pop();
    }
    Ok(fit(&clean))
}

fn or<'a>(text: &'a str, other: &'a str) -> &'a str {
    if text.is_empty() { other } else { text }
}

fn repeated(text: String, times: usize, fields: &Value) -> Result<String, TemplateError> {
    (0..times).try_fold(text, |text, _| render(&text, fields))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn group_slug(naming: &Naming, fields: &Map<String, Value>, slug: &str, kind: &str) -> String {
    let number = |key: &str| fields.get(key).map_or_else(|| "undefined".to_owned(), Value::to_string);
    match kind {
        "major" if naming.separate_major_minor && naming.separate_multiple_major => format!("major-{}-{slug}", number("newMajor")),
        "major" if naming.separate_major_minor => format!("major-{slug}"),
        "minor" if naming.separate_multiple_minor => format!("minor-{}.{}-{slug}", number("newMajor"), number("newMinor")),
        "patch" if naming.separate_minor_patch => format!("patch-{slug}"),
        "lockFileMaintenance" => format!("lock-file-maintenance-{slug}"),
        _ => slug.to_owned(),
    }
}

/// Writes a text in small letters, digits and dashes, as a person would read it.
pub(crate) fn slugify(text: &str) -> String {
    let mut out = String::new();
    for character in text.chars() {
        match character {
            '$' => out.push_str("dollar"),
            '%' => out.push_str("percent"),
            '&' => out.push_str("and"),
            '<' => out.push_str("less"),
            '>' => out.push_str("greater"),
            '|' => out.push_str("or"),
            '-' => out.push(' '),
            c if c.is_whitespace() || c.is_ascii_alphanumeric() || "_*+~.()'\"!:@".contains(c) => out.push(c),
            c => out.push_str(plain_letter(c)),
        }
    }
    out.split_whitespace().collect::<Vec<_>>().join("-").to_lowercase()
}

/// Latin letters without what is on and under them; other characters are left out.
fn plain_letter(character: char) -> &'static str {
    match character {
        'À'..='Å' | 'à'..='å' | 'ª' => "a",
        'Æ' | 'æ' => "ae",
        'Ç' | 'ç' => "c",
        'È'..='Ë' | 'è'..='ë' => "e",
        'Ì'..='Ï' | 'ì'..='ï' => "i",
        'Ð' | 'ð' => "d",
        'Ñ' | 'ñ' => "n",
        'Ò'..='Ö' | 'Ø' | 'ò'..='ö' | 'ø' | 'º' => "o",
        'Ù'..='Ü' | 'ù'..='ü' => "u",
        'Ý' | 'ý' | 'ÿ' => "y",
        'Þ' | 'þ' => "th",
        'ß' => "ss",
        _ => "",
    }
}

/// Makes a text fit for a ref, step by step as upstream does: Git forbids some characters, and forges dislike others.
fn cleaned(name: &str, prefix: &str, strict: bool) -> String {
    const STRICT: &str = "`~!@#$%^&*()_=+[]\\|{};':\",.<>?/";
    let mut text = name.to_owned();
    if strict {
        let (kept, rest) = if name.starts_with(prefix) { name.split_at(prefix.len()) } else { ("", name) };
        text = format!("{kept}{}", rest.replace(|c| STRICT.contains(c), "-"));
    }
    let forbidden = |c: char| "~^:?*\\".contains(c);
    let edge = |c: char| forbidden(c) || c == '-';
    let mut text = text.replace("./", "/").replace("..", ".").replace(' ', "-");
    text = text.strip_prefix(edge).unwrap_or(&text).replace(forbidden, "-");
    text = text.strip_suffix(edge).unwrap_or(&text).replace("@{", "-");
    for end in [".", "/", ".lock"] {
        text = text.strip_suffix(end).unwrap_or(&text).to_owned();
    }
    // A dot at one end only is taken away: at the first, if there is one.
    text = text.strip_prefix('.').or_else(|| text.strip_suffix('.')).unwrap_or(&text).to_owned();
    text = text.replace("/.", "/");
    text.retain(|c| !c.is_whitespace());
    text = text.replace(|c: char| "[]?:\\^~<>".contains(c), "-");
    let parts: Vec<&str> = text.split('/').map(|part| part.trim_matches('-')).collect();
    let mut out = String::new();
    for character in parts.join("/").chars() {
        if character != '-' || !out.ends_with('-') {
            out.push(character);
        }
    }
    fit(&out)
}

/// Takes away what Git refuses in a ref and upstream leaves: control characters, and parts that are empty, begin or end with a
/// dot, hold two of them or end with `.lock`.
fn fit(name: &str) -> String {
    let mut parts: Vec<String> = Vec::new();
    for part in name.replace("@{", "-").split('/') {
        let mut part: String = part.chars().filter(|c| !c.is_control()).collect();
        while part.contains("..") {
            part = part.replace("..", ".");
        }
        let mut rest = part.as_str();
        loop {
            let shorter = rest.trim_matches('.').trim_end_matches(".lock");
            if shorter == rest {
                break;
            }
            rest = shorter;
        }
        if !rest.is_empty() && rest != "@" {
            parts.push(rest.to_owned());
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn name(naming: &Naming, dependency: &str, kind: &str) -> String {
        let update = json!({"depName": dependency, "newMajor": 1, "newMinor": 5, "updateType": kind, "isPatch": kind == "patch"});
        branch_name(naming, update.as_object().expect("a map")).unwrap_or_else(|error| error.to_string())
    }

    #[test]
    fn branches_are_named() {
        let usual = Naming::default();
        for (dependency, expected) in [
            ("registry.internal/myapp", "renovate/registry.internal-myapp-1.x"),
            ("registry.internal:5000/Team/API", "renovate/registry.internal-5000-team-api-1.x"),
            ("@types/node", "renovate/node-1.x"),
            ("../a~b..c/", "renovate/a-b.c-1.x"),
            ("a b~c", "renovate/a-b-c-1.x"),
            (".x/-y-", "renovate/x-y-1.x"),
            ("${registry}/app", "renovate/app-1.x"),
            ("a....b", "renovate/a.b-1.x"),
        ] {
            assert_eq!(name(&usual, dependency, "minor"), expected);
        }
    }

    #[test]
    fn options_change_names() {
        let usual = Naming::default;
        let group = |name: &str| Naming { group: Some(name.to_owned()), ..usual() };
        for (naming, kind, expected) in [
            (group("Own Apps & more"), "minor", "renovate/own-apps-and-more"),
            (group("Own Apps & more"), "major", "renovate/major-own-apps-and-more"),
            (group("Größe: {{depName}}"), "minor", "renovate/grosse-nginx"),
            (Naming { group_slug: Some("S l".to_owned()), ..group("g") }, "minor", "renovate/s-l"),
            (Naming { separate_multiple_major: true, ..group("g") }, "major", "renovate/major-1-g"),
            (Naming { separate_major_minor: false, ..group("g") }, "major", "renovate/g"),
            (Naming { separate_multiple_minor: true, ..group("g") }, "minor", "renovate/minor-1.5-g"),
            (Naming { separate_minor_patch: true, ..group("g") }, "patch", "renovate/patch-g"),
            (group("g"), "lockFileMaintenance", "renovate/lock-file-maintenance-g"),
            (group("g"), "replacement", "renovate/nginx-1.x"),
            (Naming { separate_minor_patch: true, ..usual() }, "patch", "renovate/nginx-1.5.x"),
            (Naming { separate_minor_patch: true, ..usual() }, "minor", "renovate/nginx-1.x"),
            (Naming { prefix: "bot/".to_owned(), additional_prefix: "{{depName}}/".to_owned(), ..usual() }, "minor", "bot/nginx/nginx-1.x"),
            (Naming { topic: "{{newMajor}}_x".to_owned(), strict: true, ..usual() }, "minor", "renovate/1-x"),
            (Naming { name: "{{branchPrefix}}all".to_owned(), ..usual() }, "minor", "renovate/all"),
            (Naming { hashed_length: Some(1), ..usual() }, "minor", "renovate/01c9c1"),
        ] {
            assert_eq!(name(&naming, "nginx", kind), expected, "{naming:?}");
        }
    }

    proptest! {
        /// Git takes every name.
        #[test]
        fn names_fit(dependency in ".{1,40}", topic in "[-a-z./@{}~ \\n]{0,30}") {
            let naming = Naming { topic: topic.replace("{{", ""), ..Naming::default() };
            let name = name(&naming, &dependency, "minor");
            for part in name.split('/').skip(1) {
                prop_assert!(!part.is_empty() && !part.starts_with('.') && !part.ends_with('.') && !part.ends_with(".lock"), "{:?}", name);
            }
            let forbidden = ["..", "@{", "//", "~", "^", ":", "?", "*", "[", "\\", " "];
            prop_assert!(!forbidden.iter().any(|text| name.contains(text)) && !name.contains(char::is_control), "{:?}", name);
        }
    }
}
