//! The `#[term]` attribute: says in serde's words which form a type has as a term.

use crate::request::{Errors, first_span, type_segment};
use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::parse::Parser;
use syn::{
    Attribute, Data, DeriveInput, Error, Field, Fields, LitStr, Meta, Path, Result, Token, parse_quote,
};

/// What stands in the parentheses of `#[term(…)]` on a type.
struct Options {
    /// The serde name that says the struct's form, and the attribute's word for it.
    form: Option<(String, Ident)>,
    /// Fields without a value are `nil`.
    is_nil: bool,
    root: Path,
}

/// What `#[term(…)]` says of a field.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Convention {
    Nil,
    Atom,
    Charlist,
}

pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let place = first_span(&item);
    let as_it_was = item.clone();
    let Ok(mut item) = syn::parse2::<DeriveInput>(item) else {
        let error = Error::new(place, "`#[term]` goes on a struct or an enum").into_compile_error();
        return quote!(#as_it_was #error);
    };
    match rewrite(arguments, &mut item) {
        Ok(derives) => quote!(#derives #item),
        Err(error) => {
            take_serde_away(&mut item);
            let error = error.into_compile_error();
            quote!(#error #item)
        }
    }
}

/// Turns the attributes into serde's; what comes back stands before the type.
fn rewrite(arguments: TokenStream, item: &mut DeriveInput) -> Result<TokenStream> {
    let options = options(arguments);
    let mut errors = Errors(None);
    // The marks go in any case: what is left of them would be one more error.
    let mut marked: Vec<(&mut Field, Option<Convention>)> = Vec::new();
    for field in fields(&mut item.data) {
        match take_convention(field) {
            Ok(convention) => marked.push((field, convention)),
            Err(error) => errors.push(error),
        }
    }
    let options = match options {
        Ok(options) => options,
        Err(error) => {
            errors.push(error);
            return Err(errors.0.unwrap_or_else(|| Error::new(item.ident.span(), "no options")));
        }
    };
    for (field, convention) in marked {
        let is_option = type_segment(&field.ty).is_some_and(|segment| segment.ident == "Option");
        let nil = (options.is_nil && is_option).then_some(Convention::Nil);
        if let Some(convention) = convention.or(nil) {
            say(convention, is_option, field, &options.root);
        }
    }
    if let Some((form, word)) = &options.form {
        if !has_named_fields(&item.data) {
            let message = format!("`#[term({word})]` goes on a struct with named fields");
            errors.push(Error::new_spanned(&item.ident, message));
        }
        item.attrs.push(parse_quote!(#[serde(rename = #form)]));
    }
    match errors.0 {
        Some(error) => Err(error),
        None => Ok(derives(item, &options.root)),
    }
}

fn options(arguments: TokenStream) -> Result<Options> {
    let mut options = Options { form: None, is_nil: false, root: parse_quote!(::engset) };
    let parser = syn::meta::parser(|meta| {
        let Some(word) = meta.path.get_ident().cloned() else {
            return Err(meta.error(UNKNOWN));
        };
        let form = match word.to_string().as_str() {
            "nil" => {
                options.is_nil = true;
                return Ok(());
            }
            "crate" => {
                options.root = meta.value()?.parse::<LitStr>()?.parse()?;
                return Ok(());
            }
            "elixir" => {
                // Elixir writes `nil` where nothing is.
                options.is_nil = true;
                let module: LitStr = meta.value()?.parse()?;
                format!("%{}", module_name(&module)?)
            }
            "record" => format!("#{}", meta.value()?.parse::<LitStr>()?.value()),
            "keyword" => "[]".to_owned(),
            _ => return Err(meta.error(UNKNOWN)),
        };
        if options.form.is_some() {
            return Err(meta.error("a struct has one form: `elixir`, `record` or `keyword`"));
        }
        options.form = Some((form, word));
        Ok(())
    });
    parser.parse2(arguments)?;
    Ok(options)
}

/// The module without `Elixir.`, which it may be written with.
fn module_name(module: &LitStr) -> Result<String> {
    let text = module.value();
    let name = text.strip_prefix("Elixir.").unwrap_or(&text);
    if name.split('.').all(|part| part.starts_with(|c: char| c.is_ascii_uppercase())) {
        return Ok(name.to_owned());
    }
    Err(Error::new_spanned(module, "name an Elixir module, such as `MyApp.User`"))
}

fn fields(data: &mut Data) -> Vec<&mut Field> {
    match data {
        Data::Struct(of) => of.fields.iter_mut().collect(),
        Data::Enum(of) => of.variants.iter_mut().flat_map(|variant| variant.fields.iter_mut()).collect(),
        Data::Union(_) => Vec::new(),
    }
}

/// Without derives serde's attributes would each be one more error.
fn take_serde_away(item: &mut DeriveInput) {
    let is_other = |attribute: &Attribute| !attribute.path().is_ident("serde");
    item.attrs.retain(is_other);
    if let Data::Enum(of) = &mut item.data {
        of.variants.iter_mut().for_each(|variant| variant.attrs.retain(is_other));
    }
    fields(&mut item.data).into_iter().for_each(|field| field.attrs.retain(is_other));
}

fn has_named_fields(data: &Data) -> bool {
    matches!(data, Data::Struct(of) if matches!(of.fields, Fields::Named(_)))
}

/// Takes the mark off a field, if it has one.
fn take_convention(field: &mut Field) -> Result<Option<Convention>> {
    let mut found = Ok(None);
    field.attrs.retain(|attribute| {
        if !attribute.path().is_ident("term") {
            return true;
        }
        let twice = || Error::new_spanned(attribute, "a field has one convention: take one of the marks off");
        found = match (&found, convention(attribute)) {
            (Ok(None), convention) => convention.map(Some),
            (_, Err(error)) => Err(error),
            (_, Ok(_)) => Err(twice()),
        };
        false
    });
    found
}

fn convention(attribute: &Attribute) -> Result<Convention> {
    let word: Ident =
        attribute.parse_args().map_err(|_other| Error::new_spanned(attribute, UNKNOWN_ON_FIELD))?;
    match word.to_string().as_str() {
        "nil" => Ok(Convention::Nil),
        "atom" => Ok(Convention::Atom),
        "charlist" => Ok(Convention::Charlist),
        _ => Err(Error::new_spanned(word, UNKNOWN_ON_FIELD)),
    }
}

/// Says it in serde's words.
fn say(convention: Convention, is_option: bool, field: &mut Field, root: &Path) {
    let module = match convention {
        Convention::Nil => "nil",
        Convention::Atom => "atom",
        Convention::Charlist => "charlist",
    };
    let module = format!("{}::{module}", path_text(&quote!(#root::__private::conventions)));
    field.attrs.push(parse_quote!(#[serde(with = #module)]));
    // Without an own way to be read, an `Option` may be missing.
    if is_option && field.ident.is_some() && !says_default(field) {
        field.attrs.push(parse_quote!(#[serde(default)]));
    }
}

fn says_default(field: &Field) -> bool {
    field
        .attrs
        .iter()
        .filter(|attribute| attribute.path().is_ident("serde"))
        .filter_map(|attribute| {
            attribute.parse_args_with(syn::punctuated::Punctuated::<Meta, Token![,]>::parse_terminated).ok()
        })
        .flatten()
        .any(|word| word.path().is_ident("default"))
}

/// Derives that the type does not have, and where their code finds serde.
fn derives(item: &mut DeriveInput, root: &Path) -> TokenStream {
    let derived: Vec<String> = item
        .attrs
        .iter()
        .filter(|attribute| attribute.path().is_ident("derive"))
        .filter_map(|attribute| {
            attribute.parse_args_with(syn::punctuated::Punctuated::<Path, Token![,]>::parse_terminated).ok()
        })
        .flatten()
        .filter_map(|path| path.segments.last().map(|segment| segment.ident.to_string()))
        .collect();
    let serde = quote!(#root::__private::serde);
    let wanted =
        ["Serialize", "Deserialize"].into_iter().filter(|name| !derived.iter().any(|other| other == name));
    let wanted: Vec<TokenStream> = wanted
        .map(|name| {
            let name = quote::format_ident!("{name}");
            quote!(#serde::#name)
        })
        .collect();
    if wanted.is_empty() {
        return TokenStream::new();
    }
    let path = path_text(&serde);
    item.attrs.insert(0, parse_quote!(#[serde(crate = #path)]));
    quote!(#[derive(#(#wanted),*)])
}

/// A path as serde's attributes take it: in a string.
fn path_text(path: &TokenStream) -> String {
    path.to_string().replace(' ', "")
}

const UNKNOWN: &str = "unknown argument: expected `elixir = \"Module\"`, `record = \"name\"`, `keyword`, `nil` or `crate = \"path\"`";
const UNKNOWN_ON_FIELD: &str = "a field is marked `#[term(nil)]`, `#[term(atom)]` or `#[term(charlist)]`";
