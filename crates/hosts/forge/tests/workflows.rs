//! Workflow runs from the push to the green status.

mod world;

use serde_json::{Value, json};
use world::World;

const FILE: &str = ".gitea/workflows/build.yml";

async fn pushed(workflow: &str) -> (World, git::ObjectId) {
    let world = World::memory().with_people(json!([])).await;
    let head = world.push("alice", "main", &[(FILE, workflow)]).await.expect("main is free");
    (world, head)
}

async fn state(world: &World, head: git::ObjectId) -> Value {
    world.get(&format!("/commits/{head}/status")).await["state"].clone()
}

#[tokio::test]
async fn a_push_runs_to_a_green_status() {
    let (world, head) = pushed("build id-token\ndeploy needs build").await;
    assert_eq!(state(&world, head).await, json!("pending"));
    let build = world.claim(false).await.expect("a job is ready");
    assert!(world.claim(false).await.is_none(), "the other one waits");
    assert_eq!(build["run"]["content"], json!("build id-token\ndeploy needs build"));
    assert_eq!(build["run"]["event"]["after"], json!(head));

    let token = build["token"].as_str().expect("a token");
    let own = |path: &str| format!("/api/v1/repos/org/deploy{path}");
    assert_eq!(world.call(&format!("token {token}"), "GET", &own(""), Value::Null).await.0, 200);
    assert_eq!(world.call(&format!("token {token}"), "POST", &own("/issues"), json!({"title": "x"})).await.0, 403);
    assert_eq!(
        world
            .call("bob", "POST", &own(&format!("/statuses/{head}")), json!({"state": "success", "context": "build / build (push)"}))
            .await
            .0,
        403
    );

    let request = json!({"token": build["identity_token"]});
    let claims = world.ok("forge-admin", "POST", "/api/actions/v1/identity", request.clone()).await;
    assert_eq!(claims["sub"], json!("repo:org/deploy:ref:refs/heads/main"));
    assert_eq!(claims["job_workflow_ref"], json!("org/deploy/.gitea/workflows/build.yml@refs/heads/main"));
    assert_eq!((&claims["sha"], &claims["run_attempt"], &claims["repository_visibility"]), (&json!(head), &json!("1"), &json!("private")));

    assert_eq!(world.finish(&build, "success").await, 204);
    assert_eq!(world.finish(&build, "success").await, 204, "saying it again changes nothing");
    assert_eq!(world.finish(&build, "failure").await, 409);
    assert_eq!(world.call("forge-admin", "POST", "/api/actions/v1/identity", request).await.0, 404);
    assert_eq!(world.call(&format!("token {token}"), "GET", &own(""), Value::Null).await.0, 401);

    let deploy = world.claim(false).await.expect("what it needs is there");
    assert_eq!(deploy["job"]["needs"], json!({"build": {"result": "success", "outputs": {"tag": "0.5.1"}}}));
    assert_eq!(deploy["identity_token"], Value::Null);
    assert_eq!(world.finish(&deploy, "success").await, 204);
    assert_eq!(state(&world, head).await, json!("success"));
    assert_eq!(world.get(&format!("/actions/jobs/{}/logs", build["job"]["id"])).await, json!("it ran\n"));
    assert_eq!(world.get("/actions/runs").await["workflow_runs"][0]["conclusion"], json!("success"));
    assert_eq!(world.events("workflow_run").await.len(), 1);
    let jobs: Vec<Value> = world.events("workflow_job").await.iter().map(|event| event["action"].clone()).collect();
    assert_eq!(jobs, ["queued", "waiting", "in_progress", "completed", "queued", "in_progress", "completed"]);
}

#[tokio::test]
async fn a_failure_reaches_those_who_need_it() {
    let (world, head) = pushed("a\nb needs a\nc needs b\nd").await;
    let a = world.claim(false).await.expect("a");
    assert_eq!(world.finish(&a, "failure").await, 204);
    let d = world.claim(false).await.expect("d");
    assert_eq!(d["job"]["job_id"], json!("d"));
    assert_eq!(world.finish(&d, "success").await, 204);
    assert!(world.claim(false).await.is_none());
    assert_eq!(state(&world, head).await, json!("failure"));
    assert_eq!(world.get("/actions/runs").await["workflow_runs"][0]["conclusion"], json!("failure"));
}

#[tokio::test]
async fn what_can_never_run_fails_at_once() {
    for workflow in ["a needs b", "a needs b\nb needs a", "a\na"] {
        let (world, head) = pushed(workflow).await;
        assert_eq!(state(&world, head).await, json!("failure"), "{workflow}");
        assert!(world.claim(false).await.is_none(), "{workflow}");
    }
}

#[tokio::test]
async fn nothing_is_lost_when_runner_or_forge_crash() {
    let (world, head) = pushed("build id-token").await;
    let first = world.claim(false).await.expect("a job");
    let world = world.crash();
    assert_eq!(world.tip("main").await, head);
    assert!(world.claim(false).await.is_none(), "the job is with its runner");
    let again = world.claim(true).await.expect("a fresh runner has lost it");
    assert_eq!((&again["job"]["id"], &again["job"]["attempt"]), (&first["job"]["id"], &json!(2)));
    assert_ne!(again["token"], first["token"]);
    assert_eq!(world.call("forge-admin", "POST", "/api/actions/v1/identity", json!({"token": first["identity_token"]})).await.0, 404);
    assert_eq!(world.finish(&first, "success").await, 409, "the old attempt is nobody's any more");
    assert_eq!(world.finish(&again, "success").await, 204);
    let world = world.crash();
    assert_eq!(state(&world, head).await, json!("success"));
    assert!(world.claim(true).await.is_none());
}
