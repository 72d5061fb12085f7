//! The article's repository, pass by pass: a role that decides, a world that answers and does what is wanted.

mod world;

use expect_test::{Expect, expect};
use update::Combined;
use world::World;

const FILE: &str = "apps/myapp/base/deployment.yaml";
const MINOR: &str = "renovate/registry.internal-myapp-1.x";
const MAJOR: &str = "renovate/registry.internal-myapp-2.x";

const ARTICLE: &str = r#"{
  "$schema": "https://docs.renovatebot.com/renovate-schema.json",
  "extends": ["config:recommended"],
  "kubernetes": { "fileMatch": ["apps/.+\\.ya?ml$"] },
  "packageRules": [
    {"description": "own", "matchFileNames": ["apps/**"], "matchPackageNames": ["registry.internal/**"], "matchUpdateTypes": ["patch", "minor"],
      "automerge": true, "automergeType": "branch", "platformAutomerge": true},
    {"matchFileNames": ["apps/**"], "matchPackageNames": ["registry.internal/**"], "matchUpdateTypes": ["major"], "automerge": false},
    {"matchFileNames": ["clusters/**"], "enabled": false},
    {"matchPackageNames": ["fluxcd/**", "ghcr.io/akuity/kargo**", "renovate/**"], "automerge": false, "minimumReleaseAge": "7 days",
      "reviewers": ["team:platform-engineering"]}
  ]
}"#;

fn deployment(image: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nspec:\n  template:\n    spec:\n      containers:\n        - name: app\n          image: {image} # here\n"
    )
}

fn world(config: &str, tags: &[&str]) -> World {
    let pointer = deployment("registry.internal/myapp:1.0.0");
    let files = [("renovate.json", config), (FILE, &deployment("registry.internal/myapp:1.4.2")), ("clusters/apps/x.yaml", &pointer)];
    World::new(&files).tags("registry.internal/myapp", tags)
}

fn check(world: &mut World, expected: &Expect) {
    expected.assert_eq(&world.pass());
}

#[test]
fn a_minor_version_merges_itself_and_a_major_one_waits_for_a_person() {
    let mut world = world(ARTICLE, &["1.4", "1.4.1", "1.4.2", "1.4.3", "1.5.0", "1.6.0-rc.1", "1.6.0-dev.3", "latest", "2.0.0"]);
    check(
        &mut world,
        &expect![[r#"
        push renovate/registry.internal-myapp-1.x c1 on base0 at 2026-01-10T00:00:00Z: chore(deps): update registry.internal/myapp docker tag to v1.5.0 ["apps/myapp/base/deployment.yaml"]
        push renovate/registry.internal-myapp-2.x c2 on base0 at 2026-01-10T00:00:00Z: chore(deps): update registry.internal/myapp docker tag to v2 ["apps/myapp/base/deployment.yaml"]
        open 1 renovate/registry.internal-myapp-2.x into main: chore(deps): update registry.internal/myapp docker tag to v2
        renovate/registry.internal-myapp-1.x: the branch is made: chore(deps): update registry.internal/myapp docker tag to v1.5.0
        renovate/registry.internal-myapp-2.x: the branch is made: chore(deps): update registry.internal/myapp docker tag to v2
        PullOpen: renovate/registry.internal-myapp-2.x: its pull request is opened
    "#]],
    );
    check(
        &mut world,
        &expect![[r#"
        ChecksPending: renovate/registry.internal-myapp-1.x: no check has reported
        PullOpen: renovate/registry.internal-myapp-2.x: pull request 1 is open
    "#]],
    );
    world.checks.insert("c1".to_owned(), Combined::Pending);
    check(
        &mut world,
        &expect![[r#"
        ChecksPending: renovate/registry.internal-myapp-1.x: its checks have not ended: forge/yaml
        PullOpen: renovate/registry.internal-myapp-2.x: pull request 1 is open
    "#]],
    );
    world.checks.insert("c1".to_owned(), Combined::Green);
    check(
        &mut world,
        &expect![[r#"
        move main from base0 to c1
        move renovate/registry.internal-myapp-1.x from c1 to -
        renovate/registry.internal-myapp-1.x: its checks are green, main moves to it
        ChecksPending: renovate/registry.internal-myapp-2.x: another branch is merged first
    "#]],
    );
    assert_eq!(world.file(FILE), deployment("registry.internal/myapp:1.5.0"));
    // The major version's branch is behind now, which does not matter before somebody merges it.
    check(
        &mut world,
        &expect![[r#"
        PullOpen: renovate/registry.internal-myapp-2.x: pull request 1 is open
    "#]],
    );
    world.tags.insert("registry.internal/myapp".to_owned(), Ok(vec!["1.5.0".to_owned(), "2.1.0".to_owned()]));
    check(
        &mut world,
        &expect![[r#"
        push renovate/registry.internal-myapp-2.x c3 on c1 at 2026-01-10T00:00:00Z: chore(deps): update registry.internal/myapp docker tag to v2 ["apps/myapp/base/deployment.yaml"]
        renovate/registry.internal-myapp-2.x: the branch is made anew: chore(deps): update registry.internal/myapp docker tag to v2
    "#]],
    );
}

#[test]
fn a_branch_that_is_behind_is_made_anew_and_a_newer_version_replaces_it() {
    let mut world = world(ARTICLE, &["1.4.3"]);
    world.pass();
    world.base.tip = "base1".to_owned();
    world.base.tree.put("README.md", "x");
    check(
        &mut world,
        &expect![[r#"
        push renovate/registry.internal-myapp-1.x c2 on base1 at 2026-01-10T00:00:00Z: chore(deps): update registry.internal/myapp docker tag to v1.4.3 ["apps/myapp/base/deployment.yaml"]
        renovate/registry.internal-myapp-1.x: the branch is made anew: chore(deps): update registry.internal/myapp docker tag to v1.4.3
    "#]],
    );
    world.tags.insert("registry.internal/myapp".to_owned(), Ok(vec!["1.4.3".to_owned(), "1.4.4".to_owned()]));
    check(
        &mut world,
        &expect![[r#"
        push renovate/registry.internal-myapp-1.x c3 on base1 at 2026-01-10T00:00:00Z: chore(deps): update registry.internal/myapp docker tag to v1.4.4 ["apps/myapp/base/deployment.yaml"]
        renovate/registry.internal-myapp-1.x: the branch is made anew: chore(deps): update registry.internal/myapp docker tag to v1.4.4
    "#]],
    );
    // The version is gone, and so is its branch.
    world.tags.insert("registry.internal/myapp".to_owned(), Ok(vec!["1.4.2".to_owned()]));
    check(
        &mut world,
        &expect![[r#"
        move renovate/registry.internal-myapp-1.x from c3 to -
        renovate/registry.internal-myapp-1.x: no update wants the branch any more
    "#]],
    );
    check(&mut world, &expect![[""]]);
}

#[test]
fn a_failed_check_makes_a_pull_request() {
    let mut world = world(ARTICLE, &["1.4.3"]);
    world.pass();
    world.checks.insert("c1".to_owned(), Combined::Failed);
    check(
        &mut world,
        &expect![[r#"
        open 1 renovate/registry.internal-myapp-1.x into main: chore(deps): update registry.internal/myapp docker tag to v1.4.3
        renovate/registry.internal-myapp-1.x: a check failed (forge/yaml), so it becomes a pull request
        PullOpen: renovate/registry.internal-myapp-1.x: its pull request is opened
    "#]],
    );
    check(
        &mut world,
        &expect![[r#"
        merge 1 at c1 by fast-forward-only, when green: true
        PullOpen: renovate/registry.internal-myapp-1.x: pull request 1 is open, and merges when its checks are green
    "#]],
    );
    check(
        &mut world,
        &expect![[r#"
        PullOpen: renovate/registry.internal-myapp-1.x: pull request 1 is open
    "#]],
    );
}

#[test]
fn a_closed_pull_request_is_remembered_for_its_version() {
    let mut world = world(ARTICLE, &["2.0.0"]);
    world.pass();
    world.pulls[0].open = false;
    check(
        &mut world,
        &expect![[r#"
        move renovate/registry.internal-myapp-2.x from c1 to -
        renovate/registry.internal-myapp-2.x: no update wants the branch any more
        NeedsApproval: renovate/registry.internal-myapp-2.x: pull request 1 for it was closed without a merge; open it again, or change its title, to have the update
    "#]],
    );
    check(
        &mut world,
        &expect![[r#"
        NeedsApproval: renovate/registry.internal-myapp-2.x: pull request 1 for it was closed without a merge; open it again, or change its title, to have the update
    "#]],
    );
    // The next major version has another title and another branch.
    world.tags.insert("registry.internal/myapp".to_owned(), Ok(vec!["2.1.0".to_owned(), "3.0.0".to_owned()]));
    check(
        &mut world,
        &expect![[r#"
        push renovate/registry.internal-myapp-3.x c2 on base0 at 2026-01-10T00:00:00Z: chore(deps): update registry.internal/myapp docker tag to v3 ["apps/myapp/base/deployment.yaml"]
        open 2 renovate/registry.internal-myapp-3.x into main: chore(deps): update registry.internal/myapp docker tag to v3
        renovate/registry.internal-myapp-3.x: the branch is made: chore(deps): update registry.internal/myapp docker tag to v3
        PullOpen: renovate/registry.internal-myapp-3.x: its pull request is opened
    "#]],
    );
}

#[test]
fn what_others_have_changed_is_left_alone() {
    let mut world = world(ARTICLE, &["1.4.3"]);
    world.pass();
    world.branches.get_mut(MINOR).expect("is there").author = "a person".to_owned();
    check(
        &mut world,
        &expect![[r#"
        NeedsApproval: renovate/registry.internal-myapp-1.x: a person has changed the branch; delete the branch to have it made anew
    "#]],
    );
    world.tags.insert("registry.internal/myapp".to_owned(), Ok(vec![]));
    check(
        &mut world,
        &expect![[r#"
        renovate/registry.internal-myapp-1.x: no update wants the branch, but a person has changed it
    "#]],
    );
    world.tags.insert("registry.internal/myapp".to_owned(), Err("HTTP 503".to_owned()));
    world.branches.get_mut(MINOR).expect("is there").author = world::BOT.to_owned();
    check(
        &mut world,
        &expect![[r#"
        Unreachable: registry.internal/myapp cannot be looked up: HTTP 503
    "#]],
    );
}

#[test]
fn a_pull_request_can_merge_itself() {
    let config =
        r#"{"kubernetes": {"managerFilePatterns": ["/^apps//"]}, "automerge": true, "labels": ["x"], "semanticCommits": "disabled"}"#;
    let mut world = world(config, &["1.4.3"]);
    check(
        &mut world,
        &expect![[r#"
        push renovate/registry.internal-myapp-1.x c1 on base0 at 2026-01-10T00:00:00Z: Update registry.internal/myapp Docker tag to v1.4.3 ["apps/myapp/base/deployment.yaml"]
        open 1 renovate/registry.internal-myapp-1.x into main: Update registry.internal/myapp Docker tag to v1.4.3
        renovate/registry.internal-myapp-1.x: the branch is made: Update registry.internal/myapp Docker tag to v1.4.3
        Unsupported: renovate/registry.internal-myapp-1.x: labels x cannot be set on pull requests; set them by hand
        PullOpen: renovate/registry.internal-myapp-1.x: its pull request is opened
    "#]],
    );
    check(
        &mut world,
        &expect![[r#"
        merge 1 at c1 by fast-forward-only, when green: true
        PullOpen: renovate/registry.internal-myapp-1.x: pull request 1 is open, and merges when its checks are green
    "#]],
    );
    check(
        &mut world,
        &expect![[r#"
        PullOpen: renovate/registry.internal-myapp-1.x: pull request 1 is open
    "#]],
    );
    world.tags.insert("registry.internal/myapp".to_owned(), Ok(vec!["1.4.4".to_owned()]));
    check(
        &mut world,
        &expect![[r#"
        push renovate/registry.internal-myapp-1.x c2 on base0 at 2026-01-10T00:00:00Z: Update registry.internal/myapp Docker tag to v1.4.4 ["apps/myapp/base/deployment.yaml"]
        renovate/registry.internal-myapp-1.x: the branch is made anew: Update registry.internal/myapp Docker tag to v1.4.4
    "#]],
    );
    check(
        &mut world,
        &expect![[r#"
        close 1
        open 2 renovate/registry.internal-myapp-1.x into main: Update registry.internal/myapp Docker tag to v1.4.4
        Unsupported: renovate/registry.internal-myapp-1.x: labels x cannot be set on pull requests; set them by hand
        PullOpen: renovate/registry.internal-myapp-1.x: its pull request is opened
    "#]],
    );
    let own = config.replace("\"labels\"", "\"platformAutomerge\": false, \"labels\"");
    let mut world = self::world(&own, &["1.4.3"]);
    world.pass();
    check(
        &mut world,
        &expect![[r#"
        ChecksPending: renovate/registry.internal-myapp-1.x: no check has reported
    "#]],
    );
    world.checks.insert("c1".to_owned(), Combined::Green);
    check(
        &mut world,
        &expect![[r#"
        merge 1 at c1 by fast-forward-only, when green: false
        PullOpen: renovate/registry.internal-myapp-1.x: pull request 1 is open, and merges when its checks are green
    "#]],
    );
}

#[test]
fn young_releases_wait() {
    let tools = deployment("ghcr.io/akuity/kargo:v1.0.0");
    let mut world = World::new(&[("renovate.json", ARTICLE), ("apps/tools.yaml", &tools)])
        .tags("ghcr.io/akuity/kargo", &["v1.0.1", "v1.1.0", "v1.2.0"]);
    check(
        &mut world,
        &expect![[r#"
        TooYoung: renovate/ghcr.io-akuity-kargo-1.x: nothing tells when ghcr.io/akuity/kargo:v1.2.0 was made; minimumReleaseAgeBehaviour timestamp-optional lets it in
    "#]],
    );
    let day = |text: &str| text.parse().expect("a time");
    world.created.insert("ghcr.io/akuity/kargo:v1.2.0".to_owned(), day("2026-01-09T00:00:00Z"));
    check(
        &mut world,
        &expect![[r#"
        TooYoung: renovate/ghcr.io-akuity-kargo-1.x: ghcr.io/akuity/kargo:v1.2.0 is younger than 7 days until 2026-01-16T00:00:00Z
    "#]],
    );
    world.created.insert("ghcr.io/akuity/kargo:v1.1.0".to_owned(), day("2026-01-02T00:00:00Z"));
    check(
        &mut world,
        &expect![[r#"
        push renovate/ghcr.io-akuity-kargo-1.x c1 on base0 at 2026-01-10T00:00:00Z: chore(deps): update ghcr.io/akuity/kargo docker tag to v1.1.0 ["apps/tools.yaml"]
        open 1 renovate/ghcr.io-akuity-kargo-1.x into main: chore(deps): update ghcr.io/akuity/kargo docker tag to v1.1.0
        renovate/ghcr.io-akuity-kargo-1.x: the branch is made: chore(deps): update ghcr.io/akuity/kargo docker tag to v1.1.0
        Unsupported: renovate/ghcr.io-akuity-kargo-1.x: reviewers team:platform-engineering cannot be set on pull requests; the forge asks the owners that its CODEOWNERS file names
        PullOpen: renovate/ghcr.io-akuity-kargo-1.x: its pull request is opened
    "#]],
    );
}

#[test]
fn one_update_of_many_files_is_one_branch_and_digests_follow() {
    let pinned = deployment(&format!("registry.internal/myapp:1.4.1@sha256:{}", "a".repeat(64)));
    let mut world = world(ARTICLE, &["1.4.3"]);
    world.base.tree.put("apps/myapp/overlays/dev/job.yaml", format!("{pinned}---\n{}", deployment("registry.internal/myapp:1.4.2")));
    check(
        &mut world,
        &expect![[r#"
        push renovate/registry.internal-myapp-1.x c1 on base0 at 2026-01-10T00:00:00Z: chore(deps): update registry.internal/myapp docker tag to v1.4.3 ["apps/myapp/base/deployment.yaml", "apps/myapp/overlays/dev/job.yaml"]
        renovate/registry.internal-myapp-1.x: the branch is made: chore(deps): update registry.internal/myapp docker tag to v1.4.3
    "#]],
    );
    let file =
        world.branches[MINOR].tree.bytes("apps/myapp/overlays/dev/job.yaml").map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    let digest = model::Digest::of(b"registry.internal/myapp:1.4.3");
    let wanted =
        format!("{}---\n{}", deployment(&format!("registry.internal/myapp:1.4.3@{digest}")), deployment("registry.internal/myapp:1.4.3"));
    assert_eq!(file, Some(wanted));
    assert!(!world.branches.contains_key(MAJOR));
}

#[test]
fn the_summary_names_what_was_found() {
    let mut world = world(ARTICLE, &["1.4.3"]);
    world.base.tree.put("apps/other.yaml", deployment("registry.internal/tests:latest"));
    let (_, status) = world.pass_with_status();
    expect![[r#"
        {
          "config": [
            "config:recommended: ignorePaths, semantic commit type chore",
            "kubernetes.fileMatch: the old name of managerFilePatterns"
          ],
          "dependencies": [
            {
              "currentValue": "1.4.2",
              "file": "apps/myapp/base/deployment.yaml",
              "line": 8,
              "package": "registry.internal/myapp",
              "skipReason": null
            },
            {
              "currentValue": "latest",
              "file": "apps/other.yaml",
              "line": 8,
              "package": "registry.internal/tests",
              "skipReason": "invalid-value"
            },
            {
              "currentValue": "1.0.0",
              "file": "clusters/apps/x.yaml",
              "line": 8,
              "package": "registry.internal/myapp",
              "skipReason": "package-rules"
            }
          ],
          "repository": "org/deployment",
          "reviewers": [],
          "updates": [
            {
              "automerge": true,
              "automergeType": "branch",
              "branch": "renovate/registry.internal-myapp-1.x",
              "holds": "",
              "labels": [],
              "reviewers": [],
              "title": "chore(deps): update registry.internal/myapp docker tag to v1.4.3",
              "updates": [
                {
                  "file": "apps/myapp/base/deployment.yaml",
                  "from": "1.4.2",
                  "line": 8,
                  "package": "registry.internal/myapp",
                  "to": "1.4.3",
                  "type": "patch"
                }
              ]
            }
          ]
        }
    "#]]
    .assert_eq(&format!("{status:#}\n"));
}

#[test]
fn a_file_that_is_not_understood_stops_everything() {
    let mut world = world(r#"{"kubernetes": {"fileMatch": ["."]}, "prTitle": "all"}"#, &["1.4.3"]);
    check(
        &mut world,
        &expect![[r#"
        Unsupported: renovate.json: prTitle: is not supported; nothing is updated until it is changed
    "#]],
    );
    world.base.tree.remove("renovate.json");
    check(&mut world, &expect![""]);
}

/// A configuration of one's own for all files below `apps/`.
fn own(options: &str) -> String {
    format!(r#"{{"kubernetes": {{"managerFilePatterns": ["/^apps//"]}}, "semanticCommits": "disabled", {options}}}"#)
}

#[test]
fn branches_wait_for_their_schedule() {
    let config =
        own(r#""schedule": ["after 10pm", "before 5am"], "timezone": "Europe/Berlin", "automerge": true, "automergeType": "branch",
        "automergeSchedule": ["* 2-3 * * *"]"#);
    let mut world = world(&config, &["1.4.3"]);
    world.now = "2026-01-10T12:00:00Z".parse().expect("a time");
    check(
        &mut world,
        &expect![[r#"
        Suspended: renovate/registry.internal-myapp-1.x: it is outside its schedule
    "#]],
    );
    assert_eq!(world.next().as_deref(), Some("2026-01-10T21:00:00Z"));
    world.now = "2026-01-10T21:00:00Z".parse().expect("a time");
    check(
        &mut world,
        &expect![[r#"
        push renovate/registry.internal-myapp-1.x c1 on base0 at 2026-01-10T21:00:00Z: Update registry.internal/myapp Docker tag to v1.4.3 ["apps/myapp/base/deployment.yaml"]
        renovate/registry.internal-myapp-1.x: the branch is made: Update registry.internal/myapp Docker tag to v1.4.3
    "#]],
    );
    world.checks.insert("c1".to_owned(), Combined::Green);
    check(
        &mut world,
        &expect![[r#"
        Suspended: renovate/registry.internal-myapp-1.x: its merge is outside the schedule for it
    "#]],
    );
    assert_eq!(world.next().as_deref(), Some("2026-01-11T01:00:00Z"));
    world.now = "2026-01-11T01:00:00Z".parse().expect("a time");
    check(
        &mut world,
        &expect![[r#"
        move main from base0 to c1
        move renovate/registry.internal-myapp-1.x from c1 to -
        renovate/registry.internal-myapp-1.x: its checks are green, main moves to it
    "#]],
    );
}

#[test]
fn the_forge_merges_nothing_outside_the_schedule_for_it() {
    let mut world = world(&own(r#""automerge": true, "automergeSchedule": ["before 5am"]"#), &["1.4.3"]);
    world.now = "2026-01-10T12:00:00Z".parse().expect("a time");
    world.pass();
    check(
        &mut world,
        &expect![[r#"
        Suspended: renovate/registry.internal-myapp-1.x: its merge is outside the schedule for it
    "#]],
    );
    world.now = "2026-01-11T00:00:00Z".parse().expect("a time");
    check(
        &mut world,
        &expect![[r#"
        merge 1 at c1 by fast-forward-only, when green: true
        PullOpen: renovate/registry.internal-myapp-1.x: pull request 1 is open, and merges when its checks are green
    "#]],
    );
}

#[test]
fn a_branch_is_kept_up_to_date_outside_its_schedule_unless_told_otherwise() {
    for (option, expected) in [("true", "is made anew"), ("false", "it is outside its schedule")] {
        let config = own(&format!(r#""schedule": ["before 5am"], "updateNotScheduled": {option}"#));
        let mut world = world(&config, &["1.4.3"]);
        world.pass();
        world.now = "2026-01-10T12:00:00Z".parse().expect("a time");
        world.tags.insert("registry.internal/myapp".to_owned(), Ok(vec!["1.4.4".to_owned()]));
        let found = world.pass();
        assert!(found.contains(expected), "{option}: {found}");
    }
}

#[test]
fn rules_choose_schemes_and_what_is_allowed() {
    let tags = ["v2-1.4.9", "v3-1.5.0", "1.4.2-r1", "1.4.3", "1.4.10", "1.5.0", "1.6.0", "2.0.0", "3.0.0"];
    for (options, expected) in [
        (r#""packageRules": [{"matchDepNames": ["registry.internal/*"], "allowedVersions": "<1.6"}]"#, "Docker tag to v1.5.0"),
        (r#""allowedVersions": "/^1\\.4\\./""#, "Docker tag to v1.4.10"),
        (r#""allowedVersions": "~{{major}}.{{minor}}.0""#, "Docker tag to v1.4.10"),
        (r#""packageRules": [{"matchCurrentVersion": "1.4.2", "versioning": "same-major"}]"#, "Docker tag to v3"),
        (r#""versioning": "exact""#, ""),
        (r#""versioning": "regex:^(?<major>\\d+)\\.(?<minor>\\d+)\\.(?<patch>\\d)$""#, "Docker tag to v1.6.0"),
        (r#""major": {"enabled": false}, "packageRules": [{"matchNewValue": "1.6.0", "enabled": false}]"#, "Docker tag to v1.5.0"),
        (r#""packageRules": [{"matchUpdateTypes": ["minor"], "enabled": false}], "major": {"enabled": false}"#, "Docker tag to v1.4.10"),
        (r#""allowedVersions": "nothing at all""#, "allowedVersions of registry.internal/myapp cannot be looked up"),
    ] {
        let found = world(&own(options), &tags).pass();
        assert!(found.contains(expected), "{options}: {found}");
    }
}

#[test]
fn images_with_names_for_versions_have_their_own_scheme() {
    let tags = ["latest", "20.04", "22.04", "24.04", "25.10", "noble", "noble-20260101", "jammy"];
    for (image, expected) in [
        ("registry.internal/ubuntu:22.04", "registry.internal/ubuntu:24.04"),
        ("registry.internal/ubuntu:jammy", "registry.internal/ubuntu:noble"),
        ("registry.internal/ubuntu:24.04", "registry.internal/ubuntu:24.04"),
    ] {
        let config = own(r#""automerge": false"#);
        let mut world =
            World::new(&[("renovate.json", &config), ("apps/x.yaml", &deployment(image))]).tags("registry.internal/ubuntu", &tags);
        world.now = "2026-01-10T12:00:00Z".parse().expect("a time");
        world.pass();
        let branch = world.branches.values().next();
        let tree = branch.map_or(&world.base.tree, |branch| &branch.tree);
        let file = tree.bytes("apps/x.yaml").map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default();
        assert!(file.contains(&format!("image: {expected} ")), "{image}: {file}");
    }
}

#[test]
fn branches_are_named_as_asked() {
    for (options, expected) in [
        (
            r#""branchTopic": "{{packageFileDir}}/{{depNameSanitized}}-{{newMajor}}.{{newMinor}}""#,
            "renovate/apps/myapp/base/registry.internal-myapp-1.4",
        ),
        (r#""additionalBranchPrefix": "{{parentDir}}-", "branchNameStrict": true"#, "renovate/base-registry-internal-myapp-1-x"),
        (r#""hashedBranchLength": 21"#, "renovate/8d5a396997ca"),
        (r#""packageRules": [{"matchUpdateTypes": ["patch"], "branchTopic": "x"}]"#, "renovate/x"),
    ] {
        let mut world = world(&own(options), &["1.4.3"]);
        let found = world.pass();
        let names: Vec<&String> = world.branches.keys().collect();
        assert_eq!(names, [expected], "{options}: {found}");
    }
    let found = world(&own(r#""branchTopic": "{{shout depName}}""#), &["1.4.3"]).pass();
    assert!(found.contains("Unsupported: the branch of registry.internal/myapp has no name"), "{found}");
}

#[test]
fn groups_are_one_branch() {
    let files = |config: &str| {
        let one = ("apps/one.yaml", deployment("registry.internal/one:1.0.0"));
        let two = ("apps/two.yaml", deployment("registry.internal/two:1.0.0"));
        World::new(&[("renovate.json", config), (one.0, &one.1), (two.0, &two.1)])
    };
    let config = own(r#""packageRules": [{"matchPackageNames": ["registry.internal/**"], "groupName": "Own Apps"}]"#);
    let mut world = files(&config).tags("registry.internal/one", &["1.1.0", "2.0.0"]).tags("registry.internal/two", &["1.2.0", "3.0.0"]);
    check(
        &mut world,
        &expect![[r#"
        push renovate/own-apps c1 on base0 at 2026-01-10T00:00:00Z: Update Own Apps ["apps/one.yaml", "apps/two.yaml"]
        open 1 renovate/own-apps into main: Update Own Apps
        push renovate/major-own-apps c2 on base0 at 2026-01-10T00:00:00Z: Update Own Apps ["apps/one.yaml", "apps/two.yaml"]
        open 2 renovate/major-own-apps into main: Update Own Apps (major)
        renovate/own-apps: the branch is made: Update Own Apps
        PullOpen: renovate/own-apps: its pull request is opened
        renovate/major-own-apps: the branch is made: Update Own Apps (major)
        PullOpen: renovate/major-own-apps: its pull request is opened
    "#]],
    );
    check(
        &mut world,
        &expect![[r#"
        PullOpen: renovate/own-apps: pull request 1 is open
        PullOpen: renovate/major-own-apps: pull request 2 is open
    "#]],
    );
    // The same version everywhere is named, and one dependency alone is no group.
    let mut world = files(&config).tags("registry.internal/one", &["1.1.0"]).tags("registry.internal/two", &["1.1.0"]);
    assert!(world.pass().contains("Update Own Apps to v1.1.0"));
    let mut world = files(&config).tags("registry.internal/one", &["1.1.0"]).tags("registry.internal/two", &[]);
    let found = world.pass();
    assert!(found.contains("push renovate/own-apps ") && found.contains("Update registry.internal/one Docker tag to v1.1.0"), "{found}");
}
