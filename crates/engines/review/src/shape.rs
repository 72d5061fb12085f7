use serde_json::Value;

use crate::{ChangedFile, Shape};

/// Tells what in a file's change breaks the shape; `Ok` when nothing does.
pub fn obeys(shape: &Shape, file: &ChangedFile) -> Result<(), String> {
    let path = &file.path;
    let (Some(old), Some(new)) = (&file.old, &file.new) else {
        return Err(format!("{path} is {}", if file.old.is_none() { "new" } else { "deleted" }));
    };
    if file.mode_changed {
        return Err(format!("{path} changes its file mode"));
    }
    let text = |bytes| std::str::from_utf8(bytes).map_err(|_| format!("{path} is not UTF-8"));
    let (old, new) = (text(old)?, text(new)?);
    let lines = changed_lines(old, new).map_err(|why| format!("{path}: {why}"))?;
    let read = |text: &str| yaml::read_all(text, yaml::Dialect::Kyaml).map_err(|error| format!("{path}: {error}"));
    let (old, new) = (read(old)?, read(new)?);
    if old.len() != new.len() {
        return Err(format!("{path} has another number of documents"));
    }
    match shape {
        Shape::OnlyYamlPaths { paths, kinds } => {
            let keys: Vec<&str> = paths.iter().map(|path| path.rsplit('.').next().unwrap_or_default()).collect();
            for (old, new) in &lines {
                check_line(old, new, &keys).map_err(|why| format!("{path}: {why}"))?;
            }
            for (old, new) in old.iter().zip(&new) {
                yaml_paths(old, new, paths, kinds).map_err(|why| format!("{path}: {why}"))?;
            }
        }
        Shape::ImageTagOrDigest => {
            let kustomization = matches!(path.rsplit('/').next(), Some("kustomization.yaml" | "kustomization.yml" | "Kustomization"));
            let keys: &[&str] = if kustomization { &["image", "newTag", "digest"] } else { &["image"] };
            for (old, new) in &lines {
                check_line(old, new, keys).map_err(|why| format!("{path}: {why}"))?;
            }
            for (old, new) in old.iter().zip(&new) {
                let mut found = Vec::new();
                differences(old, new, &mut Vec::new(), &mut found);
                for (at, old, new) in found {
                    image_part(&at, old, new, kustomization).map_err(|why| format!("{path}: {why}"))?;
                }
            }
        }
    }
    Ok(())
}

/// The lines that differ, pairwise. Lines may change, not come or go: every other byte stays.
fn changed_lines<'a>(old: &'a str, new: &'a str) -> Result<Vec<(&'a str, &'a str)>, String> {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.split('\n').collect(), new.split('\n').collect());
    if old.len() != new.len() {
        return Err(format!("it has {} lines instead of {}", new.len(), old.len()));
    }
    Ok(old.into_iter().zip(new).filter(|(old, new)| old != new).collect())
}

/// A line that differs must be `key: value` before and after, with the same indentation and key.
fn check_line(old: &str, new: &str, keys: &[&str]) -> Result<(), String> {
    let split = |line: &str| {
        let key = line.trim_start_matches([' ', '-']);
        let indent = line.len() - key.len();
        keys.iter()
            .find(|wanted| key.strip_prefix(**wanted).is_some_and(|rest| rest.starts_with(": ")))
            .map(|wanted| indent + wanted.len() + 1)
    };
    let short = |line: &str| line.trim().chars().take(80).collect::<String>();
    match (split(old), split(new)) {
        (Some(a), Some(b)) if a == b && old[..a] == new[..b] => Ok(()),
        _ => Err(format!("the line {:?} changes, which holds none of {}", short(if old.is_empty() { new } else { old }), keys.join(", "))),
    }
}

type Difference<'a> = (Vec<String>, Option<&'a Value>, Option<&'a Value>);

/// Every place where two values differ, as deep as possible.
fn differences<'a>(old: &'a Value, new: &'a Value, at: &mut Vec<String>, found: &mut Vec<Difference<'a>>) {
    match (old, new) {
        (Value::Object(a), Value::Object(b)) => {
            let mut keys: Vec<&String> = a.keys().chain(b.keys().filter(|key| !a.contains_key(*key))).collect();
            keys.sort();
            for key in keys {
                at.push(key.clone());
                match (a.get(key), b.get(key)) {
                    (Some(a), Some(b)) => differences(a, b, at, found),
                    (a, b) => found.push((at.clone(), a, b)),
                }
                at.pop();
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (index, (a, b)) in a.iter().zip(b).enumerate() {
                at.push(index.to_string());
                differences(a, b, at, found);
                at.pop();
            }
        }
        (a, b) if a == b => {}
        (a, b) => found.push((at.clone(), Some(a), Some(b))),
    }
}

fn yaml_paths(old: &Value, new: &Value, paths: &[String], kinds: &[String]) -> Result<(), String> {
    let mut found = Vec::new();
    differences(old, new, &mut Vec::new(), &mut found);
    if found.is_empty() {
        return Ok(());
    }
    let kind = old["kind"].as_str().unwrap_or_default();
    if !kinds.is_empty() && !kinds.iter().any(|wanted| wanted == kind) {
        return Err(format!("a document of kind {kind:?} changes, allowed is {}", kinds.join(", ")));
    }
    for (at, old, new) in found {
        let at = at.join(".");
        if !paths.contains(&at) {
            return Err(format!("{at} changes, allowed is {}", paths.join(", ")));
        }
        if !(old.is_some_and(Value::is_string) && new.is_some_and(Value::is_string)) {
            return Err(format!("{at} is no text before and after"));
        }
    }
    Ok(())
}

fn image_part(at: &[String], old: Option<&Value>, new: Option<&Value>, kustomization: bool) -> Result<(), String> {
    let place = at.join(".");
    let (Some(Value::String(old)), Some(Value::String(new))) = (old, new) else {
        return Err(format!("{place} changes and is no text before and after"));
    };
    let names: Vec<&str> = at.iter().map(String::as_str).collect();
    match names.as_slice() {
        [.., "image"] if name_of(old) == name_of(new) && is_reference(new) => Ok(()),
        [.., "image"] => Err(format!("{place} becomes another image: {new:?} instead of {old:?}")),
        ["images", _, "newTag"] if kustomization && is_word(new) => Ok(()),
        ["images", _, "digest"] if kustomization && new.starts_with("sha256:") && is_word(&new[7..]) => Ok(()),
        _ => Err(format!("{place} changes, allowed are only tags and digests of images")),
    }
}

/// The image's name without tag and digest.
fn name_of(image: &str) -> &str {
    let image = image.split('@').next().unwrap_or_default();
    match image.rfind(':') {
        Some(colon) if !image[colon..].contains('/') => &image[..colon],
        _ => image,
    }
}

/// Whether what follows the name is a tag, a digest or both. An image without either floats and is refused.
fn is_reference(image: &str) -> bool {
    let rest = &image[name_of(image).len()..];
    let (tag, digest) = rest.split_once('@').map_or((rest, None), |(tag, digest)| (tag, Some(digest)));
    let tag_fits = tag.is_empty() || tag.strip_prefix(':').is_some_and(is_word);
    let digest_fits = digest.is_none_or(|digest| digest.strip_prefix("sha256:").is_some_and(is_word));
    tag_fits && digest_fits && !rest.is_empty()
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.len() <= 128 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}
