//! Who is there.

use crate::ForgeError;
use crate::access::{Actor, user};
use crate::api::{Answer, Call};
use crate::records::Org;
use crate::rest::json as view;

/// `GET /user`.
pub(super) fn me(call: &Call<'_>) -> Result<Answer, ForgeError> {
    match &call.actor {
        Actor::Anonymous => Err(ForgeError::Unauthenticated),
        actor => Ok(Answer::json(view::actor(call.forge, actor))),
    }
}

/// `GET /users/{name}`.
pub(super) fn get(call: &Call<'_>, login: &str) -> Result<Answer, ForgeError> {
    let row = user(&call.rows(), login)?.ok_or_else(|| ForgeError::NotFound(format!("the user {login}")))?;
    Ok(Answer::json(view::user(call.forge, &row)))
}

/// `GET /orgs/{org}`.
pub(super) fn org(call: &Call<'_>, name: &str) -> Result<Answer, ForgeError> {
    let found = call.rows().get::<Org>(&format!("org/{name}"))?.ok_or_else(|| ForgeError::NotFound(format!("the organisation {name}")))?;
    Ok(Answer::json(view::org(call.forge, &found)))
}
