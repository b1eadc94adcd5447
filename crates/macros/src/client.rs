//! What a trait says that describes a server elsewhere: its name and its requests.

use crate::request::{
    self, Answer, Errors, Method, Naming, Parameter, Request, Side, Way, first_span, type_segment,
};
use proc_macro2::{Ident, TokenStream};
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{
    Attribute, Error, ItemTrait, LitStr, Meta, Path, Result, ReturnType, Token, TraitItem, TraitItemFn, Type,
    Visibility, parse_quote,
};

/// Methods that every client has.
const CLIENT_METHODS: [&str; 6] = ["new", "at", "here", "on", "addr", "pid"];

/// Atoms have no more characters.
const ATOM_CHARACTERS_MAX: usize = 255;

/// A client to be generated.
pub(crate) struct Client {
    /// The trait's name.
    pub(crate) name: Ident,
    pub(crate) vis: Visibility,
    /// The crate that the generated code uses.
    pub(crate) root: Path,
    /// The name under which the server is registered.
    pub(crate) registered: String,
    /// Arguments without a value are `nil`.
    pub(crate) is_nil: bool,
    pub(crate) requests: Vec<Request>,
}

/// What stands in the parentheses of `#[client(…)]`.
struct Options {
    registered: String,
    is_nil: bool,
    root: Path,
}

/// Reads attribute and trait.
pub(crate) fn parse(arguments: TokenStream, item: TokenStream) -> Result<Client> {
    let place = first_span(&item);
    let Ok(item) = syn::parse2::<ItemTrait>(item) else {
        let message = "`#[client]` goes on a trait without bodies: `#[client(\"cache\")] trait Cache { … }`";
        return Err(Error::new(place, message));
    };
    let mut errors = Errors(None);
    let options = options(arguments, &item).map_err(|error| errors.push(error)).ok();
    errors.push_failed(check_trait(&item));
    let mut requests: Vec<Request> = Vec::new();
    for member in &item.items {
        match request_of(member, &requests) {
            Ok(request) => requests.push(request),
            Err(error) => errors.push(error),
        }
    }
    if item.items.is_empty() {
        let message = "the client asks for nothing: write what the server understands, as `#[call] async fn get(&self);`";
        errors.push(Error::new_spanned(&item.ident, message));
    }
    match (errors.0, options) {
        (None, Some(Options { registered, is_nil, root })) => {
            Ok(Client { name: item.ident, vis: item.vis, root, registered, is_nil, requests })
        }
        (error, _) => Err(error.unwrap_or_else(|| Error::new(place, "the attribute cannot be read"))),
    }
}

fn options(arguments: TokenStream, item: &ItemTrait) -> Result<Options> {
    struct Arguments(Option<LitStr>, Punctuated<Meta, Token![,]>);
    impl Parse for Arguments {
        fn parse(input: ParseStream<'_>) -> Result<Self> {
            let name = if input.peek(LitStr) { Some(input.parse()?) } else { None };
            if name.is_some() && !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
            Ok(Self(name, Punctuated::parse_terminated(input)?))
        }
    }
    let Arguments(name, others) = Arguments::parse.parse2(arguments)?;
    let Some(name) = name else {
        let message = "say under which name the server is registered: `#[client(\"cache\")]`, for an Elixir module `#[client(\"Elixir.MyApp.Cache\")]`";
        return Err(Error::new_spanned(&item.ident, message));
    };
    check_registered(&name)?;
    let registered = name.value();
    let mut options =
        Options { is_nil: registered.starts_with("Elixir."), registered, root: parse_quote!(::engset) };
    for other in others {
        match &other {
            Meta::Path(path) if path.is_ident("nil") => options.is_nil = true,
            Meta::NameValue(pair) if pair.path.is_ident("crate") => {
                let value = &pair.value;
                options.root = syn::parse2::<LitStr>(quote::quote!(#value))?.parse()?;
            }
            _ => {
                let message =
                    "unknown argument: expected the server's name, then `nil` or `crate = \"path\"`";
                return Err(Error::new_spanned(other, message));
            }
        }
    }
    Ok(options)
}

fn check_registered(name: &LitStr) -> Result<()> {
    let text = name.value();
    check_atom(&text, name)?;
    let looks_like_a_module = text.contains('.')
        && text.split('.').all(|part| part.starts_with(|c: char| c.is_ascii_uppercase()))
        && !text.starts_with("Elixir.");
    if looks_like_a_module {
        let message = format!("in Elixir the module `{text}` is the atom `Elixir.{text}`: write that");
        return Err(Error::new_spanned(name, message));
    }
    Ok(())
}

fn check_atom(text: &str, place: &LitStr) -> Result<()> {
    if text.is_empty() || text.chars().count() > ATOM_CHARACTERS_MAX {
        let message = format!("a name is an atom: it has 1 to {ATOM_CHARACTERS_MAX} characters");
        return Err(Error::new_spanned(place, message));
    }
    Ok(())
}

fn check_trait(item: &ItemTrait) -> Result<()> {
    if !item.generics.params.is_empty() {
        let message = "a client is not generic: name the types that travel";
        return Err(Error::new_spanned(&item.generics, message));
    }
    if !item.supertraits.is_empty() {
        let message = "the trait only describes a server: it has no traits above it";
        return Err(Error::new_spanned(&item.supertraits, message));
    }
    Ok(())
}

/// The request that a member of the trait describes; those before it are `others`.
fn request_of(member: &TraitItem, others: &[Request]) -> Result<Request> {
    let TraitItem::Fn(function) = member else {
        let message = "the trait only describes requests: it has nothing but methods";
        return Err(Error::new_spanned(member, message));
    };
    let (way, atom) = way(function)?;
    if let Some(body) = &function.default {
        let message = "the server is elsewhere and answers itself: end the method with `;`, without a body";
        return Err(Error::new(body.brace_token.span.join(), message));
    }
    let signature = &function.sig;
    let method = request::method(signature, &function.attrs, Side::Client)?;
    check_parameters(&method, signature)?;
    check_async(way, &method, signature)?;
    let naming = Naming { taken: &CLIENT_METHODS, atom };
    let request = request::request(way, naming, method, signature)?;
    check_answer(&request, &signature.output)?;
    check_against(&request, others)?;
    Ok(request)
}

/// How the request travels, and its name where the mark says one.
fn way(function: &TraitItemFn) -> Result<(Way, Option<String>)> {
    let mut found: Option<(Way, Option<String>)> = None;
    for attribute in &function.attrs {
        let path = attribute.path();
        let way = match path {
            _ if path.is_ident("call") => Way::Call,
            _ if path.is_ident("cast") => Way::Cast,
            _ if path.is_ident("info") => Way::Plain,
            _ => continue,
        };
        if found.is_some() {
            return Err(Error::new_spanned(
                attribute,
                "a request travels in one way: take one of the marks off",
            ));
        }
        found = Some((way, renamed(attribute)?));
    }
    found.ok_or_else(|| {
        let message = "say how the request travels: `#[call]` with an answer, `#[cast]` without, `#[info]` as a plain message";
        Error::new_spanned(&function.sig.ident, message)
    })
}

/// The name in `#[call(name = "…")]`.
fn renamed(attribute: &Attribute) -> Result<Option<String>> {
    if matches!(attribute.meta, Meta::Path(_)) {
        return Ok(None);
    }
    let mut name = None;
    attribute.parse_nested_meta(|meta| {
        if !meta.path.is_ident("name") {
            let message = "expected `name = \"…\"`, the request's name where it is not that of the method; how long a call may take says the caller: `.timeout(…)`";
            return Err(meta.error(message));
        }
        let literal: LitStr = meta.value()?.parse()?;
        check_atom(&literal.value(), &literal)?;
        name = Some(literal.value());
        Ok(())
    })?;
    Ok(name)
}

fn check_parameters(method: &Method, signature: &syn::Signature) -> Result<()> {
    for parameter in &method.parameters {
        let message = match parameter {
            Parameter::Value { .. } => continue,
            Parameter::Context { .. } => "a client has no context: leave it to the server",
            Parameter::Reply { .. } => {
                "a client waits for the answer: return it, as `async fn get(&self) -> T`"
            }
        };
        return Err(Error::new_spanned(&signature.inputs, message));
    }
    Ok(())
}

fn check_async(way: Way, method: &Method, signature: &syn::Signature) -> Result<()> {
    match (way, method.is_async) {
        (Way::Call, false) => {
            let message =
                "a call waits for its answer: `async fn`; a request without an answer is a `#[cast]`";
            Err(Error::new_spanned(signature.fn_token, message))
        }
        (Way::Cast | Way::Plain, true) => {
            let message = "it is sent at once, and nothing is waited for: `fn`, without `async`";
            Err(Error::new_spanned(signature.asyncness, message))
        }
        _ => Ok(()),
    }
}

fn check_answer(request: &Request, output: &ReturnType) -> Result<()> {
    let ReturnType::Type(_, returned) = output else { return Ok(()) };
    if request.way != Way::Call {
        let message =
            "nothing is answered to a cast or a plain message: return nothing, or mark the method `#[call]`";
        return Err(Error::new_spanned(returned, message));
    }
    match &request.answer {
        Answer::Fallible { error, .. } => {
            let is_call_error = type_segment(error).is_some_and(|segment| segment.ident == "CallError");
            if is_call_error {
                let message = "a client adds `CallError` itself: return what the server answers";
                return Err(Error::new_spanned(error, message));
            }
            Ok(())
        }
        _ => match &**returned {
            Type::Reference(_) => {
                let message = "an answer arrives in a message: return an owned type, not a reference";
                Err(Error::new_spanned(returned, message))
            }
            Type::ImplTrait(_) => {
                Err(Error::new_spanned(returned, "an answer arrives in a message: name its type"))
            }
            _ => Ok(()),
        },
    }
}

fn check_against(request: &Request, others: &[Request]) -> Result<()> {
    if let Some(other) = others.iter().find(|other| other.variant == request.variant) {
        let (name, other) = (&request.method.name, &other.method.name);
        let message = if name == other {
            format!(
                "there is another request `{name}`: give one of them another name here, and `#[call(name = \"{name}\")]`"
            )
        } else {
            format!("the messages of `{name}` and `{other}` would have one name: choose another")
        };
        return Err(Error::new(name.span(), message));
    }
    let is_same = |other: &&Request| other.way == request.way && other.head() == request.head();
    if let Some(other) = others.iter().find(is_same) {
        let ((atom, arguments), other) = (request.head(), &other.method.name);
        let message = format!(
            "the server could not tell this request from `{other}`: both are `{atom}` with {arguments} arguments"
        );
        return Err(Error::new(request.method.name.span(), message));
    }
    Ok(())
}
