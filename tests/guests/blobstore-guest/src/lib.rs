//! Does what a test tells it with the host's blob store.

use std::fmt::Write as _;

use exports::test::blobstore::tour::Guest;
use wasi::blobstore::blobstore::{self, Container, ObjectId};
use wasi::blobstore::types::{IncomingValue, OutgoingValue};
use wasi::io::streams::StreamError;

wit_bindgen::generate!({
    path: "../../wit/blobstore",
    world: "blobstore-guest",
    generate_all,
});

struct Tour;

/// More than is buffered anywhere.
const CHUNK: usize = 200_000;

fn byte(place: u64) -> u8 {
    (place ^ (place >> 8)) as u8
}

fn text(error: StreamError) -> String {
    match error {
        StreamError::Closed => "closed".to_owned(),
        StreamError::LastOperationFailed(error) => error.to_debug_string(),
    }
}

fn write(container: &Container, name: &str, bytes: &[u8]) -> Result<(), String> {
    let value = OutgoingValue::new_outgoing_value();
    let body = value.outgoing_value_write_body().map_err(|()| "no body")?;
    container.write_data(name, &value)?;
    let ready = body.subscribe();
    let mut rest = bytes;
    while !rest.is_empty() {
        ready.block();
        let room = body.check_write().map_err(text)? as usize;
        let (some, after) = rest.split_at(room.min(rest.len()));
        body.write(some).map_err(text)?;
        rest = after;
    }
    // It is not flushed: the value is whole when it is finished.
    drop(ready);
    drop(body);
    OutgoingValue::finish(value)
}

fn read(container: &Container, name: &str, start: u64, end: u64) -> Result<String, String> {
    let value = container.get_data(name, start, end)?;
    let size = value.size();
    let bytes = IncomingValue::incoming_value_consume_sync(value)?;
    Ok(format!("{size} {}", String::from_utf8_lossy(&bytes)))
}

fn list(container: &Container) -> Result<Vec<String>, String> {
    let mut names = container.list_objects()?.read_stream_object_names(u64::MAX)?.0;
    names.sort();
    Ok(names)
}

fn report() -> Result<String, String> {
    let mut report = String::new();
    macro_rules! report {
        ($what:literal, $result:expr) => {
            let _ = writeln!(report, "{}: {:?}", $what, $result);
        };
    }
    let id = |container: &str, object: &str| ObjectId {
        container: container.to_owned(),
        object: object.to_owned(),
    };
    report!("nothing", blobstore::container_exists("c")?);
    report!("no container", blobstore::get_container("c").map(drop));
    let container = blobstore::create_container("c")?;
    report!("created", blobstore::container_exists("c")?);
    report!("name", (container.name()?, container.info()?.name));
    report!("age", container.info()?.created_at > 1_700_000_000);
    write(&container, "a", b"0123456789")?;
    report!("all", read(&container, "a", 0, u64::MAX)?);
    report!("part", read(&container, "a", 2, 4)?);
    report!("no object", read(&container, "b", 0, 1));
    report!("backwards", read(&container, "a", 4, 2));
    report!("has", (container.has_object("a")?, container.has_object("b")?));
    let info = container.object_info("a")?;
    report!("info", (info.name, info.container, info.size));
    report!("no info", container.object_info("b").map(drop));
    write(&container, "a", b"replaced")?;
    report!("replaced", read(&container, "a", 0, 99)?);
    write(&container, "empty", b"")?;
    report!("empty", read(&container, "empty", 0, 99)?);

    let other = blobstore::create_container("d")?;
    blobstore::copy_object(&id("c", "a"), &id("d", "copy"))?;
    blobstore::move_object(&id("d", "copy"), &id("d", "ü:/*"))?;
    report!("moved", (list(&other)?, read(&other, "ü:/*", 0, 99)?));
    report!("nowhere", blobstore::move_object(&id("c", "a"), &id("e", "a")));

    for name in ["b", "e", "f", "g"] {
        write(&container, name, name.as_bytes())?;
    }
    let names = container.list_objects()?;
    let first = names.read_stream_object_names(2)?;
    report!("list", (first.0.len(), first.1));
    report!("skip", names.skip_stream_object_names(3)?);
    let rest = names.read_stream_object_names(9)?;
    report!("rest", (rest.0.len(), rest.1));
    container.delete_object("g")?;
    container.delete_objects(&["e".to_owned(), "none".to_owned()])?;
    report!("left", list(&container)?);
    container.clear()?;
    report!("cleared", list(&container)?);
    blobstore::delete_container("c")?;
    blobstore::delete_container("d")?;
    report!("gone", container.list_objects().map(drop));
    Ok(report)
}

fn stream(container: &str, len: u64) -> Result<u64, String> {
    let container = blobstore::create_container(container)?;
    let value = OutgoingValue::new_outgoing_value();
    container.write_data("object", &value)?;
    let body = value.outgoing_value_write_body().map_err(|()| "no body")?;
    let mut place = 0;
    while place < len {
        body.subscribe().block();
        let room = body.check_write().map_err(text)?;
        let some = room.min(len - place);
        let bytes: Vec<u8> = (place..place + some).map(byte).collect();
        body.write(&bytes).map_err(text)?;
        place += some;
    }
    body.blocking_flush().map_err(text)?;
    drop(body);
    OutgoingValue::finish(value)?;

    let value = container.get_data("object", 0, u64::MAX)?;
    let stream = IncomingValue::incoming_value_consume_async(value)?;
    let (mut place, mut right) = (0, 0);
    loop {
        match stream.blocking_read(CHUNK as u64) {
            Ok(bytes) => {
                for read in bytes {
                    right += u64::from(read == byte(place));
                    place += 1;
                }
            }
            Err(StreamError::Closed) => return Ok(right),
            Err(error) => return Err(text(error)),
        }
    }
}

fn mistake(name: &str) -> Result<String, String> {
    let container = blobstore::create_container("mistakes")?;
    let value = OutgoingValue::new_outgoing_value();
    Ok(match name {
        "body twice" => {
            let first = value.outgoing_value_write_body();
            let second = value.outgoing_value_write_body();
            format!("{} {}", first.is_ok(), second.is_ok())
        }
        "finished with an open body" => {
            let _body = value.outgoing_value_write_body();
            container.write_data("a", &value)?;
            OutgoingValue::finish(value)?;
            "finished".to_owned()
        }
        "finished without an object" => {
            OutgoingValue::finish(value)?;
            "finished".to_owned()
        }
        "written twice" => {
            container.write_data("a", &value)?;
            container.write_data("b", &value)?;
            "written".to_owned()
        }
        "no container" => {
            blobstore::delete_container("mistakes")?;
            container.write_data("a", &value)?;
            "written".to_owned()
        }
        "not finished" => {
            let body = value.outgoing_value_write_body().map_err(|()| "no body")?;
            container.write_data("a", &value)?;
            body.blocking_write_and_flush(b"lost").map_err(text)?;
            drop(body);
            drop(value);
            format!("{:?}", list(&container)?)
        }
        "too large" => {
            let large = write(&container, "large", &[0; 2_000_000]);
            format!("{large:?} {:?}", list(&container)?)
        }
        other => format!("there is no mistake {other:?}"),
    })
}

impl Guest for Tour {
    fn report() -> Result<String, String> {
        report()
    }

    fn stream(container: String, len: u64) -> Result<u64, String> {
        stream(&container, len)
    }

    fn size(container: String) -> Result<u64, String> {
        let container = blobstore::get_container(&container)?;
        Ok(container.object_info("object")?.size)
    }

    fn mistake(name: String) -> String {
        mistake(&name).unwrap_or_else(|error| error)
    }
}

export!(Tour);
