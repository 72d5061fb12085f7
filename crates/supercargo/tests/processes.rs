//! The program as processes on loopback: `up --empty` is one, `run --only deploy` another, and they meet at protocols alone.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use bytes::Bytes;
use http::{Method, Request};
use ports::Web;
use serde_json::{Value, json};

/// Long enough for a loaded machine; nothing waits for it when all is well.
const PATIENCE: Duration = Duration::from_secs(60);

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(arguments: &[&str], environment: &[(&str, &str)], log: &Path) -> Running {
    let log = std::fs::File::create(log).expect("a log");
    let mut command = Command::new(env!("CARGO_BIN_EXE_supercargo"));
    command.args(arguments).envs(environment.iter().copied()).stdout(log.try_clone().expect("a handle")).stderr(log).stdin(Stdio::null());
    Running(command.spawn().expect("starts"))
}

async fn until<T, F: Future<Output = Option<T>>>(what: &str, log: &Path, mut look: impl FnMut() -> F) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(started.elapsed() < PATIENCE, "{what} did not happen:\n{}", std::fs::read_to_string(log).unwrap_or_default());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn read_json(path: &Path) -> Option<Value> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

struct Http {
    web: Web,
}

impl Http {
    async fn send(&self, method: Method, url: &str, token: &str, kind: &str, body: &Value) -> (u16, Value) {
        let request = Request::builder()
            .method(method)
            .uri(url)
            .header("authorization", token)
            .header("content-type", kind)
            .body(Bytes::from(body.to_string()))
            .expect("a request");
        match self.web.send(request, None).await {
            Ok(answer) => (answer.status().as_u16(), serde_json::from_slice(answer.body()).unwrap_or_default()),
            Err(error) => (0, json!(error.to_string())),
        }
    }
}

#[tokio::test]
async fn the_deploy_role_runs_without_any_host_in_its_process() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let data_text = data.display().to_string();
    let (up_log, run_log) = (folder.path().join("up.log"), folder.path().join("run.log"));
    let _up = start(&["up", "--empty", "--port-base", "0", "--data", &data_text], &[], &up_log);
    let place = until("the start", &up_log, || async { read_json(&data.join("place.json")) }).await;
    let credentials = read_json(&data.join("credentials.json")).expect("credentials");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let authority = std::fs::read(text(&place["ca"])).expect("the authority");
    let http = Http { web: Web::new(&[authority]) };
    let forge = text(&place["forge"]);
    let admin = format!("token {}", text(&credentials["forge"]["forge-admin"]));
    let put = |path: &'static str, body: Value| {
        let (http, forge, admin) = (&http, &forge, &admin);
        async move {
            let (status, answer) = http.send(Method::PUT, &format!("{forge}/api/v1/admin/{path}"), admin, "application/json", &body).await;
            (status < 300).then_some(answer)
        }
    };
    let token = text(&credentials["forge"]["maintainer"]);
    until("the user", &up_log, || put("users/maintainer", json!({"login": "maintainer", "email": "m@x.internal", "tokens": [token]})))
        .await;
    put("repos/org/config", json!({"private": true, "default_branch": "main", "collaborators": {"maintainer": "write"}}))
        .await
        .expect("a repository");
    push(&folder.path().join("work"), &format!("{}/org/config.git", forge.replace("://", &format!("://maintainer:{token}@"))));
    let server = text(&place["clusters"]["dev"]);
    let bearer = format!("Bearer {}", text(&credentials["clusters"]["dev"]));
    let table = format!("gitea.internal={forge}");
    let login = format!("maintainer:{token}");
    let kubeconfig = text(&place["kubeconfig"]);
    let _run = start(
        &["run", "--only", "deploy", "--kubeconfig", &kubeconfig, "--context", "dev"],
        &[("SUPERCARGO_HOSTS", &table), ("SUPERCARGO_GIT_LOGIN", &login), ("HOME", &data_text)],
        &run_log,
    );
    let apply = |path: &'static str, object: Value| {
        let (http, server, bearer) = (&http, &server, &bearer);
        async move {
            let url = format!("{server}{path}?fieldManager=test&force=true");
            let (status, _) = http.send(Method::PATCH, &url, bearer, "application/apply-patch+yaml", &object).await;
            (status < 300).then_some(())
        }
    };
    let metadata = json!({"name": "config", "namespace": "default"});
    let source = json!({"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository", "metadata": metadata,
        "spec": {"interval": "10m", "url": "https://gitea.internal/org/config", "ref": {"branch": "main"}}});
    until("the source", &run_log, || apply("/apis/source.toolkit.fluxcd.io/v1/namespaces/default/gitrepositories/config", source.clone()))
        .await;
    let delivery = json!({"apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization", "metadata": metadata,
        "spec": {"interval": "10m", "prune": true, "wait": true, "path": "./", "sourceRef": {"kind": "GitRepository", "name": "config"}}});
    until("the Kustomization", &run_log, || {
        apply("/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/default/kustomizations/config", delivery.clone())
    })
    .await;
    let found = until("the ConfigMap", &run_log, || async {
        let (status, found) = http
            .send(Method::GET, &format!("{server}/api/v1/namespaces/default/configmaps/hello"), &bearer, "application/json", &Value::Null)
            .await;
        (status == 200).then_some(found)
    })
    .await;
    assert_eq!(found["data"]["text"], "a change travels");
    let managers: Vec<&str> =
        found["metadata"]["managedFields"].as_array().expect("managers").iter().filter_map(|entry| entry["manager"].as_str()).collect();
    assert_eq!(managers, ["kustomize-controller"]);
}

/// Commits a ConfigMap with the git program and pushes it.
fn push(folder: &Path, url: &str) {
    std::fs::create_dir_all(folder).expect("a folder");
    let manifest = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: hello\n  namespace: default\ndata:\n  text: a change travels\n";
    std::fs::write(folder.join("hello.yaml"), manifest).expect("a file");
    for arguments in [
        &["init", "-q", "-b", "main"][..],
        &["add", "."],
        &["-c", "user.name=t", "-c", "user.email=t@x.internal", "commit", "-q", "-m", "Add"],
        &["push", "-q", url, "main"],
    ] {
        let told = Command::new("git")
            .arg("-C")
            .arg(folder)
            .args(arguments)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_TERMINAL_PROMPT", "0")
            .output()
            .expect("git runs");
        assert!(told.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&told.stderr));
    }
}

#[test]
fn mistakes_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = |arguments: &[&str]| {
        let told = Command::new(env!("CARGO_BIN_EXE_supercargo")).args(arguments).current_dir(folder.path()).output().expect("runs");
        assert!(!told.status.success());
        String::from_utf8_lossy(&told.stderr).into_owned()
    };
    assert!(run(&["status"]).contains("start `supercargo up` first"));
    assert!(run(&["demo", "release", "1.4.3"]).contains("start `supercargo up` first"));
    assert!(run(&["run", "--only", "deploy", "--kubeconfig", "nothing"]).contains("nothing"));
    assert!(run(&["run", "--only", "steer", "--kubeconfig", "x"]).contains("invalid value 'steer'"));
    assert!(
        run(&["flux", "push", "artifact", "oci://registry.internal/x", "--path=.", "--source=s", "--revision=r"]).contains("names no tag")
    );
    assert!(run(&["cosign", "sign", "--yes", "registry.internal/x:1"]).contains("there is no identity"));
    assert!(run(&["kustomize", "build", "."]).contains("unable to find one of"));
    let text = base64::engine::general_purpose::STANDARD.encode("x");
    assert!(!run(&["sudo", "-x", &text]).is_empty());
}

#[test]
fn who_reads_no_further_gets_no_panic() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut command = Command::new(env!("CARGO_BIN_EXE_supercargo"));
    command.args(["kustomize", "version"]).stdout(writer).stderr(Stdio::piped());
    let ended = command.output().expect("it ends");
    assert_eq!((ended.status.code(), String::from_utf8_lossy(&ended.stderr).as_ref()), (Some(141), ""));
}
