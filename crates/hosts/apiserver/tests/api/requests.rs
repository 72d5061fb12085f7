//! What a request may leave open and how that is told: versions of updates, selectors by field, reviews, rows of a table.
//! The expected answers are those of the original.

use super::*;

#[tokio::test]
async fn an_update_says_what_it_replaces_where_the_kind_asks_for_it() {
    let world = World::new();
    let leases = "/apis/coordination.k8s.io/v1/namespaces/default/leases";
    let lease = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "l"}});
    assert_eq!(world.put(&format!("{leases}/l"), lease.clone()).await.0, 201, "a Lease may begin with an update");
    let (code, told) = world.put(&format!("{leases}/l"), lease.clone()).await;
    let why = "leases.coordination.k8s.io \"l\" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified for an update";
    assert_eq!((code, told["message"].as_str(), told["details"]["kind"].as_str()), (422, Some(why), Some("leases")));
    let (_, live) = world.get(&format!("{leases}/l")).await;
    assert_eq!(world.put(&format!("{leases}/l"), live).await.0, 200);
    // Others are replaced whatever they are, and are not made by an update.
    world.post(MAPS, map("m", "1")).await;
    assert_eq!(world.put(&format!("{MAPS}/m"), map("m", "2")).await.0, 200);
    assert_eq!(world.put(&format!("{MAPS}/none"), map("none", "1")).await.0, 404);
}

#[tokio::test]
async fn a_new_object_has_no_version_and_a_made_up_name_may_be_taken() {
    let world = World::new();
    let versioned = |version: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "v", "resourceVersion": version}});
    let (code, told) = world.post(MAPS, versioned("5")).await;
    assert_eq!((code, told["message"].as_str()), (500, Some("resourceVersion should not be set on objects to be created")));
    let (code, told) = world.post(&format!("{MAPS}?dryRun=All"), versioned("5")).await;
    assert_eq!((code, &told["metadata"]["resourceVersion"]), (201, &json!("5")));
    assert_eq!(world.post(MAPS, versioned("0")).await.0, 201);
    let mut again = versioned("");
    again["metadata"]["generateName"] = json!("v-");
    let (code, told) = world.post(MAPS, again).await;
    let why = "configmaps \"v\" already exists, the server was not able to generate a unique name for the object";
    assert_eq!((code, told["message"].as_str(), told["details"]["retryAfterSeconds"].as_i64()), (409, Some(why), Some(1)));
}

#[tokio::test]
async fn each_kind_says_in_its_own_way_which_fields_select() {
    let world = World::new();
    for (path, selector, wanted) in [
        ("/api/v1/pods", "spec.nodeName=", Ok(())),
        ("/api/v1/pods", "spec.host=a,status.podIPs=", Ok(())),
        ("/api/v1/pods", "foo=bar", Err("field label not supported: foo")),
        ("/api/v1/replicationcontrollers", "status.replicas=0", Ok(())),
        ("/apis/apps/v1/replicasets", "status.replicas=0", Err(NAMES)),
        ("/apis/batch/v1/jobs", "status.phase=x", Err("field label \"status.phase\" not supported for Job")),
        ("/apis/events.k8s.io/v1/events", "regarding.name=p,reportingController!=x", Ok(())),
        ("/apis/events.k8s.io/v1/events", "involvedObject.name=p", Err("field label not supported: involvedObject.name")),
        ("/apis/certificates.k8s.io/v1/certificatesigningrequests", "spec.signerName=x", Ok(())),
        ("/api/v1/configmaps", "metadata.name=a=b", Err("invalid field selector: unescaped character in value: 61")),
    ] {
        let (code, told) = world.get(&format!("{path}?fieldSelector={}", selector.replace('=', "%3D").replace(',', "%2C"))).await;
        match wanted {
            Ok(()) => assert_eq!(code, 200, "{path} {selector}: {told}"),
            Err(why) => assert_eq!((code, told["message"].as_str()), (400, Some(why)), "{path} {selector}"),
        }
    }
    assert_eq!(world.get("/api/v1/pods?limit=-1").await.0, 200);
}

const NAMES: &str = "\"status.replicas\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\"";

#[tokio::test]
async fn a_review_is_read_like_any_object() {
    let world = World::new();
    let reviews = "/apis/authentication.k8s.io/v1/tokenreviews";
    let (code, told) = world.post(reviews, json!({"spec": {"token": 5}})).await;
    let why = "TokenReview in version \"v1\" cannot be handled as a TokenReview: json: cannot unmarshal number into Go struct field \
               TokenReviewSpec.spec.token of type string";
    assert_eq!((code, told["message"].as_str()), (400, Some(why)));
    let (code, told) = world.post(reviews, json!({"bogus": 1, "metadata": {"uid": "u"}, "spec": {"token": "x"}})).await;
    assert_eq!((code, &told["metadata"], told.get("bogus")), (201, &json!({}), None));
    let strict = format!("{reviews}?fieldValidation=Strict");
    let (code, told) = world.post(&strict, json!({"bogus": 1, "spec": {"token": "x"}})).await;
    assert!(code == 400 && told["message"].as_str().is_some_and(|why| why.ends_with("unknown field \"bogus\"")), "{told}");
}

#[tokio::test]
async fn a_wrong_deletion_says_what_is_right() {
    let world = World::new();
    let place = "/apis/apps/v1/namespaces/default/deployments/none";
    let (code, told) = world.delete(place, json!({"propagationPolicy": "x"})).await;
    let why = "DeleteOptions.meta.k8s.io \"\" is invalid: propagationPolicy: Unsupported value: \"x\": supported values: \
               \"Foreground\", \"Background\", \"Orphan\", \"nil\"";
    assert_eq!((code, told["message"].as_str()), (422, Some(why)));
    let (_, told) = world.delete(place, json!({"kind": "Foo"})).await;
    assert_eq!(
        told["message"].as_str(),
        Some("no kind \"Foo\" is registered for version \"meta.k8s.io/v1\" in scheme \"pkg/runtime/scheme.go:111\"")
    );
    let template = json!({"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "x"}]}});
    let spec = json!({"selector": {"matchLabels": {"a": "b"}}, "template": template});
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": spec});
    assert_eq!(world.post("/apis/apps/v1/namespaces/default/deployments", deployment).await.0, 201);
    let (_, told) = world.delete("/apis/apps/v1/namespaces/default/deployments/d", json!({"preconditions": {"uid": "x"}})).await;
    assert!(told["message"].as_str().is_some_and(|why| why.starts_with("Operation cannot be fulfilled on Deployment.apps \"d\"")));
    assert_eq!(told["details"]["group"], "apps");
}
