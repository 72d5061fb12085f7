//! Addresses in one form, so that two ways to write a repository are one. Source: akuity/kargo pkg/urls.

/// Returns a Git address in one form: small letters, no user in HTTP, no `.git` and slash at the end, scp's form as ssh.
pub fn normalize_git(address: &str) -> String {
    let clean = sanitized(&address.to_lowercase());
    if clean.contains('?') {
        return address.to_owned();
    }
    let end = |path: &str| {
        let path = path.strip_suffix('/').unwrap_or(path);
        path.strip_suffix(".git").unwrap_or(path).to_owned()
    };
    if let Some((scheme, rest)) = clean.split_once("://") {
        let (host, path) = rest.split_once('/').map_or((rest, String::new()), |(host, path)| (host, format!("/{path}")));
        return match scheme {
            "http" | "https" => format!("{scheme}://{}{}", host.rsplit('@').next().unwrap_or(host), end(&path)),
            "ssh" => format!("ssh://{host}{}", end(&path)),
            _ => address.to_owned(),
        };
    }
    let (host, path) = clean.split_once(':').map_or((clean.as_str(), ""), |(host, path)| (host, path));
    let word = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    let (user, name) = host.split_once('@').map_or((None, host), |(user, name)| (Some(user), name));
    if !user.is_none_or(word) || !name.split('.').all(word) {
        return address.to_owned();
    }
    let path = end(path);
    if path.is_empty() { format!("ssh://{host}") } else { format!("ssh://{host}/{path}") }
}

/// Returns an image address in one form: without tag and digest, Docker Hub's short names without its host.
pub fn normalize_image(address: &str) -> String {
    let clean = sanitized(&address.to_lowercase());
    let name = clean.split('@').next().unwrap_or_default();
    let name = match name.rsplit_once(':') {
        Some((before, tag)) if !tag.contains('/') => before,
        _ => name,
    };
    let (host, path) = match name.split_once('/') {
        Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => (host, path),
        _ => ("index.docker.io", name),
    };
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '/' | '-' | '_' | '.');
    if path.len() < 2 || !path.chars().all(fits) {
        return address.to_owned();
    }
    if matches!(host, "index.docker.io" | "registry-1.docker.io" | "docker.io") {
        return path.strip_prefix("library/").unwrap_or(path).to_owned();
    }
    format!("{host}/{path}")
}

fn sanitized(address: &str) -> String {
    let kept: String = address.chars().filter(|c| !c.is_control()).collect();
    kept.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_one_form() {
        for (address, form) in [
            ("https://User:pw@Git.example.com/Org/Repo.git/", "https://git.example.com/org/repo"),
            ("https://git.example.com/org/repo?x=1", "https://git.example.com/org/repo?x=1"),
            ("git@github.com:Org/Repo.git", "ssh://git@github.com/org/repo"),
            ("ssh://git@github.com/org/repo.git", "ssh://git@github.com/org/repo"),
            ("github.com", "ssh://github.com"),
        ] {
            assert_eq!(normalize_git(address), form);
        }
        for (address, form) in [
            ("nginx", "nginx"),
            ("docker.io/library/nginx:1.2", "nginx"),
            ("ghcr.io/Org/App@sha256:aa", "ghcr.io/org/app"),
            ("localhost:5000/app:v1", "localhost:5000/app"),
        ] {
            assert_eq!(normalize_image(address), form);
        }
    }
}
