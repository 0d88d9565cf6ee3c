//! `test:values`, compiled in.

use std::collections::HashMap;

use async_trait::async_trait;
use wash_runtime::engine::ctx::{ActiveCtx, SharedCtx, extract_active_ctx};
use wash_runtime::engine::workload::WorkloadItem;
use wash_runtime::plugin::{HostPlugin, WitInterfaces};
use wash_runtime::wit::WitWorld;

mod bindings {
    #![allow(missing_docs, reason = "generated")]
    wash_runtime::wasmtime::component::bindgen!({
        path: "wit/values",
        world: "host",
        wasmtime_crate: wash_runtime::wasmtime,
        imports: { "test:values/echo-async@0.1.0": async, default: trappable },
    });
}
use bindings::test::values::echo::Local;
use bindings::test::values::types::{
    Bytes, Color, Digest, Flags3, Flags8, Flags9, Flags16, Flags17, Flags32, Id, Ident, ManyCases,
    Mixed, Narrow, Nested, Point, Scores, Shape, Table, Tagged,
};
use bindings::test::values::{collections, echo, echo_async};

/// Returns every value that it is given.
#[derive(Debug)]
pub struct Values;

macro_rules! echo {
    ($($name:ident($($param:ident: $type:ty),*) $(-> $result:ty)? = $value:expr;)*) => {
        $(fn $name(&mut self, $($param: $type),*) -> Wasmtime<echo!(@result $($result)?)> {
            Ok($value)
        })*
    };
    (@result) => { () };
    (@result $result:ty) => { $result };
}

type Wasmtime<T> = wash_runtime::wasmtime::Result<T>;

impl echo::Host for ActiveCtx<'_> {
    echo! {
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
        echo_string(v: String) -> String = v;
        echo_list_bool(v: Vec<bool>) -> Vec<bool> = v;
        echo_list_u8(v: Vec<u8>) -> Vec<u8> = v;
        echo_list_u16(v: Vec<u16>) -> Vec<u16> = v;
        echo_list_u32(v: Vec<u32>) -> Vec<u32> = v;
        echo_list_u64(v: Vec<u64>) -> Vec<u64> = v;
        echo_list_s8(v: Vec<i8>) -> Vec<i8> = v;
        echo_list_s16(v: Vec<i16>) -> Vec<i16> = v;
        echo_list_s32(v: Vec<i32>) -> Vec<i32> = v;
        echo_list_s64(v: Vec<i64>) -> Vec<i64> = v;
        echo_list_f32(v: Vec<f32>) -> Vec<f32> = v;
        echo_list_f64(v: Vec<f64>) -> Vec<f64> = v;
        echo_list_char(v: Vec<char>) -> Vec<char> = v;
        echo_list_string(v: Vec<String>) -> Vec<String> = v;
        echo_list_list_u8(v: Vec<Vec<u8>>) -> Vec<Vec<u8>> = v;
        echo_list_point(v: Vec<Point>) -> Vec<Point> = v;
        echo_list_mixed(v: Vec<Mixed>) -> Vec<Mixed> = v;
        echo_list_shape(v: Vec<Shape>) -> Vec<Shape> = v;
        echo_list_color(v: Vec<Color>) -> Vec<Color> = v;
        echo_list_flags17(v: Vec<Flags17>) -> Vec<Flags17> = v;
        echo_list_tuple(v: Vec<(u8, u64)>) -> Vec<(u8, u64)> = v;
        echo_list_option_string(v: Vec<Option<String>>) -> Vec<Option<String>> = v;
        echo_id(v: Id) -> Id = v;
        echo_bytes(v: Bytes) -> Bytes = v;
        echo_ident(v: Ident) -> Ident = v;
        echo_mixed(v: Mixed) -> Mixed = v;
        echo_point(v: Point) -> Point = v;
        echo_nested(v: Nested) -> Nested = v;
        echo_local(v: Local) -> Local = v;
        echo_tuple(v: (u8, String, f64)) -> (u8, String, f64) = v;
        echo_tuple_nested(v: ((u8, u16), (i64,), bool)) -> ((u8, u16), (i64,), bool) = v;
        echo_shape(v: Shape) -> Shape = v;
        echo_narrow(v: Narrow) -> Narrow = v;
        echo_color(v: Color) -> Color = v;
        echo_many_cases(v: ManyCases) -> ManyCases = v;
        echo_option_u32(v: Option<u32>) -> Option<u32> = v;
        echo_option_string(v: Option<String>) -> Option<String> = v;
        echo_option_option_u32(v: Option<Option<u32>>) -> Option<Option<u32>> = v;
        echo_option_mixed(v: Option<Mixed>) -> Option<Mixed> = v;
        echo_result(v: Result<(), ()>) -> Result<(), ()> = v;
        echo_result_ok(v: Result<u32, ()>) -> Result<u32, ()> = v;
        echo_result_err(v: Result<(), String>) -> Result<(), String> = v;
        echo_result_both(v: Result<String, u64>) -> Result<String, u64> = v;
        echo_result_mixed(v: Result<Mixed, Color>) -> Result<Mixed, Color> = v;
        echo_flags3(v: Flags3) -> Flags3 = v;
        echo_flags8(v: Flags8) -> Flags8 = v;
        echo_flags9(v: Flags9) -> Flags9 = v;
        echo_flags16(v: Flags16) -> Flags16 = v;
        echo_flags17(v: Flags17) -> Flags17 = v;
        echo_flags32(v: Flags32) -> Flags32 = v;
        echo_deep(v: Vec<Option<Result<(String, Vec<Mixed>), Shape>>>) -> Vec<Option<Result<(String, Vec<Mixed>), Shape>>> = v;
        echo_nothing() = ();
        echo_none(_v: u32) = ();
        echo_none_string(_v: String) = ();
        echo_constant() -> u32 = 42;
        echo_two(a: String, b: u64) -> (String, u64) = (a, b);
        echo_sixteen(a: u8, b: i8, c: u16, d: i16, e: u32, f: i32, g: u64, h: i64, i: f32, j: f64, k: bool, l: char, m: u32, n: u64, o: f32, p: f64) -> (u8, i8, u16, i16, u32, i32, u64, i64, f32, f64, bool, char, u32, u64, f32, f64) = (a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p);
        echo_seventeen(a: u8, b: i8, c: u16, d: i16, e: u32, f: i32, g: u64, h: i64, i: f32, j: f64, k: bool, l: char, m: u32, n: u64, o: f32, p: f64, q: u8) -> (u8, i8, u16, i16, u32, i32, u64, i64, f32, f64, bool, char, u32, u64, f32, f64, u8) = (a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q);
        echo_many(a: String, b: Mixed, c: Vec<u8>, d: Shape, e: Option<u64>) -> (String, Mixed, Vec<u8>, Shape, Option<u64>) = (a, b, c, d, e);
    }
}

impl collections::Host for ActiveCtx<'_> {
    echo! {
        echo_map_u32(v: HashMap<u32, u32>) -> HashMap<u32, u32> = v;
        echo_map_bool(v: HashMap<bool, u64>) -> HashMap<bool, u64> = v;
        echo_map_char(v: HashMap<char, Vec<u16>>) -> HashMap<char, Vec<u16>> = v;
        echo_map_string(v: HashMap<String, String>) -> HashMap<String, String> = v;
        echo_map_point(v: HashMap<i64, Point>) -> HashMap<i64, Point> = v;
        echo_map_mixed(v: HashMap<String, Mixed>) -> HashMap<String, Mixed> = v;
        echo_map_map(v: HashMap<String, HashMap<u8, Option<String>>>) -> HashMap<String, HashMap<u8, Option<String>>> = v;
        echo_map_array(v: HashMap<u16, [f64; 3]>) -> HashMap<u16, [f64; 3]> = v;
        echo_scores(v: Scores) -> Scores = v;
        echo_list_map(v: Vec<HashMap<String, u32>>) -> Vec<HashMap<String, u32>> = v;
        echo_option_map(v: Option<HashMap<i8, bool>>) -> Option<HashMap<i8, bool>> = v;
        echo_array_one(v: [u32; 1]) -> [u32; 1] = v;
        echo_array_one_bool(v: [bool; 1]) -> [bool; 1] = v;
        echo_array_u8(v: [u8; 16]) -> [u8; 16] = v;
        echo_array_s64(v: [i64; 4]) -> [i64; 4] = v;
        echo_array_id(v: [Id; 5]) -> [Id; 5] = v;
        echo_digest(v: Digest) -> Digest = v;
        echo_array_point(v: [Point; 2]) -> [Point; 2] = v;
        echo_list_array_mixed(v: Vec<[Mixed; 2]>) -> Vec<[Mixed; 2]> = v;
        echo_array_option(v: [Option<u64>; 2]) -> [Option<u64>; 2] = v;
        echo_array_array(v: [[u8; 4]; 3]) -> [[u8; 4]; 3] = v;
        echo_list_array_char(v: Vec<[char; 2]>) -> Vec<[char; 2]> = v;
        echo_list_digest(v: Vec<Digest>) -> Vec<Digest> = v;
        echo_list_array_string(v: Vec<[String; 10]>) -> Vec<[String; 10]> = v;
        echo_tagged(v: Tagged) -> Tagged = v;
        echo_list_tagged(v: Vec<Tagged>) -> Vec<Tagged> = v;
        echo_table(v: Table) -> Table = v;
        echo_both(a: [u16; 2], b: HashMap<u8, u8>) -> ([u16; 2], HashMap<u8, u8>) = (a, b);
    }
}

impl echo_async::Host for ActiveCtx<'_> {
    async fn echo_u32(&mut self, v: u32) -> u32 {
        v
    }

    async fn echo_string(&mut self, v: String) -> String {
        tokio::task::yield_now().await;
        v
    }

    async fn echo_list_u8(&mut self, v: Vec<u8>) -> Vec<u8> {
        tokio::task::yield_now().await;
        v
    }

    async fn echo_mixed(&mut self, v: Mixed) -> Mixed {
        v
    }

    async fn echo_result(&mut self, v: Result<String, String>) -> Result<String, String> {
        v
    }
}

#[async_trait]
impl HostPlugin for Values {
    fn id(&self) -> &'static str {
        "values"
    }

    fn world(&self) -> WitWorld {
        super::serves(["test:values/echo,echo-async,collections@0.1.0"])
    }

    async fn on_workload_item_bind<'a>(
        &self,
        item: &mut WorkloadItem<'a>,
        _: WitInterfaces<'_>,
    ) -> anyhow::Result<()> {
        echo::add_to_linker::<_, SharedCtx>(item.linker(), extract_active_ctx)?;
        echo_async::add_to_linker::<_, SharedCtx>(item.linker(), extract_active_ctx)?;
        collections::add_to_linker::<_, SharedCtx>(item.linker(), extract_active_ctx)?;
        Ok(())
    }
}
