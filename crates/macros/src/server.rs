//! What an `impl` block says: its requests and hooks.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{
    Attribute, Error, FnArg, GenericArgument, Ident, ImplItem, ImplItemFn, ItemImpl, Pat, PatType,
    PathArguments, PathSegment, ReceiverKind, Result, ReturnType, Signature, Type, parse_quote,
};

/// Methods that every handle has, whatever the server.
const HANDLE_METHODS: [&str; 5] = ["new", "named", "at", "addr", "pid"];

/// A server to be generated.
pub(crate) struct Server {
    /// The type of the `impl` block.
    pub(crate) self_type: Type,
    /// The type's own name.
    pub(crate) name: Ident,
    pub(crate) requests: Vec<Request>,
    pub(crate) hooks: Vec<Hook>,
}

/// A method marked `#[call]` or `#[cast]`.
pub(crate) struct Request {
    pub(crate) method: Method,
    /// The message's name.
    pub(crate) variant: Ident,
    /// The message's name as an atom.
    pub(crate) atom: String,
    pub(crate) answer: Answer,
}

/// A method marked as one of the server's other functions.
pub(crate) struct Hook {
    pub(crate) role: Role,
    pub(crate) method: Method,
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

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Call,
    Cast,
    Init,
    Info,
    Terminate,
    IdleTimeout,
    HibernateAfter,
    Hibernate,
    WantsContinue,
    HandleContinue,
    FormatState,
}

/// Reads the block. What comes first is to stay in the program: the block without the marks, or what was not one.
pub(crate) fn parse(block: TokenStream) -> (TokenStream, Result<Server>) {
    let as_it_was = block.clone();
    let Ok(mut item) = syn::parse2::<ItemImpl>(block) else {
        let message = "`#[server]` goes on an inherent `impl` block: `#[server] impl Counter { … }`";
        let error = Error::new(first_span(&as_it_was), message);
        return (as_it_was, Err(error));
    };
    let server = read(&mut item);
    (item.into_token_stream(), server)
}

/// Reads the block and takes the marks off.
fn read(item: &mut ItemImpl) -> Result<Server> {
    let mut errors = Errors(None);
    let mut marked = Vec::new();
    for member in &mut item.items {
        if let ImplItem::Fn(function) = member {
            match take_role(function) {
                Ok(Some(role)) => {
                    marked.push((role, function.clone()));
                    function.attrs.push(parse_quote!(#[allow(
                        clippy::boxed_local,
                        clippy::needless_pass_by_ref_mut,
                        clippy::needless_pass_by_value,
                        clippy::unused_async,
                        clippy::unused_self,
                        reason = "a server's methods take what requests bring"
                    )]));
                }
                Ok(None) => {}
                Err(error) => errors.push(error),
            }
        }
    }
    match check_block(item) {
        Ok(()) if marked.is_empty() && errors.0.is_none() => {
            let message = "no method has a role: mark what clients may ask for with `#[call]` or `#[cast]`";
            errors.push(Error::new_spanned(&item.self_ty, message));
        }
        checked => errors.push_failed(checked),
    }
    let self_type = (*item.self_ty).clone();
    let name = type_segment(&self_type).map(|segment| segment.ident.clone());
    let mut server = Server {
        name: name.unwrap_or_else(|| Ident::new("Server", Span::call_site())),
        self_type,
        requests: Vec::new(),
        hooks: Vec::new(),
    };
    for (role, mut function) in marked {
        replace_self_type(&mut function.sig, &server.self_type);
        let member = match role {
            Role::Call | Role::Cast => request(role, &function).map(|request| server.requests.push(request)),
            _ => hook(role, &function, &server.hooks).map(|hook| server.hooks.push(hook)),
        };
        errors.push_failed(member);
    }
    match errors.0 {
        Some(error) => Err(error),
        None => Ok(server),
    }
}

fn check_block(item: &ItemImpl) -> Result<()> {
    if let Some((implemented, _)) = &item.trait_ {
        let message = "`#[server]` goes on an inherent `impl` block, such as `impl Counter`, not on the implementation of a trait";
        return Err(Error::new_spanned(implemented, message));
    }
    if !item.generics.params.is_empty() {
        let message =
            "`#[server]` takes no generic servers: name a type, or implement `Server` and `Protocol` by hand";
        return Err(Error::new_spanned(&item.generics, message));
    }
    match type_segment(&item.self_ty) {
        Some(_) => Ok(()),
        None => Err(Error::new_spanned(&item.self_ty, "`#[server]` takes a named type, such as `Counter`")),
    }
}

/// Takes the mark off a method, if it has one.
fn take_role(function: &mut ImplItemFn) -> Result<Option<Role>> {
    let mut found = None;
    let mut result = Ok(());
    function.attrs.retain(|attribute| {
        let Some(role) = Role::of(attribute) else {
            let Some(mark) = mark_meant(attribute) else { return true };
            result = Err(Error::new_spanned(attribute, format!("this role is marked `#[{mark}]`")));
            return false;
        };
        if attribute.meta.require_path_only().is_err() {
            let mark = role.mark();
            let message = match role {
                Role::Call => {
                    "`#[call]` takes no arguments; how long it may take says the caller: `.timeout(…)`"
                        .to_owned()
                }
                _ => format!("`#[{mark}]` takes no arguments"),
            };
            result = Err(Error::new_spanned(attribute, message));
        } else if found.is_some() {
            let message = "a method has one role only: take one of the marks off";
            result = Err(Error::new_spanned(attribute, message));
        }
        found = Some(role);
        false
    });
    result.map(|()| found)
}

/// The mark that is meant by the name of OTP's callback.
fn mark_meant(attribute: &Attribute) -> Option<&'static str> {
    let callbacks = [("handle_call", "call"), ("handle_cast", "cast"), ("handle_info", "info")];
    callbacks.into_iter().find(|(callback, _)| attribute.path().is_ident(callback)).map(|(_, mark)| mark)
}

fn request(role: Role, function: &ImplItemFn) -> Result<Request> {
    let method = method(function)?;
    for parameter in &method.parameters {
        if let Parameter::Value { value, .. } = parameter {
            check_owned(value)?;
        }
    }
    let atom = method.name.unraw().to_string();
    if HANDLE_METHODS.contains(&atom.as_str()) {
        let message = format!("every handle has a method `{atom}` of its own: choose another name");
        return Err(Error::new_spanned(&method.name, message));
    }
    let Ok(variant) = syn::parse_str::<Ident>(&camel_case(&atom)) else {
        return Err(Error::new_spanned(&method.name, "no message can be named after this method"));
    };
    let answer = match role {
        Role::Call => answer(&method, &function.sig)?,
        _ => no_answer(&method)?,
    };
    let variant = Ident::new(&variant.to_string(), method.name.span());
    Ok(Request { method, variant, atom, answer })
}

fn hook(role: Role, function: &ImplItemFn, hooks: &[Hook]) -> Result<Hook> {
    let method = method(function)?;
    if hooks.iter().any(|other| other.role == role) {
        let message = format!("there is another `#[{}]` method: a server has one", role.mark());
        return Err(Error::new_spanned(&method.name, message));
    }
    let values =
        method.parameters.iter().filter(|parameter| !matches!(parameter, Parameter::Context { .. })).count();
    let contexts = method.parameters.len() - values;
    let (fits, expected) = match role {
        Role::Info => (values == 1, "takes an `Info`"),
        Role::Terminate => (values == 1, "takes a `&ExitReason`"),
        Role::IdleTimeout | Role::HibernateAfter | Role::WantsContinue | Role::FormatState => {
            (values + contexts == 0 && !method.is_async, "takes only `&self`, and is not async")
        }
        Role::Hibernate => {
            (values + contexts == 0 && !method.is_async, "takes only `&mut self`, and is not async")
        }
        Role::Init | Role::HandleContinue | Role::Call | Role::Cast => {
            (values == 0, "takes nothing but, if wanted, the context")
        }
    };
    if !fits || contexts > 1 {
        let message = format!("`#[{}]` {expected}", role.mark());
        return Err(Error::new_spanned(&function.sig.inputs, message));
    }
    if role == Role::Terminate && !matches!(function.sig.output, ReturnType::Default) {
        return Err(Error::new_spanned(&function.sig.output, "`#[terminate]` returns nothing"));
    }
    Ok(Hook { role, method })
}

fn method(function: &ImplItemFn) -> Result<Method> {
    let signature = &function.sig;
    if !signature.generics.params.is_empty() {
        let message = "a request cannot be generic, since its message has one type: name it, or write one method for each";
        return Err(Error::new_spanned(&signature.generics, message));
    }
    match signature.receiver().map(|receiver| &receiver.kind) {
        Some(ReceiverKind::Reference(..)) => {}
        Some(_) => {
            let message = "the server keeps its state: take `&mut self` or `&self`";
            return Err(Error::new_spanned(signature.receiver(), message));
        }
        None => {
            let message = "a method with a role belongs to a running server: take `&mut self` or `&self`";
            return Err(Error::new_spanned(&signature.ident, message));
        }
    }
    let mut parameters = Vec::new();
    for input in &signature.inputs {
        if let FnArg::Typed(typed) = input {
            parameters.push(parameter(typed)?);
        }
    }
    let attributes = function
        .attrs
        .iter()
        .filter(|attribute| ["doc", "cfg", "deprecated"].iter().any(|name| attribute.path().is_ident(name)));
    Ok(Method {
        name: signature.ident.clone(),
        is_async: signature.asyncness.is_some(),
        parameters,
        attributes: attributes.cloned().collect(),
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

impl Role {
    fn of(attribute: &Attribute) -> Option<Self> {
        let all = [
            Self::Call,
            Self::Cast,
            Self::Init,
            Self::Info,
            Self::Terminate,
            Self::IdleTimeout,
            Self::HibernateAfter,
            Self::Hibernate,
            Self::WantsContinue,
            Self::HandleContinue,
            Self::FormatState,
        ];
        all.into_iter().find(|role| attribute.path().is_ident(role.mark()))
    }

    fn mark(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Cast => "cast",
            Self::Init => "init",
            Self::Info => "info",
            Self::Terminate => "terminate",
            Self::IdleTimeout => "idle_timeout",
            Self::HibernateAfter => "hibernate_after",
            Self::Hibernate => "hibernate",
            Self::WantsContinue => "wants_continue",
            Self::HandleContinue => "handle_continue",
            Self::FormatState => "format_state",
        }
    }
}

/// All errors of a block, as one.
struct Errors(Option<Error>);

impl Errors {
    fn push(&mut self, error: Error) {
        match &mut self.0 {
            Some(first) => first.combine(error),
            None => self.0 = Some(error),
        }
    }

    fn push_failed(&mut self, result: Result<()>) {
        if let Err(error) = result {
            self.push(error);
        }
    }
}

/// The last segment of a type that is a path.
fn type_segment(named: &Type) -> Option<&PathSegment> {
    match named {
        Type::Path(path) => path.path.segments.last(),
        Type::Group(group) => type_segment(&group.elem),
        Type::Paren(paren) => type_segment(&paren.elem),
        _ => None,
    }
}

fn type_arguments(segment: &PathSegment) -> Vec<Type> {
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return Vec::new() };
    let types = arguments.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(argument) => Some(argument.clone()),
        _ => None,
    });
    types.collect()
}

/// In the generated types `Self` would mean something else.
fn replace_self_type(signature: &mut Signature, self_type: &Type) {
    for input in &mut signature.inputs {
        if let FnArg::Typed(typed) = input {
            replace_self(&mut typed.ty, self_type);
        }
    }
    if let ReturnType::Type(_, returned) = &mut signature.output {
        replace_self(returned, self_type);
    }
}

fn replace_self(inside: &mut Type, self_type: &Type) {
    let replaced = replace_in(inside.to_token_stream(), &self_type.to_token_stream());
    if let Ok(replaced) = syn::parse2(replaced) {
        *inside = replaced;
    }
}

fn replace_in(tokens: TokenStream, by: &TokenStream) -> TokenStream {
    let replaced = tokens.into_iter().map(|token| match token {
        TokenTree::Ident(name) if name == "Self" => by.clone(),
        TokenTree::Group(group) => {
            let mut inner = proc_macro2::Group::new(group.delimiter(), replace_in(group.stream(), by));
            inner.set_span(group.span());
            TokenTree::Group(inner).into()
        }
        token => token.into(),
    });
    replaced.collect()
}

fn camel_case(snake_case: &str) -> String {
    let words = snake_case.split('_').map(|word| {
        let mut letters = word.chars();
        letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
    });
    words.collect()
}

fn first_span(tokens: &TokenStream) -> Span {
    tokens.clone().into_iter().next().map_or_else(Span::call_site, |token| token.span())
}
