//! Returns every value that it is given, at once or later.

use std::collections::BTreeMap;
use std::time::Duration;

use wash_plugin_abi::{Call, ErrorContext, Plugin};

wash_plugin_abi::bindgen!({
    path: "../../wit/values",
    world: "plugin",
    async: ["test:values/echo-async"],
});
use exports::test::values::echo::Local;
use exports::test::values::{collections, echo, echo_async, errors};
use test::values::types::{
    Bytes, Color, Digest, Flags3, Flags8, Flags9, Flags16, Flags17, Flags32, Id, Ident, ManyCases,
    Mixed, Narrow, Nested, Point, Scores, Shape, Table, Tagged,
};

struct Values;

impl Plugin for Values {
    type Config = ();

    fn new((): ()) -> wash_plugin_abi::Result<Self> {
        Ok(Self)
    }
}

/// Methods that return what the expression at the end says: parameters borrow,
/// results own.
macro_rules! echo {
    ($($name:ident($($param:ident: $type:ty),*) $(-> $result:ty)? = $value:expr;)*) => {
        $(fn $name(&self, _call: &Call<'_>, $($param: $type),*) $(-> $result)? { $value })*
    };
}

type Deep<'a> = Vec<Option<Result<(&'a str, Vec<Mixed>), Shape>>>;
type DeepOwned = Vec<Option<Result<(String, Vec<Mixed>), Shape>>>;

impl echo::Guest for Values {
    echo! {
        // Primitives.
        echo_bool(v: bool) -> bool = v;
        echo_u8(v: u8) -> u8 = v;
        echo_u16(v: u16) -> u16 = v;
        echo_u32(v: u32) -> u32 = v;
        echo_u64(v: u64) -> u64 = v;
        echo_s8(v: i8) -> i8 = v;
        echo_s16(v: i16) -> i16 = v;
        echo_s32(v: i32) -> i32 = v;
        echo_s64(v: i64) -> i64 = v;
        echo_f32(v: f32) -> f32 = v;
        echo_f64(v: f64) -> f64 = v;
        echo_char(v: char) -> char = v;
        echo_string(v: &str) -> String = v.to_owned();

        // Lists.
        echo_list_bool(v: Vec<bool>) -> Vec<bool> = v;
        echo_list_u8(v: &[u8]) -> Vec<u8> = v.to_vec();
        echo_list_u16(v: &[u16]) -> Vec<u16> = v.to_vec();
        echo_list_u32(v: &[u32]) -> Vec<u32> = v.to_vec();
        echo_list_u64(v: &[u64]) -> Vec<u64> = v.to_vec();
        echo_list_s8(v: &[i8]) -> Vec<i8> = v.to_vec();
        echo_list_s16(v: &[i16]) -> Vec<i16> = v.to_vec();
        echo_list_s32(v: &[i32]) -> Vec<i32> = v.to_vec();
        echo_list_s64(v: &[i64]) -> Vec<i64> = v.to_vec();
        echo_list_f32(v: &[f32]) -> Vec<f32> = v.to_vec();
        echo_list_f64(v: &[f64]) -> Vec<f64> = v.to_vec();
        echo_list_char(v: Vec<char>) -> Vec<char> = v;
        echo_list_string(v: Vec<&str>) -> Vec<String> = strings(v);
        echo_list_list_u8(v: Vec<&[u8]>) -> Vec<Vec<u8>> = v.into_iter().map(<[u8]>::to_vec).collect();
        echo_list_point(v: Vec<Point>) -> Vec<Point> = v;
        echo_list_mixed(v: Vec<Mixed>) -> Vec<Mixed> = v;
        echo_list_shape(v: Vec<Shape>) -> Vec<Shape> = v;
        echo_list_color(v: Vec<Color>) -> Vec<Color> = v;
        echo_list_flags17(v: Vec<Flags17>) -> Vec<Flags17> = v;
        echo_list_tuple(v: Vec<(u8, u64)>) -> Vec<(u8, u64)> = v;
        echo_list_option_string(v: Vec<Option<&str>>) -> Vec<Option<String>> =
            v.into_iter().map(|item| item.map(str::to_owned)).collect();

        // Aliases.
        echo_id(v: Id) -> Id = v;
        echo_bytes(v: &[u8]) -> Bytes = v.to_vec();
        echo_ident(v: Ident) -> Ident = v;

        // Records and tuples.
        echo_mixed(v: Mixed) -> Mixed = v;
        echo_point(v: Point) -> Point = v;
        echo_nested(v: Nested) -> Nested = v;
        echo_local(v: Local) -> Local = v;
        echo_tuple(v: (u8, &str, f64)) -> (u8, String, f64) = (v.0, v.1.to_owned(), v.2);
        echo_tuple_nested(v: ((u8, u16), (i64,), bool)) -> ((u8, u16), (i64,), bool) = v;

        // Variants, enums, options, results, flags.
        echo_shape(v: Shape) -> Shape = v;
        echo_narrow(v: Narrow) -> Narrow = v;
        echo_color(v: Color) -> Color = v;
        echo_many_cases(v: ManyCases) -> ManyCases = v;
        echo_option_u32(v: Option<u32>) -> Option<u32> = v;
        echo_option_string(v: Option<&str>) -> Option<String> = v.map(str::to_owned);
        echo_option_option_u32(v: Option<Option<u32>>) -> Option<Option<u32>> = v;
        echo_option_mixed(v: Option<Mixed>) -> Option<Mixed> = v;
        echo_result(v: Result<(), ()>) -> Result<(), ()> = v;
        echo_result_ok(v: Result<u32, ()>) -> Result<u32, ()> = v;
        echo_result_err(v: Result<(), &str>) -> Result<(), String> =
            v.map_err(str::to_owned);
        echo_result_both(v: Result<&str, u64>) -> Result<String, u64> =
            v.map(str::to_owned);
        echo_result_mixed(v: Result<Mixed, Color>) -> Result<Mixed, Color> = v;
        echo_flags3(v: Flags3) -> Flags3 = v;
        echo_flags8(v: Flags8) -> Flags8 = v;
        echo_flags9(v: Flags9) -> Flags9 = v;
        echo_flags16(v: Flags16) -> Flags16 = v;
        echo_flags17(v: Flags17) -> Flags17 = v;
        echo_flags32(v: Flags32) -> Flags32 = v;

        // Everything in everything.
        echo_deep(v: Deep<'_>) -> DeepOwned = v
            .into_iter()
            .map(|item| item.map(|item| item.map(|(name, list)| (name.to_owned(), list))))
            .collect();

        // Parameters: none, two, exactly the 16 flat values that go in registers, and
        // one and many more, which go through memory.
        echo_nothing() = ();
        echo_none(_v: u32) = ();
        echo_none_string(_v: &str) = ();
        echo_constant() -> u32 = 42;
        echo_two(a: &str, b: u64) -> (String, u64) = (a.to_owned(), b);
        echo_sixteen(
            a: u8, b: i8, c: u16, d: i16, e: u32, f: i32, g: u64, h: i64,
            i: f32, j: f64, k: bool, l: char, m: u32, n: u64, o: f32, p: f64
        ) -> (
            u8, i8, u16, i16, u32, i32, u64, i64,
            f32, f64, bool, char, u32, u64, f32, f64
        ) = (a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p);
        echo_seventeen(
            a: u8, b: i8, c: u16, d: i16, e: u32, f: i32, g: u64, h: i64,
            i: f32, j: f64, k: bool, l: char, m: u32, n: u64, o: f32, p: f64, q: u8
        ) -> (
            u8, i8, u16, i16, u32, i32, u64, i64,
            f32, f64, bool, char, u32, u64, f32, f64, u8
        ) = (a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q);
        echo_many(
            a: &str, b: Mixed, c: &[u8], d: Shape, e: Option<u64>
        ) -> (String, Mixed, Vec<u8>, Shape, Option<u64>) = (a.to_owned(), b, c.to_vec(), d, e);
    }
}

impl collections::Guest for Values {
    echo! {
        echo_map_u32(v: BTreeMap<u32, u32>) -> BTreeMap<u32, u32> = v;
        echo_map_bool(v: BTreeMap<bool, u64>) -> BTreeMap<bool, u64> = v;
        echo_map_char(v: BTreeMap<char, &[u16]>) -> BTreeMap<char, Vec<u16>> =
            v.into_iter().map(|(key, list)| (key, list.to_vec())).collect();
        echo_map_string(v: BTreeMap<&str, &str>) -> BTreeMap<String, String> =
            v.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        echo_map_point(v: BTreeMap<i64, Point>) -> BTreeMap<i64, Point> = v;
        echo_map_mixed(v: BTreeMap<&str, Mixed>) -> BTreeMap<String, Mixed> =
            keys(v);
        echo_map_map(v: BTreeMap<&str, BTreeMap<u8, Option<&str>>>) -> BTreeMap<String, BTreeMap<u8, Option<String>>> =
            v.into_iter().map(|(key, map)| {
                let map = map.into_iter().map(|(key, text)| (key, text.map(str::to_owned)));
                (key.to_owned(), map.collect())
            }).collect();
        echo_map_array(v: BTreeMap<u16, &[f64; 3]>) -> BTreeMap<u16, [f64; 3]> =
            v.into_iter().map(|(key, array)| (key, *array)).collect();
        echo_scores(v: BTreeMap<&str, u32>) -> Scores =
            keys(v);
        echo_list_map(v: Vec<BTreeMap<&str, u32>>) -> Vec<BTreeMap<String, u32>> =
            v.into_iter().map(keys).collect();
        echo_option_map(v: Option<BTreeMap<i8, bool>>) -> Option<BTreeMap<i8, bool>> = v;
        echo_array_one(v: &[u32; 1]) -> [u32; 1] =
            *v;
        echo_array_one_bool(v: [bool; 1]) -> [bool; 1] = v;
        echo_array_u8(v: &[u8; 16]) -> [u8; 16] =
            *v;
        echo_array_s64(v: &[i64; 4]) -> [i64; 4] =
            *v;
        echo_array_id(v: &[Id; 5]) -> [Id; 5] =
            *v;
        echo_digest(v: &[u8; 32]) -> Digest =
            *v;
        echo_array_point(v: [Point; 2]) -> [Point; 2] = v;
        echo_list_array_mixed(v: Vec<[Mixed; 2]>) -> Vec<[Mixed; 2]> = v;
        echo_array_option(v: [Option<u64>; 2]) -> [Option<u64>; 2] = v;
        echo_array_array(v: [&[u8; 4]; 3]) -> [[u8; 4]; 3] =
            v.map(|array| *array);
        echo_list_array_char(v: Vec<[char; 2]>) -> Vec<[char; 2]> = v;
        echo_list_digest(v: Vec<&[u8; 32]>) -> Vec<Digest> =
            v.into_iter().copied().collect();
        echo_list_array_string(v: Vec<[&str; 10]>) -> Vec<[String; 10]> =
            v.into_iter().map(|array| array.map(str::to_owned)).collect();
        echo_tagged(v: Tagged) -> Tagged = v;
        echo_list_tagged(v: Vec<Tagged>) -> Vec<Tagged> = v;
        echo_table(v: Table) -> Table = v;
        echo_both(a: &[u16; 2], b: BTreeMap<u8, u8>) -> ([u16; 2], BTreeMap<u8, u8>) =
            (*a, b);
    }
}

impl errors::Guest for Values {
    fn note(&self, _call: &Call<'_>, _error: ErrorContext<'_>) {}

    fn count(
        &self,
        _call: &Call<'_>,
        all: Vec<ErrorContext<'_>>,
        one: Option<ErrorContext<'_>>,
    ) -> u32 {
        u32::try_from(all.len() + usize::from(one.is_some())).unwrap_or(u32::MAX)
    }

    fn noted_len(&self, _call: &Call<'_>, what: errors::Noted<'_>) -> u32 {
        u32::try_from(what.note.len()).unwrap_or(u32::MAX)
    }
}

fn keys<V>(borrowed: BTreeMap<&str, V>) -> BTreeMap<String, V> {
    let owned = borrowed
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value));
    owned.collect()
}

fn strings(borrowed: Vec<&str>) -> Vec<String> {
    borrowed.into_iter().map(str::to_owned).collect()
}

/// Each way that a future can take: done at once, woken by itself, by a timer,
/// by another task, and sometimes one and sometimes the other.
impl echo_async::Guest for Values {
    async fn echo_u32(&self, _call: &Call<'_>, v: u32) -> u32 {
        v
    }

    async fn echo_string(&self, _call: &Call<'_>, v: &str) -> String {
        tokio::task::yield_now().await;
        v.to_owned()
    }

    async fn echo_list_u8(&self, _call: &Call<'_>, v: &[u8]) -> Vec<u8> {
        // What is borrowed from the call stays there while the future waits.
        let (front, back) = v.split_at(v.len() / 2);
        tokio::time::sleep(Duration::from_millis(1)).await;
        [front, back].concat()
    }

    async fn echo_mixed(&self, _call: &Call<'_>, v: Mixed) -> Mixed {
        let copy = v.clone();
        tokio::spawn(async move { copy }).await.unwrap_or(v)
    }

    async fn echo_result(&self, _call: &Call<'_>, v: Result<&str, &str>) -> Result<String, String> {
        if v.is_err() {
            tokio::task::yield_now().await;
        }
        v.map(str::to_owned).map_err(str::to_owned)
    }
}

wash_plugin_abi::export!(Values);
