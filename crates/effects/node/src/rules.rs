//! The rules that a test can set for what a simulated Pod does. Read first: [`Rule`], [`rule_of`].

use std::time::Duration;

use serde_json::Value;

/// The annotation of a Pod that sets a rule for all its containers.
pub(crate) const ANNOTATION: &str = "supercargo.dev/simulate";
/// The variable of a container, or of its image, that sets a rule for it alone.
pub(crate) const VARIABLE: &str = "SUPERCARGO_SIMULATE";
/// All rules, for whoever wrote another.
const RULES: &str = "run, slow=DURATION, not-ready, crash-loop, image-missing, unschedulable, exit=CODE, exit=CODE after DURATION";
/// What a simulated container does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Rule {
    /// It runs and is ready.
    Run,
    /// It is ready only after a while.
    Slow(Duration),
    /// It runs and is never ready.
    NotReady,
    /// It ends with exit code 1 as soon as it is started.
    CrashLoop,
    /// Its image is not in the registry.
    ImageMissing,
    /// No node takes its Pod.
    Unschedulable,
    /// It ends by itself.
    Exit { code: i32, after: Duration },
}

impl Rule {
    /// Reads a rule; the error names them all.
    pub fn parse(text: &str) -> Result<Self, String> {
        let unknown = || format!("{text:?} is no rule of the simulation; the rules are: {RULES}");
        let duration = |text: &str| golang::parse_duration(text).map_err(|error| format!("{}: {error}", unknown()));
        let (name, value) = text.trim().split_once('=').map_or((text.trim(), None), |(name, value)| (name, Some(value)));
        match (name, value) {
            ("run", None) => Ok(Self::Run),
            ("not-ready", None) => Ok(Self::NotReady),
            ("crash-loop", None) => Ok(Self::CrashLoop),
            ("image-missing", None) => Ok(Self::ImageMissing),
            ("unschedulable", None) => Ok(Self::Unschedulable),
            ("slow", Some(value)) => Ok(Self::Slow(duration(value.trim())?)),
            ("exit", Some(value)) => {
                let (code, after) = value.split_once(" after ").map_or((value, "0s"), |(code, after)| (code, after));
                let code: u8 = code.trim().parse().map_err(|_| unknown())?;
                Ok(Self::Exit { code: code.into(), after: duration(after.trim())? })
            }
            _ => Err(unknown()),
        }
    }

    /// Tells whether its containers end by themselves.
    pub fn ends(&self) -> bool {
        matches!(self, Self::CrashLoop | Self::Exit { .. })
    }
}

/// Returns the rule that a Pod or one of its containers sets, without what the image says: the Pod's goes first.
pub(crate) fn rule_of<'a>(pod: &'a Value, container: &'a Value) -> Option<&'a str> {
    let variable = || {
        let mut variables = container["env"].as_array().into_iter().flatten();
        variables.find(|variable| variable["name"] == VARIABLE).and_then(|variable| variable["value"].as_str())
    };
    api::annotation(pod, ANNOTATION).or_else(variable).filter(|rule| !rule.is_empty())
}

/// All rules that a Pod sets, to be compared with those of before.
pub(crate) fn rules_of(pod: &Value) -> Vec<&str> {
    pod["spec"]["containers"].as_array().into_iter().flatten().filter_map(|container| rule_of(pod, container)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    #[test]
    fn what_is_no_rule_is_refused_with_the_list() {
        let refuse = |rule: &str, wanted: Expect| wanted.assert_eq(&Rule::parse(rule).expect_err("no rule"));
        refuse(
            "slw=3s",
            expect![[
                r#""slw=3s" is no rule of the simulation; the rules are: run, slow=DURATION, not-ready, crash-loop, image-missing, unschedulable, exit=CODE, exit=CODE after DURATION"#
            ]],
        );
        refuse(
            "slow=3",
            expect![[
                r#""slow=3" is no rule of the simulation; the rules are: run, slow=DURATION, not-ready, crash-loop, image-missing, unschedulable, exit=CODE, exit=CODE after DURATION: "3" is no duration: expected a form like 1h30m, 10s or 500ms"#
            ]],
        );
        refuse(
            "exit=300",
            expect![[
                r#""exit=300" is no rule of the simulation; the rules are: run, slow=DURATION, not-ready, crash-loop, image-missing, unschedulable, exit=CODE, exit=CODE after DURATION"#
            ]],
        );
    }

    #[test]
    fn rules_are_read() {
        for (text, rule) in [
            ("run", Rule::Run),
            (" not-ready ", Rule::NotReady),
            ("slow=1m30s", Rule::Slow(Duration::from_secs(90))),
            ("exit=3", Rule::Exit { code: 3, after: Duration::ZERO }),
            ("exit=0 after 5s", Rule::Exit { code: 0, after: Duration::from_secs(5) }),
        ] {
            assert_eq!(Rule::parse(text), Ok(rule), "{text}");
        }
    }

    #[test]
    fn the_rule_of_the_pod_goes_before_that_of_a_container() {
        let mut pod = serde_json::json!({"spec": {"containers": [{"env": [{"name": VARIABLE, "value": "not-ready"}]}, {}]}});
        assert_eq!(rules_of(&pod), ["not-ready"]);
        pod["metadata"]["annotations"][ANNOTATION] = "run".into();
        assert_eq!(rules_of(&pod), ["run", "run"]);
    }
}
