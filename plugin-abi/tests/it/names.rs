//! Names of WIT that are names of `bindgen!`'s, keywords, or one name in Rust.

use wash_plugin_abi::abi::{Buffer, CallFn, Status};
use wash_plugin_abi::{Call, Plugin, Result, codec};

wash_plugin_abi::bindgen!({ inline: "
    package test:names;
    interface api {
        record guest { guest: u32 }
        record guest-x { %type: string }
        enum x-borrow { %self, a-1, a1 }
        flags x-resource { a-b, A-b }
        %plugin: func(%call: u32, %plugin: u32, params: u32, %result: u32, %self: u32) -> string;
        called-guest: func(guest: guest, guest-x: guest-x, x: x-borrow) -> x-resource;
        resource x {
            constructor(%plugin: u32);
            new: static func(%call: u32) -> x;
            get: func(%plugin: u32, %call: u32, this: u32) -> string;
        }
        gen: func(x: borrow<x>) -> u32;
    }
    interface guest-is-a-function {
        guest: func(%component: u8) -> u8;
    }
    world plugin { export api; export guest-is-a-function; }
" });

use exports::test::names::api;
use exports::test::names::guest_is_a_function::Guest as IsAFunction;

struct Names;

impl Plugin for Names {
    type Config = ();
    fn new((): ()) -> Result<Self> {
        Ok(Names)
    }
}

struct X(u32);

impl api::Guest_ for Names {
    type X = X;

    fn plugin(
        &self,
        _: &Call<'_>,
        call: u32,
        plugin: u32,
        params: u32,
        result: u32,
        self_: u32,
    ) -> String {
        format!("{call} {plugin} {params} {result} {self_}")
    }

    fn called_guest(
        &self,
        _: &Call<'_>,
        guest: api::Guest,
        guest_x: api::GuestX,
        x: api::XBorrow,
    ) -> api::XResource {
        assert_eq!((guest.guest, guest_x.type_.as_str()), (1, "text"));
        assert_eq!(x, api::XBorrow::A1_);
        api::XResource::A_B | api::XResource::A_B_
    }

    fn gen_(&self, _: &Call<'_>, x: api::XBorrow_<'_>) -> u32 {
        x.get::<X>().map_or(0, |x| x.0)
    }
}

impl api::GuestX_<Names> for X {
    fn new(_: &Names, _: &Call<'_>, call: u32) -> api::X {
        api::X::new(X(call))
    }

    fn new_(_: &Names, _: &Call<'_>, plugin: u32) -> Self {
        X(plugin + 100)
    }

    fn get(&self, _: &Names, _: &Call<'_>, plugin: u32, call: u32, this: u32) -> String {
        format!("{} {plugin} {call} {this}", self.0)
    }
}

impl IsAFunction for Names {
    fn guest(&self, _: &Call<'_>, component: u8) -> u8 {
        component
    }
}

/// The entry of a function of the world.
fn entry(name: &str) -> CallFn {
    let index = __wash::FUNCTIONS.iter().position(|(f, _)| *f == name);
    __wash::functions::<Names>()[index.unwrap()]
}

/// Calls a function of `api` with numbers: what it writes.
fn call(function: &str, numbers: &[u32]) -> Buffer {
    let mut args = Buffer::new();
    for number in numbers {
        args.extend(&number.to_le_bytes()).unwrap();
    }
    let mut out = Buffer::new();
    // SAFETY: the entry is of that type's table; no flags are set.
    #[allow(unsafe_code, reason = "it calls a raw entry point")]
    let status = unsafe {
        let name = format!("test:names/api#{function}");
        super::raw::call(&Names, entry(&name), &args, 0, &mut out)
    };
    assert_eq!(status, Status::OK, "{function}");
    out
}

fn text(out: &Buffer) -> String {
    codec::from_slice(out.as_slice()).unwrap()
}

#[test]
fn arguments_arrive_whatever_they_are_called() {
    let out = call("plugin", &[1, 2, 3, 4, 5]);
    assert_eq!(text(&out), "1 2 3 4 5");
    let number = |out: &Buffer| u32::from_le_bytes(out.as_slice().try_into().unwrap());

    let made = number(&call("[constructor]x", &[7]));
    assert_eq!(
        text(&call("[method]x.get", &[made, 8, 9, 10])),
        "107 8 9 10"
    );
    let made = number(&call("[static]x.new", &[7]));
    assert_eq!(text(&call("[method]x.get", &[made, 8, 9, 10])), "7 8 9 10");
    assert_eq!(number(&call("gen", &[made])), 7);
}

#[test]
fn types_whose_names_are_the_macros_are_types() {
    // Its one number, then the place of a text, then the third case of the enum.
    let mut args = Buffer::new();
    for number in [1, 16, 4] {
        args.extend(&u32::to_le_bytes(number)).unwrap();
    }
    args.extend(&[2, 0, 0, 0]).unwrap();
    args.extend(b"text").unwrap();
    let mut out = Buffer::new();
    // SAFETY: as above.
    #[allow(unsafe_code, reason = "it calls a raw entry point")]
    let status = unsafe {
        let entry = entry("test:names/api#called-guest");
        super::raw::call(&Names, entry, &args, 0, &mut out)
    };
    assert_eq!((status, out.as_slice()), (Status::OK, &[3_u8][..]));
}
