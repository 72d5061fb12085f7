//! Serves an open registry in memory, for the conformance suites: `cargo run --example registry -- 127.0.0.1:5000 [FOLDER]`.

use std::sync::Arc;

struct SystemClock;

impl model::Clock for SystemClock {
    fn now(&self) -> model::Timestamp {
        model::Timestamp::now()
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:5000".to_owned());
    let (store, blobs) = match arguments.next() {
        Some(folder) => {
            let folder = std::path::PathBuf::from(folder);
            (store::Store::open(&folder.join("registry.db"))?, store::Blobs::open(&folder.join("blobs"))?)
        }
        None => (store::Store::memory(), store::Blobs::memory()),
    };
    let mut access = registry::Access::open();
    if let Ok(account) = std::env::var("ACCOUNT") {
        let (name, password) = account.split_once(':').ok_or("ACCOUNT is NAME:PASSWORD")?;
        access.accounts.push(registry::Account { name: name.to_owned(), password: password.to_owned() });
        access.rules[0].actions = vec![registry::Permission::Pull];
        access.rules.push(registry::Rule {
            who: format!("user:{name}"),
            repositories: "**".to_owned(),
            actions: registry::Permission::ALL.to_vec(),
        });
    }
    let registry = registry::Registry::new(registry::Options {
        clock: Arc::new(SystemClock),
        store,
        blobs,
        outgoing: Arc::new(|_| Box::pin(async { Err("nothing is sent from here".to_owned()) })),
        system_hooks: Vec::new(),
        realm_url: String::new(),
        access,
        verify_token: Arc::new(|_| Err("no issuer is known here".to_owned())),
        immutable_tags: Vec::new(),
    })?;
    let listener = tokio::net::TcpListener::bind(&address).await?;
    axum::serve(listener, registry.router()).await?;
    Ok(())
}
