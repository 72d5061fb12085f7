//! Whether the server lives and is ready, whole and check by check (AS `pkg/server/healthz/healthz.go`).

use axum::response::{IntoResponse as _, Response};
use http::{StatusCode, header};

use crate::request::Query;

const ENDPOINTS: &[&str] = &["healthz", "livez", "readyz"];
/// The names under which Kubernetes checks what this server has: that it answers, writes its log and reaches its store. A
/// server that answers has all of them, for its store is in the same process.
const CHECKS: &[&str] = &["ping", "log", "etcd"];

/// Answers a path of health; `None` for others.
pub(crate) fn answer(path: &str, query: &Query) -> Option<Response> {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let (endpoint, check) = match parts[..] {
        [endpoint] => (endpoint, None),
        [endpoint, check] => (endpoint, Some(check)),
        _ => return None,
    };
    if !ENDPOINTS.contains(&endpoint) || check.is_some_and(|check| !CHECKS.contains(&check)) {
        return None;
    }
    let body = if check.is_none() && query.has("verbose") { verbose(endpoint, query.all("exclude")) } else { "ok".to_owned() };
    let headers = [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CACHE_CONTROL, "no-cache, private")];
    Some((StatusCode::OK, headers, [("x-content-type-options", "nosniff")], body).into_response())
}

fn verbose(endpoint: &str, excluded: &[String]) -> String {
    let mut text = String::new();
    for check in CHECKS {
        text += &if excluded.iter().any(|one| one == check) { format!("[+]{check} excluded: ok\n") } else { format!("[+]{check} ok\n") };
    }
    let mut unknown: Vec<String> = excluded.iter().filter(|one| !CHECKS.contains(&one.as_str())).map(|one| format!("{one:?}")).collect();
    if !unknown.is_empty() {
        unknown.sort_unstable();
        text += &format!("warn: some health checks cannot be excluded: no matches for {}\n", unknown.join(","));
    }
    text + &format!("{endpoint} check passed\n")
}

/// Lists the paths of health.
pub(crate) fn paths() -> Vec<String> {
    let one = |endpoint: &str| {
        let checks = CHECKS.iter().map(|check| format!("/{endpoint}/{check}"));
        std::iter::once(format!("/{endpoint}")).chain(checks).collect::<Vec<_>>()
    };
    ENDPOINTS.iter().flat_map(|endpoint| one(endpoint)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_are_told_one_by_one() {
        assert_eq!(verbose("livez", &["log".to_owned()]), "[+]ping ok\n[+]log excluded: ok\n[+]etcd ok\nlivez check passed\n");
        let text = verbose("readyz", &["b".to_owned(), "a".to_owned()]);
        assert!(text.contains("warn: some health checks cannot be excluded: no matches for \"a\",\"b\"\n"), "{text}");
    }
}
