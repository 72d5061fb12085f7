/// Matches a path against a pattern in which `*` stands for anything but a slash, `**` for anything, `?` for one character
/// but a slash. The pattern covers the whole path.
pub fn glob(pattern: &str, path: &str) -> bool {
    matches(pattern.as_bytes(), path.as_bytes())
}

fn matches(pattern: &[u8], path: &[u8]) -> bool {
    // Where to come back to: the pattern behind the last star and the path position it was tried at.
    let (mut p, mut s) = (0, 0);
    let (mut single, mut double): (Option<(usize, usize)>, Option<(usize, usize)>) = (None, None);
    loop {
        if pattern[p..].starts_with(b"**") {
            p += 2;
            // `**/` also stands for no folder at all.
            if pattern.get(p) == Some(&b'/') && (p == 2 || pattern[p - 3] == b'/') && matches(&pattern[p + 1..], &path[s..]) {
                return true;
            }
            double = Some((p, s));
            single = None;
            continue;
        }
        match (pattern.get(p), path.get(s)) {
            (None, None) => return true,
            (Some(b'*'), _) => {
                p += 1;
                single = Some((p, s));
                continue;
            }
            (Some(b'?'), Some(c)) if *c != b'/' => {
                p += 1;
                s += 1;
                continue;
            }
            (Some(a), Some(b)) if a == b => {
                p += 1;
                s += 1;
                continue;
            }
            _ => {}
        }
        if let Some((back, at)) = single
            && path.get(at).is_some_and(|c| *c != b'/')
        {
            single = Some((back, at + 1));
            (p, s) = (back, at + 1);
        } else if let Some((back, at)) = double
            && at < path.len()
        {
            double = Some((back, at + 1));
            single = None;
            (p, s) = (back, at + 1);
        } else {
            return false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stop_at_slashes() {
        for (pattern, path, expected) in [
            ("apps/**", "apps/myapp/base/deployment.yaml", true),
            ("apps/**", "apps", false),
            ("apps/*", "apps/a/b", false),
            ("**/x.yaml", "x.yaml", true),
            ("**/x.yaml", "a/b/x.yaml", true),
            ("a/**/c", "a/c", true),
            ("a/**/c", "a/b/b/c", true),
            ("*.yml", "a.yml", true),
            ("*.yml", "a/b.yml", false),
            ("registry.internal/**", "registry.internal/myapp", true),
            ("v?", "v1", true),
            ("clusters/prod/*.yaml", "clusters/prod/myapp.yaml", true),
            ("*a*b", "xxaxxbxxb", true),
        ] {
            assert_eq!(glob(pattern, path), expected, "{pattern} {path}");
        }
    }
}
