//! The real git program against the forge on a socket, with repositories in a folder.

mod world;

use std::path::Path;
use std::process::Output;

use serde_json::json;
use world::World;

/// The forge on a port, and a folder for clones.
struct Served {
    world: World,
    port: u16,
    folder: tempfile::TempDir,
}

async fn serve() -> Served {
    let folder = tempfile::tempdir().expect("a folder");
    let world = World::folder(&folder.path().join("repositories"));
    serve_world(world, folder).await
}

async fn serve_world(world: World, folder: tempfile::TempDir) -> Served {
    let world = world.with_people(json!([])).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let router = world.forge.router();
    tokio::spawn(async move { axum::serve(listener, router).await });
    Served { world, port, folder }
}

impl Served {
    fn url(&self, who: &str) -> String {
        format!("http://{who}:{who}-token@127.0.0.1:{}/org/deploy.git", self.port)
    }

    async fn git(&self, at: &str, arguments: &[&str]) -> Output {
        let mut command = tokio::process::Command::new("git");
        command
            .current_dir(self.folder.path().join(at))
            .args(["-c", "user.name=Alice", "-c", "user.email=alice@example.com"])
            .args(arguments);
        command.env("GIT_TERMINAL_PROMPT", "0").env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null").env("LC_ALL", "C");
        command.output().await.expect("the git program")
    }

    async fn ok(&self, at: &str, arguments: &[&str]) -> String {
        let output = self.git(at, arguments).await;
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    async fn refused(&self, at: &str, arguments: &[&str]) -> String {
        let output = self.git(at, arguments).await;
        assert!(!output.status.success(), "git {arguments:?} should have been refused");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    /// Commits a file in a clone.
    async fn commit(&self, at: &str, path: &str, text: &str) -> String {
        let file = self.folder.path().join(at).join(path);
        std::fs::create_dir_all(file.parent().unwrap_or(Path::new("."))).expect("a folder");
        std::fs::write(file, text).expect("a file");
        self.ok(at, &["add", "-A"]).await;
        self.ok(at, &["commit", "-q", "-m", &format!("Change {path}")]).await;
        self.ok(at, &["rev-parse", "HEAD"]).await
    }

    /// Makes a clone with a history of three commits that the forge has.
    async fn started(&self) -> String {
        self.ok("", &["clone", "-q", &self.url("alice"), "a"]).await;
        self.ok("a", &["checkout", "-q", "-B", "main"]).await;
        self.commit("a", "README.md", "1\n").await;
        self.commit("a", "apps/a.yaml", &"image: nginx:1\n".repeat(200)).await;
        let head = self.commit("a", "apps/a.yaml", &"image: nginx:2\n".repeat(200)).await;
        self.ok("a", &["push", "-q", "origin", "main"]).await;
        head
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_protocol_clones_fetches_and_pushes() {
    let served = serve().await;
    let head = served.started().await;
    served.ok("a", &["tag", "-a", "v1", "-m", "one"]).await;
    served.ok("a", &["push", "-q", "origin", "v1"]).await;
    for version in ["0", "1", "2"] {
        let protocol = format!("protocol.version={version}");
        let git = |arguments: &[&str]| [&["-c", protocol.as_str()], arguments].concat().into_iter().map(str::to_owned).collect::<Vec<_>>();
        let run = async |at: &str, arguments: &[&str]| {
            let all = git(arguments);
            served.ok(at, &all.iter().map(String::as_str).collect::<Vec<_>>()).await
        };
        let url = served.url("bob");
        let (full, shallow, blobless) = (format!("full{version}"), format!("shallow{version}"), format!("blobless{version}"));
        run("", &["clone", "-q", &url, &full]).await;
        assert_eq!(run(&full, &["rev-parse", "HEAD"]).await, head);
        assert_eq!(run(&full, &["rev-parse", "v1^{commit}"]).await, head);
        run(&full, &["fsck", "--full", "--strict"]).await;
        run("", &["clone", "-q", "--depth", "1", "--no-tags", &url, &shallow]).await;
        assert_eq!(run(&shallow, &["rev-list", "--count", "HEAD"]).await, "1");
        run(&shallow, &["fetch", "-q", "--unshallow"]).await;
        assert_eq!(run(&shallow, &["rev-list", "--count", "HEAD"]).await, "3");
        run("", &["clone", "-q", "--filter=blob:none", "--no-checkout", &url, &blobless]).await;
        assert!(run(&blobless, &["cat-file", "-p", "HEAD~1:apps/a.yaml"]).await.contains("nginx:1"));

        let branch = format!("topic{version}");
        run(&full, &["checkout", "-q", "-b", &branch]).await;
        let topic = served.commit(&full, "b.txt", &format!("{version}\n")).await;
        run(&full, &["push", "-q", "origin", &branch]).await;
        run(&shallow, &["fetch", "-q", "origin", &format!("{branch}:{branch}")]).await;
        assert_eq!(run(&shallow, &["rev-parse", &branch]).await, topic);
        run(&full, &["push", "-q", "--delete", "origin", &branch]).await;
        assert_eq!(run(&full, &["ls-remote", "--heads", "origin", &branch]).await, "");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_in_memory_serves_protocol_2_and_says_what_it_lacks() {
    let served = serve_world(World::memory(), tempfile::tempdir().expect("a folder")).await;
    let head = served.started().await;
    served.ok("", &["clone", "-q", &served.url("bob"), "b"]).await;
    assert_eq!(served.ok("b", &["rev-parse", "HEAD"]).await, head);
    let next = served.commit("a", "README.md", "2\n").await;
    served.ok("a", &["push", "-q", "origin", "main"]).await;
    served.ok("b", &["pull", "-q", "--ff-only"]).await;
    assert_eq!(served.ok("b", &["rev-parse", "HEAD"]).await, next);
    assert!(served.refused("", &["-c", "protocol.version=0", "clone", "-q", &served.url("bob"), "c"]).await.contains("422"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_reads_its_repository_and_no_more() {
    let served = serve().await;
    served.started().await;
    let head = served.commit("a", ".gitea/workflows/build.yml", "build").await;
    served.ok("a", &["push", "-q", "origin", "main"]).await;
    let job = served.world.claim(false).await.expect("the push started a job");
    let url = format!("http://x-access-token:{}@127.0.0.1:{}/org/deploy.git", job["token"].as_str().expect("a token"), served.port);
    served.ok("", &["clone", "-q", &url, "job"]).await;
    assert_eq!(served.ok("job", &["rev-parse", "HEAD"]).await, head);
    served.commit("job", "README.md", "by a job\n").await;
    assert!(served.refused("job", &["push", "origin", "main"]).await.contains("403"));
    assert_eq!(served.world.finish(&job, "success").await, 204);
    served.refused("job", &["fetch", "-q", "origin"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_protected_branch_only_moves_forward_and_only_when_it_may() {
    let served = serve().await;
    let head = served.started().await;
    let policies = json!([{"branches": ["main"], "require": {"noForcePush": true, "statuses": ["ci"]}}]);
    served.world.ok("forge-admin", "PUT", "/api/v1/admin/repos/org/deploy", json!({"policies": policies})).await;
    served.commit("a", "README.md", "2\n").await;
    let said = served.refused("a", &["push", "origin", "main"]).await;
    assert!(said.contains("remote: error: GH006: Protected branch update failed") && said.contains("[remote rejected]"), "{said}");
    served.ok("a", &["push", "-q", "origin", "main:topic"]).await;
    let tip = served.ok("a", &["rev-parse", "HEAD"]).await;
    served.world.ok("bob", "POST", &format!("/api/v1/repos/org/deploy/statuses/{tip}"), json!({"state": "success", "context": "ci"})).await;
    served.ok("a", &["push", "-q", "origin", "main"]).await;

    served.ok("a", &["reset", "-q", "--hard", &head]).await;
    served.commit("a", "README.md", "3\n").await;
    let said = served.refused("a", &["push", "--force", "origin", "main"]).await;
    assert!(said.contains("it only moves forward"), "{said}");
    assert!(served.refused("a", &["push", "--delete", "origin", "main"]).await.contains("deletion"));
    assert_eq!(served.world.tip("main").await.to_string(), tip);
    served.ok("a", &["push", "-q", "--force", "origin", "main:topic"]).await;
    let said = served.refused("a", &["push", "--atomic", "origin", "main:main2", "+main:main"]).await;
    assert!(said.contains("atomic"), "{said}");
    assert!(served.world.tip("main2").await.is_zero());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_pushes_at_once_one_wins_and_the_others_hear_why() {
    let served = serve().await;
    served.started().await;
    for name in ["c0", "c1", "c2", "c3"] {
        served.ok("", &["clone", "-q", &served.url("bob"), name]).await;
        served.commit(name, &format!("{name}.txt"), "x\n").await;
    }
    let push = |name: &'static str| served.git(name, &["push", "origin", "HEAD:main"]);
    let (a, b, c, d) = tokio::join!(push("c0"), push("c1"), push("c2"), push("c3"));
    let all = [a, b, c, d];
    assert_eq!(all.iter().filter(|output| output.status.success()).count(), 1);
    for lost in all.iter().filter(|output| !output.status.success()) {
        let said = String::from_utf8_lossy(&lost.stderr);
        // What Kargo looks for before it rebases and tries again.
        assert!(["non-fast-forward", "fetch first", "incorrect old value provided"].iter().any(|text| said.contains(text)), "{said}");
    }
    let main = served.world.tip("main").await;
    assert_eq!(served.ok("a", &["ls-remote", &served.url("alice"), "refs/heads/main"]).await, format!("{main}\trefs/heads/main"));
}

#[tokio::test(flavor = "multi_thread")]
async fn large_pushes_survive_a_crash_and_strangers_are_asked_who_they_are() {
    let served = serve().await;
    served.started().await;
    for index in 0..300 {
        std::fs::write(served.folder.path().join(format!("a/file{index}")), format!("{index}\n").repeat(1_000)).expect("a file");
    }
    let head = served.commit("a", "large.bin", &"0123456789abcdef".repeat(200_000)).await;
    served.ok("a", &["push", "-q", "origin", "main"]).await;
    let anonymous = format!("http://127.0.0.1:{}/org/deploy.git", served.port);
    assert!(served.refused("", &["clone", "-q", &anonymous, "nobody"]).await.contains("could not read Username"));
    let bare = served.folder.path().join("repositories/org/deploy.git").display().to_string();
    served.ok("", &["-c", "safe.directory=*", "--git-dir", &bare, "fsck", "--full", "--strict"]).await;
    let Served { world, folder, .. } = served;
    let world = world.crash();
    assert_eq!(world.tip("main").await.to_string(), head);
    let objects = world.fetch(world.tip("main").await).await;
    assert!(objects.len() > 300);
    drop(folder);
}
