//! Kargo's functions: what they find, what they ask for, what they refuse.

use expr::kargo::{DISCOVERED, Discovered, FUNCTIONS, Kargo, STATUS, Step};
use expr::{Halt, Known, Program, Question, Refusal, Scope, Value};
use serde_json::{Value as Json, json};

struct World {
    requested: Vec<Json>,
    freight: Vec<Json>,
    steps: Vec<Json>,
    /// What has been fetched.
    fetched: Vec<(Question, Option<Json>)>,
}

impl Scope for World {
    fn name(&self, _name: &str) -> Option<Value> {
        None
    }

    fn call(&self, name: &str, arguments: &[Value]) -> Option<Result<Value, Refusal>> {
        let answer = |question: &Question| self.fetched.iter().find(|(known, _)| known == question).map(|(_, answer)| answer.clone());
        let step = Some(Step { alias: "deploy::b", metadata: &self.steps });
        let kargo = Kargo { project: "p", requested: &self.requested, freight: &self.freight, answers: &answer, step };
        kargo.call(name, arguments)
    }
}

fn origin(name: &str) -> Json {
    json!({"kind": "Warehouse", "name": name})
}

fn world() -> World {
    World {
        requested: vec![json!({"origin": origin("w")})],
        freight: vec![json!({
            "origin": origin("w"),
            "images": [{"repoURL": "r/x", "tag": "1.10", "digest": "sha256:aa", "annotations": {"a": "b"}}],
            "commits": [{"repoURL": "https://git.example.com/Org/Repo.git", "id": "c0ffee", "branch": "main", "message": "m"}],
            "charts": [{"repoURL": "oci://r/c", "version": "0.1.0"}, {"repoURL": "https://c", "name": "n", "version": "0.2.0"}],
            "artifacts": [{"artifactType": "t", "subscriptionName": "s", "version": "7", "metadata": {"k": 1}}],
        })],
        steps: vec![
            json!({"alias": "a", "status": "Succeeded"}),
            json!({"alias": "deploy::a", "status": "Failed", "continueOnError": true}),
            json!({"alias": "deploy::b", "status": "Running"}),
        ],
        fetched: Vec::new(),
    }
}

fn run(source: &str, world: &World) -> Result<String, Halt> {
    let known = Known { functions: &[FUNCTIONS, STATUS], names: None };
    Program::compile(source, &known)?.run(world).map(|value| value.json_text().unwrap_or_else(|error| error))
}

#[test]
fn functions_find_what_the_freight_has() {
    let mut world = world();
    world.fetched = vec![
        (Question::ConfigMap("c".into()), Some(json!({"k": "v"}))),
        (Question::Secret("s".into()), None),
        (Question::Freight("f".into()), Some(json!({"status": {"metadata": {"n": 1}, "verifiedIn": {"dev": {}}}}))),
        (Question::Freight("gone".into()), None),
        (Question::Stage("dev".into()), Some(json!({"status": {}}))),
    ];
    for (source, wanted) in [
        ("imageFrom('r/x')", r#"{"repoURL":"r/x","tag":"1.10","digest":"sha256:aa","annotations":{"a":"b"}}"#),
        ("imageFrom('r/x').Tag", r#""1.10""#),
        ("imageFrom('r/x', warehouse('w')).Annotations.a", r#""b""#),
        ("imageFrom('r/x', warehouse('other'))", "null"),
        ("imageFrom('r/x').Annotations.none", r#""""#),
        ("imageFrom('r/y')?.Tag ?? 'none'", r#""none""#),
        ("commitFrom('https://user@git.example.com/org/repo').ID", r#""c0ffee""#),
        ("chartFrom('oci://r/c').Version + chartFrom('https://c', 'n').Version", r#""0.1.00.2.0""#),
        ("chartFrom('https://c', 'n', warehouse('w')).Name", r#""n""#),
        ("chartFrom('https://c', warehouse('w'))", "null"),
        ("artifactFrom('s').Metadata.k + len(artifactFrom('s').Version)", "2"),
        ("configMap('c').k + configMap('c').none + secret('s').any", r#""v""#),
        ("freightMetadata('f').n", "1"),
        ("freightMetadata('gone')", "null"),
        ("'dev' in freightStatus('f').verifiedIn", "true"),
        ("stageMetadata('dev')", "null"),
        (
            "[semverDiff('1.0.0', '2.0.0'), semverDiff('1.0.0', '1.0.1'), semverDiff('1.0.0+a', 'v1.0+b'), semverDiff('1', '1.0.0'), semverDiff('x', '1')]",
            r#"["Major","Patch","Metadata","None","Incomparable"]"#,
        ),
        (
            "[semverParse('v1.2').Major(), semverParse('1.2.3-rc.1').Prerelease(), semverParse('1.2.3-rc.1').IncPatch().String()]",
            r#"[1,"rc.1","1.2.3"]"#,
        ),
        ("[status('a'), status('b'), status('none'), success(), failure(), always()]", r#"["Failed","Running","",true,false,true]"#),
    ] {
        assert_eq!(run(source, &world).map_err(|halt| halt.to_string()).as_deref(), Ok(wanted), "{source}");
    }
}

#[test]
fn what_is_not_fetched_is_asked_for() {
    let mut world = world();
    for (source, question) in [
        ("configMap('c').k", Question::ConfigMap("c".into())),
        ("sharedConfigMap('c')", Question::SharedConfigMap("c".into())),
        ("false or secret('s').key == 'x'", Question::Secret("s".into())),
        ("[1] | map(sharedSecret('s'))", Question::SharedSecret("s".into())),
        ("freightStatus('f')", Question::Freight("f".into())),
        ("stageMetadata('dev')", Question::Stage("dev".into())),
    ] {
        assert_eq!(run(source, &world), Err(Halt::Need(question)), "{source}");
    }
    // With several requested Freight the Warehouses say which one is meant, one after the other.
    world.requested.push(json!({"origin": origin("v")}));
    let subscribed = |url: &str| Some(json!({"spec": {"subscriptions": [{"image": {"repoURL": url}}]}}));
    assert_eq!(run("imageFrom('r/x').Tag", &world), Err(Halt::Need(Question::Warehouse("w".into()))));
    world.fetched.push((Question::Warehouse("w".into()), subscribed("r/x")));
    assert_eq!(run("imageFrom('r/x').Tag", &world), Err(Halt::Need(Question::Warehouse("v".into()))));
    world.fetched.push((Question::Warehouse("v".into()), subscribed("r/z")));
    assert_eq!(run("imageFrom('r/x').Tag", &world).as_deref(), Ok("\"1.10\""));
    world.fetched[1].1 = subscribed("r/x");
    let doubt = run("imageFrom('r/x')", &world).map_err(|halt| halt.to_string()).err().unwrap_or_default();
    assert!(doubt.starts_with("multiple requested Freight could potentially provide a container image from repository r/x: please provide a Freight origin to disambiguate (1:1)"), "{doubt}");
}

#[test]
fn what_is_wrong_is_told_in_kargos_words() {
    for (source, error) in [
        (
            "imageFrom('typo').Tag",
            "reflect: call of reflect.Value.Field on zero Value (1:19)\n | imageFrom('typo').Tag\n | ..................^",
        ),
        (
            "commitFrom('x').Subject",
            "type v1alpha1.GitCommit has no field Subject (1:17)\n | commitFrom('x').Subject\n | ................^",
        ),
        ("imageFrom(1)", "cannot use int as argument (type string) to call imageFrom  (1:11)\n | imageFrom(1)\n | ..........^"),
        ("imageFrom()", "not enough arguments to call imageFrom (1:1)\n | imageFrom()\n | ^"),
        ("chartFrom('none')", "chart from repo none not found in referenced Freight (1:1)\n | chartFrom('none')\n | ^"),
        ("warehouse('')", "name must not be empty (1:1)\n | warehouse('')\n | ^"),
        ("semverParse('x')", "invalid semantic version: invalid semantic version (1:1)\n | semverParse('x')\n | ^"),
        ("status('')", "argument must not be empty (1:1)\n | status('')\n | ^"),
    ] {
        assert_eq!(run(source, &world()).map_err(|halt| halt.to_string()), Err(error.to_owned()), "{source}");
    }
}

#[test]
fn criteria_see_what_has_been_discovered() {
    struct Criteria(Json);
    impl Scope for Criteria {
        fn name(&self, _name: &str) -> Option<Value> {
            None
        }

        fn call(&self, name: &str, arguments: &[Value]) -> Option<Result<Value, Refusal>> {
            Discovered(&self.0).call(name, arguments)
        }
    }
    let criteria = Criteria(json!({
        "images": [{"repoURL": "docker.io/library/nginx", "references": [{"tag": "1.2", "digest": "sha256:aa"}]}],
        "git": [{"repoURL": "https://git.example.com/org/repo.git", "commits": [{"id": "c0ffee", "tag": "v1.2"}]}],
        "charts": [{"repoURL": "https://c", "name": "n", "versions": ["0.2.0", "0.1.0"]}],
    }));
    let known = Known { functions: &[DISCOVERED], names: None };
    for (source, wanted) in [
        ("imageFrom('nginx').Tag == trimPrefix(commitFrom('https://git.example.com/org/repo').Tag, 'v')", "true"),
        ("chartFrom('https://c').Version", "\"0.2.0\""),
        ("imageFrom('other') == nil and artifactFrom('x') == nil", "true"),
    ] {
        let value = Program::compile(source, &known).map_err(Halt::Error).and_then(|program| program.run(&criteria));
        assert_eq!(value.map_err(|halt| halt.to_string()).and_then(|value| value.json_text()).as_deref(), Ok(wanted), "{source}");
    }
}
