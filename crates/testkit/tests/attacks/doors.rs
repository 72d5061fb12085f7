//! Every door, without credentials and with those of somebody else.

use serde_json::{Value, json};
use supercargo::world::{FORGE, IDENTITY, REGISTRY};
use testkit::As;

use crate::Attempt;
use crate::siege::{DEPLOYMENT, Siege};

pub const ATTEMPTS: [(&str, &str, Attempt); 13] = [
    ("the registry without credentials", "401", |siege| {
        get(siege, &As::Nobody, &format!("https://{REGISTRY}/v2/deployments/myapp/tags/list"))
    }),
    ("the registry with a foreign token", "401", |siege| {
        get(siege, &As::Token("foreign"), &format!("https://{REGISTRY}/v2/deployments/myapp/tags/list"))
    }),
    ("the forge's API without credentials", "401", |siege| {
        get(siege, &As::Nobody, &format!("https://{FORGE}/api/v1/repos/org/deployment"))
    }),
    ("the forge's API with a foreign token", "401", |siege| {
        get(siege, &As::Token("foreign"), &format!("https://{FORGE}/api/v1/repos/org/deployment"))
    }),
    ("the forge's administration as somebody", "403", administration),
    ("a clone without credentials", "401", |siege| {
        get(siege, &As::Nobody, &format!("https://{FORGE}/org/deployment.git/info/refs?service=git-upload-pack"))
    }),
    ("the runners' door with a developer's token", "403", runner),
    ("a cluster without credentials", r#"User \"system:anonymous\" cannot list"#, |siege| cluster(siege, &As::Nobody)),
    ("a cluster with a foreign token", "401", |siege| cluster(siege, &As::Token("foreign"))),
    ("a cluster with another cluster's token", "401", other_cluster),
    ("a certificate without an identity", "the identity token: it is missing", certificate),
    ("a certificate with a token for the registry", "There was an error processing the identity token", wrong_audience),
    ("the tokens of a job that is over", "401 401", finished_job),
];

fn get(siege: &mut Siege, who: &As<'_>, url: &str) -> anyhow::Result<String> {
    let (code, told) = siege.drill.ask(siege.outside.ask(who, "GET", url, Value::Null))?;
    Ok(format!("{code} {told}"))
}

fn administration(siege: &mut Siege) -> anyhow::Result<String> {
    let token = siege.token("maintainer")?;
    let url = format!("https://{FORGE}/api/v1/admin/users/evil");
    let (code, told) = siege.drill.ask(siege.outside.ask(&As::User("maintainer", &token), "PUT", &url, json!({"login": "evil"})))?;
    Ok(format!("{code} {told}"))
}

fn runner(siege: &mut Siege) -> anyhow::Result<String> {
    let token = siege.token("developer")?;
    let url = format!("https://{FORGE}/api/actions/v1/claim");
    let (code, told) = siege.drill.ask(siege.outside.ask(&As::User("developer", &token), "POST", &url, json!({"runner": "evil"})))?;
    Ok(format!("{code} {told}"))
}

fn cluster(siege: &mut Siege, who: &As<'_>) -> anyhow::Result<String> {
    let (code, told) = siege.drill.ask(siege.outside.cluster(who, "prod", "GET", "/api/v1/namespaces/flux-system/secrets", Value::Null))?;
    Ok(format!("{code} {told}"))
}

fn other_cluster(siege: &mut Siege) -> anyhow::Result<String> {
    let token = siege.drill.world().credentials.clusters.get("dev").cloned().unwrap_or_default();
    cluster(siege, &As::Token(&token))
}

fn signing(siege: &mut Siege, who: &As<'_>) -> anyhow::Result<String> {
    let url = format!("https://{IDENTITY}/api/v2/signingCert");
    let (code, told) = siege.drill.ask(siege.outside.ask(who, "POST", &url, json!({"certificateSigningRequest": ""})))?;
    Ok(format!("{code} {told}"))
}

fn certificate(siege: &mut Siege) -> anyhow::Result<String> {
    signing(siege, &As::Nobody)
}

fn wrong_audience(siege: &mut Siege) -> anyhow::Result<String> {
    let token = siege.workflow_token(DEPLOYMENT, REGISTRY)?;
    signing(siege, &As::Token(&token))
}

/// The tokens of a job, once the job has ended: for its repository, and for an identity.
fn finished_job(siege: &mut Siege) -> anyhow::Result<String> {
    let world = siege.drill.world();
    let server = format!("https://{FORGE}");
    siege.drill.ask(world.release("1.0.0", siege.drill.now()))?;
    let call = |path: &str, body: Value| {
        let (forge, server, path) = (world.ports.forge.clone(), server.clone(), format!("/api/actions/v1{path}"));
        siege.drill.ask(async move { forge.raw(&server, http::Method::POST, &path, Some(body), "forge-runner").await })
    };
    let job = call("/claim", json!({"runner": "another", "fresh": false}))?;
    let (token, identity) =
        (job["token"].as_str().unwrap_or_default().to_owned(), job["identity_token"].as_str().unwrap_or_default().to_owned());
    let tokens = |siege: &Siege| -> anyhow::Result<[u16; 2]> {
        let clone = format!("{server}/api/v1/repos/org/app-myapp/contents/VERSION");
        let oidc = format!("{server}/api/actions/oidc/token?version=1&audience=sigstore");
        let clone = siege.drill.ask(siege.outside.ask(&As::User("x-access-token", &token), "GET", &clone, Value::Null))?.0;
        Ok([clone, siege.drill.ask(siege.outside.ask(&As::Token(&identity), "GET", &oidc, Value::Null))?.0])
    };
    anyhow::ensure!(tokens(siege)? == [200, 200], "while it runs they are good: {:?}", tokens(siege)?);
    let finish = json!({"attempt": job["job"]["attempt"], "state": "failure", "outputs": {}, "description": "given up", "log": ""});
    call(&format!("/jobs/{}/finish", job["job"]["id"]), finish)?;
    Ok(tokens(siege)?.map(|code| code.to_string()).join(" "))
}
