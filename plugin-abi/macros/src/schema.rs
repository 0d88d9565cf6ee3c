//! `#[derive(ConfigSchema)]`: a JSON Schema as constants, from the same
//! attributes that serde reads.

use heck::{
    ToKebabCase, ToLowerCamelCase, ToShoutyKebabCase, ToShoutySnakeCase, ToSnakeCase,
    ToUpperCamelCase,
};
use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, Data, DeriveInput, Error, Expr, ExprLit, Fields, Lit, LitStr, Meta, Result};

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
                match docs(&field.attrs) {
                    None => properties.push(schema),
                    Some(docs) => {
                        // A description beside the type's own schema.
                        properties.push(text("{\"allOf\":["));
                        properties.push(schema);
                        properties.push(text(format!("],\"description\":{}}}", json(&docs))));
                    }
                }
                if !attributes.default && !container.default && !is_option(ty) {
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
                names.push(json(&match attributes.rename {
                    Some(name) => name,
                    None => container.rule.variant(&variant.ident.to_string()),
                }));
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
    let ident = &input.ident;
    Ok(quote! {
        #[automatically_derived]
        impl ::wash_plugin_abi::ConfigSchema for #ident {
            const SCHEMA: &'static [::wash_plugin_abi::manifest::Piece] = &[#(#pieces),*];
        }
    })
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
    default: bool,
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
                        if let Ok(value) = meta.value() {
                            value.parse::<LitStr>()?;
                        }
                        found.default = true;
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
