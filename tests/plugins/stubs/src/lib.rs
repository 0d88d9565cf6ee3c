//! The plugin `stubs`. What it serves is said in `wit/`; each function below
//! returns some value for you to replace.

use wash_plugin_abi::{Call, Plugin, Result};

wash_plugin_abi::bindgen!({ path: "../../wit/stubs" });

use exports::test::stubs::others;
use exports::test::stubs::plain;
use exports::test::stubs::things;

/// The plugin. There is one, whatever number of components it serves.
struct Stubs;

/// What is behind a component's `bucket`.
#[allow(dead_code, reason = "perhaps no function makes one yet")]
struct Bucket;

/// What is behind a component's `cursor`.
#[allow(dead_code, reason = "perhaps no function makes one yet")]
struct Cursor;

/// What is behind a component's `maybe`.
#[allow(dead_code, reason = "perhaps no function makes one yet")]
struct Maybe;

/// What is behind a component's `cursor`.
#[allow(dead_code, reason = "perhaps no function makes one yet")]
struct OthersCursor;

impl Plugin for Stubs {
    /// Make this a struct that derives `serde::Deserialize` and `ConfigSchema` to
    /// have a configuration.
    type Config = ();

    fn new((): ()) -> Result<Self> {
        Ok(Self)
    }
}

impl plain::Guest for Stubs {
    fn nothing(&self, _call: &Call<'_>) {}

    /// Numbers, text and lists are borrowed.
    fn borrowed(
        &self,
        _call: &Call<'_>,
        _a: u8,
        _b: &str,
        _c: &[u8],
        _d: Vec<&str>,
        _e: Option<&[f64]>,
        _f: (&str,),
    ) {
    }

    fn named(
        &self,
        _call: &Call<'_>,
        _a: test::stubs::types::Point,
        _b: plain::Shape,
        _c: &[u8],
        _d: test::stubs::types::Color,
        _e: test::stubs::types::Rights,
    ) -> test::stubs::types::Point {
        test::stubs::types::Point { x: 0, label: None }
    }

    fn text(&self, _call: &Call<'_>) -> String {
        String::new()
    }

    fn values(&self, _call: &Call<'_>) -> (bool, char, f32, Vec<String>, Option<u8>) {
        (false, ' ', 0.0, Vec::new(), None)
    }

    fn one(&self, _call: &Call<'_>) -> (u8,) {
        (0,)
    }

    fn fails(
        &self,
        _call: &Call<'_>,
        _key: &str,
    ) -> std::result::Result<u64, test::stubs::types::Failure> {
        Err(test::stubs::types::Failure::Other("not written yet".into()))
    }

    fn fails_with_text(&self, _call: &Call<'_>) -> std::result::Result<Vec<u8>, String> {
        Err("not written yet".to_owned())
    }

    fn fails_without(&self, _call: &Call<'_>) -> std::result::Result<(), ()> {
        Err(())
    }

    fn shapes(&self, _call: &Call<'_>) -> plain::Shape {
        plain::Shape::At(test::stubs::types::Point { x: 0, label: None })
    }

    fn colors(&self, _call: &Call<'_>) -> test::stubs::types::Color {
        test::stubs::types::Color::Red
    }

    fn right(&self, _call: &Call<'_>) -> test::stubs::types::Rights {
        test::stubs::types::Rights::empty()
    }

    fn failures(&self, _call: &Call<'_>) -> test::stubs::types::Failure {
        test::stubs::types::Failure::Other("not written yet".into())
    }

    fn map_of(
        &self,
        _call: &Call<'_>,
        _a: std::collections::BTreeMap<&str, u32>,
    ) -> std::collections::BTreeMap<String, u32> {
        std::collections::BTreeMap::new()
    }

    fn fixed(&self, _call: &Call<'_>, _a: &[u8; 4]) -> [String; 2] {
        std::array::from_fn(|_| String::new())
    }

    /// Names that mean something in Rust.
    fn type_(&self, _call: &Call<'_>, _self_: u8, _in_: u8) -> u8 {
        0
    }

    async fn later(&self, _call: &Call<'_>, _key: &str) -> Option<String> {
        None
    }

    fn a_long_name_for_a_function(
        &self,
        _call: &Call<'_>,
        _with_a_long_name: &str,
        _and_another_long_name: Vec<&str>,
        _and_more: u64,
    ) {
    }
}

impl things::Guest for Stubs {
    type Bucket = Bucket;

    type Cursor = Cursor;

    type Maybe = Maybe;

    fn find(&self, _call: &Call<'_>, _in_: things::BucketBorrow<'_>) -> things::Cursor {
        things::Cursor::new(Cursor)
    }

    fn give(&self, _call: &Call<'_>, _bucket: things::Bucket) -> Vec<things::Bucket> {
        Vec::new()
    }
}

impl things::GuestBucket<Stubs> for Bucket {
    fn new(_plugin: &Stubs, _call: &Call<'_>, _name: &str) -> Self {
        Self
    }

    fn get(
        &self,
        _plugin: &Stubs,
        _call: &Call<'_>,
        _key: &str,
    ) -> std::result::Result<Option<Vec<u8>>, test::stubs::types::Failure> {
        Err(test::stubs::types::Failure::Other("not written yet".into()))
    }

    fn keys(&self, _plugin: &Stubs, _call: &Call<'_>) -> Vec<String> {
        Vec::new()
    }

    fn open(
        _plugin: &Stubs,
        _call: &Call<'_>,
        _name: &str,
    ) -> std::result::Result<things::Bucket, test::stubs::types::Failure> {
        Err(test::stubs::types::Failure::Other("not written yet".into()))
    }
}

impl things::GuestCursor<Stubs> for Cursor {
    fn next(&self, _plugin: &Stubs, _call: &Call<'_>) -> Option<String> {
        None
    }
}

impl things::GuestMaybe<Stubs> for Maybe {
    fn new(_plugin: &Stubs, _call: &Call<'_>) -> std::result::Result<Self, String> {
        Ok(Self)
    }
}

impl others::Guest for Stubs {
    type Cursor = OthersCursor;

    fn numbers(&self, _call: &Call<'_>) -> others::Cursor {
        others::Cursor::new(OthersCursor)
    }

    fn items(
        &self,
        _call: &Call<'_>,
        _from: wash_plugin_abi::io::StreamReader<u8>,
    ) -> wash_plugin_abi::io::StreamReader<String> {
        wash_plugin_abi::io::StreamReader::from_iter([])
    }

    fn done(&self, _call: &Call<'_>) -> wash_plugin_abi::io::FutureReader<u32> {
        wash_plugin_abi::io::FutureReader::ready(0)
    }

    fn note(&self, _call: &Call<'_>, _context: wash_plugin_abi::ErrorContext<'_>) {}
}

impl others::GuestCursor<Stubs> for OthersCursor {
    fn next(&self, _plugin: &Stubs, _call: &Call<'_>) -> u32 {
        0
    }
}

wash_plugin_abi::export!(Stubs);
