//! What the methods of a block or a trait say: requests, and what the caller gets.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{
    Attribute, Error, FnArg, GenericArgument, Ident, Pat, PatType, PathArguments, PathSegment, ReceiverKind,
    Result, ReturnType, Signature, Type, parse_quote,
};

/// How many arguments a request may have: serde knows tuples of up to 16 elements, and the name is one.
pub(crate) const ARGUMENTS_MAX: usize = 15;

/// A request of a server or a client.
pub(crate) struct Request {
    pub(crate) method: Method,
    /// The message's name.
    pub(crate) variant: Ident,
    /// The message's name as an atom.
    pub(crate) atom: String,
    pub(crate) way: Way,
    pub(crate) answer: Answer,
}

/// How a request travels.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// In an envelope that asks for an answer.
    Call,
    /// In an envelope without an answer.
    Cast,
    /// As it is.
    Plain,
}

/// A method as its callers see it.
pub(crate) struct Method {
    pub(crate) name: Ident,
    pub(crate) is_async: bool,
    pub(crate) parameters: Vec<Parameter>,
    /// `#[doc]`, `#[cfg]` and `#[deprecated]`.
    pub(crate) attributes: Vec<Attribute>,
}

/// A parameter behind `self`, in the method's order.
pub(crate) enum Parameter {
    /// The server's own context; where its type stands.
    Context { place: Span },
    /// The right to answer.
    Reply { name: Ident, reply: Box<Type> },
    /// What the message carries.
    Value { name: Ident, value: Box<Type> },
}

/// What the caller gets.
pub(crate) enum Answer {
    /// Nothing: a cast.
    None,
    /// The method's return value.
    Plain(Box<Type>),
    /// The method's return value, a `Result` of these.
    Fallible { ok: Type, error: Type },
    /// The method's return value, a `Result` of what only the alias says.
    FallibleAlias(Box<Type>),
    /// What is sent to the reply that the method got.
    Deferred { ok: Type, error: Option<Type> },
}

/// Whose methods are read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// The server's own: they run with its state.
    Server,
    /// The client's: they send.
    Client,
}

/// What a method makes of the names it has.
pub(crate) struct Naming {
    /// Methods that every handle has.
    pub(crate) taken: &'static [&'static str],
    /// The atom, where it is not the method's name.
    pub(crate) atom: Option<String>,
}

pub(crate) fn request(way: Way, naming: Naming, method: Method, signature: &Signature) -> Result<Request> {
    let mut values = 0;
    for parameter in &method.parameters {
        if let Parameter::Value { value, .. } = parameter {
            check_owned(value)?;
            values += 1;
        }
    }
    if values > ARGUMENTS_MAX {
        let message = format!(
            "a request has at most {ARGUMENTS_MAX} arguments: put those that belong together in a struct"
        );
        return Err(Error::new_spanned(&signature.inputs, message));
    }
    let name = method.name.unraw().to_string();
    if naming.taken.contains(&name.as_str()) {
        let message = format!("every handle has a method `{name}` of its own: choose another name");
        return Err(Error::new_spanned(&method.name, message));
    }
    let Ok(variant) = syn::parse_str::<Ident>(&camel_case(&name)) else {
        return Err(Error::new_spanned(&method.name, "no message can be named after this method"));
    };
    let answer = match way {
        Way::Call => answer(&method, signature)?,
        Way::Cast | Way::Plain => no_answer(&method)?,
    };
    let variant = Ident::new(&variant.to_string(), method.name.span());
    Ok(Request { method, variant, atom: naming.atom.unwrap_or(name), way, answer })
}

pub(crate) fn method(signature: &Signature, attributes: &[Attribute], side: Side) -> Result<Method> {
    if !signature.generics.params.is_empty() {
        let message = "a request cannot be generic, since its message has one type: name it, or write one method for each";
        return Err(Error::new_spanned(&signature.generics, message));
    }
    check_receiver(signature, side)?;
    let mut parameters = Vec::new();
    for input in &signature.inputs {
        if let FnArg::Typed(typed) = input {
            parameters.push(parameter(typed)?);
        }
    }
    let attributes = attributes
        .iter()
        .filter(|attribute| ["doc", "cfg", "deprecated"].iter().any(|name| attribute.path().is_ident(name)));
    Ok(Method {
        name: signature.ident.clone(),
        is_async: signature.asyncness.is_some(),
        parameters,
        attributes: attributes.cloned().collect(),
    })
}

fn check_receiver(signature: &Signature, side: Side) -> Result<()> {
    let receiver = signature.receiver();
    let (message, place) = match (side, receiver.map(|receiver| &receiver.kind)) {
        (Side::Server, Some(ReceiverKind::Reference(..)))
        | (Side::Client, Some(ReceiverKind::Reference(_, _, None))) => {
            return Ok(());
        }
        (Side::Server, Some(_)) => ("the server keeps its state: take `&mut self` or `&self`", true),
        (Side::Server, None) => {
            ("a method with a role belongs to a running server: take `&mut self` or `&self`", false)
        }
        (Side::Client, Some(_)) => ("a client only sends, and is shared: take `&self`", true),
        (Side::Client, None) => ("a request goes to the server that the client names: take `&self`", false),
    };
    Err(if place {
        Error::new_spanned(receiver, message)
    } else {
        Error::new_spanned(&signature.ident, message)
    })
}

fn parameter(typed: &PatType) -> Result<Parameter> {
    if is_context(&typed.ty) {
        let message = "the server keeps its context: take `&mut Cx<…>`";
        return Err(Error::new_spanned(&typed.ty, message));
    }
    if let Type::Reference(reference) = &*typed.ty
        && is_context(&reference.elem)
    {
        if reference.mutability.is_none() {
            return Err(Error::new_spanned(&typed.ty, "a context is passed as `&mut Cx<…>`"));
        }
        return Ok(Parameter::Context { place: reference.elem.span() });
    }
    let name = match &*typed.pat {
        Pat::Ident(pattern) if pattern.by_ref.is_none() && pattern.subpat.is_none() => pattern.ident.clone(),
        pattern => return Err(Error::new_spanned(pattern, "an argument must have a plain name")),
    };
    if type_segment(&typed.ty).is_some_and(|segment| segment.ident == "Reply") {
        return Ok(Parameter::Reply { name, reply: typed.ty.clone() });
    }
    Ok(Parameter::Value { name, value: typed.ty.clone() })
}

fn is_context(value: &Type) -> bool {
    type_segment(value).is_some_and(|segment| segment.ident == "Cx")
}

fn check_owned(value: &Type) -> Result<()> {
    match value {
        Type::Reference(reference) => {
            let message = match owned(&reference.elem) {
                Some(owned) => format!("an argument travels in a message: take a `{owned}`, not a reference"),
                None => "an argument travels in a message: it cannot be a reference".to_owned(),
            };
            Err(Error::new_spanned(value, message))
        }
        Type::ImplTrait(_) => {
            Err(Error::new_spanned(value, "an argument travels in a message: name its type"))
        }
        _ => Ok(()),
    }
}

/// What to take in place of a reference to `borrowed`, where that is easily said.
fn owned(borrowed: &Type) -> Option<String> {
    match borrowed {
        Type::Slice(slice) => type_segment(&slice.elem).map(|segment| format!("Vec<{}>", segment.ident)),
        named => {
            let segment = type_segment(named).filter(|segment| segment.arguments.is_none())?;
            Some(if segment.ident == "str" { "String".to_owned() } else { segment.ident.to_string() })
        }
    }
}

fn answer(method: &Method, signature: &Signature) -> Result<Answer> {
    let mut replies = method.parameters.iter().filter_map(|parameter| match parameter {
        Parameter::Reply { reply, .. } => Some(reply),
        Parameter::Context { .. } | Parameter::Value { .. } => None,
    });
    if let Some(reply) = replies.next() {
        if let Some(second) = replies.next() {
            return Err(Error::new_spanned(second, "a call has one answer"));
        }
        return match type_segment(reply).map(type_arguments).as_deref() {
            Some([ok]) => Ok(Answer::Deferred { ok: ok.clone(), error: None }),
            Some([ok, error]) => Ok(Answer::Deferred { ok: ok.clone(), error: Some(error.clone()) }),
            _ => Err(Error::new_spanned(reply, "say what is answered: `Reply<T>` or `Reply<T, E>`")),
        };
    }
    let ReturnType::Type(_, returned) = &signature.output else {
        return Ok(Answer::Plain(parse_quote!(())));
    };
    match type_segment(returned) {
        Some(segment) if segment.ident == "Result" => {}
        _ => return Ok(Answer::Plain(returned.clone())),
    }
    match type_segment(returned).map(type_arguments).as_deref() {
        Some([ok, error]) => Ok(Answer::Fallible { ok: ok.clone(), error: error.clone() }),
        _ => Ok(Answer::FallibleAlias(returned.clone())),
    }
}

fn no_answer(method: &Method) -> Result<Answer> {
    for parameter in &method.parameters {
        if let Parameter::Reply { reply, .. } = parameter {
            return Err(Error::new_spanned(reply, "a cast has no answer: mark the method `#[call]`"));
        }
    }
    Ok(Answer::None)
}

impl Request {
    /// What travels, by name.
    pub(crate) fn values(&self) -> impl Iterator<Item = (&Ident, &Type)> {
        self.method.parameters.iter().filter_map(|parameter| match parameter {
            Parameter::Value { name, value } => Some((name, &**value)),
            Parameter::Context { .. } | Parameter::Reply { .. } => None,
        })
    }

    /// What a value or a pattern of the message has in its parentheses.
    pub(crate) fn pattern(&self) -> TokenStream {
        let names = self.method.parameters.iter().filter_map(|parameter| match parameter {
            Parameter::Context { .. } => None,
            Parameter::Reply { name, .. } | Parameter::Value { name, .. } => Some(name.clone()),
        });
        let mut names: Vec<Ident> = names.collect();
        if !self.answer.is_deferred() && !matches!(self.answer, Answer::None) {
            names.push(self.reply());
        }
        if names.is_empty() { TokenStream::new() } else { quote!((#(#names),*)) }
    }

    /// The name of the reply; one that the method's own names cannot collide with where the method has none.
    pub(crate) fn reply(&self) -> Ident {
        let own = self.method.parameters.iter().find_map(|parameter| match parameter {
            Parameter::Reply { name, .. } => Some(name.clone()),
            Parameter::Context { .. } | Parameter::Value { .. } => None,
        });
        own.unwrap_or_else(|| Ident::new("reply", Span::mixed_site()))
    }

    /// The name and the arguments: the type that is read, and the pattern of what it brings.
    pub(crate) fn arguments(&self, private: &TokenStream) -> (TokenStream, TokenStream) {
        let ignored = quote!(#private::serde::de::IgnoredAny);
        let (names, types): (Vec<&Ident>, Vec<&Type>) = self.values().unzip();
        if names.is_empty() {
            (ignored, quote!(_))
        } else {
            (quote!((#ignored, #(#types,)*)), quote!((_, #(#names,)*)))
        }
    }

    /// The request as it travels.
    pub(crate) fn travelling(&self, private: &TokenStream) -> TokenStream {
        let atom = &self.atom;
        let names: Vec<&Ident> = self.values().map(|(name, _)| name).collect();
        let name = quote!(#private::requests::Name(#atom));
        if names.is_empty() { name } else { quote!((#name, #(#names,)*)) }
    }

    /// The name and how many arguments it has.
    pub(crate) fn head(&self) -> (&str, usize) {
        (&self.atom, self.values().count())
    }
}

impl Answer {
    pub(crate) fn is_deferred(&self) -> bool {
        matches!(self, Self::Deferred { .. })
    }

    pub(crate) fn is_fallible(&self) -> bool {
        match self {
            Self::None | Self::Plain(_) => false,
            Self::Fallible { .. } | Self::FallibleAlias(_) => true,
            Self::Deferred { error, .. } => error.is_some(),
        }
    }

    /// What a call answers, and with what it fails.
    pub(crate) fn types(&self, private: &TokenStream) -> Option<(TokenStream, TokenStream)> {
        let never = quote!(::core::convert::Infallible);
        match self {
            Self::None => None,
            Self::Plain(ok) => Some((quote!(#ok), never)),
            Self::Fallible { ok, error } => Some((quote!(#ok), quote!(#error))),
            Self::FallibleAlias(alias) => Some((
                quote!(<#alias as #private::Fallible>::Ok),
                quote!(<#alias as #private::Fallible>::Err),
            )),
            Self::Deferred { ok, error } => {
                Some((quote!(#ok), error.as_ref().map_or(never, |error| quote!(#error))))
            }
        }
    }
}

/// All errors of a block, as one.
pub(crate) struct Errors(pub(crate) Option<Error>);

impl Errors {
    pub(crate) fn push(&mut self, error: Error) {
        match &mut self.0 {
            Some(first) => first.combine(error),
            None => self.0 = Some(error),
        }
    }

    pub(crate) fn push_failed(&mut self, result: Result<()>) {
        if let Err(error) = result {
            self.push(error);
        }
    }
}

/// The last segment of a type that is a path.
pub(crate) fn type_segment(named: &Type) -> Option<&PathSegment> {
    match named {
        Type::Path(path) => path.path.segments.last(),
        Type::Group(group) => type_segment(&group.elem),
        Type::Paren(paren) => type_segment(&paren.elem),
        _ => None,
    }
}

pub(crate) fn type_arguments(segment: &PathSegment) -> Vec<Type> {
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return Vec::new() };
    let types = arguments.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(argument) => Some(argument.clone()),
        _ => None,
    });
    types.collect()
}

fn camel_case(snake_case: &str) -> String {
    let words = snake_case.split('_').map(|word| {
        let mut letters = word.chars();
        letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
    });
    words.collect()
}

pub(crate) fn first_span(tokens: &TokenStream) -> Span {
    tokens.clone().into_iter().next().map_or_else(Span::call_site, |token| token.span())
}
