//! Does what a test tells it with the host's capabilities.

use std::fmt::Write as _;

use exports::test::capabilities::tour::Guest;
use wasi::config::store as config;
use wasi::keyvalue::store::{self, Bucket, Error};
use wasi::keyvalue::{atomics, batch};
use wasi::logging::logging::{self, Level};

wit_bindgen::generate!({
    path: "../../wit/capabilities",
    world: "capabilities-guest",
    generate_all,
});

struct CapabilitiesGuest;

fn text(error: Error) -> String {
    match error {
        Error::NoSuchStore => "no such store".to_owned(),
        Error::AccessDenied => "access denied".to_owned(),
        Error::Other(text) => text,
    }
}

fn list(bucket: &Bucket) -> Result<Vec<String>, Error> {
    let mut keys = Vec::new();
    let mut cursor = None;
    loop {
        let page = bucket.list_keys(cursor)?;
        keys.extend(page.keys);
        cursor = page.cursor;
        if cursor.is_none() {
            keys.sort_unstable();
            // A store may list a key twice.
            keys.dedup();
            return Ok(keys);
        }
    }
}

fn tour(bucket: &str) -> Result<String, Error> {
    let mut report = String::new();
    macro_rules! report {
        ($what:literal, $result:expr) => {
            let _ = writeln!(report, "{}: {:?}", $what, $result);
        };
    }
    let bucket = store::open(bucket)?;
    report!("nothing", bucket.get("a")?);
    bucket.set("a", b"one")?;
    report!("set", bucket.get("a")?);
    report!("exists", (bucket.exists("a")?, bucket.exists("b")?));
    report!("increment", atomics::increment(&bucket, "n", 40)?);
    report!("increment", atomics::increment(&bucket, "n", 2)?);
    let overflow = atomics::increment(&bucket, "a", 1).map_err(text);
    report!("no number", overflow);
    let entries = [
        ("b".to_owned(), b"two".to_vec()),
        ("ü:/*".to_owned(), vec![0, 255]),
    ];
    batch::set_many(&bucket, &entries)?;
    report!("keys", list(&bucket)?);
    let keys = ["ü:/*", "none", "b"].map(str::to_owned);
    report!("many", batch::get_many(&bucket, &keys)?);
    batch::delete_many(&bucket, &keys)?;
    bucket.delete("n")?;
    report!("left", list(&bucket)?);
    bucket.delete("a")?;
    report!("empty", list(&bucket)?);
    Ok(report)
}

fn fill(bucket: &str, keys: u32) -> Result<usize, Error> {
    let bucket = store::open(bucket)?;
    let entries: Vec<_> = (0..keys)
        .map(|key| (format!("key {key}"), Vec::new()))
        .collect();
    batch::set_many(&bucket, &entries)?;
    Ok(list(&bucket)?.len())
}

impl Guest for CapabilitiesGuest {
    fn keyvalue(bucket: String) -> Result<String, String> {
        tour(&bucket).map_err(text)
    }

    fn visit(bucket: String) -> Result<u64, String> {
        store::open(&bucket)
            .and_then(|bucket| atomics::increment(&bucket, "visits", 1))
            .map_err(text)
    }

    fn fill(bucket: String, keys: u32) -> Result<u32, String> {
        fill(&bucket, keys)
            .map(|count| count as u32)
            .map_err(text)
    }

    fn config(key: String) -> Option<String> {
        config::get(&key).expect("it can be read")
    }

    fn config_all() -> Vec<(String, String)> {
        config::get_all().expect("it can be read")
    }

    fn log(context: String, message: String) {
        for level in [
            Level::Trace,
            Level::Debug,
            Level::Info,
            Level::Warn,
            Level::Error,
            Level::Critical,
        ] {
            logging::log(level, &context, &message);
        }
    }
}

export!(CapabilitiesGuest);
