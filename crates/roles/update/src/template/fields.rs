//! Which fields templates know. Read first: [`known`].

use serde_json::{Map, Value};

use super::Js;

/// Fields of an update.
const FIELDS: [&str; 88] = [
    "baseBranch",
    "body",
    "categories",
    "currentDigest",
    "currentDigestShort",
    "currentValue",
    "currentVersion",
    "currentVersionAgeInDays",
    "currentVersionTimestamp",
    "datasource",
    "depName",
    "depNameLinked",
    "depNameSanitized",
    "depType",
    "depTypes",
    "displayFrom",
    "displayPending",
    "displayTo",
    "hasReleaseNotes",
    "indentation",
    "isGroup",
    "isLockfileUpdate",
    "isMajor",
    "isMinor",
    "isPatch",
    "isPin",
    "isPinDigest",
    "isRange",
    "isReplacement",
    "isRollback",
    "isSingleVersion",
    "isVulnerabilityAlert",
    "logJSON",
    "major",
    "manager",
    "minor",
    "newDigest",
    "newDigestShort",
    "newMajor",
    "newMinor",
    "newName",
    "newNameLinked",
    "newPatch",
    "newValue",
    "newVersion",
    "newVersionAgeInDays",
    "packageFile",
    "packageFileDir",
    "packageName",
    "packageScope",
    "parentDir",
    "parentOrg",
    "patch",
    "platform",
    "prettyDepType",
    "prettyNewMajor",
    "prettyNewVersion",
    "project",
    "recreateClosed",
    "references",
    "releaseNotes",
    "releaseTimestamp",
    "releases",
    "renovateVersion",
    "repository",
    "semanticPrefix",
    "sourceRepo",
    "sourceRepoName",
    "sourceRepoOrg",
    "sourceRepoSlug",
    "sourceUrl",
    "topLevelOrg",
    "updateType",
    "upgrades",
    "url",
    "version",
    "versioning",
    "versions",
    "vulnerabilitySeverity",
    "gitAuthor",
    "group",
    "groupName",
    "groupSlug",
    "labels",
    "addLabels",
    "allowedVersions",
    "sourceDirectory",
    "env",
];

/// Options whose values templates may use.
const OPTIONS: [&str; 20] = [
    "additionalBranchPrefix",
    "branchName",
    "branchPrefix",
    "branchTopic",
    "commitBody",
    "commitMessage",
    "commitMessageAction",
    "commitMessageExtra",
    "commitMessagePrefix",
    "commitMessageSuffix",
    "commitMessageTopic",
    "prBodyColumns",
    "prBodyDefinitions",
    "prBodyNotes",
    "prTitle",
    "semanticCommitScope",
    "semanticCommitType",
    "separateMajorMinor",
    "separateMinorPatch",
    "separateMultipleMinor",
];

/// Maps that may hold any name.
const FREE: [&str; 2] = ["env", "prBodyDefinitions"];

/// Deeper ones are cut off.
const DEPTH: usize = 30;

/// Returns the fields that templates know, at every depth.
pub(super) fn known(input: &Value) -> Js {
    filtered(input, DEPTH)
}

fn filtered(value: &Value, depth: usize) -> Js {
    match value {
        Value::Object(_) | Value::Array(_) if depth == 0 => Js::Undefined,
        Value::Object(map) => object(map, depth),
        Value::Array(items) => Js::List(items.iter().map(|item| filtered(item, depth - 1)).collect()),
        other => Js::from(other),
    }
}

fn object(map: &Map<String, Value>, depth: usize) -> Js {
    let known = |key: &str| FIELDS.contains(&key) || OPTIONS.contains(&key);
    let fields = map.iter().filter(|(key, _)| known(key)).map(|(key, value)| {
        let free = FREE.contains(&key.as_str());
        (key.clone(), if free { Js::from(value) } else { filtered(value, depth - 1) })
    });
    Js::Map(fields.collect())
}
