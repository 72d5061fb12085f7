//! The forge through its router, with repositories in memory.

mod world;

use serde_json::{Value, json};
use world::World;

/// Main needs a green `ci`; the bot writes one scalar of one kind under `clusters/`.
fn policies() -> Value {
    json!([{
        "branches": ["main"],
        "require": {"noForcePush": true, "statuses": ["ci"]},
        "lanes": [{"who": ["bot:kargo"], "paths": ["clusters/**"], "waive": ["statuses"], "shape": {"onlyYamlPath": "spec.ref.tag", "kind": "OCIRepository"}}],
    }])
}

fn pointer(tag: &str, interval: &str) -> String {
    format!("kind: OCIRepository\nspec:\n  interval: {interval}\n  ref:\n    tag: {tag}\n")
}

/// A forge whose main branch exists and from then on is protected.
async fn protected() -> World {
    let world = World::memory().with_people(json!([])).await;
    world
        .push("alice", "main", &[("clusters/dev/a.yaml", &pointer("0.5.1", "1m")), ("README.md", "hello\n")])
        .await
        .expect("nothing is protected yet");
    world.ok("forge-admin", "PUT", "/api/v1/admin/repos/org/deploy", json!({"policies": policies()})).await;
    world
}

#[tokio::test]
async fn a_scheduled_merge_happens_when_the_check_is_green() {
    let world = protected().await;
    let head = world.push("alice", "topic", &[("README.md", "hello again\n")]).await.expect("a free branch");
    let number = world.open_pull("alice", "topic").await;
    let pull = world.get(&format!("/pulls/{number}")).await;
    assert_eq!((&pull["mergeable"], &pull["state"], &pull["head"]["label"]), (&json!(true), &json!("open"), &json!("topic")));
    assert_eq!(world.get("/pulls/main/topic").await["number"], json!(number));

    let merge = format!("/pulls/{number}/merge");
    let (status, why) = world.says("alice", "POST", &merge, json!({"Do": "merge"})).await;
    assert_eq!(status, 405);
    assert!(why.contains("1 of 1 required status checks are expected: ci"), "{why}");
    let schedule = json!({"Do": "squash", "head_commit_id": head, "merge_when_checks_succeed": true, "delete_branch_after_merge": true});
    assert_eq!(world.says("alice", "POST", &merge, schedule.clone()).await.0, 201);
    assert_eq!(world.says("alice", "POST", &merge, schedule).await.0, 201, "the same again is the same");
    assert!(world.get(&format!("/pulls/{number}")).await["auto_merge"]["waits_for"].as_str().expect("a reason").contains("ci"));

    world.ok("bob", "POST", &format!("/api/v1/repos/org/deploy/statuses/{head}"), json!({"state": "pending", "context": "ci"})).await;
    assert_eq!(world.says("alice", "GET", &merge, Value::Null).await.0, 404);
    world.ok("bob", "POST", &format!("/api/v1/repos/org/deploy/statuses/{head}"), json!({"state": "success", "context": "ci"})).await;
    assert_eq!(world.says("alice", "GET", &merge, Value::Null).await.0, 204);
    let pull = world.get(&format!("/pulls/{number}")).await;
    assert_eq!((&pull["merged"], &pull["merge_commit_sha"]), (&json!(true), &json!(world.tip("main").await)));
    assert!(world.tip("topic").await.is_zero(), "the merged branch is gone");
    let branch = world.get("/branches/main").await;
    assert_eq!((&branch["protected"], &branch["commit"]["verification"]["verified"]), (&json!(true), &json!(true)));
    assert_eq!(world.get("/contents/README.md").await["content"], json!("aGVsbG8gYWdhaW4K"));
    let actions: Vec<Value> = world.events("pull_request").await.iter().map(|event| event["action"].clone()).collect();
    assert_eq!(actions, [json!("opened"), json!("closed")]);
    let pushed = world.events("push").await;
    assert_eq!(pushed.last().expect("a push")["ref"], json!("refs/heads/main"));
    assert_eq!(pushed.last().expect("a push")["repository"]["clone_url"], json!("https://gitea.internal/org/deploy.git"));
}

#[tokio::test]
async fn a_scheduled_merge_is_given_up_when_the_head_moves() {
    let world = protected().await;
    let head = world.push("alice", "topic", &[("README.md", "1\n")]).await.expect("a free branch");
    let number = world.open_pull("alice", "topic").await;
    assert_eq!(
        world.says("alice", "POST", &format!("/pulls/{number}/merge"), json!({"Do": "merge", "merge_when_checks_succeed": true})).await.0,
        201
    );
    let newer = world.push("bob", "topic", &[("README.md", "2\n")]).await.expect("a free branch");
    let stale = json!({"Do": "merge", "head_commit_id": head});
    assert_eq!(world.says("alice", "POST", &format!("/pulls/{number}/merge"), stale).await.0, 409);
    world.ok("bob", "POST", &format!("/api/v1/repos/org/deploy/statuses/{newer}"), json!({"state": "success", "context": "ci"})).await;
    let pull = world.get(&format!("/pulls/{number}")).await;
    assert_eq!((&pull["merged"], &pull["auto_merge"], &pull["head"]["sha"]), (&json!(false), &Value::Null, &json!(newer)));
}

#[tokio::test]
async fn a_lane_holds_its_bot() {
    let world = protected().await;
    let cases = [
        ("clusters/dev/a.yaml", pointer("0.5.2", "1m"), ""),
        ("clusters/dev/a.yaml", pointer("0.5.2", "9m"), "kargo may not make this change"),
        ("README.md", "mine\n".to_owned(), "kargo may not write README.md"),
        ("clusters/dev/b.yaml", "kind: Secret\n".to_owned(), "kargo may not make this change"),
    ];
    for (path, text, refusal) in cases {
        let result = world.push("kargo", "main", &[(path, &text)]).await;
        match result {
            Ok(_) => assert_eq!(refusal, "", "{path}"),
            Err(why) => assert!(!refusal.is_empty() && why.contains(refusal) && why.contains("Protected branch"), "{path}: {why}"),
        }
    }
    let refused = world.push("alice", "main", &[("README.md", "direct\n")]).await.expect_err("no check is green");
    assert!(refused.contains("GH006: Protected branch update failed") && refused.contains("status check"), "{refused}");
}

#[tokio::test]
async fn who_is_late_hears_the_words_that_clients_look_for() {
    let world = World::memory().with_people(json!([])).await;
    let first = world.push("alice", "main", &[("a", "1")]).await.expect("the first");
    world.push("alice", "main", &[("a", "2")]).await.expect("the second");
    let late = world.push_onto("bob", "main", first, first, &[("a", "3")]).await.expect_err("main is elsewhere");
    assert!(late.contains("incorrect old value provided"), "{late}");
}

#[tokio::test]
async fn reviews_count_for_what_they_saw() {
    let world = World::memory().with_people(json!([])).await;
    world.push("alice", "main", &[("a", "1")]).await.expect("nothing is protected yet");
    let policies = json!([{"branches": ["main"], "require": {"approvals": 1, "dismissStale": true}}]);
    world.ok("forge-admin", "PUT", "/api/v1/admin/repos/org/deploy", json!({"policies": policies})).await;
    world.push("alice", "topic", &[("a", "2")]).await.expect("a free branch");
    let number = world.open_pull("alice", "topic").await;
    let (reviews, merge) = (format!("/pulls/{number}/reviews"), format!("/pulls/{number}/merge"));
    assert_eq!(world.says("alice", "POST", &reviews, json!({"event": "APPROVED"})).await.0, 422, "nobody approves their own");
    assert_eq!(world.says("bob", "POST", &reviews, json!({"event": "APPROVED"})).await.0, 200);
    world.push("alice", "topic", &[("a", "3")]).await.expect("a free branch");
    let (status, why) = world.says("alice", "POST", &merge, json!({"Do": "fast-forward-only"})).await;
    assert!(status == 405 && why.contains("review from reviewers required"), "{status} {why}");
    assert_eq!(world.get(&reviews).await[0]["stale"], json!(true));
    assert_eq!(world.says("alice", "POST", &merge, json!({"Do": "fast-forward-only", "merge_when_checks_succeed": true})).await.0, 201);
    world.ok("bob", "POST", &format!("/api/v1/repos/org/deploy{reviews}"), json!({"event": "APPROVED"})).await;
    assert_eq!(world.tip("main").await, world.tip("topic").await, "the approval was what the merge waited for");
}

#[tokio::test]
async fn strangers_see_nothing_and_nobody_does_more_than_they_may() {
    let world = protected().await;
    world.ok("forge-admin", "PUT", "/api/v1/admin/users/eve", json!({"tokens": ["eve-token"]})).await;
    let cases = [
        ("", "GET", "/api/v1/repos/org/deploy", 401),
        ("token wrong", "GET", "/api/v1/version", 401),
        ("token eve-token", "GET", "/api/v1/repos/org/deploy", 404),
        ("token alice-token", "GET", "/api/v1/repos/org/deploy", 200),
        ("token alice-token", "GET", "/api/v1/repos/org/deploy/hooks", 403),
        ("token alice-token", "PUT", "/api/v1/admin/users/mallory", 403),
        ("token alice-token", "POST", "/api/actions/v1/claim", 403),
        ("token runner-secret", "POST", "/api/actions/v1/identity", 403),
        ("token admin-secret", "PUT", "/api/v1/admin/users/..", 422),
        ("token admin-secret", "PUT", "/api/v1/admin/users/forge-admin", 422),
        ("token admin-secret", "PUT", "/api/v1/admin/repos/a/b%2F..%2Fc", 422),
        ("token admin-secret", "GET", "/api/v1/users/alice", 200),
        ("token alice-token", "GET", "/api/v1/repos/org/deploy/contents/nothing", 404),
        ("token alice-token", "GET", "/api/v1/repos/org/deploy/git/trees/main?recursive=true", 200),
        ("token alice-token", "GET", "/api/v1/repos/org/deploy/pulls/abc", 404),
        ("token alice-token", "GET", "/api/v1/repos/org/deploy/compare/main...main", 200),
        ("token alice-token", "GET", "/api/v1/nothing", 404),
    ];
    for (who, method, path, expected) in cases {
        let (status, body) = world.call(who, method, path, json!({})).await;
        assert_eq!(status.as_u16(), expected, "{who} {method} {path}: {body}");
        assert!(!body.to_string().contains("-token") && !body.to_string().contains("-secret"), "{body}");
    }
}

#[tokio::test]
async fn the_dashboard_of_renovate_works() {
    let world = protected().await;
    let root = "/api/v1/repos/org/deploy";
    let label = world.ok("kargo", "POST", &format!("{root}/labels"), json!({"name": "deps", "color": "#00ff00"})).await;
    let issue =
        world.ok("kargo", "POST", &format!("{root}/issues"), json!({"title": "Dashboard", "body": "1", "labels": [label["id"]]})).await;
    let path = format!("{root}/issues/{}", issue["number"]);
    world.ok("kargo", "PATCH", &path, json!({"body": "2"})).await;
    assert_eq!(world.says("bob", "PATCH", &format!("/issues/{}", issue["number"]), json!({"state": "odd"})).await.0, 422);
    let comment = world.ok("kargo", "POST", &format!("{path}/comments"), json!({"body": "c"})).await;
    world.ok("kargo", "PATCH", &format!("{root}/issues/comments/{}", comment["id"]), json!({"body": "d"})).await;
    world.ok("kargo", "DELETE", &format!("{path}/labels/{}", label["id"]), Value::Null).await;
    let list = world.get("/issues?state=all&type=issues").await;
    assert_eq!((&list[0]["body"], &list[0]["labels"], &list[0]["comments"]), (&json!("2"), &json!([]), &json!(1)));
    assert_eq!(world.get(&format!("/issues/{}/comments", issue["number"])).await[0]["body"], json!("d"));

    let head = world.push("kargo", "renovate/nginx", &[("apps/a.yaml", "image: nginx:2\n")]).await.expect("a free branch");
    let body = json!({"head": "renovate/nginx", "base": "main", "title": "WIP: nginx", "body": "", "labels": [label["id"]]});
    let pull = world.ok("kargo", "POST", &format!("{root}/pulls"), body.clone()).await;
    assert_eq!((&pull["draft"], &pull["mergeable"]), (&json!(true), &json!(false)));
    let number = &pull["number"];
    assert_eq!(world.says("kargo", "POST", "/pulls", body).await.0, 409);
    world
        .ok("kargo", "POST", &format!("{root}/pulls/{number}/requested_reviewers"), json!({"reviewers": ["alice", "team:platform"]}))
        .await;
    world.ok("kargo", "PATCH", &format!("{root}/pulls/{number}"), json!({"title": "nginx"})).await;
    let list = world.get("/pulls?state=all&sort=recentupdate&limit=100&poster=kargo").await;
    assert_eq!((&list[0]["mergeable"], &list[0]["requested_reviewers_teams"][0]["name"]), (&json!(true), &json!("platform")));
    assert_eq!(world.get(&format!("/pulls/{number}/files")).await[0]["filename"], json!("apps/a.yaml"));
    assert_eq!(world.get("/branches/renovate%2Fnginx").await["commit"]["id"], json!(head));
    assert_eq!(world.get("/commits/renovate/nginx/statuses").await, json!([]));
    assert_eq!(world.get("/commits?sha=renovate/nginx&path=apps").await.as_array().expect("a list").len(), 1);
    world.ok("kargo", "PATCH", &format!("{root}/pulls/{number}"), json!({"state": "closed"})).await;
    assert_eq!(world.get("/pulls").await, json!([]));
    assert_eq!(world.ok("kargo", "GET", "/api/v1/repos/search?q=depl", Value::Null).await["data"][0]["full_name"], json!("org/deploy"));
}

#[tokio::test]
async fn hooks_are_signed_and_say_what_was_asked_for() {
    let world = protected().await;
    let root = "/api/v1/repos/org/deploy/hooks";
    let config = json!({"url": "http://flux/hook", "content_type": "json", "secret": "hush"});
    let hook = world.ok("forge-admin", "POST", root, json!({"type": "gitea", "config": config, "events": ["push"], "active": true})).await;
    assert!(!hook.to_string().contains("hush"));
    assert_eq!(world.says("forge-admin", "POST", "/hooks", json!({"config": {"url": "file:///etc/passwd"}})).await.0, 422);
    let before = world.events("push").await.len();
    world.push("alice", "topic", &[("a", "1")]).await.expect("a free branch");
    assert_eq!(world.events("push").await.len(), before + 2, "the system's hook and this one");
    world.ok("forge-admin", "DELETE", &format!("{root}/{}", hook["id"]), Value::Null).await;
    assert_eq!(world.says("forge-admin", "GET", &format!("/hooks/{}", hook["id"]), Value::Null).await.0, 404);
}
