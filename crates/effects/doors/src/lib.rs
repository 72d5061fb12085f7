//! Protocols that come in: webhooks, notifications, admission reviews. Each is read here and answered by a role.
//! Read first: [`news`], [`admission`].

pub mod admission;
pub mod news;
