//! What runners say, below `/api/actions/v1`. For the runner and administrators only.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::ForgeError;
use crate::access::Actor;
use crate::api::{Answer, Call};
use crate::queue::Finish;
use crate::rest::{bounded, parse, unknown};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claim {
    runner: String,
    #[serde(default)]
    fresh: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Finished {
    attempt: u32,
    state: State,
    #[serde(default)]
    outputs: BTreeMap<String, String>,
    #[serde(default)]
    description: String,
    #[serde(default)]
    log: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Success,
    Failure,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Identity {
    token: String,
}

pub(super) fn answer(call: &Call<'_>, method: &str, path: &[&str]) -> Result<Answer, ForgeError> {
    let admin = call.actor.is_admin();
    let runner = admin || matches!(call.actor, Actor::Runner);
    match (method, path) {
        ("POST", ["claim"]) if runner => claim(call),
        ("POST", ["jobs", id, "finish"]) if runner => {
            let Finished { attempt, state, outputs, description, log } = call.body()?;
            let finish = Finish { attempt, success: state == State::Success, outputs, description, log };
            call.forge.finish(parse(id)?, &finish)?;
            Ok(Answer::empty())
        }
        // Only the issuer, which acts as an administrator, may turn a request token into an identity.
        ("POST", ["identity"]) if admin => {
            let Identity { token } = call.body()?;
            Ok(Answer::json(call.forge.identity(&token)?))
        }
        ("POST", ["claim" | "identity"] | ["jobs", _, "finish"]) => Err(match call.actor {
            Actor::Anonymous => ForgeError::Unauthenticated,
            _ => ForgeError::Forbidden(format!("{} is not the runner", call.actor.login())),
        }),
        _ => Err(unknown(method, path)),
    }
}

fn claim(call: &Call<'_>) -> Result<Answer, ForgeError> {
    let Claim { runner, fresh } = call.body()?;
    bounded("runner", &runner, 255)?;
    if runner.is_empty() {
        return Err(ForgeError::Invalid("runner: it is empty".to_owned()));
    }
    Ok(call.forge.claim(&runner, fresh)?.map_or_else(Answer::empty, Answer::json))
}
