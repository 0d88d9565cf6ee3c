//! The macro's arguments.

use proc_macro2::Span;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{LitBool, LitStr, Token, braced, bracketed};

use super::interface::Served;
use super::{Result, error};

#[derive(Default)]
pub(super) struct Options {
    pub(super) path: Option<LitStr>,
    pub(super) inline: Option<LitStr>,
    pub(super) world: Option<LitStr>,
    asynchronous: Async,
}

#[derive(Default)]
enum Async {
    #[default]
    None,
    All,
    Some(Vec<LitStr>),
}

impl Options {
    /// Where the macro names the WIT: for errors about it.
    pub(super) fn wit_span(&self) -> Span {
        let named = self.inline.as_ref().or(self.path.as_ref());
        let named = named.or(self.world.as_ref());
        named.map_or_else(Span::call_site, LitStr::span)
    }

    /// Where the macro names the world, or else the WIT.
    pub(super) fn world_span(&self) -> Span {
        self.world
            .as_ref()
            .map_or_else(|| self.wit_span(), LitStr::span)
    }

    /// Whether the function was marked as one that may answer later.
    pub(super) fn is_async(&self, interface: &str, function: &str) -> bool {
        match &self.asynchronous {
            Async::None => false,
            Async::All => true,
            Async::Some(list) => list
                .iter()
                .any(|name| names(&name.value(), interface, function)),
        }
    }

    /// A function that is marked and does not exist is a mistake.
    pub(super) fn check_all_used(&self, served: &[Served]) -> Result<()> {
        let Async::Some(list) = &self.asynchronous else {
            return Ok(());
        };
        for name in list {
            let value = name.value();
            let used = served.iter().any(|served| {
                served
                    .functions
                    .iter()
                    .any(|f| names(&value, &served.name, &f.name))
            });
            if !used {
                let all: Vec<_> = served
                    .iter()
                    .flat_map(|s| {
                        s.functions
                            .iter()
                            .map(move |f| format!("{}#{}", s.name, f.name))
                    })
                    .collect();
                return Err(syn::Error::new(
                    name.span(),
                    format_args!(
                        "the world serves no function `{value}`; it serves {}",
                        all.join(", ")
                    ),
                ));
            }
        }
        Ok(())
    }
}

/// Whether `pattern` names the function: `ns:pkg/iface#func`, with or without
/// the version, or `ns:pkg/iface` for all of an interface.
fn names(pattern: &str, interface: &str, function: &str) -> bool {
    let (wanted, name) = match pattern.split_once('#') {
        Some((wanted, name)) => (wanted, Some(name)),
        None => (pattern, None),
    };
    let bare = interface.split('@').next().unwrap_or(interface);
    // `bucket.get` also names `[method]bucket.get`.
    let plain = function.rsplit(']').next().unwrap_or(function);
    (wanted == interface || wanted == bare)
        && name.is_none_or(|name| name == function || name == plain)
}

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut options = Self::default();
        if input.is_empty() {
            return Ok(options);
        }
        if input.peek(LitStr) {
            options.world = Some(input.parse()?);
            if input.peek(Token![in]) {
                input.parse::<Token![in]>()?;
                options.path = Some(input.parse()?);
            }
            return Ok(options);
        }
        let content;
        braced!(content in input);
        while !content.is_empty() {
            if content.peek(Token![async]) {
                content.parse::<Token![async]>()?;
                content.parse::<Token![:]>()?;
                options.asynchronous = parse_async(&content)?;
            } else {
                let key: syn::Ident = content.parse()?;
                content.parse::<Token![:]>()?;
                let slot = match key.to_string().as_str() {
                    "path" => &mut options.path,
                    "inline" => &mut options.inline,
                    "world" => &mut options.world,
                    _ => {
                        return Err(syn::Error::new(
                            key.span(),
                            "unknown option; there are `path`, `inline`, `world` and `async`",
                        ));
                    }
                };
                if slot.replace(content.parse()?).is_some() {
                    return Err(syn::Error::new(key.span(), "this option is given twice"));
                }
            }
            if !content.is_empty() {
                content.parse::<Token![,]>()?;
            }
        }
        if !input.is_empty() {
            return Err(error("nothing may follow the options"));
        }
        Ok(options)
    }
}

fn parse_async(input: ParseStream<'_>) -> Result<Async> {
    if input.peek(LitBool) {
        let all: LitBool = input.parse()?;
        return Ok(if all.value { Async::All } else { Async::None });
    }
    let content;
    bracketed!(content in input);
    let list = Punctuated::<LitStr, Token![,]>::parse_terminated(&content)?;
    Ok(Async::Some(list.into_iter().collect()))
}
