//! Lanes, shapes, signatures, statuses, reviews and code owners, as tables.

use model::{CheckState, Verdict};
use review::{
    Approval, Change, ChangedFile, Codeowners, Dialect, Identity, NewCommit, Signature, StatusEvidence, Update, parse_policies, verdict,
};

const POLICY: &str = r#"
branches: ["main"]
require: { signed: true, noForcePush: true, statuses: ["forge/*", "build / build (push)"], codeowners: true, approvals: 1, dismissStale: true }
lanes:
  - who: ["bot:renovate"]
    paths: ["apps/**"]
    waive: ["codeowners", "approvals"]
    shape: { only: imageTagOrDigest }
  - who: ["bot:kargo"]
    paths: ["clusters/**"]
    waive: ["codeowners", "approvals", "statuses"]
    shape: { onlyYamlPath: ["spec.ref.tag", "spec.ref.digest"], kind: OCIRepository }
  - who: ["team:platform"]
    paths: ["clusters/**", "kargo/**"]
"#;
const OWNERS: &str = "* @org/everyone\n/apps/myapp/ @alice  # her app\n/clusters/ @org/platform\n/free/\n";
const POINTER: &str = "# where dev is\nkind: OCIRepository\nspec:\n  url: oci://r/a\n  ref:\n    tag: 0.5.1 # now\n    digest: sha256:aa\n---\nkind: Kustomization\nspec:\n  path: ./\n";
const DEPLOYMENT: &str = "kind: Deployment\nspec:\n  template:\n    spec:\n      containers:\n        - image: docker.io/nginx:1.0@sha256:aa\n          name: a\n";

struct Case<'a> {
    who: &'a str,
    teams: &'a [&'a str],
    path: &'a str,
    old: Option<String>,
    new: Option<String>,
    signature: Signature,
    update: Update,
    states: &'a [(&'a str, CheckState)],
    approvals: &'a [(&'a str, &'a str, &'a str)],
}

const GREEN: &[(&str, CheckState)] = &[("forge/a/b", CheckState::Success), ("build / build (push)", CheckState::Success)];

fn case<'a>(who: &'a str, path: &'a str, old: &str, new: &str) -> Case<'a> {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let (signature, update) = (Signature::Good, Update::FastForward);
    Case { who, teams: &[], path, old: some(old), new: some(new), signature, update, states: GREEN, approvals: &[] }
}

/// `ok`, or `wait: …`, or `no: …` if the text occurs in the answer.
fn check(case: Case<'_>, expected: &str) {
    let policies = parse_policies(POLICY).expect("a policy");
    let owners = Codeowners::parse(OWNERS, Some(Dialect::GitHub)).expect("owners");
    let team = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let who = Identity { login: case.who.to_owned(), teams: team(case.teams) };
    let file =
        ChangedFile { path: case.path.to_owned(), old: case.old.map(Into::into), new: case.new.map(Into::into), mode_changed: false };
    let commit = NewCommit { id: "0123456789abcdef".to_owned(), parents: 1, signature: case.signature };
    let statuses: Vec<_> =
        case.states.iter().map(|(context, state)| StatusEvidence { context: (*context).to_owned(), state: *state }).collect();
    let approval = |(login, team, commit): &(&str, &str, &str)| Approval {
        who: Identity { login: (*login).to_owned(), teams: vec![(*team).to_owned()] },
        email: format!("{login}@x"),
        commit: (*commit).to_owned(),
    };
    let approvals: Vec<_> = case.approvals.iter().map(approval).collect();
    let change = Change {
        branch: "main",
        who: &who,
        update: case.update,
        files: &[file],
        commits: &[commit],
        statuses: &statuses,
        approvals: &approvals,
        author: case.who,
        head: "h",
        codeowners: Some(&owners),
    };
    let found = match verdict(&policies, &change) {
        Verdict::Pass => "ok".to_owned(),
        Verdict::Wait { why, .. } => format!("wait: {why}"),
        Verdict::Refuse { why, .. } => format!("no: {why}"),
    };
    let (word, text) = expected.split_once(": ").unwrap_or((expected, ""));
    assert!(found.starts_with(word) && found.contains(text), "expected {expected:?}, found {found:?}");
}

#[test]
fn a_bot_stays_in_its_lane_and_its_shape() {
    let pointer = |from: &str, to: &str| POINTER.replace(from, to);
    let kargo = |new: &str| case("kargo", "clusters/dev/a.yaml", POINTER, new);
    check(kargo(&pointer("0.5.1", "0.5.2")), "ok");
    check(kargo(&pointer("0.5.1 # now", "\"0.5.2\"").replace("sha256:aa", "sha256:bb")), "ok");
    for (from, to, why) in [
        ("oci://r/a", "oci://evil/a", "the line \"url: oci://r/a\" changes"),
        ("0.5.1", "{a: b}", "no text"),
        ("0.5.1", "[a]", "no text"),
        ("0.5.1 # now", "", "is no text"),
        ("# where dev is", "# where prod is", "holds none"),
        ("path: ./", "path: ./x", "holds none"),
        ("    tag: 0.5.1 # now\n", "    tag: 0.5.1\n    tag: x\n", "lines"),
        ("    tag:", "      tag:", "line 7"),
        ("kind: OCIRepository", "kind: GitRepository", "holds none"),
        ("---\n", "...\n", "holds none"),
    ] {
        check(kargo(&pointer(from, to)), &format!("no: {why}"));
    }
    // The right key in a document of the wrong kind, or at another path.
    let other = POINTER.replace("kind: Kustomization\nspec:\n  path: ./\n", "kind: Kustomization\nspec:\n  ref:\n    tag: a\n");
    check(case("kargo", "clusters/dev/a.yaml", &other, &other.replace("tag: a", "tag: b")), "no: kind \"Kustomization\"");
    let nested = POINTER.replace("  url:", "  tag: x\n  url:");
    check(case("kargo", "clusters/dev/a.yaml", &nested, &nested.replace("  tag: x", "  tag: y")), "no: spec.tag changes");
    check(case("kargo", "clusters/dev/a.yaml", "", POINTER), "no: is new");
    check(case("kargo", "clusters/dev/a.yaml", POINTER, ""), "no: is deleted");
    check(case("kargo", "apps/a.yaml", POINTER, &pointer("0.5.1", "0.5.2")), "no: kargo may not write apps/a.yaml");

    let renovate = |new: &str| case("renovate", "apps/myapp/d.yaml", DEPLOYMENT, new);
    check(renovate(&DEPLOYMENT.replace("1.0@sha256:aa", "1.1@sha256:bb")), "ok");
    check(renovate(&DEPLOYMENT.replace(":1.0@sha256:aa", ":1.1")), "ok");
    check(renovate(&DEPLOYMENT.replace("docker.io/nginx", "docker.io/evil")), "no: becomes another image");
    check(renovate(&DEPLOYMENT.replace("docker.io/nginx:1.0@sha256:aa", "docker.io/nginx")), "no: becomes another image");
    check(renovate(&DEPLOYMENT.replace("name: a", "name: b")), "no: holds none of image");
    check(case("renovate", "clusters/dev/a.yaml", POINTER, &pointer("0.5.1", "0.5.2")), "no: renovate may not write clusters/dev/a.yaml");
    let kustomization = "images:\n  - name: a\n    newTag: \"1\"\n";
    let file = "apps/myapp/kustomization.yaml";
    check(case("renovate", file, kustomization, &kustomization.replace("\"1\"", "\"2\"")), "ok");
    check(case("renovate", file, kustomization, &kustomization.replace("name: a", "name: b")), "no: holds none");
    check(case("renovate", "apps/x.yaml", kustomization, &kustomization.replace("\"1\"", "\"2\"")), "no: holds none");
}

#[test]
fn people_need_reviews_checks_and_signatures() {
    let alice = || case("alice", "apps/myapp/x", "a", "b");
    check(alice(), "wait: Protected branch update failed for refs/heads/main: review from reviewers required, 0 of 1");
    let by = |approvals| Case { approvals, who: "dave", ..alice() };
    check(by(&[("alice", "", "h")]), "ok");
    check(by(&[("alice", "", "old")]), "wait: 0 of 1 approvals");
    check(by(&[("dave", "", "h")]), "wait: 0 of 1 approvals");
    check(by(&[("bob", "everyone", "h")]), "wait: code owners have not approved apps/myapp/x (@alice)");
    check(Case { path: "other", ..by(&[("bob", "everyone", "h")]) }, "ok");
    check(Case { path: "free/x", ..by(&[("bob", "", "h")]) }, "ok");
    check(Case { path: "clusters/x", teams: &["org/platform"], ..by(&[("bob", "org/platform", "h")]) }, "ok");
    check(Case { path: "clusters/x", teams: &["org/platform"], ..alice() }, "wait: reviewers");
    let approved: &[(&str, &str, &str)] = &[("alice", "", "h")];
    check(Case { states: &[], ..by(approved) }, "wait: 2 of 2 required status checks are expected: forge/*, build / build (push)");
    check(
        Case { states: &[GREEN[0], ("build / build (push)", CheckState::Pending)], ..by(approved) },
        "wait: 1 of 2 required status checks",
    );
    check(Case { states: &[GREEN[0], GREEN[1], ("forge/c", CheckState::Failure)], ..by(approved) }, "wait: status check failed: forge/c");
    check(Case { signature: Signature::Missing, ..by(approved) }, "no: verified signatures, 0123456789 has none");
    check(Case { signature: Signature::Bad("why".to_owned()), ..by(approved) }, "no: why");
    check(Case { update: Update::Forced, ..by(approved) }, "no: non-fast-forward");
    check(Case { update: Update::Delete, ..by(approved) }, "no: deleted");
}

#[test]
fn unknown_fields_are_refused_by_name() {
    for (text, name) in [
        ("branches: [main]\nrequire: { sigend: true }", "sigend"),
        ("branches: [main]\nlanes: [{ who: [a], paths: [b], wave: [x] }]", "wave"),
        ("branches: [main]\nlanes: [{ who: [a], paths: [b], waive: [x] }]", "x"),
        ("branches: [main]\nlanes: [{ who: [a], paths: [b], shape: { only: all } }]", "all"),
        ("branches: [main]\nlanes: [{ who: ['robot:a'], paths: [b] }]", "robot:a"),
        ("branches: []", "branches"),
    ] {
        let error = parse_policies(text).expect_err(text).to_string();
        assert!(error.contains(name), "{error}");
    }
    let policies = parse_policies(POLICY).expect("reads");
    let again = serde_json::to_string(&policies).expect("writes");
    assert_eq!(parse_policies(&again).expect("reads its own JSON"), policies);
}

#[test]
fn codeowners_follow_their_dialect() {
    let owner = |dialect, pattern: &str, path: &str| {
        let owners = Codeowners::parse(&format!("{pattern} @me\n"), dialect).expect("reads");
        !owners.owners(path).is_empty()
    };
    for (pattern, path, github, gitea) in [
        ("*", "a/b", true, false),
        ("/apps/", "apps/a/b", true, false),
        ("/apps/", "x/apps/a", false, false),
        ("apps/", "x/apps/a", true, false),
        ("apps", "x/apps/a", true, false),
        ("docs/*", "docs/a", true, false),
        ("docs/*", "docs/a/b", false, false),
        ("/a/**/z", "a/z", true, false),
        ("/a/**/z", "a/b/c/z", true, false),
        ("*.rs", "a/b.rs", true, false),
        ("a?c", "abc", true, false),
        ("/apps", "appsx", false, false),
    ] {
        assert_eq!(owner(Some(Dialect::GitHub), pattern, path), github, "{pattern} {path}");
        if !pattern.starts_with('*') {
            assert_eq!(owner(Some(Dialect::Gitea), pattern, path), gitea, "{pattern} {path}");
        }
    }
    assert!(owner(Some(Dialect::Gitea), "apps/.*", "apps/a/b") && owner(Some(Dialect::Gitea), "!apps/.*", "x"));
    assert_eq!(Codeowners::parse("apps/.* @a", None).expect("reads").dialect(), Dialect::Gitea);
    assert_eq!(Codeowners::parse("/apps/ @a", None).expect("reads").dialect(), Dialect::GitHub);
    for bad in ["a me", "!a @me", "[ab] @me"] {
        assert!(Codeowners::parse(bad, Some(Dialect::GitHub)).is_err(), "{bad}");
    }
}
