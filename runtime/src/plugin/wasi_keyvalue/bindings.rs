//! Generated from the WIT.
#![allow(missing_docs, unreachable_pub, reason = "generated")]

wasmtime::component::bindgen!({
    path: "wit/keyvalue",
    world: "imports",
    imports: { default: async | trappable },
    with: { "wasi:keyvalue/store.bucket": super::functions::OpenBucket },
});
