//! Names of images, as far as the server looks into them: whether one names the newest.
//! Follows kubernetes `pkg/util/parsers/parsers.go` and distribution/reference `normalize.go`.

/// So long a name may be without tag and digest.
const LONGEST: usize = 255;

/// Returns when an image is pulled if nothing is said: always the newest, and what is no name is not pulled anew.
pub(crate) fn pull_policy(image: &str) -> &'static str {
    if tag(image) == Some("latest") { "Always" } else { "IfNotPresent" }
}

/// Returns the tag of an image, `latest` when it says neither tag nor digest, empty when it says only a digest.
fn tag(image: &str) -> Option<&str> {
    let is_id = image.len() == 64 && image.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let (name, digest) = image.split_once('@').map_or((image, None), |(name, digest)| (name, Some(digest)));
    let (domain, rest) = domain(name);
    let (path, tag) = rest.split_once(':').map_or((rest, None), |(path, tag)| (path, Some(tag)));
    let right = !is_id
        && domain.is_none_or(is_domain)
        && path.split('/').all(is_path_part)
        && length(domain, path) <= LONGEST
        && tag.is_none_or(is_tag)
        && digest.is_none_or(is_digest);
    right.then(|| tag.unwrap_or(if digest.is_some() { "" } else { "latest" }))
}

/// Returns the length of the whole name: what names no registry is Docker's, and without a folder in its library.
fn length(domain: Option<&str>, path: &str) -> usize {
    let domain = domain.unwrap_or("docker.io");
    let library = if matches!(domain, "docker.io" | "index.docker.io") && !path.contains('/') { "library/".len() } else { 0 };
    domain.len() + 1 + library + path.len()
}

/// What stands before the first slash is a registry when it looks like one.
fn domain(name: &str) -> (Option<&str>, &str) {
    match name.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" || first.to_lowercase() != first => (Some(first), rest),
        _ => (None, name),
    }
}

fn is_domain(domain: &str) -> bool {
    let number = |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    if let Some(rest) = domain.strip_prefix('[') {
        let Some((address, port)) = rest.split_once(']') else { return false };
        let hex = address.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b':') && !address.is_empty();
        return hex && (port.is_empty() || port.strip_prefix(':').is_some_and(number));
    }
    let (host, port) = domain.split_once(':').map_or((domain, None), |(host, port)| (host, Some(port)));
    let part = |part: &str| {
        let inside = part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        inside && !part.is_empty() && !part.starts_with('-') && !part.ends_with('-')
    };
    host.split('.').all(part) && port.is_none_or(number)
}

/// Small letters and digits, parted by one dot, one or two underscores, or hyphens.
fn is_path_part(part: &str) -> bool {
    let letter = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    let separators = part.split(letter).filter(|between| !between.is_empty());
    let right = |between: &str| matches!(between, "." | "_" | "__") || between.bytes().all(|byte| byte == b'-');
    part.starts_with(letter) && part.ends_with(letter) && separators.into_iter().all(right)
}

fn is_tag(tag: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let inside = |byte: u8| word(byte) || matches!(byte, b'.' | b'-');
    (1..=128).contains(&tag.len()) && tag.bytes().all(inside) && tag.bytes().next().is_some_and(word)
}

fn is_digest(digest: &str) -> bool {
    let Some((algorithm, hex)) = digest.split_once(':') else { return false };
    let known = match algorithm {
        "sha256" => hex.len() == 64,
        "sha384" => hex.len() == 96,
        "sha512" => hex.len() == 128,
        _ => false,
    };
    known && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_names_the_newest_is_pulled_always() {
        let digest = format!("a@sha256:{}", "0".repeat(64));
        for image in ["a", "a:latest", "docker.io/a/b", "localhost:5000/a", "a__b/c.d-e", "[::1]:80/a", "REGISTRY/a"] {
            assert_eq!(pull_policy(image), "Always", "{image}");
        }
        for image in
            ["a:1", "Foo", "a b", "", "a..b", "a:", "/a", "a/", "-a", "x_", "a:-", digest.as_str(), &"0".repeat(64), &"x".repeat(238)]
        {
            assert_eq!(pull_policy(image), "IfNotPresent", "{image}");
        }
    }
}
