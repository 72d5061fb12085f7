//! Files of one volume that hide each other. Follows kubernetes `pkg/api/pod/warnings.go` `warningsForOverlappingVirtualPaths`.

use serde_json::{Value, json};

use super::super::faults::{list, set, text};
use super::Said;

/// So many files of a volume are looked at, and so much is told.
const MOST: usize = 1_000;

struct Place {
    path: String,
    source: String,
}

impl Place {
    fn shown(&self) -> String {
        let path = json!(self.path);
        if self.source.is_empty() { path.to_string() } else { format!("{path} ({})", self.source) }
    }

    /// Tells whether one is the other or a folder of it.
    fn meets(&self, other: &Self) -> bool {
        let within = |one: &str, folder: &str| one.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let (one, other) = (self.path.as_str(), other.path.as_str());
        !one.is_empty() && !other.is_empty() && (within(one, other) || within(other, one))
    }
}

/// Looks at the volumes of a spec.
pub(super) fn check(spec: &Value, said: &mut Said) {
    for volume in list(spec, "volumes") {
        for (kind, word, name) in
            [("configMap", "ConfigMap", "name"), ("secret", "Secret", "secretName"), ("downwardAPI", "DownwardAPI", "")]
        {
            let Some(source) = set(volume, kind) else { continue };
            let what = if name.is_empty() { word.to_owned() } else { format!("{word} {}", json!(text(source, name))) };
            overlapping(volume, &what, items(source, ""), said);
        }
        if let Some(projected) = set(volume, "projected") {
            self::projected(volume, projected, said);
        }
    }
}

fn projected(volume: &Value, projected: &Value, said: &mut Said) {
    let mut all = Vec::new();
    for source in list(projected, "sources") {
        if source.as_object().is_some_and(serde_json::Map::is_empty) {
            said.push(format!("volume {} (Projected) has no sources provided", json!(text(volume, "name"))));
        }
        all.extend(of(source));
    }
    overlapping(volume, "Projected", all, said);
}

/// Returns the files that a source gives to a projected volume.
fn of(source: &Value) -> Vec<Place> {
    let named = |word: &str, inner: &Value| format!("{word} {}", json!(text(inner, "name")));
    for (kind, word) in [("configMap", "ConfigMap"), ("secret", "Secret"), ("downwardAPI", "DownwardAPI")] {
        if let Some(inner) = set(source, kind).filter(|inner| !list(inner, "items").is_empty()) {
            return items(inner, &if kind == "downwardAPI" { word.to_owned() } else { named(word, inner) });
        }
    }
    match set(source, "serviceAccountToken") {
        Some(token) => vec![place(text(token, "path"), "ServiceAccountToken")],
        None => Vec::new(),
    }
}

fn items(source: &Value, from: &str) -> Vec<Place> {
    list(source, "items").iter().map(|item| place(text(item, "path"), from)).collect()
}

fn place(path: &str, source: &str) -> Place {
    Place { path: path.trim_end_matches('/').to_owned(), source: source.to_owned() }
}

fn overlapping(volume: &Value, what: &str, mut places: Vec<Place>, said: &mut Said) {
    let name = json!(text(volume, "name"));
    // Each is compared with each: of very many the first will do.
    places.truncate(MOST);
    for (index, place) in places.iter().enumerate() {
        let room = MOST.saturating_sub(said.len());
        for other in places[..index].iter().filter(|other| place.meets(other)).take(room) {
            said.push(format!("volume {name} ({what}): overlapping paths: {} with {}", place.shown(), other.shown()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_very_many_files_the_first_are_told_of() {
        let told = |count: usize| {
            let items = vec![json!({"path": "a/"}); count];
            let mut said = Said::new();
            check(&json!({"volumes": [{"name": "v", "secret": {"secretName": "s", "items": items}}]}), &mut said);
            (said.len(), said.pop().unwrap_or_default())
        };
        assert_eq!(told(1), (0, String::new()));
        assert_eq!(told(2), (1, r#"volume "v" (Secret "s"): overlapping paths: "a" with "a""#.to_owned()));
        assert_eq!(told(20_000).0, MOST);
    }
}
