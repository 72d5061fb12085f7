//! Renovate's list matchers: `*`, globs as minimatch has them, `/regular expressions/`, and `!` in front of either.
//! Read first: [`Patterns`].

use golang::regexp;
use regex::Regex;

/// Most alternatives that braces may unfold to.
const ALTERNATIVES: usize = 256;

/// A list of patterns: with positive ones at least one has to match, and no negative one may.
#[derive(Debug, Clone, Default)]
pub(crate) struct Patterns(Vec<Pattern>);

/// One pattern.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    negative: bool,
    /// `None` matches everything.
    any_of: Option<Vec<Regex>>,
}

impl Patterns {
    pub(crate) fn parse(texts: &[String]) -> Result<Self, String> {
        texts.iter().map(|text| Pattern::parse(text)).collect::<Result<_, _>>().map(Self)
    }

    /// An empty list matches nothing.
    pub(crate) fn match_text(&self, text: &str) -> bool {
        let positive = || self.0.iter().filter(|pattern| !pattern.negative);
        let negative = self.0.iter().filter(|pattern| pattern.negative);
        !self.0.is_empty()
            && (positive().next().is_none() || positive().any(|pattern| pattern.finds(text)))
            && !negative.into_iter().any(|pattern| pattern.finds(text))
    }

    /// Tells whether any pattern by itself matches.
    pub(crate) fn any(&self, text: &str) -> bool {
        self.0.iter().any(|pattern| pattern.finds(text) != pattern.negative)
    }
}

impl Pattern {
    fn parse(text: &str) -> Result<Self, String> {
        let (negative, body) = text.strip_prefix('!').map_or((false, text), |body| (true, body));
        if body == "*" {
            return Ok(Self { negative, any_of: None });
        }
        if let Some(expression) = expression(body) {
            return Ok(Self { negative, any_of: Some(vec![expression?]) });
        }
        let globs = braces(body)?.iter().map(|glob| translate(glob)).collect::<Result<_, _>>()?;
        Ok(Self { negative, any_of: Some(globs) })
    }

    fn finds(&self, text: &str) -> bool {
        self.any_of.as_ref().is_none_or(|all| all.iter().any(|each| each.is_match(text)))
    }
}

/// Reads `/…/` and `/…/i`.
fn expression(text: &str) -> Option<Result<Regex, String>> {
    let body = text.strip_prefix('/')?;
    let (body, flag) = match (body.strip_suffix('/'), body.strip_suffix("/i")) {
        (Some(body), _) => (body, ""),
        (None, Some(body)) => (body, "(?i)"),
        (None, None) => return None,
    };
    // JavaScript's `\/` is a plain slash.
    Some(regexp(&format!("{flag}{}", body.replace("\\/", "/"))).map_err(|error| error.to_string()))
}

/// Unfolds `{a,b}`.
fn braces(glob: &str) -> Result<Vec<String>, String> {
    let mut open = vec![glob.to_owned()];
    let mut done = Vec::new();
    while let Some(text) = open.pop() {
        if open.len() + done.len() > ALTERNATIVES || text.len() > 2_000 {
            return Err(format!("{:?} unfolds to too much", glob.chars().take(100).collect::<String>()));
        }
        // The innermost pair first.
        let pair = text.find('}').and_then(|end| text[..end].rfind('{').map(|start| (start, end)));
        match pair {
            Some((start, end)) if text[start..end].contains(',') => {
                for part in text[start + 1..end].split(',') {
                    open.push(format!("{}{part}{}", &text[..start], &text[end + 1..]));
                }
            }
            Some(_) => return Err(format!("the braces of {glob:?} are not supported")),
            None => done.push(text),
        }
    }
    Ok(done)
}

/// Translates a glob: `**` covers whole folders only as a whole part, elsewhere it is `*`. Case does not count.
fn translate(glob: &str) -> Result<Regex, String> {
    if ["?(", "*(", "+(", "@(", "!("].iter().any(|start| glob.contains(start)) || glob.contains(['\\', '{', '}']) {
        return Err(format!("{glob:?} is not supported: only *, **, ?, [] and {{,}} are"));
    }
    let parts: Vec<&str> = glob.split('/').collect();
    let mut out = String::from("(?i)^");
    for (at, part) in parts.iter().enumerate() {
        let last = at + 1 == parts.len();
        match (*part, last) {
            ("**", false) => out.push_str("(?:[^/]+/)*"),
            ("**", true) => out.push_str(".+"),
            ("*", _) => out.push_str("[^/]+"),
            (part, _) => segment(part, &mut out)?,
        }
        if !last && *part != "**" {
            out.push('/');
        }
    }
    out.push('$');
    Regex::new(&out).map_err(|_| format!("{glob:?} is no pattern"))
}

fn segment(part: &str, out: &mut String) -> Result<(), String> {
    let mut characters = part.chars();
    while let Some(character) = characters.next() {
        match character {
            '*' => out.push_str("[^/]*"),
            '?' => out.push_str("[^/]"),
            '[' => {
                let class: String = characters.by_ref().take_while(|c| *c != ']').collect();
                let (negated, class) = class.strip_prefix(['!', '^']).map_or(("", class.as_str()), |class| ("^", class));
                if class.is_empty() || !class.chars().all(|c| c.is_alphanumeric() || "-_. ".contains(c)) {
                    return Err(format!("{part:?} is not supported: a class may hold letters, digits and ranges"));
                }
                out.push_str(&format!("[{negated}{class}]"));
            }
            other => out.push_str(&regex::escape(&other.to_string())),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_lists() {
        for (patterns, text, expected) in [
            (&["registry.internal/**"][..], "registry.internal/myapp", true),
            (&["registry.internal/**"], "Registry.Internal/team/MyApp", true),
            (&["registry.internal/**"], "registry.internal", false),
            (&["registry.internal/**"], "registry.internal:5000/x", false),
            (&["ghcr.io/akuity/kargo**"], "ghcr.io/akuity/kargo-x", true),
            (&["ghcr.io/akuity/kargo**"], "ghcr.io/akuity/kargo-charts/kargo", false),
            (&["apps/**/deployment.{yaml,yml}"], "apps/deployment.yml", true),
            (&["apps/*/base/*"], "apps/a/base/.hidden", true),
            (&["?pps/[a-c]*"], "apps/b1", true),
            (&["/^apps\\/.+\\.ya?ml$/"], "apps/x.yml", true),
            (&["/^APPS/"], "apps/x.yml", false),
            (&["/^APPS/i"], "apps/x.yml", true),
            (&["!apps/**"], "apps/x", false),
            (&["!apps/**"], "b/x", true),
            (&["*", "!/x$/"], "apps/x", false),
            (&[], "x", false),
        ] {
            let texts: Vec<String> = patterns.iter().map(|text| (*text).to_owned()).collect();
            assert_eq!(Patterns::parse(&texts).expect(text).match_text(text), expected, "{patterns:?} {text}");
        }
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for bad in ["/[/", "+(a|b)", "a{b", "[]", "a{1..3}", &"{a,b}".repeat(20)] {
            assert!(Pattern::parse(bad).is_err(), "{bad}");
        }
    }
}
