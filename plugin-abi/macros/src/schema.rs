//! `#[derive(ConfigSchema)]`: a JSON Schema as constants, from the same
//! attributes that serde reads.

use heck::{
    ToKebabCase, ToLowerCamelCase, ToShoutyKebabCase, ToShoutySnakeCase, ToSnakeCase,
    ToUpperCamelCase,
};
use proc_macro2::TokenStream;
use quote::quote;
use syn::{
    Attribute, Data, DeriveInput, Error, Expr, ExprLit, ExprUnary, Field, Fields, Ident, Lit,
    LitStr, Meta, Result, UnOp,
};

pub(crate) fn expand(input: DeriveInput) -> Result<TokenStream> {
    if !input.generics.params.is_empty() {
        return Err(Error::new_spanned(
            &input.generics,
            "a configuration cannot be generic: its schema is a constant",
        ));
    }
    let container = Serde::of(&input.attrs)?;
    let title = json(&container.rename.unwrap_or_else(|| input.ident.to_string()));
    let mut pieces = vec![text(format!("{{\"title\":{title}"))];
    let mut functions = Vec::new();
    let mut default = None;
    if let Some(docs) = docs(&input.attrs) {
        pieces.push(text(format!(",\"description\":{}", json(&docs))));
    }
    match &input.data {
        Data::Struct(data) => {
            let Fields::Named(fields) = &data.fields else {
                return Err(Error::new_spanned(
                    &input.ident,
                    "a configuration is a struct with named fields, or `()` for none",
                ));
            };
            pieces.push(text(",\"type\":\"object\""));
            let mut properties = Vec::new();
            let mut required = Vec::new();
            for field in &fields.named {
                let attributes = Serde::of(&field.attrs)?;
                if attributes.skip {
                    continue;
                }
                let Some(ident) = &field.ident else { continue };
                let name = match attributes.rename {
                    Some(name) => name,
                    None => container
                        .rule
                        .field(ident.to_string().trim_start_matches("r#")),
                };
                let ty = &field.ty;
                let separator = if properties.is_empty() { "" } else { "," };
                properties.push(text(format!("{separator}{}:", json(&name))));
                let schema = quote! {
                    ::wash_plugin_abi::manifest::Piece::All(
                        <#ty as ::wash_plugin_abi::ConfigSchema>::SCHEMA,
                    )
                };
                let default = match constant(field)? {
                    Some(constant) => {
                        functions.push(constant.function(
                            &input.ident,
                            attributes.default.as_ref(),
                            ty,
                        )?);
                        Some(text(format!(",\"default\":{}", constant.json)))
                    }
                    // What `Default` makes is known to the type.
                    None if attributes.default.as_ref().is_some_and(Option::is_none) => {
                        Some(quote! {
                            ::wash_plugin_abi::manifest::Piece::All(
                                <#ty as ::wash_plugin_abi::ConfigSchema>::DEFAULT,
                            )
                        })
                    }
                    None => None,
                };
                let docs = docs(&field.attrs);
                if docs.is_none() && default.is_none() {
                    properties.push(schema);
                } else {
                    // Description and default beside the type's own schema.
                    properties.push(text("{\"allOf\":["));
                    properties.push(schema);
                    properties.push(text("]"));
                    if let Some(docs) = docs {
                        properties.push(text(format!(",\"description\":{}", json(&docs))));
                    }
                    properties.extend(default);
                    properties.push(text("}"));
                }
                if attributes.default.is_none() && container.default.is_none() && !is_option(ty) {
                    required.push(json(&name));
                }
            }
            pieces.push(text(",\"properties\":{"));
            pieces.extend(properties);
            pieces.push(text("}"));
            if !required.is_empty() {
                pieces.push(text(format!(",\"required\":[{}]", required.join(","))));
            }
            if container.deny_unknown_fields {
                pieces.push(text(",\"additionalProperties\":false"));
            }
        }
        Data::Enum(data) => {
            let mut names = Vec::new();
            for variant in &data.variants {
                if !matches!(variant.fields, Fields::Unit) {
                    return Err(Error::new_spanned(
                        variant,
                        "in a configuration's enum, a variant has no fields; implement ConfigSchema by hand for others",
                    ));
                }
                let attributes = Serde::of(&variant.attrs)?;
                if attributes.skip {
                    continue;
                }
                let name = json(&match attributes.rename {
                    Some(name) => name,
                    None => container.rule.variant(&variant.ident.to_string()),
                });
                // The attribute of `#[derive(Default)]`.
                if variant
                    .attrs
                    .iter()
                    .any(|attr| attr.path().is_ident("default"))
                {
                    default = Some(text(format!(",\"default\":{name}")));
                }
                names.push(name);
            }
            pieces.push(text(format!(
                ",\"type\":\"string\",\"enum\":[{}]",
                names.join(",")
            )));
        }
        Data::Union(_) => {
            return Err(Error::new_spanned(
                &input.ident,
                "a configuration cannot be a union",
            ));
        }
    }
    pieces.push(text("}"));
    let default = default.map(|default| {
        quote! {
            const DEFAULT: &'static [::wash_plugin_abi::manifest::Piece] = &[#default];
        }
    });
    let ident = &input.ident;
    Ok(quote! {
        #[automatically_derived]
        impl ::wash_plugin_abi::ConfigSchema for #ident {
            const SCHEMA: &'static [::wash_plugin_abi::manifest::Piece] = &[#(#pieces),*];
            #default
        }
        #(#functions)*
    })
}

/// A default that the configuration's author wrote as a constant.
struct Constant {
    value: Expr,
    json: String,
}

/// The value of a field's `#[config(default = …)]`.
fn constant(field: &Field) -> Result<Option<Constant>> {
    let mut found = None;
    for attr in field
        .attrs
        .iter()
        .filter(|attr| attr.path().is_ident("config"))
    {
        attr.parse_nested_meta(|meta| {
            if !meta.path.is_ident("default") {
                return Err(meta.error("the only key of `config` is `default`"));
            }
            let value: Expr = meta.value()?.parse()?;
            let json = match &value {
                Expr::Lit(ExprLit { lit, .. }) => literal(lit, ""),
                Expr::Unary(ExprUnary {
                    op: UnOp::Neg(_),
                    expr,
                    ..
                }) => match &**expr {
                    Expr::Lit(ExprLit { lit, .. }) => literal(lit, "-"),
                    _ => None,
                },
                _ => None,
            };
            let json = json.ok_or_else(|| {
                Error::new_spanned(&value, "a default is a text, a number, `true` or `false`")
            })?;
            found = Some(Constant { value, json });
            Ok(())
        })?;
    }
    Ok(found)
}

/// A literal as JSON.
fn literal(lit: &Lit, sign: &str) -> Option<String> {
    Some(match lit {
        Lit::Str(text) if sign.is_empty() => json(&text.value()),
        Lit::Bool(flag) if sign.is_empty() => flag.value.to_string(),
        Lit::Int(number) => format!("{sign}{}", number.base10_digits()),
        Lit::Float(number) => format!("{sign}{}", number.base10_digits()),
        _ => return None,
    })
}

impl Constant {
    /// The function that serde calls for the default: made here, so that the
    /// schema cannot say another one.
    fn function(
        &self,
        owner: &Ident,
        named: Option<&Option<LitStr>>,
        ty: &syn::Type,
    ) -> Result<TokenStream> {
        let wrong = || {
            Error::new_spanned(
                &self.value,
                format!(
                    "beside `config(default = …)`, write `serde(default = \"{owner}::NAME\")`: the \
                     function of that name is made by `ConfigSchema`"
                ),
            )
        };
        let path: syn::Path = named
            .and_then(Option::as_ref)
            .ok_or_else(wrong)?
            .parse()
            .map_err(|_| wrong())?;
        let (Some(first), Some(name), 2) = (
            path.segments.first(),
            path.segments.last(),
            path.segments.len(),
        ) else {
            return Err(wrong());
        };
        if first.ident != *owner {
            return Err(wrong());
        }
        let (name, value) = (&name.ident, &self.value);
        let value = match value {
            Expr::Lit(ExprLit {
                lit: Lit::Str(_), ..
            }) => quote! { ::core::convert::From::from(#value) },
            value => quote! { #value },
        };
        Ok(quote! {
            #[automatically_derived]
            impl #owner {
                fn #name() -> #ty {
                    #value
                }
            }
        })
    }
}

fn text(text: impl AsRef<str>) -> TokenStream {
    let text = text.as_ref();
    quote! { ::wash_plugin_abi::manifest::Piece::Text(#text) }
}

fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn is_option(ty: &syn::Type) -> bool {
    matches!(ty, syn::Type::Path(path)
        if path.path.segments.last().is_some_and(|last| last.ident == "Option"))
}

/// The doc comment, as schemars reads it: lines joined, paragraphs kept.
fn docs(attrs: &[Attribute]) -> Option<String> {
    let lines: Vec<_> = attrs
        .iter()
        .filter(|attr| attr.path().is_ident("doc"))
        .filter_map(|attr| match &attr.meta {
            Meta::NameValue(pair) => match &pair.value {
                Expr::Lit(ExprLit {
                    lit: Lit::Str(line),
                    ..
                }) => Some(line.value()),
                _ => None,
            },
            _ => None,
        })
        .map(|line| line.strip_prefix(' ').map_or(line.clone(), str::to_owned))
        .collect();
    let joined = lines.join("\n");
    let trimmed = joined.trim();
    (!trimmed.is_empty()).then(|| trimmed.to_owned())
}

/// What serde's attributes say.
#[derive(Default)]
struct Serde {
    rename: Option<String>,
    rule: Rule,
    /// With the function that makes it, if one is named.
    default: Option<Option<LitStr>>,
    skip: bool,
    deny_unknown_fields: bool,
}

impl Serde {
    fn of(attrs: &[Attribute]) -> Result<Self> {
        let mut found = Self::default();
        for attr in attrs.iter().filter(|attr| attr.path().is_ident("serde")) {
            attr.parse_nested_meta(|meta| {
                let name = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
                match name.as_str() {
                    "rename" => found.rename = Some(meta.value()?.parse::<LitStr>()?.value()),
                    "rename_all" => {
                        let rule: LitStr = meta.value()?.parse()?;
                        found.rule = Rule::parse(&rule)?;
                    }
                    "default" => {
                        found.default = Some(match meta.value() {
                            Ok(value) => Some(value.parse::<LitStr>()?),
                            Err(_) => None,
                        });
                    }
                    "skip" | "skip_deserializing" => found.skip = true,
                    "deny_unknown_fields" => found.deny_unknown_fields = true,
                    "crate" => drop(meta.value()?.parse::<LitStr>()?),
                    _ => {
                        return Err(meta.error(
                            "ConfigSchema does not know this attribute, and would describe the configuration wrongly; implement the trait by hand",
                        ));
                    }
                }
                Ok(())
            })?;
        }
        Ok(found)
    }
}

/// serde's `rename_all`.
#[derive(Clone, Copy, Default)]
enum Rule {
    #[default]
    None,
    Lower,
    Upper,
    Pascal,
    Camel,
    Snake,
    ShoutySnake,
    Kebab,
    ShoutyKebab,
}

impl Rule {
    fn parse(rule: &LitStr) -> Result<Self> {
        Ok(match rule.value().as_str() {
            "lowercase" => Self::Lower,
            "UPPERCASE" => Self::Upper,
            "PascalCase" => Self::Pascal,
            "camelCase" => Self::Camel,
            "snake_case" => Self::Snake,
            "SCREAMING_SNAKE_CASE" => Self::ShoutySnake,
            "kebab-case" => Self::Kebab,
            "SCREAMING-KEBAB-CASE" => Self::ShoutyKebab,
            _ => return Err(Error::new(rule.span(), "serde has no such rule")),
        })
    }

    fn apply(self, name: &str) -> String {
        match self {
            Self::None => name.to_owned(),
            Self::Lower => name.to_lowercase(),
            Self::Upper => name.to_uppercase(),
            Self::Pascal => name.to_upper_camel_case(),
            Self::Camel => name.to_lower_camel_case(),
            Self::Snake => name.to_snake_case(),
            Self::ShoutySnake => name.to_shouty_snake_case(),
            Self::Kebab => name.to_kebab_case(),
            Self::ShoutyKebab => name.to_shouty_kebab_case(),
        }
    }

    fn field(self, name: &str) -> String {
        self.apply(name)
    }

    fn variant(self, name: &str) -> String {
        self.apply(name)
    }
}
