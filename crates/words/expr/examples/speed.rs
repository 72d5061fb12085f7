//! Prints how many nanoseconds a typical Kargo expression takes to compile and to evaluate: the medians of many rounds.
//! `cargo run --release -p supercargo-expr --example speed`; `cargo xtask bench` reads it.

use std::hint::black_box;
use std::time::Instant;

use expr::kargo::{FUNCTIONS, Kargo, STATUS};
use expr::{Known, Program, Refusal, Scope, Value};
use serde_json::{Value as Json, json};

const EXPRESSION: &str = "ctx.stage == 'prod' ? imageFrom('registry.internal/myapp').Tag : (vars.tag ?? 'latest') + '-' + ctx.stage";
const ROUNDS: usize = 200;
const TIMES: u32 = 100;

struct Environment {
    ctx: Value,
    vars: Value,
    requested: Vec<Json>,
    freight: Vec<Json>,
}

impl Scope for Environment {
    fn name(&self, name: &str) -> Option<Value> {
        match name {
            "ctx" => Some(self.ctx.clone()),
            "vars" => Some(self.vars.clone()),
            _ => None,
        }
    }

    fn call(&self, name: &str, arguments: &[Value]) -> Option<Result<Value, Refusal>> {
        let kargo = Kargo { project: "p", requested: &self.requested, freight: &self.freight, answers: &|_| None, step: None };
        kargo.call(name, arguments)
    }
}

fn median(mut run: impl FnMut()) -> u128 {
    let mut times: Vec<u128> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            (0..TIMES).for_each(|_| run());
            start.elapsed().as_nanos() / u128::from(TIMES)
        })
        .collect();
    times.sort_unstable();
    times[ROUNDS / 2]
}

fn main() {
    let origin = json!({"kind": "Warehouse", "name": "w"});
    let environment = Environment {
        ctx: Value::from_json(&json!({"stage": "prod", "project": "p", "targetFreight": {"name": "abc"}})),
        vars: Value::from_json(&json!({"tag": "1.10"})),
        requested: vec![json!({"origin": origin})],
        freight: vec![json!({"origin": origin, "images": [{"repoURL": "registry.internal/myapp", "tag": "1.10", "digest": "sha256:aa"}]})],
    };
    let known = Known { functions: &[FUNCTIONS, STATUS], names: None };
    let program = Program::compile(EXPRESSION, &known).expect("the expression is right");
    assert_eq!(program.run(&environment).expect("it has a value").as_text(), Some("1.10"));
    let compile = median(|| drop(black_box(Program::compile(black_box(EXPRESSION), &known))));
    let evaluate = median(|| drop(black_box(program.run(&environment))));
    println!("{compile} {evaluate}");
}
