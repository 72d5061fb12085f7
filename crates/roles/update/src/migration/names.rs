//! Names that have changed, as tables. Read first: [`RENAMED`].

use serde_json::{Value, json};

/// Options under another name than today.
pub(super) const RENAMED: [(&str, &str); 21] = [
    ("aliases", "registryAliases"),
    ("allowedPostUpgradeCommands", "allowedCommands"),
    ("azureAutoApprove", "autoApprove"),
    ("baseBranches", "baseBranchPatterns"),
    ("customChangelogUrl", "changelogUrl"),
    ("endpoints", "hostRules"),
    ("excludedPackageNames", "excludePackageNames"),
    ("exposeEnv", "exposeAllEnv"),
    ("lookupNameTemplate", "packageNameTemplate"),
    ("managerBranchPrefix", "additionalBranchPrefix"),
    ("masterIssue", "dependencyDashboard"),
    ("masterIssueApproval", "dependencyDashboardApproval"),
    ("masterIssueAutoclose", "dependencyDashboardAutoclose"),
    ("masterIssueFooter", "dependencyDashboardFooter"),
    ("masterIssueHeader", "dependencyDashboardHeader"),
    ("masterIssueLabels", "dependencyDashboardLabels"),
    ("masterIssueTitle", "dependencyDashboardTitle"),
    ("multipleMajorPrs", "separateMultipleMajor"),
    ("regexManagers", "customManagers"),
    ("separatePatchReleases", "separateMinorPatch"),
    ("versionScheme", "versioning"),
];

/// Options that do nothing any more.
pub(super) const REMOVED: [&str; 19] = [
    "allowCommandTemplating",
    "allowPostUpgradeCommandTemplating",
    "deepExtract",
    "gitFs",
    "groupBranchName",
    "groupCommitMessage",
    "groupPrBody",
    "groupPrTitle",
    "lazyGrouping",
    "maintainYarnLock",
    "raiseDeprecationWarnings",
    "statusCheckVerify",
    "supportPolicy",
    "transitiveRemediation",
    "yarnCacheFolder",
    "yarnMaintenanceBranchName",
    "yarnMaintenanceCommitMessage",
    "yarnMaintenancePrBody",
    "yarnMaintenancePrTitle",
];

/// Languages that once had settings of their own.
pub(super) const LANGUAGES: [&str; 10] = ["docker", "dotnet", "golang", "java", "js", "node", "php", "python", "ruby", "rust"];

/// Presets under another name than today; those without one are gone.
pub(super) const PRESETS: [(&str, Option<&str>); 17] = [
    (":automergeBranchMergeCommit", Some(":automergeBranch")),
    (":automergeBranchPush", Some(":automergeBranch")),
    (":base", Some("config:recommended")),
    (":disableLockFiles", Some(":skipArtifactsUpdate")),
    (":masterIssue", Some(":dependencyDashboard")),
    (":masterIssueApproval", Some(":dependencyDashboardApproval")),
    ("compatibility:additionalBranchPrefix", None),
    ("config:base", Some("config:recommended")),
    ("config:base-js", Some("config:recommended")),
    ("default:automergeBranchMergeCommit", Some(":automergeBranch")),
    ("default:automergeBranchPush", Some(":automergeBranch")),
    ("default:base", Some("config:recommended")),
    ("group:kubernetes", Some("group:kubernetesMonorepo")),
    ("helpers:oddIsUnstable", None),
    ("helpers:oddIsUnstablePackages", None),
    ("regexManagers:dockerfileVersions", Some("customManagers:dockerfileVersions")),
    ("regexManagers:githubActionsVersions", Some("customManagers:githubActionsVersions")),
];

/// Flags that were once given as texts.
const FLAGS: [&str; 16] = [
    "automerge",
    "branchNameStrict",
    "dependencyDashboard",
    "dependencyDashboardApproval",
    "enabled",
    "ignoreTests",
    "ignoreUnstable",
    "pinDigests",
    "platformAutomerge",
    "respectLatest",
    "rollbackPrs",
    "separateMajorMinor",
    "separateMinorPatch",
    "separateMultipleMajor",
    "separateMultipleMinor",
    "updateNotScheduled",
];

/// Maps that a flag once switched on and off.
const BLOCKS: [&str; 22] = [
    "argocd",
    "digest",
    "docker-compose",
    "dockerfile",
    "flux",
    "github-actions",
    "gitlabci",
    "helm-values",
    "helmfile",
    "helmv3",
    "kubernetes",
    "kustomize",
    "lockFileMaintenance",
    "major",
    "minor",
    "patch",
    "pin",
    "pinDigest",
    "replacement",
    "rollback",
    "terraform",
    "vulnerabilityAlerts",
];

/// Names of fields in templates, in their order: the longer ones first.
const FIELDS: [(&str, &str); 9] = [
    ("{{baseDir}}", "{{packageFileDir}}"),
    ("{{lookupName}}", "{{packageName}}"),
    ("{{depNameShort}}", "{{depName}}"),
    ("fromVersion", "currentVersion"),
    ("newValueMajor", "newMajor"),
    ("newValueMinor", "newMinor"),
    ("newVersionMajor", "newMajor"),
    ("newVersionMinor", "newMinor"),
    ("toVersion", "newVersion"),
];

/// Turns a value into today's form.
pub(super) fn value(key: &str, value: Value) -> Value {
    match value {
        Value::String(text) if FLAGS.contains(&key) && (text == "true" || text == "false") => (text == "true").into(),
        Value::String(text) => FIELDS.iter().fold(text, |text, (old, new)| text.replace(old, new)).into(),
        Value::Bool(enabled) if BLOCKS.contains(&key) => json!({ "enabled": enabled }),
        other => other,
    }
}
