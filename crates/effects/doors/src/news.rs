//! Webhooks of forges and notifications of registries: what they say happened.

use serde_json::Value;

/// Something that happened at a forge or a registry. It only says where to look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// A ref of a repository moved.
    Pushed {
        /// Clone URL without `.git`.
        repository: String,
        /// `refs/heads/main`, …
        name: String,
    },
    /// Something else changed at a forge.
    Forge {
        /// Clone URL without `.git`.
        repository: String,
        /// `status`, `pull_request`, …
        event: String,
        /// What happened to it: `opened`, `queued`, …; empty where the event has no such word.
        action: String,
    },
    /// A manifest came to a registry.
    Tagged {
        /// `host/name`.
        repository: String,
        /// The tag; empty for a push by digest, and for what is kept under a tag beside something else, such as a signature.
        tag: String,
        /// The manifest's digest.
        digest: String,
        /// Who pushed.
        by: String,
    },
}

/// Reads a forge's webhook; `root` is the forge's name, such as `https://gitea.internal`.
pub fn of_forge(root: &str, event: &str, body: &[u8]) -> Option<News> {
    let payload: Value = serde_json::from_slice(body).ok()?;
    let repository = format!("{}/{}", root.trim_end_matches('/'), payload["repository"]["full_name"].as_str()?);
    Some(match event {
        "push" => News::Pushed { repository, name: payload["ref"].as_str()?.to_owned() },
        event => News::Forge { repository, event: event.to_owned(), action: payload["action"].as_str().unwrap_or_default().to_owned() },
    })
}

/// Reads a registry's notification; `host` is the registry's name.
pub fn of_registry(host: &str, body: &[u8]) -> Vec<News> {
    let payload: Value = serde_json::from_slice(body).unwrap_or_default();
    let events = payload["events"].as_array();
    let read = |event: &Value| {
        let target = &event["target"];
        let repository = format!("{host}/{}", target["repository"].as_str()?);
        (event["action"] == "push").then(|| News::Tagged {
            repository,
            tag: target["tag"].as_str().filter(|tag| !oci::is_attachment(tag)).unwrap_or_default().to_owned(),
            digest: target["digest"].as_str().unwrap_or_default().to_owned(),
            by: event["actor"]["name"].as_str().unwrap_or_default().to_owned(),
        })
    };
    events.into_iter().flatten().filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_are_read() {
        let push = br#"{"ref":"refs/heads/main","repository":{"full_name":"org/deployment"}}"#;
        let repository = "https://gitea.internal/org/deployment".to_owned();
        assert_eq!(
            of_forge("https://gitea.internal/", "push", push),
            Some(News::Pushed { repository: repository.clone(), name: "refs/heads/main".into() })
        );
        let pull = br#"{"action":"opened","repository":{"full_name":"org/deployment"}}"#;
        assert_eq!(
            of_forge("https://gitea.internal", "pull_request", pull),
            Some(News::Forge { repository, event: "pull_request".into(), action: "opened".into() })
        );
        assert_eq!(of_forge("https://gitea.internal", "push", b"no"), None);
        let pushed = br#"{"events":[{"action":"push","actor":{"name":"ci"},"target":{"repository":"a/b","tag":"1","digest":"d"}},{"action":"pull","target":{"repository":"a/b"}}]}"#;
        assert_eq!(
            of_registry("r", pushed),
            [News::Tagged { repository: "r/a/b".into(), tag: "1".into(), digest: "d".into(), by: "ci".into() }]
        );
    }
}
